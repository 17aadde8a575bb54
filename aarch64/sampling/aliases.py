"""Aliases: field values at which their conditions begin or cease to hold."""

from __future__ import annotations

import random
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.fields import choose_any_fields, is_register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.isa.definition import Alias, Definition
    from aarch64.isa.pattern import Field

_STARTS = 500
_BOUNDARY = 128


@cache
def alias_boundary(definition: Definition, alias: Alias) -> tuple[dict[str, int], ...]:
    """Values of the fields that decide on an alias, in pairs: it applies to one, and not to its neighbour.

    Neighbours differ in one field, by one or by going to an end of it. Found by a search from where the alias
    applies; always the same ones.
    """
    names = sorted(alias.decisive)
    found: list[dict[str, int]] = []
    for inside in _inside(definition, alias):
        for outside in _neighbours(definition, inside, names):
            if definition.accepts(outside) and not alias.applies(outside):
                found += ({name: fields[name] for name in names} for fields in (inside, outside))
        if len(found) >= _BOUNDARY:
            break
    return tuple(found)


def _inside(definition: Definition, alias: Alias) -> Iterator[dict[str, int]]:
    """Field values to which an alias applies: random ones, or, where it is rare, all there are of those that decide."""
    choices = RandomChoices(random.Random(f"{definition.pattern.text} {alias.asm}"))
    is_rare = True
    for _ in range(_STARTS):
        fields = choose_any_fields(choices, definition) | dict(alias.fixed)
        if definition.accepts(fields) and alias.applies(fields):
            is_rare = False
            yield fields
    if is_rare:
        yield from _all_inside(definition, alias)


def _all_inside(definition: Definition, alias: Alias) -> Iterator[dict[str, int]]:
    free = sorted(alias.decisive - alias.fixed.keys())
    for values in product(*(_worth_trying(definition.fields[name]) for name in free)):
        fields = dict.fromkeys(definition.fields, 0) | dict(alias.fixed) | dict(zip(free, values, strict=True))
        if definition.accepts(fields) and alias.applies(fields):
            yield fields


def _worth_trying(field: Field) -> Sequence[int]:
    """All values; of a register, whether it is number 31."""
    return (31, 0) if is_register(field) else field.domain


def _neighbours(definition: Definition, fields: dict[str, int], names: list[str]) -> Iterator[dict[str, int]]:
    for name in names:
        domain = definition.fields[name].domain
        for value in dict.fromkeys((fields[name] - 1, fields[name] + 1, domain[0], domain[-1])):
            if value in domain and value != fields[name]:
                yield fields | {name: value}


@cache
def boundaries(definition: Definition) -> tuple[tuple[dict[str, int], ...], ...]:
    """The boundary of each alias of a definition that has one: that always applies has none."""
    found = (alias_boundary(definition, alias) for alias in definition.aliases)
    return tuple(boundary for boundary in found if boundary)
