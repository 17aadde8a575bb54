"""Symbolic values: what a semantic function computes with while it is being recorded, as Python source in the end.

An `Expr` stands for an int that is known at run time only. It knows the bounds of that int, so that masks which change
nothing are never written down, and it writes itself as source. Where all operands are ints, so is the result: what
depends on instruction fields alone is folded by Python itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Operand: TypeAlias = Any
"""An `Expr` or an int. (To a type checker a symbolic value is an int, which it stands for; see `bits.Bits`.)"""

FULL = (1 << 64) - 1


class NotRecordable(Exception):
    """A semantic function did what only execution can do; the instruction is executed by itself."""


class Expr:
    """A run-time int between `low` and `high`: an operator and its operands, or a variable.

    Attributes:
        op: an operator of Python, `select`, `call`, or `name` for a variable.
        args: the operands; of a variable its name, of a call the function and its arguments.
        low, high: the bounds of the value, both possible as far as is known.
    """

    __slots__ = ("args", "high", "low", "op")

    def __init__(self, op: str, args: tuple[Any, ...], low: int, high: int) -> None:
        self.op = op
        self.args = args
        self.low = low
        self.high = high

    @property
    def operands(self) -> Iterator[Expr]:
        """The Exprs it is made of."""
        return (arg for arg in self.args if isinstance(arg, Expr))

    @property
    def is_flag(self) -> bool:
        """Whether it is 0 or 1."""
        return self.low >= 0 and self.high <= 1

    def _refuse(self, *_: Any) -> NoReturn:
        raise NotRecordable("a decision on data: it takes select() or a primitive")

    __bool__ = __index__ = __int__ = __float__ = __iter__ = __len__ = _refuse
    __hash__ = object.__hash__

    # --- what bits.py asks of a symbolic value

    def select(self, if_true: Operand, if_false: Operand) -> Operand:
        """`if_true` where this is not zero, else `if_false`."""
        if if_true is if_false:
            return if_true
        low, high = zip(bounds(if_true), bounds(if_false), strict=True)
        return Expr("select", (self, if_true, if_false), min(low), max(high))

    @staticmethod
    def call(function: Callable[..., int], args: tuple[Operand, ...]) -> Expr:
        """A primitive of these arguments: a number of at most 64 bits."""
        return Expr("call", (function, *args), 0, FULL)

    # --- what pseudocode.py asks of one

    @staticmethod
    def flags_of_sum(flags: Any, x: Operand, y: Operand, carry: Operand, width: int) -> FlagsOf:
        """The flags of an addition, of which this is the sum."""
        return FlagsOf(flags, x, y, carry, width)

    def flags_of_result(self, flags: Any, width: int) -> FlagsOf:
        """The flags of a logical operation, of which this is the result."""
        return FlagsOf(flags, self, None, 0, width)

    # --- operators

    def __add__(self, other: Operand) -> Operand:
        return _add(self, other)

    def __radd__(self, other: int) -> Operand:
        return _add(self, other)

    def __sub__(self, other: Operand) -> Operand:
        if isinstance(other, int):
            return _add(self, -other)
        return Expr("-", (self, other), self.low - other.high, self.high - other.low)

    def __rsub__(self, other: int) -> Operand:
        return Expr("-", (other, self), other - self.high, other - self.low)

    def __mul__(self, other: Operand) -> Operand:
        corners = [a * b for a in (self.low, self.high) for b in bounds(other)]
        return Expr("*", (self, other), min(corners), max(corners))

    __rmul__ = __mul__

    def __floordiv__(self, other: Operand) -> Operand:
        return self._opaque("//")

    def __mod__(self, other: Operand) -> Operand:
        return self._opaque("%")

    @staticmethod
    def _opaque(op: str) -> NoReturn:
        raise NotRecordable(f"{op} of run-time values: it takes a primitive")

    def __lshift__(self, other: Operand) -> Operand:
        if isinstance(other, int):
            return Expr("<<", (self, other), self.low << other, self.high << other) if other else self
        if self.low < 0:
            return self._opaque("<<")
        return Expr("<<", (self, other), 0, self.high << other.high)

    def __rlshift__(self, other: int) -> Operand:
        return Expr("<<", (other, self), min(other, 0) << self.high, max(other, 0) << self.high)

    def __rshift__(self, other: Operand) -> Operand:
        if isinstance(other, int):
            return _shift_right(self, other)
        return Expr(">>", (self, other), min(self.low, 0), max(self.high, 0))

    def __rrshift__(self, other: int) -> Operand:
        return Expr(">>", (other, self), min(other, 0), max(other, 0))

    def __and__(self, other: Operand) -> Operand:
        return _and(self, other)

    __rand__ = __and__

    def __or__(self, other: Operand) -> Operand:
        if isinstance(other, int) and other == 0:
            return self
        return _bitwise("|", self, other)

    __ror__ = __or__

    def __xor__(self, other: Operand) -> Operand:
        if isinstance(other, int):
            if other == 0:
                return self
            if self.op == "^" and isinstance(self.args[1], int):
                return self.args[0] ^ (self.args[1] ^ other)
            if self.low >= 0 and self.high <= other and not other & (other + 1):
                return Expr("^", (self, other), other - self.high, other - self.low)
        return _bitwise("^", self, other)

    __rxor__ = __xor__

    def __neg__(self) -> Operand:
        return Expr("-", (0, self), -self.high, -self.low)

    def __invert__(self) -> Operand:
        return Expr("^", (self, -1), ~self.high, ~self.low)

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return _compare("==", self, other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return _compare("!=", self, other)

    def __lt__(self, other: Operand) -> Expr:
        return _compare("<", self, other)

    def __le__(self, other: Operand) -> Expr:
        return _compare("<=", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return _compare(">", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return _compare(">=", self, other)


class FlagsOf(tuple[Operand, ...]):  # noqa: SLOT001  (a tuple cannot have slots with something in them)
    """N, Z, C, V that know what they are the flags of: `x` + `y` + `carry`, or where `y` is None the result `x`."""

    def __new__(cls, flags: Any, *_: Any) -> Self:  # noqa: D102  (a tuple takes its items)
        return super().__new__(cls, flags)

    def __init__(self, _flags: Any, x: Operand, y: Operand | None, carry: Operand, width: int) -> None:
        self.x = x
        self.y = y
        self.carry = carry
        self.width = width


def variable(name: str, low: int = 0, high: int = FULL) -> Expr:
    """A variable of the generated source."""
    return Expr("name", (name,), low, high)


def bounds(value: Operand) -> tuple[int, int]:
    """The least and the greatest value."""
    return (value, value) if isinstance(value, int) else (value.low, value.high)


def _ones_above(value: int) -> int:
    """The least number of the form 2**n - 1 that is not below a value."""
    return (1 << value.bit_length()) - 1


def _complemented(value: Operand) -> tuple[Expr, int] | None:
    """(x, mask) where a value is `x ^ mask`, which is `mask - x` for an x within the mask."""
    if isinstance(value, Expr) and value.op == "^" and isinstance(value.args[1], int):
        inner, mask = value.args
        if mask > 0 and not mask & (mask + 1) and inner.low >= 0 and inner.high <= mask:
            return inner, mask
    return None


def _add(a: Expr, b: Operand) -> Operand:
    if complement := _complemented(b):
        return (a - complement[0]) + complement[1]
    if complement := _complemented(a):
        return (b - complement[0]) + complement[1]
    if isinstance(b, int):
        if b == 0:
            return a
        if a.op == "+" and isinstance(a.args[1], int):
            return _add(a.args[0], a.args[1] + b)
        if a.op == "-" and isinstance(a.args[0], int) and isinstance(a.args[1], Expr):
            return (a.args[0] + b) - a.args[1]
    low, high = bounds(b)
    return Expr("+", (a, b), a.low + low, a.high + high)


def _and(a: Expr, b: Operand) -> Operand:
    if isinstance(b, Expr):
        return _and_values(a, b)
    if b == 0:
        return 0
    if a.op == "&" and isinstance(a.args[1], int):
        return _and(a.args[0], a.args[1] & b)
    if b < 0:
        return Expr("&", (a, b), min(a.low, 0) & b, max(a.high, 0))
    if not b & (b + 1):
        return _masked(a, b)
    return Expr("&", (a, b), 0, min(b, a.high) if a.low >= 0 else b)


def _and_values(a: Expr, b: Expr) -> Expr:
    if a.low < 0 and b.low < 0:
        return Expr("&", (a, b), -_ones_above(max(-a.low, -b.low)) - 1, max(a.high, b.high, 0))
    return Expr("&", (a, b), 0, min(side.high for side in (a, b) if side.low >= 0))


def _masked(a: Expr, mask: int) -> Operand:
    """The low bits of `a`, as many as `mask` has ones."""
    for value in (a, _without_high_bits(a, mask)):
        low, high = bounds(value)
        if isinstance(value, int):
            return value & mask
        if low >= 0 and high <= mask:
            return value
    return Expr("&", (value, mask), 0, mask)


def _without_high_bits(a: Expr, mask: int) -> Operand:
    """`a` without what a mask of low bits takes away from its sum anyway: multiples of the mask's size, inner masks."""
    size = mask + 1
    if a.op == "+" and isinstance(a.args[1], int):
        inner = _unmasked(a.args[0], mask)
        constant = a.args[1] % size
        if constant > size >> 1:
            constant -= size
        return inner + constant
    if a.op in ("+", "*"):
        return _rebuilt(a, _unmasked(a.args[0], mask), _unmasked(a.args[1], mask))
    if a.op == "-":
        first = a.args[0] % size if isinstance(a.args[0], int) else _unmasked(a.args[0], mask)
        second = _unmasked(a.args[1], mask)
        if isinstance(first, int) and first == 0:
            return -second
        return first - second
    return a


