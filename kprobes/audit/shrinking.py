"""Cases made small: the plainest state and the simplest instruction of the same definition that still show something.

small = shrink(case, lambda other: bool(check(V4_8, other)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.isa.table import decode
from aarch64.sampling import is_encoding_of, is_register
from kprobes.audit.case import CODE, DATA, REGISTERS, Case
from kprobes.audit.drawing import is_comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SIMPLE = (0, 1, DATA + 0x800, CODE + 8)
"""Values of a register, the simplest first: two small ones, data, code."""
_PLAIN: dict[str, Any] = {
    field.name: field.default for field in attrs.fields(Case) if field.name not in ("word", "x")
}  # fmt: skip
_BITS = ("pstate", "sctlr", "hcr")
"""Attributes that are made plain bit by bit where all at once is too much."""


def shrink(case: Case, still_fails: Callable[[Case], bool]) -> Case:
    """The smallest case found that still fails: of the same definition, nothing in its state but what is needed.

    It is a minimum in the sense that no single step makes it smaller. `still_fails` must hold for `case`; it is asked
    some hundred times.
    """
    before = None
    while case != before:
        before = case
        for simpler in _STEPS:
            case = _pass(case, simpler, still_fails)
    return case


def simpler_cases(case: Case) -> Iterator[Case]:
    """Cases one step simpler, the boldest first; no chain of such steps goes on for ever."""
    own = complexity(case)
    return (other for simpler in _STEPS for other in simpler(case) if complexity(other) < own)


def complexity(case: Case) -> tuple[int, ...]:
    """How far a case is from the plain one: the state, the registers that are not zero, their values, the fields."""
    unlike = [name for name, plain in _PLAIN.items() if getattr(case, name) != plain]
    bits = sum((getattr(case, name) ^ _PLAIN[name]).bit_count() for name in _BITS)
    used = [value for value in case.x if value]
    decoded = decode(case.word)
    fields = sum(abs(value) for value in decoded.fields.values()) if decoded is not None else case.word
    return len(unlike), bits, len(used), sum(map(_rank, used)), fields


def _rank(value: int) -> int:
    return _SIMPLE.index(value) if value in _SIMPLE else len(_SIMPLE) + value.bit_length()


def _pass(case: Case, simpler: Callable[[Case], Iterator[Case]], still_fails: Callable[[Case], bool]) -> Case:
    """Take each step of a kind that keeps the case failing, until there is none."""
    while True:
        for other in simpler(case):
            if complexity(other) < complexity(case) and still_fails(other):
                case = other
                break
        else:
            return case


def _plain(case: Case) -> Iterator[Case]:
    """All at once, then one attribute after the other."""
    yield attrs.evolve(case, **_PLAIN, x=(0,) * REGISTERS)
    yield attrs.evolve(case, **_PLAIN)
    for name, plain in _PLAIN.items():
        yield attrs.evolve(case, **{name: plain})


def _plain_bits(case: Case) -> Iterator[Case]:
    for name in _BITS:
        value = getattr(case, name)
        differing = value ^ _PLAIN[name]
        for bit in range(differing.bit_length()):
            if differing >> bit & 1:
                yield attrs.evolve(case, **{name: value ^ 1 << bit})


def _zeroes(case: Case) -> Iterator[Case]:
    yield attrs.evolve(case, x=(0,) * REGISTERS)
    for kept in (range(0, REGISTERS, 2), range(1, REGISTERS, 2), range(16), range(16, REGISTERS)):
        yield attrs.evolve(case, x=tuple(value if number in kept else 0 for number, value in enumerate(case.x)))
    yield from (_with_register(case, number, 0) for number, value in enumerate(case.x) if value)


def _simple_values(case: Case) -> Iterator[Case]:
    for number, value in enumerate(case.x):
        if value:
            yield from (_with_register(case, number, simple) for simple in _SIMPLE[1:])
            yield _with_register(case, number, value >> 1)


def _with_register(case: Case, number: int, value: int) -> Case:
    return attrs.evolve(case, x=(*case.x[:number], value, *case.x[number + 1 :]))


# --- fields


def _simple_fields(case: Case) -> Iterator[Case]:
    """Other fields of the same definition; where a register gets another number, its value goes with it."""
    decoded = decode(case.word)
    if decoded is None:
        return
    for name, value in decoded.fields.items():
        for other in _nearer_zero(value):
            changed = _with_fields(case, {name: other})
            if changed is not None:
                yield changed
                if is_register(decoded.definition.fields[name]):
                    yield attrs.evolve(changed, x=_swapped(case.x, value, other))


def _nearer_zero(value: int) -> Iterator[int]:
    """Values of a field that are simpler: the simplest first, then ever nearer to the one it has."""
    sign, size = (-1, -value) if value < 0 else (1, value)
    yield from range(min(size, 4))
    if sign < 0:
        yield size
    step = size
    while step := step // 2:
        yield sign * (size - step)


def _swapped(x: tuple[int, ...], one: int, other: int) -> tuple[int, ...]:
    if max(one, other) >= REGISTERS:
        return x
    swapped = list(x)
    swapped[one], swapped[other] = x[other], x[one]
    return tuple(swapped)


def _with_fields(case: Case, changes: Mapping[str, int]) -> Case | None:
    """The case with other fields; None if there is no such encoding, or it is none to be compared."""
    decoded = decode(case.word)
    if decoded is None:
        return None
    fields = {**decoded.fields, **changes}
    definition = decoded.definition
    if not all(fields[name] in definition.fields[name].domain for name in changes):
        return None
    if not is_encoding_of(definition, fields) or not is_comparable(definition, fields):
        return None
    return attrs.evolve(case, word=definition.encode(fields))


_STEPS: tuple[Callable[[Case], Iterator[Case]], ...] = (_plain, _plain_bits, _zeroes, _simple_values, _simple_fields)
"""The kinds of steps, in the order in which they are tried."""


def variants(case: Case, width: int) -> Iterator[tuple[str, int, Case]]:
    """(field, value, case) for all other values of the fields that have at most `width` bits, one changed at a time."""
    decoded = decode(case.word)
    if decoded is None:
        return
    for name, field in decoded.definition.fields.items():
        if field.width > width:
            continue
        for value in field.domain:
            changed = _with_fields(case, {name: value}) if value != decoded.fields[name] else None
            if changed is not None:
                yield name, value, changed
