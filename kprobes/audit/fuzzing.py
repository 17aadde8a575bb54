"""The law as something that is fuzzed: a target of `aarch64.fuzz`, whose cases are instructions in states.

report = Campaign(ProbeSetup("v4.8"), seed=1, budget=Budget(2000)).run()
report.unexplained       # what nobody has a name for
report.known             # what is known of that kernel, and how often it was met
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import attrs

from aarch64.fuzz.target import Agreement, Divergence
from aarch64.isa.table import decode
from aarch64.sampling import IMPLEMENTED
from kprobes.audit.case import Case
from kprobes.audit.drawing import KINDS, covered, detail_of, draw_case, draw_kind
from kprobes.audit.known import known
from kprobes.audit.law import Law
from kprobes.audit.report import shown_differences, state_text
from kprobes.audit.shrinking import simpler_cases
from kprobes.audit.telling import sentence, symptoms_of
from kprobes.profiles import PROFILES, STRICT

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from aarch64.fuzz.target import Json, Verdict
    from kprobes.audit.law import Differences, Outcome
    from kprobes.profiles import Profile

_DIRECTED = 0.4
"""So many cases are directed ones: of the kinds in which kernels are often wrong, or of encodings with a meaning of
their own, each as likely."""
_SHOWN = 4
"""So many values are told of an outcome."""
ANY_INSTRUCTION = "any instruction"
"""The place of what an engine does to whatever ends with an exception in the slot."""


def profile_named(name: object) -> Profile:
    """A profile by its name.

    Raises:
        ValueError: there is none.
    """
    if profile := PROFILES.get(str(name)):
        return profile
    raise ValueError(f"there is no profile {name!r}: there are {', '.join(PROFILES)}")


@attrs.frozen
class ProfileSetup:
    """The profile that is held to the law: by name, or (from Python, for one process) the object itself."""

    name: str = STRICT.name
    given: Profile | None = None

    @property
    def profile(self) -> Profile:
        """The profile; ValueError if there is none of that name."""
        return self.given or profile_named(self.name)

    def to_json(self) -> Json:
        """The name of the profile."""
        return {"profile": self.profile.name}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The setup that `to_json` wrote; KeyError or ValueError if it is none."""
        return cls(profile_named(data["profile"]).name)


@attrs.frozen
class ProbeSetup(ProfileSetup):
    """A profile, to be tried on single instructions."""

    target: str = attrs.field(default="probe", init=False)
    share: int = attrs.field(default=50, init=False)

    @contextmanager
    def opened(self) -> Iterator[ProbeTarget]:
        """The target; ValueError if there is no such profile."""
        yield ProbeTarget(self.profile)


@attrs.define
class ProbeTarget:
    """Instructions in states, each executed with a probe and without; a new pair of machines after an error in one."""

    profile: Profile
    together: int = attrs.field(default=1, init=False)
    _law: Law = attrs.field(init=False)
    _covered: tuple[Case, ...] = attrs.field(init=False)

    @_covered.default
    def _find_covered(self) -> tuple[Case, ...]:
        return tuple(case for definition in IMPLEMENTED for case in covered(definition))

    @_law.default
    def _make_law(self) -> Law:
        return Law(self.profile)

    def draw(self, rng: random.Random) -> Case:
        """An instruction, each definition as likely, in a state in which kernels are often wrong, or in any."""
        if rng.random() < _DIRECTED:
            number = rng.randrange(len(IMPLEMENTED) * KINDS + len(self._covered))
            if number < len(self._covered):
                return self._covered[number]
            return draw_kind(rng, rng.choice(IMPLEMENTED), number % KINDS)
        return draw_case(rng, rng.choice(IMPLEMENTED))

    def check(self, cases: Sequence[Case]) -> Sequence[Verdict]:
        """The verdict on each case; what the profile refuses is not compared."""
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: Case) -> Verdict:
        if not self._law.is_legal(case):
            return Agreement.NOT_COMPARED
        try:
            outcome = self._law.check(case)
        except Exception as error:  # noqa: BLE001  (whatever is raised, that it is raised is the finding)
            self._law = self._make_law()
            return Divergence("raises", place_of(case.word), repr(error), "")
        return self._told(outcome) if outcome.differences else Agreement.SAME

    def _told(self, outcome: Outcome) -> Divergence:
        """What differs: more than the engine accounts for, in which case a finding may; or just that."""
        if not outcome.unexplained:
            effects = sorted(outcome.effects, key=lambda effect: effect.label)
            return Divergence(
                "-".join(effect.label for effect in effects),
                ANY_INSTRUCTION,
                sentence(outcome.whole),
                _values(outcome.differences),
                "; ".join(effect.value for effect in effects),
            )
        symptom = symptoms_of(outcome.rest)[0]
        finding = known(self.profile.name, outcome.case, symptom)
        return Divergence(
            symptom.label,
            place_of(outcome.case.word),
            sentence(outcome.rest),
            _values(outcome.unexplained),
            f"{finding.name}: {finding.why}" if finding else "",
        )

    def simpler(self, case: Case) -> Iterator[Case]:
        """Cases of the same definition, with less in their state, other fields, other registers."""
        return simpler_cases(case)

    def words(self, case: Case) -> Sequence[int]:
        """The instruction."""
        return (case.word,)

    def lines(self, case: Case) -> Sequence[str]:
        """The instruction at its address, and what its state has that the plain one has not."""
        return f"{case.word:08x}  {case.text}", f"with {state_text(case) or 'nothing set in its state'}"

    def to_json(self, case: Case) -> Json:
        """The case as `Case.as_json` has it."""
        return case.as_json()

    def from_json(self, data: Mapping[str, Any]) -> Case:
        """The case that `to_json` wrote; CaseError, which is a ValueError, if it is none."""
        return Case.from_json(data)


def place_of(word: int) -> str:
    """Where an instruction belongs: its title, and the system register or the operation, if it is about one."""
    decoded = decode(word)
    title = "unallocated" if decoded is None else decoded.definition.title
    detail = detail_of(word)
    return f"{title}: {detail}" if detail else title


def _values(differences: Differences) -> str:
    """What is wanted, by name: the first of what differs."""
    shown = [f"{name}={wanted}" for name, (_, wanted) in shown_differences(differences).items()]
    return " ".join([*shown[:_SHOWN], *(["..."] if len(shown) > _SHOWN else [])])
