"""The instruction set: every definition, and the tools derived from them.

To add a group of instructions, write its module and list it here. What is not implemented is loaded when first needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from aarch64.errors import AssemblyError
from aarch64.isa import (
    addsub,
    atomics,
    authenticated_load,
    barriers,
    bitfield,
    branch,
    branch_auth,
    conditional,
    crc32,
    cssc,
    divide,
    exception,
    exclusive,
    extract,
    flags,
    hints,
    loadliteral,
    loadpair,
    loadstore,
    logical,
    movewide,
    multiply,
    onesource,
    ordered,
    pcrel,
    pointer_auth_insns,
    prefetch,
    shift,
    sysops,
    sysreg_moves,
    udf,
    unscaled,
    unsupported,
)
from aarch64.isa.decoder import Decoder, as_data
from aarch64.isa.syntax import Cursor, Mismatch, WrongValue

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition, Form, Group
    from aarch64.isa.pattern import Field

GROUPS: tuple[Group, ...] = (
    branch.GROUP,
    branch_auth.GROUP,
    exception.GROUP,
    barriers.GROUP,
    hints.GROUP,
    pointer_auth_insns.GROUP,
    sysops.GROUP,
    pcrel.GROUP,
    addsub.GROUP,
    logical.GROUP,
    movewide.GROUP,
    bitfield.GROUP,
    extract.GROUP,
    shift.GROUP,
    multiply.GROUP,
    divide.GROUP,
    conditional.GROUP,
    onesource.GROUP,
    crc32.GROUP,
    cssc.GROUP,
    flags.GROUP,
    loadstore.GROUP,
    unscaled.GROUP,
    loadliteral.GROUP,
    loadpair.GROUP,
    exclusive.GROUP,
    ordered.GROUP,
    atomics.GROUP,
    prefetch.GROUP,
    authenticated_load.GROUP,
    udf.GROUP,
    sysreg_moves.GROUP,
)

DECODER = Decoder((definition for group in GROUPS for definition in group), rare=unsupported.load)

decode = DECODER.decode


def disassemble(word: int, address: int | None = None) -> str:
    """The text of a 32-bit word, as `Decoded.text` gives it; `.inst 0x...` for what is unallocated too."""
    decoded = decode(word)
    return decoded.text(address) if decoded else as_data(word)


Evaluate = Callable[[str, int], int]
"""The value of an expression, given its text and position in the line; AssemblyError or Mismatch if it has none."""

_MNEMONIC = re.compile(r"\s*([A-Za-z][\w.]*)")
_NUMBER = re.compile(r"[-+]?(0x[0-9a-f]+|0b[01]+|0+|[1-9][0-9]*)", re.IGNORECASE)
_IMMEDIATE = re.compile(r"#-?\w+")
_BEFORE_OPERAND = re.compile(r"[\s,]*")


def evaluate_number(text: str, position: int) -> int:
    """The default `Evaluate`: decimal, hexadecimal and binary numbers."""
    if not _NUMBER.fullmatch(text):
        raise Mismatch(f"expected a number, found {text!r}", position)
    return int(text, 0)


@cache
def _definitions_by_head() -> Mapping[str, tuple[tuple[int, Definition], ...]]:
    """Every definition, with its place in the table, by the fixed letters that a mnemonic of it begins with."""
    found: dict[str, dict[int, Definition]] = {}
    for place, definition in enumerate(definition for group in GROUPS for definition in group):
        for asm in (definition.asm, *(item.asm for item in definition.aliases)):
            found.setdefault(re.split("[{ ]", asm, maxsplit=1)[0], {})[place] = definition
    return MappingProxyType({head: tuple(definitions.items()) for head, definitions in found.items()})


@lru_cache(maxsize=1024)
def _forms(mnemonic: str) -> tuple[tuple[Form, Mapping[str, int]], ...]:
    """The forms with a mnemonic, each with the fields that it fixes; forms nobody asks for are not compiled."""
    by_head = _definitions_by_head()
    heads = (mnemonic[:length] for length in range(len(mnemonic) + 1))
    definitions = dict(found for head in heads for found in by_head.get(head, ()))
    spelled = ((form, form.template.spellings()) for _, item in sorted(definitions.items()) for form in item.forms)
    return tuple((form, spellings[mnemonic]) for form, spellings in spelled if mnemonic in spellings)


def assemble(text: str, address: int = 0, evaluate: Evaluate = evaluate_number) -> int:
    """The word for one instruction at `address`.

    Raises:
        AssemblyError: no form of the mnemonic fits the operands. Told is the error of the form that understood most
            of the text; of several, one that could only not encode a value.
    """
    found = _MNEMONIC.match(text)
    if not found:
        raise AssemblyError("expected an instruction", len(text) - len(text.lstrip()))
    mnemonic = found[1].lower()
    candidates = _forms(mnemonic)
    if not candidates:
        raise AssemblyError(f"unknown instruction {mnemonic!r}", found.start(1))
    errors: list[Mismatch] = []
    for form, fixed in candidates:
        cursor = Cursor(text, evaluate, address, found.end())
        try:
            return _encode(form, form.template.parse(cursor, {**form.fixed, **fixed}), cursor)
        except Mismatch as mismatch:
            errors.append(mismatch)
    best = max(errors, key=lambda error: (error.understood, isinstance(error, WrongValue)))
    raise AssemblyError(best.message, best.position)


def _encode(form: Form, fields: Mapping[str, int], cursor: Cursor) -> int:
    definition = form.definition
    for field in definition.fields.values():
        if fields[field.name] not in field.domain:
            raise _out_of_range(form, fields, field, cursor)
    word = definition.encode(fields)
    if not definition.accepts(fields) or (form.alias and not form.alias.applies(fields)):
        raise WrongValue("these operands cannot be encoded together", cursor.position)
    if (decoded := decode(word)) is None or decoded.definition is not definition:
        raise WrongValue("these operands mean another instruction", cursor.position)
    return word


def _out_of_range(form: Form, fields: Mapping[str, int], field: Field, cursor: Cursor) -> WrongValue:
    """The error about an immediate, in the units it is written in."""
    operand = form.template.operand_of(field.name)
    values = (fields[field.name], field.domain[0], field.domain[-1])
    texts = (_IMMEDIATE.search(operand.format({**fields, field.name: value}, None)) for value in values)
    given, least, most = (found[0] if found else "#0" for found in texts)
    start = _BEFORE_OPERAND.match(cursor.text, cursor.starts[field.name])
    assert start is not None, "an empty match is one"
    return WrongValue(f"out of range: {given} (want {least} to {most})", start.end(), cursor.position)
