"""The words as cubes: sets of words that the table cannot tell apart.

What a word is depends on nothing but the literal bits of patterns and the fields that predicates of validity name. So
whoever fixes just these has a set of words that all belong to one definition, or to none; and such sets add up to all
2^32 words. They are derived from the definitions, not from the decoder, which has to agree.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.isa.pattern import WORD_BITS
from aarch64.isa.table import DECODER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aarch64.isa.definition import Definition

ALL_BITS = mask(WORD_BITS)


@attrs.frozen
class Span:
    """The 2^`bits` words from `first` on, a multiple of their number."""

    first: int
    bits: int

    @property
    def size(self) -> int:
        """How many words it has."""
        return 1 << self.bits

    def __str__(self) -> str:
        return f"words {self.first:#010x} to {self.first + self.size - 1:#010x}"


@attrs.frozen
class Cube:
    """The words that have the bits of `value` where those of `free` are clear; all are `definition`'s, or nobody's."""

    value: int
    free: int
    definition: Definition | None

    @property
    def size(self) -> int:
        """How many words it has."""
        return 1 << self.free.bit_count()

    def words(self, start: int = 0, count: int | None = None) -> list[int]:
        """The `count` words from the one numbered `start` on, in ascending order; by default all that there are."""
        end = self.size if count is None else min(self.size, start + count)
        low = _deposits(self.free)
        found: list[int] = []
        while start < end:
            block, first = divmod(start, len(low))
            base = self.value | deposit(block, _high(self.free))
            last = min(len(low), first + end - start)
            found += [base | bits for bits in low[first:last]]
            start += last - first
        return found


_LOW_BITS = 10
"""The bits of a cube whose values are written down."""


def _high(free: int) -> int:
    """All but the lowest of the free bits."""
    for _ in range(_LOW_BITS):
        free &= free - 1
    return free


@lru_cache(maxsize=256)
def _deposits(free: int) -> tuple[int, ...]:
    """Every value of the lowest free bits, in ascending order."""
    found, bits = [0], free & ~_high(free)
    while bits:
        lowest = bits & -bits
        found += [value | lowest for value in found]
        bits ^= lowest
    return tuple(found)


def deposit(number: int, free: int) -> int:
    """The bits of `number`, put where `free` has ones, the lowest first; those that find no place are lost."""
    value = 0
    while free and number:
        lowest = free & -free
        if number & 1:
            value |= lowest
        number >>= 1
        free ^= lowest
    return value


def withdraw(word: int, free: int) -> int:
    """The number that `deposit` puts into the free bits of this word."""
    number = place = 0
    while free:
        lowest = free & -free
        number |= bool(word & lowest) << place
        place += 1
        free ^= lowest
    return number


def spans(first: int, last: int, most_bits: int) -> Iterator[Span]:
    """The words from `first` to `last`, in spans of at most 2^`most_bits` words."""
    while first <= last:
        bits = min(most_bits, (last - first + 1).bit_length() - 1)
        if first:
            bits = min(bits, (first & -first).bit_length() - 1)
        yield Span(first, bits)
        first += 1 << bits


def cubes(span: Span) -> Iterator[Cube]:
    """The cubes that a span consists of."""
    known = ALL_BITS & ~mask(span.bits)
    yield from _split(span.first, known, _overlapping(_special_first(), span.first, known))


@lru_cache(maxsize=1)
def _special_first() -> tuple[Definition, ...]:
    """All definitions in the order in which one is preferred to another."""
    return tuple(sorted(DECODER.definitions, key=lambda item: -item.pattern.mask.bit_count()))


def _overlapping(definitions: Iterable[Definition], value: int, known: int) -> tuple[Definition, ...]:
    """Those whose literal bits are `value`'s where both are known."""
    return tuple(item for item in definitions if not (item.pattern.value ^ value) & item.pattern.mask & known)


def _split(value: int, known: int, definitions: tuple[Definition, ...]) -> Iterator[Cube]:
    """The cubes of the words with the `known` bits of `value`, which belong to one of the definitions or to none."""
    if not definitions:
        yield Cube(value, ALL_BITS & ~known, None)
        return
    if bit := _most_telling(definitions, known):
        for half in (value, value | bit):
            yield from _split(half, known | bit, _overlapping(definitions, half, known | bit))
        return
    special, *others = definitions
    if special.valid is None:
        yield Cube(value, ALL_BITS & ~known, special)
        return
    deciding = special.deciding & ~known
    values = (value | deposit(number, deciding) for number in range(1 << deciding.bit_count()))
    verdicts = bytes(special.read(word) is not None for word in values)
    for part, fixed, accepted in _uniform(verdicts, value, deciding):
        if accepted:
            yield Cube(part, ALL_BITS & ~known & ~fixed, special)
        else:
            yield from _split(part, known | fixed, tuple(others))


def _most_telling(definitions: Sequence[Definition], known: int) -> int:
    """The bit that is not known and most of the definitions have as a literal; 0 if there is none."""
    most, found = 0, 0
    undecided = [item.pattern.mask & ~known for item in definitions]
    union = 0
    for bits in undecided:
        union |= bits
    while union:
        bit = 1 << (union.bit_length() - 1)
        union ^= bit
        count = sum(bits & bit != 0 for bits in undecided)
        if count > most:
            most, found = count, bit
    return found


def _uniform(verdicts: bytes, value: int, deciding: int) -> Iterator[tuple[int, int, int]]:
    """(value, the deciding bits that are fixed, verdict): parts in which the verdicts on all values are the same.

    The verdicts are those on all values of the deciding bits, in ascending order.
    """
    if verdicts.count(verdicts[0]) == len(verdicts):
        yield value, 0, verdicts[0]
        return
    bit = 1 << (deciding.bit_length() - 1)
    middle = len(verdicts) // 2
    for half, with_bit in ((verdicts[:middle], value), (verdicts[middle:], value | bit)):
        for part, fixed, verdict in _uniform(half, with_bit, deciding & ~bit):
            yield part, fixed | bit, verdict
