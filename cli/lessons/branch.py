"""Branches: refused, simulated, and what a copy would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.lessons.lesson import Lesson
from cli.lessons.measures import first
from cli.lessons.stage import altered, probed
from cli.xol.episode import Outcome
from kprobes.profiles import V4_8, V15
from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.profiles import Profile
    from kprobes.story import Story

COPIES_ALL: Profile = altered(
    V15,
    "as v15, but a copy of any instruction is executed in a slot",
    decode=attrs.evolve(V15.decode, clauses=()),
)
"""A kernel that refuses nothing."""


def _simulated(player: Player, story: Story) -> Outcome:
    where = story.moments[-1].pc
    assert where is not None
    machine = player.kprobes.machine
    player.finish()
    text = (
        f"The program goes on at {machine.locate(where)}, where the branch leads to from its own address. At its end "
        f"the sum in X20 is {machine.cpu.x(20)}."
    )
    return Outcome(text, {"went on at": machine.locate(where)})


def _copied(player: Player, story: Story) -> Outcome:
    machine = player.kprobes.machine
    slot, after = first(story, Between.SLOT_REACHED).slot, first(story, Between.EXECUTED).pc
    assert slot is not None
    assert after is not None
    text = (
        f"From the slot at {slot:#x} the copy went {slot - after} bytes back, as it would have from its own address: "
        f"to {after:#x}, where there is no part of the program. The run ends: {story.ended}."
    )
    return Outcome(text, {"went on at": machine.locate(after)})


BRANCH = Lesson(
    name="branch",
    title="why a branch is refused in v15, and simulated in v4.8",
    program="branch",
    introduction=(
        (
            "B.NE says how far to go, not where to: its target is its own address plus an offset. A copy of it is at "
            "another address. So v15 refuses a probe on a branch; v4.8 has no slot for it, and the handler of the BRK "
            "computes what the branch does."
        ),
        "The last act is on a kernel that never was, which puts the branch into a slot all the same.",
    ),
    stages=(
        lambda: probed("branch", "p back", V15, "v15 refuses it"),
        lambda: probed("branch", "p back", V4_8, "v4.8 simulates it: one exception", outcome=_simulated),
        lambda: probed("branch", "p back", COPIES_ALL, "A copy branches relative to the slot", outcome=_copied),
    ),
    question="Why does a simulated hit need neither SS nor MDSCR_EL1? What becomes of a B.NE that is not taken?",
    answer=(
        "Nothing is executed out of line, so nothing has to be stopped behind it: the saved PC is set within the first "
        "exception, and the return from that is the end of the hit. A branch that is not taken is simulated as well: "
        "the saved PC moves on by 4, and both handlers run, as the instruction was executed."
    ),
)
