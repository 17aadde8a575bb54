"""Translation table descriptors: what the bits of one mean ("VMSAv8-64 translation table format descriptors")."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask

if TYPE_CHECKING:
    from aarch64.translation.parameters import Parameters

LAST_LEVEL = 3

VALID = 1 << 0
NS = 1 << 5
AP_EL0 = 1 << 6
AP_READ_ONLY = 1 << 7
ACCESS_FLAG = 1 << 10
NON_GLOBAL = 1 << 11
GUARDED = 1 << 50
DIRTY_BIT_MODIFIER = 1 << 51
CONTIGUOUS = 1 << 52
PXN = 1 << 53
UXN = 1 << 54
"""XN in the regimes of EL2 and EL3."""

PXN_TABLE = 1 << 59
UXN_TABLE = 1 << 60
AP_TABLE_NO_EL0 = 1 << 61
AP_TABLE_READ_ONLY = 1 << 62
NS_TABLE = 1 << 63


@unique
class Kind(Enum):
    """What a descriptor is, at its level."""

    INVALID = "invalid"
    RESERVED = "reserved"
    TABLE = "table"
    BLOCK = "block"
    PAGE = "page"


_LARGEST_BLOCK_LEVEL = {12: 1, 14: 2, 16: 2}
"""The first level with block descriptors, by log2 of the granule (AArch64_BlockDescSupported)."""

_CONTIGUOUS_BITS = {12: {1: 4, 2: 4, 3: 4}, 14: {2: 5, 3: 7}, 16: {2: 5, 3: 5}}
"""log2 of how many entries the contiguous bit groups, by log2 of the granule and level (ContiguousSize)."""


def kind_of(descriptor: int, level: int, granule: int) -> Kind:
    """AArch64_DecodeDescriptorType; a reserved descriptor acts as an invalid one."""
    if not descriptor & VALID:
        return Kind.INVALID
    if descriptor & 0b10:
        return Kind.PAGE if level == LAST_LEVEL else Kind.TABLE
    return Kind.BLOCK if _LARGEST_BLOCK_LEVEL[granule] <= level < LAST_LEVEL else Kind.RESERVED


def output_address(descriptor: int, size: int) -> int:
    """The 48-bit address a descriptor leads to, a multiple of 2**`size`."""
    return descriptor & mask(48) & ~mask(size)


def contiguous_bits(descriptor: int, level: int, granule: int) -> int:
    """log2 of the number of entries that a block or page descriptor says are alike; 0 for one alone."""
    return _CONTIGUOUS_BITS[granule].get(level, 0) if descriptor & CONTIGUOUS else 0


@attrs.frozen
class Hierarchy:
    """What the table descriptors on the way have taken from everything below them.

    `ap` is APTable, `uxn` UXNTable (XNTable), `pxn` PXNTable, collected; `is_secure` the space of the next table.
    """

    is_secure: bool
    ap: int = 0
    uxn: bool = False
    pxn: bool = False

    def below(self, descriptor: int, parameters: Parameters) -> Hierarchy:
        """After one more table descriptor (AArch64_S1NextWalkStateTable)."""
        is_secure = self.is_secure and not descriptor & NS_TABLE
        if parameters.disables_hierarchy:
            return attrs.evolve(self, is_secure=is_secure)
        return Hierarchy(
            is_secure,
            self.ap | descriptor >> 61 & 0b11,
            self.uxn or bool(descriptor & UXN_TABLE),
            self.pxn or bool(descriptor & PXN_TABLE),
        )


@attrs.frozen
class Rights:
    """What one kind of access may do."""

    read: bool
    write: bool
    execute: bool

    @property
    def letters(self) -> str:
        """As three letters: `rw-`."""
        return ("r" if self.read else "-") + ("w" if self.write else "-") + ("x" if self.execute else "-")


def is_read_only(descriptor: int, parameters: Parameters) -> bool:
    """Whether AP[2] forbids writing: where hardware manages the dirty state, a clean page can be written to."""
    is_managed = parameters.updates_dirty and descriptor & DIRTY_BIT_MODIFIER
    return bool(descriptor & AP_READ_ONLY) and not is_managed


def base_rights(descriptor: int, hierarchy: Hierarchy, parameters: Parameters) -> tuple[Rights, Rights]:
    """(privileged, unprivileged) rights by AP, UXN, PXN and the tables above (AArch64_S1DirectBasePermissions).

    What depends on the moment (PAN, WXN, the security state) comes in `permissions.rights`.
    """
    write = not (is_read_only(descriptor, parameters) or hierarchy.ap & 0b10)
    never = bool(descriptor & UXN) or hierarchy.uxn
    if not parameters.regime.has_two_ranges:
        return Rights(read=True, write=write, execute=not never), Rights(read=False, write=False, execute=False)
    user_read = bool(descriptor & AP_EL0) and not hierarchy.ap & 0b01
    user_write = user_read and write
    privileged_never = bool(descriptor & PXN) or hierarchy.pxn or user_write
    return (
        Rights(read=True, write=write, execute=not privileged_never),
        Rights(user_read, user_write, execute=not never),
    )
