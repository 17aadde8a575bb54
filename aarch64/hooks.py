"""Hooks: Python functions that take part in exceptions as their handlers, before the guest's own.

    def on_breakpoint(frame: RegisterFrame) -> Answer:
        frame.x[0] = 42
        frame.pc += 4
        return Answer.HANDLED

    cpu.hooks.add(BreakHook(on_breakpoint, imm=0x800))

Hooks are asked when the exception has been taken: PSTATE, ELR_ELx, SPSR_ELx, ESR_ELx and FAR_ELx are as the handler
finds them. What was interrupted is in a frame, as an operating system saves it, and is put back from there: so hooks
may run code of the guest (`Machine.call`), to which general registers are scratch.

HANDLED performs an exception return to what the frame says; the exception and its return are one cycle. Where nobody
says so, registers are as in the frame, and execution goes on at the guest's vector. A hook that raises an ArchException
has the return performed, and that exception taken from where it leads: so it is with an instruction done by a hook.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.errors import AArch64Error
from aarch64.exception_entry import exception_return
from aarch64.exceptions import ArchException, ExceptionClass, Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.cpu import Cpu
    from aarch64.debug.software_step import Stepped
    from aarch64.exceptions import Taken
    from aarch64.pstate import PState

GENERAL_REGISTERS = 31

FRAME_SIZE = 336
"""Bytes that a handler on the interrupted stack leaves for its frame: Linux's PT_REGS_SIZE (`kernel_entry`)."""

_STACK_ALIGNMENT = 16


class HookError(AArch64Error):
    """A hook that is not there, or is there twice, or does not answer as it has to."""


@unique
class Answer(Enum):
    """What a hook says of an exception."""

    HANDLED = "return from the exception, to what the frame says"
    NOT_MINE = "ask the next hook, and after the last one the guest's own handler"


@attrs.define(eq=False)
class RegisterFrame:
    """What an exception interrupted, as Linux's `struct pt_regs`: to be read, and to be edited.

    Attributes:
        x: X0 to X30, 64 bits each.
        sp: the stack pointer that was in use.
        pc: where to go on: ELR_ELx.
        pstate: PSTATE of what was interrupted, as in SPSR_ELx.
        esr: the syndrome, ESR_ELx.
        far: FAR_ELx; it means something for aborts only.
        el: the level the exception was taken to.
        source_el: the level it was taken from.
    """

    x: list[int]
    sp: int
    pc: int
    pstate: int
    esr: int = attrs.field(on_setattr=attrs.setters.frozen)
    far: int = attrs.field(on_setattr=attrs.setters.frozen)
    el: int = attrs.field(on_setattr=attrs.setters.frozen)
    source_el: int = attrs.field(on_setattr=attrs.setters.frozen)


@attrs.frozen(eq=False)
class BreakHook:
    """Asked about BRK with an immediate of 16 bits that is `imm`, but for the bits of `mask`."""

    handler: Callable[[RegisterFrame], Answer]
    imm: int
    mask: int = 0

    def concerns(self, taken: Taken) -> bool:
        """Whether it is to be asked about an exception."""
        return taken.ec is ExceptionClass.BRK and taken.esr & mask(16) & ~self.mask == self.imm


@attrs.frozen(eq=False)
class StepHook:
    """Asked about software step exceptions."""

    handler: Callable[[RegisterFrame], Answer]

    def concerns(self, taken: Taken) -> bool:
        """Whether it is to be asked about an exception."""
        return taken.ec is ExceptionClass.SOFTWARE_STEP


@attrs.frozen(eq=False)
class FaultHook:
    """Asked about instruction and data aborts of any kind."""

    handler: Callable[[RegisterFrame], Answer]

    def concerns(self, taken: Taken) -> bool:
        """Whether it is to be asked about an exception."""
        return taken.ec in (ExceptionClass.INSTRUCTION_ABORT, ExceptionClass.DATA_ABORT)


@attrs.frozen(eq=False)
class SynchronousHook:
    """Asked about synchronous exceptions of every class."""

    handler: Callable[[RegisterFrame], Answer]

    def concerns(self, taken: Taken) -> bool:
        """Whether it is to be asked about an exception."""
        return taken.vector is Vector.SYNCHRONOUS


Hook = BreakHook | StepHook | FaultHook | SynchronousHook


