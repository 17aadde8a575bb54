"""The condition flags of a block: kept as the operation that set them, and worked out only where somebody looks.

Most flags are set by one comparison and read by one branch. So a block notes *what* was compared, in two variables;
a condition becomes a comparison of Python, and N, Z, C and V come into being when the block is left.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import MASKS
from aarch64.fast.expr import FlagsOf, Operand, variable
from aarch64.pseudocode import add_with_carry, condition_holds, logical_flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.pseudocode import Flags


def _subtraction(width: int) -> Callable[[int, int], Flags]:
    return lambda a, b: add_with_carry(a, b ^ MASKS[width], 1, width)[1]


def _addition(width: int) -> Callable[[int, int], Flags]:
    return lambda a, b: add_with_carry(a, b, 0, width)[1]


def _logical(width: int) -> Callable[[int, int], Flags]:
    return lambda a, _b: logical_flags(a, width)


def _given(a: Any, _b: Any) -> Flags:
    return a  # type: ignore[no-any-return]  # the four flags themselves


@attrs.frozen(eq=False)
class Kind:
    """A way flags come about: its number in generated source, and the function of the two variables it leaves."""

    number: int
    flags: Callable[[Any, Any], Flags]


UNCHANGED = 0
"""The number that says the flags are those the block was entered with."""

WIDTHS = (32, 64)
SUBTRACTION = {32: Kind(1, _subtraction(32)), 64: Kind(2, _subtraction(64))}
ADDITION = {32: Kind(3, _addition(32)), 64: Kind(4, _addition(64))}
LOGICAL = {32: Kind(5, _logical(32)), 64: Kind(6, _logical(64))}
GIVEN = Kind(7, _given)

MATERIALIZE: tuple[Callable[[Any, Any], Flags] | None, ...] = (
    None,
    *(kind.flags for kind in (*SUBTRACTION.values(), *ADDITION.values(), *LOGICAL.values(), GIVEN)),
)
"""By number: what makes the flags of the two variables."""


@attrs.frozen(eq=False)
class FlagState:
    """The flags at some place in a block.

    Attributes:
        flags: N, Z, C, V as values.
        kind: how to make them later; None where only the running block knows.
        a, b: what it makes them of.
    """

    flags: tuple[Operand, Operand, Operand, Operand]
    kind: Kind | None
    a: Any = 0
    b: Any = 0

    def holds(self, cond: int) -> Operand:
        """A value that is 1, or true, where a condition (0 to 15) holds."""
        found: Operand | None = None
        for width in WIDTHS:
            if self.kind is SUBTRACTION[width]:
                found = _compared(cond, self.a, self.b, width)
            elif self.kind is LOGICAL[width]:
                found = _tested(cond, self.a, width)
        return condition_holds(cond, self.flags) if found is None else found


UNKNOWN = FlagState(tuple(variable(name, 0, 1) for name in ("fn", "fz", "fc", "fv")), None)  # type: ignore[arg-type]
"""Flags that come from before: variables, to be worked out where they are read."""


def state_of(flags: Flags) -> FlagState:
    """The state that flags are set to."""
    if not isinstance(flags, FlagsOf) or flags.width not in WIDTHS or not isinstance(flags.carry, int):
        return FlagState(flags, GIVEN, flags)
    width = flags.width
    if flags.y is None:
        return FlagState(flags, LOGICAL[width], flags.x)
    if flags.carry == 1:
        return FlagState(flags, SUBTRACTION[width], flags.x, flags.y ^ MASKS[width])
    return FlagState(flags, ADDITION[width], flags.x, flags.y)


def ordered(state: FlagState) -> tuple[Operand, Operand, int] | None:
    """(a, b, s): two values with whose order the flags are known, by `ORDERED`, unless bit `s` of either is set."""
    for width in WIDTHS:
        if state.kind is SUBTRACTION[width]:
            return state.a, state.b, width - 1
    return None


ORDERED = {"==": (0, 1, 1, 0), ">": (0, 0, 1, 0), "<": (1, 0, 0, 0)}
"""N, Z, C, V after a subtraction of b from a where neither is negative, by how a compares with b."""


_SIGN = {width: 1 << width - 1 for width in WIDTHS}


def _compared(cond: int, a: Operand, b: Operand, width: int) -> Operand | None:
    """A condition after comparing `a` with `b`, as a comparison of the two; None for those about overflow."""
    if cond in _UNSIGNED:
        return _UNSIGNED[cond](a, b)
    if cond in _SIGNED:
        return _SIGNED[cond](a ^ _SIGN[width], b ^ _SIGN[width])
    return None


_UNSIGNED = {
    0: operator.eq,
    1: operator.ne,
    2: operator.ge,
    3: operator.lt,
    8: operator.gt,
    9: operator.le,
}
_SIGNED = {10: operator.ge, 11: operator.lt, 12: operator.gt, 13: operator.le}
"""By condition, EQ NE CS CC HI LS and GE LT GT LE: the comparison that it is after a subtraction."""


def _tested(cond: int, result: Operand, width: int) -> Operand | None:
    """A condition after a logical operation, C and V being clear."""
    negative = _SIGN[width]
    match cond:
        case 0:
            return result == 0
        case 1:
            return result != 0
        case 4 | 11:
            return result >= negative
        case 5 | 10:
            return result < negative
    return None
