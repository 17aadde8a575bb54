"""Assembler syntax as a two-way template: the same text formats fields and parses them back.

    ldr {rt:R}, [{rn:XSP}{imm12:offset(r)}]

Outside braces the text is literal; white space in it is free when parsing. `{field:kind}` or
`{field:kind(argument, ...)}` names an operand kind (see `operands`), `{kind}` one that covers several fields by itself,
and `{field?text}` a suffix printed when a one-bit field is set.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeVar, dataclass_transform, runtime_checkable

import attrs

from aarch64.isa.source import Scope

_T = TypeVar("_T")

Fields = Mapping[str, int]
"""Field values by name."""


class Mismatch(Exception):
    """The text is not of this syntax: why, at which character, and how much of it was (by default up to there)."""

    def __init__(self, message: str, position: int, understood: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.understood = position if understood is None else understood


class WrongValue(Mismatch):
    """The text is of this syntax, but what it says cannot be encoded."""


class SyntaxDefinitionError(ValueError):
    """A template that cannot be understood."""


class Operand(Protocol):
    """How one operand, covering one field or several, is written."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields it covers."""

    def format(self, fields: Fields, address: int | None) -> str:
        """The operand's text; `address` is that of the instruction, None when it is not known."""

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        """The fields written at the cursor, which is advanced; `known` holds the fields read so far.

        Raises:
            Mismatch: the text is something else.
        """


@runtime_checkable
class Enumerable(Operand, Protocol):
    """An operand with few texts, which may stand inside a mnemonic."""

    def choices(self) -> Mapping[str, dict[str, int]]:
        """Every text, with the field values it stands for."""


@runtime_checkable
class Shown(Operand, Protocol):
    """An operand that a line of syntax shows otherwise than by its name, `<name>`."""

    @property
    def symbol(self) -> str:
        """How the Arm ARM shows it: `<Xt>`, `#<imm>`, `{, <shift> #<amount>}`; braces hold what may be left out."""


Texts = str | Sequence["Texts"]
"""A text, or texts in a table of one dimension or more."""


class Listed(ABC):
    """An operand whose text is looked up in a table, which templates do without asking it."""

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """The fields that the table is indexed by, one after the other."""

    @property
    @abstractmethod
    def texts(self) -> Texts:
        """The table, with a dimension for each key."""

    def format(self, fields: Fields, address: int | None) -> str:
        """The text for these fields."""
        found = self.texts
        for key in self.keys:
            found = found[fields[key]]
        assert isinstance(found, str)
        return found


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def operand(cls: type[_T]) -> type[_T]:
    """Make a record of an operand kind. There are many; comparing and showing them, which nobody does, is left out."""
    return attrs.frozen(cls, eq=False, repr=False)


@operand
class OneField:
    """What operands have in common that cover one field."""

    field: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The field's name alone."""
        return (self.field,)

    @property
    def keys(self) -> tuple[str, ...]:
        """What the operand is looked up by, if it is `Listed`."""
        return (self.field,)


_IDENTIFIER = re.compile(r"[A-Za-z_.$][\w.$]*")
_LITERAL_PARTS = re.compile(r"\w+|[^\w\s]")
_NESTING = {"(": 1, ")": -1}
_END_OF_EXPRESSION = frozenset(",]}!")


