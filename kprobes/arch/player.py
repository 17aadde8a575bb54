"""Plays the hits of a probe, in any order: the story of each, told anew from a saved state where it was told before.

    player = Player(kprobes, probe, run)
    third, second = player.hit(3), player.hit(2)

A run is deterministic, so a hit that is told twice is the same to the bit.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kprobes.arch.recorder import seek, tell
from kprobes.story import End

if TYPE_CHECKING:
    from kprobes.arch.recorder import Run
    from kprobes.manager import Kprobes, Saved
    from kprobes.probe import Kprobe
    from kprobes.returns import Kretprobe
    from kprobes.story import Story

_MOST_SAVED = 64
"""States that are kept. The oldest goes first: to come back there, more is run again."""


class Player:
    """The hits of one probe; those within other hits, whose handlers are missed, do not count.

    Attributes:
        kprobes: with the probe registered.
        probe: whose hits.
    """

    def __init__(self, kprobes: Kprobes, probe: Kprobe | Kretprobe, run: Run) -> None:
        """Play from where the machine is now; `run` runs it, to an address or to its end."""
        self.kprobes = kprobes
        self.probe = probe
        self._run = run
        self._begin = kprobes.save()
        self._saved: dict[int, Saved] = {}

    def hit(self, number: int) -> Story | End:
        """The story of a hit, from 1; the machine is then where that ends. The end of the run, if there is none."""
        end = self._seek(number)
        return tell(self.kprobes, self.probe, self._run) if end is None else end

    def finish(self) -> End:
        """Run to the end; the machine is then there."""
        end = self._seek(sys.maxsize)
        assert end is not None
        return end

    def _seek(self, number: int) -> End | None:
        """Go to where a hit is about to begin, from the last known state before it."""
        known = max((hit for hit in self._saved if hit <= number), default=0)
        self.kprobes.restore(self._saved.get(known, self._begin))
        before = max(known - 1, 0)
        end = seek(self.kprobes, self.probe, number - before, self._run)
        if end is not None:
            return End(end.hits + before, end.stop, died=end.died)
        if known != number:
            self._save(number)
        return None

    def _save(self, hit: int) -> None:
        if len(self._saved) == _MOST_SAVED:
            del self._saved[next(iter(self._saved))]
        self._saved[hit] = self.kprobes.save()
