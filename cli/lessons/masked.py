"""A hit within a hit whose step is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.lessons import recursive
from cli.lessons.lesson import Lesson
from cli.lessons.measures import count, ran_off
from cli.lessons.stage import altered
from cli.xol.episode import Outcome
from kprobes.profiles import V15
from kprobes.reports import Moment

if TYPE_CHECKING:
    from cli.xol.performance import Staged
    from kprobes.arch.player import Player
    from kprobes.story import Story


def stage() -> Staged:
    """The program of `recursive`, on a kernel that does not clear D."""
    rules = attrs.evolve(V15.engine, clears_debug_mask=False)
    kernel = altered(V15, "as v15, but D is not cleared for a hit within a hit", engine=rules)
    return recursive.stage(kernel, "D stays set, and the step does not come", _outcome)


def _outcome(_player: Player, story: Story) -> Outcome:
    executed, steps = ran_off(story), count(story, Moment.STEP_TAKEN)
    text = (
        f"Behind the slot the CPU came to: {', then '.join(executed)}. The run ends: {story.ended}. Step exceptions "
        f"within the hit: {steps}."
    )
    return Outcome(text, {"executed behind the slot": len(executed), "step exceptions": steps})


MASKED = Lesson(
    name="masked",
    title="what happens if D is not cleared: the CPU runs off the slot",
    program="recursive",
    introduction=(
        (
            "This is the program of the lesson `recursive` on a kernel that never was: v15 without the line that "
            "clears D for a hit within a hit. All else is done for the step: SS of the saved PSTATE is 1, and so are "
            "SS, KDE and MDE of MDSCR_EL1."
        ),
        "See what SS is when the slot is reached, and what is executed behind the slot.",
    ),
    stages=(stage,),
    question="No step came. Which rule took SS away, and where did the next instruction come from?",
    answer=(
        "An exception return copies SS of SPSR_EL1 to PSTATE only if debug exceptions are enabled where it leads. D "
        "was set there, so PSTATE.SS became 0, and no step was due. A slot has one word, and slots lie side by side: "
        "the CPU went on with whatever was next, which was no part of the program."
    ),
)
