"""A program with a probe on it, whose hits can be shown: what an interactive view plays, and others show one hit of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.xol.episode import Episode, Outcome, episode
from kprobes.arch.player import Player
from kprobes.probe import kprobe_of
from kprobes.story import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.arch.recorder import Run
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.returns import Kretprobe
    from kprobes.story import Story


@attrs.define(init=False)
class Act:
    """A probe on a program, from where that is now.

    Attributes:
        player: the hits.
        event: what the probe is called.
        spec: the probe, as kprobe_events has it.
        title: what there is to be seen, in a line.
        first: the hit to begin with.
        outcome: tells, after a hit and its story, what becomes of the program; it may run it on.
    """

    player: Player
    event: str
    spec: str
    title: str
    first: int
    outcome: Callable[[Player, Story], Outcome]

    def __init__(
        self,
        kprobes: Kprobes,
        probe: Kprobe | Kretprobe,
        run: Run,
        *,
        event: str,
        spec: str,
        title: str = "",
        first: int = 1,
        outcome: Callable[[Player, Story], Outcome] = lambda _player, _story: Outcome(),
    ) -> None:
        self.player = Player(kprobes, probe, run)
        self.event, self.spec, self.title = event, spec, title
        self.first, self.outcome = first, outcome

    def hit(self, number: int) -> Episode | End:
        """A hit, from 1, to be shown; the end of the run, if there is none."""
        story = self.player.hit(number)
        if isinstance(story, End):
            return story
        kprobes, probe = self.player.kprobes, self.player.probe
        shown = episode(kprobes, kprobe_of(probe), story, event=self.event, spec=self.spec, hit=number)
        outcome = self.outcome(self.player, story)
        return attrs.evolve(shown, title=self.title, outcome=outcome.text, facts=outcome.facts)

    def finish(self) -> End:
        """Run to the end."""
        return self.player.finish()
