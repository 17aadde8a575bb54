"""A program being written: lines of assembly, drawn from `Choices`.

Registers have roles, so that most of what is drawn does something:

    x0-x7    data; half of them begin with a value at which arithmetic changes its behaviour
    x10-x12  counters of loops, by depth; x15 that of recursions
    x13, x14, x26, x28  scratch
    x16-x18  the exception handlers'; x18 gathers what they saw
    x19      the middle of a page of data
    x22      an address where nothing is; x25 an odd address
    x29      where to go on after a branch to nowhere
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aarch64.sampling.choices import Choices

T = TypeVar("T")

DATA_REGISTERS = tuple(f"x{number}" for number in range(8))
CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
DEEPEST = 3
"""Loops are nested so deep at most; the bodies of functions count as two."""
LOOP_COUNTS = ((2, 1, 3, 4, 6, 20), (2, 1, 3, 4), (2, 1, 3))
"""How often a loop may go round, by its depth."""

_EXTENDS = ("uxtb", "uxth", "uxtw", "sxtb", "sxth", "sxtw")
_LOGICAL = {"x": ("0x1", "0xff00", "0x8000000000000000", "0x5555555555555555"), "w": ("0x1", "0xff00", "0x80000000")}


@attrs.frozen
class Function:
    """A function that was written, and the cycles that a call of it, or one level of a recursion, takes at most."""

    name: str
    is_recursive: bool
    cost: int


class Writer:
    """Lines, what comes behind them, how much there may be, and the cycles all that takes at most.

    `kinds` are the statements to draw from, `leaf` those of functions (`returning` what a recursive one does on its way
    back, if that is something else); `room` is how many statements there may be.
    `usable` narrows templates down to those that may be used.
    """

    def __init__(
        self,
        choices: Choices,
        kinds: Sequence[Statement],
        room: int,
        *,
        leaf: Sequence[Statement],
        returning: Sequence[Statement] | None = None,
        loop_counts: Sequence[Sequence[int]] = LOOP_COUNTS,
        usable: Callable[[Sequence[str]], Sequence[str]] = lambda templates: templates,
    ) -> None:
        self.choices = choices
        self.kinds = kinds
        self.leaf = leaf
        self.returning = leaf if returning is None else returning
        self.room = room
        self.loop_counts = loop_counts
        self.lines: list[str] = []
        self.tail: list[str] = []
        self.functions: list[Function] = []
        self.depth = 0
        self.cost = 0
        self.is_function = False
        self._usable = usable
        self._labels = 0

    # drawing

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        return self.choices.integer(low, high)

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`."""
        return self.choices.choice(options)

    def one_in(self, count: int) -> bool:
        """True one time in `count`."""
        return self.choices.integer(0, count - 1) == count - 1

    def any_register(self, prefix: str) -> str:
        """A data register, now and then the zero register; `prefix` is x or w."""
        number = self.integer(0, 9)
        return f"{prefix}{number}" if number < len(DATA_REGISTERS) else f"{prefix}zr"

    # writing

    def emit(self, *lines: str) -> None:
        """Write lines, each an instruction, a directive or a label with its colon."""
        self.lines += [line if line.endswith(":") else f"        {line}" for line in lines]
        self.cost += len(lines)

    def repeated(self, count: int, before: int) -> None:
        """Take into account that what was written since the cost was `before` is executed `count` times."""
        self.cost = before + count * (self.cost - before)

    def label(self) -> str:
        """A label that is new."""
        self._labels += 1
        return f"L{self._labels}"

    def instruction(self, templates: Sequence[str]) -> None:
        """Write one of several instructions, its blanks filled in."""
        self.emit(self.filled(self.choice(self._usable(templates))))

    def filled(self, template: str) -> str:
        """A template with its blanks filled in."""
        return template.format_map(_Blanks(self))

    def statements(self, most: int, again: int = 3) -> None:
        """Up to `most` statements, at least one; after each of them another one `again` times in `again` + 1."""
        if self.room <= 0:
            self.emit("nop")
            return
        left = most - 1
        while self.choices.part(partial(self._statement, left, again)):
            left -= 1

    def _statement(self, left: int, again: int, _: Choices) -> bool:
        """Write a statement; whether to write another one of those that are left."""
        self.room -= 1
        self.choice(self.kinds)(self)
        return self.room > 0 and left > 0 and self.integer(0, again) > 0

    def nested(self, most: int) -> None:
        """Statements of a body."""
        self.depth += 1
        self.statements(most)
        self.depth -= 1

    def function(self) -> Function:
        """A function to call, now and then a new one; a recursive one wants the number of levels in X15."""
        if self.functions and (len(self.functions) == 3 or self.is_function or self.one_in(2)):
            return self.choice(self.functions)
        kind = self.choice(("leaf", "leaf", "frame", "recursive"))
        name = f"f{len(self.functions) + 1}"
        self.functions.append(Function(name, kind == "recursive", 0))
        outer = self.lines, self.depth, self.is_function, self.kinds, self.cost
        self.lines, self.depth, self.is_function, self.kinds, self.cost = [], 2, True, self.leaf, 0
        if self.one_in(4):
            self.emit(".balign 4096")
        self.emit(f"{name}:")
        if kind == "leaf":
            self.statements(4)
            self.emit(self.choice(("ret", "ret", "br x30", "mov x28, x30\n        ret x28")))
        else:
            self._framed(name, is_recursive=kind == "recursive")
        self.tail += self.lines
        self.functions[-1] = attrs.evolve(self.functions[-1], cost=self.cost + 1)
        self.lines, self.depth, self.is_function, self.kinds, self.cost = outer
        return self.functions[-1]

    def _framed(self, name: str, *, is_recursive: bool) -> None:
        done = self.label()
        self.emit("stp x30, x0, [sp, #-16]!")
        if is_recursive:
            self.emit("subs x15, x15, #1", f"b.le {done}")
        self.statements(3)
        if is_recursive:
            self.emit(f"bl {name}")
            self.kinds = self.returning
            self.statements(1)
        self.emit(f"{done}:", f"ldp x30, {self.choice(DATA_REGISTERS)}, [sp], #16", "ret")