@attrs.define(eq=False)
class Hooks:
    """The hooks of a CPU, in the order they were added, which is that they are asked in.

    They may be added and removed at any time. While an exception is being asked about, one that is removed is not
    asked any more; one that is added is asked from the next exception on.
    """

    _hooks: list[Hook] = attrs.field(factory=list)

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._hooks)

    def add(self, hook: Hook) -> None:
        """Add a hook, to be asked after those already there; HookError if it is one of them."""
        if hook in self._hooks:
            raise HookError(f"{hook} has been added already: remove it first, or make another one")
        self._hooks.append(hook)

    def remove(self, hook: Hook) -> None:
        """Take a hook away; HookError if it is not there."""
        if hook not in self._hooks:
            raise HookError(f"{hook} is not there to be removed: it was never added, or has been removed")
        self._hooks.remove(hook)

    def ask(self, cpu: Cpu, taken: Taken) -> ArchException | None:
        """Offer an exception that has just been taken to the hooks it concerns, and do as they say.

        Returns:
            The exception to take next, if a hook has raised one.

        Raises:
            HookError: a hook did not answer, or left a frame without its 31 registers.
        """
        if taken.vector is not Vector.SYNCHRONOUS:
            return None
        concerned = [hook for hook in self._hooks if hook.concerns(taken)]
        if not concerned:
            return None
        entry = _Entry.of(cpu, taken)
        frame = entry.enter(cpu)
        following: ArchException | None = None
        try:
            answer = self._answer(concerned, frame)
        except ArchException as exception:
            answer, following = Answer.HANDLED, exception
        entry.leave(cpu, frame)
        if answer is Answer.HANDLED:
            exception_return(cpu, frame.pc & mask(64), cpu.spsr[frame.el])
            cpu.pc = cpu.next_pc
        return following

    def _answer(self, concerned: list[Hook], frame: RegisterFrame) -> Answer:
        """The first answer that is not NOT_MINE, if there is one."""
        for hook in concerned:
            if hook not in self._hooks:
                continue
            answer = hook.handler(frame)
            if not isinstance(answer, Answer):
                raise HookError(f"{hook} answered {answer!r} at {frame.pc:#x}: want Answer.HANDLED or Answer.NOT_MINE")
            if answer is Answer.HANDLED:
                return answer
        return Answer.NOT_MINE


@attrs.frozen(eq=False)
class _Entry:
    """The state in which a handler begins, to be there again when the hooks are done.

    Attributes:
        taken: the exception.
        bank: which stack pointer was in use: SP_ELx.
        pstate: a copy.
        sp: the handler's stack pointer.
        far: FAR_ELx.
        stepped: what a step exception would report.
    """

    taken: Taken
    bank: int
    pstate: PState
    sp: int
    far: int
    stepped: Stepped

    @classmethod
    def of(cls, cpu: Cpu, taken: Taken) -> _Entry:
        """As it is now."""
        el = taken.target_el
        bank = taken.source_el if taken.spsr & 1 else 0
        return cls(taken, bank, attrs.evolve(cpu.pstate), cpu.sp_el[el], cpu.sysregs[f"FAR_EL{el}"], cpu.stepped)

    def enter(self, cpu: Cpu) -> RegisterFrame:
        """The frame; where the handler has the interrupted stack, its SP is moved to below it."""
        taken = self.taken
        el = taken.target_el
        frame = RegisterFrame(
            x=cpu.gpr[:GENERAL_REGISTERS],
            sp=cpu.sp_el[self.bank],
            pc=taken.elr,
            pstate=taken.spsr,
            esr=taken.esr,
            far=self.far,
            el=el,
            source_el=taken.source_el,
        )
        if self.bank == el:
            cpu.sp_el[el] = (frame.sp - FRAME_SIZE) & mask(64) & -_STACK_ALIGNMENT
        return frame

    def leave(self, cpu: Cpu, frame: RegisterFrame) -> None:
        """Put all back as it was at entry, but for what the frame says now."""
        if len(frame.x) != GENERAL_REGISTERS:
            raise HookError(f"a frame at {frame.pc:#x} was left with {len(frame.x)} registers: want X0 to X30")
        el = frame.el
        cpu.pstate, cpu.pc, cpu.stepped = self.pstate, self.taken.handler, self.stepped
        cpu.sysregs[f"ESR_EL{el}"], cpu.sysregs[f"FAR_EL{el}"] = frame.esr, frame.far
        cpu.gpr[:GENERAL_REGISTERS] = [value & mask(64) for value in frame.x]
        cpu.sp_el[el] = self.sp
        cpu.sp_el[self.bank] = frame.sp & mask(64)
        cpu.elr[el], cpu.spsr[el] = frame.pc & mask(64), frame.pstate & mask(32)
        cpu.context_changed()
