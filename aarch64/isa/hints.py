"""Hints: NOP and its kin, waiting for events and interrupts, BTI, ESB. What is not allocated here does nothing."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.cpu import Wait
from aarch64.exceptions import trapped_wait
from aarch64.features import Feature
from aarch64.interrupts import defer_serrors, is_pending
from aarch64.isa.definition import Group, Trait
from aarch64.isa.operands import Choice, Computed
from aarch64.pstate import BranchType
from aarch64.sysregs.fields import HCR_TWE, HCR_TWI, SCR_TWE, SCR_TWI, SCTLR_NTWE, SCTLR_NTWI
from aarch64.sysregs.traps import el1_or_tge
from aarch64.timers import virtual_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.isa.definition import Semantics
    from aarch64.isa.syntax import Fields


def join_number(fields: Fields) -> int:
    """The number of a hint, 0 to 127."""
    return fields["crm"] << 3 | fields["op2"]


def split_number(value: int, _known: Fields) -> dict[str, int] | None:
    """CRm and op2 of the hint with a number; None if there is none."""
    return {"crm": value >> 3, "op2": value & 7} if 0 <= value < 128 else None


GROUP = Group(
    "Hints",
    {
        "number": lambda: Computed(("crm", "op2"), join_number, split_number),
        "targets": lambda field: Choice(field, ("", "c", "j", "jc")),
    },
)
insn = GROUP.insn


def hint(title: str, number: int, asm: str, traits: Trait = Trait.NONE) -> Callable[[Semantics], Semantics]:
    """Define the hint with a number (0 to 127)."""
    pattern = f"11010101000000110010 {number >> 3:04b} {number & 7:03b} 11111"
    return insn(title, pattern, asm=asm, traits=Trait.HINT | traits, specialises="HINT")


# --- nothing to do


@insn("HINT", "11010101000000110010 crm:4 op2:3 11111", asm="hint {number}", traits=Trait.HINT)
def unallocated(cpu: Cpu, crm: int, op2: int) -> None:
    """A hint that the machine does not know is a NOP."""


@hint("NOP", 0, "nop")
@hint("YIELD", 1, "yield")
@hint("DGH", 6, "dgh")
@hint("PSB CSYNC", 17, "psb csync", Trait.BARRIER)
@hint("TSB CSYNC", 18, "tsb csync", Trait.BARRIER)
@hint("CSDB", 20, "csdb", Trait.BARRIER)
def nop(cpu: Cpu) -> None:
    """Nobody to yield to, nothing gathered, profiled, traced or speculated."""


def is_bti_target(cpu: Cpu, fields: Fields) -> bool:
    """BTypeCompatible_BTI: `c` is for calls and jumps by X16 and X17, `j` for all jumps, `jc` for both."""
    btype, targets = cpu.pstate.btype, fields["targets"]
    if targets == _FOR_CALLS:
        return btype != BranchType.JUMP_FROM_GUARDED_PAGE
    if targets == _FOR_JUMPS:
        return btype != BranchType.CALL
    return targets == _FOR_CALLS | _FOR_JUMPS


_FOR_CALLS, _FOR_JUMPS = 0b01, 0b10


@insn(
    "BTI",
    "11010101000000110010 0100 targets:2 0 11111",
    asm="bti {targets:targets}",
    traits=Trait.HINT,
    specialises="HINT",
    landing=is_bti_target,
)
def bti(cpu: Cpu, targets: int) -> None:
    """A place indirect branches may lead to, in a guarded page; the check comes before any instruction there."""


# --- waiting


@unique
class WaitKind(IntEnum):
    """The instructions that wait, as the trap syndrome numbers them: ISS.TI."""

    WFI = 0
    WFE = 1
    WFIT = 2
    WFET = 3


@attrs.frozen
class WaitTraps:
    """The bits that trap a wait to EL1, where clear, and to EL2 and EL3, where set."""

    sctlr: int
    hcr: int
    scr: int


_WFI_TRAPS = WaitTraps(SCTLR_NTWI, HCR_TWI, SCR_TWI)
_WFE_TRAPS = WaitTraps(SCTLR_NTWE, HCR_TWE, SCR_TWE)


def trap_level(cpu: Cpu, traps: WaitTraps) -> int | None:
    """The level that a wait at the current level is trapped to (AArch64_CheckForWFxTrap)."""
    el = cpu.pstate.el
    if el == 0 and not cpu.sctlr & traps.sctlr:
        return el1_or_tge(cpu)
    if el < 2 and cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & traps.hcr:
        return 2
    if el < 3 and cpu.has_level(3) and cpu.sysregs["SCR_EL3"] & traps.scr:
        return 3
    return None


def check_wait_trap(cpu: Cpu, kind: WaitKind, rd: int | None) -> None:
    """Raise the trap of a wait, if it has one."""
    is_event = kind in (WaitKind.WFE, WaitKind.WFET)
    target = trap_level(cpu, _WFE_TRAPS if is_event else _WFI_TRAPS)
    if target is not None:
        cpu.raise_exception(trapped_wait(kind, target, rd))


def time_limit(cpu: Cpu, rd: int | None) -> int | None:
    """The cycle at which the virtual counter reaches the value in register `rd`: now, if it is past it."""
    if rd is None:
        return None
    return cpu.cycles + max(cpu.x(rd) - virtual_count(cpu), 0)


def wait_for_event(cpu: Cpu, kind: WaitKind, rd: int | None = None) -> None:
    """Hint_WFE: consume the event that is there, or wait for one; `rd` holds the time limit of WFET."""
    if cpu.event_register:
        cpu.event_register = False
        return
    until = time_limit(cpu, rd)
    if until is not None and until <= cpu.cycles:
        return
    check_wait_trap(cpu, kind, rd)
    cpu.wait(Wait.EVENT, until)


def wait_for_interrupt(cpu: Cpu, kind: WaitKind, rd: int | None = None) -> None:
    """Hint_WFI: wait unless an interrupt is pending, masked or not; `rd` holds the time limit of WFIT."""
    until = time_limit(cpu, rd)
    if is_pending(cpu) or (until is not None and until <= cpu.cycles):
        return
    check_wait_trap(cpu, kind, rd)
    cpu.wait(Wait.INTERRUPT, until)


@hint("WFE", 2, "wfe", Trait.WAITS)
def wfe(cpu: Cpu) -> None:
    wait_for_event(cpu, WaitKind.WFE)


@hint("WFI", 3, "wfi", Trait.WAITS)
def wfi(cpu: Cpu) -> None:
    wait_for_interrupt(cpu, WaitKind.WFI)


@insn("WFET", "11010101000000110001 0000 000 rd:5", asm="wfet {rd:X}", feature=Feature.WFXT, traits=Trait.WAITS)
def wfet(cpu: Cpu, rd: int) -> None:
    wait_for_event(cpu, WaitKind.WFET, rd)


@insn("WFIT", "11010101000000110001 0000 001 rd:5", asm="wfit {rd:X}", feature=Feature.WFXT, traits=Trait.WAITS)
def wfit(cpu: Cpu, rd: int) -> None:
    wait_for_interrupt(cpu, WaitKind.WFIT, rd)


@hint("SEV", 4, "sev", Trait.WAITS)
@hint("SEVL", 5, "sevl", Trait.WAITS)
def send_event(cpu: Cpu) -> None:
    """To all processing elements or to this one: there is one."""
    cpu.event_register = True


# --- errors


@hint("ESB", 16, "esb", Trait.BARRIER | Trait.WRITES_SYSREG)
def esb(cpu: Cpu) -> None:
    """An SError that is masked is recorded instead of staying pending; one that is not has been taken by now."""
    if cpu.has(Feature.RAS):
        defer_serrors(cpu)
