"""Stage 1 of address translation: from a virtual address and what is to be done there, to a physical one or a fault.

AArch64_S1Translate of the Arm ARM's pseudocode. `translate` answers for any regime and any kind of access; the data
and fetch paths of the CPU, cache maintenance and AT all ask it.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.exceptions import Fault
from aarch64.sysregs.identification import PHYSICAL_ADDRESS_BITS
from aarch64.translation import attributes
from aarch64.translation.descriptors import ACCESS_FLAG, AP_READ_ONLY, DIRTY_BIT_MODIFIER
from aarch64.translation.parameters import (
    Regime,
    current_asid,
    current_vmid,
    is_enabled,
    is_secure,
    parameters,
    regime_of,
    table_register,
)
from aarch64.translation.permissions import Right, blame, missing_right
from aarch64.translation.request import Purpose, Request
from aarch64.translation.tlb import Entry, without_tag
from aarch64.translation.walk import DeadEnd, Leaf, Step, walk

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.translation.parameters import Parameters


@attrs.frozen
class Translation:
    """Where an address leads.

    Attributes:
        parameters: what the control registers of its range say.
        physical: the physical address.
        attribute, shareability: the memory type as PAR_EL1 tells it, 8 and 2 bits.
        is_secure: the physical address space.
        leaf: the block or page; None where the regime does not translate.
    """

    parameters: Parameters
    physical: int
    attribute: int
    shareability: attributes.Shareability
    is_secure: bool
    leaf: Leaf | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The descriptors that led there."""
        return self.leaf.steps if self.leaf else ()

    @property
    def is_guarded(self) -> bool:
        """Whether indirect branches may only lead to instructions made for it."""
        return self.leaf is not None and self.leaf.is_guarded


@attrs.frozen
class TranslationFault:
    """Why an address leads nowhere.

    Attributes:
        parameters: what the control registers of its range say.
        status: the fault status code, 6 bits.
        is_write: ISS.WnR.
        reason: in words, with the bits that decided.
        steps: the descriptors that were looked at.
    """

    parameters: Parameters
    status: int
    is_write: bool
    reason: str
    steps: tuple[Step, ...] = ()

    @property
    def is_translated(self) -> bool:
        """Whether it is more than the external abort of a physical address: there is something to explain."""
        return bool(self.steps) or self.status != Fault.EXTERNAL


@attrs.frozen
class Outcome:
    """What translating an address comes to, nothing having been changed yet.

    Attributes:
        result: where the address leads, or why it leads nowhere.
        is_kept: whether the TLB had the answer.
        found: the block or page that a walk found and that the TLB may keep; None if there is nothing new.
        update: its descriptor's new value where hardware sets the access flag or the dirty state; None otherwise.
    """

    result: Translation | TranslationFault
    is_kept: bool = False
    found: Leaf | None = None
    update: int | None = None


@unique
class By(Enum):
    """Where an answer may come from."""

    TLB_OR_WALK = "the TLB, if it has one"
    WALK = "the tables as they are now"


def translate(
    cpu: Cpu, address: int, request: Request, *, regime: Regime | None = None, is_aligned: bool = True
) -> Translation | TranslationFault:
    """Translate a 64-bit address as the machine stands; the TLB and descriptors are updated as an access would.

    Args:
        cpu: the CPU whose registers control the translation.
        address: virtual.
        request: what is to be done there.
        regime: by default that of the current level.
        is_aligned: whether the access is aligned to its size; to Device memory it must be.
    """
    outcome = work_out(cpu, address, request, regime=regime, is_aligned=is_aligned)
    leaf = outcome.found
    if leaf is not None:
        if outcome.update is not None:
            cpu.memory.write(leaf.steps[-1].address, 8, outcome.update)
            leaf = leaf.with_descriptor(outcome.update)
        _keep(cpu, address, leaf, outcome.result.parameters)
    return outcome.result


def work_out(
    cpu: Cpu,
    address: int,
    request: Request,
    *,
    regime: Regime | None = None,
    is_aligned: bool = True,
    by: By = By.TLB_OR_WALK,
) -> Outcome:
    """What `translate` would find; nothing is changed, neither the TLB nor memory."""
    found = parameters(cpu, regime_of(cpu.pstate.el) if regime is None else regime, address)
    if not is_enabled(cpu, found.regime):
        return Outcome(_untranslated(cpu, address, request, found, is_aligned=is_aligned))
    if reason := _refusal_by_range(address, request, found):
        return Outcome(TranslationFault(found, Fault.TRANSLATION, request.is_reported_as_write, reason))
    kept = _kept(cpu, address, request, found) if by is By.TLB_OR_WALK else None
    leaf = kept or _walk(cpu, address, found)
    if isinstance(leaf, DeadEnd):
        is_write = request.is_reported_as_write
        return Outcome(TranslationFault(found, leaf.status, is_write, leaf.reason, leaf.steps))
    news = leaf if kept is None else None
    fault = _refusal_by_page(cpu, leaf, request, found, is_aligned=is_aligned)
    if fault is not None:
        return Outcome(fault, kept is not None, news if leaf.descriptor & ACCESS_FLAG else None)
    update = _marked(leaf, request, found)
    changed = update if update != leaf.descriptor else None
    return Outcome(_arrival(address, leaf, request, found), kept is not None, news, changed)


def _walk(cpu: Cpu, address: int, found: Parameters) -> Leaf | DeadEnd:
    base = cpu.sysregs[table_register(found)]
    return walk(cpu.memory, found, base, address, is_secure=is_secure(cpu, found.regime))


