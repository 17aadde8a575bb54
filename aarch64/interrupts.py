"""Interrupts: which one, if any, is taken before the next instruction, and to which level.

"Asynchronous exception types, routing, masking and priorities" of the Arm ARM. Masks are written as three bits,
A, I, F from the top, as PSTATE has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64 import timers
from aarch64.cpu import Wait
from aarch64.exceptions import ArchException, Vector, interrupt
from aarch64.features import Feature
from aarch64.lines import Line
from aarch64.sysregs.fields import DISR_A, HCR_TGE, HCR_VSE

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_ALL = 0b111


@attrs.frozen
class _Kind:
    """One of the three: its vector, its bit in A, I, F order, and the input that raises it."""

    vector: Vector
    bit: int
    line: Line


_FIQ = _Kind(Vector.FIQ, 0b001, Line.FIQ)
_IRQ = _Kind(Vector.IRQ, 0b010, Line.IRQ)
_SERROR = _Kind(Vector.SERROR, 0b100, Line.SERROR)
_BY_PRIORITY = (_FIQ, _IRQ, _SERROR)
"""The architecture leaves the order to the implementation; this is that of its pseudocode."""


def pending_exception(cpu: Cpu) -> ArchException | None:
    """The interrupt to take before the next instruction, None if none is pending and unmasked. Nothing is changed.

    Virtual interrupts come before physical ones (TakePendingInterrupts).
    """
    masks = cpu.pstate.daif & _ALL
    virtual = _pending_virtual(cpu) & ~masks
    if virtual:
        kind = _first(virtual)
        return interrupt(kind.vector, 1, _virtual_syndrome(cpu) if kind is _SERROR else 0)
    physical = _pending_physical(cpu)
    if physical:
        physical &= ~_physical_masks(cpu, masks)
    if physical:
        kind = _first(physical)
        return interrupt(kind.vector, _physical_target(cpu, kind.bit))
    return None


def acknowledge(cpu: Cpu, exception: ArchException) -> None:
    """Note that an interrupt from `pending_exception` is being taken: an SError is pending no longer.

    To be called before its exception entry, while PSTATE still tells where it was taken from.
    """
    if exception.vector is not Vector.SERROR:
        return
    if _pending_virtual(cpu) & ~cpu.pstate.daif & _SERROR.bit:
        cpu.sysregs["HCR_EL2"] &= ~HCR_VSE
    else:
        cpu.lines -= {Line.SERROR}


def wakes(cpu: Cpu) -> bool:
    """Whether something ends a wait now: for WFI an interrupt, masked or not; for WFE an event.

    (An interrupt that is not masked ends a WFE by being taken.)
    """
    if cpu.waiting is Wait.EVENT:
        return cpu.event_register or timers.event_due(cpu)
    return is_pending(cpu)


def is_pending(cpu: Cpu) -> bool:
    """InterruptPending: whether there is an interrupt, masked or not."""
    return bool(_pending_physical(cpu) or _pending_virtual(cpu))


def defer_serrors(cpu: Cpu) -> None:
    """ESB: an SError that is pending and masked is recorded, and pending no longer (AArch64_ESBOperation).

    The virtual one comes with the syndrome that the hypervisor gave it.
    """
    masks = cpu.pstate.daif & _ALL
    if Line.SERROR in cpu.lines and _physical_masks(cpu, masks) & _SERROR.bit:
        cpu.lines -= {Line.SERROR}
        cpu.sysregs["DISR_EL1"] = DISR_A
    if _pending_virtual(cpu) & masks & _SERROR.bit:
        cpu.sysregs["HCR_EL2"] &= ~HCR_VSE
        cpu.sysregs["VDISR_EL2"] = DISR_A | _virtual_syndrome(cpu)


def _first(pending: int) -> _Kind:
    """The one of highest priority."""
    return next(kind for kind in _BY_PRIORITY if kind.bit & pending)


def _pending_physical(cpu: Cpu) -> int:
    """The asserted inputs."""
    lines = cpu.lines | timers.pending_lines(cpu)
    return sum(kind.bit for kind in _BY_PRIORITY if kind.line in lines) if lines else 0


def _pending_virtual(cpu: Cpu) -> int:
    """Virtual interrupts that HCR_EL2 makes pending and enables, at the levels that see them."""
    if cpu.pstate.el > 1 or not cpu.el2_enabled:
        return 0
    hcr = cpu.sysregs["HCR_EL2"]
    return 0 if hcr & HCR_TGE else (hcr >> 6) & _routes_to_el2(hcr)


def _routes_to_el2(hcr: int) -> int:
    """HCR_EL2.{AMO, IMO, FMO}, all of them ones when TGE is."""
    return _ALL if hcr & HCR_TGE else hcr >> 3 & _ALL


def _routes_to_el3(cpu: Cpu) -> int:
    """SCR_EL3.{EA, IRQ, FIQ}, zero without EL3."""
    if not cpu.has_level(3):
        return 0
    scr = cpu.sysregs["SCR_EL3"]
    return (scr >> 1 & 0b100) | (scr & 0b010) | (scr >> 2 & 0b001)


def _physical_masks(cpu: Cpu, masks: int) -> int:
    """What keeps physical interrupts from being taken (AArch64.PendingUnmaskedPhysicalInterrupts).

    A level cannot mask what goes to a higher one, and never takes what goes to a lower one.
    """
    el = cpu.pstate.el
    if cpu.el2_enabled:
        hcr = cpu.sysregs["HCR_EL2"]
        if el < 2:
            masks &= ~_routes_to_el2(hcr)
        elif el == 2 and not hcr & HCR_TGE:
            masks |= ~_routes_to_el2(hcr)
    if cpu.has_level(3):
        routes = _routes_to_el3(cpu)
        masks = masks & ~routes if el < 3 else masks | ~routes
    return masks & _ALL


def _physical_target(cpu: Cpu, bit: int) -> int:
    """The level a physical interrupt is taken to (AArch64.TakePhysicalIRQException and its kin)."""
    el = cpu.pstate.el
    if el == 3 or _routes_to_el3(cpu) & bit:
        return 3
    if el == 2:
        return 2
    return 2 if cpu.el2_enabled and _routes_to_el2(cpu.sysregs["HCR_EL2"]) & bit else 1


def _virtual_syndrome(cpu: Cpu) -> int:
    """ISS of a virtual SError: VSESR_EL2.IDS and ISS with FEAT_RAS."""
    return cpu.sysregs["VSESR_EL2"] & 0x1FF_FFFF if cpu.has(Feature.RAS) else 0
