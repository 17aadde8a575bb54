"""What a prompt or a notebook shows of records: registers as lines of text, and anything as a small table of HTML.

The HTML is complete in itself: no style sheet, no script, nothing that would have to be fetched. All text is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import attrs

from aarch64.pstate import PState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TABLE_STYLE = "font-family: monospace; white-space: pre-wrap"
_CELL_STYLE = "text-align: left; padding: 0 0.5em"
_IN_A_LINE = 4


class Strong(str):
    """A cell that is made to stand out."""

    __slots__ = ()


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """An HTML table; without headings, the first cell of each row is one."""
    lines = [f'<table style="{_TABLE_STYLE}">']
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    if headings:
        lines.append(_row([_cell(heading, "th") for heading in headings]))
    for first, *others in rows:
        lines.append(_row([_cell(first, "td" if headings else "th"), *(_cell(other, "td") for other in others)]))
    return "\n".join([*lines, "</table>"])


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(value: object, tag: str) -> str:
    text = escape(str(value))
    return f'<{tag} style="{_CELL_STYLE}">{f"<b>{text}</b>" if isinstance(value, Strong) else text}</{tag}>'


@attrs.frozen
class Registers:
    """The registers at a moment.

    Attributes:
        x: X0 to X30, 64 bits each.
        sp: the stack pointer in use.
        pc: the program counter.
        pstate: PSTATE, as SPSR_ELx has it.
    """

    x: tuple[int, ...]
    sp: int
    pc: int
    pstate: int

    def __repr__(self) -> str:
        cells = [f"{name:>3} {value:016x}" for name, value in self._named()]
        lines = ["  ".join(cells[start : start + _IN_A_LINE]) for start in range(0, len(cells), _IN_A_LINE)]
        return "\n".join([*lines, f" pc {self.pc:016x}  {self._state()}"])

    def _repr_html_(self) -> str:
        cells = [cell for name, value in self._named() for cell in (Strong(name), f"{value:#x}")]
        rows = [cells[start : start + 2 * _IN_A_LINE] for start in range(0, len(cells), 2 * _IN_A_LINE)]
        return table((), [*rows, ("pc", f"{self.pc:#x}"), ("PSTATE", self._state())])

    def _named(self) -> list[tuple[str, int]]:
        return [*((f"x{number}", value) for number, value in enumerate(self.x)), ("sp", self.sp)]

    def _state(self) -> str:
        state = PState.from_spsr(self.pstate)
        return f"{state.mode} {state.flag_letters} {state.mask_letters}"
