"""A translation in words: the registers, every descriptor on the way, the result or the bits that forbade it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.syndrome import fault_status
from aarch64.translation import attributes
from aarch64.translation.attributes import Shareability
from aarch64.translation.descriptors import (
    CONTIGUOUS,
    GUARDED,
    NON_GLOBAL,
    NS,
    NS_TABLE,
    PXN_TABLE,
    UXN_TABLE,
    Hierarchy,
    Kind,
    base_rights,
    output_address,
)
from aarch64.translation.parameters import table_register
from aarch64.translation.translate import By, Translation, TranslationFault, work_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu
    from aarch64.translation.parameters import Parameters, Regime
    from aarch64.translation.request import Request
    from aarch64.translation.translate import Outcome
    from aarch64.translation.walk import Step

_GRANULES = {12: "4KB", 14: "16KB", 16: "64KB"}
_SHAREABILITIES = {
    Shareability.NON: "non-shareable",
    Shareability.INNER: "inner shareable",
    Shareability.OUTER: "outer shareable",
}


def describe_steps(parameters: Parameters, steps: tuple[Step, ...]) -> list[str]:
    """A line for each descriptor: level, physical address, value, and what it says."""
    hierarchy, lines = Hierarchy(is_secure=False), []
    for step in steps:
        where = f"level {step.level}  [{step.address:#x}]"
        if step.descriptor is None:
            lines.append(f"{where} nothing answers")
            continue
        lines.append(f"{where} {step.descriptor:#018x}  {_describe(step, step.descriptor, parameters, hierarchy)}")
        if step.kind is Kind.TABLE:
            hierarchy = hierarchy.below(step.descriptor, parameters)
    return lines


def _describe(step: Step, descriptor: int, parameters: Parameters, hierarchy: Hierarchy) -> str:
    if step.kind is Kind.TABLE:
        table = output_address(descriptor, parameters.granule)
        return ", ".join((f"table at {table:#x}", *_limits(descriptor, parameters)))
    if step.kind in (Kind.BLOCK, Kind.PAGE):
        output = output_address(descriptor, parameters.size_at(step.level))
        facts = _facts(descriptor, parameters, hierarchy)
        return ", ".join((f"{step.kind.value} at {output:#x}", *facts))
    return str(step.kind.value)


def _limits(descriptor: int, parameters: Parameters) -> Iterator[str]:
    """What a table descriptor takes from everything below it."""
    if parameters.disables_hierarchy:
        return
    if descriptor >> 61 & 0b11:
        yield f"APTable 0b{descriptor >> 61 & 0b11:02b}"
    if descriptor & UXN_TABLE:
        yield "UXNTable" if parameters.regime.has_two_ranges else "XNTable"
    if descriptor & PXN_TABLE and parameters.regime.has_two_ranges:
        yield "PXNTable"
    if descriptor & NS_TABLE:
        yield "NSTable"


def _facts(descriptor: int, parameters: Parameters, hierarchy: Hierarchy) -> Iterator[str]:
    """What a block or page descriptor says."""
    privileged, unprivileged = base_rights(descriptor, hierarchy, parameters)
    if parameters.regime.has_two_ranges:
        yield f"EL1 {privileged.letters}"
        yield f"EL0 {unprivileged.letters}"
    else:
        yield privileged.letters
    field = parameters.mair >> 8 * (descriptor >> 2 & 0b111) & 0xFF
    attribute = attributes.decode_attribute(field, has_xs=parameters.has_xs)
    yield attributes.describe(attribute)
    if not attributes.is_device(attribute):
        yield _SHAREABILITIES[attributes.effective_shareability(attribute, descriptor >> 8 & 0b11)]
    names = {NON_GLOBAL: "nG", GUARDED: "GP", CONTIGUOUS: "contiguous", NS: "NS"}
    yield from (name for bit, name in names.items() if descriptor & bit)


def describe_range(parameters: Parameters) -> str:
    """The registers that control a translation, in a line."""
    return (
        f"{parameters.regime.label}, {table_register(parameters)}, {_GRANULES[parameters.granule]} granule, "
        f"{parameters.address_bits}-bit addresses"
    )


def describe(result: Translation | TranslationFault) -> list[str]:
    """A result in lines: the registers, the descriptors, and what came of them."""
    lines = []
    if result.steps:
        lines = [describe_range(result.parameters), *describe_steps(result.parameters, result.steps)]
    if isinstance(result, TranslationFault):
        return [*lines, f"{fault_status(result.status)}: {result.reason}"]
    if result.leaf is None:
        lines.append(f"{result.parameters.regime.label}: the MMU is off")
    return [*lines, f"physical {result.physical:#x}, {attributes.describe(result.attribute)}"]


@attrs.frozen
class Explanation:
    """An address, and what an access there would come to.

    Attributes:
        address: the virtual address.
        access: what would be done there, in words.
        outcome: what that comes to. Where the TLB had the answer, the tables may say something else by now:
        now: what they say, where that differs.
    """

    address: int
    access: str
    outcome: Outcome
    now: Translation | TranslationFault | None

    @property
    def physical(self) -> int | None:
        """The physical address; None where the access faults."""
        result = self.outcome.result
        return result.physical if isinstance(result, Translation) else None

    @property
    def fault_status(self) -> int | None:
        """The fault status code; None where the access does not fault."""
        result = self.outcome.result
        return result.status if isinstance(result, TranslationFault) else None

    def lines(self) -> list[str]:
        """All of it, in lines."""
        result = self.outcome.result
        lines = [f"{self.access} at {self.address:#x}", *describe(result)]
        if self.outcome.is_kept:
            lines.insert(1, "from the TLB, which took it from these descriptors:")
        if self.now is not None:
            lines += ["the tables have changed since, without a TLBI; they now say:", *describe(self.now)]
        return lines

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs: addresses and values as hexadecimal strings."""
        return {
            "address": f"{self.address:#x}",
            "access": self.access,
            "from_tlb": self.outcome.is_kept,
            **_result_json(self.outcome.result),
            "tables_now": _result_json(self.now) if self.now is not None else None,
        }


def _result_json(result: Translation | TranslationFault) -> dict[str, Any]:
    common = {
        "regime": result.parameters.regime.label,
        "table_register": table_register(result.parameters),
        "granule": 1 << result.parameters.granule,
        "address_bits": result.parameters.address_bits,
        "steps": [
            {
                "level": step.level,
                "address": f"{step.address:#x}",
                "descriptor": None if step.descriptor is None else f"{step.descriptor:#x}",
                "kind": step.kind.value,
            }
            for step in result.steps
        ],
    }
    if isinstance(result, TranslationFault):
        status = {"status": result.status, "name": fault_status(result.status), "reason": result.reason}
        return {**common, "physical": None, "attribute": None, "fault": status}
    return {
        **common,
        "physical": f"{result.physical:#x}",
        "attribute": attributes.describe(result.attribute),
        "fault": None,
    }


def explain(cpu: Cpu, address: int, request: Request, access: str, *, regime: Regime | None = None) -> Explanation:
    """What an access would come to, as the machine stands; nothing is changed."""
    outcome = work_out(cpu, address, request, regime=regime)
    if not outcome.is_kept:
        return Explanation(address, access, outcome, None)
    now = work_out(cpu, address, request, regime=regime, by=By.WALK).result
    return Explanation(address, access, outcome, now if now != outcome.result else None)
