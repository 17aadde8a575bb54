"""Making cases small: as long as some simpler case still diverges in the same way, take it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from aarch64.fuzz.target import Divergence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.target import Target, Verdict

Case = TypeVar("Case")

_MOST = 5000
"""So many simpler cases are tried for one that diverges."""


def shrink(target: Target[Case], diverging: Sequence[tuple[Case, Divergence]]) -> list[tuple[Case, Divergence]]:
    """Each case as small as it gets, with what diverges then: of the same kind, in the same place.

    All cases are made smaller together, because oracles that are processes answer many cases as fast as one.
    """
    descents = [_Descent(target, case, divergence) for case, divergence in diverging]
    while going_on := [descent for descent in descents if not descent.is_over]:
        tried = [descent.next_cases() for descent in going_on]
        verdicts = iter(target.check([case for cases in tried for case in cases]))
        for descent, cases in zip(going_on, tried, strict=True):
            descent.go_on(cases, list(islice(verdicts, len(cases))))
    return [(descent.case, descent.divergence) for descent in descents]


class _Descent(Generic[Case]):
    """The way of one case down to its smallest."""

    def __init__(self, target: Target[Case], case: Case, divergence: Divergence) -> None:
        self.case = case
        self.divergence = divergence
        self.is_over = False
        self._target = target
        self._candidates: Iterator[Case] = target.simpler(case)
        self._left = _MOST

    def next_cases(self) -> list[Case]:
        """The next simpler cases to try; none: it is over."""
        cases = list(islice(self._candidates, min(self._target.together, self._left)))
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
