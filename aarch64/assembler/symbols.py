"""Symbols of one source: labels, numeric labels, assigned names; and the value of expressions over them."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import attrs

from aarch64.assembler.expressions import Address, ExpressionError, Value, evaluate
from aarch64.registers import is_register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.assembler.sections import Section
    from aarch64.assembler.source import Piece

_MAX_CHAIN = 8


@attrs.frozen
class Place:
    """Where a statement stands, which decides what `.`, `1b` and `1f` mean in it."""

    order: int
    here: Address

    def advanced(self, size: int) -> Place:
        """The place `size` bytes further on."""
        return Place(self.order, Address(self.here.section, self.here.offset + size))


@attrs.frozen
class _Deferred:
    """An assigned name whose expression had no value yet when it was read."""

    expression: Piece
    place: Place


@attrs.define
class Symbols:
    """The symbol table. Once `placed`, sections have addresses and every value is a number."""

    sections: Mapping[str, Section]
    placed: bool = False
    labels: dict[str, Piece] = attrs.field(factory=dict)
    _values: dict[str, Value | _Deferred] = attrs.field(factory=dict)
    _numeric: dict[str, list[tuple[int, Address]]] = attrs.field(factory=dict)
    _resolving: set[str] = attrs.field(factory=set)

    def define(self, name: Piece, place: Place) -> None:
        """Make a label; Fault if the name is taken."""
        if name.text.isdigit():
            self._numeric.setdefault(str(int(name.text)), []).append((place.order, place.here))
            return
        if name.text in self._values:
            earlier = self.labels.get(name.text)
            raise name.error(
                f"{name.text} is already defined" + (f" in line {earlier.line}" if earlier else " by .equ")
            )
        self.labels[name.text] = name
        self._values[name.text] = place.here

    def assign(self, name: Piece, expression: Piece, place: Place) -> None:
        """Give a name the value of an expression, now if it has one, else when it is asked for."""
        if name.text in self.labels:
            raise name.error(f"{name.text} is a label, defined in line {self.labels[name.text].line}")
        try:
            self._values[name.text] = self._value(expression, place)
        except ExpressionError:
            self._values[name.text] = _Deferred(expression, place)

    def evaluate(self, expression: Piece, place: Place) -> Value:
        """The value of an expression that stands at `place`; Fault if it has none."""
        try:
            return self._value(expression, place)
        except ExpressionError as error:
            raise expression.error(error.message, error.position) from error

    def integer(self, expression: Piece, place: Place) -> int:
        """The value of an expression that must be a number now; Fault if it is not."""
        value = self.evaluate(expression, place)
        if isinstance(value, Address):
            raise expression.error("expected a constant: where this address is, is not known yet")
        return value

    def value_of(self, name: str) -> Value:
        """The value of a defined symbol; ExpressionError if it has none."""
        return self._resolve(name, self._values[name])

    def _value(self, expression: Piece, place: Place) -> Value:
        return evaluate(expression.text, lambda name: self._lookup(name, place))

    def _lookup(self, name: str, place: Place) -> Value:
        if name == ".":
            return self._placed(place.here)
        if name[0].isdigit():
            return self._placed(self._nearest(name, place.order))
        if name in self._values:
            return self._resolve(name, self._values[name])
        if is_register(name.lower()):
            raise ExpressionError(f"{name!r} is a register; expected a value")
        if self.placed:
            raise ExpressionError(f"undefined symbol {name!r}")
        raise ExpressionError(f"symbol {name!r} is not defined above, and its value is needed here")

    def _nearest(self, name: str, order: int) -> Address:
        number, direction = str(int(name[:-1])), name[-1]
        defined = self._numeric.get(number, [])
        index = bisect_right(defined, order, key=lambda item: item[0])
        if direction == "b":
            index -= 1
        if not 0 <= index < len(defined):
            raise ExpressionError(f"there is no label {number}: {'above' if direction == 'b' else 'below'}")
        return defined[index][1]

    def _resolve(self, name: str, value: Value | _Deferred) -> Value:
        if not isinstance(value, _Deferred):
            return self._placed(value)
        if name in self._resolving:
            raise ExpressionError(f"{name!r} is defined by itself")
        if len(self._resolving) >= _MAX_CHAIN:
            raise ExpressionError(f"{name!r} is at the end of more than {_MAX_CHAIN} names defined by the next one")
        self._resolving.add(name)
        try:
            found = self._value(value.expression, value.place)
        except RecursionError as error:
            raise ExpressionError("too deeply nested") from error
        finally:
            self._resolving.discard(name)
        self._values[name] = found
        return found

    def _placed(self, value: Value) -> Value:
        if self.placed and isinstance(value, Address):
            return self.sections[value.section].address + value.offset
        return value
