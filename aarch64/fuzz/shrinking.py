"""Making cases small: as long as some simpler case still diverges in the same way, take it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from aarch64.fuzz.oracles import FailureKind
from aarch64.fuzz.target import Divergence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.target import Target, Verdict

Case = TypeVar("Case")

_MOST = 5000
"""So many simpler cases are tried for one that diverges."""
_MOST_FAILING = {FailureKind.CRASH.value: 60, FailureKind.HANG.value: 10, FailureKind.NO_ANSWER.value: 60}
"""So many for one over which a process fails: it is started twice for each that fails as well."""


def shrink(target: Target[Case], diverging: Sequence[tuple[Case, Divergence]]) -> list[tuple[Case, Divergence]]:
    """Each case as small as it gets, with what diverges then: of the same kind, in the same place.

    All cases are made smaller together, because oracles that are processes answer many cases as fast as one; but not
    those over which they fail.
    """
    descents = [_Descent(target, case, divergence) for case, divergence in diverging]
    _descend(target, [descent for descent in descents if not descent.is_failure])
    for descent in descents:
        if descent.is_failure:
            _descend(target, [descent])
    return [(descent.case, descent.divergence) for descent in descents]


def _descend(target: Target[Case], descents: Sequence[_Descent[Case]]) -> None:
    while going_on := [descent for descent in descents if not descent.is_over]:
        tried = [descent.next_cases() for descent in going_on]
        verdicts = iter(target.check([case for cases in tried for case in cases]))
        for descent, cases in zip(going_on, tried, strict=True):
            descent.go_on(cases, list(islice(verdicts, len(cases))))


class _Descent(Generic[Case]):
    """The way of one case down to its smallest."""

    def __init__(self, target: Target[Case], case: Case, divergence: Divergence) -> None:
        self.case = case
        self.divergence = divergence
        self.is_over = False
        self.is_failure = divergence.is_failure
        self._target = target
        self._candidates: Iterator[Case] = target.simpler(case)
        is_costly = self.is_failure and target.together > 1
        self._left = _MOST_FAILING[divergence.kind] if is_costly else _MOST
        self._together = 1 if self.is_failure else target.together

    def next_cases(self) -> list[Case]:
        """The next simpler cases to try; none: it is over."""
        cases = list(islice(self._candidates, min(self._together, self._left)))
        self._left -= len(cases)
        self.is_over = not cases
        return cases

    def go_on(self, cases: Sequence[Case], verdicts: Sequence[Verdict]) -> None:
        """Go on from the first of these cases that still diverges, if one does."""
        for case, verdict in zip(cases, verdicts, strict=True):
            if isinstance(verdict, Divergence) and verdict.key == self.divergence.key:
                self.case, self.divergence = case, verdict
                self._candidates = self._target.simpler(case)
                return
