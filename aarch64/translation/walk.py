"""The translation table walk of stage 1, descriptor by descriptor ("Translation table walks")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.exceptions import Fault
from aarch64.memory import BusError
from aarch64.translation import attributes
from aarch64.translation.descriptors import (
    ACCESS_FLAG,
    AP_READ_ONLY,
    GUARDED,
    NON_GLOBAL,
    NS,
    Hierarchy,
    Kind,
    contiguous_bits,
    kind_of,
    output_address,
)
from aarch64.translation.parameters import table_register

if TYPE_CHECKING:
    from aarch64.memory import Memory
    from aarch64.translation.parameters import Parameters


@attrs.frozen
class Step:
    """One descriptor that a walk looked at: where it is, and its value; None where nothing answers."""

    level: int
    address: int
    descriptor: int | None
    kind: Kind


@attrs.frozen
class Leaf:
    """The end of a walk that found a block or a page.

    Attributes:
        steps: the descriptors that led here; the last one is the block's or page's own.
        size: log2 of the bytes that are mapped alike, the contiguous bit considered.
        output: the physical address they are mapped to, a multiple of that size.
        hierarchy: what the tables above have taken from its rights.
        attribute, shareability: the memory type, as MAIR_ELx held it at the time of the walk, and SH.
        is_secure: whether the output address is in the Secure physical address space.
        is_global: nG is clear: it is the same for all address space identifiers.
    """

    steps: tuple[Step, ...]
    size: int
    output: int
    hierarchy: Hierarchy
    attribute: int
    shareability: int
    is_secure: bool
    is_global: bool

    @property
    def level(self) -> int:
        """The level of its descriptor."""
        return self.steps[-1].level

    @property
    def descriptor(self) -> int:
        """Its descriptor."""
        found = self.steps[-1].descriptor
        assert found is not None
        return found

    @property
    def is_guarded(self) -> bool:
        """GP: whether indirect branches may only lead to instructions made for it."""
        return bool(self.descriptor & GUARDED)

    def differs_in_state_only(self, other: Leaf) -> bool:
        """Whether nothing but the access flag and the dirty state tell the two apart."""
        changed = self.descriptor ^ other.descriptor
        return not changed & ~(ACCESS_FLAG | AP_READ_ONLY) and self == other.with_descriptor(self.descriptor)

    def with_descriptor(self, descriptor: int) -> Leaf:
        """The same, its descriptor having been updated."""
        last = attrs.evolve(self.steps[-1], descriptor=descriptor)
        return attrs.evolve(self, steps=(*self.steps[:-1], last))


@attrs.frozen
class DeadEnd:
    """A walk that led nowhere: the fault status code (6 bits), the descriptors seen, and why, in words."""

    status: int
    steps: tuple[Step, ...]
    reason: str


def walk(memory: Memory, parameters: Parameters, table_base: int, address: int, *, is_secure: bool) -> Leaf | DeadEnd:
    """AArch64_S1Walk: follow the tables for a 64-bit address that is in the range of `parameters`.

    Args:
        memory: where the tables are; a walk reaches RAM only.
        parameters: of the address's range.
        table_base: TTBRn_ELx.
        address: the address to translate.
        is_secure: the security state the regime belongs to.
    """
    if parameters.disables_walks:
        reason = f"TCR_EL1.EPD{int(parameters.is_upper)} is set: no walks by {table_register(parameters)}"
        return DeadEnd(Fault.TRANSLATION, (), reason)
    level, table = parameters.start_level, _first_table(parameters, table_base)
    index_bits = parameters.address_bits - parameters.size_at(level)
    hierarchy, steps = Hierarchy(is_secure), tuple[Step, ...]()
    if _is_out_of_range(parameters, table):
        return DeadEnd(Fault.ADDRESS_SIZE, steps, _out_of_range("the table's address", table, parameters))
    while True:
        index = address >> parameters.size_at(level) & mask(index_bits)
        step = _read(memory, table | index << 3, level, parameters.granule)
        steps = (*steps, step)
        if step.descriptor is None:
            return DeadEnd(Fault.EXTERNAL_ON_WALK | level, steps, "nothing answers at the descriptor's address")
        if step.kind is not Kind.TABLE:
            return _end(steps, step.descriptor, address, parameters, hierarchy, is_secure=is_secure)
        hierarchy = hierarchy.below(step.descriptor, parameters)
        table = output_address(step.descriptor, parameters.granule)
        if _is_out_of_range(parameters, table):
            reason = _out_of_range("the next table's address", table, parameters)
            return DeadEnd(Fault.ADDRESS_SIZE | level, steps, reason)
        level, index_bits = level + 1, parameters.stride


def _first_table(parameters: Parameters, table_base: int) -> int:
    """AArch64_S1TTBaseAddress: the field BADDR, of which the table's alignment leaves the upper bits."""
    return table_base & mask(48) & ~1 & ~mask(parameters.first_table_bits)


def _read(memory: Memory, address: int, level: int, granule: int) -> Step:
    try:
        descriptor = int.from_bytes(memory.read_bytes(address, 8), "little")
    except BusError:
        return Step(level, address, None, Kind.INVALID)
    return Step(level, address, descriptor, kind_of(descriptor, level, granule))


def _end(
    steps: tuple[Step, ...],
    descriptor: int,
    address: int,
    parameters: Parameters,
    hierarchy: Hierarchy,
    *,
    is_secure: bool,
) -> Leaf | DeadEnd:
    """What a descriptor that is no table makes of the walk."""
    level, kind = steps[-1].level, steps[-1].kind
    if kind is Kind.INVALID:
        return DeadEnd(Fault.TRANSLATION | level, steps, "bit 0 of the descriptor is clear: it is invalid")
    if kind is Kind.RESERVED:
        return DeadEnd(Fault.TRANSLATION | level, steps, "bit 1 of the descriptor is clear: no block has this level")
    size = parameters.size_at(level) + contiguous_bits(descriptor, level, parameters.granule)
    if size > parameters.address_bits:
        reason = "the contiguous bit (52) makes it larger than the range of addresses"
        return DeadEnd(Fault.TRANSLATION | level, steps, reason)
    output = output_address(descriptor, size)
    reached = output | address & mask(size)
    if _is_out_of_range(parameters, reached):
        return DeadEnd(Fault.ADDRESS_SIZE | level, steps, _out_of_range("the output address", reached, parameters))
    if not descriptor & ACCESS_FLAG and not parameters.updates_flag:
        return DeadEnd(Fault.ACCESS_FLAG | level, steps, "AF (bit 10) is clear")
    field = parameters.mair >> 8 * (descriptor >> 2 & 0b111) & 0xFF
    # Secure software that takes its tables from Non-secure memory does not get global entries from them.
    is_private = bool(descriptor & NON_GLOBAL) or (is_secure and not hierarchy.is_secure)
    return Leaf(
        steps, size, output, hierarchy,
        attribute=attributes.decode_attribute(field, has_xs=parameters.has_xs),
        shareability=descriptor >> 8 & 0b11,
        is_secure=hierarchy.is_secure and not descriptor & NS,
        is_global=not (parameters.regime.has_two_ranges and is_private),
    )  # fmt: skip


def _is_out_of_range(parameters: Parameters, address: int) -> bool:
    """AArch64_OAOutOfRange."""
    return bool(address >> parameters.output_bits)


def _out_of_range(what: str, address: int, parameters: Parameters) -> str:
    field = "IPS" if parameters.regime.has_two_ranges else "PS"
    return f"{what} {address:#x} exceeds the {parameters.output_bits} bits of TCR_EL{parameters.regime:d}.{field}"
