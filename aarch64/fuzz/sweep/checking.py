"""A span of words, classified by the table, by the decoder, and by another decoder."""

from __future__ import annotations

import time
from array import array
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from aarch64.fuzz.decode import Comparison, place_of
from aarch64.fuzz.oracles import AllocationOracle, OracleError
from aarch64.fuzz.sweep.partition import cubes
from aarch64.fuzz.sweep.plan import chosen, number_of
from aarch64.fuzz.sweep.results import SpanResult, SweepFinding, Tally
from aarch64.isa import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aarch64.fuzz.decode import DecodeSetup
    from aarch64.fuzz.decoders.differences import Difference
    from aarch64.fuzz.oracles import DecodeOracle
    from aarch64.fuzz.sweep.partition import Span
    from aarch64.isa.definition import Definition


@attrs.frozen
class SweepJob:
    """What workers do with spans: `most` words of each cube are looked at, or all."""

    setup: DecodeSetup
    most: int | None
    seed: int

    @contextmanager
    def opened(self) -> Iterator[Callable[[Span], SpanResult]]:
        """The checking of spans, with the other decoder at hand."""
        with self.setup.opened() as target:
            comparison = target.judge if isinstance(target.judge, Comparison) else None
            other = Other(comparison, self.setup.share) if comparison else None
            yield lambda span: self._checked(span, other)

    def _checked(self, span: Span, other: Other | None) -> SpanResult:
        start = time.perf_counter()
        tally = Tally()
        by_definition: dict[Definition | None, list[int]] = {}
        for cube in cubes(span):
            tally.words[number_of(cube.definition)] += cube.size
            by_definition.setdefault(cube.definition, []).extend(chosen(cube, self.most, self.seed))
        for definition, words in by_definition.items():
            _hold_decoder_to_table(tally, definition, words)
        if other is not None:
            other.compare(tally, by_definition)
        looked_at = sum(map(len, by_definition.values()))
        return SpanResult(span, tally, looked_at, time.perf_counter() - start)


def _hold_decoder_to_table(tally: Tally, definition: Definition | None, words: Sequence[int]) -> None:
    """That the decoder finds the definition which the table has for these words."""
    decode = table.decode
    if definition is None:
        wrong = [word for word in words if decode(word) is not None]
    else:
        wrong = [word for word in words if (found := decode(word)) is None or found.definition is not definition]
    for word in wrong:
        tally.found(SweepFinding.of("partition", place_of(decode(word), None), [word]))


@attrs.frozen
class Other:
    """Another decoder, its known differences, and how many words it is given at once."""

    comparison: Comparison
    batch: int
    differences: tuple[Difference, ...] = attrs.field(init=False)
    """Those about allocation."""

    @differences.default
    def _about_allocation(self) -> tuple[Difference, ...]:
        return tuple(item for item in self.comparison.differences if item.kind == "allocation")

    @property
    def _oracle(self) -> DecodeOracle:
        return self.comparison.oracle

    def compare(self, tally: Tally, by_definition: dict[Definition | None, list[int]]) -> None:
        """Ask about these words, and note where the answer is not ours."""
        theirs = self._verdicts(array("I", (word for words in by_definition.values() for word in words)))
        start = 0
        for definition, words in by_definition.items():
            end = start + len(words)
            number = number_of(definition)
            tally.asked[number] += len(words)
            differing = _unlike(words, theirs[start:end], allocated=definition is not None)
            start = end
            if differing:
                tally.differing[number] += len(differing)
                self._note(tally, definition, differing)

    def _note(self, tally: Tally, definition: Definition | None, words: Sequence[int]) -> None:
        """Sort differing words by reason and place; of what we do not implement it is enough to count them."""
        if definition is not None and definition.unsupported:
            return
        unexplained = []
        for word in words:
            reason = next((item.reason for item in self.differences if item.explains(word, "allocation")), "")
            if reason:
                tally.known[reason] += 1
            else:
                unexplained.append(word)
        by_place: dict[str, list[int]] = {}
        for word, place in zip(unexplained, self._places(definition, unexplained), strict=True):
            by_place.setdefault(place, []).append(word)
        for place, found in by_place.items():
            tally.found(SweepFinding.of("allocation", place, found))

    def _places(self, definition: Definition | None, words: Sequence[int]) -> Iterable[str]:
        if definition is not None:
            return [definition.title] * len(words)
        return [place_of(None, text) for text in self.comparison.answers(words)]

    def _verdicts(self, words: Sequence[int]) -> bytes:
        if not isinstance(self._oracle, AllocationOracle):
            batches = (words[start : start + self.batch] for start in range(0, len(words), self.batch))
            return b"".join(bytes(text is not None for text in self.comparison.answers(batch)) for batch in batches)
        verdicts = self._oracle.verdicts(words)
        if len(verdicts) != len(words):
            raise OracleError(f"{type(self._oracle).__name__}: {len(verdicts)} answers for {len(words)} words")
        return verdicts


def _unlike(words: Sequence[int], verdicts: bytes, *, allocated: bool) -> list[int]:
    """The words with another verdict."""
    if verdicts.count(allocated) == len(words):
        return []
    return [word for word, verdict in zip(words, verdicts, strict=True) if verdict != allocated]
