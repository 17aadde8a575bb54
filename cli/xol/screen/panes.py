"""The panes that show a moment: the code, the slot, the registers, the sentence that explains it.

Each is a function of a hit, the index of a moment and a width. What is to be seen is said by marks; colours repeat it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.pstate import PState
from cli.console import Span, Style
from cli.xol.screen.pane import COUNT, Pane, wrapped
from cli.xol.text import facts
from kprobes.arch.code import instruction_of
from kprobes.engine import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.notebook import Registers
    from cli.console import Line
    from cli.xol.episode import CodeLine, Episode
    from kprobes.story import StoryMoment

HERE, RETURN, CHANGED = ">", "<", "*"
"""The marks: the PC is here; where an exception return leads; what the moment has changed."""

_WORD_COLUMNS = 64
"""From this width on there is room for the words of instructions."""


def _mark(moment: StoryMoment, address: int) -> str:
    if moment.elr is not None:
        return RETURN if address == moment.elr else " "
    return HERE if address == moment.pc else " "


def _is_at(moment: StoryMoment) -> int | None:
    """The address that is marked."""
    return moment.pc if moment.elr is None else moment.elr


def _instruction(mark: str, address: int, word: int, text: str, columns: int) -> Iterator[Line]:
    shown = f"{word:08x}  " if columns >= _WORD_COLUMNS else ""
    start = f"{mark} {address:x}  {shown}"
    yield from wrapped(start + text, columns, Style.TEXT if mark == " " else Style.HEADING, " " * len(start))


# --- code


def code(episode: Episode, index: int, columns: int) -> Pane:
    """The code around the probe, and where one is: there, or, where that is elsewhere, on a line of its own."""
    moment = episode.story.moments[index]
    lines: list[Line] = []
    seen = 0
    for line in episode.code:
        if line.label:
            lines += wrapped(f"{line.label}:", columns, Style.SYMBOL)
        if _mark(moment, line.address) != " " or (line.address == episode.probe.address and not seen):
            seen = len(lines)
        lines += _instruction(_mark(moment, line.address), line.address, line.word, _text(line), columns)
    elsewhere = _elsewhere(episode, moment)
    if elsewhere is not None:
        seen = len(lines)
        lines += wrapped(f"{_mark(moment, elsewhere)} {episode.place(elsewhere)}", columns, Style.HEADING, "  ")
    return Pane(f"code  {HERE} PC  {RETURN} return to", lines, seen)


def _text(line: CodeLine) -> str:
    return f"{line.text} for {line.probed}" if line.probed else line.text


def _elsewhere(episode: Episode, moment: StoryMoment) -> int | None:
    """The address that is marked, if it is neither in the code that is shown nor in the slot or behind it."""
    address, slot = _is_at(moment), _slot_address(episode, moment)
    if address is None or any(line.address == address for line in episode.code):
        return None
    if slot is not None and slot <= address <= slot + len(_slot_words(episode, slot)) * WORD:
        return None
    return address


# --- slot


def slot(episode: Episode, index: int, columns: int) -> Pane:
    """The slot of the probe that is dealt with, and the address behind it."""
    moment = episode.story.moments[index]
    address = _slot_address(episode, moment)
    if address is None:
        return Pane("slot", [*wrapped("none: the instruction is not executed out of line", columns)])
    lines: list[Line] = []
    words = _slot_words(episode, address)
    for place, word in enumerate(words):
        at = address + place * WORD
        lines += _instruction(_mark(moment, at), at, word, instruction_of(word).text(at), columns)
    behind = address + len(words) * WORD
    lines += wrapped(f"{_mark(moment, behind)} {behind:x}  (behind the slot)", columns, indent="    ")
    marked = _is_at(moment)
    seen = len(lines) - 1 if marked == behind else 0
    return Pane("slot", lines, seen)


def _slot_address(episode: Episode, moment: StoryMoment) -> int | None:
    return episode.probe.slot if moment.slot is None else moment.slot


def _slot_words(episode: Episode, address: int) -> tuple[int, ...]:
    """What is in a slot; nobody writes to it in a hit."""
    return next((moment.slot_words for moment in episode.story.moments if moment.slot == address), ())


# --- registers


def registers(episode: Episode, index: int, columns: int) -> Pane:
    """The registers, as many in a line as fit; those that the moment has changed are marked."""
    moment = episode.story.moments[index]
    earlier = episode.story.moments[max(index - 1, 0)]
    now, before = _named(moment.registers), _named(earlier.registers)
    changed = [name for name, value in now.items() if value != before[name]]
    lines: list[Line] = [*_pstate_line(moment, earlier, columns)]
    above = len(lines)
    rows = [*_rows(now, columns)]
    lines += [_row(row, changed) for row in rows]
    seen = next((above + at for at, row in enumerate(rows) if {*row} & {*changed} - {"pc"}), 0)
    return Pane(_title(changed, columns), lines, seen)


_SHORT = 10
"""Digits of a value that takes the room of one; a longer one takes that of two."""
_NAME = 3
"""The columns of a register's name."""