@attrs.define
class Cursor:
    """A position in the text of one instruction.

    `evaluate` gives the value of an expression, symbols included, or raises Mismatch; `address` is the instruction's.
    """

    text: str
    evaluate: Callable[[str, int], int]
    address: int = 0
    position: int = 0
    starts: dict[str, int] = attrs.field(factory=dict)
    """Where the operand that covers a field was found, by the field's name."""

    def skip_space(self) -> None:
        """Move over blanks."""
        while self.position < len(self.text) and self.text[self.position] in " \t":
            self.position += 1

    @property
    def at_end(self) -> bool:
        """Whether only blanks are left."""
        return not self.text[self.position :].strip()

    def fail(self, message: str) -> Mismatch:
        """The error to raise at this position."""
        return Mismatch(message, self.position)

    def accept(self, literal: str) -> bool:
        """Move over `literal` (case and blanks do not matter) and say whether it was there."""
        start = self.position
        for wanted in literal:
            if wanted in " \t":
                continue
            self.skip_space()
            if self.text[self.position : self.position + 1].lower() != wanted.lower():
                self.position = start
                return False
            self.position += 1
        return True

    def expect(self, literal: str) -> None:
        """Move over `literal`, or raise Mismatch at the first part of it that is missing."""
        if self.accept(literal):
            return
        for part in _LITERAL_PARTS.findall(literal):
            if not self.accept(part):
                self.skip_space()
                raise self.fail(f"expected {part!r}")

    def word(self) -> str:
        """The identifier at the cursor in lower case, which is passed; the empty string if there is none."""
        self.skip_space()
        found = _IDENTIFIER.match(self.text, self.position)
        if not found:
            return ""
        self.position = found.end()
        return found[0].lower()

    def expression(self) -> int:
        """The value of the expression at the cursor, up to a comma or closing bracket."""
        self.skip_space()
        start, depth = self.position, 0
        while self.position < len(self.text):
            character = self.text[self.position]
            if depth == 0 and character in _END_OF_EXPRESSION:
                break
            depth += _NESTING.get(character, 0)
            if depth < 0:
                break
            self.position += 1
        text = self.text[start : self.position].strip()
        if not text:
            raise Mismatch("expected a value", start)
        return self.evaluate(text, start)

    def immediate(self) -> int:
        """The value of an immediate, its `#` optional."""
        self.accept("#")
        return self.expression()


@operand
class _Suffix(OneField, Listed):
    """`{field?text}`: the text when the one-bit field is set."""

    text: str

    @property
    def symbol(self) -> str:
        return f"{{{self.text}}}"

    @property
    def texts(self) -> Texts:
        return "", self.text

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        return {self.field: int(cursor.accept(self.text))}

    def choices(self) -> Mapping[str, dict[str, int]]:
        return {"": {self.field: 0}, self.text: {self.field: 1}}


Kinds = Mapping[str, Callable[..., Operand]]
"""Operand kinds by name: each is called with the field's name (if the slot has one) and the slot's arguments."""

_SLOT = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"\w+")
_SLOT_PARTS = re.compile(r"(?:(?P<field>\w+):)?(?P<kind>\w+)(?:\((?P<arguments>[^()]*)\))?")
_SUFFIX_PARTS = re.compile(r"(\w+)\?(.+)")


def _compile_slot(text: str, kinds: Kinds, template: str) -> Operand:
    if found := _SUFFIX_PARTS.fullmatch(text):
        return _Suffix(found[1], found[2])
    parts = _SLOT_PARTS.fullmatch(text)
    if not parts or parts["kind"] not in kinds:
        raise SyntaxDefinitionError(f"{template!r}: unknown operand {{{text}}}")
    arguments = [_argument(item.strip()) for item in (parts["arguments"] or "").split(",") if item.strip()]
    field = [parts["field"]] if parts["field"] else []
    try:
        return kinds[parts["kind"]](*field, *arguments)
    except TypeError as error:
        raise SyntaxDefinitionError(f"{template!r}: operand {{{text}}}: {error}") from error


def _argument(text: str) -> int | str:
    return int(text, 0) if text[0].isdigit() or text[0] == "-" else text


def _compile(text: str, kinds: Kinds, template: str) -> tuple[str | Operand, ...]:
    parts: list[str | Operand] = []
    for index, piece in enumerate(_SLOT.split(text)):
        if index % 2:
            parts.append(_compile_slot(piece, kinds, template))
        elif piece:
            parts.append(piece)
    return tuple(parts)


