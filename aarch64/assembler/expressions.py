"""Constant expressions, with the operators and precedence of the GNU assembler ("Infix Operators" in its manual).

Values are 64-bit: a result is what a 64-bit register would hold, read as signed. Before sections have addresses a label
is an `Address`, on which only those operations are possible whose result does not depend on where its section will be.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from aarch64.bits import mask, signed


@attrs.frozen
class Address:
    """A place in a section that has no address yet."""

    section: str
    offset: int


Value: TypeAlias = int | Address
Lookup = Callable[[str], Value]
"""The value of a symbol, a numeric label (`1b`, `1f`) or `.`; ExpressionError if it has none."""


class ExpressionError(Exception):
    """An expression without a value: why, and at which character of its text."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


MAX_DEPTH = 64
_MASK = mask(64)
_TOKEN = re.compile(
    r"(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)(?![\w.$])"
    r"|(?P<name>[0-9]+[bf](?![\w.$])|[A-Za-z_.$][\w.$]*)"
    r"|(?P<operator><<|>>|<>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|^~!()])"
)
_WORD = re.compile(r"[\w.$]+|.")


def _divide(left: int, right: int) -> int:
    if not right:
        raise ExpressionError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _shift(shift: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def apply(value: int, amount: int) -> int:
        if not 0 <= amount < 64:
            raise ExpressionError(f"shift by {amount}: the amount is 0 to 63")
        return shift(value & _MASK, amount)

    return apply


def _truth(compare: Callable[[int, int], bool]) -> Callable[[int, int], int]:
    return lambda left, right: -1 if compare(left, right) else 0


_Binary = Callable[[int, int], int]

_LEVELS: tuple[Mapping[str, _Binary], ...] = (
    {"||": lambda left, right: int(bool(left or right))},
    {"&&": lambda left, right: int(bool(left and right))},
    {
        "==": _truth(operator.eq),
        "!=": _truth(operator.ne),
        "<>": _truth(operator.ne),
        "<": _truth(operator.lt),
        ">": _truth(operator.gt),
        "<=": _truth(operator.le),
        ">=": _truth(operator.ge),
    },
    {"+": operator.add, "-": operator.sub},
    {"|": operator.or_, "&": operator.and_, "^": operator.xor, "!": lambda left, right: left | ~right},
    {
        "*": operator.mul,
        "/": _divide,
        "%": lambda left, right: left - right * _divide(left, right),
        "<<": _shift(operator.lshift),
        ">>": _shift(operator.rshift),
    },
)
"""Binary operators, those that bind loosest first; operators of one level group from the left."""

_PRECEDENCE = {symbol: level for level, operators in enumerate(_LEVELS) for symbol in operators}
_BINARY = {symbol: function for operators in _LEVELS for symbol, function in operators.items()}
_RELATIVE = frozenset({"-", "==", "!=", "<>", "<", ">", "<=", ">="})
"""What can be said of two places in one section."""

_UNARY: Mapping[str, Callable[[int], int]] = {
    "-": operator.neg,
    "+": operator.pos,
    "~": operator.invert,
    "!": lambda value: int(not value),
}


def _wrap(value: int) -> int:
    return signed(value & _MASK, 64)


def _combine(symbol: str, left: Value, right: Value) -> Value:
    if isinstance(left, int) and isinstance(right, int):
        return _wrap(_BINARY[symbol](_wrap(left), _wrap(right)))
    if isinstance(left, Address) and isinstance(right, int) and symbol in "+-":
        return Address(left.section, _BINARY[symbol](left.offset, right))
    if isinstance(left, int) and isinstance(right, Address) and symbol == "+":
        return Address(right.section, left + right.offset)
    if (
        isinstance(left, Address)
        and isinstance(right, Address)
        and symbol in _RELATIVE
        and left.section == right.section
    ):
        return _BINARY[symbol](left.offset, right.offset)
    raise ExpressionError("the value depends on where sections are placed, which is not known yet")


@attrs.frozen
class _Token:
    kind: str
    text: str
    position: int


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            word = _WORD.match(text, position)
            raise ExpressionError(f"{word[0] if word else ''!r} cannot stand in an expression", position)
        tokens.append(_Token(found.lastgroup, found[0], position))
        position = found.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


def _number(token: _Token) -> int:
    digits = token.text.lower()
    radix = 0 if digits.startswith(("0x", "0b")) else 8 if digits[0] == "0" else 10
    try:
        value = int(digits, radix)
    except ValueError as error:
        raise ExpressionError(f"{token.text[:40]} is not a number (a leading 0 means octal)", token.position) from error
    if value > _MASK:
        raise ExpressionError(f"{token.text[:40]} does not fit 64 bits", token.position)
    return value


@attrs.define
class _Parser:
    tokens: list[_Token]
    lookup: Lookup
    index: int = 0
    depth: int = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        token = self.token
        self.index += 1
        return token

    def binary(self, level: int) -> Value:
        left = self.unary()
        while self.token.kind == "operator" and _PRECEDENCE.get(self.token.text, -1) >= level:
            token = self.take()
            right = self.binary(_PRECEDENCE[token.text] + 1)
            left = self._at(token, lambda: _combine(token.text, left, right))  # noqa: B023  (called at once)
        return left

    def unary(self) -> Value:
        token = self.take()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError("too deeply nested", token.position)
        value = self._operand(token)
        self.depth -= 1
        return value

    def _operand(self, token: _Token) -> Value:
        if token.kind == "number":
            return _number(token)
        if token.kind == "name":
            return self._at(token, lambda: self.lookup(token.text))
        if token.text == "(":
            value = self.binary(0)
            if self.take().text != ")":
                raise ExpressionError("this parenthesis is not closed", token.position)
            return value
        if token.text in _UNARY:
            value = self.unary()
            if not isinstance(value, int):
                raise ExpressionError(f"{token.text} needs a constant, not an address", token.position)
            return _wrap(_UNARY[token.text](value))
        raise ExpressionError("expected a value", token.position)

    @staticmethod
    def _at(token: _Token, compute: Callable[[], Value]) -> Value:
        try:
            return compute()
        except ExpressionError as error:
            raise ExpressionError(error.message, token.position) from error


def evaluate(text: str, lookup: Lookup) -> Value:
    """The value of an expression: -2^63 to 2^64 - 1, or a place in a section.

    Raises:
        ExpressionError: it has no value; the position is that of the token to blame.
    """
    parser = _Parser(_tokens(text), lookup)
    value = parser.binary(0)
    if parser.token.kind != "end":
        raise ExpressionError(f"{parser.token.text!r} was not expected here", parser.token.position)
    return value
