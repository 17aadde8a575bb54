"""How much of the stack is kept for a jprobe: `FixedCopy`, `FramePointerDelta`, `NoCopy`, case by case."""

import attrs
import pytest

from aarch64.machine import RAM_BASE
from kprobes.jprobes import Jprobe
from kprobes.probe import GuestFunction, Kprobe
from kprobes.stacks import FixedCopy, FramePointerDelta, NoCopy, Stack, StackKind
from tests.kprobes.guests import JPROBE_RETURN, KERNELS, make_guest

SOURCE = f"""
sums:   mov     x0, x1                  // the sum of X1, X2 and the X3 double words on the stack
        add     x0, x0, x2
        mov     x10, #0
1:      cmp     x10, x3
        b.eq    2f
        ldr     x9, [sp, x10, lsl #3]
        add     x0, x0, x9
        add     x10, x10, #1
        b       1b
2:      ret

spoils: mov     x1, #0                  // the handler: it overwrites what it was called with
        mov     x2, #0
        mov     x9, #1000
        mov     x10, #0
1:      cmp     x10, x3
        b.eq    jprobe_return
        str     x9, [sp, x10, lsl #3]
        add     x10, x10, #1
        b       1b
{JPROBE_RETURN}
"""

TASK = Stack(range(RAM_BASE + 0x8_0000, RAM_BASE + 0x8_4000))
IRQ = Stack(range(RAM_BASE + 0x8_8000, RAM_BASE + 0x8_C000), StackKind.IRQ)
OVERFLOW = Stack(range(RAM_BASE + 0x9_0000, RAM_BASE + 0x9_1000), StackKind.OVERFLOW)
SMALL = Stack(range(RAM_BASE + 0xA_0400, RAM_BASE + 0xA_0800))
STACKS = (TASK, IRQ, OVERFLOW, SMALL)
SP = TASK.addresses.start + 0x2000
IRQ_TOP, TASK_TOP, SMALL_TOP = IRQ.addresses.stop, TASK.addresses.stop, SMALL.addresses.stop
UNKNOWN = RAM_BASE + 0x10_2000
"""On no stack that was made known."""


@attrs.frozen
class Case:
    """A stack pointer, a frame pointer, and what `FramePointerDelta(128)` says: bytes, or why the hook is skipped."""

    sp: int
    fp: int
    answer: int | str


ABOVE_ALL = "{fp:#x} is on another stack than the stack pointer {sp:#x}"

CASES = {
    "no arguments on the stack": Case(SP, SP, 0),
    "8 bytes": Case(SP, SP + 8, 8),
    "the caller has more in its frame": Case(SP, SP + 112, 112),
    "as much as there is room for": Case(SP, SP + 128, 128),
    "16 bytes more than that": Case(SP, SP + 144, "144 bytes of arguments on the stack are more than the 128"),
    "below SP": Case(SP, SP - 16, "{fp:#x} is below the stack pointer {sp:#x}"),
    "not aligned": Case(SP, SP + 12, "{fp:#x} is not aligned"),
    "0": Case(SP, 0, "there is no frame pointer (X29 is 0)"),
    "on another stack": Case(SP, IRQ.addresses.start + 64, ABOVE_ALL),
    "of the task, and SP of an interrupt": Case(IRQ_TOP - 64, OVERFLOW.addresses.start + 64, ABOVE_ALL),
    "of the caller's caller, near": Case(SP, SP + 96, 96),
    "of the caller's caller, far": Case(SP, SP + 0x400, "1024 bytes of arguments on the stack are more than the 128"),
    "near the top of an interrupt's stack": Case(IRQ_TOP - 48, IRQ_TOP - 16, 32),
    "at the top of an interrupt's stack": Case(IRQ_TOP - 48, IRQ_TOP, ABOVE_ALL),
    "on the overflow stack": Case(OVERFLOW.addresses.start + 64, OVERFLOW.addresses.start + 80, 16),
    "on a stack nobody told of": Case(UNKNOWN, UNKNOWN + 32, 32),
    "beyond a stack nobody told of": Case(UNKNOWN, UNKNOWN + 0x4000, ABOVE_ALL),
}
"""A leaf that keeps no frame is what "the caller's caller" stands for: then
X29 is not the caller's, and what is copied is more than the arguments, or too much."""


