"""Single instructions, written as text, executed on a CPU: for the rows of the group tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.cpu import Cpu
from aarch64.exceptions import ArchException, Taken
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.isa.table import assemble, decode
from aarch64.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

RAM = 0x4000_0000
PC = RAM + 0x1000


def make_cpu(
    *,
    el: int = 1,
    max_el: int = 3,
    ram_size: int = 1 << 20,
    without: Iterable[Feature] = (),
    extra: Iterable[Feature] = (),
    **sysregs: int,
) -> Cpu:
    """A CPU about to execute at PC; keyword arguments are values of system registers."""
    features = DEFAULT_FEATURES - frozenset(without) | frozenset(extra)
    cpu = Cpu(Memory(RAM, ram_size), features, max_el=max_el, el=el)
    cpu.pc = PC
    for name, value in sysregs.items():
        assert name in cpu.sysregs
        cpu.sysregs[name] = value
    return cpu


def execute(cpu: Cpu, instruction: str | int) -> None:
    """Execute one instruction, a text or a word; ArchException if it ends with one.

    Of an instruction whose feature the CPU lacks nothing is left, as the interpreter has it.
    """
    decoded = decode(assemble(instruction, cpu.pc) if isinstance(instruction, str) else instruction)
    assert decoded is not None
    definition = decoded.definition
    assert definition.semantics is not None
    cpu.next_pc = cpu.pc + 4
    cpu.next_btype = 0
    if definition.feature is not None and not cpu.has(definition.feature):
        cpu.undefined()
    definition.semantics(cpu, *definition.arguments(decoded.fields))


def take(cpu: Cpu, instruction: str | int) -> Taken | None:
    """Execute one instruction; the exception it ended with, taken, or None."""
    taken: list[Taken] = []
    cpu.exception_observers.append(taken.append)
    try:
        execute(cpu, instruction)
    except ArchException as exception:
        cpu.take_exception(exception)
    cpu.exception_observers.clear()
    return taken[0] if taken else None


def syndrome(cpu: Cpu, instruction: str | int) -> tuple[int, int, int] | None:
    """(target level, exception class, ISS) of the exception one instruction ends with, None if it has none."""
    taken = take(cpu, instruction)
    return (taken.target_el, taken.esr >> 26, taken.esr & 0x1FF_FFFF) if taken else None


UNDEFINED_AT_EL1 = (1, 0, 0)
