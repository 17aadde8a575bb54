"""The software step state machine ("Software Step exceptions").

It is inactive unless MDSCR_EL1.SS is set and debug exceptions are generated where the CPU is. While active, PSTATE.SS
tells what the next instruction meets: 1 (active-not-pending), it is executed, which clears PSTATE.SS; 0
(active-pending), nothing is executed, but the step exception taken. What is written to MDSCR_EL1 counts from the next
instruction on, without a context synchronization event.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

from aarch64.debug.generation import generates, generates_from
from aarch64.exceptions import software_step
from aarch64.sysregs.fields import MDSCR_SS

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.pstate import PState


@unique
class Stepped(Enum):
    """What was executed last in the state active-not-pending: what a step exception reports as ISV and EX."""

    NOTHING = "the last instruction was not stepped, or was an exception return"
    INSTRUCTION = "an instruction"
    LOAD_EXCLUSIVE = "a load-exclusive: the monitor it set is lost to the exception, and would be in each retry"


def is_active(cpu: Cpu) -> bool:
    """Whether the state machine is active: not before each instruction does it matter what it is in."""
    return bool(cpu.sysregs["MDSCR_EL1"] & MDSCR_SS) and generates(cpu)


def is_pending(cpu: Cpu) -> bool:
    """Whether a step exception is what comes next, interrupts apart.

    It ends a wait: WFI and WFE, which may always complete early, are stepped over.
    """
    return not cpu.pstate.ss and is_active(cpu)


def check(cpu: Cpu) -> None:
    """CheckSoftwareStep: before anything else of an instruction.

    Raises:
        ArchException: the step exception, where it is pending.
    """
    if not is_active(cpu):
        cpu.stepped = Stepped.NOTHING
        return
    if not cpu.pstate.ss:
        stepped = cpu.stepped
        raise software_step(is_valid=stepped is not Stepped.NOTHING, after_exclusive=stepped is Stepped.LOAD_EXCLUSIVE)
    cpu.stepped = Stepped.INSTRUCTION


def advance(cpu: Cpu, state: PState) -> None:
    """SSAdvance: an instruction that began in `state` is complete, or is the call that an exception is taken for.

    Masks and locks do not count here: the instruction may have set them.
    """
    if state.ss and cpu.sysregs["MDSCR_EL1"] & MDSCR_SS:
        state.ss = 0


def after_return(cpu: Cpu, to: PState, ss: int) -> int:
    """DebugExceptionReturnSS: PSTATE.SS after an exception return from the current level.

    Args:
        cpu: the CPU before the return.
        to: PSTATE after it, with its EL and D.
        ss: SPSR_ELx.SS.
    """
    if not cpu.sysregs["MDSCR_EL1"] & MDSCR_SS or generates(cpu):
        return 0
    return ss if generates_from(cpu, to.el, to.d) else 0
