"""A probe on the return of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.measures import first
from cli.lessons.stage import probed
from cli.xol.episode import Outcome
from kprobes.profiles import V7_2, V15
from kprobes.returns import Kretprobe
from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.arch.player import Player
    from kprobes.story import Story

_SPEC = "r2 fact $retval"
_LINK_REGISTER = 30


def _outcome(player: Player, story: Story) -> Outcome:
    before = story.moments[0].registers.x[_LINK_REGISTER]
    within = first(story, Between.RETURNED).registers.x[_LINK_REGISTER]
    trampoline = sum(moment.instructions for moment in story.moments if moment.moment is Between.IN_TRAMPOLINE)
    end, machine, probe = player.finish(), player.kprobes.machine, player.probe
    assert isinstance(probe, Kretprobe)
    ran_with = "the trampoline" if within != before else "as no instance was free"
    text = (
        f"The caller left {machine.locate(before)} in X30; the function ran with {within:#x}, {ran_with}. The result "
        f"is {machine.cpu.x(19)} all the same. Calls: {end.hits}; with {probe.maxactive} instances, returns missed: "
        f"{probe.nmissed}."
    )
    facts = {"calls": end.hits, "returns missed": probe.nmissed, "instructions of the trampoline": trampoline}
    return Outcome(text, facts)


KRETPROBE = Lesson(
    name="kretprobe",
    title="a probe on the return of a function: X30, the trampoline, and its instances",
    program="kretprobe",
    introduction=(
        (
            "A return has no address of its own: a function may return from many places. So a kretprobe is a probe on "
            "the entry, whose handler keeps the return address from X30 and puts that of a trampoline there. When the "
            "function returns, it comes to the trampoline, which calls the handlers and goes on to the caller."
        ),
        (
            "Each call under way needs an instance, to keep its return address in. `r2` in the spec asks for two; "
            "three calls are under way at once. The hit that is shown is the outermost call, from its entry to the "
            "return."
        ),
    ),
    stages=(
        lambda: probed("kretprobe", _SPEC, V15, "The trampoline is a function in assembly", outcome=_outcome),
        lambda: probed("kretprobe", _SPEC, V7_2, "The trampoline is BRK #7", outcome=_outcome),
    ),
    question="Which of the three calls was missed, and what did it do when it returned?",
    answer=(
        "The innermost one: the two outer calls had taken both instances and had not returned. Its X30 was left "
        "alone, so it returned straight to its caller, and no handler was called."
    ),
)
