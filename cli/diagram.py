"""An encoding as a picture: a box for each field, wrapped to the width there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.pattern import Pattern

WORD_BITS = 32


@attrs.frozen
class Box:
    """The bits `high` down to `low`: a field's name, or the literal bits the pattern has there."""

    label: str
    high: int
    low: int

    @property
    def bits(self) -> str:
        """The numbers of its bits, as `31` or `23:22`."""
        return str(self.high) if self.high == self.low else f"{self.high}:{self.low}"

    def value(self, word: int) -> str:
        """Its bits in `word`, in binary."""
        width = self.high - self.low + 1
        return f"{(word >> self.low) & ((1 << width) - 1):0{width}b}"


def boxes(pattern: Pattern) -> list[Box]:
    """The fields and literal runs of a pattern, the most significant first."""
    found: list[Box] = []
    high = WORD_BITS - 1
    for token in pattern.text.split():
        name, separator, width = token.partition(":")
        label = name if separator else token
        size = int(width.lstrip("s")) if separator else len(re.sub(r"[()]", "", token))
        found.append(Box(label, high, high - size + 1))
        high -= size
    return found


def draw(pattern: Pattern, width: int, word: int | None = None) -> list[str]:
    """The picture, no wider than `width` columns where boxes allow it: bit numbers, names, and the bits of `word`."""
    lines: list[str] = []
    for row in _wrap(boxes(pattern), width, word):
        lines += _draw_row(row, word)
    return lines


def _cell_width(box: Box, word: int | None) -> int:
    texts = [box.bits, box.label] + ([box.value(word)] if word is not None else [])
    return max(map(len, texts)) + 2


def _wrap(row: list[Box], width: int, word: int | None) -> Iterator[list[Box]]:
    line: list[Box] = []
    used = 1
    for box in row:
        needed = _cell_width(box, word) + 1
        if line and used + needed > width:
            yield line
            line, used = [], 1
        line.append(box)
        used += needed
    yield line


def _draw_row(row: list[Box], word: int | None) -> list[str]:
    widths = [_cell_width(box, word) for box in row]
    rule = "+" + "+".join("-" * width for width in widths) + "+"

    def cells(texts: list[str], edge: str) -> str:
        return edge + edge.join(text.center(width) for text, width in zip(texts, widths, strict=True)) + edge

    lines = [cells([box.bits for box in row], " ").rstrip(), rule, cells([box.label for box in row], "|")]
    if word is not None:
        lines.append(cells([box.value(word) for box in row], "|"))
    return [*lines, rule]