def expected(case: Case) -> int | str:
    return case.answer if isinstance(case.answer, int) else case.answer.format(sp=case.sp, fp=case.fp)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_frame_pointer_delta(case):
    guest = make_guest(SOURCE, KERNELS["v15"], stacks=STACKS)
    jprobe = Jprobe(GuestFunction("spoils"), "sums", stack=FramePointerDelta(128))
    posts = []
    guest.kprobes.register(jprobe, Kprobe("sums", post_handler=lambda *_: posts.append(1)))
    cpu = guest.machine.cpu
    cpu.sp, cpu.gpr[29] = case.sp, case.fp
    count = case.answer // 8 if isinstance(case.answer, int) else 0
    if count:
        words = b"".join(value.to_bytes(8, "little") for value in range(1, count + 1))
        guest.machine.memory.write_bytes(case.sp, words)
    assert 30 + sum(range(1, count + 1)) == guest.call("sums", 0, 10, 20, count)
    skipped = isinstance(case.answer, str)
    assert (int(skipped), [1]) == (jprobe.nmissed, posts)
    assert (16 in guest.rows) is not skipped
    if skipped:
        (message,) = guest.messages
        assert f"the jprobe at {guest.machine.locate(guest.address('sums'))} is skipped: " in message
        assert expected(case) in message


FIXED = {
    "in the middle of a task's stack": (FixedCopy(), SP, 128),
    "128 bytes below its top": (FixedCopy(), TASK_TOP - 16 - 128, 128),
    "less than that below its top": (FixedCopy(), TASK_TOP - 16 - 32, 32),
    "at its top": (FixedCopy(), TASK_TOP - 16, 0),
    "behind its top": (FixedCopy(), TASK_TOP, 0),
    "near the top of a small stack": (FixedCopy(), SMALL_TOP - 64, 48),
    "behind the top of a small stack": (FixedCopy(), SMALL_TOP, 0),
    "near the top of one nobody told of": (FixedCopy(), UNKNOWN + 0x1FC0, 48),
    "all of an interrupt's": (FixedCopy(), IRQ_TOP - 96, 96),
    "all of an interrupt's, exactly": (FixedCopy(), IRQ_TOP - 128, 128),
    "another limit": (FixedCopy(32), SP, 32),
    "nothing": (NoCopy(), SP, 0),
}


@pytest.mark.parametrize(("policy", "sp", "size"), FIXED.values(), ids=FIXED)
def test_how_much_is_kept_without_looking_at_x29(policy, sp, size):
    guest = make_guest(SOURCE, KERNELS["v15"], stacks=STACKS)
    sizes = []

    def look(_probe, regs):
        sizes.append(policy.size(regs, STACKS))

    guest.kprobes.register(Kprobe("sums", pre_handler=look))
    guest.machine.cpu.sp = sp
    guest.call("sums", 0, 1, 2, 0)
    assert [size] == sizes


def test_v15_would_overflow_its_buffer_on_an_interrupts_stack():
    """The kernel copies all that is above SP there, into 128 bytes (fixed before v4.8): here the hook is skipped."""
    guest = make_guest(SOURCE, KERNELS["v15"], stacks=STACKS)
    jprobe = Jprobe(GuestFunction("spoils"), "sums")
    guest.kprobes.register(jprobe)
    guest.machine.cpu.sp = IRQ_TOP - 144
    assert 3 == guest.call("sums", 0, 1, 2, 0)
    assert 1 == jprobe.nmissed
    (message,) = guest.messages
    assert "144 bytes of the interrupt stack would overflow the 128 there is room for" in message


def test_a_stack_pointer_without_memory_skips_the_hook():
    guest = make_guest(SOURCE, KERNELS["v15"], stacks=STACKS)
    jprobe = Jprobe(GuestFunction("spoils"), "sums")
    guest.kprobes.register(jprobe)
    guest.machine.cpu.sp = 0x2000_1000
    assert 3 == guest.call("sums", 0, 1, 2, 0)
    assert 1 == jprobe.nmissed
    assert "is skipped: memory at 0x20001000 cannot be accessed" in guest.messages[0]
