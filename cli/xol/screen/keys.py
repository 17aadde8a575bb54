"""The keys, and what they do: of which the foot of the screen and the page of help are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.console import Span, Style
from cli.xol.screen.pane import Pane, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.console import Line


@attrs.frozen
class Key:
    """A key, or some that do the same.

    Attributes:
        names: as Textual calls them, separated by commas.
        action: of the application, which they call.
        shown: what they are called by people.
        does: what they do.
        short: the same in the foot; empty for those that only the help has.
    """

    names: str
    action: str
    shown: str
    does: str
    short: str = ""


KEYS = (
    Key("n,right,space", "move('forward')", "n, right, space", "the next moment", "n next"),
    Key("p,left,backspace", "move('back')", "p, left", "the moment before, exactly as it was", "p back"),
    Key("e", "move('next_exception')", "e", "on to where an exception is taken", "e exception"),
    Key("E", "move('previous_exception')", "E", "back to where an exception was taken"),
    Key("h", "move('next_hit')", "h", "the next hit of the probe", "h hit"),
    Key("H", "move('previous_hit')", "H", "the hit before"),
    Key("home", "move('first')", "Home", "the first moment of the hit"),
    Key("end", "move('final')", "End", "the last moment of the hit"),
    Key("r", "move('run')", "r", "run to the end: how it ends, and how many hits there are", "r run"),
    Key("g", "ask", "g", "go to a moment: 5, or 3:5 for moment 5 of hit 3", "g go"),
    Key(
        "right_square_bracket", "move('next_act')", "]", "the next act of a lesson; the question at its end", "[ ] act"
    ),
    Key("left_square_bracket", "move('previous_act')", "[", "the act before"),
    Key("a", "answer", "a", "the answer to the question"),
    Key("tab", "pane(1)", "Tab", "the next pane; up, down, PgUp, PgDn scroll it", "Tab pane"),
    Key("shift+tab", "pane(-1)", "Shift-Tab", "the pane before"),
    Key("escape", "give_up", "Esc", "give up looking for a hit"),
    Key("question_mark", "help", "?", "this page", "? help"),
    Key("q", "leave", "q", "leave", "q quit"),
)
"""All but Ctrl-C, which leaves with status 130."""


def foot(columns: int) -> Line:
    """The keys that are always shown: with what they do where there is room, else by themselves."""
    keys = [key.short.rpartition(" ") for key in KEYS if key.short]
    for gap in ("  ", " "):
        if len(gap.join(map("".join, keys))) <= columns:
            return _foot(keys, gap)
    return _foot([*((name, "", "") for name, _, _ in keys[:-_EXPLAINED]), *keys[-_EXPLAINED:]], " ")


_EXPLAINED = 3
"""How many of the last keys always have what they do."""


def _foot(keys: list[tuple[str, str, str]], gap: str) -> Line:
    parts: list[str | Span] = []
    for name, space, does in keys:
        parts += [gap] if parts else []
        parts += [Span(name, Style.HEADING), f"{space}{does}"]
    return parts


_LEGEND = (
    "A hit is shown moment by moment, each with the reason for it.",
    "Code and slot: > is the PC; while an exception is handled, < is where its return leads (ELR_EL1).",
    "Registers: while an exception is handled, those that its return restores. * has changed in this moment.",
    "Timeline: whose code runs, or an exception that is handled for it; ! is an exception that was taken.",
    "Bits: PSTATE as it is, and as the return will restore it (SPSR_EL1); SS, KDE and MDE of MDSCR_EL1. * has changed.",
)


def help_page(columns: int) -> Pane:
    """What is seen, and what the keys do."""
    return Pane("help  (Esc closes it)", [*_help(columns)])


def _help(columns: int) -> Iterator[Line]:
    size = max(len(key.shown) for key in KEYS) + 2
    for key in KEYS:
        yield from wrapped(f"{key.shown:{size}}{key.does}", columns, Style.TEXT, " " * size)
    yield from wrapped(f"{'Ctrl-C':{size}}leave at once, with status 130", columns, Style.TEXT, " " * size)
    for text in _LEGEND:
        yield ""
        yield from wrapped(text, columns)
