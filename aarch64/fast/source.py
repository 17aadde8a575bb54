"""Expressions as Python source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.fast.expr import Expr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aarch64.fast.expr import Operand

COMPARISONS = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
"""Each comparison and its opposite."""

_PRECEDENCE = {"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6}
_ATOM = 9
_MASK_64 = (1 << 64) - 1


class Writer:
    """Writes the expressions of one instruction: what is used more than once is put into a variable first."""

    def __init__(
        self,
        emit: Callable[[str], None],
        name_of: Callable[[Callable[..., int]], str],
        hoist: Callable[[Expr], str | None] = lambda _value: None,
    ) -> None:
        """Make a writer.

        Args:
            emit: takes each line.
            name_of: gives the name by which a primitive is called.
            hoist: gives the variable that holds a value already, where that has been computed before.
        """
        self._emit = emit
        self._name_of = name_of
        self._hoist = hoist
        self._uses: dict[Expr, int] = {}
        self._names: dict[Expr, str] = {}

    def count(self, values: Iterable[Operand]) -> None:
        """Note what is going to be written, so that shared parts are known."""
        for value in values:
            if isinstance(value, Expr):
                self._uses[value] = self._uses.get(value, 0) + 1
                if self._uses[value] == 1:
                    self.count(value.args)

    def is_shared(self, value: Expr) -> bool:
        """Whether a value is used more than once."""
        return self._uses.get(value, 0) > 1

    def text(self, value: Operand) -> str:
        """A value, to be stored or calculated with."""
        return self._write(value, 0)

    def condition(self, value: Operand) -> str:
        """A value of which only whether it is zero matters."""
        return self._truth(value, wanted=True)

    def negated(self, value: Operand) -> str:
        """The opposite of `condition`."""
        return self._truth(value, wanted=False)

    # --- values

    def _write(self, value: Operand, binding: int) -> str:
        if not isinstance(value, Expr):
            text = str(value) if -1024 < value < 1024 else hex(value)
            return f"({text})" if value < 0 and binding else text
        if value.op == "name":
            return str(value.args[0])
        if value in self._names:
            return self._names[value]
        if found := self._hoist(value):
            return found
        if self.is_shared(value):
            text = self._expression(value, 0)
            name = f"t{len(self._names)}"
            self._emit(f"{name} = {text}")
            self._names[value] = name
            return name
        return self._expression(value, binding)

    def _expression(self, value: Expr, binding: int) -> str:
        op, args = value.op, value.args
        if op == "call":
            return f"{self._name_of(args[0])}({', '.join(self._write(arg, 0) for arg in args[1:])})"
        if op in COMPARISONS:
            return f"(1 if {self._comparison(value, op)} else 0)"
        if op == "select":
            condition, if_true, if_false = args
            return f"({self._write(if_true, 1)} if {self.condition(condition)} else {self._write(if_false, 1)})"
        if op == "&" and isinstance(args[1], int) and args[1] == _MASK_64 and _is_decrement(args[0]):
            less_one = self._write(args[0].args[0], _ATOM)
            return f"({less_one} - 1 if {less_one} else {_MASK_64})"  # cheaper than to subtract and mask
        level = _PRECEDENCE[op]
        left, right = self._write(args[0], level), self._write(args[1], level + 1)
        text = f"{left} {op} {right}"
        return f"({text})" if level < binding else text

    # --- truth

    def _truth(self, value: Operand, *, wanted: bool) -> str:
        if not isinstance(value, Expr):
            return str(bool(value) == wanted)
        op, args = value.op, value.args
        if value not in self._names and self._uses.get(value, 0) <= 1:
            if op in COMPARISONS:
                return self._comparison(value, op if wanted else COMPARISONS[op])
            if op == "^" and isinstance(args[1], int) and args[1] == 1 and args[0].is_flag:
                return self._truth(args[0], wanted=not wanted)
            if op == "&" and isinstance(args[1], int) and args[1] == 1 and self._is_shift(args[0]):
                bit = f"{self._write(args[0].args[0], 4)} & {hex(1 << args[0].args[1])}"
                return bit if wanted else f"not {bit}"
        text = self._write(value, 0)
        return text if wanted else f"not ({text})"

    def _comparison(self, value: Expr, op: str) -> str:
        return f"{self._write(value.args[0], 1)} {op} {self._write(value.args[1], 1)}"

    def _is_shift(self, value: Operand) -> bool:
        is_single = isinstance(value, Expr) and value not in self._names and self._uses.get(value, 0) <= 1
        return is_single and value.op == ">>" and isinstance(value.args[1], int)


def _is_decrement(value: Operand) -> bool:
    """Whether a value is a 64-bit variable less one."""
    if not isinstance(value, Expr) or value.op != "+" or not isinstance(value.args[1], int) or value.args[1] != -1:
        return False
    return bool(value.args[0].op == "name" and value.args[0].low >= 0)
