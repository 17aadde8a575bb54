"""Making cases small: as long as some simpler case still diverges in the same way, take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aarch64.fuzz.target import Divergence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.target import Target, Verdict

Case = TypeVar("Case")

_ROUNDS = 100


def shrink(target: Target[Case], diverging: Sequence[tuple[Case, Divergence]]) -> list[tuple[Case, Divergence]]:
    """Each case as small as it gets, with what diverges then: of the same kind, in the same place.

    All cases are made smaller together, because oracles that are processes answer many cases as fast as one.
    """
    smallest = list(diverging)
    open_places = list(range(len(smallest)))
    for _ in range(_ROUNDS):
        candidates = [(place, case) for place in open_places for case in target.simpler(smallest[place][0])]
        verdicts = target.check([case for _, case in candidates])
        smaller = dict(_first_smaller(smallest, candidates, verdicts))
        for place, pair in smaller.items():
            smallest[place] = pair
        open_places = list(smaller)
        if not open_places:
            break
    return smallest


def _first_smaller(
    smallest: Sequence[tuple[Case, Divergence]], candidates: Sequence[tuple[int, Case]], verdicts: Sequence[Verdict]
) -> Iterator[tuple[int, tuple[Case, Divergence]]]:
    """For each place, the first candidate that diverges as the case there does."""
    done = set()
    for (place, case), verdict in zip(candidates, verdicts, strict=True):
        if place in done or not isinstance(verdict, Divergence) or verdict.key != smallest[place][1].key:
            continue
        done.add(place)
        yield place, (case, verdict)
