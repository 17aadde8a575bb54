"""Aliases: field values at which their conditions begin or cease to hold."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.fields import choose_any_fields, edges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.definition import Alias, Definition

_STARTS = 500
_BOUNDARY = 64


@cache
def alias_boundary(definition: Definition, alias: Alias) -> tuple[dict[str, int], ...]:
    """Values of the fields that decide on an alias, in pairs: it applies to one, and not to its neighbour.

    Neighbours differ in one field, by one or by going to an edge of it. Found by a search from where the alias
    applies; always the same ones.
    """
    found: list[dict[str, int]] = []
    for inside in _inside(definition, alias):
        for outside in _neighbours(definition, inside, alias.decisive):
            if definition.accepts(outside) and not alias.applies(outside):
                found += [pair for pair in (inside, outside) if pair not in found]
        if len(found) >= _BOUNDARY:
            break
    return tuple({name: fields[name] for name in sorted(alias.decisive)} for fields in found)


def _inside(definition: Definition, alias: Alias) -> Iterator[dict[str, int]]:
    """Field values to which an alias applies."""
    choices = RandomChoices(random.Random(f"{definition.pattern.text} {alias.asm}"))
    for _ in range(_STARTS):
        fields = choose_any_fields(choices, definition) | dict(alias.fixed)
        if definition.accepts(fields) and alias.applies(fields):
            yield fields


def _neighbours(definition: Definition, fields: dict[str, int], names: frozenset[str]) -> Iterator[dict[str, int]]:
    for name in sorted(names):
        field = definition.fields[name]
        for value in (fields[name] - 1, fields[name] + 1, *edges(field)):
            if value in field.domain and value != fields[name]:
                yield fields | {name: value}


@cache
def boundaries(definition: Definition) -> tuple[tuple[dict[str, int], ...], ...]:
    """The boundary of each alias of a definition that has one: that always applies has none."""
    found = (alias_boundary(definition, alias) for alias in definition.aliases)
    return tuple(boundary for boundary in found if boundary)
