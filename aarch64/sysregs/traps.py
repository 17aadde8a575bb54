"""Trap controls: the bits by which a level keeps lower levels from registers and from floating point.

Each control is one record. Accesses are checked against a register's controls in the order of the target level, as the
accessors in the Arm ARM's register descriptions do.
"""

from __future__ import annotations

from enum import Flag
from typing import TYPE_CHECKING

import attrs

from aarch64.exceptions import trapped_floating_point, undefined
from aarch64.sysregs.fields import CPTR_TFP, HCR_TGE, MDCR_TDE
from aarch64.sysregs.record import bits

if TYPE_CHECKING:
    from aarch64.cpu import Cpu


class On(Flag):
    """The accesses a control traps."""

    READ = 1
    WRITE = 2
    BOTH = 3


@attrs.frozen
class Trap:
    """A control: accesses from the levels `by` are trapped to level `to`.

    They are trapped when any of the bits is set; or, where the control `enables` the access, when none of them is.
    `also` is a second register and mask with the same meaning.
    """

    control: str
    mask: int
    to: int
    by: tuple[int, ...]
    on: On = On.BOTH
    enables: bool = False
    also: tuple[str, int] | None = None

    def applies(self, cpu: Cpu, on: On) -> bool:
        """Whether an access now, in this direction, is trapped by this control."""
        if cpu.pstate.el not in self.by or not on & self.on or not _is_enabled(cpu, self.to):
            return False
        is_set = bool(cpu.sysregs[self.control] & self.mask)
        if self.also:
            is_set = is_set or bool(cpu.sysregs[self.also[0]] & self.also[1])
        return is_set != self.enables


def _is_enabled(cpu: Cpu, level: int) -> bool:
    """Whether the controls of a level are in effect."""
    if level == 2:
        return cpu.el2_enabled
    return cpu.has_level(level)


def el1_or_tge(cpu: Cpu) -> int:
    """The level that takes what EL0 is denied by EL1: EL2 instead when HCR_EL2.TGE is set."""
    return 2 if cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & HCR_TGE else 1


def trapping_level(cpu: Cpu, traps: tuple[Trap, ...], on: On) -> int | None:
    """The level an access in this direction is trapped to, None if it is not. `traps` is ordered by target level."""
    for trap in traps:
        if trap.applies(cpu, on):
            return el1_or_tge(cpu) if trap.to == 1 else trap.to
    return None


def check_fp_access(cpu: Cpu) -> None:
    """AArch64.CheckFPEnabled: raise the trap that a floating-point or Advanced SIMD instruction takes here, if any."""
    el = cpu.pstate.el
    if el <= 1 and not _FPEN.get(cpu.sysregs["CPACR_EL1"] >> 20 & 3, el == 1):
        if el1_or_tge(cpu) == 2:
            raise undefined()  # reported at EL2 with an unknown reason, whose route under TGE is EL2
        raise trapped_floating_point(1)
    if cpu.el2_enabled and el <= 2 and cpu.sysregs["CPTR_EL2"] & CPTR_TFP:
        raise trapped_floating_point(2)
    if cpu.has_level(3) and cpu.sysregs["CPTR_EL3"] & CPTR_TFP:
        raise trapped_floating_point(3)


_FPEN = {0b00: False, 0b10: False, 0b11: True}
"""CPACR_EL1.FPEN: whether EL0 and EL1 may use floating point; 0b01 lets only EL1."""

# --- to EL1, from EL0


def _el0(control: str, *numbers: int, on: On = On.BOTH, enables: bool = True) -> Trap:
    return Trap(control, bits(*numbers), to=1, by=(0,), on=on, enables=enables)


UMA = _el0("SCTLR_EL1", 9)
UCT = _el0("SCTLR_EL1", 15)
TDCC = _el0("MDSCR_EL1", 12, enables=False)
EL0_FREQUENCY = _el0("CNTKCTL_EL1", 0, 1)
EL0PCTEN = _el0("CNTKCTL_EL1", 0)
EL0VCTEN = _el0("CNTKCTL_EL1", 1)
EL0VTEN = _el0("CNTKCTL_EL1", 8)
EL0PTEN = _el0("CNTKCTL_EL1", 9)
PMU_EN = _el0("PMUSERENR_EL0", 0)
PMU_SW = _el0("PMUSERENR_EL0", 0, 1)
PMU_ER = _el0("PMUSERENR_EL0", 0, 3)
PMU_CR_READ = _el0("PMUSERENR_EL0", 0, 2, on=On.READ)
PMU_EN_WRITE = _el0("PMUSERENR_EL0", 0, on=On.WRITE)

# --- to EL2


def _hcr(number: int, by: tuple[int, ...] = (1,), on: On = On.BOTH, *, enables: bool = False) -> Trap:
    return Trap("HCR_EL2", 1 << number, to=2, by=by, on=on, enables=enables)


def _mdcr(number: int) -> Trap:
    return Trap("MDCR_EL2", bits(number), to=2, by=(0, 1))


def _debug(number: int, by: tuple[int, ...] = (1,)) -> Trap:
    """A control of MDCR_EL2 that acts as set where TDE is."""
    return Trap("MDCR_EL2", bits(number) | MDCR_TDE, to=2, by=by)


TID1 = _hcr(16)
TID2 = _hcr(17, by=(0, 1))
TID3 = _hcr(18)
TIDCP = _hcr(20)
TACR = _hcr(21)
TVM = _hcr(26, on=On.WRITE)
TRVM = _hcr(30, on=On.READ)
TLOR = _hcr(35)
TERR = _hcr(36)
APK = _hcr(40, enables=True)
TDA = _debug(9)
TDA_DCC = attrs.evolve(_debug(9, by=(0, 1)), also=("HCR_EL2", HCR_TGE))
TDOSA = _debug(10)
TDRA = _debug(11)
TPM = _mdcr(6)
TPMCR = _mdcr(5)
TCPAC = Trap("CPTR_EL2", 1 << 31, to=2, by=(1,))
EL1PCTEN = Trap("CNTHCTL_EL2", 1 << 0, to=2, by=(0, 1), enables=True)
EL1PCEN = Trap("CNTHCTL_EL2", 1 << 1, to=2, by=(0, 1), enables=True)
EL1TVT = Trap("CNTHCTL_EL2", 1 << 13, to=2, by=(0, 1))
EL1TVCT = Trap("CNTHCTL_EL2", 1 << 14, to=2, by=(0, 1))

# --- to EL3


def _el3(control: str, number: int, by: tuple[int, ...] = (1, 2), *, enables: bool = False) -> Trap:
    return Trap(control, 1 << number, to=3, by=by, enables=enables)


EL3_TLOR = _el3("SCR_EL3", 14)
EL3_TERR = _el3("SCR_EL3", 15)
EL3_APK = _el3("SCR_EL3", 16, enables=True)
EL3_ST = _el3("SCR_EL3", 11, by=(1,), enables=True)
EL3_TPM = _el3("MDCR_EL3", 6, by=(0, 1, 2))
EL3_TDA = _el3("MDCR_EL3", 9)
EL3_TDA_DCC = _el3("MDCR_EL3", 9, by=(0, 1, 2))
EL3_TDOSA = _el3("MDCR_EL3", 10)
EL3_TCPAC = _el3("CPTR_EL3", 31)
