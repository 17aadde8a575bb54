"""What a set of words has met of the instruction table: definitions, field values, alias rules, decoder branches.

    coverage = Coverage()
    coverage.add(0x8b020020)
    coverage.update(other)                      # of another process: it can be pickled
    coverage.totals()[Kind.DEFINITION].percent
    coverage.missing(Kind.ALIAS)

It asks the decoder from outside, so that decoding costs nothing more where nobody counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.isa.table import DECODER
from aarch64.sampling.classes import Class, Kind, classes_of, definition_of, description
from aarch64.sampling.reaching import reachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aarch64.isa.decoder import Decoded

__all__ = ["Coverage", "Kind", "Share"]

UNALLOCATED = "Unallocated"
"""What stands for the group of branches that lead to no definition."""


@attrs.frozen
class Share:
    """How many classes were met, of how many."""

    met: int
    all: int

    @property
    def percent(self) -> float:
        """The share in percent; 100 of nothing."""
        return 100 * self.met / self.all if self.all else 100.0


@attrs.define
class Coverage:
    """How often each class of words was met, and the number of words."""

    words: int = 0
    counts: Counter[Class] = attrs.field(factory=Counter)

    def add(self, word: int) -> None:
        """Count a 32-bit word."""
        self.add_decoded(word, DECODER.decode(word))

    def add_decoded(self, word: int, decoded: Decoded | None) -> None:
        """Count a word that has been decoded already; None where it is unallocated."""
        self.words += 1
        self.counts.update(classes_of(word, decoded))

    def update(self, other: Coverage) -> None:
        """Count what another coverage has counted, too."""
        self.words += other.words
        self.counts.update(other.counts)

    def totals(self) -> dict[Kind, Share]:
        """What was met of each kind of class."""
        return self._shares(self._known())

    def groups(self) -> dict[str, dict[Kind, Share]]:
        """What was met of each kind, by the groups of the Arm ARM as the table has them; then of unallocated words."""
        by_group: dict[str, list[Class]] = {item.group: [] for item in DECODER.definitions}
        by_group[UNALLOCATED] = []
        for each in self._known():
            definition = definition_of(each)
            by_group[definition.group if definition else UNALLOCATED].append(each)
        return {group: self._shares(classes) for group, classes in by_group.items()}

    def missing(self, kind: Kind) -> list[str]:
        """The classes of a kind that were not met, in words and in the order of the alphabet."""
        return sorted(description(each) for each in self._known() if each.kind is kind and not self.counts[each])

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON: totals, shares by group, how often each definition was met, and what is missing."""
        definitions = DECODER.definitions
        met = sorted((each.number, count) for each, count in self.counts.items() if each.kind is Kind.DEFINITION)
        return {
            "words": self.words,
            "totals": _as_json(self.totals()),
            "groups": {group: _as_json(shares) for group, shares in self.groups().items()},
            "definitions": [
                {"title": definitions[number].title, "encoding": definitions[number].pattern.text, "count": count}
                for number, count in met
            ],
            "missing": {kind.value: self.missing(kind) for kind in Kind},
        }

    def _known(self) -> frozenset[Class]:
        """The classes that there are: those a search has found, and those that were met anyway."""
        return reachable() | self.counts.keys()

    def _shares(self, classes: Iterable[Class]) -> dict[Kind, Share]:
        met, everything = Counter[Kind](), Counter[Kind]()
        for each in classes:
            everything[each.kind] += 1
            met[each.kind] += each in self.counts
        return {kind: Share(met[kind], everything[kind]) for kind in Kind if everything[kind]}


def _as_json(shares: dict[Kind, Share]) -> dict[str, Any]:
    return {
        kind.value: {"met": share.met, "all": share.all, "percent": round(share.percent, 2)}
        for kind, share in shares.items()
    }
