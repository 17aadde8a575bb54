"""Branches that old kernels do not know to be branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import count, first
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V4_8, V5_10
from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.story import Story


def _outcome(player: Player, story: Story) -> Outcome:
    machine, after = player.kprobes.machine, first(story, Between.EXECUTED).pc
    assert after is not None
    steps, died = count(story, Between.OTHER_EXCEPTION), first(story, Between.DIED)
    text = (
        f"RETAA left the slot for {machine.locate(after)}, not for the word behind it. {steps} steps followed that "
        f"were nobody's, one an instruction, as stepping had never ended. Then the kernel dies: {died.why}."
    )
    return Outcome(text, {"steps that were nobody's": steps})


PAC_BRANCH = Lesson(
    name="pac-branch",
    title="a branch that old kernels take for something harmless",
    program="pac_branch",
    introduction=(
        (
            "Kernels decide by masks and values what an instruction word is. Those of v4.8 know RET, and not RETAA, "
            "which came with pointer authentication: no mask fits, and what no mask fits is executed in a slot."
        ),
        (
            "There it does what it always does: it branches. The step is taken, but not where the end of the slot was "
            "noted. See who deals with it, how stepping goes on, and what the next probe comes to."
        ),
    ),
    stages=(
        lambda: probed("pac_branch", "p leave", V4_8, "v4.8 accepts it", outcome=_outcome),
        lambda: probed("pac_branch", "p leave", V5_10, "v5.10 knows it, and refuses"),
    ),
    question="Why does the second call of the function kill this kernel, though the first one returned well?",
    answer=(
        "The hit of the first call never ended: its probe is still current, in the state HIT_SS, as the step that was "
        "to end it went unrecognised. The second hit finds that an instruction is being executed in a slot. A hit at "
        "such a time cannot be remembered: v4.8 has no way to go on."
    ),
)