def _named(values: Registers) -> dict[str, str]:
    named = {"pc": values.pc, "sp": values.sp} | {f"x{number}": value for number, value in enumerate(values.x)}
    return {name: f"{value:x}" for name, value in named.items()}


def _cell(values: dict[str, str]) -> int:
    """The columns of a short value, with its mark, its name, and a space behind it."""
    return len(CHANGED) + _NAME + 2 + max(len(value) for value in values.values() if len(value) <= _SHORT)


def _cells(value: str, cell: int) -> int:
    """How many of these a value takes."""
    return -(-(len(CHANGED) + _NAME + 2 + len(value)) // cell)


def _rows(values: dict[str, str], columns: int) -> Iterator[dict[str, str]]:
    """The registers of each line, each with its text and the spaces behind it."""
    cell = _cell(values)
    most = max(1, (columns + 1) // cell)
    row: dict[str, str] = {}
    taken = 0
    for name, value in values.items():
        cells = _cells(value, cell)
        if row and taken + cells > most:
            yield row
            row, taken = {}, 0
        row[name] = f"{name:>{_NAME}} {value}".ljust(cells * cell - len(CHANGED))
        taken += cells
    yield row


def _title(changed: list[str], columns: int) -> str:
    if not changed:
        return "registers"
    names = f"registers  {CHANGED} {' '.join(changed)}"
    return names if len(names) <= columns - COUNT else f"registers  {CHANGED} {len(changed)} changed"


def _pstate_line(moment: StoryMoment, before: StoryMoment, columns: int) -> Iterator[Line]:
    pstate = PState.from_spsr(moment.registers.pstate)
    mark = CHANGED if moment.registers.pstate != before.registers.pstate else " "
    text = f"{mark}pstate {pstate.mode} {pstate.flag_letters} {pstate.mask_letters} {'SS' if pstate.ss else 'ss'}"
    yield from wrapped(text, columns, Style.BAD if mark == CHANGED else Style.TEXT, " ")


def _row(row: dict[str, str], changed: list[str]) -> Line:
    return [Span(f"{CHANGED}{text}", Style.BAD) if name in changed else f" {text}" for name, text in row.items()]


# --- the sentence


def sentence(episode: Episode, index: int, columns: int) -> Pane:
    """What happens, why, and who says so; then where one is, but for the slot; at the end, what became of it."""
    moment = episode.story.moments[index]
    lines = [
        *wrapped(f"{moment.why} [{moment.source}]", columns),
        *wrapped(facts(episode, attrs.evolve(moment, slot=None)), columns, Style.NOTE),
    ]
    if index == len(episode.story.moments) - 1:
        lines += wrapped(ended(episode), columns, Style.HEADING)
        lines += wrapped(episode.outcome, columns)
    within = "in a hit within the hit: " if moment.depth else ""
    return Pane(f"{within}{moment.title}", lines)


def ended(episode: Episode) -> str:
    """What ended the run before the hit was over; empty if nothing did."""
    return f"The run ended before the hit was over: {episode.story.ended}" if episode.story.ended else ""
