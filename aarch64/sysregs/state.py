"""Registers that show what the CPU keeps elsewhere: PSTATE, the saved state of each level, pending interrupts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64 import timers
from aarch64.bits import mask
from aarch64.features import Feature
from aarch64.lines import Line
from aarch64.sysregs.fields import HCR_AMO, HCR_FMO, HCR_IMO, HCR_TGE, HCR_VF, HCR_VI, HCR_VSE
from aarch64.sysregs.record import SysReg, bits, read_only, read_write, span
from aarch64.sysregs.traps import UMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu


def _flag(name: str, attribute: str, low: int, *, level: int = 1, feature: Feature | None = None) -> SysReg:
    """A register that is one bit of PSTATE, at bit `low`."""

    def write(cpu: Cpu, value: int) -> None:
        setattr(cpu.pstate, attribute, value >> low & 1)

    return read_write(
        name,
        level=level,
        feature=feature,
        writable=1 << low,
        read=lambda cpu: getattr(cpu.pstate, attribute) << low,
        write=write,
    )


def _write_nzcv(cpu: Cpu, value: int) -> None:
    cpu.pstate.nzcv = value >> 28 & 0xF


def _write_daif(cpu: Cpu, value: int) -> None:
    cpu.pstate.daif = value >> 6 & 0xF


_PSTATE = (
    read_write("NZCV", level=0, writable=span(31, 28), read=lambda cpu: cpu.pstate.nzcv << 28, write=_write_nzcv),
    read_write("DAIF", level=0, writable=span(9, 6), traps=(UMA,), is_exception_state=True,
               read=lambda cpu: cpu.pstate.daif << 6, write=_write_daif),
    read_only("CurrentEL", level=1, read=lambda cpu: cpu.pstate.el << 2),
    _flag("SPSel", "sp", 0),
    _flag("PAN", "pan", 22, feature=Feature.PAN),
    _flag("UAO", "uao", 23, feature=Feature.UAO),
    _flag("DIT", "dit", 24, level=0, feature=Feature.DIT),
    _flag("SSBS", "ssbs", 12, level=0, feature=Feature.SSBS),
)  # fmt: skip


def _list_item(values: str, index: int) -> tuple[Callable[[Cpu], int], Callable[[Cpu, int], None]]:
    """How to read and write item `index` of one of the CPU's lists by level."""

    def read(cpu: Cpu) -> int:
        found: int = getattr(cpu, values)[index]
        return found

    def write(cpu: Cpu, value: int) -> None:
        getattr(cpu, values)[index] = value

    return read, write


def _banked(name: str, values: str, index: int, **facts: Any) -> SysReg:
    read, write = _list_item(values, index)
    return read_write(name, read=read, write=write, **facts)


_SAVED = (
    *(_banked(f"ELR_EL{el}", "elr", el, is_exception_state=True) for el in (1, 2, 3)),
    *(_banked(f"SPSR_EL{el}", "spsr", el, writable=mask(32), is_exception_state=True) for el in (1, 2, 3)),
    _banked("SP_EL0", "sp_el", 0, level=1, guard=lambda cpu: cpu.pstate.sp),
    _banked("SP_EL1", "sp_el", 1, level=2),
    _banked("SP_EL2", "sp_el", 2, level=3),
)

_ISR_A, _ISR_I, _ISR_F = bits(8), bits(7), bits(6)


def _read_isr(cpu: Cpu) -> int:
    """ISR_EL1: the pending interrupts, at EL1 the virtual ones where HCR_EL2 gives the physical ones to EL2."""
    lines = cpu.lines | timers.pending_lines(cpu)
    pending_a, pending_i, pending_f = Line.SERROR in lines, Line.IRQ in lines, Line.FIQ in lines
    hcr = cpu.sysregs["HCR_EL2"]
    if cpu.pstate.el == 1 and cpu.el2_enabled and not hcr & HCR_TGE:
        if hcr & HCR_AMO:
            pending_a = pending_a or bool(hcr & HCR_VSE)
        if hcr & HCR_IMO:
            pending_i = bool(hcr & HCR_VI)
        if hcr & HCR_FMO:
            pending_f = bool(hcr & HCR_VF)
    return _ISR_A * pending_a | _ISR_I * pending_i | _ISR_F * pending_f


REGISTERS = (*_PSTATE, *_SAVED, read_only("ISR_EL1", read=_read_isr))
