"""Encoding patterns: 32 bits written as literals and named fields.

    sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5

A run of 0, 1 and x is literal (x: either value, ignored); `name:width` is an unsigned field, `name:swidth` a signed
one; `(1)` is a run of should-be-one bits, ignored when decoding and set when encoding. Bit 31 comes first.
"""

from __future__ import annotations

import re
from functools import cache

import attrs

from aarch64.bits import mask, signed

WORD_BITS = 32
_LITERAL = frozenset("01x")
_FIELD = re.compile(r"([a-z][a-z0-9_]*):(s?)([1-9][0-9]?)")
_SHOULD_BE_ONE = re.compile(r"\((1+)\)")
_TO_MASK = str.maketrans("0xs", "100")
_TO_VALUE = str.maketrans("xs", "00")
_TO_SHOULD_BE_ONE = str.maketrans("1xs", "001")


class PatternError(ValueError):
    """A pattern that does not describe 32 bits: what is wrong, and where."""


@attrs.frozen
class Field:
    """A named run of bits: `width` bits from bit `low` upwards, read as signed where the syntax is signed."""

    name: str
    low: int
    width: int
    is_signed: bool = False

    def extract(self, word: int) -> int:
        """The field's value in `word`."""
        value = (word >> self.low) & mask(self.width)
        return signed(value, self.width) if self.is_signed else value

    @property
    def expression(self) -> str:
        """`extract` as Python source, of a 32-bit `word`."""
        bits = f"word >> {self.low}" if self.low else "word"
        if self.low + self.width < WORD_BITS:
            bits += f" & {mask(self.width)}"
        half = 1 << (self.width - 1)
        return f"({bits} ^ {half}) - {half}" if self.is_signed else bits

    def insert(self, value: int) -> int:
        """The field's bits in a word; ValueError when `value` does not fit."""
        if value not in self.domain:
            raise ValueError(f"{value} does not fit {self.name} ({self.domain.start} to {self.domain.stop - 1})")
        return (value & mask(self.width)) << self.low

    @property
    def domain(self) -> range:
        """Every value the field can hold."""
        half = 1 << (self.width - 1)
        return range(-half, half) if self.is_signed else range(1 << self.width)


@attrs.frozen
class Pattern:
    """A parsed pattern: a word belongs to it when `word & mask == value`; encoding sets `should_be_one` too."""

    text: str
    mask: int
    value: int
    fields: tuple[Field, ...]
    should_be_one: int

    @property
    def ignored(self) -> int:
        """The bits that are neither literal nor a field's: should-be-one bits, and others that do not matter."""
        return mask(WORD_BITS) & ~self.mask & ~sum(mask(field.width) << field.low for field in self.fields)

    def matches(self, word: int) -> bool:
        """Whether the literal bits of `word` are this pattern's."""
        return word & self.mask == self.value

    def overlaps(self, other: Pattern) -> bool:
        """Whether some word matches both patterns."""
        return not (self.value ^ other.value) & self.mask & other.mask

    def is_within(self, other: Pattern) -> bool:
        """Whether every word of this pattern matches `other` too."""
        return self.overlaps(other) and not other.mask & ~self.mask


@cache
def _field(token: str, end: int) -> Field | None:
    """The field that a token describes, below bit `end`; None if it is none.

    Patterns share most of their fields, which are made once (measured: half the time of parsing all patterns).
    """
    found = _FIELD.fullmatch(token)
    if not found:
        return None
    width = int(found[3])
    return Field(found[1], end - width, width, found[2] == "s")


def parse_pattern(text: str) -> Pattern:
    """The pattern `text` describes; PatternError names the first token that is wrong."""
    bits = ""
    fields: list[Field] = []
    for token in text.split():
        if _LITERAL.issuperset(token):
            bits += token
        elif field := _field(token, WORD_BITS - len(bits)):
            bits += "x" * field.width
            fields.append(field)
        elif found := _SHOULD_BE_ONE.fullmatch(token):
            bits += "s" * len(found[1])
        else:
            raise PatternError(f"{text!r}: {token!r} is neither literal bits (0, 1, x) nor name:width")
        if len(bits) > WORD_BITS:
            raise PatternError(f"{text!r}: {token!r} goes past 32 bits")
    if len(bits) < WORD_BITS:
        raise PatternError(f"{text!r}: {len(bits)} bits, not 32")
    names = {field.name for field in fields}
    if len(names) < len(fields):
        raise PatternError(f"{text!r}: a field appears twice")
    fixed, value, should_be_one = (int(bits.translate(to), 2) for to in (_TO_MASK, _TO_VALUE, _TO_SHOULD_BE_ONE))
    return Pattern(text, fixed, value, tuple(fields), should_be_one)
