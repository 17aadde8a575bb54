"""The audit of a profile: what it accepts and does otherwise, and what it refuses though it would do the same.

    audit = Audit(V4_8)
    for done in audit.search():     # after each definition, how many of them are done
        ...
    audit.breaks, audit.engine, audit.needless

It is a search: what it finds is so, with a case that shows it; what it does not find may be there all the same.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.table import decode
from aarch64.sampling import IMPLEMENTED
from kprobes.audit.bench import Bench
from kprobes.audit.case import EL1H
from kprobes.audit.drawing import ENGINE_CASES, PLAINEST, detail_of, draw_case, draw_directed
from kprobes.audit.known import Finding, known
from kprobes.audit.law import Effect, Law
from kprobes.audit.report import Break, EngineBreak, Needless, shown_differences
from kprobes.audit.shrinking import shrink, variants
from kprobes.audit.telling import Symptom, sentence, symptoms_of
from kprobes.profiles import STRICT
from kprobes.pt_regs import D
from kprobes.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aarch64.isa.definition import Definition
    from kprobes.audit.case import Case
    from kprobes.audit.law import Outcome
    from kprobes.profiles import Profile
    from kprobes.rules import Rule

CASES = 8
"""Random cases of a definition, besides the directed ones, unless told."""
_NARROW = 2
"""Fields of so many bits, or fewer, are told of where their value decides whether an encoding breaks the law."""


@attrs.frozen
class _Kind:
    """What makes a break of a definition another one than the rest of it."""

    detail: str
    finding: Finding | None
    symptom: Symptom | None
    """Where nothing is known of it."""


@attrs.define
class _Refused:
    """What was tried of what a rule refuses of a definition."""

    cases: int = 0
    obeys: bool = True
    effects: set[Effect] = attrs.field(factory=set)


class Audit:
    """A search for what breaks the law.

    Attributes:
        profile: who is audited.
        seed, cases: what is drawn, and how many random cases of each definition.
        searched: how many definitions are done.
        tried: how many cases were executed.
        accepted: the titles of which the profile accepts an encoding.
        definitions: what is searched.
    """

    def __init__(
        self, profile: Profile, *, seed: int = 0, cases: int = CASES, definitions: Sequence[Definition] = IMPLEMENTED
    ) -> None:
        """Search `definitions` by directed cases and `cases` random ones each, the same for the same `seed`."""
        self.profile = profile
        self.definitions = definitions
        self.seed, self.cases = seed, cases
        self.searched = self.tried = 0
        self.accepted: set[str] = set()
        plain = Bench()
        self._law = Law(profile, plain=plain)
        self._forced = Law(attrs.evolve(profile, decode=STRICT.decode), plain=plain)
        self._met: dict[tuple[str, _Kind], Break] = {}
        self._engine: dict[Effect, EngineBreak] = {}
        self._refused: dict[tuple[str, Rule, Verdict], _Refused] = {}

    def search(self) -> Iterator[int]:
        """Search; after each definition, give how many of them are done."""
        self._try_running_off(attrs.evolve(PLAINEST, pstate=EL1H | D))
        for case in ENGINE_CASES:
            self._try(_title(case), case)
        for definition in self.definitions:
            for case in self.drawn(definition):
                self._try(definition.title, case)
            self.searched += 1
            yield self.searched

    def run(self) -> Audit:
        """Search to the end."""
        for _ in self.search():
            pass
        return self

    @property
    def is_complete(self) -> bool:
        """Whether the search has come to its end."""
        return self.searched == len(self.definitions)

    @property
    def simulates(self) -> bool:
        """Whether the profile simulates anything."""
        return any(clause.verdict is Verdict.SIMULATE for clause in self.profile.decode.clauses)

    @property
    def breaks(self) -> list[Break]:
        """What it accepts and does otherwise, in the order found."""
        return list(self._met.values())

    @property
    def engine(self) -> list[EngineBreak]:
        """What the engine does to any instruction."""
        return [self._engine[effect] for effect in Effect if effect in self._engine]

    @property
    def needless(self) -> list[Needless]:
        """What is refused, and obeyed in all cases that were tried."""
        return [
            Needless(title, title in self.accepted, rule, verdict, found.cases, frozenset(found.effects))
            for (title, rule, verdict), found in self._refused.items()
            if found.obeys
        ]

    def drawn(self, definition: Definition) -> Iterator[Case]:
        """The cases of a definition: directed ones, then random ones."""
        rng = random.Random(f"{definition.title} {definition.pattern.text} {self.seed}")
        yield from draw_directed(rng, definition)
        yield from (draw_case(rng, definition) for _ in range(self.cases))

    # --- a case

    def _try(self, title: str, case: Case) -> None:
        if self._law.judge(case.word).verdict is Verdict.REJECT:
            self._try_refused(title, case)
            return
        self.accepted.add(title)
        if not self._law.is_legal(case):
            return
        self.tried += 1
        outcome = self._law.check(case)
        if outcome.unexplained:
            self._note_break(title, outcome)
        for effect in outcome.effects:
            self._note_effect(effect, case, outcome.effects)

    def _note_break(self, title: str, outcome: Outcome) -> None:
        """The first case of its kind is kept, or one in which more than what is hidden differs."""
        symptom, kind = symptoms_of(outcome.rest)[0], self._kind(outcome)
        met = self._met.get((title, kind))
        if met is not None and (met.symptom is not Symptom.SYSTEM or symptom is Symptom.SYSTEM):
            return

        def is_alike(other: Case) -> bool:
            if not self._law.is_legal(other):
                return False
            checked = self._law.check(other)
            symptoms = symptoms_of(checked.rest)
            return bool(symptoms) and symptoms[0].rank <= symptom.rank and self._kind(checked) == kind

        case = shrink(outcome.case, is_alike)
        small = self._law.check(case)
        self._met[title, kind] = Break(
            title=title,
            detail=kind.detail,
            fields={} if kind.detail else self._deciding(case, is_alike),
            verdict=small.judgement.verdict,
            rule=small.judgement.rule,
            symptom=symptoms_of(small.rest)[0],
            finding=kind.finding,
            what=sentence(small.rest),
            case=case,
            differs=shown_differences(small.unexplained),
        )

    def _kind(self, outcome: Outcome) -> _Kind:
        symptom = symptoms_of(outcome.rest)[0]
        finding = known(self.profile.name, outcome.case, symptom)
        return _Kind(detail_of(outcome.case.word), finding, None if finding else symptom)

    def _deciding(self, case: Case, is_alike: Callable[[Case], bool]) -> dict[str, tuple[int, ...]]:
        """The narrow fields whose value decides, with the values that break the law; only what is accepted counts."""
        decoded = decode(case.word)
        assert decoded is not None
        breaking: dict[str, list[int]] = {}
        obeying: set[str] = set()
        for name, value, other in variants(case, _NARROW):
            if not self._law.is_legal(other):
                continue
            if is_alike(other):
                breaking.setdefault(name, [decoded.fields[name]]).append(value)
            else:
                obeying.add(name)
        return {name: tuple(sorted(breaking.get(name, [decoded.fields[name]]))) for name in sorted(obeying)}

    # --- the engine

    def _note_effect(self, effect: Effect, case: Case, effects: frozenset[Effect]) -> None:
        """The case that is kept is one in which nothing else goes wrong, if there is any."""
        found = self._engine.get(effect)
        if found is not None and (found.is_alone or len(effects) > 1):
            self._engine[effect] = attrs.evolve(found, count=found.count + 1)
            return

        def has_effect(other: Case) -> bool:
            effects_of_other = self._law.check(other).effects if self._law.is_legal(other) else frozenset()
            return effect in effects_of_other and len(effects_of_other) <= len(effects)

        count = 1 if found is None else found.count + 1
        self._engine[effect] = self._engine_break(effect, shrink(case, has_effect), count)

    def _engine_break(self, effect: Effect, case: Case, count: int) -> EngineBreak:
        outcome = self._law.check(case)
        return EngineBreak(
            effect,
            sentence(outcome.whole),
            case,
            count,
            len(outcome.effects) == 1,
            shown_differences(outcome.differences),
        )

    def _try_running_off(self, case: Case) -> None:
        """Where PSTATE.D is set and a step is to end the slot: what is executed behind it is nobody's."""

        def runs_off(other: Case) -> bool:
            is_slot = self._law.judge(other.word).verdict is Verdict.SLOT
            return is_slot and not self._law.is_legal(other) and "pc" in self._law.check(other).differences

        if runs_off(case):
            self._engine[Effect.RUNS_OFF] = self._engine_break(Effect.RUNS_OFF, shrink(case, runs_off), 1)

    # --- what is refused

    def _try_refused(self, title: str, case: Case) -> None:
        """Have the profile's engine execute it as `STRICT` would, which has to accept it."""
        verdict = self._forced.judge(case.word).verdict
        if verdict is Verdict.REJECT or not self._forced.is_legal(case):
            return
        found = self._refused.setdefault((title, self._law.judge(case.word).rule, verdict), _Refused())
        if not found.obeys:
            return
        self.tried += 1
        found.cases += 1
        outcome = self._forced.check(case)
        found.obeys = not outcome.unexplained
        found.effects |= outcome.effects


def _title(case: Case) -> str:
    decoded = decode(case.word)
    assert decoded is not None
    return decoded.definition.title
