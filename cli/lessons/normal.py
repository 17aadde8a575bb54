"""A hit that goes well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import cycles, exceptions
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V15

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.story import Story


def _outcome(_player: Player, story: Story) -> Outcome:
    before, after = (story.moments[index].registers.x[0] for index in (0, -1))
    text = (
        f"The hit took {exceptions(story)} exceptions and {cycles(story)} cycles, that of MUL among them. X0 was "
        f"{before} and is {after}: the program goes on as if there had been no probe."
    )
    return Outcome(text, {"exceptions": exceptions(story), "cycles": cycles(story), "X0": after})


NORMAL = Lesson(
    name="normal",
    title="a hit, from the BRK to the instruction behind it",
    program="normal",
    introduction=(
        (
            "A breakpoint stands where MUL was, so MUL has to be executed somewhere else: in a slot, out of line. Two "
            "exceptions make up a hit: BRK brings the kernel in, and a step exception brings it back right behind MUL."
        ),
        "Watch D and SS of the saved PSTATE, and MDSCR_EL1.SS: all three have to be right for the step to be taken.",
    ),
    stages=(lambda: probed("normal", "p square", V15, "MUL is executed in the slot, and stepped", outcome=_outcome),),
    question="Which exception return makes the step possible, and why could the handler itself not be stepped?",
    answer=(
        "The return from the BRK: it goes from where D is set, which masks debug exceptions, to where it is clear, and "
        "that takes SS from SPSR_EL1. The handler runs with D set, as every exception handler begins."
    ),
)
