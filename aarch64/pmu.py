"""The cycle counter of the performance monitors ("The Performance Monitors Extension").

There are no event counters: PMCR_EL0.N is 0. PMCCNTR_EL0 is kept as its value when it was last brought up to date, and
the cycle at which that was; it has to be brought up to date before anything that starts or stops it: a write to its
controls, or a change of exception level, by which PMCCFILTR_EL0 filters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

COUNTER = "PMCCNTR_EL0"
SINCE = "PMCCNTR_EL0 SINCE"
"""The key in `cpu.sysregs` of the cycle at which the counter was last brought up to date: not a register."""

CYCLE = 1 << 31
"""The cycle counter's bit in PMCNTENSET, PMOVSSET, PMINTENSET and their kin."""

_PMCR_E = 1 << 0
_PMCR_DP = 1 << 5
_SPME = 1 << 17
_P, _U, _NSK, _NSU, _NSH, _M = 31, 30, 29, 28, 27, 26


def is_enabled(cpu: Cpu) -> bool:
    """Whether software has switched the cycle counter on."""
    return bool(cpu.sysregs["PMCR_EL0"] & _PMCR_E and cpu.sysregs["PMCNTENSET_EL0"] & CYCLE)


def is_counting(cpu: Cpu) -> bool:
    """Whether this cycle counts (CountPMUEvents, for the cycle counter)."""
    return is_enabled(cpu) and not _is_prohibited(cpu) and not _is_filtered(cpu)


def _is_prohibited(cpu: Cpu) -> bool:
    """Secure state without MDCR_EL3.SPME, where PMCR_EL0.DP asks for the counter to stop."""
    is_closed = cpu.is_secure and not cpu.sysregs["MDCR_EL3"] & _SPME
    return bool(is_closed and cpu.sysregs["PMCR_EL0"] & _PMCR_DP)


def _is_filtered(cpu: Cpu) -> bool:
    """Whether PMCCFILTR_EL0 excludes the current level and security state."""
    bits = cpu.sysregs["PMCCFILTR_EL0"]
    is_nonsecure = cpu.has_level(3) and not cpu.is_secure
    el = cpu.pstate.el
    if el == 2:
        return not bits >> _NSH & 1
    excludes, inverts = {0: (_U, _NSU), 1: (_P, _NSK), 3: (_P, _M)}[el]
    is_inverted = bits >> inverts & 1 if is_nonsecure or el == 3 else 0
    return bool(bits >> excludes & 1) != bool(is_inverted)


def _current(cpu: Cpu) -> int:
    """The counter now, with the carry of an overflow not yet noted in PMOVSSET_EL0 above bit 63."""
    value = cpu.sysregs[COUNTER]
    return value + cpu.cycles - cpu.sysregs[SINCE] if is_counting(cpu) else value


def count(cpu: Cpu) -> int:
    """PMCCNTR_EL0."""
    return _current(cpu) & mask(64)


def overflow_status(cpu: Cpu) -> int:
    """PMOVSSET_EL0: bit 31 set when the cycle counter has wrapped."""
    return cpu.sysregs["PMOVSSET_EL0"] | (CYCLE if _current(cpu) >> 64 else 0)


def synchronise(cpu: Cpu) -> None:
    """Bring the counter up to date; to be called before its controls change."""
    status, value = overflow_status(cpu), count(cpu)
    cpu.sysregs["PMOVSSET_EL0"] = status
    restart(cpu, value)


def before_level_change(cpu: Cpu) -> None:
    """Bring the counter up to date where the exception level, about to change, may start or stop it."""
    if cpu.sysregs["PMCR_EL0"] & _PMCR_E:
        synchronise(cpu)


def restart(cpu: Cpu, value: int) -> None:
    """Let the counter go on from `value` (64 bits)."""
    cpu.sysregs[COUNTER] = value
    cpu.sysregs[SINCE] = cpu.cycles


def is_interrupting(cpu: Cpu) -> bool:
    """Whether the overflow interrupt request is asserted."""
    sysregs = cpu.sysregs
    return bool(sysregs["PMCR_EL0"] & _PMCR_E and sysregs["PMINTENSET_EL1"] & CYCLE and overflow_status(cpu))


def next_overflow(cpu: Cpu) -> int | None:
    """The cycle at which the counter wraps and interrupts, None if it will not as things stand."""
    if not cpu.sysregs["PMINTENSET_EL1"] & CYCLE or not is_counting(cpu):
        return None
    return cpu.cycles + (1 << 64) - count(cpu)