@attrs.frozen(slots=False)
class Template:
    """A compiled syntax: a mnemonic (which may hold enumerable operands) and the operands' text."""

    text: str
    mnemonic: tuple[str | Operand, ...]
    operands: tuple[str | Operand, ...]

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields the template covers."""
        slots = (part for part in self.mnemonic + self.operands if not isinstance(part, str))
        return frozenset(name for slot in slots for name in slot.fields)

    def operand_of(self, field: str) -> Operand:
        """The operand that covers a field."""
        return next(part for part in self.operands if not isinstance(part, str) and field in part.fields)

    @property
    def shown(self) -> str:
        """The syntax for the eye: `ldr <Xt>, [<Xn|SP>{, #<imm12>}]`."""
        slots = (part for part in self.mnemonic + self.operands if not isinstance(part, str))
        return _SLOT.sub(lambda found: _symbol(next(slots), found[1]), self.text)

    def expression(self, scope: Scope) -> str:
        """The text for some `fields` and an `address` as Python source: mnemonic, a space, operands."""
        parts = (*self.mnemonic, " ", *self.operands) if self.operands else self.mnemonic
        pieces = (part if isinstance(part, str) else f"{{{_text_of(part, scope)}}}" for part in parts)
        text = f"f{''.join(pieces)!r}"
        return f"{text}.rstrip()" if self.operands and all(map(_may_be_empty, self.operands)) else text

    @cached_property
    def format(self) -> Callable[..., str]:
        """The function that gives the text for fields and (None by default) the address of the instruction."""
        scope = Scope()
        return scope.function("fields, address=None", self.expression(scope))

    def spellings(self) -> dict[str, dict[str, int]]:
        """Every mnemonic this template has, with the fields each one fixes."""
        spellings: dict[str, dict[str, int]] = {"": {}}
        for part in self.mnemonic:
            choices = {part: {}} if isinstance(part, str) else _choices(part, self.text)
            spellings = {
                head + tail: {**fixed, **more} for head, fixed in spellings.items() for tail, more in choices.items()
            }
        return spellings

    def parse(self, cursor: Cursor, known: dict[str, int]) -> dict[str, int]:
        """The fields written at the cursor, to the end of the text; Mismatch says where it fails."""
        for part in self.operands:
            if isinstance(part, str):
                cursor.expect(part)
                continue
            cursor.skip_space()
            start = cursor.position
            for name, value in part.parse(cursor, known).items():
                cursor.starts.setdefault(name, start)
                if known.setdefault(name, value) != value:
                    raise WrongValue("the operands do not go together (sizes or registers differ)", start)
        if not cursor.at_end:
            raise cursor.fail("nothing more was expected here")
        return known


def _text_of(operand: Operand, scope: Scope) -> str:
    """The operand's text as Python source; a look-up where there is a table (measured: 0.1 microseconds less each)."""
    if not isinstance(operand, Listed):
        return f"{scope.name(operand.format)}(fields, address)"
    return scope.name(operand.texts) + "".join(f"[fields[{key!r}]]" for key in operand.keys)


def _may_be_empty(part: str | Operand) -> bool:
    """Whether a part of a template may have no text, as far as is known."""
    return "" in part.texts if isinstance(part, Listed) else not isinstance(part, str)


def _symbol(operand: Operand, slot: str) -> str:
    if isinstance(operand, Shown):
        return operand.symbol
    name = _NAME.match(slot)
    assert name is not None, slot
    return f"<{name[0]}>"


def _choices(part: Operand, template: str) -> Mapping[str, dict[str, int]]:
    if not isinstance(part, Enumerable):
        raise SyntaxDefinitionError(f"{template!r}: an operand inside the mnemonic must be enumerable")
    return part.choices()


def compile_template(text: str, kinds: Kinds) -> Template:
    """Compile `text` ("mnemonic operands"); SyntaxDefinitionError says what cannot be understood."""
    mnemonic, _, operands = text.partition(" ")
    return Template(text, _compile(mnemonic, kinds, text), _compile(operands, kinds, text))
