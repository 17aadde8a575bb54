"""Bit-level primitives, valid on plain ints and on the symbolic values the hot path records.

Values at rest are non-negative ints masked to their width; signedness exists only inside an expression.

A semantic function is run in two ways: on ints it executes, on symbolic values it is recorded. Decisions on
*instruction fields* (always ints) are ordinary Python; decisions on *data* go through `select` or a named primitive,
because a symbolic value refuses to be tested for truth.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Bits: TypeAlias = int
"""A guest value: an int when executing, a symbolic value standing in for one when recording (the one typing escape)."""

_F = TypeVar("_F", bound="Callable[..., int]")

MASKS = tuple((1 << width) - 1 for width in range(129))
"""`MASKS[width]` is `mask(width)`, for what most instructions do: an index is cheaper than a call (measured: 3 % of all
run time)."""


def mask(width: int) -> int:
    """All ones in the low `width` bits (0 to 128)."""
    return MASKS[width]


def select(condition: Bits, if_true: Bits, if_false: Bits) -> Bits:
    """`if_true` where the condition holds, else `if_false`; both sides are evaluated."""
    if isinstance(condition, int):
        return if_true if condition else if_false
    return condition.select(if_true, if_false)  # type: ignore[unreachable]  # a symbolic value, of which mypy knows nothing


def primitive(function: _F) -> _F:
    """Let a pure function of ints take symbolic arguments too: a symbolic argument records the call by name."""

    @wraps(function)
    def call(*args: int) -> int:
        for arg in args:
            if not isinstance(arg, int):
                return arg.call(function, args)  # type: ignore[unreachable]  # likewise
        return function(*args)

    return call  # type: ignore[return-value]  # a function of ints keeps the type it was given


def sign_extend(value: Bits, width: int, to: int = 64) -> Bits:
    """The low `width` bits of `value`, sign-extended to `to` bits."""
    sign = 1 << (width - 1)
    return (((value & MASKS[width]) ^ sign) - sign) & MASKS[to]


def signed(value: Bits, width: int) -> Bits:
    """The two's-complement reading of a `width`-bit value: negative when its top bit is set."""
    sign = 1 << (width - 1)
    return (value ^ sign) - sign


def rotate_right(value: Bits, amount: Bits, width: int) -> Bits:
    """A `width`-bit value rotated right by `amount` (0 to width - 1)."""
    return ((value >> amount) | (value << (width - amount))) & MASKS[width]


def replicate(value: int, width: int, to: int) -> int:
    """`value`, `width` bits wide, repeated to fill `to` bits (a multiple of `width`)."""
    return value * (MASKS[to] // MASKS[width])


@primitive
def count_leading_zeros(value: int, width: int) -> int:
    """Zero bits above the highest set bit; `width` for zero."""
    return width - value.bit_length()


@primitive
def count_trailing_zeros(value: int, width: int) -> int:
    """Zero bits below the lowest set bit; `width` for zero."""
    return (value & -value).bit_length() - 1 if value else width


@primitive
def count_ones(value: int) -> int:
    """Number of set bits."""
    return value.bit_count()


@primitive
def reverse_bits(value: int, width: int) -> int:
    """A `width`-bit value with bit 0 and bit `width - 1` exchanged, and so on inwards."""
    return int(f"{value:0{width}b}"[::-1], 2)


@primitive
def reverse_bytes(value: int, size: int) -> int:
    """A value of `size` bytes with its bytes in the opposite order."""
    return int.from_bytes(value.to_bytes(size, "little"), "big")
