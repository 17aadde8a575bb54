"""The slow path of memory access: alignment, translation, devices, faults.

The common case, an aligned access to a RAM page seen before, is handled in `Cpu` itself; everything else comes here.
With the MMU off, addresses are physical and all data memory is Device-nGnRnE ("The effects of disabling a stage of
address translation").
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

from aarch64.bits import mask, sign_extend
from aarch64.exceptions import Fault, data_abort, instruction_abort, pc_alignment
from aarch64.features import Feature
from aarch64.memory import BusError

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

PHYSICAL_ADDRESS_BITS = 48


@unique
class Access(Enum):
    """What kind of data access an instruction makes."""

    NORMAL = "a plain load or store"
    UNPRIVILEGED = "LDTR, STTR: as if from EL0"
    ORDERED = "load-acquire or store-release"
    EXCLUSIVE = "load- or store-exclusive"
    ATOMIC = "single-copy atomic read-modify-write"


_SCTLR_A = 1 << 1
_SCTLR_NAA = 1 << 6
_TBI_BITS = {1: (37, 38), 2: (20, 20), 3: (20, 20)}
"""Bit numbers of TCR_ELx.TBI for addresses with bit 55 clear and set."""
_TBID_BITS = {1: (51, 52), 2: (29, 29), 3: (29, 29)}
"""Likewise of TCR_ELx.TBID, which keeps TBI from instruction addresses."""


def ignores_top_byte(cpu: Cpu, regime: int, upper: int, *, is_instruction: bool = False) -> bool:
    """EffectiveTBI: whether the regime of level 1 to 3 ignores the top byte of addresses whose bit 55 is `upper`."""
    tcr = cpu.sysregs[f"TCR_EL{regime}"]
    if not tcr >> _TBI_BITS[regime][upper] & 1:
        return False
    return not (is_instruction and cpu.has(Feature.PAUTH) and tcr >> _TBID_BITS[regime][upper] & 1)


def strip_tag(cpu: Cpu, address: int, *, is_instruction: bool = False) -> int:
    """`address` with its top byte made a copy of bit 55 (zero at EL2 and EL3) where it is ignored."""
    regime = max(cpu.pstate.el, 1)
    if ignores_top_byte(cpu, regime, address >> 55 & 1, is_instruction=is_instruction):
        return sign_extend(address, 56) if regime == 1 else address & mask(56)
    return address


def _physical(cpu: Cpu, address: int, *, is_instruction: bool = False) -> int | None:
    """The physical address with the MMU off, None for an address size fault."""
    stripped = strip_tag(cpu, address, is_instruction=is_instruction) if address >> 56 else address
    return None if stripped >> PHYSICAL_ADDRESS_BITS else stripped


def _is_aligned(cpu: Cpu, address: int, size: int, access: Access) -> bool:
    """Whether the access may proceed as far as its own kind and SCTLR_ELx.A are concerned."""
    if not address & (size - 1):
        return True
    sctlr = cpu.sctlr
    if sctlr & _SCTLR_A:
        return False
    if access in (Access.NORMAL, Access.UNPRIVILEGED):
        return True
    within = address & 15 <= 16 - size
    if access is Access.ORDERED and sctlr & _SCTLR_NAA:
        within = True
    return within and cpu.has(Feature.LSE2)


def resolve(cpu: Cpu, address: int, size: int, access: Access, *, is_write: bool) -> int:
    """The physical address of a data access of `size` bytes.

    Raises:
        ArchException: alignment fault or address size fault.
    """
    if not _is_aligned(cpu, address, size, access):
        raise data_abort(Fault.ALIGNMENT, address, is_write=is_write)
    physical = _physical(cpu, address)
    if physical is None:
        raise data_abort(Fault.ADDRESS_SIZE, address, is_write=is_write)
    if address & (size - 1) and not cpu.unaligned_device_access:
        raise data_abort(Fault.ALIGNMENT, address, is_write=is_write)
    return physical


def load(cpu: Cpu, address: int, size: int, access: Access) -> int:
    """`size` bytes (1 to 16) at a virtual address; ArchException where the access faults."""
    physical = resolve(cpu, address, size, access, is_write=False)
    try:
        if size == 16:
            return cpu.memory.read(physical, 8) | cpu.memory.read(physical + 8, 8) << 64
        return cpu.memory.read(physical, size)
    except BusError as error:
        raise data_abort(Fault.EXTERNAL, address + error.address - physical, is_write=False) from None


def store(cpu: Cpu, address: int, size: int, value: int, access: Access) -> None:
    """Write `size` bytes (1 to 16) at a virtual address; ArchException, with nothing written, where it faults."""
    physical = check_store(cpu, address, size, access)
    try:
        if size == 16:
            cpu.memory.write(physical, 8, value & mask(64))
            cpu.memory.write(physical + 8, 8, value >> 64)
        else:
            cpu.memory.write(physical, size, value)
    except BusError as error:
        raise data_abort(Fault.EXTERNAL, address + error.address - physical, is_write=True) from None


def check_store(cpu: Cpu, address: int, size: int, access: Access) -> int:
    """The physical address of a store that will not fault half-way; ArchException where it would fault."""
    physical = resolve(cpu, address, size, access, is_write=True)
    for end in (physical, physical + size - 1):
        if not cpu.memory.answers(end):
            raise data_abort(Fault.EXTERNAL, address + end - physical, is_write=True)
    return physical


def fetch(cpu: Cpu, pc: int) -> int:
    """The instruction word at `pc`; ArchException for a misaligned PC or a fetch that faults."""
    if pc & 3:
        raise pc_alignment(pc)
    physical = _physical(cpu, pc, is_instruction=True)
    if physical is None:
        raise instruction_abort(Fault.ADDRESS_SIZE, pc)
    if not cpu.memory.is_ram(physical):
        raise instruction_abort(Fault.EXTERNAL, pc)
    return cpu.memory.read(physical, 4)