def _untranslated(
    cpu: Cpu, address: int, request: Request, found: Parameters, *, is_aligned: bool
) -> Translation | TranslationFault:
    """AArch64_S1DisabledOutput: addresses are physical; data is Device-nGnRnE, instructions are Normal."""
    ignored = found.ignores_top_of_code if request.is_fetch else found.ignores_top
    physical = address & mask(56) if ignored else address
    if physical >> PHYSICAL_ADDRESS_BITS:
        reason = f"the MMU is off, and there are {PHYSICAL_ADDRESS_BITS} bits of physical address"
        return TranslationFault(found, Fault.ADDRESS_SIZE, request.is_reported_as_write, reason)
    if not (is_aligned or request.is_fetch or cpu.unaligned_device_access):
        reason = "the MMU is off: all memory is Device-nGnRnE, which does not allow unaligned accesses"
        return TranslationFault(found, Fault.ALIGNMENT, request.is_reported_as_write, reason)
    attribute = attributes.NORMAL_NON_CACHEABLE if request.is_fetch else attributes.DEVICE_NGNRNE
    return Translation(found, physical, attribute, attributes.Shareability.OUTER, is_secure(cpu, found.regime))


def _refusal_by_range(address: int, request: Request, found: Parameters) -> str:
    """Why an address is not looked up at all; nothing if it is."""
    level, number = found.regime, int(found.is_upper)
    if found.txsz_faults:
        return f"TCR_EL{level:d}.T{number}SZ is {found.txsz}: want {found.txsz_limits[0]} to {found.txsz_limits[1]}"
    if not found.contains(address, is_fetch=request.is_fetch):
        return f"it is outside the {found.address_bits}-bit range of {table_register(found)}"
    if request.el == 0 and found.disables_el0:
        return f"TCR_EL1.E0PD{number} keeps EL0 out of the range of {table_register(found)}"
    return ""


def _refusal_by_page(
    cpu: Cpu, leaf: Leaf, request: Request, found: Parameters, *, is_aligned: bool
) -> TranslationFault | None:
    """The fault that a block or page raises by its memory type or its permissions, None if it raises none."""
    if not is_aligned and attributes.is_device(leaf.attribute):
        reason = f"{attributes.describe(leaf.attribute)} memory does not allow unaligned accesses"
        return TranslationFault(found, Fault.ALIGNMENT, request.is_reported_as_write, reason, leaf.steps)
    right = missing_right(cpu, leaf, request, found)
    if right is None:
        return None
    who = f"EL{request.el}" if found.regime.has_two_ranges else found.regime.label
    reason = f"{who} may not {right.value}: {blame(cpu, leaf, request, found, right)}"
    is_write = request.is_reported_as_write
    if request.purpose in (Purpose.DATA, Purpose.ZERO):
        is_write = right is Right.WRITE
    return TranslationFault(found, Fault.PERMISSION | leaf.level, is_write, reason, leaf.steps)


# --- the TLB and what hardware writes into descriptors


def _kept(cpu: Cpu, address: int, request: Request, found: Parameters) -> Leaf | None:
    """The block or page as the TLB has it; None for a walk, which a page that becomes dirty needs in any case."""
    asid = current_asid(cpu) if found.regime.has_two_ranges else None
    vmid = current_vmid(cpu, found.regime)
    entry = cpu.tlb.find(found.regime, vmid, asid, address, is_secure=is_secure(cpu, found.regime))
    return None if entry is None or _becomes_dirty(entry.leaf, request, found) else entry.leaf


def _keep(cpu: Cpu, address: int, leaf: Leaf, found: Parameters) -> None:
    """Put a block or page into the TLB; its access flag is set."""
    asid = None if leaf.is_global else current_asid(cpu)
    start = without_tag(address) & ~mask(leaf.size)
    if cpu.tlb.is_full:
        cpu.drop_translations(cpu.tlb)
    entry = Entry(found, is_secure(cpu, found.regime), current_vmid(cpu, found.regime), asid, start, leaf)
    if cpu.tlb.keep(entry):
        cpu.forget_page_maps()


def _becomes_dirty(leaf: Leaf, request: Request, found: Parameters) -> bool:
    """Whether hardware has to mark the page as written to: it is clean, and managed so (FEAT_HAFDBS)."""
    managed = AP_READ_ONLY | DIRTY_BIT_MODIFIER
    return found.updates_dirty and leaf.descriptor & managed == managed and request.makes_dirty


def _marked(leaf: Leaf, request: Request, found: Parameters) -> int:
    """The descriptor with the access flag and the dirty state that an access sets."""
    descriptor = leaf.descriptor
    if found.updates_flag:
        descriptor |= ACCESS_FLAG
    if _becomes_dirty(leaf, request, found):
        descriptor &= ~AP_READ_ONLY
    return descriptor


# --- the result


def _arrival(address: int, leaf: Leaf, request: Request, found: Parameters) -> Translation:
    """Where a permitted access goes. A fetch of cached memory is no different to software from one that is not."""
    attribute = leaf.attribute
    if not (found.cacheable or request.is_fetch or attributes.is_device(attribute)):
        attribute = attributes.uncached(attribute, has_xs=found.has_xs)
    shareability = attributes.effective_shareability(attribute, leaf.shareability)
    physical = leaf.output | address & mask(leaf.size)
    return Translation(found, physical, attribute, shareability, leaf.is_secure, leaf)
