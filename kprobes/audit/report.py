"""What an audit finds, as records, as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.pstate import PState
from kprobes.audit.case import EL1H
from kprobes.audit.telling import shown_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprobes.audit.case import Case
    from kprobes.audit.known import Finding
    from kprobes.audit.law import Differences, Effect
    from kprobes.audit.telling import Symptom
    from kprobes.rules import Rule, Verdict


@attrs.frozen
class Break:
    """Encodings that the profile accepts, and that do something else when probed.

    Attributes:
        title: the definition.
        detail: which system register or operation it is; empty for others.
        fields: the values of narrow fields with which it is so, where it is not so with all.
        verdict, rule: how the profile executes it, and why it accepts it.
        symptom: in what it differs.
        finding: what is known of it; None if nothing is.
        what: what goes wrong in the case, in a sentence.
        case: the smallest state that was found to show it.
        differs: by the names of all that differs in it, what was seen with the probe and without.
    """

    title: str
    detail: str
    fields: Mapping[str, tuple[int, ...]]
    verdict: Verdict
    rule: Rule
    symptom: Symptom
    finding: Finding | None
    what: str
    case: Case
    differs: Mapping[str, tuple[str, str]]

    @property
    def name(self) -> str:
        """What the finding is called; of one that is not known, its symptom."""
        return self.symptom.label if self.finding is None else self.finding.name

    @property
    def which(self) -> str:
        """The definition, and which of its encodings."""
        conditions = [f"{name} {' or '.join(map(str, values))}" for name, values in self.fields.items()]
        of_it = ", ".join([*([self.detail] if self.detail else []), *conditions])
        return f"{self.title}: {of_it}" if of_it else self.title

    def as_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "definition": self.title,
            "detail": self.detail,
            "fields": {name: list(values) for name, values in self.fields.items()},
            "verdict": self.verdict.value,
            "rule": self.rule.name,
            "symptom": self.symptom.label,
            "finding": None if self.finding is None else self.finding.name,
            "why": None if self.finding is None else self.finding.why,
            "what": self.what,
            "case": self.case.as_json(),
            "differs": _differs_as_json(self.differs),
        }


@attrs.frozen
class EngineBreak:
    """What the engine does to any instruction.

    Attributes:
        what: what goes wrong in the case, in a sentence.
        case: the smallest state that was found to show it.
        count: how often it was met.
        is_alone: whether no other effect is met in the case.
        differs: by the names of all that differs in it, what was seen with the probe and without.
    """

    effect: Effect
    what: str
    case: Case
    count: int
    is_alone: bool
    differs: Mapping[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "effect": self.effect.label,
            "why": self.effect.value,
            "what": self.what,
            "count": self.count,
            "case": self.case.as_json(),
            "differs": _differs_as_json(self.differs),
        }


@attrs.frozen
class Needless:
    """What the profile refuses, though executed as `STRICT` does it would do the same: no counter-example was found.

    Attributes:
        title: the definition.
        is_partial: whether other encodings of it are accepted.
        rule: the one that refuses it.
        verdict: how it was executed: in a slot, or simulated without the defects that a kernel's simulation has.
        cases: how many cases were tried.
        effects: what the engine did in some of them, as it does to any instruction.
    """

    title: str
    is_partial: bool
    rule: Rule
    verdict: Verdict
    cases: int
    effects: frozenset[Effect]

    @property
    def which(self) -> str:
        """The definition, and whether it is all of it."""
        return f"{self.title} (some encodings)" if self.is_partial else self.title

    def as_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "definition": self.title,
            "partial": self.is_partial,
            "rule": self.rule.name,
            "why": self.rule.why,
            "source": self.rule.source,
            "verdict": self.verdict.value,
            "cases": self.cases,
            "effects": sorted(effect.label for effect in self.effects),
        }


def shown_differences(found: Differences) -> dict[str, tuple[str, str]]:
    """By name, what was seen and what was wanted, as text."""
    return {name: (shown_value(seen), shown_value(wanted)) for name, (seen, wanted) in found.items()}


def _differs_as_json(differs: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    return {name: {"probed": seen, "unprobed": wanted} for name, (seen, wanted) in differs.items()}


# --- the state of a case in words


def state_text(case: Case) -> str:
    """What the state of a case has that the plain one has not: `BTYPE=1, MMU on, x0=0x1`; empty for that one."""
    named = {"translates", "guarded", "unaligned", "pstate", "sctlr", "hcr"}
    parts = [
        *_pstate_parts(case.pstate),
        *(["MMU on"] if case.translates else []),
        *(["guarded page"] if case.guarded else []),
        *([] if case.unaligned else ["no unaligned accesses"]),
        *([f"bits {case.sctlr:#x} of SCTLR_EL1"] if case.sctlr else []),
        *([f"HCR_EL2={case.hcr:#x}"] if "hcr" in case.state else []),
        *(f"{name}={value:#x}" for name, value in case.state.items() if name not in named),
    ]
    return ", ".join(parts)


def _pstate_parts(spsr: int) -> list[str]:
    state, plain = attrs.asdict(PState.from_spsr(spsr)), attrs.asdict(PState.from_spsr(EL1H))
    flags = state.pop("flags")
    letters = "".join(letter for letter, is_set in zip("NZCV", flags, strict=True) if is_set)
    others = [f"{name.upper()}={value}" for name, value in state.items() if value != plain[name]]
    return [*([letters] if letters else []), *others]
