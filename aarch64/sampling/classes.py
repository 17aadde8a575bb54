"""Classes of words that coverage tells apart: definitions, values of fields, conditions of aliases, ways of decoding.

A class is a tuple that begins with its kind, small and picklable; definitions are numbered as the table has them.
"""

from __future__ import annotations

from enum import StrEnum, unique
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aarch64.isa.table import DECODER
from aarch64.sampling.fields import edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aarch64.isa.decoder import Decoded
    from aarch64.isa.definition import Alias, Definition

FIRST_SHIFT = 21
FIRST_SIZE = 1 << (32 - FIRST_SHIFT)
"""The first branch of decoding is by the eleven most significant bits."""


@unique
class Kind(StrEnum):
    """What a class is about; the value is the heading of its numbers."""

    DEFINITION = "definitions"
    """`number` is the definition's."""
    FIELD = "field values"
    """`part` is the field, `value` one of its edges; None stands for what is between them."""
    ALIAS = "alias rules"
    """`part` is the alias, by its place; `value` whether it applies."""
    BRANCH = "decoder branches"
    """`number` is the bucket, `value` the definition, or `refused(definition)`, or NOTHING."""


class Class(NamedTuple):
    """A class of words."""

    kind: Kind
    number: int
    part: str | int | None = None
    value: int | None = None


NOTHING = None
"""No definition has these literal bits."""
_REFUSED = -1


def refused(number: int) -> int:
    """How a branch tells that a definition has these literal bits, but its field values are reserved."""
    return _REFUSED - number


@cache
def numbers() -> Mapping[Definition, int]:
    """The place of each definition in the table."""
    return {definition: number for number, definition in enumerate(DECODER.definitions)}


@cache
def buckets() -> tuple[tuple[int, ...], ...]:
    """For each value of the first eleven bits, the definitions that have them, by number, the special ones first."""
    found: list[list[int]] = [[] for _ in range(FIRST_SIZE)]
    special_first = sorted(numbers(), key=lambda item: -item.pattern.mask.bit_count())
    for definition in special_first:
        fixed, value = definition.pattern.mask >> FIRST_SHIFT, definition.pattern.value >> FIRST_SHIFT
        for index in range(FIRST_SIZE):
            if index & fixed == value:
                found[index].append(numbers()[definition])
    return tuple(map(tuple, found))


@cache
def branch_points() -> Mapping[int, int]:
    """The bucket of each value of the first eleven bits: the first value that has the same definitions."""
    first: dict[tuple[int, ...], int] = {}
    return {index: first.setdefault(bucket, index) for index, bucket in enumerate(buckets())}


@cache
def _facts(definition: Definition) -> tuple[tuple[tuple[str, frozenset[int]], ...], tuple[tuple[int, Alias], ...]]:
    """The fields with their edges, and the numbered aliases."""
    near = tuple((name, frozenset(edges(field))) for name, field in definition.fields.items())
    return near, tuple(enumerate(definition.aliases))


def classes_of(word: int, decoded: Decoded | None) -> Iterator[Class]:
    """The classes that a word belongs to, given what it decodes to."""
    bucket = branch_points()[word >> FIRST_SHIFT]
    if decoded is None:
        yield Class(Kind.BRANCH, bucket, value=why_unallocated(word))
        return
    number = numbers()[decoded.definition]
    yield Class(Kind.BRANCH, bucket, value=number)
    yield Class(Kind.DEFINITION, number)
    if decoded.definition.unsupported:
        return
    near, aliases = _facts(decoded.definition)
    for name, values in near:
        value = decoded.fields[name]
        yield Class(Kind.FIELD, number, name, value if value in values else None)
    for place, alias in aliases:
        yield Class(Kind.ALIAS, number, place, alias.applies(decoded.fields))


def why_unallocated(word: int) -> int | None:
    """`refused` of the most special definition with the literal bits of an unallocated word; NOTHING if none has."""
    definitions = DECODER.definitions
    matching = (number for number in buckets()[word >> FIRST_SHIFT] if definitions[number].pattern.matches(word))
    number = next(matching, None)
    return NOTHING if number is None else refused(number)


def definition_of(found: Class) -> Definition | None:
    """The definition that a class is about; None if about none."""
    number = found.value if found.kind is Kind.BRANCH else found.number
    if number is NOTHING:
        return None
    return DECODER.definitions[number if number >= 0 else _REFUSED - number]


def description(found: Class) -> str:
    """A class in words."""
    definition = definition_of(found)
    if found.kind is Kind.BRANCH:
        return f"bits 31:21 as in {found.number:011b}: {_outcome(found, definition)}"
    assert definition is not None, "all other classes are of definitions"
    if found.kind is Kind.DEFINITION:
        return definition.title
    if isinstance(found.part, str):
        value = "between its edges" if found.value is None else f"= {found.value}"
        return f"{definition.title}: {found.part} {value}"
    assert found.part is not None, "an alias has a place"
    return f"{definition.title}: {'' if found.value else 'not '}{definition.aliases[found.part].asm}"


def _outcome(found: Class, definition: Definition | None) -> str:
    if definition is None or found.value is None:
        return "unallocated, no definition has these literal bits"
    if found.value < 0:
        return f"unallocated, reserved fields of {definition.title} ({definition.pattern.text})"
    return f"{definition.title} ({definition.pattern.text})"