def _unmasked(value: Operand, mask: int) -> Operand:
    """`value`, or what it is a masked form of, where the outer mask is no wider and the bounds stay small."""
    if isinstance(value, Expr) and value.op == "&" and isinstance(value.args[1], int):
        inner_mask, inner = value.args[1], value.args[0]
        if inner_mask & mask == mask and inner.low > -(1 << 80) and inner.high < 1 << 80:
            return inner
    return value


def _rebuilt(a: Expr, first: Operand, second: Operand) -> Operand:
    if first is a.args[0] and second is a.args[1]:
        return a
    return first + second if a.op == "+" else first * second


def _bitwise(op: str, a: Expr, b: Operand) -> Expr:
    low, high = bounds(b)
    if a.low >= 0 and low >= 0:
        least = max(a.low, low) if op == "|" else 0
        return Expr(op, (a, b), least, _ones_above(max(a.high, high)))
    reach = _ones_above(max(-a.low, a.high, -low, high))
    return Expr(op, (a, b), -reach - 1, reach)


def _shift_right(a: Expr, amount: int) -> Operand:
    if amount == 0:
        return a
    if a.low >= 0 and a.high >> amount == 0:
        return 0
    if a.op == ">>" and isinstance(a.args[1], int):
        return _shift_right(a.args[0], a.args[1] + amount)
    return Expr(">>", (a, amount), a.low >> amount, a.high >> amount)


def _compare(op: str, a: Expr, b: Any) -> Expr:
    return Expr(op, (a, b), 0, 1)
