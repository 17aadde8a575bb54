"""The decoder: any 32-bit word to its definition and fields, by a table built once from the definitions.

First level: the eleven most significant bits. Second level: bits 15 to 10, where most of the other opcodes are. Then a
short list, the most specific pattern first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.definition import Definition, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aarch64.isa.syntax import Fields

_FIRST_SHIFT = 21
_FIRST_SIZE = 1 << (32 - _FIRST_SHIFT)
_SECOND_SHIFT = 10
_SECOND_SIZE = 1 << 6
_SECOND_MASK = _SECOND_SIZE - 1
_FEW = 3
"""So many definitions are tried one after the other; more are told apart by the second level."""


@attrs.define(eq=False)
class Decoded:
    """A word with the definition it belongs to and its field values.

    Never changed; that attrs does not see to it halves the time to make one (measured: 20 % more words a second).
    """

    definition: Definition
    word: int
    fields: Fields

    def __repr__(self) -> str:
        return f"<Decoded {self.word:#010x} {self.text()}: {self.definition.title}>"

    def _repr_html_(self) -> str:
        from aarch64.notebook import table  # noqa: PLC0415  (only a notebook needs it)

        rows = [(field.name, field.bits, field.binary, field.value, field.meaning) for field in self.described()]
        return table(("field", "bits", "binary", "value", "meaning"), rows, f"{self.text()}: {self.definition.title}")

    def text(self, address: int | None = None) -> str:
        """The instruction as LLVM prints it; `.inst 0x...` if it has no syntax.

        PC-relative operands are absolute where `address` is given, else offsets (`#8`).
        """
        return self.definition.text_of(self.fields, address) or as_data(self.word)

    def described(self) -> Iterator[FieldValue]:
        """The fields, the most significant first."""
        for name, field in self.definition.fields.items():
            high = field.low + field.width - 1
            bits = str(high) if field.width == 1 else f"{high}:{field.low}"
            binary = f"{(self.word >> field.low) & ((1 << field.width) - 1):0{field.width}b}"
            yield FieldValue(name, bits, binary, self.fields[name], self._meaning(name))

    def _meaning(self, name: str) -> str:
        if not self.definition.asm:
            return ""
        template = self.definition.syntax
        slots = [part for part in (*template.mnemonic, *template.operands) if not isinstance(part, str)]
        texts = [slot.format(self.fields, None).strip(" ,") for slot in slots if name in slot.fields]
        return ", ".join(dict.fromkeys(text for text in texts if text)) or "not written"


@attrs.frozen
class FieldValue:
    """A field of an instruction.

    Attributes:
        name: what the pattern calls it.
        bits: where it is in the word: `20:16`.
        binary: the bits.
        value: what they are read as.
        meaning: the operands that it takes part in, as they are written.
    """

    name: str
    bits: str
    binary: str
    value: int
    meaning: str


def as_data(word: int) -> str:
    """How a 32-bit word is written that is no instruction, or one without syntax: `.inst 0x...`."""
    return f".inst {word:#010x}"


Candidate = tuple[int, int, Definition]
"""A definition, which a word may belong to if `word & candidate[0] == candidate[1]`."""

Bucket = tuple[Candidate, ...]
"""The candidates for some words, the most specific pattern first."""

Level = tuple[Bucket, ...]
"""Buckets by some bits of the word."""


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
        self._has_rare = False
        self._use(self._common)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Every definition, the rare ones last."""
        return (*self._common, *self._rare())

    def decode(self, word: int) -> Decoded | None:
        """The definition and fields of `word`, None if it is unallocated.

        Raises:
            ValueError: `word` is not a 32-bit value.
        """
        if word >> 32:
            raise ValueError(f"{word:#x} is not a 32-bit word")
        level = self._second[word >> _FIRST_SHIFT] or self._second_level(word >> _FIRST_SHIFT)
        for mask, value, definition in level[word >> _SECOND_SHIFT & _SECOND_MASK]:
            if word & mask == value:
                fields = definition.read(word)
                if fields is not None:
                    return Decoded(definition, word, fields)
        return None if self._has_rare else self._decode_with_rare(word)

    def _decode_with_rare(self, word: int) -> Decoded | None:
        self._use(self.definitions)
        self._has_rare = True
        return self.decode(word)

    def _use(self, definitions: tuple[Definition, ...]) -> None:
        self._first = _first_level(definitions)
        self._second: list[Level | None] = [None] * _FIRST_SIZE
        _check_overlaps(self._first, definitions)

    def _second_level(self, index: int) -> Level:
        """The buckets of one of the first level, which are made when first needed.

        Without them, lists of ten and more have to be tried (measured: 25 % more words a second over all definitions).
        """
        bucket = self._first[index]
        is_short = len(bucket) <= _FEW
        level = (bucket,) * _SECOND_SIZE if is_short else _distribute(bucket, _SECOND_SHIFT, _SECOND_SIZE)
        self._second[index] = level
        return level


def _first_level(definitions: tuple[Definition, ...]) -> Level:
    by_specificity = sorted(definitions, key=lambda item: -item.pattern.mask.bit_count())
    candidates = [(item.pattern.mask, item.pattern.value, item) for item in by_specificity]
    return _distribute(candidates, _FIRST_SHIFT, _FIRST_SIZE)


def _distribute(candidates: Iterable[Candidate], shift: int, size: int) -> Level:
    """The candidates, in their order, by the bits from `shift` upwards, of which there are `size` values."""
    buckets: list[list[Candidate]] = [[] for _ in range(size)]
    for candidate in candidates:
        mask, value, _ = candidate
        for index in _indexes(mask >> shift & (size - 1), value >> shift & (size - 1), size):
            buckets[index].append(candidate)
    shared: dict[Bucket, Bucket] = {}
    return tuple(shared.setdefault(bucket, bucket) for bucket in map(tuple, buckets))


def _indexes(fixed: int, value: int, size: int) -> Iterable[int]:
    """Every index below `size`, a power of two, whose fixed bits are `value`."""
    free = ~fixed & (size - 1)
    subset = free
    while True:
        yield value | subset
        if not subset:
            return
        subset = (subset - 1) & free


def _check_overlaps(buckets: Level, definitions: tuple[Definition, ...]) -> None:
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
