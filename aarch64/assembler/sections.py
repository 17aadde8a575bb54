"""Sections: what the source is sorted into, and where each one is placed."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

SECTION_ALIGNMENT = 16
MAX_CONTENT = 1 << 27
MAX_ZEROS = 1 << 36


@unique
class SectionKind(IntEnum):
    """What a section holds; sections are placed in this order."""

    CODE = 0
    RODATA = 1
    DATA = 2
    BSS = 3
    UNLOADED = 4
    """Notes, comments, debugging data: assembled and left out."""


_STANDARD = {
    ".text": SectionKind.CODE,
    ".rodata": SectionKind.RODATA,
    ".data": SectionKind.DATA,
    ".bss": SectionKind.BSS,
}


def kind_of(name: str, flags: str | None, section_type: str | None) -> SectionKind:
    """The kind a section has by its flags if they are given, else by its name (`.text.startup` is a `.text`)."""
    if flags is None:
        for prefix, kind in _STANDARD.items():
            if name == prefix or name.startswith(f"{prefix}."):
                return kind
        return SectionKind.UNLOADED
    if "a" not in flags:
        return SectionKind.UNLOADED
    if "x" in flags:
        return SectionKind.CODE
    if "w" not in flags:
        return SectionKind.RODATA
    return SectionKind.BSS if section_type == "nobits" else SectionKind.DATA


@attrs.define
class Section:
    """A section being filled: `size` bytes so far; `address` and `content` are there once it has been placed."""

    name: str
    kind: SectionKind
    alignment: int = SECTION_ALIGNMENT
    size: int = 0
    address: int = 0
    content: bytearray = attrs.field(factory=bytearray, repr=False)
    data: list[range] = attrs.field(factory=list)
    """The offsets in a code section that hold no code."""

    @property
    def limit(self) -> int:
        """The size it may grow to, in bytes."""
        return MAX_ZEROS if self.kind is SectionKind.BSS else MAX_CONTENT

    def add_data(self, start: int, end: int) -> None:
        """Remember that the offsets `start` up to `end` hold no code."""
        if self.data and self.data[-1].stop == start:
            start = self.data.pop().start
        self.data.append(range(start, end))


def standard_sections() -> dict[str, Section]:
    """The four sections that every program has, empty."""
    return {name: Section(name, kind) for name, kind in _STANDARD.items()}


def place(sections: Iterable[Section], base: int) -> None:
    """Give addresses, one section behind the other from `base`: code, read-only data, data, zeros."""
    address = base
    for section in sorted(sections, key=lambda item: item.kind):
        if section.kind is SectionKind.UNLOADED:
            continue
        section.address = -(-address // section.alignment) * section.alignment
        address = section.address + section.size
