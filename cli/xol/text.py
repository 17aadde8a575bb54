"""A hit as text: a row of bits for each moment, then where it is, then why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cli import console, report
from cli.console import Span, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.xol.episode import Episode
    from kprobes.host import Strip
    from kprobes.story import StoryMoment


def heading(episode: Episode) -> str:
    """Which hit it is."""
    where = episode.place(episode.probe.address)
    return f"hit {episode.hit} of {episode.event} at {where}: {episode.probe.text}"


def lines(episode: Episode) -> Iterator[console.Line]:
    """The whole page."""
    yield from _Page(episode).lines()


_TITLE_WIDTH = 26
_HEAD = (
    f"{'':8}{'':{_TITLE_WIDTH}}  PSTATE   saved    MDSCR",
    f"{'cycle':>6}  {'moment':{_TITLE_WIDTH}}  D I SS   D I SS   SS KDE MDE",
)
_BITS = (("d", 1), ("i", 2), ("ss", 3), ("r_d", 4), ("r_i", 2), ("r_ss", 3), ("mdscr_ss", 5), ("kde", 4), ("mde", 4))
"""The bits of a row, and how wide each is."""
_GROUPS = {"PSTATE": ("d", "i", "ss"), "saved": ("r_d", "r_i", "r_ss"), "MDSCR_EL1": ("mdscr_ss", "kde", "mde")}
_INDENT = " " * 8


class _Page:
    """The moments as text: a row of bits each, then where it is, then why."""

    def __init__(self, episode: Episode) -> None:
        self._episode = episode
        is_terminal = sys.stdout.isatty()
        self._is_narrow = is_terminal and console.width() < max(map(len, _HEAD))

    def lines(self) -> Iterator[console.Line]:
        """The whole page."""
        yield from self._fitted(heading(self._episode), Style.HEADING)
        yield from self._fitted(f"profile {self._episode.profile}: {self._episode.summary}", Style.TEXT)
        yield ""
        if not self._is_narrow:
            yield from ([Span(line, Style.NOTE)] for line in _HEAD)
        before: Strip | None = None
        for moment in self._episode.story.moments:
            yield from self._moment_lines(moment, before)
            before = moment.strip

    @staticmethod
    def _fitted(line: str, style: Style) -> Iterator[console.Line]:
        yield from ([Span(part, style)] for part in report.fitted(line, sys.stdout))

    def _moment_lines(self, moment: StoryMoment, before: Strip | None) -> Iterator[console.Line]:
        title = f"{'  ' * moment.depth}{moment.title}"
        if self._is_narrow:
            yield [Span(f"{moment.cycle:6}", Style.ADDRESS), "  ", console.heading(title)]
            yield from report.fitted(_bits_in_words(moment.strip), sys.stdout, _INDENT)
        else:
            yield [
                Span(f"{moment.cycle:6}", Style.ADDRESS),
                "  ",
                console.heading(f"{title:{_TITLE_WIDTH}}"),
                "  ",
                *_row(moment.strip, before),
            ]
        indent = _INDENT + "  " * moment.depth
        yield from report.fitted(self._facts(moment), sys.stdout, indent)
        for line in report.fitted(f"{moment.why} [{moment.source}]", sys.stdout, indent):
            yield [Span(line, Style.NOTE)]

    def _facts(self, moment: StoryMoment) -> str:
        """Where it is: PC or ELR and ESR, the slot, the instruction."""
        facts = []
        if moment.elr is not None:
            facts.append(f"elr {self._episode.place(moment.elr)}")
            facts.append(f"esr {moment.esr:#x}: {moment.esr_text}")
        elif moment.pc is not None:
            facts.append(f"pc {self._episode.place(moment.pc)}")
        if moment.slot is not None:
            words = " ".join(f"{word:08x}" for word in moment.slot_words)
            facts.append(f"slot {moment.slot:#x}: {words}")
        if moment.instruction is not None:
            facts.append(moment.instruction.text)
        return "; ".join(facts)


def _row(strip: Strip, before: Strip | None) -> Iterator[str | Span]:
    """The bits in their columns; what has changed since the moment before is made visible."""
    for name, size in _BITS:
        value = getattr(strip, name)
        text = "-" if value is None else str(value)
        changed = before is not None and value is not None and value != getattr(before, name)
        yield " " * (size - 1)
        yield Span(text, Style.BAD) if changed else text


def _bits_in_words(strip: Strip) -> str:
    groups = []
    for group, names in _GROUPS.items():
        values = {name: getattr(strip, name) for name in names}
        if None not in values.values():
            bits = " ".join(
                f"{name.removeprefix('r_').removeprefix('mdscr_').upper()}={values[name]}" for name in names
            )
            groups.append(f"{group} {bits}")
    return "; ".join(groups)
