"""Literals: refused, simulated, and what a copy would load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.branch import COPIES_ALL
from cli.lessons.lesson import Lesson
from cli.lessons.measures import first
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V4_8, V15
from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.story import Story


def _loaded(player: Player, story: Story) -> int:
    """X0 behind the probe."""
    loaded = story.moments[-1].registers.x[0]
    player.finish()
    assert player.kprobes.machine.cpu.x(19) == loaded, "the program goes on with what was loaded"
    return loaded


def _simulated(player: Player, story: Story) -> Outcome:
    loaded = _loaded(player, story)
    return Outcome(f"X0 is {loaded}. Nothing tells the program that it was probed.", {"loaded": loaded})


def _copied(player: Player, story: Story) -> Outcome:
    loaded, slot = _loaded(player, story), first(story, Between.SLOT_REACHED).slot
    machine = player.kprobes.machine
    assert slot is not None
    offset = machine.resolve("constant") - machine.resolve("answer")
    text = (
        f"X0 is {loaded}: what happens to be at {slot + offset:#x}, {offset} bytes behind the slot. The step came, "
        "both handlers ran, there was no fault, and the program goes on with the wrong number."
    )
    return Outcome(text, {"loaded": loaded})


LITERAL = Lesson(
    name="literal",
    title="a load relative to the PC, which a copy would do from elsewhere",
    program="literal",
    introduction=(
        (
            "LDR with a label loads from its own address plus an offset. Like ADR and ADRP it depends on where it is, "
            "though it is no branch. v15 refuses it, v4.8 simulates it with the PC of the probe."
        ),
        "In the last act, on a kernel that never was, a copy is executed. Look at X0, and for what goes wrong.",
    ),
    stages=(
        lambda: probed("literal", "p answer", V15, "v15 refuses it"),
        lambda: probed("literal", "p answer", V4_8, "v4.8 simulates it", outcome=_simulated),
        lambda: probed("literal", "p answer", COPIES_ALL, "A copy loads from behind the slot", outcome=_copied),
    ),
    question="Which of the two is worse, the copied branch of the lesson `branch` or this copied load, and why?",
    answer=(
        "The load. The branch left the slot, and the CPU soon came to something that could not be executed. The load "
        "did what a load does: no exception tells of it, and a wrong value goes on through the kernel."
    ),
)
