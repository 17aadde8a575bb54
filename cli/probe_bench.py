"""What probes cost: cycles and time of a hit by the way its instruction is executed, and what a loop loses by them."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.assembler import assemble_source
from aarch64.machine import RAM_BASE, Machine
from kprobes import PROFILES, Kprobe, Kprobes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECTION = "probes"
"""What it is called among the workloads."""

_LONG, _SHORT = (300, 1000), (2000, 1)
"""Hits, and turns of an inner loop of 4 instructions between two of them: most time is the loop's, or the hits'."""
_SOURCE = """
outer: msr daifclr, #8
1: mov x2, x1
2: add x3, x3, x2
 eor x4, x4, x3, lsl #7
 subs x2, x2, #1
 b.ne 2b
slot: add x5, x5, #1
 adr x6, simulated
simulated: b 3f
3: subs x0, x0, #1
 b.ne 1b
 mov x0, x5
 ret
"""


@attrs.frozen
class Method:
    """A way to execute the probed instruction: a profile that has it, and where in the loop there is one."""

    name: str
    about: str
    profile: str
    symbol: str


METHODS = (
    Method("step", "hardware single step of a slot (v15, v4.8)", "v15", "slot"),
    Method("BRK", "BRK after the slot (v5.10, v7.2)", "v5.10", "slot"),
    Method("simulate", "simulation (v4.8, v5.10, v7.2)", "v5.10", "simulated"),
)


@attrs.frozen
class Cost:
    """What hits cost, each the median of the rounds.

    Attributes:
        cycles: cycles that a hit adds.
        exceptions: exceptions it takes.
        seconds: seconds of the host that it takes.
        unprobed, probed: instructions per second of a loop of 4,000 instructions a turn, without a probe, and hit once
            a turn.
    """

    method: Method
    cycles: float
    exceptions: float
    seconds: float
    unprobed: float
    probed: float

    def as_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {"about": self.method.about, **attrs.asdict(self), "method": self.method.name}


def measure(rounds: int, progress: Callable[[str], None]) -> list[Cost]:
    """Measure each method, in rounds."""
    costs = []
    for method in METHODS:
        progress(f"{SECTION}: {method.name}")
        costs.append(_cost(method, rounds))
    return costs


@attrs.frozen
class _Run:
    cycles: int
    exceptions: int
    seconds: float


def _cost(method: Method, rounds: int) -> Cost:
    bare, probed = _machine(), _machine()
    with Kprobes(probed, PROFILES[method.profile]) as kprobes:
        kprobes.register(Kprobe(method.symbol, pre_handler=lambda _probe, _regs: 0))
        kinds = [(machine, size) for size in (_SHORT, _LONG) for machine in (bare, probed)]
        for kind in kinds:
            _run(*kind)  # everything is compiled
        taken = [[_run(*kind) for kind in kinds] for _ in range(rounds)]
    short_bare, short_probed, long_bare, long_probed = zip(*taken, strict=True)
    (hits, _), instructions = _SHORT, long_bare[0].cycles
    return Cost(
        method,
        cycles=(short_probed[0].cycles - short_bare[0].cycles) / hits,
        exceptions=(short_probed[0].exceptions - short_bare[0].exceptions) / hits,
        seconds=(_seconds(short_probed) - _seconds(short_bare)) / hits,
        unprobed=instructions / _seconds(long_bare),
        probed=instructions / _seconds(long_probed),
    )


def _machine() -> Machine:
    machine = Machine()
    machine.load(assemble_source(_SOURCE, filename=SECTION, base=RAM_BASE))
    return machine


def _seconds(runs: Iterable[_Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def _run(machine: Machine, size: tuple[int, int]) -> _Run:
    cycles, exceptions = machine.cpu.cycles, machine.exceptions.total()
    start = time.perf_counter()
    machine.call("outer", *size)
    seconds = time.perf_counter() - start
    return _Run(machine.cpu.cycles - cycles, machine.exceptions.total() - exceptions, seconds)
