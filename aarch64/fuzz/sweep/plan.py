"""What a sweep is to do: which words, against whom, and how many of each cube."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from aarch64.fuzz.decode import DecodeSetup
from aarch64.fuzz.sweep.partition import ALL_BITS, cubes, spans, withdraw
from aarch64.isa.pattern import WORD_BITS
from aarch64.sampling.classes import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.fuzz.sweep.partition import Cube, Span
    from aarch64.fuzz.target import Json
    from aarch64.isa.definition import Definition

UNALLOCATED = -1
"""The number of no definition."""

_LEAST = 4
"""So many words of a cube are asked about whatever the budget: the first, the last, and two between."""
_RUN_BITS = 8
_BRUTE_BITS = 16
"""A shard of which every word is looked at has 2^16, half a second's work; of others"""
_LEAST_SPAN_BITS = 21
_MOST_SPAN_BITS = 27
_ASKED_BITS = 15
"""it is as large as makes about 2^15 to look at, between these bounds."""
_ALIKE = 0b00010 << 16 | 0b00010 << 10 | 0b00010 << 5 | 0b00010
"""Where registers are named, all the same one: what other decoders refuse sometimes."""
_GOLDEN = 0.6180339887498949


def number_of(definition: Definition | None) -> int:
    """The place of a definition in the table, or UNALLOCATED."""
    return UNALLOCATED if definition is None else numbers()[definition]


@attrs.frozen
class Region:
    """The words from `first` to `last`."""

    first: int = 0
    last: int = ALL_BITS

    def __str__(self) -> str:
        return f"{self.first:#010x}-{self.last:#010x}"

    @property
    def size(self) -> int:
        """How many words it has."""
        return self.last - self.first + 1


@attrs.frozen
class Plan:
    """What is swept, against whom, and how many words are asked about; None: every single one."""

    setup: DecodeSetup = attrs.field(factory=DecodeSetup)
    words: int | None = None
    region: Region = attrs.field(factory=Region)
    seed: int = 0

    @property
    def oracle(self) -> str:
        """Whom words are compared with: a name, or a command."""
        if self.setup.decoder is not None:
            return type(self.setup.decoder).__name__
        return self.setup.command or self.setup.oracle

    def spans(self) -> Iterator[Span]:
        """The shards: large enough for an oracle that is a process to be worth its start, and done in seconds."""
        return spans(self.region.first, self.region.last, self._span_bits)

    @property
    def _span_bits(self) -> int:
        if self.words is None:
            return _BRUTE_BITS
        times = max(1, self.words).bit_length() - 1 - _ASKED_BITS
        return min(_MOST_SPAN_BITS, max(_LEAST_SPAN_BITS, WORD_BITS - times))

    def surveyed(self) -> Survey:
        """What there is in the region, found without asking anybody: a second for everything."""
        digest = hashlib.sha256()
        sizes: Counter[int] = Counter()
        for span in spans(self.region.first, self.region.last, max(self._span_bits, _LEAST_SPAN_BITS)):
            for cube in cubes(span):
                sizes[cube.size] += 1
                title = cube.definition and (cube.definition.title, bool(cube.definition.unsupported))
                digest.update(f"{cube.value:x} {cube.free:x} {number_of(cube.definition)} {title}\n".encode())
        most = None if self.words is None else max(_LEAST, _level(sizes, self.words))
        asked = sum(count * (size if most is None else min(size, most)) for size, count in sizes.items())
        return Survey(digest.hexdigest(), sizes.total(), most, asked)

    def identity(self, survey: Survey) -> Json:
        """What must be the same for results to be put together."""
        return {
            "oracle": self.oracle,
            "words": self.words,
            "region": str(self.region),
            "seed": self.seed,
            "table": survey.digest,
        }


@attrs.frozen
class Survey:
    """What a region consists of."""

    digest: str
    """Of all cubes with their definitions: two tables with the same one classify every word alike."""
    cubes: int
    most: int | None
    """So many words of a cube are asked about; None: all."""
    asked: int
    """So many words that makes."""


def _level(sizes: Counter[int], words: int) -> int:
    """The most words of a cube, so that together they are at least `words`, or all that there are."""
    left = sizes.total()
    for size in sorted(sizes):
        if size * left >= words:
            return -(-words // left)
        words -= size * sizes[size]
        left -= sizes[size]
    return max(sizes)


def chosen(cube: Cube, most: int | None, seed: int) -> list[int]:
    """At most so many words of a cube (at least 4): all, or runs of them, evenly spread over it."""
    if most is None or cube.size <= most:
        return cube.words()
    run = 1 << min(_RUN_BITS, max(0, (most // 16).bit_length() - 1))
    runs, wanted = cube.size // run, -(-most // run)
    start = random.Random(f"{seed} {cube.value}").randrange(runs)  # noqa: S311  (reproducible is what it has to be)
    step = int(runs * _GOLDEN) | 1  # odd: it comes to each of the runs, which are a power of two
    at_edges = (0, runs - 1, withdraw(_ALIKE, cube.free) // run)
    spread = ((start + number * step) % runs for number in range(wanted))
    found: list[int] = []
    for number in list(dict.fromkeys([*at_edges, *spread]))[:wanted]:
        found += cube.words(number * run, run)
    return found[:most]
