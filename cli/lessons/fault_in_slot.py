"""A page fault of the instruction in the slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import count, times
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V7_2, V15
from kprobes.pt_regs import DAIF
from kprobes.reports import Moment
from kprobes.story import Between

if TYPE_CHECKING:
    from cli.xol.episode import Fact
    from kprobes.arch.player import Player
    from kprobes.story import Story

_LETTERS = {1 << 9: "D", 1 << 8: "A", 1 << 7: "I", 1 << 6: "F"}
"""The masks, at their places in a saved PSTATE."""


def _masks_left(story: Story) -> str:
    """The masks that are set behind the probe, and were not before it, by their letters."""
    left = story.moments[-1].registers.pstate & ~story.moments[0].registers.pstate & DAIF
    return "".join(letter for bit, letter in _LETTERS.items() if left & bit) or "none"


def _outcome(player: Player, story: Story) -> Outcome:
    pre, post = count(story, Moment.PRE_HANDLER), count(story, Moment.POST_HANDLER)
    player.finish()
    machine = player.kprobes.machine
    told = [machine.locate(moment.registers.pc) for moment in story.moments if moment.moment is Moment.REWOUND]
    text = (
        f"The handler of the fault is told that {told[0]} has faulted. " if told else "This is the second attempt. "
    ) + (
        f"The store is done: {machine.cpu.x(19)} is read back. For it the pre-handler ran {times(pre)}, the "
        f"post-handler {times(post)}. Masks left set behind the probe: {_masks_left(story)}."
    )
    facts: dict[str, Fact] = {
        "BRKs taken": count(story, Moment.BRK_TAKEN),
        "pre-handler": pre,
        "slot reached": count(story, Between.SLOT_REACHED),
        "post-handler": post,
        "masks left set": _masks_left(story),
    }
    return Outcome(text, facts)


FAULT_IN_SLOT = Lesson(
    name="fault-in-slot",
    title="the instruction faults in its slot: the PC is put back, and the hit begins again",
    program="fault_in_slot",
    introduction=(
        (
            "The store in the slot takes a page fault. Its handler knows nothing of slots: it would be told of an "
            "address that is no part of the program. So kprobes are asked first. They put the saved PC back to the "
            "probe, give up the hit, and leave the fault to its handler."
        ),
        (
            "That maps what was missing and returns: to the probe, which is hit a second time. Watch I as well: what "
            "was masked for the slot is saved in the SPSR_EL1 of the fault."
        ),
    ),
    stages=(
        lambda: probed("fault_in_slot", "p store", V15, "v15: the PC is put back, the masks are not", outcome=_outcome),
        lambda: probed("fault_in_slot", "p store", V7_2, "v7.2: masks are put back, too", outcome=_outcome),
    ),
    question="A tracer counts by its pre-handler. What is wrong with its count here, and what can it count by?",
    answer=(
        "One store was counted twice, as its first attempt was given up in between. The post-handler runs only when "
        "the instruction has been executed, so that is once per store, however often it had to be tried."
    ),
)
