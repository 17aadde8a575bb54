"""Types of fetch arguments: how many bytes a value has, and how it is shown (probe_fetch_types in trace_probe.c)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import TypeAlias

import attrs

Locate: TypeAlias = Callable[[int], str]
"""An address in words."""


@unique
class Style(Enum):
    """How the number that a scalar is is shown."""

    UNSIGNED = "decimal"
    SIGNED = "decimal, the highest bit being the sign"
    HEXADECIMAL = "hexadecimal with 0x"
    CHARACTER = "a character in single quotes"
    SYMBOL = "the symbol and offset of an address"


@attrs.frozen
class Scalar:
    """A number of `size` bytes."""

    name: str
    size: int
    style: Style

    def decode(self, raw: int) -> int:
        """The value of this type in the lowest bytes of `raw`; negative only for a signed type."""
        bits = 8 * self.size
        value = raw & ((1 << bits) - 1)
        return value - (1 << bits) if self.style is Style.SIGNED and value >> (bits - 1) else value

    def format(self, value: int, locate: Locate) -> str:
        """The value as Linux's trace shows it; a character that cannot be printed is shown as an escape."""
        if self.style is Style.HEXADECIMAL:
            return f"{value:#x}"
        if self.style is Style.CHARACTER:
            return f"'{printable(decode_text(bytes([value])))}'"
        return locate(value) if self.style is Style.SYMBOL else str(value)

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Bitfield:
    """`width` bits from bit `offset` of a number of `container` bits: 8, 16, 32 or 64."""

    width: int
    offset: int
    container: int

    @property
    def size(self) -> int:
        """Bytes of the container."""
        return self.container // 8

    def decode(self, raw: int) -> int:
        """The field in the lowest bytes of `raw`."""
        return raw >> self.offset & ((1 << self.width) - 1)

    def format(self, value: int, locate: Locate) -> str:  # noqa: ARG002  # a bit field is never an address
        """The value in decimal."""
        return str(value)

    def __str__(self) -> str:
        return f"b{self.width}@{self.offset}/{self.container}"


@unique
class String(Enum):
    """Text up to a zero byte, of the kernel or of user space; an array of it is an array of pointers to text."""

    KERNEL = "string"
    USER = "ustring"

    def __str__(self) -> str:
        return self.value


Number: TypeAlias = Scalar | Bitfield
Element: TypeAlias = Number | String

_INTEGERS = {"u": Style.UNSIGNED, "s": Style.SIGNED, "x": Style.HEXADECIMAL}
_SCALARS = (
    *(Scalar(f"{letter}{bits}", bits // 8, style) for letter, style in _INTEGERS.items() for bits in (8, 16, 32, 64)),
    Scalar("char", 1, Style.CHARACTER),
    Scalar("symbol", 8, Style.SYMBOL),
)
TYPES: dict[str, Element] = {
    **{scalar.name: scalar for scalar in _SCALARS},
    **{string.value: string for string in String},
}
"""The types that have a name of their own."""


@attrs.frozen
class FetchType:
    """An element, or an array of `count` of them; `count` 0 means that it is no array."""

    element: Element
    count: int = 0

    def __str__(self) -> str:
        return f"{self.element}[{self.count}]" if self.count else str(self.element)


DEFAULT_TYPE = FetchType(TYPES["x64"])
TEXT_TYPE = FetchType(String.KERNEL)
"""The type of an immediate text, its only one."""


def decode_text(data: bytes) -> str:
    """Bytes of the guest as text: UTF-8, and an escape for what is not."""
    return data.decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    r"""Text on one line and without control characters: `\n` and so on instead, for the terminal's sake."""
    return "".join(item if item.isprintable() else item.encode("unicode_escape").decode() for item in text)
