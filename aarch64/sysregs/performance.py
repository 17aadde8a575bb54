"""Registers of the performance monitors: the cycle counter, and no event counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64 import pmu
from aarch64.features import Feature
from aarch64.sysregs.record import SysReg, bits, read_only, read_write, span, write_only
from aarch64.sysregs.traps import (
    EL3_TDA,
    EL3_TPM,
    PMU_CR_READ,
    PMU_EN,
    PMU_EN_WRITE,
    PMU_ER,
    PMU_SW,
    TPM,
    TPMCR,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu

_PMCR_LC = 1 << 6  # RES1 where there is no AArch32
_PMCR_C = 1 << 2
_PMCR_STORED = bits(0, 5)  # E DP
_SELECT_CYCLE_COUNTER = 31


def _stores(name: str) -> Callable[[Cpu, int], None]:
    """A write of a control of the cycle counter."""

    def write(cpu: Cpu, value: int) -> None:
        pmu.synchronise(cpu)
        cpu.sysregs[name] = value

    return write


def _write_pmcr(cpu: Cpu, value: int) -> None:
    _stores("PMCR_EL0")(cpu, value & _PMCR_STORED | _PMCR_LC)
    if value & _PMCR_C:
        pmu.restart(cpu, 0)


def _sets(name: str) -> Callable[[Cpu, int], None]:
    """A write of ones that sets bits of `name`."""
    return lambda cpu, value: _stores(name)(cpu, _up_to_date(cpu, name) | value)


def _clears(name: str) -> Callable[[Cpu, int], None]:
    """A write of ones that clears bits of `name`."""
    return lambda cpu, value: _stores(name)(cpu, _up_to_date(cpu, name) & ~value)


def _up_to_date(cpu: Cpu, name: str) -> int:
    pmu.synchronise(cpu)
    return cpu.sysregs[name]


def _reads(name: str) -> Callable[[Cpu], int]:
    return lambda cpu: _up_to_date(cpu, name)


def _write_counter(cpu: Cpu, value: int) -> None:
    pmu.synchronise(cpu)
    pmu.restart(cpu, value)


def _selects_cycle_counter(cpu: Cpu) -> bool:
    return cpu.sysregs["PMSELR_EL0"] == _SELECT_CYCLE_COUNTER


_ALWAYS = (TPM, EL3_TPM)
_FILTER = bits(31, 30, 29, 28, 27, 26)  # P U NSK NSU NSH M


def _set_and_clear(stem: str, level: int, *, clear: str | None = None, **facts: Any) -> tuple[SysReg, ...]:
    """The two registers, one setting and one clearing, that show the same bits."""
    store = f"{stem}SET_EL{level}"
    shared = {"writable": pmu.CYCLE, "feature": Feature.PMUV3, "read": _reads(store), **facts}
    return (
        read_write(store, write=_sets(store), **shared),
        read_write(f"{clear or stem + 'CLR'}_EL{level}", write=_clears(store), **shared),
    )


def _pmu(register: Callable[..., SysReg], name: str, **facts: Any) -> SysReg:
    return register(name, feature=Feature.PMUV3, **facts)


REGISTERS = (
    _pmu(read_write, "PMCR_EL0", reset=_PMCR_LC, writable=_PMCR_STORED | _PMCR_C | bits(1), write=_write_pmcr,
         traps=(PMU_EN, TPM, TPMCR, EL3_TPM)),
    *_set_and_clear("PMCNTEN", 0, traps=(PMU_EN, *_ALWAYS)),
    *_set_and_clear("PMOVS", 0, traps=(PMU_EN, *_ALWAYS)),
    *_set_and_clear("PMINTEN", 1, traps=_ALWAYS),
    _pmu(write_only, "PMSWINC_EL0", writable=0, traps=(PMU_SW, *_ALWAYS)),
    _pmu(read_write, "PMSELR_EL0", writable=span(4, 0), traps=(PMU_ER, *_ALWAYS)),
    _pmu(read_only, "PMCEID0_EL0", traps=(PMU_EN, *_ALWAYS)),
    _pmu(read_only, "PMCEID1_EL0", traps=(PMU_EN, *_ALWAYS)),
    _pmu(read_write, "PMCCNTR_EL0", read=pmu.count, write=_write_counter,
         traps=(PMU_CR_READ, PMU_EN_WRITE, *_ALWAYS)),
    _pmu(read_write, "PMCCFILTR_EL0", writable=_FILTER, write=_stores("PMCCFILTR_EL0"), traps=(PMU_EN, *_ALWAYS)),
    _pmu(read_write, "PMXEVTYPER_EL0", writable=_FILTER, guard=_selects_cycle_counter,
         read=lambda cpu: cpu.sysregs["PMCCFILTR_EL0"], write=_stores("PMCCFILTR_EL0"), traps=(PMU_EN, *_ALWAYS)),
    _pmu(read_write, "PMUSERENR_EL0", write_level=1, writable=span(3, 0), traps=_ALWAYS),
    read_write("MDCR_EL2", writable=span(11, 0), traps=(EL3_TDA,)),  # HPMN TPMCR TPM HPME TDE TDA TDOSA TDRA
    read_write("MDCR_EL3", writable=bits(6, 9, 10, 16, 17, 20, 21)),  # TPM TDA TDOSA SDD SPME EDAD EPMAD
)  # fmt: skip
