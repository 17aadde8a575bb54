"""Fetch arguments as text: `NAME=EXPRESSION:TYPE` (traceprobe_parse_probe_arg in trace_probe.c).

Errors show at the column where Linux's error_log has them. Where Linux takes an argument and forgets part of it (what
follows a bracket), or gives it a value that means nothing (`$arg9`), it is an error here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.events.errors import Problem
from kprobes.events.expressions import (
    REGISTERS,
    Argument,
    AtAddress,
    AtSymbol,
    Dereference,
    Expression,
    Immediate,
    ImmediateText,
    Memory,
    Register,
    ReturnValue,
    Space,
    StackEntry,
    StackPointer,
)
from kprobes.events.limits import (
    ARGUMENT_REGISTERS,
    MAX_ARG_NAME,
    MAX_ARG_TEXT,
    MAX_ARGS,
    MAX_ARRAY,
    MAX_OPERATIONS,
    MAX_STACK,
    RESERVED_NAMES,
)
from kprobes.events.numbers import parse_signed, parse_unsigned
from kprobes.events.spec import FetchArg, ProbeKind
from kprobes.events.types import DEFAULT_TYPE, TEXT_TYPE, TYPES, Bitfield, Element, FetchType, String

if TYPE_CHECKING:
    from kprobes.events.pieces import Piece

CountSymbols: TypeAlias = Callable[[str], int]
"""How many symbols have a name."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOL = re.compile(r"(?P<name>[^\s0-9+\-%:()][^\s+\-%:()]*)(?P<offset>[+-].*)?")
_NUMBERED = re.compile(r"(?P<name>stack|arg)(?P<number>[0-9]+)")
_CONTAINERS = (8, 16, 32, 64)
_MASK = (1 << 64) - 1


@attrs.frozen
class Scope:
    """What the arguments of a probe can refer to; `at_entry`: the probe is at the entry of a function."""

    kind: ProbeKind
    at_entry: bool
    count_symbols: CountSymbols


def parse_args(words: Sequence[Piece], scope: Scope) -> tuple[FetchArg, ...]:
    """All arguments of a probe, one a word; SpecError."""
    if len(words) > MAX_ARGS:
        raise words[0].error(Problem.TOO_MANY_ARGS)
    args: list[FetchArg] = []
    taken = set(RESERVED_NAMES)
    for position, word in enumerate(words, 1):
        name, body = _split_name(word, f"arg{position}")
        if name in taken:
            raise word.error(Problem.USED_ARG_NAME)
        taken.add(name)
        args.append(_parse_body(name, body, scope))
    return tuple(args)


def split_symbol(text: str) -> tuple[str, int] | None:
    """`SYMBOL[+-OFFSET]` as the name and the offset, else None (traceprobe_split_symbol_offset)."""
    match = _SYMBOL.fullmatch(text)
    if not match:
        return None
    offset = parse_signed(match["offset"]) if match["offset"] else 0
    return None if offset is None else (match["name"], offset)


def _split_name(word: Piece, default: str) -> tuple[str, Piece]:
    name, body = word.split("=")
    if body is None:
        return default, word
    if name.length > MAX_ARG_NAME:
        raise word.error(Problem.ARG_NAME_TOO_LONG)
    if not name.text:
        raise word.error(Problem.NO_ARG_NAME)
    if not IDENTIFIER.fullmatch(name.text):
        raise word.error(Problem.BAD_ARG_NAME)
    return name.text, body


def _parse_body(name: str, body: Piece, scope: Scope) -> FetchArg:
    if not body.text:
        raise body.error(Problem.NO_ARG_BODY)
    if body.length > MAX_ARG_TEXT:
        raise body.error(Problem.ARG_TOO_LONG)
    source, written = body.split(":")
    arg_type = _parse_type(source, written)
    expression = parse_expression(source, scope)
    if _needs_memory(expression, arg_type) and not isinstance(expression, Memory):
        raise (written or source).error(Problem.BAD_STRING)
    if expression.operations + _operations(arg_type) > MAX_OPERATIONS:
        raise body.error(Problem.TOO_MANY_OPS)
    arg = FetchArg(name, expression, arg_type)
    if len(arg.body) > MAX_ARG_TEXT:  # or the canonical text could not be read back
        raise body.error(Problem.ARG_TOO_LONG)
    return arg


def _needs_memory(expression: Expression, arg_type: FetchType) -> bool:
    is_text = isinstance(expression, ImmediateText)
    return bool(arg_type.count) or (isinstance(arg_type.element, String) and not is_text)


def _operations(arg_type: FetchType) -> int:
    """Steps beyond the access itself: a bit field, the loop of an array, the pointers of an array of strings."""
    loop = bool(arg_type.count)
    return isinstance(arg_type.element, Bitfield) + loop + (loop and isinstance(arg_type.element, String))


def _parse_type(source: Piece, written: Piece | None) -> FetchType:
    is_text = source.text.startswith('\\"')
    if written is None:
        return TEXT_TYPE if is_text else DEFAULT_TYPE
    element, count = _split_array(written)
    if is_text and (count or element.text != str(TEXT_TYPE)):
        raise written.error(Problem.NEED_STRING_TYPE)
    return FetchType(_parse_element(element), count)


def _split_array(written: Piece) -> tuple[Piece, int]:
    element, rest = written.split("[")
    if rest is None:
        return element, 0
    length, tail = rest.split("]")
    if tail is None:
        raise rest.error(Problem.ARRAY_NO_CLOSE, rest.length)
    if tail.text:
        raise tail.error(Problem.BAD_ARRAY_SUFFIX)
    count = parse_unsigned(length.text)
    if not count:
        raise length.error(Problem.BAD_ARRAY_NUM)
    if count > MAX_ARRAY:
        raise length.error(Problem.ARRAY_TOO_BIG)
    return element, count