Statement = Callable[[Writer], None]
"""Writes something that stands by itself."""


class _Blanks(dict[str, str]):
    """What the blanks of a template are filled with; X or W registers alike in all of it."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._width = ""

    @property
    def width(self) -> str:
        if not self._width:
            self._width = self._writer.choice("xw")
        return self._width

    def __missing__(self, key: str) -> str:
        return _FILL[key](self._writer, self)


def _number(low: int, high: int) -> Callable[[Writer, _Blanks], str]:
    return lambda writer, _: str(writer.integer(low, high))


_FILL: Mapping[str, Callable[[Writer, _Blanks], str]] = {
    "r": lambda w, b: w.any_register(b.width),
    "x": lambda w, _: w.any_register("x"),
    "w": lambda w, _: w.any_register("w"),
    "g": lambda w, b: f"{b.width}{w.integer(0, 7)}",
    "gx": lambda w, _: f"x{w.integer(0, 7)}",
    "sp": lambda _, b: "sp" if b.width == "x" else "wsp",
    "c": lambda w, _: w.choice(CONDITIONS),
    "shift": lambda w, _: w.choice(("lsl", "lsr", "asr")),
    "rotate": lambda w, _: w.choice(("lsl", "lsr", "asr", "ror")),
    "extend": lambda w, _: w.choice(_EXTENDS),
    "s": lambda w, b: str(w.integer(0, 63 if b.width == "x" else 31)),
    "lsb": _number(0, 31),
    "i": lambda w, _: str(w.choice((0, 1, 2, 7, 255, 4095))),
    "l": lambda w, b: w.choice(_LOGICAL[b.width]),
    "h": lambda w, _: str(w.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF))),
    "half": lambda w, _: str(w.choice((0, 16))),
    "f": _number(0, 15),
    "j": _number(0, 31),
    "k": _number(0, 4),
    "b": _number(0, 63),
}
