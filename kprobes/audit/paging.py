"""Translation tables for the cases: pages of 4KB in ranges of 48 bits, for EL1, written descriptor by descriptor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.machine import Machine

READ_ONLY, UNACCESSED, GUARDED = 1 << 7, 0, 1 << 50
"""Bits of a page's descriptor: AP[2]; a clear access flag; GP."""
EL0 = 1 << 6 | 1 << 53
"""AP[1], and PXN: the page of a user."""
DEVICE = 1 << 2
"""AttrIndx 1, which is Device memory in MAIR_EL1."""
ACCESSED = 1 << 10

_MAIR = 0xFF
_PAGE, _TABLE = 0b11, 0b11
_PAGE_SHIFT, _INDEX_BITS, _LAST_LEVEL = 12, 9, 3
_T0SZ = _T1SZ = 64 - 48
_TG1_4KB, _IPS_48, _TBI0 = 0b10 << 30, 0b101 << 32, 1 << 37
_SCTLR_M, _SCTLR_C, _SCTLR_I = 1 << 0, 1 << 2, 1 << 12


@attrs.define(eq=False)
class Range:
    """One of the two ranges of addresses of EL1, its tables made from `frames` as they are needed."""

    machine: Machine
    frames: Iterator[int]
    root: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.root = next(self.frames)

    def map(self, virtual: int, physical: int, bits: int = ACCESSED) -> None:
        """Map a page of Normal memory of EL1, or of what `bits` say."""
        self._write(self._entry(virtual), physical | _PAGE | bits)

    def unmap(self, virtual: int) -> None:
        """Have an address not mapped."""
        self._write(self._entry(virtual), 0)

    def _entry(self, virtual: int) -> int:
        """Where the descriptor of a page is; tables on the way there are made."""
        table = self.root
        for level in range(_LAST_LEVEL):
            entry = table + self._offset(virtual, level)
            if not self._read(entry):
                self._write(entry, next(self.frames) | _TABLE)
            table = self._read(entry) & ~_TABLE
        return table + self._offset(virtual, _LAST_LEVEL)

    @staticmethod
    def _offset(virtual: int, level: int) -> int:
        shift = _PAGE_SHIFT + _INDEX_BITS * (_LAST_LEVEL - level)
        return 8 * (virtual >> shift & (1 << _INDEX_BITS) - 1)

    def _read(self, entry: int) -> int:
        return self.machine.memory.read(entry, 8)

    def _write(self, entry: int, descriptor: int) -> None:
        self.machine.memory.write(entry, 8, descriptor)


def use(machine: Machine, lower: Range, upper: Range) -> None:
    """Switch translation on; the top byte of addresses of the lower range is ignored."""
    registers = machine.cpu.sysregs
    registers["TTBR0_EL1"], registers["TTBR1_EL1"] = lower.root, upper.root
    registers["TCR_EL1"] = _T0SZ | _T1SZ << 16 | _TG1_4KB | _IPS_48 | _TBI0
    registers["MAIR_EL1"] = _MAIR
    registers["SCTLR_EL1"] |= _SCTLR_M | _SCTLR_C | _SCTLR_I
    machine.cpu.context_changed()
