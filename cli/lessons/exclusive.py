"""A probe between a load-exclusive and its store-exclusive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.lessons.lesson import Lesson
from cli.lessons.measures import times
from cli.lessons.stage import altered, double_word, probed
from cli.xol.episode import Outcome
from kprobes.profiles import V15

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.ports import Text
    from kprobes.rules import Rule
    from kprobes.sequences import SequenceFinder
    from kprobes.story import Story


@attrs.frozen
class _NoSequences:
    """A rule by which nothing is in an exclusive sequence."""

    rule: Rule

    def over(self, text: Text) -> SequenceFinder:  # noqa: ARG002  (the protocol's signature)
        return self

    def opened_by(self, address: int) -> int | None:  # noqa: ARG002  (likewise)
        return None


_DOES_NOT_LOOK = altered(
    V15,
    "as v15, but exclusive sequences are not looked for",
    decode=attrs.evolve(V15.decode, sequences=_NoSequences(V15.decode.sequences.rule)),
)


def _outcome(player: Player, _story: Story) -> Outcome:
    hits, machine = player.finish().hits, player.kprobes.machine
    failed, counter = machine.cpu.x(20), double_word(machine, "counter")
    tried = "gave up" if counter == 0 else "succeeded"
    text = (
        f"At the end of the program the probe was hit {times(hits)}. Stores that have failed: {failed}. The counter "
        f"is {counter}: the loop {tried}."
    )
    return Outcome(text, {"hits": hits, "stores that failed": failed, "counter": counter})


EXCLUSIVE = Lesson(
    name="exclusive",
    title="no probe between LDXR and STXR: the livelock that the rule prevents",
    program="exclusive",
    introduction=(
        (
            "LDXR marks a location, which sets the exclusive monitor; STXR stores only if the monitor is still set, "
            "else it fails, and the code tries again. A hit returns from exceptions. v15 looks at the words before the "
            "probe, and refuses if a load-exclusive comes before any store-exclusive."
        ),
        (
            "The second act is on a kernel that does not look. A moment says `exclusive monitor` as long as it is set: "
            "see where it is set for the last time."
        ),
    ),
    stages=(
        lambda: probed("exclusive", "p inside", V15, "v15 refuses it"),
        lambda: probed("exclusive", "p inside", _DOES_NOT_LOOK, "Who does not look never stores", outcome=_outcome),
        lambda: probed("exclusive", "p after", V15, "Behind the store a probe does no harm", outcome=_outcome),
    ),
    question="Which event of the hit clears the monitor, and why does trying again not help?",
    answer=(
        "The exception return: ERET clears the local monitor, on purpose, so that nobody stores by a mark that was "
        "made before an exception. Each attempt comes by the probe, takes its exceptions and loses the mark again. In "
        "the kernel the loop has no end: the CPU is lost, by a probe that changes nothing but time."
    ),
)
