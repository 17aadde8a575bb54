"""Hardware breakpoints ("Breakpoint exceptions")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.debug.generation import generates
from aarch64.debug.matching import (
    Match,
    States,
    any_enabled,
    enabled,
    is_linked,
    kind_of,
    matches_context,
    matches_linked_context,
    names,
    same_from,
)
from aarch64.exceptions import hardware_breakpoint
from aarch64.sysregs.debug import BREAKPOINTS
from aarch64.sysregs.fields import MDSCR_MDE

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_CONTROLS = names("DBGBCR", BREAKPOINTS)


def are_active(cpu: Cpu) -> bool:
    """Whether some breakpoint may match an instruction as things stand."""
    if not cpu.sysregs["MDSCR_EL1"] & MDSCR_MDE or not generates(cpu):
        return False
    return any_enabled(cpu, _CONTROLS)


def check(cpu: Cpu, address: int) -> None:
    """AArch64.CheckBreakpoint, for the instruction at an address that the current level may execute.

    "Synchronous exception prioritization for exceptions taken to AArch64 state": it comes after the faults of the
    fetch's translation, and before all that the instruction itself comes to; and, as the pseudocode translates first
    and then reads, before an external abort of the read.

    Raises:
        ArchException: the breakpoint exception, where one matches.
    """
    if not cpu.sysregs["MDSCR_EL1"] & MDSCR_MDE or not generates(cpu):
        return
    if any(_matches(cpu, number, control, address) for number, control in enabled(cpu, _CONTROLS)):
        raise hardware_breakpoint()


def _matches(cpu: Cpu, number: int, control: int, address: int) -> bool:
    """AArch64.BreakpointMatch. A context that is there to be linked matches nothing by itself."""
    kind, linked = kind_of(cpu, number), is_linked(cpu, number)
    if kind is None or not States.of(control).include(cpu, cpu.pstate.el):
        return False
    if kind is not Match.ADDRESS:
        return not linked and matches_context(cpu, number, kind)
    if not same_from(address, cpu.sysregs[f"DBGBVR{number}_EL1"], 2):
        return False
    return not linked or matches_linked_context(cpu, control)
