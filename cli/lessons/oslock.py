"""The OS lock, while which is closed no step is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import ran_off
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.probe import Kprobe
from kprobes.profiles import V5_10, V15

if TYPE_CHECKING:
    from cli.xol.performance import Staged
    from kprobes.arch.player import Player
    from kprobes.profiles import Profile
    from kprobes.story import Story


def _stage(profile: Profile, title: str, *, unlock: bool) -> Staged:
    return probed(
        "oslock", "p square", profile, title, others=(Kprobe("clear"),), unlock=unlock, outcome=_outcome,
    )  # fmt: skip


def _outcome(player: Player, story: Story) -> Outcome:
    executed, end = ran_off(story), story.ended
    if not executed:
        end = player.finish().stop.message
    machine = player.kprobes.machine
    behind = f"Behind the slot the CPU came to: {', then '.join(executed)}. " if executed else ""
    text = f"{behind}The run ends with {machine.cpu.x(19)} in X19: {end}."
    return Outcome(text, {"executed behind the slot": len(executed), "X19 at the end": machine.cpu.x(19)})


OSLOCK = Lesson(
    name="oslock",
    title="the run-off that made Linux change: the OS lock is closed",
    program="oslock",
    introduction=(
        (
            "A CPU comes out of reset with the OS lock closed (OSLSR_EL1.OSLK): no step exception is taken then, nor "
            "one of a breakpoint or watchpoint. BRK is, always. Linux opens the lock when a CPU starts. Firmware that "
            "left it closed on one CPU, and a probe before that: a kernel died of it in the field."
        ),
        (
            "Two functions are probed, so their slots are side by side. See what the CPU executes when nothing stops "
            "it behind the first. Then the same with the lock opened, and with the kernel that came of it."
        ),
    ),
    stages=(
        lambda: _stage(V15, "v15, and the lock is closed", unlock=False),
        lambda: _stage(V15, "v15, and the kernel has opened the lock", unlock=True),
        lambda: _stage(V5_10, "v5.10, and the lock is closed", unlock=False),
    ),
    question="Up to the slot, one bit in the first act is not as in the second. Which, and what did that cost X19?",
    answer=(
        "PSTATE.SS in the slot: 0 instead of 1, as debug exceptions are not enabled where the return leads, whatever D "
        "and MDSCR_EL1 say. So the CPU went on into the slot of the other probe, and did what the program never comes "
        "to: X19 was cleared. The word behind that is no instruction, which was lucky: it ended the run."
    ),
)
