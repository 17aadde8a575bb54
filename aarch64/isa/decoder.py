"""The decoder: any 32-bit word to its definition and fields, by a table built once from the definitions.

First level: the eleven most significant bits; then a short list, the most specific pattern first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.definition import Definition, DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aarch64.isa.syntax import Fields

_INDEX_SHIFT = 21
_INDEX_SIZE = 1 << (32 - _INDEX_SHIFT)


@attrs.frozen
class Decoded:
    """A word with the definition it belongs to and its field values."""

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
        for form in self.definition.forms:  # the first alias that applies, else its own
            if form.alias is None or form.alias.applies(self.fields):
                return form.template.format(self.fields, address)
        return f".inst {self.word:#010x}"

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
