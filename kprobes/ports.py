"""What kprobes needs of the machine it works on, and no more: `arch.py` provides it, everything else is free of it."""

from __future__ import annotations

from enum import Flag, auto
from typing import Protocol


class Effect(Flag):
    """What an instruction does that matters to a probe on it. The names are those of the instruction set's traits."""

    NONE = 0
    UNALLOCATED = auto()
    """It is none: executing it is UNDEFINED."""
    UNSUPPORTED = auto()
    """It is allocated, and the interpreter does not implement it."""
    RAISES = auto()
    """Exists to generate an exception or to return from one."""
    BRANCHES = auto()
    PC_RELATIVE = auto()
    """Its result depends on the address it is executed at."""
    LANDS = auto()
    """Is made to be branched to: PSTATE.BTYPE says whether it may be."""
    LOAD_EXCLUSIVE = auto()
    STORE_EXCLUSIVE = auto()
    CLEARS_EXCLUSIVE = auto()
    WAITS = auto()
    """WFE, WFI and their kin, and what sends the events they wait for."""
    READS_EXCEPTION_STATE = auto()
    """Reads what the exceptions of a probe change."""
    WRITES_SYSREG = auto()
    MAINTAINS = auto()
    """SYS: on caches, on TLBs, on the translation of an address."""


class Instruction(Protocol):
    """An instruction word, or one that is none."""

    @property
    def word(self) -> int:
        """The 32 bits."""

    @property
    def effects(self) -> Effect:
        """What it does."""

    def text(self, address: int | None = None) -> str:
        """Its disassembly; PC-relative operands are absolute where the address is given."""

    def successors(self, address: int) -> tuple[int, ...]:
        """Where control may go on from `address`: along direct branches, and after it. A call does both."""


class Text(Protocol):
    """Code that may be probed, as it was before any probe was put into it."""

    @property
    def regions(self) -> tuple[range, ...]:
        """The addresses of each contiguous piece of text, by bytes."""

    def instruction(self, address: int) -> Instruction | None:
        """The word at an address, be it code or data among it; None where there is none, or it is not aligned."""

    def is_code(self, address: int) -> bool:
        """Whether there is an instruction at an address, and not data among the code."""

    def symbol(self, address: int) -> range | None:
        """From the nearest symbol that is not after `address` to the next one; None if no symbol is before it."""


class Registers(Protocol):
    """The registers of what a probe interrupted, as Linux's `struct pt_regs`: each 64 bits, `pstate` as SPSR_ELx."""

    x: list[int]
    sp: int
    pc: int
    pstate: int
