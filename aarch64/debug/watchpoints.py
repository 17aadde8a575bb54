"""Watchpoints ("Watchpoint exceptions")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.debug.generation import generates, generates_from
from aarch64.debug.matching import States, any_enabled, enabled, matches_linked_context, names, same_from
from aarch64.exceptions import watchpoint
from aarch64.sysregs.debug import WATCHPOINTS
from aarch64.sysregs.fields import MDSCR_MDE
from aarch64.translation.request import Purpose

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.translation.request import Request

_CONTROLS = names("DBGWCR", WATCHPOINTS)
_LSC_LOADS, _LSC_STORES = 1 << 3, 1 << 4
_WT = 1 << 20
_ALL_BYTES = 0xFF
_SMALLEST_MASK = 3

_WATCHED = (Purpose.DATA, Purpose.ZERO, Purpose.INVALIDATE)
"""What is checked: accesses to data, DC ZVA, and of cache maintenance only DC IVAC, which may lose data."""


def may_match(cpu: Cpu) -> bool:
    """Whether an access to data has to be checked; PSTATE.D, which changes often, does not count here."""
    if not cpu.sysregs["MDSCR_EL1"] & MDSCR_MDE or not any_enabled(cpu, _CONTROLS):
        return False
    return generates_from(cpu, cpu.pstate.el, 0)


def check(cpu: Cpu, address: int, size: int, request: Request, *, reported: int | None = None) -> None:
    """AArch64.CheckWatchpoint, for a single access of `size` bytes at an address where it is permitted.

    It comes after the faults of translation and before external aborts. FAR_ELx is the address of the access, or the
    one to be `reported`. If several match, the last one decides whether a read or a write is.

    Raises:
        ArchException: the watchpoint exception, where one matches.
    """
    if request.purpose not in _WATCHED or not may_match(cpu) or not generates(cpu):
        return
    found = [control for number, control in enabled(cpu, _CONTROLS)
             if _matches(cpu, number, control, address, size, request)]  # fmt: skip
    if not found:
        return
    is_maintenance = request.purpose is Purpose.INVALIDATE
    is_write = is_maintenance or not (found[-1] & _LSC_LOADS and request.reads)
    far = address if reported is None else reported
    raise watchpoint(far, is_write=is_write, cache_maintenance=is_maintenance)


def _matches(cpu: Cpu, number: int, control: int, address: int, size: int, request: Request) -> bool:
    """AArch64.WatchpointMatch."""
    if not _is_of_kind(control, request) or not States.of(control).include(cpu, request.el):
        return False
    if control & _WT and not matches_linked_context(cpu, control):
        return False
    value = cpu.sysregs[f"DBGWVR{number}_EL1"]
    return any(_covers(value, control, (address + offset) & mask(64)) for offset in range(size))


def _is_of_kind(control: int, request: Request) -> bool:
    """LSC: loads, stores or both; DC IVAC counts as a store."""
    is_store = request.writes or request.purpose is Purpose.INVALIDATE
    return bool((control & _LSC_LOADS and request.reads) or (control & _LSC_STORES and is_store))


def _covers(value: int, control: int, address: int) -> bool:
    """AArch64.WatchpointByteMatch: whether the byte at an address is watched, by DBGWVRn_EL1 and its control.

    Of what is CONSTRAINED UNPREDICTABLE: a reserved MASK matches nothing; with a MASK, neither BAS nor the masked bits
    of the value count; bytes that BAS selects are watched, contiguous or not.
    """
    bits = control >> 24 & 0x1F
    if bits:
        return bits >= _SMALLEST_MASK and same_from(address, value, bits)
    low = 2 if value & 4 else 3
    return bool(control >> 5 & _ALL_BYTES & 1 << (address & mask(low))) and same_from(address, value, low)
