"""Field values of definitions, allocated and biased towards the edges."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.table import DECODER
from aarch64.sampling.choices import RandomChoices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.definition import Definition
    from aarch64.isa.pattern import Field
    from aarch64.sampling.choices import Choices

IMPLEMENTED = tuple(definition for definition in DECODER.definitions if definition.semantics)
UNSUPPORTED = tuple(definition for definition in DECODER.definitions if definition.unsupported)

_SMALL_DOMAIN = 16


def edges(field: Field) -> tuple[int, ...]:
    """The values of a field worth trying first: all of them if few, else both ends and the middle."""
    domain = field.domain
    if len(domain) <= _SMALL_DOMAIN:
        return tuple(domain)
    middle = domain.start + len(domain) // 2
    near = {domain.start, domain.start + 1, middle - 1, middle, middle + 1, domain.stop - 2, domain.stop - 1}
    return tuple(sorted(near))


def is_register(field: Field) -> bool:
    """Whether a field is a register number, going by its name and width."""
    return field.name[0] == "r" and field.width == 5


def is_encoding_of(definition: Definition, fields: dict[str, int]) -> bool:
    """Whether the fields are allocated, and not taken by a definition that specialises this one."""
    if not definition.accepts(fields):
        return False
    decoded = DECODER.decode(definition.encode(fields))
    return decoded is not None and decoded.definition is definition


@attrs.frozen
class _Range:
    """What a field can be: its edges, the lowest and highest value, and the one that reads the simplest."""

    edges: tuple[int, ...]
    low: int
    high: int
    simplest: int


@cache
def _ranges(definition: Definition) -> tuple[tuple[str, _Range], ...]:
    return tuple((name, _range(field)) for name, field in definition.fields.items())


@cache
def _range(field: Field) -> _Range:
    of_two_widths_64_bits = int(field.name == "sf")
    return _Range(edges(field), field.domain[0], field.domain[-1], of_two_widths_64_bits)


@cache
def _registers(definition: Definition) -> tuple[str, ...]:
    return tuple(name for name, field in definition.fields.items() if is_register(field))


def choose_value_of(choices: Choices, field: Field) -> int:
    """A value of a field, half of the time an edge value."""
    limits = _range(field)
    return choices.near(limits.edges, limits.low, limits.high, limits.simplest)


def choose_any_fields(choices: Choices, definition: Definition) -> dict[str, int]:
    """Field values, allocated or not: half of them edge values; now and then all registers the same."""
    fields = {name: choices.near(item.edges, item.low, item.high, item.simplest) for name, item in _ranges(definition)}
    if choices.one_in(10):
        fields |= dict.fromkeys(_registers(definition), choices.integer(0, 31))
    return fields


def choose_fields(choices: Choices, definition: Definition) -> dict[str, int]:
    """Allocated field values of a definition."""
    return choices.until(
        lambda choices: choose_any_fields(choices, definition), lambda fields: is_encoding_of(definition, fields)
    )


def draw_fields(definition: Definition, rng: random.Random) -> dict[str, int]:
    """Allocated field values: half of them edge values; now and then all registers the same."""
    return choose_fields(RandomChoices(rng), definition)


def samples(definition: Definition, count: int, seed: int = 0) -> Iterator[dict[str, int]]:
    """`count` draws of field values, the same every time."""
    rng = random.Random(f"{definition.title} {definition.pattern.text} {seed}")
    return (draw_fields(definition, rng) for _ in range(count))
