"""How much of the stack is kept for a jprobe: three policies.

The function that a jprobe is at owns the part of the stack that its arguments are in, and may write there; so may the
handler. To call the handler and then the function, each with the arguments of the caller, that part has to be kept. How
long it is, nobody knows.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Protocol

import attrs

from kprobes.pt_regs import FRAME_POINTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprobes.pt_regs import PtRegs

THREAD_SIZE = 16 << 10
IRQ_STACK_SIZE = 16 << 10
MAX_STACK_SIZE = 128
"""Bytes that v15 keeps, as seven other architectures do."""

_UNUSED_TOP = 16
"""Bytes at the highest addresses of a task's stack where no task has anything (THREAD_START_SP)."""
_FRAME_RECORD_ALIGNMENT = 8


@unique
class StackKind(Enum):
    """What a stack is for."""

    TASK = "task"
    IRQ = "interrupts"
    OVERFLOW = "overflow"


@attrs.frozen
class Stack:
    """A stack that the kernel knows: addresses from its lowest to its highest one."""

    addresses: range
    kind: StackKind = StackKind.TASK

    def __contains__(self, address: object) -> bool:
        """Whether something may be at an address: a frame record, say."""
        return address in self.addresses

    def is_used_by(self, sp: int) -> bool:
        """Whether a stack pointer belongs to it: that of an empty stack is behind its last byte."""
        return sp in self.addresses or sp == self.addresses.stop


def stack_of(sp: int, stacks: Sequence[Stack]) -> Stack:
    """The stack that a stack pointer is in: of those known, else the 16 KiB that a task has (current_thread_info)."""
    for stack in stacks:
        if stack.is_used_by(sp):
            return stack
    base = (sp - 1) & -THREAD_SIZE
    return Stack(range(base, base + THREAD_SIZE))


@attrs.frozen
class Skip:
    """The handler is not called, for a reason; the hit is counted as missed."""

    reason: str


class StackPolicy(Protocol):
    """How many bytes from the stack pointer on are kept."""

    def size(self, regs: PtRegs, stacks: Sequence[Stack]) -> int | Skip:
        """Bytes, or why the handler cannot be called."""


@attrs.frozen
class NoCopy:
    """Nothing is kept (v4.8): functions with arguments on the stack must not be probed so."""

    def size(self, regs: PtRegs, stacks: Sequence[Stack]) -> int | Skip:  # noqa: ARG002  (the protocol's signature)
        """Nothing."""
        return 0


@attrs.frozen
class FixedCopy:
    """So many bytes, or what there is up to the end of the stack (v15: 128 bytes).

    Its weakness: of arguments that are more than that, the function gets, after the handler, what the handler left
    there.
    """

    limit: int = MAX_STACK_SIZE

    def size(self, regs: PtRegs, stacks: Sequence[Stack]) -> int | Skip:
        """On a stack for interrupts, v15 copies all there is, over the end of its buffer: here that is not done."""
        stack = stack_of(regs.sp, stacks)
        if stack.kind is not StackKind.IRQ:
            return max(0, min(self.limit, stack.addresses.stop - _UNUSED_TOP - regs.sp))
        above = min(IRQ_STACK_SIZE, stack.addresses.stop - regs.sp)
        if above > self.limit:
            return Skip(f"{above} bytes of the interrupt stack would overflow the {self.limit} there is room for")
        return above


@attrs.frozen
class FramePointerDelta:
    """What is between the stack pointer and the frame of the caller, if that is no more than `limit`.

    At the entry of a function, X29 is the caller's frame record, and all between SP and it are the arguments that the
    caller put on the stack, if it keeps frame pointers. Where that is not so, the handler is not called.
    """

    limit: int = MAX_STACK_SIZE

    def size(self, regs: PtRegs, stacks: Sequence[Stack]) -> int | Skip:
        """FP - SP, where FP is not 0, aligned, not below SP, and on the same stack."""
        fp, sp = regs.x[FRAME_POINTER], regs.sp
        if fp == 0:
            return Skip("there is no frame pointer (X29 is 0)")
        if fp % _FRAME_RECORD_ALIGNMENT:
            return Skip(f"the frame pointer {fp:#x} is not aligned")
        if fp < sp:
            return Skip(f"the frame pointer {fp:#x} is below the stack pointer {sp:#x}")
        if fp not in stack_of(sp, stacks):
            return Skip(f"the frame pointer {fp:#x} is on another stack than the stack pointer {sp:#x}")
        if fp - sp > self.limit:
            return Skip(f"{fp - sp} bytes of arguments on the stack are more than the {self.limit} there is room for")
        return fp - sp
