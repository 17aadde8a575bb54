"""The decoder: any 32-bit word to its definition and fields, by a table built once from the definitions.

First level: the eleven most significant bits; then a short list, the most specific pattern first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.definition import Definition, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aarch64.isa.syntax import Fields

_INDEX_SHIFT = 21
_INDEX_SIZE = 1 << (32 - _INDEX_SHIFT)


@attrs.frozen
class Decoded:
    """A word with the definition it belongs to and its field values."""

    definition: Definition
    word: int
    fields: Fields


Bucket = tuple[tuple[int, int, Definition], ...]


class Decoder:
    """Total decoding over 2^32 words.

    `rare` gives more definitions, which are loaded when a word is none of the others; none of them may be a special
    case of those.

    Raises:
        DefinitionError: two definitions overlap and neither says `specialises` of the other's title, or a
            `specialises` that holds of nothing.
    """

    def __init__(self, definitions: Iterable[Definition], rare: Callable[[], Iterable[Definition]] = tuple) -> None:
        self._common = tuple(definitions)
        self._rare = rare
        self._buckets = _checked(self._common)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Every definition, the rare ones last."""
        return (*self._common, *self._rare())

    @cached_property
    def _all_buckets(self) -> tuple[Bucket, ...]:
        return _checked(self.definitions)

    def decode(self, word: int) -> Decoded | None:
        """The definition and fields of `word`, None if it is unallocated.

        Raises:
            ValueError: `word` is not a 32-bit value.
        """
        if not 0 <= word < 1 << 32:
            raise ValueError(f"{word:#x} is not a 32-bit word")
        index = word >> _INDEX_SHIFT
        return _find(self._buckets[index], word) or _find(self._all_buckets[index], word)


def _find(bucket: Bucket, word: int) -> Decoded | None:
    for mask, value, definition in bucket:
        if word & mask == value:
            fields = definition.extract(word)
            if definition.accepts(fields):
                return Decoded(definition, word, fields)
    return None


def _checked(definitions: tuple[Definition, ...]) -> tuple[Bucket, ...]:
    buckets = _build(definitions)
    _check_overlaps(buckets, definitions)
    return buckets


def _build(definitions: tuple[Definition, ...]) -> tuple[Bucket, ...]:
    buckets: list[list[tuple[int, int, Definition]]] = [[] for _ in range(_INDEX_SIZE)]
    by_specificity = sorted(definitions, key=lambda item: -item.pattern.mask.bit_count())
    for definition in by_specificity:
        pattern = definition.pattern
        entry = (pattern.mask, pattern.value, definition)
        for index in _indexes(pattern.mask >> _INDEX_SHIFT, pattern.value >> _INDEX_SHIFT):
            buckets[index].append(entry)
    shared: dict[Bucket, Bucket] = {}
    return tuple(shared.setdefault(key, key) for key in map(tuple, buckets))


def _indexes(fixed: int, value: int) -> Iterable[int]:
    """Every index whose fixed bits are `value`."""
    free = ~fixed & (_INDEX_SIZE - 1)
    subset = free
    while True:
        yield value | subset
        if not subset:
            return
        subset = (subset - 1) & free


def _check_overlaps(buckets: tuple[Bucket, ...], definitions: tuple[Definition, ...]) -> None:
    used: set[Definition] = set()
    for bucket in set(buckets):
        for position, (mask, value, definition) in enumerate(bucket):
            for other_mask, other_value, other in bucket[position + 1 :]:
                if not (value ^ other_value) & mask & other_mask:
                    used.add(_special_one(definition, other))
    for definition in definitions:
        if definition.specialises and definition not in used:
            raise DefinitionError(
                f"{definition.title}: specialises {definition.specialises!r}, which it does not overlap"
            )


def _special_one(definition: Definition, other: Definition) -> Definition:
    """The one of two overlapping definitions that declares so, which must be tried before the other."""
    if definition.specialises == other.title:
        return definition
    raise DefinitionError(
        f"{definition.title} ({definition.pattern.text}) overlaps {other.title} ({other.pattern.text}); "
        f"the special one must say specialises="
    )
