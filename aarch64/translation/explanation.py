"""A translation in words: the registers, every descriptor on the way, the result or the bits that forbade it."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.exceptions import Fault
from aarch64.syndrome import fault_status
from aarch64.sysregs.fields import HCR_TGE, SCTLR_M
from aarch64.translation import attributes
from aarch64.translation.attributes import Shareability
from aarch64.translation.descriptors import (
    ACCESS_FLAG,
    CONTIGUOUS,
    DIRTY_BIT_MODIFIER,
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
from aarch64.translation.parameters import is_enabled, table_register
from aarch64.translation.translate import By, Translation, TranslationFault, work_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu
    from aarch64.memory import Memory
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


@unique
class Part(Enum):
    """What a line of an explanation tells."""

    QUESTION = "what is asked"
    NOTE = "where the answer is from, and what it depends on"
    CONTROLS = "what the control registers say"
    DESCRIPTOR = "a descriptor on the way"
    ARRIVAL = "the physical address"
    FAULT = "why there is none, or none that can be used"


@attrs.frozen
class Line:
    """A line of an explanation."""

    part: Part
    text: str


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
    names = {NON_GLOBAL: "nG", GUARDED: "GP", DIRTY_BIT_MODIFIER: "DBM", CONTIGUOUS: "contiguous", NS: "NS"}
    yield from (name for bit, name in names.items() if descriptor & bit)
    if not descriptor & ACCESS_FLAG:
        yield "AF clear"


def describe_range(parameters: Parameters) -> str:
    """The registers that control a translation, in a line."""
    return ", ".join(
        (
            parameters.regime.label,
            table_register(parameters),
            f"{_GRANULES[parameters.granule]} granule",
            f"{parameters.address_bits}-bit addresses (T{int(parameters.is_upper)}SZ {parameters.txsz})",
            f"{parameters.output_bits}-bit output",
            *_switches(parameters),
        )
    )


def _switches(parameters: Parameters) -> Iterator[str]:
    """The bits that are set of those that change what descriptors and addresses mean."""
    number = str(int(parameters.is_upper)) if parameters.regime.has_two_ranges else ""
    if parameters.ignores_top:
        yield f"TBI{number}" if parameters.ignores_top_of_code else f"TBI{number} of data"
    names = {
        f"EPD{number}": parameters.disables_walks,
        f"E0PD{number}": parameters.disables_el0,
        f"HPD{number}": parameters.disables_hierarchy,
        "HA": parameters.updates_flag,
        "HD": parameters.updates_dirty,
        "WXN": parameters.wxn,
        "EPAN": parameters.epan,
        "SIF": parameters.sif,
    }
    yield from (name for name, is_set in names.items() if is_set)


def describe(result: Translation | TranslationFault) -> list[str]:
    """A result in lines: the registers, the descriptors, and what came of them."""
    return [line.text for line in _told(result)]


def _told(result: Translation | TranslationFault) -> list[Line]:
    lines = []
    if result.steps or (isinstance(result, TranslationFault) and result.status == Fault.TRANSLATION):
        steps = describe_steps(result.parameters, result.steps)
        lines.append(Line(Part.CONTROLS, describe_range(result.parameters)))
        lines += [Line(Part.DESCRIPTOR, step) for step in steps]
    if isinstance(result, TranslationFault):
        return [*lines, Line(Part.FAULT, f"{fault_status(result.status)}: {result.reason}")]
    return [*lines, Line(Part.ARRIVAL, _arrival(result))]


def _arrival(result: Translation) -> str:
    facts = [f"physical {result.physical:#x}", attributes.describe(result.attribute)]
    if not attributes.is_device(result.attribute):
        facts.append(_SHAREABILITIES[result.shareability])
    if result.is_secure:
        facts.append("Secure")
    text = ", ".join(facts)
    if result.leaf is None or result.attribute == result.leaf.attribute:
        return text
    return f"{text}: SCTLR_EL{result.parameters.regime:d}.C (bit 2) is clear"


@unique
class Answers(Enum):
    """What is at a physical address."""

    RAM = "ram"
    DEVICE = "device"
    NOTHING = "nothing"


@attrs.frozen
class Explanation:
    """An address, and what an access there would come to.

    Attributes:
        address: the virtual address.
        access: what would be done there, in words.
        outcome: what that comes to. Where the TLB had the answer, the tables may say something else by now:
        now: what they say, where that differs.
        off: which bit has the regime not translate; empty where it does.
        answers: what is at the physical address; None where there is no such address.
    """

    address: int
    access: str
    outcome: Outcome
    now: Translation | TranslationFault | None = None
    off: str = ""
    answers: Answers | None = None

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
        return [line.text for line in self.told()]

    def told(self) -> list[Line]:
        """All of it, in lines that say what each of them tells."""
        lines = [Line(Part.QUESTION, f"{self.access} at {self.address:#x}")]
        if self.outcome.is_kept:
            lines.append(Line(Part.NOTE, "from the TLB, which took it from these descriptors:"))
        if self.off:
            regime = self.outcome.result.parameters.regime
            lines.append(Line(Part.CONTROLS, f"{regime.label}, the MMU is off: {self.off}"))
        lines += _told(self.outcome.result)
        if self.answers is Answers.NOTHING:
            lines.append(Line(Part.FAULT, "external abort: nothing answers at that address"))
        if self.outcome.update is not None:
            lines.append(Line(Part.NOTE, f"hardware would make the descriptor {self.outcome.update:#018x}"))
        if self.now is not None:
            lines.append(Line(Part.NOTE, "but the tables say something else by now, and no TLBI has told the TLB:"))
            lines += _told(self.now)
        return lines

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs: addresses and values as hexadecimal strings."""
        update = self.outcome.update
        return {
            "address": f"{self.address:#x}",
            "access": self.access,
            "from_tlb": self.outcome.is_kept,
            **_result_json(self.outcome.result),
            "mmu_off": self.off or None,
            "answers": self.answers.value if self.answers else None,
            "descriptor_update": None if update is None else f"{update:#x}",
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
        nothing = {"physical": None, "attribute": None, "shareability": None, "secure": None}
        return {**common, **nothing, "fault": status}
    return {
        **common,
        "physical": f"{result.physical:#x}",
        "attribute": attributes.describe(result.attribute),
        "shareability": _SHAREABILITIES[result.shareability],
        "secure": result.is_secure,
        "fault": None,
    }


def explain(cpu: Cpu, address: int, request: Request, access: str, *, regime: Regime | None = None) -> Explanation:
    """What an access would come to, as the machine stands; nothing is changed."""
    outcome = work_out(cpu, address, request, regime=regime)
    result, now = outcome.result, None
    if outcome.is_kept:
        now = work_out(cpu, address, request, regime=regime, by=By.WALK).result
    return Explanation(
        address,
        access,
        outcome,
        now=now if now != result else None,
        off=_why_off(cpu, result.parameters.regime),
        answers=_answers(cpu.memory, result.physical) if isinstance(result, Translation) else None,
    )


def _why_off(cpu: Cpu, regime: Regime) -> str:
    """Which bit has a regime not translate; nothing where it does."""
    if is_enabled(cpu, regime):
        return ""
    if not cpu.sysregs[f"SCTLR_EL{regime:d}"] & SCTLR_M:
        return f"SCTLR_EL{regime:d}.M (bit 0) is clear"
    return f"HCR_EL2.{'TGE (bit 27)' if cpu.sysregs['HCR_EL2'] & HCR_TGE else 'DC (bit 12)'} is set"


def _answers(memory: Memory, physical: int) -> Answers:
    if memory.is_ram(physical):
        return Answers.RAM
    return Answers.DEVICE if memory.answers(physical) else Answers.NOTHING
