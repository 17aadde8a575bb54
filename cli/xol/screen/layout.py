"""How the panes are laid out on a terminal of some size."""

from __future__ import annotations

from enum import Enum, unique


@unique
class Layout(Enum):
    """How; the value is the class of the style sheet."""

    WIDE = "-wide"
    """Code, registers and the table beside one another, the sentence below."""
    FULL = "-full"
    """Code and registers beside one another, below them the table, then the sentence."""
    STACKED = "-stacked"
    """All below one another."""
    SINGLE = "-single"
    """One pane at a time, the sentence below."""


_WIDE_COLUMNS, _FULL_COLUMNS = 150, 72
_FULL_ROWS, _STACKED_ROWS = 22, 36


def layout(columns: int, rows: int) -> Layout:
    """The one in which most is seen at once."""
    if columns >= _WIDE_COLUMNS and rows >= _FULL_ROWS:
        return Layout.WIDE
    if columns >= _FULL_COLUMNS and rows >= _FULL_ROWS:
        return Layout.FULL
    return Layout.STACKED if rows >= _STACKED_ROWS else Layout.SINGLE
