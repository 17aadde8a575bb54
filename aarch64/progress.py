"""Recognising a guest that can never go on: a cycle that changed nothing, with no event to come that could.

A branch to itself, an exception whose handler's first instruction takes the same exception, a wait that nothing can
end: all are states that lead to themselves. Only cycles that leave the PC where it was are looked at. Observers, and
whoever else may change the machine from outside, do not count as events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64 import pmu, state
from aarch64.cpu import Wait
from aarch64.exceptions import ExceptionClass, Taken
from aarch64.interrupts import pending_exception
from aarch64.lines import Line
from aarch64.syndrome import describe_taken
from aarch64.translation.explanation import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.interpreter import Interpreter
    from aarch64.state import CpuState

_AFTER_THE_CALL = {ExceptionClass.SVC: 0, ExceptionClass.HVC: 0, ExceptionClass.SMC: 3}
"""Classes whose ELR_ELx is the address after the instruction, and the lowest target level for which that is so."""

_HORIZON = 1 << 62
"""Cycles to come that count as never: two thousand years."""

_VECTOR_SIZE = 0x80

_WAITS = {Wait.INTERRUPT: "an interrupt", Wait.EVENT: "an event"}


def wake_up(cpu: Interpreter) -> int | None:
    """The next cycle at which time by itself may end a wait or interrupt a loop; None if there is none."""
    cycle = cpu.wake_cycle()
    return None if cycle is None or cycle - cpu.cycles >= _HORIZON else cycle


def _takes_interrupts(cpu: Interpreter) -> bool:
    """Whether an interrupt of a timer would be taken if it came now."""
    lines = cpu.lines
    cpu.lines = lines | {Line.IRQ}
    try:
        return pending_exception(cpu) is not None
    finally:
        cpu.lines = lines


def _can_time_help(cpu: Interpreter) -> bool:
    return wake_up(cpu) is not None and (cpu.waiting is not None or _takes_interrupts(cpu))


def _timeless_state(cpu: Interpreter) -> CpuState:
    """The state, but for what moves with every cycle."""
    saved = state.save(cpu, with_counters=False)
    for key in (pmu.COUNTER, pmu.SINCE):
        saved["sysregs"].pop(key, None)
    return saved


def address_of(taken: Taken) -> int:
    """The address of the instruction that an exception was taken from."""
    is_after = taken.target_el >= _AFTER_THE_CALL.get(taken.ec, 4)
    return taken.elr - 4 if is_after else taken.elr


class Progress:
    """Watches one CPU."""

    def __init__(self, cpu: Interpreter, locate: Callable[[int], str]) -> None:
        """Watch `cpu`; `locate` writes an address with its symbol."""
        self._cpu = cpu
        self._locate = locate
        self._cycle = 0
        self._state: CpuState = {}
        self._chain: list[Taken] = []
        self._chain_retired = 0
        cpu.exception_observers.append(self._note)

    def is_lost(self) -> bool:
        """To be asked after each cycle that left the PC unchanged: whether all that follow will be the same."""
        cpu = self._cpu
        if _can_time_help(cpu):
            return False
        before, self._state = self._state, _timeless_state(cpu)
        is_next, self._cycle = self._cycle + 1 == cpu.cycles, cpu.cycles
        return is_next and before == self._state

    def _note(self, taken: Taken) -> None:
        """Keep the first and the last of the exceptions since an instruction retired."""
        if self._chain_retired != self._cpu.retired:
            self._chain.clear()
            self._chain_retired = self._cpu.retired
        del self._chain[1:]
        self._chain.append(taken)

    # --- in words

    def explain(self) -> str:
        """Why the guest is lost."""
        cpu = self._cpu
        if cpu.waiting:
            where = self._locate(cpu.pc - 4)
            return f"waiting for {_WAITS[cpu.waiting]} at {where}, EL{cpu.pstate.el}: nothing can end it"
        if self._chain and self._chain_retired == cpu.retired:
            return self._explain_exceptions(self._chain[0], self._chain[-1])
        return f"branch to itself at {self._locate(cpu.pc)}, EL{cpu.pstate.el}: no interrupt can end it{self._cause()}"

    def details(self) -> tuple[str, ...]:
        """Lines that explain further: the translation that the first of the exceptions failed at."""
        faults = [taken.fault for taken in self._chain[:1] if taken.fault is not None]
        return tuple(line for fault in faults if fault.is_translated for line in describe(fault))

    def _cause(self) -> str:
        """The exception whose vector the PC is in."""
        if not self._chain or not 0 <= self._cpu.pc - self._chain[-1].handler < _VECTOR_SIZE:
            return ""
        return f"; it is the vector of {self._origin(self._chain[-1])}"

    def _origin(self, taken: Taken) -> str:
        return f"{describe_taken(taken)} from {self._locate(address_of(taken))}, EL{taken.source_el}"

    def _explain_exceptions(self, first: Taken, last: Taken) -> str:
        loop = f"exception loop at {self._locate(last.handler)}, EL{last.target_el}: {describe_taken(last)}"
        origin = self._origin(first)
        if self._cpu.pc != last.handler:
            return f"{self._origin(last)}: a hook handles it, and goes back to where it happens again"
        if first.ec is ExceptionClass.BRK:
            return f"breakpoint with no handler: {origin}; {loop}"
        return loop if address_of(first) == last.handler else f"{origin}; {loop}"

    def forget(self) -> None:
        """Begin anew: the machine was put into another state."""
        self._cycle, self._state = 0, {}
        self._chain.clear()
