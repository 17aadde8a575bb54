"""A hit that goes well."""

from __future__ import annotations

from cli.lessons.lesson import Lesson
from cli.lessons.stage import probed
from kprobes.profiles import V15

NORMAL = Lesson(
    name="normal",
    title="a hit, from the BRK to the instruction behind it",
    introduction=(
        (
            "A breakpoint stands where MUL was, so MUL has to be executed somewhere else: in a slot, out of line. Two "
            "exceptions make up a hit: BRK brings the kernel in, and a step exception brings it back right behind MUL."
        ),
        "Watch D and SS of the saved PSTATE, and MDSCR_EL1.SS: all three have to be right for the step to be taken.",
    ),
    stages=(lambda: probed("normal", "p square", V15, "MUL is executed in the slot, and stepped"),),
    question="Which exception return makes the step possible, and why could the handler itself not be stepped?",
    answer=(
        "The return from the BRK: it goes from where D is set, which masks debug exceptions, to where it is clear, and "
        "that takes SS from SPSR_EL1. The handler runs with D set, as every exception handler begins."
    ),
)
