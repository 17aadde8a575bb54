"""How much of the stack is kept for a jprobe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.lessons.lesson import Lesson
from cli.lessons.stage import altered, jprobed, unprobed
from cli.xol.episode import Outcome
from kprobes.jprobes import Jprobe
from kprobes.probe import GuestFunction
from kprobes.profiles import V4_8, V15
from kprobes.stacks import MAX_STACK_SIZE, FixedCopy, FramePointerDelta, NoCopy

if TYPE_CHECKING:
    from cli.xol.performance import Staged
    from kprobes.arch.player import Player
    from kprobes.profiles import Profile
    from kprobes.stacks import StackPolicy
    from kprobes.story import Story

_SUM_OF_FEW, _SUM_OF_MANY = 20, 21
"""Registers in which the program has what `total` gave."""
_SECOND_CALL = 2


_MEASURES = altered(V15, "as v15, but what is kept is what lies between SP and the frame pointer")


def _stage(profile: Profile, policy: StackPolicy, title: str) -> Staged:
    jprobe = Jprobe(GuestFunction("spoil"), "total", stack=policy)

    def outcome(player: Player, story: Story) -> Outcome:
        call = story.moments[0].registers
        size = call.x[29] - call.sp
        player.finish()
        cpu, right = player.kprobes.machine.cpu, unprobed("jprobe").cpu
        few, many = (_judged(cpu.x(register), right.x(register)) for register in (_SUM_OF_FEW, _SUM_OF_MANY))
        text = (
            f"This call has {size} bytes of arguments on the stack. The sum of 4 is {few}, the sum of 18 is {many}. "
            f"Handlers that were not called: {jprobe.nmissed}."
        )
        return Outcome(text, {"sum of 4": few, "sum of 18": many, "handler not called": jprobe.nmissed})

    return jprobed("jprobe", jprobe, profile, title, hit=_SECOND_CALL, outcome=outcome)


def _judged(value: int, right: int) -> str:
    return f"{value}, right" if value == right else f"{value}, not {right}"


JPROBE = Lesson(
    name="jprobe",
    title="how much of the stack to keep: the argument that 128 bytes loses",
    program="jprobe",
    introduction=(
        (
            "A jprobe's handler is called in place of a function, with its arguments; then all is brought back, and "
            "the function runs. Arguments on the stack belong to who is called, so the handler may write there, and "
            "this one does. The kernel has to keep a copy of them. How long is it? Nobody tells the kernel."
        ),
        (
            f"v15 copied {MAX_STACK_SIZE} bytes. A reviewer asked where the number came from: any number is wrong. "
            "Better to copy what lies between SP and the frame pointer if there is room for it, and not to call the "
            "handler otherwise. v4.8 gave up copying. Shown is the second call, with 18 double words."
        ),
    ),
    stages=(
        lambda: _stage(V15, FixedCopy(MAX_STACK_SIZE), f"FixedCopy: {MAX_STACK_SIZE} bytes are kept"),
        lambda: _stage(_MEASURES, FramePointerDelta(MAX_STACK_SIZE), "FramePointerDelta: FP - SP bytes, or no handler"),
        lambda: _stage(V4_8, NoCopy(), "NoCopy: nothing is kept"),
    ),
    question="With FixedCopy, which arguments were lost? And what did FramePointerDelta pay for being right?",
    answer=(
        "The arguments are 1 to 18, 8 bytes each, the first at SP. 128 bytes hold 16 of them: 17 and 18 are what the "
        "handler left there, 0, so the sum is 35 short. FramePointerDelta knows that 144 bytes do not fit, and "
        "leaves the handler out: a hit is missed and counted, and the program is not harmed."
    ),
)
