"""The registers that a handler is given: Linux's `struct pt_regs` and the functions on it (asm/ptrace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.host import MemoryFault

if TYPE_CHECKING:
    from aarch64.notebook import Registers
    from kprobes.host import Frame, Host

D, A, I, F = 1 << 9, 1 << 8, 1 << 7, 1 << 6  # noqa: E741  (they are called so)
"""Bits of PSTATE as it is saved: the masks of debug exceptions, SError, IRQ and FIQ."""
DAIF = D | A | I | F
BTYPE = 0b11 << 10
"""PSTATE.BTYPE, as it is saved: by what kind of indirect branch the instruction was reached."""
SS = 1 << 21
"""PSTATE.SS, as it is saved."""

FRAME_POINTER, LINK_REGISTER = 29, 30
GENERAL_REGISTERS = 31

USER_PT_REGS_SIZE = 272
"""Bytes of X0 to X30, SP, PC and PSTATE, in this order, 8 each: the part of `struct pt_regs` that handlers use."""
PT_REGS_SIZE = 336
"""Bytes of all of it; what follows is the kernel's own, and nothing here reads or writes that."""

_ARGUMENT_REGISTERS = 8
_SIZE = 8
_MASK = (1 << 64) - 1


@attrs.define(eq=False)
class PtRegs:
    """A frame, to be read and written. What a handler changes is what the probed code goes on with."""

    frame: Frame
    _host: Host

    def __repr__(self) -> str:
        return repr(self._shown())

    def _repr_html_(self) -> str:
        return self._shown()._repr_html_()

    def _shown(self) -> Registers:
        from aarch64.notebook import Registers  # noqa: PLC0415  (only who looks needs it)

        return Registers(tuple(self.x), self.sp, self.pc, self.pstate)

    @property
    def x(self) -> list[int]:
        """X0 to X30, 64 bits each."""
        return self.frame.x

    @property
    def sp(self) -> int:
        """The stack pointer."""
        return self.frame.sp

    @sp.setter
    def sp(self, value: int) -> None:
        self.frame.sp = value & _MASK

    @property
    def pc(self) -> int:
        """Where execution goes on (instruction_pointer)."""
        return self.frame.pc

    @pc.setter
    def pc(self, value: int) -> None:
        self.frame.pc = value & _MASK

    @property
    def pstate(self) -> int:
        """PSTATE, as SPSR_EL1 has it."""
        return self.frame.pstate

    @pstate.setter
    def pstate(self, value: int) -> None:
        self.frame.pstate = value & _MASK

    @property
    def user_mode(self) -> bool:
        """Whether EL0 was interrupted (user_mode)."""
        return self.frame.source_el == 0

    @property
    def return_value(self) -> int:
        """X0 (regs_return_value); it may be set to a negative number, too."""
        return self.frame.x[0]

    @return_value.setter
    def return_value(self, value: int) -> None:
        self.frame.x[0] = value & _MASK

    def argument(self, number: int) -> int:
        """Argument `number`, from 0, of a function that was just entered (regs_get_kernel_argument).

        As in Linux, those that are not in X0 to X7 are 0: `stack_nth` finds them.
        """
        return self.frame.x[number] if 0 <= number < _ARGUMENT_REGISTERS else 0

    def stack_nth(self, number: int) -> int:
        """The 64-bit word `number`, from 0, above the stack pointer (regs_get_kernel_stack_nth).

        It is 0 where there is no memory. Linux gives 0 beyond the end of the stack, too; a guest's stacks may be of any
        size.
        """
        try:
            return int.from_bytes(self._host.read(self.frame.sp + _SIZE * number, _SIZE), "little")
        except MemoryFault:
            return 0

    def set_bits(self, mask: int, *, to: bool) -> None:
        """Set or clear bits of the saved PSTATE."""
        self.frame.pstate = self.frame.pstate | mask if to else self.frame.pstate & ~mask
