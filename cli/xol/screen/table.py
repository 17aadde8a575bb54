"""The pane of what has happened so far, a row for each moment: on whose track it was, and the bits of a step.

                                                PSTATE  saved   MDSCR
     cycle  prog  exce  slot                    D I SS  D I SS  SS KDE MDE
         6  o     |     |     before the probe  0 1  0  - -  -   0   0   0
    >    7  +---->!     |     BRK taken         1*1  0  0*1* 0*  0   0   0

An exception that was taken is `!`, any other moment `o`; an arrow comes from the track of the moment before. A bit that
has changed since is marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.console import Span, Style
from cli.xol.bits import GROUPS, changes
from cli.xol.screen.pane import COUNT, Pane
from cli.xol.screen.panes import CHANGED, HERE
from kprobes.story import Lane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.console import Line
    from cli.xol.bits import Bit
    from cli.xol.episode import Episode
    from kprobes.host import Strip
    from kprobes.story import StoryMoment

_ALWAYS = (Lane.GUEST, Lane.KERNEL, Lane.SLOT)
"""The tracks that are shown even where nothing is on them."""

_GAP = 1


@attrs.frozen
class _Shape:
    """What is in a row, from the left.

    Attributes:
        has_cycle: whether the cycle is.
        cell: columns that a track takes.
        has_title: whether what the moment is called is.
        is_wide: whether KDE and MDE are written out.
    """

    has_cycle: bool
    cell: int
    has_title: bool
    is_wide: bool


_SHAPES = (
    _Shape(has_cycle=True, cell=6, has_title=True, is_wide=True),
    _Shape(has_cycle=True, cell=5, has_title=True, is_wide=True),
    _Shape(has_cycle=True, cell=4, has_title=True, is_wide=True),
    _Shape(has_cycle=False, cell=4, has_title=True, is_wide=False),
    _Shape(has_cycle=True, cell=5, has_title=False, is_wide=True),
    _Shape(has_cycle=True, cell=4, has_title=False, is_wide=True),
    _Shape(has_cycle=False, cell=4, has_title=False, is_wide=False),
    _Shape(has_cycle=False, cell=3, has_title=False, is_wide=False),
)
"""The best first; the sentence has what is left out."""


def table(episode: Episode, index: int, columns: int) -> Pane:
    """The moments until now, in the best shape that fits."""
    every = episode.story.moments
    tables = (_Table(shape, every) for shape in _SHAPES)
    best = next((each for each in tables if each.columns <= columns), _Table(_SHAPES[-1], every))
    title = f"{_TITLE}  ! exception  {CHANGED} changed"
    shown = title if len(title) <= columns - COUNT else _TITLE
    return Pane(shown, [*best.rows(index)], seen=index, head=[*best.head()])


_TITLE = "timeline and bits"


class _Table:
    """A table in some shape."""

    def __init__(self, shape: _Shape, moments: Sequence[StoryMoment]) -> None:
        used = {moment.lane for moment in moments}
        self._shape, self._moments = shape, moments
        self._lanes = [lane for lane in Lane if lane in used or lane in _ALWAYS]
        self._cycle = max(len("cycle"), *(len(str(moment.cycle)) for moment in moments)) if shape.has_cycle else 0
        self._title = max(len(moment.indented) for moment in moments) if shape.has_title else 0

    @property
    def columns(self) -> int:
        """How wide it is."""
        return sum(len(part) for part in self._titles())

    def head(self) -> Iterator[Line]:
        """The titles of the columns."""
        groups = "".join(f"{name.partition('_')[0]:<{self._group_columns(bits)}}" for name, bits in GROUPS.items())
        titles = self._titles()
        yield [Span(" " * sum(map(len, titles[:-1])) + groups.rstrip(), Style.NOTE)]
        yield [Span("".join(titles).rstrip(), Style.NOTE)]

    def rows(self, index: int) -> Iterator[Line]:
        """A row for each moment up to that one, which is marked."""
        before: StoryMoment | None = None
        for place, moment in enumerate(self._moments[: index + 1]):
            yield self._row(moment, before, is_here=place == index)
            before = moment

    def _titles(self) -> list[str]:
        cycle = f"{'cycle':>{self._cycle}}  " if self._cycle else ""
        lanes = "".join(f"{lane.value[: min(4, self._shape.cell - 1)]:{self._shape.cell}}" for lane in self._lanes)
        title = f"{'':{self._title}}  " if self._title else ""
        bits = "".join("".join(f"{self._bit_title(bit)} " for bit in group) + " " * _GAP for group in GROUPS.values())
        return [f"{' ' * len(HERE)}{cycle}", lanes, title, bits.removesuffix(" " * _GAP)]

    def _bit_title(self, bit: Bit) -> str:
        return bit.label if self._shape.is_wide or bit.label == "SS" else bit.label[0]

    def _group_columns(self, group: tuple[Bit, ...]) -> int:
        return sum(len(self._bit_title(bit)) + 1 for bit in group) + _GAP

    def _row(self, moment: StoryMoment, before: StoryMoment | None, *, is_here: bool) -> Line:
        style = Style.HEADING if is_here else Style.TEXT
        start = HERE if is_here else " "
        if self._cycle:
            start += f"{moment.cycle:{self._cycle}}  "
        start += self._track(moment, before)
        if self._title:
            start += f"{moment.indented:{self._title}}  "
        return [Span(start, style), *self._bits(moment.strip, None if before is None else before.strip)]

    def _track(self, moment: StoryMoment, before: StoryMoment | None) -> str:
        """The tracks, and the way from the moment before."""
        cell = self._shape.cell
        drawn = list("".join(f"{'|':{cell}}" for _ in self._lanes))
        here = self._lanes.index(moment.lane) * cell
        there = here if before is None else self._lanes.index(before.lane) * cell
        if here != there:
            low, high = sorted((here, there))
            drawn[low:high] = "-" * (high - low)
            drawn[there] = "+"
            drawn[here - 1 if here > there else here + 1] = ">" if here > there else "<"
        drawn[here] = "!" if moment.is_exception else "o"
        return "".join(drawn)

    def _bits(self, strip: Strip, before: Strip | None) -> Iterator[str | Span]:
        changed = changes(before, strip)
        for group in GROUPS.values():
            for bit in group:
                value = bit.of(strip)
                text = f"{'-' if value is None else value:>{len(self._bit_title(bit))}}"
                yield Span(f"{text}{CHANGED}", Style.BAD) if bit in changed else f"{text} "
            yield " " * _GAP
