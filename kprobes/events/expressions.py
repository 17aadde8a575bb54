"""Fetch expressions: what an argument is made from, as a small tree of values that evaluate themselves.

Values are 64-bit and not negative, and addresses wrap at 64 bits. `operations` is how many steps Linux needs for the
expression (fetch_insn in trace_probe.h), on which the limit of nesting depends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, unique
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.events.context import FetchContext, Registers

_MASK = (1 << 64) - 1
POINTER_SIZE = 8
"""Bytes of an address."""

REGISTERS: dict[str, Callable[[Registers], int]] = {
    **{f"x{number}": methodcaller("x", number) for number in range(31)},
    "lr": methodcaller("x", 30),
    **{name: attrgetter(name) for name in ("sp", "pc", "pstate")},
}
"""How to read each register, by its name (regoffset_table in arch/arm64/kernel/ptrace.c)."""


@attrs.frozen
class Register:
    """`%NAME`: a register, by its name in `REGISTERS`."""

    name: str
    operations = 1

    def evaluate(self, context: FetchContext) -> int:
        """The register's value."""
        return REGISTERS[self.name](context)

    def __str__(self) -> str:
        return f"%{self.name}"


@attrs.frozen
class Argument:
    """`$argN`: argument `number` of the function at whose entry the probe is, 1 to 8."""

    number: int
    operations = 1

    def evaluate(self, context: FetchContext) -> int:
        """The register that carries the argument: x0 carries the first (AAPCS64)."""
        return context.x(self.number - 1)

    def __str__(self) -> str:
        return f"$arg{self.number}"


@attrs.frozen
class ReturnValue:
    """`$retval`: what the function returns."""

    operations = 1

    def evaluate(self, context: FetchContext) -> int:
        """X0, which carries the result (AAPCS64)."""
        return context.x(0)

    def __str__(self) -> str:
        return "$retval"


@attrs.frozen
class StackPointer:
    """`$stack`: the address of the stack's top."""

    operations = 1

    def evaluate(self, context: FetchContext) -> int:
        """The stack pointer."""
        return context.sp

    def __str__(self) -> str:
        return "$stack"


@attrs.frozen
class StackEntry:
    """`$stackN`: doubleword `number` of the stack, from 0."""

    number: int
    operations = 1

    def evaluate(self, context: FetchContext) -> int:
        """The doubleword at sp + 8 * number.

        Raises:
            FetchFault: it cannot be read.
        """
        return read_number(context, context.sp + POINTER_SIZE * self.number, POINTER_SIZE)

    def __str__(self) -> str:
        return f"$stack{self.number}"


@attrs.frozen
class Immediate:
    r"""`\NUMBER`: the number itself, 64-bit and not negative."""

    value: int
    operations = 1

    def evaluate(self, context: FetchContext) -> int:  # noqa: ARG002  # the same everywhere
        """The number."""
        return self.value

    def __str__(self) -> str:
        return f"\\{self.value:#x}"


@attrs.frozen
class ImmediateText:
    r"""`\"TEXT"`: the text itself, without white space and colons."""

    text: str
    operations = 1

    def evaluate(self, context: FetchContext) -> str:  # noqa: ARG002  # the same everywhere
        """The text."""
        return self.text

    def __str__(self) -> str:
        return f'\\"{self.text}"'


@attrs.frozen
class Memory(ABC):
    """What is in memory at an address: these can have any type, and can be arrays."""

    @abstractmethod
    def address(self, context: FetchContext) -> int:
        """Where it is, 64-bit.

        Raises:
            FetchFault: memory that leads there cannot be read.
        """

    @property
    @abstractmethod
    def operations(self) -> int:
        """Steps to fetch it."""

    def evaluate(self, context: FetchContext) -> int:
        """The doubleword there.

        Raises:
            FetchFault: it cannot be read.
        """
        return read_number(context, self.address(context), POINTER_SIZE)


@attrs.frozen
class AtAddress(Memory):
    """`@ADDRESS`: memory at an address."""

    place: int

    @property
    def operations(self) -> int:
        """The address, and the access."""
        return 2

    def address(self, context: FetchContext) -> int:  # noqa: ARG002  # the same everywhere
        """The address that is written."""
        return self.place

    def __str__(self) -> str:
        return f"@{self.place:#x}"


@attrs.frozen
class AtSymbol(Memory):
    """`@SYMBOL[+-OFFSET]`: memory at a symbol."""

    symbol: str
    offset: int = 0

    @property
    def operations(self) -> int:
        """The symbol, its address, and the access."""
        return 3

    def address(self, context: FetchContext) -> int:
        """The symbol's address and the offset."""
        return (context.symbol_address(self.symbol) + self.offset) & _MASK

    def __str__(self) -> str:
        return f"@{self.symbol}{self.offset:+#x}" if self.offset else f"@{self.symbol}"


@unique
class Space(Enum):
    """Whose memory a dereference reads, by the letter that says so.

    One address space serves both here, so that both are read alike.
    """

    KERNEL = ""
    USER = "u"


@attrs.frozen
class Dereference(Memory):
    """`+OFFSET(BASE)`, `-uOFFSET(BASE)`: memory `offset` bytes from where `base` points."""

    offset: int
    base: Pointer
    space: Space = Space.KERNEL

    @property
    def operations(self) -> int:
        """One more than the base needs."""
        return self.base.operations + 1

    def address(self, context: FetchContext) -> int:
        """The value of the base and the offset."""
        return (self.base.evaluate(context) + self.offset) & _MASK

    def __str__(self) -> str:
        sign = "-" if self.offset < 0 else "+"
        return f"{sign}{self.space.value}{abs(self.offset)}({self.base})"


Pointer: TypeAlias = Register | Argument | ReturnValue | StackPointer | StackEntry | Immediate | Memory
"""Expressions with a number as value, which can therefore be the base of a dereference."""

Expression: TypeAlias = Pointer | ImmediateText


def read_number(context: FetchContext, address: int, size: int) -> int:
    """`size` bytes of memory as a little-endian number; FetchFault if they cannot be read."""
    return int.from_bytes(context.read(address & _MASK, size), "little")


def read_string(context: FetchContext, address: int, limit: int) -> bytes:
    """The bytes from `address` up to a zero byte, at most `limit` - 1; FetchFault if they cannot be read.

    One byte at a time, as fetch_store_strlen of Linux does it: what is behind the zero may be no memory.
    """
    data = bytearray()
    while len(data) < limit - 1:
        byte = context.read((address + len(data)) & _MASK, 1)
        if byte == b"\0":
            break
        data += byte
    return bytes(data)
