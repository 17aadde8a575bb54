"""What to try, derived from the definitions: field values, encodings, register states; biased towards the edges.

Plain functions of a `random.Random`, for those who try many thousands of cases. `strategies` has the same for
Hypothesis.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.table import DECODER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.definition import Definition
    from aarch64.isa.pattern import Field

IMPLEMENTED = tuple(definition for definition in DECODER.definitions if definition.semantics)
UNSUPPORTED = tuple(definition for definition in DECODER.definitions if definition.unsupported)

_SMALL_DOMAIN = 16
_ATTEMPTS = 2000


def edges(field: Field) -> tuple[int, ...]:
    """The values of a field worth trying first: all of them if few, else both ends and the middle."""
    domain = field.domain
    if len(domain) <= _SMALL_DOMAIN:
        return tuple(domain)
    middle = domain.start + len(domain) // 2
    near = {domain.start, domain.start + 1, middle - 1, middle, middle + 1, domain.stop - 2, domain.stop - 1}
    return tuple(sorted(near))


def is_encoding_of(definition: Definition, fields: dict[str, int]) -> bool:
    """Whether the fields are allocated, and not taken by a definition that specialises this one."""
    if not definition.accepts(fields):
        return False
    decoded = DECODER.decode(definition.encode(fields))
    return decoded is not None and decoded.definition is definition


def _draw(field: Field, rng: random.Random) -> int:
    return rng.choice(edges(field)) if rng.random() < 0.5 else rng.choice(field.domain)


def draw_fields(definition: Definition, rng: random.Random) -> dict[str, int]:
    """Allocated field values: half of them edge values; now and then all registers the same."""
    for _ in range(_ATTEMPTS):
        fields = {name: _draw(field, rng) for name, field in definition.fields.items()}
        if rng.random() < 0.1:
            same = rng.randrange(32)
            fields |= {name: same for name, field in definition.fields.items() if is_register(field)}
        if is_encoding_of(definition, fields):
            return fields
    raise AssertionError(f"{definition.title}: no allocated field values found in {_ATTEMPTS} attempts")


def is_register(field: Field) -> bool:
    """Whether a field is a register number, going by its name and width."""
    return field.name[0] == "r" and field.width == 5


def samples(definition: Definition, count: int, seed: int = 0) -> Iterator[dict[str, int]]:
    """`count` draws of field values, the same every time."""
    rng = random.Random(f"{definition.title} {definition.pattern.text} {seed}")
    return (draw_fields(definition, rng) for _ in range(count))


INTERESTING = tuple(
    sorted(
        {(1 << bit) + delta & (1 << 64) - 1 for bit in (0, 7, 8, 15, 16, 31, 32, 63, 64) for delta in (-1, 0, 1)}
        | {0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA}
    )
)
"""64-bit values at which arithmetic changes its behaviour."""


@attrs.frozen
class State:
    """What an instruction on general-purpose registers sees: X0 to X30, SP and the flags."""

    x: tuple[int, ...]
    sp: int
    nzcv: int


def draw_value(rng: random.Random) -> int:
    """A 64-bit value, half of the time an interesting one."""
    return rng.choice(INTERESTING) if rng.random() < 0.5 else rng.getrandbits(64)


def draw_state(rng: random.Random) -> State:
    """A random state."""
    return State(tuple(draw_value(rng) for _ in range(31)), rng.getrandbits(32) & ~15, rng.randrange(16))
