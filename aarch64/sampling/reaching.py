"""A search for words of each class: what coverage is measured against."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

from aarch64.isa.table import DECODER, decode
from aarch64.sampling.aliases import boundaries
from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.classes import FIRST_SHIFT, Class, Kind, branch_points, buckets, classes_of, numbers
from aarch64.sampling.fields import IMPLEMENTED, choose_any_fields, draw_fields, edges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.definition import Definition
    from aarch64.isa.pattern import Field

_ATTEMPTS = 40
_FEW_ATTEMPTS = 4
_LOW_BITS = (1 << FIRST_SHIFT) - 1


@cache
def reachable() -> frozenset[Class]:
    """The classes that some word belongs to, as far as they are found; always the same. It takes a second or two."""
    return frozenset(_search())


def _search() -> Iterator[Class]:
    """Every class that was found, some of them more than once."""
    rng = random.Random("coverage")
    for number in numbers().values():
        yield Class(Kind.DEFINITION, number)
    for definition in IMPLEMENTED:
        yield from _of_fields(definition, rng)
        yield from _of_aliases(definition, rng)
    for branch, indexes in _indexes().items():
        yield from _of_bucket(buckets()[branch], indexes, rng)


def _indexes() -> dict[int, list[int]]:
    """The values of the first eleven bits that lead to each bucket."""
    found: dict[int, list[int]] = {}
    for index, branch in branch_points().items():
        found.setdefault(branch, []).append(index)
    return found


def _of_fields(definition: Definition, rng: random.Random) -> Iterator[Class]:
    for field in definition.fields.values():
        for value in (*edges(field), None):
            if value is not None or len(field.domain) > len(edges(field)):
                yield from _first(definition, field, value, rng)


def _first(definition: Definition, field: Field, value: int | None, rng: random.Random) -> Iterator[Class]:
    """The class of a field's value, if it can be allocated."""
    wanted = Class(Kind.FIELD, numbers()[definition], field.name, value)
    choices = RandomChoices(rng)
    for _ in range(_ATTEMPTS):
        fields = choose_any_fields(choices, definition)
        fields[field.name] = rng.choice(field.domain) if value is None else value
        word = definition.encode(fields)
        if wanted in classes_of(word, decode(word)):
            yield wanted
            return


def _of_aliases(definition: Definition, rng: random.Random) -> Iterator[Class]:
    if not definition.aliases:
        return
    for decisive in ({}, *(point for boundary in boundaries(definition) for point in boundary)):
        word = definition.encode(draw_fields(definition, rng) | decisive)
        yield from (found for found in classes_of(word, decode(word)) if found.kind is Kind.ALIAS)


def _of_bucket(bucket: tuple[int, ...], indexes: list[int], rng: random.Random) -> Iterator[Class]:
    """The ways that words with some first eleven bits go, each definition being tried."""
    definitions = [DECODER.definitions[number] for number in bucket]
    tries = [(item.pattern, _ATTEMPTS if item.valid else _FEW_ATTEMPTS) for item in definitions]
    for pattern, attempts in (*tries, (None, _ATTEMPTS)):
        mask, value = (pattern.mask, pattern.value) if pattern else (0, 0)
        for _ in range(attempts):
            low = value | rng.getrandbits(FIRST_SHIFT) & ~mask
            word = rng.choice(indexes) << FIRST_SHIFT | low & _LOW_BITS
            yield next(classes_of(word, decode(word)))
