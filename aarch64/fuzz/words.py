"""The steps by which a word becomes simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.isa import table
from aarch64.sampling import is_encoding_of, is_register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.decoder import Decoded


_RUNS = (16, 8, 4, 2, 1)
"""Bits that are cleared together."""


def simpler_words(word: int) -> Iterator[int]:
    """Words one step simpler: fields zero or nearer to zero; without a definition, with less bits set."""
    decoded = table.decode(word)
    if decoded is None:
        cleared = (word & ~(mask(width) << low) for width in _RUNS for low in range(0, 32, width))
        yield from dict.fromkeys(item for item in cleared if item != word)
        return
    definition, fields = decoded.definition, dict(decoded.fields)
    ignored = definition.pattern.ignored
    if (canonical := definition.encode(fields)) != word:
        yield canonical
    for changed in _simpler_fields(fields):
        if is_encoding_of(definition, changed):
            yield definition.encode(changed) & ~ignored | word & ignored


def _simpler_fields(fields: dict[str, int]) -> Iterator[dict[str, int]]:
    """All fields zero; all but one; then one after the other nearer to zero, and those that are the same together."""
    nonzero = [name for name, value in fields.items() if value]
    if len(nonzero) > 1:
        zeros = dict.fromkeys(fields, 0)
        yield zeros
        yield from (zeros | {name: fields[name]} for name in nonzero)
    for name in nonzero:
        same = [other for other in nonzero if fields[other] == fields[name]]
        for value in simpler_values(fields[name]):
            yield fields | {name: value}
            if len(same) > 1:
                yield fields | dict.fromkeys(same, value)


_NO_REGISTER = 31
"""ZR or SP."""


def registers_of(decoded: Decoded) -> set[int]:
    """The general-purpose registers that an instruction names."""
    fields = decoded.definition.fields.values()
    return {decoded.fields[field.name] for field in fields if is_register(field)} - {_NO_REGISTER}


def with_lower_register(decoded: Decoded) -> Iterator[tuple[int, int, int]]:
    """(word, number, lower number): the instruction with one of its registers renamed to one that it does not name."""
    definition, fields = decoded.definition, dict(decoded.fields)
    names = [name for name, field in definition.fields.items() if is_register(field)]
    used = registers_of(decoded)
    for number in sorted(used, reverse=True):
        for lower in sorted(set(range(number)) - used):
            renamed = fields | {name: lower for name in names if fields[name] == number}
            if is_encoding_of(definition, renamed):
                yield definition.encode(renamed), number, lower


def simpler_values(value: int) -> Iterator[int]:
    """Numbers nearer to zero, the nearest first: zero, powers of two, half of it, one less."""
    size = abs(value)
    if size == 0:
        return
    powers = (1 << bit for bit in range(size.bit_length() - 1))
    yield from (item if value > 0 else -item for item in sorted({0, *powers, size // 2, size - 1}))
