"""A pane: lines of some width, and which of them has to be seen."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import attrs

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
        lines: all of them, none longer than the pane is wide.
        seen: the line that has to be seen, from 0.
        head: lines that stay above them, whatever of them is seen.
    """

    title: str
    lines: Sequence[Line]
    seen: int = 0
    head: Sequence[Line] = ()


def wrapped(text: str, columns: int, style: Style = Style.TEXT, indent: str = "") -> Iterator[Line]:
    """A text in lines of so many columns, what does not fit being cut into pieces; all but the first are indented."""
    for line in textwrap.wrap(text, max(columns, len(indent) + 1), subsequent_indent=indent, break_on_hyphens=False):
        yield [Span(line, style)]
