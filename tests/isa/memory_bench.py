"""A CPU with a little memory, and one instruction at a time on it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from aarch64.exceptions import ArchException
from tests.isa import running
from tests.isa.running import RAM, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aarch64.cpu import Cpu
    from aarch64.features import Feature

RAM_SIZE = 0x10000
RAM_END = RAM + RAM_SIZE
CODE = RAM
DATA = RAM + 0x8000
"""In the middle of RAM, where `PATTERN` is."""
PATTERN = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
NOWHERE = 0x1_0000_0000
"""An address that nothing answers."""


def make_cpu(*, without: Iterable[Feature] = (), unaligned: bool = False, el: int = 1) -> Cpu:
    """A CPU with `PATTERN` at DATA, x1 and SP pointing to it."""
    cpu = running.make_cpu(el=el, max_el=1, ram_size=RAM_SIZE, without=without)
    cpu.memory.write_bytes(DATA, PATTERN)
    cpu.unaligned_device_access = unaligned
    cpu.pc = CODE
    cpu.gpr[1] = cpu.sp = DATA
    return cpu


def run(cpu: Cpu, *program: str | int, **registers: int) -> Cpu:
    """Set `registers` (x0 to x30, sp), then execute instructions given as text or words, one after the other."""
    for name, value in registers.items():
        if name == "sp":
            cpu.sp = value
        else:
            cpu.gpr[int(name[1:])] = value
    for instruction in program:
        execute(cpu, instruction)
        cpu.pc += 4
    return cpu


def state_of(cpu: Cpu) -> dict[str, Any]:
    """All that an instruction may change."""
    return {
        "x": list(cpu.gpr),
        "sp": list(cpu.sp_el),
        "pc": cpu.pc,
        "pstate": copy.copy(cpu.pstate),
        "exclusive": cpu.exclusive,
        "memory": cpu.memory.read_bytes(RAM, RAM_SIZE),
        "sysregs": dict(cpu.sysregs),
    }


def fault_of(cpu: Cpu, action: Callable[[], object]) -> ArchException:
    """The exception that `action` ends with, having changed nothing."""
    before = state_of(cpu)
    with pytest.raises(ArchException) as caught:
        action()
    assert before == state_of(cpu)
    return caught.value


def fault(cpu: Cpu, line: str | int) -> ArchException:
    """The exception that one instruction ends with, having changed nothing."""
    return fault_of(cpu, lambda: run(cpu, line))


def memory_at(cpu: Cpu, address: int, size: int) -> int:
    """The little-endian value of `size` bytes."""
    return int.from_bytes(cpu.memory.read_bytes(address, size), "little")
