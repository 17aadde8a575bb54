"""The slow path of memory access: alignment, translation, devices, faults.

The common case, an aligned access to a page of RAM seen before, is handled in `Cpu` itself; everything else comes here.
An access is cut into *pieces*, each within one page and one element of a pair. Every piece is translated, and found to
be answered, before any of it is written: so an access that faults has no effect.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.debug import breakpoints, watchpoints
from aarch64.exceptions import ArchException, Fault, data_abort, instruction_abort, pc_alignment
from aarch64.features import Feature
from aarch64.memory import PAGE_OFFSET, PAGE_SIZE, BusError
from aarch64.sysregs.fields import SCTLR_A, SCTLR_NAA
from aarch64.sysregs.identification import CACHE_LINE
from aarch64.translation.request import Purpose, Request, data_request
from aarch64.translation.translate import Translation, TranslationFault, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


@attrs.frozen
class Piece:
    """A part of an access: where it begins, where that is in physical memory, how long it is in bytes.

    `low` is the number of its first bit in the value that is accessed.
    """

    address: int
    size: int
    low: int
    where: Translation

    @property
    def physical(self) -> int:
        """The physical address of its first byte."""
        return self.where.physical


def _request(cpu: Cpu, access: Access, *, reads: bool, writes: bool) -> Request:
    """What an access asks of translation (AArch64_IsUnprivAccessPriv, for the unprivileged ones)."""
    el = cpu.pstate.el
    if access is Access.UNPRIVILEGED and el == 1 and not (cpu.pstate.uao and cpu.has(Feature.UAO)):
        el = 0
    return data_request(el, reads=reads, writes=writes)


# --- alignment


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


# --- from a virtual address to physical pieces


def _abort(fault: TranslationFault, address: int) -> ArchException:
    return data_abort(fault.status, address, is_write=fault.is_write, fault=fault)


def _reach(cpu: Cpu, address: int, request: Request, *, is_aligned: bool) -> Translation:
    """Translate an address; where RAM is reached, the page is remembered for the accesses that follow."""
    found = translate(cpu, address, request, is_aligned=is_aligned)
    if isinstance(found, TranslationFault):
        raise _abort(found, address)
    page = cpu.memory.page(found.physical)
    if page is not None and request.el == cpu.pstate.el:
        cpu.page_map.note(address, page, found, request)
    return found


def _cut(cpu: Cpu, address: int, size: int, low: int, request: Request, *, is_aligned: bool) -> Iterable[Piece]:
    """The one or two pieces of an element: an unaligned one may lie in two pages."""
    room = PAGE_SIZE - (address & PAGE_OFFSET)
    yield Piece(address, min(size, room), low, _reach(cpu, address, request, is_aligned=is_aligned))
    if size > room:
        other = (address + room) & mask(64)
        yield Piece(other, size - room, low + 8 * room, _reach(cpu, other, request, is_aligned=is_aligned))


def _pieces(
    cpu: Cpu, address: int, size: int, access: Access, request: Request, *, elements: int = 1
) -> tuple[Piece, ...]:
    """The pieces of an access of 1 or 2 `elements` of `size` bytes, in the order they are made.

    Raises:
        ArchException: the first fault that the access generates.
    """
    is_aligned = not address & (size - 1)
    if not is_aligned and _unaligned_access_faults(cpu, address, size * elements, access):
        raise data_abort(Fault.ALIGNMENT, address, is_write=request.is_reported_as_write)
    places = [((address + size * number) & mask(64), 8 * size * number) for number in range(elements)]
    if access is Access.ORDERED_DOWNWARDS and not _is_single(cpu, address, size * elements):
        places.reverse()
    is_watched = watchpoints.may_match(cpu)
    pieces = []
    for place, low in places:
        for piece in _cut(cpu, place, size, low, request, is_aligned=is_aligned):
            if is_watched:
                _check_watchpoints(cpu, address, size * elements, piece, request, is_aligned=is_aligned)
            pieces.append(piece)
    return tuple(pieces)


def _check_watchpoints(cpu: Cpu, address: int, size: int, piece: Piece, request: Request, *, is_aligned: bool) -> None:
    """The watchpoints of a piece of an access of `size` bytes at an address (Mem).

    An access that is not single is made piece by piece, and a piece that is not aligned byte by byte.
    """
    if _is_single(cpu, address, size):
        watchpoints.check(cpu, address, size, request)
        return
    unit = piece.size if is_aligned else 1
    for offset in range(0, piece.size, unit):
        watchpoints.check(cpu, piece.address + offset, unit, request)


def resolve(cpu: Cpu, address: int, size: int, access: Access, *, is_write: bool) -> int:
    """The physical address of a data access of `size` bytes that lies in one page.

    Raises:
        ArchException: the fault it generates.
    """
    return _pieces(cpu, address, size, access, _request(cpu, access, reads=not is_write, writes=is_write))[0].physical


# --- physical accesses


def _external_abort(piece: Piece, *, is_write: bool) -> ArchException:
    reason = f"nothing answers at physical {piece.physical:#x}"
    fault = TranslationFault(piece.where.parameters, Fault.EXTERNAL, is_write, reason, piece.where.steps)
    return _abort(fault, piece.address)


def _units(cpu: Cpu, piece: Piece) -> Iterable[tuple[int, int, int]]:
    """(physical address, bytes, lowest bit) of the transfers that a piece is made by: a device takes 1, 2, 4 or 8."""
    if cpu.memory.is_ram(piece.physical) or piece.size in (1, 2, 4, 8):
        return ((piece.physical, piece.size, 0),)
    size = 8 if piece.size == 16 else 1
    return ((piece.physical + offset, size, 8 * offset) for offset in range(0, piece.size, size))


def _read(cpu: Cpu, pieces: Iterable[Piece]) -> int:
    value = 0
    for piece in pieces:
        try:
            for physical, size, low in _units(cpu, piece):
                value |= cpu.memory.read(physical, size) << (piece.low + low)
        except BusError:
            raise _external_abort(piece, is_write=False) from None
    return value


def _write(cpu: Cpu, pieces: Iterable[Piece], value: int) -> None:
    for piece in pieces:
        part = value >> piece.low & mask(8 * piece.size)
        try:
            for physical, size, low in _units(cpu, piece):
                cpu.memory.write(physical, size, part >> low & mask(8 * size))
        except BusError:
            raise _external_abort(piece, is_write=True) from None


def _check_answers(cpu: Cpu, pieces: Iterable[Piece]) -> None:
    """Nothing, if a store there will not fail half-way; an external abort otherwise."""
    for piece in pieces:
        if not (cpu.memory.answers(piece.physical) and cpu.memory.answers(piece.physical + piece.size - 1)):
            raise _external_abort(piece, is_write=True)


# --- what instructions ask for


def load(cpu: Cpu, address: int, size: int, access: Access) -> int:
    """`size` bytes (1 to 16) at a virtual address; ArchException where the access faults."""
    return _read(cpu, _pieces(cpu, address, size, access, _request(cpu, access, reads=True, writes=False)))


def store(cpu: Cpu, address: int, size: int, value: int, access: Access) -> None:
    """Write `size` bytes (1 to 16) at a virtual address; ArchException, with nothing written, where it faults."""
    pieces = _pieces(cpu, address, size, access, _request(cpu, access, reads=False, writes=True))
    _check_answers(cpu, pieces)
    _write(cpu, pieces, value)


def load_pair(cpu: Cpu, address: int, size: int, access: Access) -> tuple[int, int]:
    """Two elements of `size` bytes (4 or 8), one after the other; ArchException where the access faults."""
    request = _request(cpu, access, reads=True, writes=False)
    both = _read(cpu, _pieces(cpu, address, size, access, request, elements=2))
    return both & mask(8 * size), both >> 8 * size


def store_pair(cpu: Cpu, address: int, size: int, first: int, second: int, access: Access) -> None:
    """Write two elements of `size` bytes (4 or 8); ArchException, with nothing written, where either faults."""
    request = _request(cpu, access, reads=False, writes=True)
    pieces = _pieces(cpu, address, size, access, request, elements=2)
    _check_answers(cpu, pieces)
    _write(cpu, pieces, second << 8 * size | first)


def load_exclusive(cpu: Cpu, address: int, size: int) -> tuple[int, int]:
    """`size` bytes (1 to 16), and the physical address they are at; ArchException where the access faults."""
    request = _request(cpu, Access.EXCLUSIVE, reads=True, writes=False)
    pieces = _pieces(cpu, address, size, Access.EXCLUSIVE, request)
    return _read(cpu, pieces), pieces[0].physical


def modify(cpu: Cpu, address: int, size: int, operation: Callable[[int], int | None]) -> tuple[int, int | None]:
    """Read `size` bytes (1 to 16), and write what `operation` makes of them, if anything; the old and the new value.

    Raises:
        ArchException: the access faults, as one that both reads and writes.
    """
    pieces = _pieces(cpu, address, size, Access.ATOMIC, _request(cpu, Access.ATOMIC, reads=True, writes=True))
    old = _read(cpu, pieces)
    new = operation(old)
    if new is not None:
        _check_answers(cpu, pieces)
        _write(cpu, pieces, new)
    return old, new


# --- whole blocks


def zero_block(cpu: Cpu, address: int, size: int) -> None:
    """DC ZVA: zero the aligned block of `size` bytes that holds an address. To Device memory, it faults."""
    request = Request(Purpose.ZERO, cpu.pstate.el, writes=True, heeds_pan=True)
    where = _reach(cpu, address, request, is_aligned=False)
    watchpoints.check(cpu, address & -size, size, request)
    pieces = [
        Piece((address & -size) + offset, 8, 0, attrs.evolve(where, physical=(where.physical & -size) + offset))
        for offset in range(0, size, 8)
    ]
    _check_answers(cpu, pieces)
    _write(cpu, pieces, 0)
    if cpu.store_log is not None:
        cpu.store_log += [(piece.address, piece.size, 0) for piece in pieces]


def check_maintenance(cpu: Cpu, address: int, purpose: Purpose) -> None:
    """The faults of cache maintenance by address (AArch64.DC, AArch64.IC): of translation, and of a line watched."""
    request = Request(purpose, cpu.pstate.el)
    found = translate(cpu, address, request)
    if isinstance(found, TranslationFault):
        raise data_abort(found.status, address, is_write=True, cache_maintenance=True, fault=found)
    watchpoints.check(cpu, address & -CACHE_LINE, CACHE_LINE, request, reported=address)


# --- instructions


def fetch(cpu: Cpu, pc: int) -> int:
    """The instruction word at `pc`; ArchException for a misaligned PC, a fetch that faults, or a breakpoint there."""
    if pc & 3:
        raise pc_alignment(pc)
    request = Request(Purpose.FETCH, cpu.pstate.el)
    found = translate(cpu, pc, request)
    if isinstance(found, TranslationFault):
        raise instruction_abort(found.status, pc, found)
    breakpoints.check(cpu, pc)
    page = cpu.memory.page(found.physical)
    if page is None:
        reason = f"there is no RAM at physical {found.physical:#x}"
        fault = TranslationFault(found.parameters, Fault.EXTERNAL, is_write=False, reason=reason, steps=found.steps)
        raise instruction_abort(Fault.EXTERNAL, pc, fault)
    cpu.page_map.note(pc, page, found, request)
    return page.views[4][(found.physical & PAGE_OFFSET) >> 2]
