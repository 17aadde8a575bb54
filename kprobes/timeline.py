"""A timeline of a run: slices that nest and instants on tracks, and samples of bits, in the order of cycles.

This is what is common to all that tell of a run so: it sees to it that slices nest whatever is told, that there are not
more than can be looked at, and that what takes no time is an instant. How it is written is for others.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_EVENTS = 1_000_000
"""How many events there are at most, the ends of slices that are open then apart: about what viewers can show."""

_NOTHING: dict[str, str] = {}


@unique
class Track(Enum):
    """Where things are told, in the order they are to be shown in."""

    FUNCTIONS = "guest functions"
    EXCEPTIONS = "exceptions"
    HANDLERS = "handlers"
    SLOTS = "slots"
    HITS = "hits and misses"

    __hash__ = object.__hash__
    """As members are compared. That of `Enum` is Python, and was a tenth of the time a timeline takes."""


@unique
class Phase(Enum):
    """What an event is."""

    BEGIN = "a slice begins"
    END = "the slice that began last on the track, and is open, ends"
    INSTANT = "something takes no time"


@attrs.frozen
class Mark:
    """An event on a track. `cycle` is the cycle counter; `args` are facts about it, by name."""

    phase: Phase
    track: Track
    cycle: int
    name: str
    args: Mapping[str, str]


@attrs.frozen
class Sample:
    """What some bits are from a cycle on, until the next sample of that name."""

    cycle: int
    name: str
    values: Mapping[str, int]


TimelineEvent: TypeAlias = Mark | Sample


class Timeline:
    """Takes slices, instants and samples, no cycle being before the last one, and emits them as they come.

    Attributes:
        cut: the cycle at which it was full, None while it is not. Nothing that is told after that is taken.
    """

    def __init__(self, emit: Callable[[TimelineEvent], object], most: int = MOST_EVENTS) -> None:
        """Give each event to `emit`, and take about `most` of them."""
        self._emit_event = emit
        self._left = most
        self._open: dict[Track, list[str]] = {track: [] for track in Track}
        self._held: dict[Track, Mark] = {}
        self._samples: dict[str, Mapping[str, int]] = {}
        self._now = 0
        self.cut: int | None = None

    def depth(self, track: Track) -> int:
        """How many slices are open on a track."""
        return len(self._open[track])

    def begin(self, track: Track, cycle: int, name: str, args: Mapping[str, str] = _NOTHING) -> None:
        """A slice begins within those that are open on the track."""
        if self._is_full(cycle):
            return
        self._pass_to(cycle)
        self._release(track)
        self._open[track].append(name)
        self._held[track] = Mark(Phase.BEGIN, track, cycle, name, args)

    def end(self, track: Track, cycle: int, args: Mapping[str, str] = _NOTHING) -> None:
        """The innermost slice of a track ends; if that has taken no time, it is an instant."""
        if self.cut is not None:
            return
        self._pass_to(cycle)
        name = self._open[track].pop()
        held = self._held.pop(track, None)
        if held is None:
            self._emit(Mark(Phase.END, track, cycle, name, args))
        else:
            self._emit(attrs.evolve(held, phase=Phase.INSTANT, args={**held.args, **args}))

    def end_to(self, depth: int, track: Track, cycle: int, args: Mapping[str, str] = _NOTHING) -> None:
        """The innermost slices of a track end, until so many are open."""
        while self.depth(track) > depth:
            self.end(track, cycle, args)

    def instant(self, track: Track, cycle: int, name: str, args: Mapping[str, str] = _NOTHING) -> None:
        """Something takes no time."""
        if self._is_full(cycle):
            return
        self._pass_to(cycle)
        self._release(track)
        self._emit(Mark(Phase.INSTANT, track, cycle, name, args))

    def sample(self, cycle: int, name: str, values: Mapping[str, int]) -> None:
        """Some bits are so from now on; told only if one has changed."""
        if self._samples.get(name) == values or self._is_full(cycle):
            return
        self._pass_to(cycle)
        self._samples[name] = values
        self._emit(Sample(cycle, name, values))

    def close(self, cycle: int, why: str) -> None:
        """All that is open ends, because of `why`."""
        if self.cut is not None:
            return
        for track in Track:
            self.end_to(0, track, cycle, {"ended by": why})

    # --- time and room

    def _is_full(self, cycle: int) -> bool:
        if self.cut is None and self._left <= 0:
            self.close(cycle, "the end of the timeline, which is full")
            self.cut = cycle
        return self.cut is not None

    def _pass_to(self, cycle: int) -> None:
        """A slice that began in an earlier cycle has taken time, and is one."""
        assert cycle >= self._now, f"cycle {cycle} is told after cycle {self._now}"
        if cycle == self._now:
            return
        self._now = cycle
        for track in tuple(self._held):
            self._release(track)

    def _release(self, track: Track) -> None:
        held = self._held.pop(track, None)
        if held is not None:
            self._emit(held)

    def _emit(self, event: TimelineEvent) -> None:
        self._left -= 1
        self._emit_event(event)
