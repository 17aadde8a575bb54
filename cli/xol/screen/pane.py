"""A pane: lines of some width, and which of them has to be seen."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import attrs

from cli import console
from cli.console import Span, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.console import Line


COUNT = 14
"""Columns of a title that are left for which of the lines are seen."""


@attrs.frozen
class Pane:
    """What is in a pane.

    Attributes:
        title: what it is.
        lines: all of them.
        seen: the line that has to be seen, from 0.
        head: lines that stay above them, whatever of them is seen.
    """

    title: str
    lines: Sequence[Line]
    seen: int = 0
    head: Sequence[Line] = ()

    def folded(self, columns: int) -> Pane:
        """The same with lines that are longer cut into pieces, so that nothing of them is lost."""
        if not any(len(_plain(line)) > columns for line in (*self.lines, *self.head)):
            return self
        lines = [_pieces(line, columns) for line in self.lines]
        return attrs.evolve(
            self,
            lines=[piece for pieces in lines for piece in pieces],
            seen=sum(map(len, lines[: self.seen])),
            head=[piece for line in self.head for piece in _pieces(line, columns)],
        )


def _plain(line: Line) -> str:
    return console.plain([line])[:-1]


def _pieces(line: Line, columns: int) -> list[Line]:
    text = _plain(line)
    if len(text) <= columns:
        return [line]
    return [text[start : start + columns] for start in range(0, len(text.rstrip()), columns)]


def shortened(text: str, columns: int) -> str:
    """A text in so many columns, with an ellipsis for what is cut off."""
    return text if len(text) <= columns else f"{text[: max(columns - 1, 0)]}\N{HORIZONTAL ELLIPSIS}"


def wrapped(text: str, columns: int, style: Style = Style.TEXT, indent: str = "") -> Iterator[Line]:
    """A text in lines of so many columns, what does not fit being cut into pieces; all but the first are indented."""
    for line in textwrap.wrap(text, max(columns, len(indent) + 1), subsequent_indent=indent, break_on_hyphens=False):
        yield [Span(line, style)]
