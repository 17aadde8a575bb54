"""Permissions: what an access may do to a block or page, and which bits say so ("Stage 1 permissions")."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.features import Feature
from aarch64.translation import attributes
from aarch64.translation.descriptors import (
    AP_EL0,
    AP_TABLE_NO_EL0,
    AP_TABLE_READ_ONLY,
    PXN,
    PXN_TABLE,
    UXN,
    UXN_TABLE,
    Kind,
    Rights,
    base_rights,
    is_read_only,
)
from aarch64.translation.parameters import is_secure
from aarch64.translation.request import MAINTENANCE, Purpose, Request, data_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu
    from aarch64.translation.parameters import Parameters
    from aarch64.translation.walk import Leaf


@unique
class Right(Enum):
    """A right that an access may lack."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


def request_for(right: Right, el: int) -> Request:
    """The plain access from a level that needs a right."""
    if right is Right.EXECUTE:
        return Request(Purpose.FETCH, el)
    return data_request(el, reads=right is Right.READ, writes=right is Right.WRITE)


def rights(cpu: Cpu, leaf: Leaf, request: Request, found: Parameters) -> Rights:
    """AArch64_S1ComputePermissions: what the access may do, PAN, WXN and the security state considered."""
    privileged, unprivileged = base_rights(leaf.descriptor, leaf.hierarchy, found)
    if request.el and _pan_applies(cpu, unprivileged, request, found):
        privileged = attrs.evolve(privileged, read=False, write=False)
    allowed = privileged if request.el else unprivileged
    if (found.wxn and allowed.write) or _leaves_secure_state(cpu, leaf, found):
        return attrs.evolve(allowed, execute=False)
    return allowed


def _pan_applies(cpu: Cpu, unprivileged: Rights, request: Request, found: Parameters) -> bool:
    """Whether PSTATE.PAN keeps a privileged access away: EL0 may use the page, with EPAN also only execute it."""
    if not (request.heeds_pan and cpu.pstate.pan and found.regime.has_two_ranges and cpu.has(Feature.PAN)):
        return False
    return unprivileged.read or (found.epan and unprivileged.execute)


def _leaves_secure_state(cpu: Cpu, leaf: Leaf, found: Parameters) -> bool:
    """SCR_EL3.SIF: Secure software does not execute what is in Non-secure memory."""
    return found.sif and not leaf.is_secure and is_secure(cpu, found.regime)


def missing_right(cpu: Cpu, leaf: Leaf, request: Request, found: Parameters) -> Right | None:
    """AArch64_S1CheckPermissions: the right an access lacks, None if it may be done."""
    allowed, purpose = rights(cpu, leaf, request, found), request.purpose
    if purpose is Purpose.FETCH:
        return None if allowed.execute and not attributes.is_device(leaf.attribute) else Right.EXECUTE
    if purpose is Purpose.INVALIDATE:
        return None if allowed.write else Right.WRITE
    if purpose in MAINTENANCE:
        return None if request.el or allowed.read else Right.READ
    if request.reads and not allowed.read:
        return Right.READ
    return Right.WRITE if request.writes and not allowed.write else None


# --- in words


def blame(cpu: Cpu, leaf: Leaf, request: Request, found: Parameters, right: Right) -> str:
    """Which bits, by name and place, keep an access from a right."""
    if right is Right.EXECUTE:
        return " and ".join(_against_execution(cpu, leaf, request, found))
    return " and ".join(_against_data(cpu, leaf, request, found, right))


def _against_data(cpu: Cpu, leaf: Leaf, request: Request, found: Parameters, right: Right) -> Iterator[str]:
    _, unprivileged = base_rights(leaf.descriptor, leaf.hierarchy, found)
    if request.el and _pan_applies(cpu, unprivileged, request, found):
        what = "use" if unprivileged.read else "execute"
        yield f"PSTATE.PAN is set, and EL0 may {what} the page"
    if not request.el:
        if not leaf.descriptor & AP_EL0:
            yield "AP[1] (bit 6) is clear"
        yield from _tables_with(leaf, found, AP_TABLE_NO_EL0, "APTable[0] (bit 61)")
    if right is Right.WRITE:
        if is_read_only(leaf.descriptor, found):
            yield "AP[2] (bit 7) is set"
        yield from _tables_with(leaf, found, AP_TABLE_READ_ONLY, "APTable[1] (bit 62)")


def _against_execution(cpu: Cpu, leaf: Leaf, request: Request, found: Parameters) -> Iterator[str]:
    privileged, unprivileged = base_rights(leaf.descriptor, leaf.hierarchy, found)
    if attributes.is_device(leaf.attribute):
        yield f"the memory is {attributes.describe(leaf.attribute)}"
    is_privileged = bool(request.el) and found.regime.has_two_ranges
    never, table, names = (PXN, PXN_TABLE, ("PXN (bit 53)", "PXNTable (bit 59)"))
    if not is_privileged:
        prefix = "U" if found.regime.has_two_ranges else ""
        never, table, names = (UXN, UXN_TABLE, (f"{prefix}XN (bit 54)", f"{prefix}XNTable (bit 60)"))
    if leaf.descriptor & never:
        yield f"{names[0]} is set"
    yield from _tables_with(leaf, found, table, names[1])
    if is_privileged and unprivileged.write:
        yield "EL0 may write to the page (AP[2:1], bits 7:6, are 0b01)"
    allowed = privileged if request.el else unprivileged
    if found.wxn and allowed.write:
        yield f"SCTLR_EL{found.regime:d}.WXN is set, and the page can be written to"
    if _leaves_secure_state(cpu, leaf, found):
        yield "SCR_EL3.SIF is set, and the page is in Non-secure memory"


def _tables_with(leaf: Leaf, found: Parameters, bit: int, name: str) -> Iterator[str]:
    for step in () if found.disables_hierarchy else leaf.steps:
        if step.kind is Kind.TABLE and step.descriptor is not None and step.descriptor & bit:
            yield f"{name} of the level {step.level} table is set"
