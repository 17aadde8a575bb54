"""The code of a machine: its layout by the sections of its programs, and its text as it was before any probe."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import attrs

from aarch64.memory import PAGE_SIZE
from kprobes.arch.code import ImageText, instruction_of
from kprobes.layout import SECTIONS, Forbidden, Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from aarch64.image import Image
    from aarch64.machine import Machine
    from kprobes.arch.code import A64Instruction
    from kprobes.arch.host import MachineHost

_WORD = 4
_BLACKLIST = "_kprobe_blacklist"
"""Addresses of functions that must not be probed (NOKPROBE_SYMBOL), 8 bytes each."""
_FTRACE = "__mcount_loc"
"""Addresses of instructions that are the tracer's, likewise."""
_JUMP_TABLE, _BUG_TABLE, _EXCEPTION_TABLE = "__jump_table", "__bug_table", "__ex_table"
_ENTRY_SIZES = {_JUMP_TABLE: 16, _BUG_TABLE: 12, _EXCEPTION_TABLE: 8}


def layout_of(machine: Machine, sections: AbstractSet[str], unprepared: AbstractSet[str] = frozenset()) -> Layout:
    """What the programs of a machine say of their code; `sections` and `unprepared` are those of `RegistrationRules`.

    Tables are as Linux has them: places relative to the entry that names them, 4 bytes each.
    """
    images = machine.images
    symbols: dict[str, int] = {}
    for image in reversed(images):
        symbols |= image.symbols
    tables = {name: list(_entries(images, name)) for name in _ENTRY_SIZES}
    return Layout(
        text=tuple(region for image in images for region in ImageText(image).regions),
        symbols=symbols,
        forbidden=tuple(item for image in images for item in (*_within(image, sections), *_blacklisted(image))),
        unprepared=tuple(item for image in images for item in _within(image, unprepared)),
        ftrace_sites=frozenset(site for image in images for site in _addresses(image, _FTRACE)),
        exception_table=dict(tables[_EXCEPTION_TABLE]),
        jump_labels=frozenset(code for code, _ in tables[_JUMP_TABLE]),
        bugs=frozenset(code for code, _ in tables[_BUG_TABLE]),
    )


def _section(image: Image, name: str) -> tuple[int, bytes]:
    """The address and the bytes of a section; none if there is no such section."""
    place = image.sections.get(name, range(0))
    segment = image.segment_at(place.start) if place else None
    if segment is None:
        return 0, b""
    return place.start, segment.data[place.start - segment.address : place.stop - segment.address]


def _entries(images: list[Image], name: str) -> Iterator[tuple[int, int]]:
    """The first two places that each entry of a table names."""
    for image in images:
        start, data = _section(image, name)
        for offset in range(0, len(data) - _ENTRY_SIZES[name] + 1, _ENTRY_SIZES[name]):
            first, second = (
                start + at + int.from_bytes(data[at : at + 4], "little", signed=True) for at in (offset, offset + 4)
            )
            yield first, second


def _addresses(image: Image, section: str) -> Iterator[int]:
    """The addresses, 8 bytes each, that a section has."""
    _, data = _section(image, section)
    for at in range(0, len(data) - 7, 8):
        yield int.from_bytes(data[at : at + 8], "little")


def _within(image: Image, sections: AbstractSet[str]) -> Iterator[Forbidden]:
    for name, place in image.sections.items():
        if name in sections and place:
            yield Forbidden(place, f"{name}: {SECTIONS[name]}")


def _blacklisted(image: Image) -> Iterator[Forbidden]:
    for address in _addresses(image, _BLACKLIST):
        yield Forbidden(_function(image, address), f"{_BLACKLIST}: a function that kprobes needs (NOKPROBE_SYMBOL)")


def _function(image: Image, address: int) -> range:
    """The addresses of the function at an address."""
    return ImageText(image).symbol(address) or range(address, address + _WORD)


def symbolic(machine: Machine, address: int, *, sized: bool = True) -> str:
    """An address as `symbol+0x10/0x40`, the second number being the bytes up to the next symbol (sprint_symbol).

    Where no symbol of a program is before it, in hexadecimal; not `sized`, without the second number.
    """
    for image in machine.images:
        found = image.locate(address)
        if found is not None:
            name, offset = found
            size = _extent(image, name, address) if sized else 0
            return f"{name}+{offset:#x}" + (f"/{size:#x}" if size else "")
    return f"{address:#x}"


def _extent(image: Image, name: str, address: int) -> int:
    """The bytes of a symbol; of data that is not among the text those that its table says, 0 if it says none."""
    found = ImageText(image).symbol(address)
    return image.symbols.size(name) if found is None else len(found)


@attrs.define(eq=False)
class MachineText:
    """The programs in a machine's memory, as `ports.Text`, read at one time; where a breakpoint was, what it stood for.

    Attributes:
        texts: the programs.
        pieces: what there was in memory, by address, in order.
    """

    texts: tuple[ImageText, ...]
    pieces: tuple[tuple[int, bytes], ...]
    _starts: list[int] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._starts = [start for start, _ in self.pieces]

    @property
    def regions(self) -> tuple[range, ...]:
        """The addresses of each contiguous piece of text, by bytes."""
        return tuple(region for text in self.texts for region in text.regions)

    def instruction(self, address: int) -> A64Instruction | None:
        """The word at an address, be it code or data among it; None where there is none, or it is not aligned."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address % _WORD:
            return None
        start, data = self.pieces[index]
        word = data[address - start : address - start + _WORD]
        return instruction_of(int.from_bytes(word, "little")) if word else None

    def is_code(self, address: int) -> bool:
        """Whether there is an instruction at an address, and not data among the code."""
        return any(text.is_code(address) for text in self.texts)

    def symbol(self, address: int) -> range | None:
        """From the nearest symbol that is not after `address` to the next one; None if no symbol is before it."""
        return next((found for text in self.texts if (found := text.symbol(address))), None)


@attrs.define(eq=False)
class TextReader:
    """Reads the text of a machine; `original_words` are those that breakpoints stand for, by address."""

    machine: Machine
    host: MachineHost
    original_words: Callable[[], Mapping[int, int]]
    _last: MachineText | None = None

    def now(self) -> MachineText:
        """The text as it is: the same object as last time, if it has not changed."""
        texts = tuple(ImageText(image) for image in self.machine.images)
        pieces = tuple(sorted(piece for text in texts for region in text.regions for piece in self._read(region)))
        if self._last is None or (self._last.pieces, len(self._last.texts)) != (pieces, len(texts)):
            self._last = MachineText(texts, pieces)
        return self._last

    def _read(self, region: range) -> Iterator[tuple[int, bytes]]:
        """What there is of a region, page by page."""
        originals = self.original_words()
        start = region.start
        while start < region.stop:
            end = min(region.stop, (start | PAGE_SIZE - 1) + 1)
            physical = self.host.physical(start)
            if physical is not None:
                data = bytearray(self.machine.memory.read_bytes(physical, end - start))
                for address, word in originals.items():
                    if start <= address < end:
                        data[address - start : address - start + _WORD] = word.to_bytes(_WORD, "little")
                yield start, bytes(data)
            start = end
