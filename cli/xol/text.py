"""What is shown, as text: of a hit a row of bits for each moment, then where it is, then why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli import console, report
from cli.console import Span, Style
from cli.xol.episode import Episode, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.xol.performance import Performance, Scene
    from kprobes.host import Strip
    from kprobes.story import StoryMoment


def heading(episode: Episode) -> str:
    """Which hit it is."""
    where = episode.place(episode.probe.address)
    return f"hit {episode.hit} of {episode.event} at {where}: {episode.probe.text}"


def lines(performance: Performance, columns: int | None) -> Iterator[console.Line]:
    """All of it, in so many columns; None for as many as a line takes."""
    return _Page(columns).lines(performance)


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
        for number, scene in enumerate(performance.scenes, start=1):
            yield ""
            yield from self._fitted(f"{number}. {scene.title}", Style.HEADING)
            yield ""
            yield from self._scene(scene)
        yield from self._paragraphs(f"Question: {performance.question}", f"Answer: {performance.answer}")

    def _scene(self, scene: Scene) -> Iterator[console.Line]:
        title = heading(scene) if isinstance(scene, Episode) else f"{scene.spec} is refused"
        yield from self._fitted(title, Style.HEADING)
        yield from self._fitted(f"profile {scene.profile}: {scene.summary}", Style.TEXT)
        yield ""
        if isinstance(scene, Refusal):
            yield from self._fitted(scene.reason, Style.TEXT)
            return
        yield from self._moments(scene)
        if scene.outcome:
            yield from self._paragraphs(scene.outcome)

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
        title = f"{'  ' * moment.depth}{moment.title}"
        if self._is_narrow:
            yield [Span(f"{moment.cycle:6}", Style.ADDRESS), "  ", console.heading(title)]
            yield from self._fitted(_bits_in_words(moment.strip), Style.TEXT, _INDENT)
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
    if moment.instruction is not None:
        known.append(moment.instruction.text)
    return "; ".join(known)


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
