"""Registers of the generic timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64 import timers
from aarch64.bits import mask
from aarch64.exceptions import undefined
from aarch64.features import Feature
from aarch64.sysregs.control import is_secure_el2
from aarch64.sysregs.record import SysReg, bits, read_only, read_write, span
from aarch64.sysregs.traps import (
    EL0_FREQUENCY,
    EL0PCTEN,
    EL0PTEN,
    EL0VCTEN,
    EL0VTEN,
    EL1PCEN,
    EL1PCTEN,
    EL1TVCT,
    EL1TVT,
    EL3_ST,
)

if TYPE_CHECKING:
    from typing import Any

    from aarch64.cpu import Cpu

_EVENT_STREAM = span(7, 2) | bits(17)  # EVNTEN EVNTDIR EVNTI EVNTIS


def _has_secure_timer(cpu: Cpu) -> bool:
    """CNTPS exists at EL3, and at Secure EL1 while there is no Secure EL2."""
    return cpu.pstate.el == 3 or (cpu.pstate.el == 1 and cpu.is_secure and not cpu.el2_enabled)


def _write_frequency(cpu: Cpu, value: int) -> None:
    """Only the highest level tells the frequency."""
    if cpu.pstate.el != cpu.max_el:
        raise undefined()
    cpu.sysregs["CNTFRQ_EL0"] = value


def _registers_of(timer: timers.Timer, **facts: Any) -> tuple[SysReg, ...]:
    return (
        read_write(timer.ctl, writable=timers.ENABLE | timers.IMASK, read=timer.control, **facts),
        read_write(timer.cval, **facts),
        read_write(timer.tval, writable=mask(32), read=timer.value, write=timer.set_value, **facts),
    )


REGISTERS = (
    read_write("CNTFRQ_EL0", reset=timers.FREQUENCY, writable=mask(32), traps=(EL0_FREQUENCY,),
               write_level=1, write=_write_frequency),
    read_only("CNTPCT_EL0", read=timers.physical_count, traps=(EL0PCTEN, EL1PCTEN)),
    read_only("CNTPCTSS_EL0", read=timers.physical_count, traps=(EL0PCTEN, EL1PCTEN)),
    read_only("CNTVCT_EL0", read=timers.virtual_count, traps=(EL0VCTEN, EL1TVCT)),
    read_only("CNTVCTSS_EL0", read=timers.virtual_count, traps=(EL0VCTEN, EL1TVCT)),
    read_write("CNTKCTL_EL1", writable=_EVENT_STREAM | bits(0, 1, 8, 9)),  # EL0PCTEN EL0VCTEN EL0VTEN EL0PTEN
    read_write("CNTHCTL_EL2", reset=bits(0, 1), writable=_EVENT_STREAM | bits(0, 1, 13, 14, 15, 16)),
    read_write("CNTVOFF_EL2"),
    *_registers_of(timers.PHYSICAL, traps=(EL0PTEN, EL1PCEN)),
    *_registers_of(timers.VIRTUAL, traps=(EL0VTEN, EL1TVT)),
    *_registers_of(timers.HYPERVISOR),
    *_registers_of(timers.SECURE_HYPERVISOR, feature=Feature.SEL2, guard=is_secure_el2),
    *_registers_of(timers.SECURE, traps=(EL3_ST,), guard=_has_secure_timer),
)  # fmt: skip
