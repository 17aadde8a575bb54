"""What is found of a span, and of all of them together; as JSON, too."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.fuzz.sweep.partition import Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from aarch64.fuzz.target import Json

_EXAMPLES = 4
"""So many words of a finding are kept, the lowest."""


@attrs.frozen
class SweepFinding:
    """Words that differ in the same way, in the same place."""

    kind: str
    """`allocation`: the other decoder says otherwise; `partition`: ours says otherwise than its own table."""
    place: str
    count: int
    examples: tuple[int, ...]

    @classmethod
    def of(cls, kind: str, place: str, words: Collection[int]) -> SweepFinding:
        """The finding that these words make."""
        return cls(kind, place, len(words), tuple(sorted(words)[:_EXAMPLES]))

    def with_(self, other: SweepFinding) -> SweepFinding:
        """This one, and what another one has of it."""
        examples = tuple(sorted({*self.examples, *other.examples})[:_EXAMPLES])
        return attrs.evolve(self, count=self.count + other.count, examples=examples)


@attrs.define
class Tally:
    """Numbers of words, by the number of the definition (-1: unallocated), and what was found."""

    words: Counter[int] = attrs.field(factory=Counter)
    asked: Counter[int] = attrs.field(factory=Counter)
    """Those that the other decoder was asked about."""
    differing: Counter[int] = attrs.field(factory=Counter)
    """Those of which it says otherwise, for whatever reason."""
    known: Counter[str] = attrs.field(factory=Counter)
    """Those for which the reason is known, by the reason."""
    findings: dict[tuple[str, str], SweepFinding] = attrs.field(factory=dict)

    def found(self, finding: SweepFinding) -> None:
        """Take a finding in."""
        key = finding.kind, finding.place
        self.findings[key] = self.findings[key].with_(finding) if key in self.findings else finding

    def add(self, other: Tally) -> None:
        """Take in what another tally has; in which order they come does not matter."""
        self.words += other.words
        self.asked += other.asked
        self.differing += other.differing
        self.known += other.known
        for finding in other.findings.values():
            self.found(finding)

    def sorted_findings(self) -> list[SweepFinding]:
        """The findings, those of most words first."""
        return sorted(self.findings.values(), key=lambda item: (-item.count, item.kind, item.place))

    def to_json(self) -> Json:
        """All of it as JSON."""
        return {
            "words": _numbered(self.words),
            "asked": _numbered(self.asked),
            "differing": _numbered(self.differing),
            "known": dict(sorted(self.known.items())),
            "findings": [
                {
                    "kind": item.kind,
                    "place": item.place,
                    "count": item.count,
                    "examples": [f"{word:#010x}" for word in item.examples],
                }
                for item in self.sorted_findings()
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """The tally that `to_json` wrote; KeyError, TypeError or ValueError if it is none."""
        words, asked, differing = (_counter(data[name]) for name in ("words", "asked", "differing"))
        tally = cls(words, asked, differing, Counter(data["known"]))
        for item in data["findings"]:
            examples = tuple(int(word, 16) for word in item["examples"])
            tally.found(SweepFinding(item["kind"], item["place"], item["count"], examples))
        return tally


def _numbered(counts: Counter[int]) -> Json:
    return {str(number): counts[number] for number in sorted(counts)}


def _counter(data: Mapping[str, int]) -> Counter[int]:
    return Counter({int(number): int(count) for number, count in data.items()})


@attrs.frozen
class SpanResult:
    """What was found of a span, how many of its words were decoded, and in how many seconds of whoever did it."""

    span: Span
    tally: Tally
    looked_at: int
    seconds: float

    def to_json(self) -> Json:
        """The result as a JSON object."""
        place = {"first": f"{self.span.first:#010x}", "bits": self.span.bits, "looked_at": self.looked_at}
        return {**place, "seconds": round(self.seconds, 4), **self.tally.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SpanResult:
        """The result that `to_json` wrote; KeyError, TypeError or ValueError if it is none."""
        span = Span(int(data["first"], 16), int(data["bits"]))
        return cls(span, Tally.from_json(data), int(data["looked_at"]), float(data["seconds"]))


def total(results: Iterable[SpanResult]) -> Tally:
    """All of them together."""
    tally = Tally()
    for result in results:
        tally.add(result.tally)
    return tally
