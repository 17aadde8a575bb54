"""The steps by which a word becomes simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa import table
from aarch64.sampling import is_encoding_of, is_register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.decoder import Decoded


def simpler_words(word: int) -> Iterator[int]:
    """Words one step simpler: a field zero, nearer to zero, one less; without a definition, a bit less."""
    decoded = table.decode(word)
    if decoded is None:
        yield from (word & ~(1 << bit) for bit in reversed(range(32)) if word >> bit & 1)
        return
    definition, fields = decoded.definition, dict(decoded.fields)
    ignored = definition.pattern.ignored
    if (canonical := definition.encode(fields)) != word:
        yield canonical
    for changed in _simpler_fields(fields):
        if is_encoding_of(definition, changed):
            yield definition.encode(changed) & ~ignored | word & ignored


def _simpler_fields(fields: dict[str, int]) -> Iterator[dict[str, int]]:
    """All fields zero; all but one; then one after the other nearer to zero."""
    nonzero = [name for name, value in fields.items() if value]
    if len(nonzero) > 1:
        zeros = dict.fromkeys(fields, 0)
        yield zeros
        yield from (zeros | {name: fields[name]} for name in nonzero)
    for name in nonzero:
        yield from (fields | {name: value} for value in simpler_values(fields[name]))


_NO_REGISTER = 31
"""ZR or SP."""


def with_lower_register(decoded: Decoded) -> Iterator[tuple[int, int, int]]:
    """(word, number, lower number): the instruction with one of its registers renamed to one that it does not use."""
    definition, fields = decoded.definition, dict(decoded.fields)
    names = [name for name, field in definition.fields.items() if is_register(field)]
    used = {fields[name] for name in names}
    for number in sorted(used - {_NO_REGISTER}, reverse=True):
        for lower in sorted(set(range(number)) - used):
            renamed = fields | {name: lower for name in names if fields[name] == number}
            if is_encoding_of(definition, renamed):
                yield definition.encode(renamed), number, lower


def simpler_values(value: int) -> Iterator[int]:
    """Numbers nearer to zero, the nearest first."""
    if value == 0:
        return
    sign = -1 if value < 0 else 1
    size = abs(value)
    yield from (sign * item for item in sorted({0, size // 2, size - 1}))
