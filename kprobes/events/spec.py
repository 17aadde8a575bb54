"""What a line of kprobe_events says, as values; `str()` of each is the canonical text, which `parse` reads back."""

from __future__ import annotations

import re
from enum import Enum, unique
from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.events.context import FetchFault
from kprobes.events.expressions import POINTER_SIZE, ImmediateText, Memory, read_number, read_string
from kprobes.events.limits import MAX_NAME, MAX_STRING
from kprobes.events.types import DEFAULT_TYPE, TEXT_TYPE, FetchType, String, decode_text, printable

if TYPE_CHECKING:
    from kprobes.events.context import FetchContext
    from kprobes.events.expressions import Expression
    from kprobes.events.types import Locate, Number


@unique
class ProbeKind(Enum):
    """What a probe waits for, by the letter of its spec."""

    PROBE = "p"
    RETURN = "r"


@attrs.frozen
class SymbolPlace:
    """`offset` bytes from a symbol, 0 to 0xffffffff."""

    symbol: str
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.symbol}+{self.offset:#x}" if self.offset else self.symbol


@attrs.frozen
class AddressPlace:
    """An address, 64-bit."""

    address: int

    def __str__(self) -> str:
        return f"{self.address:#x}"


Place: TypeAlias = SymbolPlace | AddressPlace


@unique
class Fault(Enum):
    """The value of what could not be read."""

    FAULT = "(fault)"


Single: TypeAlias = int | str | Fault
Value: TypeAlias = Single | tuple[Single, ...]
"""What an argument was at a hit: a number, a text, a fault; a tuple of these for an array."""


@attrs.frozen
class FetchArg:
    """`NAME=EXPRESSION:TYPE`: a value to record at every hit."""

    name: str
    expression: Expression
    type: FetchType = DEFAULT_TYPE

    @property
    def body(self) -> str:
        """The canonical text without the name; the type is not said where it goes without saying."""
        implied = TEXT_TYPE if isinstance(self.expression, ImmediateText) else DEFAULT_TYPE
        return str(self.expression) if self.type == implied else f"{self.expression}:{self.type}"

    def __str__(self) -> str:
        return f"{self.name}={self.body}"

    def evaluate(self, context: FetchContext) -> Value:
        """The value now; every element of an array can fault by itself.

        Linux shows `(fault)` for strings only, and for a number that it could not read what the buffer had: here every
        type says so.
        """
        if not self.type.count:
            return self._fetch(context, 0)
        return tuple(self._fetch(context, index) for index in range(self.type.count))

    def format(self, value: Value, locate: Locate) -> str:
        """A value of this argument as Linux's trace shows it, without the name."""
        if isinstance(value, tuple):
            return "{" + ",".join(self._format_single(item, locate) for item in value) + "}"
        return self._format_single(value, locate)

    def show(self, context: FetchContext) -> str:
        """`name=value`, as in a line of the trace."""
        return f"{self.name}={self.format(self.evaluate(context), context.locate)}"

    def _fetch(self, context: FetchContext, index: int) -> Single:
        try:
            return self._fetch_element(context, index)
        except FetchFault:
            return Fault.FAULT

    def _fetch_element(self, context: FetchContext, index: int) -> int | str:
        if isinstance(self.expression, ImmediateText):
            return self.expression.evaluate(context)
        element = self.type.element
        if isinstance(element, String):
            return decode_text(read_string(context, self._string_address(context, index), MAX_STRING))
        return element.decode(self._raw(context, element, index))

    def _string_address(self, context: FetchContext, index: int) -> int:
        assert isinstance(self.expression, Memory)
        address = self.expression.address(context)
        return read_number(context, address + POINTER_SIZE * index, POINTER_SIZE) if self.type.count else address

    def _raw(self, context: FetchContext, element: Number, index: int) -> int:
        if isinstance(self.expression, Memory):
            return read_number(context, self.expression.address(context) + element.size * index, element.size)
        assert not isinstance(self.expression, ImmediateText)
        return self.expression.evaluate(context)

    def _format_single(self, value: Single, locate: Locate) -> str:
        if isinstance(value, Fault):
            return value.value
        if isinstance(value, str):
            return f'"{printable(value)}"'
        assert not isinstance(self.type.element, String)
        return self.type.element.format(value, locate)


@attrs.frozen
class ProbeSpec:
    """A probe to set: its event, its place, and what to record.

    `maxactive` is how many instances of a return probe can be active at a time, 0 for the default number.
    """

    kind: ProbeKind
    group: str
    event: str
    place: Place
    maxactive: int = 0
    args: tuple[FetchArg, ...] = ()

    def __str__(self) -> str:
        head = f"{self.kind.value}{self.maxactive or ''}:{self.group}/{self.event}"
        return " ".join([head, str(self.place), *map(str, self.args)])


@attrs.frozen
class ClearSpec:
    """Events to clear: those of this name, in one group or (None) in all."""

    group: str | None
    event: str

    def __str__(self) -> str:
        return f"-:{self.event}" if self.group is None else f"-:{self.group}/{self.event}"


Spec: TypeAlias = ProbeSpec | ClearSpec


def default_event(kind: ProbeKind, place: Place) -> str:
    """The name of an event whose spec gives none: `p_SYMBOL_OFFSET` or `p_0xADDRESS`, cut at the longest name.

    Whatever cannot stand in a name becomes `_`; Linux does so for `.`, `:` and `*` (sanitize_event_name).
    """
    tail = f"{place.symbol}_{place.offset}" if isinstance(place, SymbolPlace) else f"{place.address:#x}"
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{kind.value}_{tail}")[:MAX_NAME]
