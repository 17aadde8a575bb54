"""Words to try, biased towards the edges of the table, and the steps by which a word becomes simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.isa import table
from aarch64.sampling import IMPLEMENTED, draw_fields, is_encoding_of, is_register

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from aarch64.isa.decoder import Decoded
    from aarch64.isa.definition import Definition

_NEAR = 0.25
_UNIFORM = 0.15


def draw_word(rng: random.Random) -> int:
    """A word: mostly of an implemented definition, each as likely; one bit away from that; or any."""
    choice = rng.random()
    if choice < _UNIFORM:
        return rng.getrandbits(32)
    definition = rng.choice(IMPLEMENTED)
    word = definition.encode(draw_fields(definition, rng))
    return word ^ 1 << rng.randrange(32) if choice < _UNIFORM + _NEAR else word


def simpler_words(word: int) -> Iterator[int]:
    """Words one step simpler: a field zero, nearer to zero, one less; without a definition, a bit less."""
    decoded = table.decode(word)
    if decoded is None:
        yield from (word & ~(1 << bit) for bit in reversed(range(32)) if word >> bit & 1)
        return
    definition, fields = decoded.definition, dict(decoded.fields)
    ignored = _ignored_bits(definition)
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


def _ignored_bits(definition: Definition) -> int:
    fields = sum(mask(field.width) << field.low for field in definition.fields.values())
    return mask(32) & ~(definition.pattern.mask | fields)


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
