"""Guests with probes: a little program on a machine whose debug exceptions are unmasked, and all that kprobes say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.assembler import assemble_source
from aarch64.features import DEFAULT_FEATURES
from aarch64.machine import RAM_BASE, Machine
from kprobes.manager import Kprobes
from kprobes.profiles import PROFILES
from kprobes.reports import Message, TransitionReport
from tests.programs.examples import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aarch64.features import Feature
    from aarch64.image import Image
    from kprobes.profiles import Profile
    from kprobes.reports import Report
    from kprobes.stacks import Stack

CODE = RAM_BASE + 0x1_0000
STACK = RAM_BASE + 0x8_0000 - 0x1000
"""The stack pointer to begin with, in the middle of a stack of 16 KiB, which is so aligned."""
LONG = 100_000
"""More cycles than any of these programs needs."""

D_CLEAR = 0b0111
"""PSTATE.DAIF in which a step can be taken."""

JPROBE_RETURN = (PROGRAMS / "runtime" / "jprobe.s").read_text()

KERNELS = {name: PROFILES[name] for name in ("v15", "v4.8", "v5.10", "v7.2")}
WITH_JPROBES = {name: KERNELS[name] for name in ("v15", "v4.8")}
ASSEMBLY_TRAMPOLINES = {name: KERNELS[name] for name in ("v15", "v4.8", "v5.10")}


@attrs.frozen
class Guest:
    """A machine with a program, and its kprobes."""

    machine: Machine
    kprobes: Kprobes
    reports: list[Report]

    def call(self, target: str, *arguments: int) -> int:
        """Call a function, with the stack pointer there is."""
        return self.machine.call(target, *arguments, max_cycles=LONG)

    def address(self, symbol: str) -> int:
        """The address of a symbol."""
        return self.machine.resolve(symbol)

    def words(self, symbol: str, count: int = 1) -> list[int]:
        """Double words at a symbol."""
        return self.words_at(self.address(symbol), count)

    def words_at(self, address: int, count: int) -> list[int]:
        """Double words at an address."""
        data = self.machine.memory.read_bytes(address, 8 * count)
        return [int.from_bytes(data[at : at + 8], "little") for at in range(0, 8 * count, 8)]

    def word(self, address: int) -> int | None:
        """The instruction word at an address."""
        return self.kprobes.engine.host.read_word(address)

    def push(self, *values: int) -> None:
        """Put double words on the stack, the first one at the lowest address, 16 bytes aligned."""
        cpu = self.machine.cpu
        cpu.sp -= -(-8 * len(values) // 16) * 16
        self.machine.memory.write_bytes(cpu.sp, b"".join(value.to_bytes(8, "little") for value in values))

    @property
    def messages(self) -> list[str]:
        """What the kernel has printed."""
        return [report.text for report in self.reports if isinstance(report, Message)]

    @property
    def rows(self) -> list[int]:
        """The rows of the table that were taken."""
        return [report.transition.row for report in self.reports if isinstance(report, TransitionReport)]


def make_guest(
    source: str | Image,
    profile: Profile,
    *,
    daif: int = D_CLEAR,
    exact: bool = False,
    stacks: Sequence[Stack] = (),
    features: Iterable[Feature] = DEFAULT_FEATURES,
    current_task: Callable[[], int] = lambda: 0,
) -> Guest:
    """A program, about to be called at EL1 with some masks."""
    machine = Machine(exact=exact, features=features)
    machine.load(assemble_source(source, filename="guest", base=CODE) if isinstance(source, str) else source)
    machine.cpu.sp = STACK
    machine.cpu.pstate.daif = daif
    machine.cpu.context_changed()
    reports: list[Report] = []
    kprobes = Kprobes(machine, profile, stacks=stacks, current_task=current_task)
    kprobes.engine.watchers.append(reports.append)
    return Guest(machine, kprobes, reports)


def kernels(which: Iterable[str] = tuple(KERNELS)) -> dict[str, object]:
    """The arguments of a parametrization over kernels."""
    names = list(which)
    return {"argnames": "profile", "argvalues": [KERNELS[name] for name in names], "ids": names}
