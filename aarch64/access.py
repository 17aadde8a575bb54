"""The slow path of memory access: alignment, translation, devices, faults.

The common case, an aligned access to a RAM page seen before, is handled in `Cpu` itself; everything else comes here.
With the MMU off, addresses are physical and all data memory is Device-nGnRnE ("The effects of disabling a stage of
address translation").
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

from aarch64.bits import mask, sign_extend
from aarch64.exceptions import ArchException, Fault, data_abort, instruction_abort, pc_alignment
from aarch64.features import Feature
from aarch64.memory import PAGE_OFFSET, PAGE_SIZE, BusError
from aarch64.sysregs.fields import SCTLR_A, SCTLR_NAA
from aarch64.sysregs.identification import PHYSICAL_ADDRESS_BITS

if TYPE_CHECKING:
    from aarch64.cpu import Cpu


@unique
class Access(Enum):
    """What kind of data access an instruction makes."""

    NORMAL = "a plain load or store"
    UNPRIVILEGED = "LDTR, STTR: as if from EL0"
    ORDERED = "load-acquire or store-release"
    ORDERED_DOWNWARDS = "store-release of a pair, the element at the higher address first"
    EXCLUSIVE = "load- or store-exclusive"
    ATOMIC = "single-copy atomic read-modify-write"


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


def _is_single(cpu: Cpu, address: int, size: int) -> bool:
    """FEAT_LSE2: whether an access is single-copy atomic whatever its alignment, being within 16 aligned bytes."""
    return cpu.has(Feature.LSE2) and (address & 15) + size <= 16


def _unaligned_access_faults(cpu: Cpu, address: int, size: int, access: Access) -> bool:
    """AArch64.UnalignedAccessFaults: whether an unaligned access of this kind faults on any type of memory."""
    sctlr = cpu.sctlr
    if sctlr & SCTLR_A:
        return True
    if access in (Access.NORMAL, Access.UNPRIVILEGED):
        return False
    if access in (Access.ORDERED, Access.ORDERED_DOWNWARDS) and sctlr & SCTLR_NAA:
        return not cpu.has(Feature.LSE2)
    return not _is_single(cpu, address, size)


def _check_alignment(cpu: Cpu, address: int, size: int, access: Access, *, is_write: bool, elements: int = 1) -> None:
    """The alignment fault of an access of 1 or 2 `elements` that must be aligned to their `size`, if it has one."""
    if address & (size - 1) and _unaligned_access_faults(cpu, address, size * elements, access):
        raise data_abort(Fault.ALIGNMENT, address, is_write=is_write)


def _translate(cpu: Cpu, address: int, size: int, *, is_write: bool) -> int:
    """The physical address of `size` bytes; an address size fault, or the alignment fault of Device memory."""
    physical = _physical(cpu, address)
    if physical is None:
        raise data_abort(Fault.ADDRESS_SIZE, address, is_write=is_write)
    if address & (size - 1) and not cpu.unaligned_device_access:
        raise data_abort(Fault.ALIGNMENT, address, is_write=is_write)
    return physical


def resolve(cpu: Cpu, address: int, size: int, access: Access, *, is_write: bool) -> int:
    """The physical address of a data access of `size` bytes.

    Raises:
        ArchException: alignment fault or address size fault.
    """
    _check_alignment(cpu, address, size, access, is_write=is_write)
    return _translate(cpu, address, size, is_write=is_write)


def _external_abort(cpu: Cpu, address: int, physical: int, *, is_write: bool) -> ArchException:
    """The abort of an access that nothing answers, at its first such byte: RAM can only end at the end of a page."""
    answered = PAGE_SIZE - (physical & PAGE_OFFSET) if cpu.memory.is_ram(physical) else 0
    return data_abort(Fault.EXTERNAL, address + answered, is_write=is_write)


def _read(cpu: Cpu, address: int, physical: int, size: int) -> int:
    try:
        if size == 16:
            return cpu.memory.read(physical, 8) | cpu.memory.read(physical + 8, 8) << 64
        return cpu.memory.read(physical, size)
    except BusError:
        raise _external_abort(cpu, address, physical, is_write=False) from None


def _check_answers(cpu: Cpu, address: int, physical: int, size: int) -> None:
    """Nothing, if a store there will not fail half-way; an external abort otherwise."""
    if not (cpu.memory.answers(physical) and cpu.memory.answers(physical + size - 1)):
        raise _external_abort(cpu, address, physical, is_write=True)


def _write(cpu: Cpu, address: int, physical: int, size: int, value: int) -> None:
    try:
        if size == 16:
            cpu.memory.write(physical, 8, value & mask(64))
            cpu.memory.write(physical + 8, 8, value >> 64)
        else:
            cpu.memory.write(physical, size, value)
    except BusError:
        raise _external_abort(cpu, address, physical, is_write=True) from None


def load(cpu: Cpu, address: int, size: int, access: Access) -> int:
    """`size` bytes (1 to 16) at a virtual address; ArchException where the access faults."""
    return _read(cpu, address, resolve(cpu, address, size, access, is_write=False), size)


def store(cpu: Cpu, address: int, size: int, value: int, access: Access) -> None:
    """Write `size` bytes (1 to 16) at a virtual address; ArchException, with nothing written, where it faults."""
    physical = resolve(cpu, address, size, access, is_write=True)
    _check_answers(cpu, address, physical, size)
    _write(cpu, address, physical, size, value)


def load_pair(cpu: Cpu, address: int, size: int, access: Access) -> tuple[int, int]:
    """Two elements of `size` bytes (4 or 8), one after the other; ArchException where the access faults."""
    _check_alignment(cpu, address, size, access, is_write=False, elements=2)
    other = (address + size) & mask(64)
    first = _read(cpu, address, _translate(cpu, address, size, is_write=False), size)
    return first, _read(cpu, other, _translate(cpu, other, size, is_write=False), size)


def store_pair(cpu: Cpu, address: int, size: int, first: int, second: int, access: Access) -> None:
    """Write two elements of `size` bytes (4 or 8); ArchException, with nothing written, where either faults."""
    _check_alignment(cpu, address, size, access, is_write=True, elements=2)
    elements = [(address, first), ((address + size) & mask(64), second)]
    if access is Access.ORDERED_DOWNWARDS and not _is_single(cpu, address, 2 * size):
        elements.reverse()
    writes = []
    for element, value in elements:
        physical = _translate(cpu, element, size, is_write=True)
        _check_answers(cpu, element, physical, size)
        writes.append((element, physical, size, value))
    for write in writes:
        _write(cpu, *write)


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
