"""When debug exceptions are generated: levels, masks and locks ("Enabling debug exceptions from the current level")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.sysregs.debug import is_double_lock_set, is_os_lock_set
from aarch64.sysregs.fields import HCR_TGE, MDCR_SDD, MDCR_TDE, MDSCR_KDE, SCR_EEL2, SCR_NS

if TYPE_CHECKING:
    from aarch64.cpu import Cpu


def is_secure_at(cpu: Cpu, el: int) -> bool:
    """SecurityStateAtEL: whether level `el`, the current one or a lower one, is in Secure state."""
    return cpu.max_el == 3 and (el == 3 or not cpu.sysregs["SCR_EL3"] & SCR_NS)


def target_of(cpu: Cpu, el: int) -> int:
    """DebugTargetFrom: the level, 1 or 2, that debug exceptions of EL0 and EL1 go to in the security state of `el`."""
    if cpu.max_el < 2 or (is_secure_at(cpu, el) and not cpu.sysregs["SCR_EL3"] & SCR_EEL2):
        return 1
    return 2 if cpu.sysregs["HCR_EL2"] & HCR_TGE or cpu.sysregs["MDCR_EL2"] & MDCR_TDE else 1


def generates_from(cpu: Cpu, el: int, mask: int) -> bool:
    """AArch64.GenerateDebugExceptionsFrom: whether there are step, breakpoint and watchpoint exceptions at a level.

    Args:
        cpu: the CPU; its locks and controls decide.
        el: the exception level, 0 to 3.
        mask: PSTATE.D there, which counts where the exceptions are taken to that very level.
    """
    if is_os_lock_set(cpu) or is_double_lock_set(cpu):
        return False
    if is_secure_at(cpu, el) and cpu.sysregs["MDCR_EL3"] & MDCR_SDD:
        return False
    target = target_of(cpu, el)
    if el == target:
        return bool(cpu.sysregs["MDSCR_EL1"] & MDSCR_KDE) and not mask
    return target > el


def generates(cpu: Cpu) -> bool:
    """AArch64.GenerateDebugExceptions: likewise, where the CPU is now."""
    return generates_from(cpu, cpu.pstate.el, cpu.pstate.d)
