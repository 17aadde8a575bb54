"""The generic timer: counters, timers and the event stream, all on the cycle counter ("The Generic Timer").

The system counter advances by one each cycle. There is no interrupt controller: a timer drives the IRQ input itself, as
does the overflow of the PMU's cycle counter.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from aarch64 import pmu
from aarch64.bits import mask, sign_extend
from aarch64.lines import Line

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

FREQUENCY = 62_500_000
"""CNTFRQ_EL0 in hertz, that of QEMU's virt machine. It is what software is told; one cycle is one tick."""

_MASK64 = mask(64)
_WRAP = 1 << 64
ENABLE, IMASK, ISTATUS = 1 << 0, 1 << 1, 1 << 2


def physical_count(cpu: Cpu) -> int:
    """CNTPCT_EL0."""
    return cpu.cycles & _MASK64


def virtual_count(cpu: Cpu) -> int:
    """CNTVCT_EL0: the physical count less CNTVOFF_EL2."""
    return (cpu.cycles - cpu.sysregs["CNTVOFF_EL2"]) & _MASK64


@attrs.frozen(slots=False)
class Timer:
    """One timer: a compare value (CVAL), a control (CTL), and a view of them counting down (TVAL)."""

    prefix: str
    level: int
    is_virtual: bool = False

    @cached_property
    def ctl(self) -> str:
        """The name of its control register."""
        return f"{self.prefix}_CTL_EL{self.level}"

    @cached_property
    def cval(self) -> str:
        """The name of its compare value register."""
        return f"{self.prefix}_CVAL_EL{self.level}"

    @cached_property
    def tval(self) -> str:
        """The name of its timer value register."""
        return f"{self.prefix}_TVAL_EL{self.level}"

    def count(self, cpu: Cpu) -> int:
        """The counter it compares with."""
        return virtual_count(cpu) if self.is_virtual else physical_count(cpu)

    def _is_met(self, cpu: Cpu) -> bool:
        """IsTimerConditionMet."""
        return self.count(cpu) >= cpu.sysregs[self.cval]

    def control(self, cpu: Cpu) -> int:
        """CTL, with ISTATUS as it is now."""
        stored = cpu.sysregs[self.ctl]
        return stored | ISTATUS if stored & ENABLE and self._is_met(cpu) else stored

    def value(self, cpu: Cpu) -> int:
        """TVAL: the compare value less the count, 32 bits."""
        return (cpu.sysregs[self.cval] - self.count(cpu)) & mask(32)

    def set_value(self, cpu: Cpu, value: int) -> None:
        """Write TVAL: the compare value becomes the count plus the signed 32-bit value."""
        cpu.sysregs[self.cval] = (self.count(cpu) + sign_extend(value, 32)) & _MASK64

    def is_interrupting(self, cpu: Cpu) -> bool:
        """Whether its interrupt request is asserted."""
        return self.control(cpu) & (ENABLE | IMASK | ISTATUS) == ENABLE | ISTATUS

    def next_change(self, cpu: Cpu) -> int | None:
        """The cycle at which its interrupt request changes if nothing is written, None for never."""
        if cpu.sysregs[self.ctl] & (ENABLE | IMASK) != ENABLE:
            return None
        now, compare = self.count(cpu), cpu.sysregs[self.cval]
        if compare == 0:
            return None  # every count has reached it
        return cpu.cycles + (compare if now < compare else _WRAP) - now


PHYSICAL = Timer("CNTP", 0)
VIRTUAL = Timer("CNTV", 0, is_virtual=True)
HYPERVISOR = Timer("CNTHP", 2)
SECURE_HYPERVISOR = Timer("CNTHPS", 2)
SECURE = Timer("CNTPS", 1)

TIMERS = (PHYSICAL, VIRTUAL, HYPERVISOR, SECURE_HYPERVISOR, SECURE)


def pending_lines(cpu: Cpu) -> frozenset[Line]:
    """The interrupt inputs that timers and the PMU assert now."""
    if pmu.is_interrupting(cpu) or any(timer.is_interrupting(cpu) for timer in TIMERS):
        return _IRQ
    return _NO_LINES


_IRQ = frozenset({Line.IRQ})
_NO_LINES: frozenset[Line] = frozenset()


def next_deadline(cpu: Cpu) -> int | None:
    """The first cycle after now at which time alone changes `pending_lines`, None for never.

    While the CPU waits, `event_due` counts too.
    """
    candidates = [timer.next_change(cpu) for timer in TIMERS]
    candidates.append(pmu.next_overflow(cpu))
    if cpu.waiting is not None:
        candidates += [stream.next_event(cpu) for stream in EVENT_STREAMS]
    return min((cycle for cycle in candidates if cycle is not None), default=None)


@attrs.frozen
class EventStream:
    """Events made by a bit of a counter going up, or down ("Event streams")."""

    control: str
    is_virtual: bool

    def _period_and_phase(self, cpu: Cpu) -> tuple[int, int] | None:
        """(ticks from one event to the next, ticks since the last one), None when the stream is off."""
        control = cpu.sysregs[self.control]
        if not control >> 2 & 1:
            return None
        half = 1 << (control >> 4 & 15) + 8 * (control >> 17 & 1)
        at = 0 if control >> 3 & 1 else half
        count = virtual_count(cpu) if self.is_virtual else physical_count(cpu)
        return 2 * half, (count - at) % (2 * half)

    def is_due(self, cpu: Cpu) -> bool:
        """Whether it makes an event in this very cycle."""
        found = self._period_and_phase(cpu)
        return found is not None and found[1] == 0

    def next_event(self, cpu: Cpu) -> int | None:
        """The cycle of its next event, None when it is off."""
        found = self._period_and_phase(cpu)
        return None if found is None else cpu.cycles + found[0] - found[1]


EVENT_STREAMS = (EventStream("CNTKCTL_EL1", is_virtual=True), EventStream("CNTHCTL_EL2", is_virtual=False))


def event_due(cpu: Cpu) -> bool:
    """Whether an event stream makes an event in this very cycle: it ends a wait by WFE."""
    return any(stream.is_due(cpu) for stream in EVENT_STREAMS)