def _parse_element(written: Piece) -> Element:
    if written.text.startswith("b"):
        return _parse_bitfield(written)
    if written.text not in TYPES:
        raise written.error(Problem.BAD_TYPE)
    return TYPES[written.text]


def _parse_bitfield(written: Piece) -> Bitfield:
    layout, size = written.part(1).split("/")
    container = parse_unsigned(size.text) if size is not None else None
    if container not in _CONTAINERS:
        raise written.error(Problem.BAD_TYPE)
    width, offset = (parse_unsigned(text) for text in layout.text.partition("@")[::2])
    if not width or offset is None or width + offset > container:
        raise written.error(Problem.BAD_BITFIELD)
    return Bitfield(width, offset, container)


def parse_expression(piece: Piece, scope: Scope) -> Expression:
    """A fetch expression (parse_probe_arg); SpecError."""
    parse = _PARSERS.get(piece.text[:1])
    if parse is None:
        raise piece.error(Problem.BAD_FETCH_ARG)
    return parse(piece, scope)


def _parse_register(piece: Piece, scope: Scope) -> Expression:  # noqa: ARG001  # one of _PARSERS
    name = piece.text[1:]
    if name not in REGISTERS:
        raise piece.error(Problem.BAD_REG_NAME)
    return Register(name)


def _parse_variable(piece: Piece, scope: Scope) -> Expression:
    name = piece.text[1:]
    if name == "stack":
        return StackPointer()
    if name == "retval":
        return _return_value(piece, scope)
    if name in ("comm", "COMM"):
        raise piece.error(Problem.NO_TASK)
    match = _NUMBERED.fullmatch(name)
    if not match:
        raise piece.error(Problem.BAD_VAR)
    number = int(match["number"])
    return _stack_entry(piece, number) if match["name"] == "stack" else _argument(piece, number, scope)


def _return_value(piece: Piece, scope: Scope) -> ReturnValue:
    if scope.kind is not ProbeKind.RETURN:
        raise piece.error(Problem.RETVAL_ON_PROBE)
    return ReturnValue()


def _stack_entry(piece: Piece, number: int) -> StackEntry:
    if number > MAX_STACK:
        raise piece.error(Problem.BAD_STACK_NUM)
    return StackEntry(number)


def _argument(piece: Piece, number: int, scope: Scope) -> Argument:
    if not 1 <= number <= ARGUMENT_REGISTERS:
        raise piece.error(Problem.BAD_ARG_NUM)
    if scope.kind is ProbeKind.RETURN or not scope.at_entry:
        raise piece.error(Problem.NOFENTRY_ARGS)
    return Argument(number)


def _parse_memory(piece: Piece, scope: Scope) -> Expression:
    place = piece.text[1:]
    if place.startswith("+"):
        raise piece.error(Problem.FILE_ON_KPROBE)
    address = parse_unsigned(place)
    if address is not None:
        return AtAddress(address)
    found = split_symbol(place)
    if found is None:
        raise piece.error(Problem.BAD_MEM_ADDR)
    symbol, offset = found
    if not scope.count_symbols(symbol):
        raise piece.error(Problem.NO_SYMBOL)
    return AtSymbol(symbol, offset)


def _parse_dereference(piece: Piece, scope: Scope) -> Expression:
    text = piece.text
    space = Space.USER if text[1:2] == Space.USER.value else Space.KERNEL
    opening = text.find("(")
    if opening < 0:
        raise piece.error(Problem.DEREF_NEED_BRACE)
    offset = parse_signed(text[0] + text[1 + len(space.value) : opening])
    if offset is None:
        raise piece.error(Problem.BAD_DEREF_OFFS)
    inner = _in_brackets(piece, opening)
    base = parse_expression(inner, scope)
    if isinstance(base, ImmediateText):
        raise inner.error(Problem.COMM_CANT_DEREF)
    found = Dereference(offset, base, space)
    if found.operations > MAX_OPERATIONS:
        raise inner.error(Problem.TOO_MANY_OPS)
    return found


def _in_brackets(piece: Piece, opening: int) -> Piece:
    closing = piece.text.rfind(")")
    if closing < opening:
        raise piece.error(Problem.DEREF_OPEN_BRACE, piece.length)
    if closing + 1 < piece.length:
        raise piece.error(Problem.BAD_DEREF_SUFFIX, closing + 1)
    return piece.part(opening + 1, closing)


def _parse_immediate(piece: Piece, scope: Scope) -> Expression:  # noqa: ARG001  # one of _PARSERS
    text = piece.text[1:]
    if text.startswith('"'):
        return _parse_text(piece.part(2))
    value = parse_unsigned(text)
    if value is None:
        value = parse_signed(text)
    if value is None:
        raise piece.error(Problem.BAD_IMM, 1)
    return Immediate(value & _MASK)


def _parse_text(piece: Piece) -> ImmediateText:
    if not piece.text.endswith('"'):
        raise piece.error(Problem.IMMSTR_NO_CLOSE, piece.length)
    return ImmediateText(piece.text[:-1])


_PARSERS: dict[str, Callable[[Piece, Scope], Expression]] = {
    "%": _parse_register,
    "$": _parse_variable,
    "@": _parse_memory,
    "+": _parse_dereference,
    "-": _parse_dereference,
    "\\": _parse_immediate,
}
