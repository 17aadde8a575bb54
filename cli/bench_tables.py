"""How `a64 bench` prints what it measured: numbers of three digits, in tables with headings of two lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cli import console
from cli.console import Span, Style, heading

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING = "-"


def number(value: float | None) -> str:
    """Three significant digits without an exponent; two below 0.1, which keeps a column at five characters."""
    if value is None:
        return _NOTHING
    digits = 3 if value >= 0.1 else 2
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(rounded))
    return f"{rounded:.{max(0, decimals)}f}"


def table(headings: list[tuple[str, str]], rows: list[list[str]]) -> Iterator[console.Line]:
    """Names to the left, numbers to the right, headings of two lines."""
    head = [["", *(first for first, _ in headings)], ["", *(second for _, second in headings)]]
    widths = [max(map(len, column)) for column in zip(*head, *rows, strict=True)]
    gap = " " * (2 if sum(widths) + 2 * len(headings) <= console.PLAIN_WIDTH else 1)

    def line(cells: list[str]) -> tuple[str, str]:
        first, *others = (
            f"{cell:<{width}}" if index == 0 else f"{cell:>{width}}"
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return first, "".join(gap + cell for cell in others)

    for cells in head:
        yield [heading("".join(line(cells)).rstrip())]
    for cells in rows:
        name, numbers = line(cells)
        yield [Span(name, Style.SYMBOL), numbers]
