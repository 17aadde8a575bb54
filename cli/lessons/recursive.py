"""A hit within a hit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import times
from cli.lessons.stage import double_word, probed
from cli.xol.episode import Outcome
from kprobes.probe import GuestFunction, Kprobe
from kprobes.profiles import V7_2, V15

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.xol.performance import Staged
    from kprobes.arch.player import Player
    from kprobes.profiles import Profile
    from kprobes.story import Story


def stage(profile: Profile, title: str, outcome: Callable[[Player, Story], Outcome]) -> Staged:
    """The program of this lesson with its two probes, on a kernel."""
    return probed(
        "recursive", "p square", profile, title, pre_handler=GuestFunction("on_square"),
        others=(Kprobe("count", pre_handler=GuestFunction("on_count")),), outcome=outcome,
    )  # fmt: skip


def _outcome(player: Player, _story: Story) -> Outcome:
    player.finish()
    machine = player.kprobes.machine
    count = player.kprobes.registry.lookup(machine.resolve("count"))
    assert count is not None
    calls, handled, missed = double_word(machine, "calls"), double_word(machine, "handled"), count.nmissed
    text = (
        f"At the end of the program count has been called {times(calls)}. Its handler was called {times(handled)}, for "
        f"the call from outside of a hit; missed: {missed}. The result of square is {machine.cpu.x(19)}."
    )
    return Outcome(text, {"calls of count": calls, "calls of its handler": handled, "missed": missed})


RECURSIVE = Lesson(
    name="recursive",
    title="a hit within a hit: why it is missed, and why D is cleared for it",
    program="recursive",
    introduction=(
        (
            "The handler of a probe may call a function that has a probe, too. There is room to remember one "
            "interrupted hit, no more. So the inner probe's instruction is executed, but its handlers are not called: "
            "the hit is missed, and counted in nmissed."
        ),
        (
            "The inner hit is told indented. Compare its first row with that of the outer one: what of PSTATE is "
            "different? Then see what becomes of D, and of the saved D, until the handler goes on."
        ),
    ),
    stages=(
        lambda: stage(V15, "Stepped: D of the saved PSTATE is cleared, and set again", _outcome),
        lambda: stage(V7_2, "Ended by BRK #6: D may stay as it is", _outcome),
    ),
    question="Why does the first kernel clear D for the inner hit, and not for the outer one?",
    answer=(
        "The outer hit interrupts code of the kernel, which runs with D clear: the return to the slot restores that. "
        "The inner one interrupts a handler, which runs with D set, as it is part of an exception. Restored for the "
        "slot, D would mask the step. A BRK is never masked, so the second kernel need not care."
    ),
)
