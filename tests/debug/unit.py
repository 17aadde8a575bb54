"""A CPU with its debug unit unlocked, about to execute a few instructions: for the rows of the debug unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.assembler import assemble_source
from aarch64.exceptions import ExceptionClass, Taken, Vector
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.interpreter import Interpreter
from aarch64.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

RAM = 0x4000_0000
CODE = RAM + 0x1000
DATA = RAM + 0x8000
STACK = RAM + 0xC000
VECTORS = RAM + 0x10000
"""Those of EL1; those of EL2 and EL3 are 0x1000 and 0x2000 further on. Every vector is an ERET."""
NOWHERE = 0x2000_0000

SS, KDE, MDE = 1 << 0, 1 << 13, 1 << 15
SPSR_SS, SPSR_D, SPSR_IL = 1 << 21, 1 << 9, 1 << 20
TDE, TGE, SDD, NS, EEL2, HCE = 1 << 8, 1 << 27, 1 << 16, 1 << 0, 1 << 18, 1 << 8
UNLOCKED, LOCKED = 0b1000, 0b1010

_ERET = 0xD69F03E0


class Unit(Interpreter):
    """A CPU that keeps the exceptions it took."""

    taken: list[Taken]

    def cycles_of(self, count: int) -> list[Taken]:
        """The exceptions of so many cycles."""
        before = len(self.taken)
        for _ in range(count):
            self.step()
        return self.taken[before:]


def make_unit(
    text: str = "nop\n" * 8,
    *,
    el: int = 1,
    max_el: int = 3,
    d: int = 0,
    ss: int = 0,
    pc: int = CODE,
    extra: Iterable[Feature] = (),
    **sysregs: int,
) -> Unit:
    """A CPU at the first instruction of `text`, interrupts masked; keyword arguments are values of system registers."""
    cpu = Unit(Memory(RAM, 1 << 20), DEFAULT_FEATURES | frozenset(extra), max_el=max_el, el=el)
    for segment in assemble_source(text, base=CODE).segments:
        cpu.memory.write_bytes(segment.address, segment.data)
    for level in (1, 2, 3):
        cpu.sysregs[f"VBAR_EL{level}"] = VECTORS + 0x1000 * (level - 1)
        for offset in range(0, 0x800, 0x80):
            cpu.memory.write(VECTORS + 0x1000 * (level - 1) + offset, 4, _ERET)
    cpu.sysregs |= {"OSLSR_EL1": UNLOCKED, "SCR_EL3": NS | HCE, "HCR_EL2": 0, "MDCR_EL2": 0} | sysregs
    cpu.sp_el[:] = [STACK] * 4
    cpu.gpr[19], cpu.gpr[9] = DATA, NOWHERE
    cpu.pc = pc
    cpu.pstate.d, cpu.pstate.ss = d, ss
    cpu.taken = []
    cpu.exception_observers.append(cpu.taken.append)
    cpu.context_changed()
    return cpu


def classes(taken: Iterable[Taken]) -> list[str]:
    """The kinds of exceptions, by name."""
    return [item.ec.name if item.vector is Vector.SYNCHRONOUS else item.vector.name for item in taken]


STEP = ExceptionClass.SOFTWARE_STEP.name
