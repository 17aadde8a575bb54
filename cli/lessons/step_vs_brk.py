"""The two ways to end a slot, side by side."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import cycles, exceptions, first
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V5_10, V15
from kprobes.reports import Moment
from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.story import Story


def _outcome(_player: Player, story: Story) -> Outcome:
    slot = first(story, Between.SLOT_REACHED)
    writes = sum(before.mdscr != after.mdscr for before, after in pairwise(story.moments))
    kernel = sum(isinstance(moment.moment, Moment) for moment in story.moments)
    text = (
        f"{exceptions(story)} exceptions in {cycles(story)} cycles; MDSCR_EL1 changed {writes} times. In the slot D "
        f"was {slot.strip.d}, I {slot.strip.i} and SS {slot.strip.ss}."
    )
    facts = {
        "cycles": cycles(story),
        "exceptions": exceptions(story),
        "moments in the kernel": kernel,
        "changes of MDSCR_EL1": writes,
        "D in the slot": slot.strip.d,
        "words in the slot": len(slot.slot_words),
    }
    return Outcome(text, facts)


STEP_VS_BRK = Lesson(
    name="step-vs-brk",
    title="two ways to end a slot: a hardware step, or a second BRK",
    program="step_vs_brk",
    introduction=(
        (
            "The instruction in the slot has been executed: now the kernel has to be told. v15 has the CPU step it, by "
            "the debug hardware. Since v5.10 the slot has a second word, BRK #6."
        ),
        "The same program and probe on both. Compare what has to be set before the slot, and put back behind it.",
    ),
    stages=(
        lambda: probed("step_vs_brk", "p square", V15, "v15 steps the slot", outcome=_outcome),
        lambda: probed("step_vs_brk", "p square", V5_10, "v5.10 ends it by BRK #6", outcome=_outcome),
    ),
    question="The BRK saves neither a cycle nor an exception here. What is it better for?",
    answer=(
        "A step comes only if D is clear, the OS lock is open, and SS and KDE of MDSCR_EL1 are set; should one of "
        "them not be so, the CPU runs off the slot. BRK comes whatever they are. It needs no debug hardware, so "
        "others may have that; D may stay set, so a hit within a hit needs no care; and the slot has an end of its "
        "own."
    ),
)
