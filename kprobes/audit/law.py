"""The transparency law: executed with a probe on it, an instruction does what it does without one.

law = Law(V4_8)
outcome = law.check(case)
outcome.differences      # all that a probe changes
outcome.unexplained      # but for what the engine of that kernel does to any instruction
"""

from __future__ import annotations

from enum import Enum, unique
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from kprobes.analysis import verdict
from kprobes.arch.code import instruction_of
from kprobes.arch.host import KERNEL, is_page_fault
from kprobes.audit.bench import Bench, differences, exception_level
from kprobes.behaviour import Execution, SlotFault
from kprobes.pt_regs import BTYPE, SS
from kprobes.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprobes.analysis import Judgement
    from kprobes.audit.case import Case
    from kprobes.behaviour import EngineRules
    from kprobes.profiles import Profile

Differences: TypeAlias = "dict[str, tuple[Any, Any]]"
"""By name (x0, pc, PSTATE.btype, ELR_EL1 ...), what was seen with a probe and what without one."""

_BTI = 0x0D
_ABORTS = (0x20, 0x21, 0x24, 0x25)
_STEPPING = 1 << 0 | 1 << 13 | 1 << 15
"""MDSCR_EL1.SS, KDE, MDE."""


@unique
class Effect(Enum):
    """What the engine of a kernel does to any instruction; the value says it in a sentence."""

    SLOT_MASKS = (
        "an instruction that ends with an exception in the slot leaves masked what was masked for the slot, and "
        "PSTATE.SS set if it was stepped (page faults: before v5.12)"
    )
    SLOT_ADDRESS = (
        "an exception in the slot that is no page fault is told of the slot's address instead of the probed one, and "
        "stepping goes on"
    )
    SLOT_LANDING = "a branch target exception is missed: a BRK may be branched to, and a slot is in no guarded page"
    SLOT_TRAPPED = (
        "what EL2 takes is told of the slot's address instead of the probed one, and with the masks of the slot"
    )
    RUNS_OFF = "where PSTATE.D is set, no step is taken: execution runs off the slot"

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name.lower().replace("_", "-")


@attrs.frozen
class Told:
    """What the kernel tells of a case: the outcome, and by which effects it is not that without a probe."""

    seen: dict[str, Any]
    effects: frozenset[Effect] = frozenset()


def told_by_kernel(bench: Bench, plain: Bench, case: Case, wanted: Mapping[str, Any]) -> Told:
    """What the engine of a kernel makes of a case, its defects included, from what is `wanted`, without a probe.

    `bench` has just executed it.
    """
    seen = dict(wanted)
    assert bench.profile is not None
    rules, level = bench.profile.engine, exception_level(seen)
    if rules.slot_fault is SlotFault.CONCEALS_SLOT or bench.slot is None or level is None:
        return Told(seen)
    if level == KERNEL and seen["ESR_EL1"] >> 26 == _BTI:
        landed = attrs.evolve(case, pstate=case.pstate & ~BTYPE)
        told = told_by_kernel(bench, plain, landed, plain.run(landed))
        return attrs.evolve(told, effects=told.effects | {Effect.SLOT_LANDING})
    effects = frozenset({Effect.SLOT_TRAPPED}) if level > KERNEL else _of_exception(seen, rules)
    if Effect.SLOT_MASKS in effects or level > KERNEL:
        seen[f"SPSR_EL{level}"] |= rules.masks | (SS if rules.execution is Execution.STEP else 0)
    if Effect.SLOT_ADDRESS in effects or level > KERNEL:
        seen[f"ELR_EL{level}"] = bench.slot
        seen["MDSCR_EL1"] |= _STEPPING if rules.execution is Execution.STEP else 0
    return Told(seen, effects)


def _of_exception(seen: dict[str, Any], rules: EngineRules) -> frozenset[Effect]:
    """The effects on an instruction that ends with an exception that the kernel takes."""
    is_page = seen["ESR_EL1"] >> 26 in _ABORTS and is_page_fault(seen["ESR_EL1"], seen["FAR_EL1"])
    if not is_page:
        return frozenset({Effect.SLOT_MASKS, Effect.SLOT_ADDRESS})
    return frozenset() if rules.slot_fault is SlotFault.RESTORES_MASKS else frozenset({Effect.SLOT_MASKS})


@attrs.frozen(slots=False, eq=False)
class Comparison:
    """What was seen of a case with a probe, and what was wanted.

    Attributes:
        slot: where it was executed; None if it was simulated.
    """

    case: Case
    slot: int | None
    seen: Mapping[str, Any] = attrs.field(repr=False)
    wanted: Mapping[str, Any] = attrs.field(repr=False)

    @cached_property
    def differences(self) -> Differences:
        """What was seen and is not what was wanted."""
        return differences(self.seen, self.wanted)


@attrs.frozen(slots=False, eq=False)
class Outcome:
    """A case that was executed with a probe and without one.

    Attributes:
        judgement: what the profile says of the instruction.
        whole: what was seen, and what is seen without a probe.
        rest: what was seen, and what the engine makes of the latter, as of any instruction.
        told: the effects by which it does so.
    """

    case: Case
    judgement: Judgement
    whole: Comparison
    rest: Comparison
    told: frozenset[Effect]

    @property
    def differences(self) -> Differences:
        """All that the probe changes."""
        return self.whole.differences

    @property
    def unexplained(self) -> Differences:
        """What it changes that is no effect of the engine on any instruction."""
        return self.rest.differences

    @cached_property
    def effects(self) -> frozenset[Effect]:
        """The effects that account for the differences; none where there are others, or no differences."""
        return self.told if self.told and self.differences and not self.unexplained else frozenset()


class Law:
    """The law, for one profile: a machine without probes, and one with."""

    def __init__(self, profile: Profile, *, guards_slots: bool = False, plain: Bench | None = None) -> None:
        """Hold cases against `profile`; its slots are in guarded pages if `guards_slots`."""
        self.profile = profile
        self.plain = plain or Bench()
        self.bench = Bench(profile, guards_slots=guards_slots)

    def judge(self, word: int) -> Judgement:
        """What the profile says of an instruction by itself."""
        return verdict(instruction_of(word), self.profile.decode)

    def is_legal(self, case: Case) -> bool:
        """Whether the instruction can be probed, and its hit finished: who steps needs PSTATE.D to be clear."""
        is_finished = self.profile.engine.execution is Execution.BRK or not case.masks_debug
        return is_finished and self.judge(case.word).verdict is not Verdict.REJECT

    def check(self, case: Case) -> Outcome:
        """Execute a case with a probe and without one.

        Raises:
            RegistrationError: the profile refuses the instruction.
        """
        seen = self.bench.run(case)
        wanted = self.plain.run(case)
        told = told_by_kernel(self.bench, self.plain, case, wanted)
        slot = self.bench.slot
        whole = Comparison(case, slot, seen, wanted)
        rest = Comparison(case, slot, seen, told.seen) if told.effects else whole
        return Outcome(case, self.judge(case.word), whole, rest, told.effects)


def check(profile: Profile, case: Case) -> Differences:
    """What a probe of a profile changes about a case; for many of them, make a `Law`.

    Raises:
        RegistrationError: the profile refuses the instruction.
    """
    return Law(profile).check(case).differences
