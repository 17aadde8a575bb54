"""What is shown, as text: of a hit a row of bits for each moment, then where it is, then why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.stop import StopReason
from cli import console, report
from cli.console import Span, Style
from cli.xol.bits import BITS, changes
from cli.xol.episode import Episode, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.xol.episode import Fact
    from cli.xol.performance import Comparison, Performance, Scene
    from kprobes.host import Strip
    from kprobes.story import End, StoryMoment


def heading(episode: Episode) -> str:
    """Which hit it is."""
    where = episode.place(episode.probe.address)
    return f"hit {episode.hit} of {episode.event} at {where}: {episode.probe.text}"


def profile(scene: Scene) -> str:
    """The kernel whose rules count."""
    return f"profile {scene.profile}: {scene.summary}"


def count(end: End) -> str:
    """How many hits there were in a run."""
    return f"{end.hits} hit{'s' if end.hits != 1 else ''}"


def ending(end: End) -> str:
    """How many hits there were, and how the run ended."""
    if end.died:
        return f"{count(end)}, then the kernel died: {end.stop.message}"
    if end.stop.reason is StopReason.MAX_CYCLES:
        return f"{count(end)}, then {end.stop.reason.value}"
    why = f" ({end.stop.message})" if end.stop.message else ""
    return f"{count(end)}, then the program ended{why}"


def lines(performance: Performance, columns: int | None) -> Iterator[console.Line]:
    """All of it, in so many columns; None for as many as a line takes."""
    return _Page(columns).lines(performance)


def side_by_side(comparison: Comparison, columns: int | None) -> Iterator[console.Line]:
    """Facts of hits beside one another, likewise."""
    return _Page(columns).side_by_side(comparison)


_TITLE_WIDTH = 26
_HEAD = (
    f"{'':8}{'':{_TITLE_WIDTH}}  PSTATE   saved    MDSCR",
    f"{'cycle':>6}  {'moment':{_TITLE_WIDTH}}  D I SS   D I SS   SS KDE MDE",
)
_WIDTHS = (1, 2, 3, 4, 2, 3, 5, 4, 4)
"""How wide the bits of a row are."""
_INDENT = " " * 8


class _Page:
    """A page of some width."""

    def __init__(self, columns: int | None) -> None:
        self._columns = columns
        self._is_narrow = columns is not None and columns < max(map(len, _HEAD))

    def lines(self, performance: Performance) -> Iterator[console.Line]:
        """All of it."""
        if not performance.name:
            yield from self._scene(performance.scenes[0])
            return
        yield from self._fitted(f"{performance.name}: {performance.title}", Style.HEADING)
        yield from self._paragraphs(*performance.introduction)
        yield ""
        for line in performance.source.splitlines():
            yield from self._fitted(line, Style.TEXT)
        for number, scene in enumerate(performance.scenes, start=1):
            yield ""
            yield from self._fitted(f"{number}. {scene.title}", Style.HEADING)
            yield ""
            yield from self._scene(scene)
        if performance.comparison is not None:
            yield ""
            yield from self.side_by_side(performance.comparison)
        yield from self._paragraphs(f"Question: {performance.question}", f"Answer: {performance.answer}")

    def _scene(self, scene: Scene) -> Iterator[console.Line]:
        title = heading(scene) if isinstance(scene, Episode) else f"{scene.spec} is refused"
        yield from self._fitted(title, Style.HEADING)
        yield from self._fitted(profile(scene), Style.TEXT)
        yield ""
        if isinstance(scene, Refusal):
            yield from self._fitted(scene.reason, Style.TEXT)
            return
        yield from self._moments(scene)
        if scene.outcome:
            yield from self._paragraphs(scene.outcome)

    def side_by_side(self, comparison: Comparison) -> Iterator[console.Line]:
        """A table; where that is too wide, the facts one below the other."""
        table = [("", *comparison.columns)]
        table += [(name, *map(shown, values)) for name, values in comparison.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        if self._columns is not None and sum(widths) + 2 * (len(widths) - 1) > self._columns:
            for name, *values in table[1:]:
                told = "; ".join(f"{column}: {value}" for column, value in zip(comparison.columns, values, strict=True))
                yield from self._fitted(f"{name}: {told}", Style.TEXT)
            return
        for number, (name, *values) in enumerate(table):
            cells = "  ".join(value.rjust(width) for value, width in zip(values, widths[1:], strict=True))
            yield [Span(f"{name:{widths[0]}}  {cells}", Style.TEXT if number else Style.HEADING)]

    def _moments(self, episode: Episode) -> Iterator[console.Line]:
        if not self._is_narrow:
            yield from ([Span(line, Style.NOTE)] for line in _HEAD)
        before: Strip | None = None
        for moment in episode.story.moments:
            yield from self._moment_lines(episode, moment, before)
            before = moment.strip

    def _paragraphs(self, *texts: str) -> Iterator[console.Line]:
        for text in texts:
            yield ""
            yield from self._fitted(text, Style.TEXT)

    def _fitted(self, line: str, style: Style, indent: str = "") -> Iterator[console.Line]:
        yield from ([Span(part, style)] for part in report.wrapped(line, self._columns, indent))

    def _moment_lines(self, episode: Episode, moment: StoryMoment, before: Strip | None) -> Iterator[console.Line]:
        title = moment.indented
        if self._is_narrow:
            yield [Span(f"{moment.cycle:6}", Style.ADDRESS), "  ", console.heading(title)]
            yield from self._fitted(str(moment.strip), Style.TEXT, _INDENT)
        else:
            yield [
                Span(f"{moment.cycle:6}", Style.ADDRESS),
                "  ",
                console.heading(f"{title:{_TITLE_WIDTH}}"),
                "  ",
                *_row(moment.strip, before),
            ]
        indent = _INDENT + "  " * moment.depth
        yield from self._fitted(facts(episode, moment), Style.TEXT, indent)
        yield from self._fitted(f"{moment.why} [{moment.source}]", Style.NOTE, indent)


def facts(episode: Episode, moment: StoryMoment) -> str:
    """Where a moment is: PC or ELR and ESR, the slot, the instruction."""
    known = []
    if moment.elr is not None:
        known.append(f"elr {episode.place(moment.elr)}")
        known.append(f"esr {moment.esr:#x}: {moment.esr_text}")
    elif moment.pc is not None:
        known.append(f"pc {episode.place(moment.pc)}")
    if moment.slot is not None:
        words = " ".join(f"{word:08x}" for word in moment.slot_words)
        known.append(f"slot {moment.slot:#x}: {words}")
    if moment.monitor is not None:
        known.append(f"exclusive monitor {moment.monitor:#x}")
    if moment.instruction is not None:
        known.append(moment.instruction.text)
    return "; ".join(known)


def shown(fact: Fact) -> str:
    """A fact, as people write it."""
    return f"{fact:,}" if isinstance(fact, int) else fact


def _row(strip: Strip, before: Strip | None) -> Iterator[str | Span]:
    """The bits in their columns; what has changed since the moment before is made visible."""
    changed = changes(before, strip)
    for bit, size in zip(BITS, _WIDTHS, strict=True):
        value = bit.of(strip)
        text = "-" if value is None else str(value)
        yield " " * (size - 1)
        yield Span(text, Style.BAD) if bit in changed else text
