"""Taking an exception and returning from one: the only places where PSTATE changes level.

"Exception entry", "Exception return" and "Legal exception returns" of the Arm ARM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.debug import software_step
from aarch64.debug.software_step import Stepped
from aarch64.exceptions import ArchException, ExceptionClass, Return, Route, Taken, Vector
from aarch64.features import Feature
from aarch64.pmu import before_level_change
from aarch64.pstate import SPSR_AARCH32, PState
from aarch64.sysregs.fields import HCR_TEA, HCR_TGE, MDCR_TDE, SCR_EA, SCTLR_DSSBS, SCTLR_SPAN
from aarch64.translation.parameters import strip_tag

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_FROM_SAME_WITH_SP_ELX = 0x200
_FROM_LOWER_AARCH64 = 0x400
_VBAR_ALIGNMENT = mask(64) ^ 0x7FF

_IL = 1 << 25
_EC_SHIFT = 26

_KEEPS_BTYPE = frozenset(
    {
        ExceptionClass.BTI,
        ExceptionClass.ILLEGAL_STATE,
        ExceptionClass.INSTRUCTION_ABORT,
        ExceptionClass.PC_ALIGNMENT,
        ExceptionClass.SERROR,
        ExceptionClass.BREAKPOINT,
        ExceptionClass.SOFTWARE_STEP,
        ExceptionClass.BRK,
    }
)
"""Classes whose SPSR_ELx records PSTATE.BTYPE: those reported before the instruction could consume it."""


def target_level(cpu: Cpu, exception: ArchException) -> int:
    """The exception level an exception is taken to."""
    if exception.target is not None:
        return exception.target
    el = cpu.pstate.el
    if exception.route is Route.EXTERNAL_ABORT:
        return _external_abort_level(cpu, el)
    if el > 1:
        return el
    return 2 if cpu.el2_enabled and _is_routed_to_el2(cpu, exception.route) else 1


def _is_routed_to_el2(cpu: Cpu, route: Route) -> bool:
    """Whether EL2 takes what EL0 and EL1 raise; under HCR_EL2.TGE only EL0 does, there being no legal return to EL1."""
    if cpu.sysregs["HCR_EL2"] & HCR_TGE:
        return True
    return route is Route.DEBUG and bool(cpu.sysregs["MDCR_EL2"] & MDCR_TDE)


def _external_abort_level(cpu: Cpu, el: int) -> int:
    """AArch64.SyncExternalAbortTarget."""
    if el == 3 or (cpu.max_el == 3 and cpu.sysregs["SCR_EL3"] & SCR_EA):
        return 3
    if el == 2:
        return 2
    routed = HCR_TEA | (HCR_TGE if el == 0 else 0)
    return 2 if cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & routed else 1


def take_exception(cpu: Cpu, exception: ArchException) -> Taken:
    """AArch64.TakeException: save state, report the syndrome, enter the handler. Returns what happened."""
    old = cpu.pstate
    if exception.returns is Return.NEXT:
        software_step.advance(cpu, old)
    target = target_level(cpu, exception)
    spsr = _saved_state(old, exception)
    elr = cpu.pc if exception.returns is Return.THIS else (cpu.pc + 4) & mask(64)
    esr = cpu.sysregs[f"ESR_EL{target}"]
    if exception.vector in (Vector.SYNCHRONOUS, Vector.SERROR):
        esr = _report(cpu, exception, old.el, target)
    before_level_change(cpu)
    handler = (cpu.sysregs[f"VBAR_EL{target}"] & _VBAR_ALIGNMENT) + exception.vector
    if target > old.el:
        handler += _FROM_LOWER_AARCH64
    elif old.sp:
        handler += _FROM_SAME_WITH_SP_ELX
    cpu.pstate = _handler_state(cpu, old, target)
    cpu.spsr[target] = spsr
    cpu.elr[target] = elr
    cpu.pc = handler
    cpu.context_changed()
    return Taken(
        exception.ec, exception.vector, old.el, target, esr, elr, spsr, exception.far, handler, cpu.cycles,
        exception.fault,
    )  # fmt: skip


def _saved_state(old: PState, exception: ArchException) -> int:
    spsr = old.to_spsr()
    if exception.ec not in _KEEPS_BTYPE and exception.vector is Vector.SYNCHRONOUS:
        spsr &= ~(0b11 << 10)
    return spsr


def _report(cpu: Cpu, exception: ArchException, source: int, target: int) -> int:
    """Write ESR_ELx and, where the exception has an address, FAR_ELx; the syndrome is returned."""
    ec = exception.ec.at_same_level if source == target else exception.ec
    esr = ec << _EC_SHIFT | _IL | exception.iss
    cpu.sysregs[f"ESR_EL{target}"] = esr
    if exception.far is not None:
        cpu.sysregs[f"FAR_EL{target}"] = exception.far
    return esr


def _handler_state(cpu: Cpu, old: PState, target: int) -> PState:
    sctlr = cpu.sysregs[f"SCTLR_EL{target}"]
    sets_pan = target == 1 and cpu.has(Feature.PAN) and not sctlr & SCTLR_SPAN
    return PState(
        flags=old.flags, dit=old.dit,
        el=target,
        pan=1 if sets_pan else old.pan,
        ssbs=int(bool(sctlr & SCTLR_DSSBS)) if cpu.has(Feature.SSBS) else 0,
    )  # fmt: skip


def exception_return(cpu: Cpu, new_pc: int, spsr: int) -> None:
    """AArch64.ExceptionReturn: PSTATE from `spsr`, or PSTATE.IL set when it describes an illegal return."""
    before_level_change(cpu)
    cpu.pstate = _returned_state(cpu, spsr)
    cpu.stepped = Stepped.NOTHING
    cpu.next_btype = cpu.pstate.btype
    cpu.clear_exclusive()
    cpu.event_register = True
    cpu.branch(strip_tag(cpu, new_pc, is_fetch=True))
    cpu.context_changed()


def _returned_state(cpu: Cpu, spsr: int) -> PState:
    wanted = PState.from_spsr(spsr)
    _drop_absent_fields(cpu, wanted)
    if is_illegal_return(cpu, spsr, wanted):
        kept = cpu.pstate
        wanted.el, wanted.sp, wanted.il = kept.el, kept.sp, 1
        wanted.ssbs, wanted.btype, wanted.uao, wanted.dit = kept.ssbs, kept.btype, kept.uao, kept.dit
    wanted.ss = software_step.after_return(cpu, wanted, wanted.ss)
    return wanted


_PSTATE_FEATURES = {
    "pan": Feature.PAN,
    "uao": Feature.UAO,
    "dit": Feature.DIT,
    "ssbs": Feature.SSBS,
    "btype": Feature.BTI,
    "tco": Feature.MTE,
}


def _drop_absent_fields(cpu: Cpu, state: PState) -> None:
    for name, feature in _PSTATE_FEATURES.items():
        if not cpu.has(feature):
            setattr(state, name, 0)


def is_illegal_return(cpu: Cpu, spsr: int, wanted: PState) -> bool:
    """IllegalExceptionReturn: AArch32 state, a level that does not exist or is higher, EL1 under HCR_EL2.TGE ..."""
    if spsr & (SPSR_AARCH32 | 1 << 1):
        return True
    el = wanted.el
    if el > cpu.pstate.el or (el == 0 and wanted.sp) or not cpu.has_level(el):
        return True
    if el == 2:
        return not cpu.el2_enabled
    return el == 1 and cpu.el2_enabled and bool(cpu.sysregs["HCR_EL2"] & HCR_TGE)
