"""What loads and stores have in common: the widths they move, and how their addresses are written.

The rows below are those of the tables of "Loads and stores" in the A64 encoding index, each stated once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import Bits, sign_extend
from aarch64.isa.operands import EXTENDS, Computed, read_register
from aarch64.isa.syntax import Listed, Mismatch, WrongValue, operand
from aarch64.registers import register_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.isa.syntax import Cursor, Fields, Kinds

ADDRESS_MASK = (1 << 64) - 1


@attrs.frozen
class Transfer:
    """What a load or store moves: `size` bytes of memory, and a register of `width` bits.

    `suffix` is how mnemonics say so; `size_field` and `opc` are the fields of those names.
    """

    suffix: str
    size_field: str
    opc: str
    size: int
    width: int
    is_signed: bool = False

    @property
    def bits(self) -> int:
        """The width of the memory access in bits."""
        return self.size * 8

    @property
    def scale(self) -> int:
        """log2 of the size in bytes."""
        return self.size.bit_length() - 1

    @property
    def register(self) -> str:
        """The operand kind of the register."""
        return "X" if self.width == 64 else "W"

    def title(self, stem: str) -> str:
        """The instruction's name, `stem` being that without suffix: LDRSB."""
        return stem + self.suffix.upper()

    def extend(self, value: Bits) -> Bits:
        """The register's value for one loaded."""
        return sign_extend(value, self.bits, self.width) if self.is_signed else value


STORES = (
    Transfer("b", "00", "00", 1, 32),
    Transfer("h", "01", "00", 2, 32),
    Transfer("", "10", "00", 4, 32),
    Transfer("", "11", "00", 8, 64),
)
LOADS = (
    Transfer("b", "00", "01", 1, 32),
    Transfer("sb", "00", "10", 1, 64, is_signed=True),
    Transfer("sb", "00", "11", 1, 32, is_signed=True),
    Transfer("h", "01", "01", 2, 32),
    Transfer("sh", "01", "10", 2, 64, is_signed=True),
    Transfer("sh", "01", "11", 2, 32, is_signed=True),
    Transfer("", "10", "01", 4, 32),
    Transfer("sw", "10", "10", 4, 64, is_signed=True),
    Transfer("", "11", "01", 8, 64),
)
WIDTHS = STORES
"""Every width an exclusive, ordered or atomic access has; these have no `opc`."""
PAIR_WIDTHS = WIDTHS[2:]
"""Every width of one element of a pair."""


@operand
class IndexRegister:
    """`, x1`, `, x1, lsl #3` or `, w1, sxtw #3`: `rm` extended by `option`, and if `s` is set shifted by `scale`.

    A shift by zero is written only where `s` says so, which a byte access alone can do.
    """

    scale: int
    fields = ("rm", "option", "s")
    symbol = ", <Rm>{, <extend> {#<amount>}}"

    def format(self, fields: Fields, address: int | None) -> str:
        option = fields["option"]
        text = f", {register_name(fields['rm'], 64 if option & 1 else 32)}"
        amount = f" #{self.scale}" if fields["s"] else ""
        if option == UXTX:
            return f"{text}, lsl{amount}" if amount else text
        return f"{text}, {EXTENDS[option]}{amount}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        cursor.expect(",")
        rm, width = read_register(cursor)
        after_register = cursor.position
        if not cursor.accept(","):
            option, s = UXTX, 0
        else:
            option = self._read_option(cursor)
            s = self._read_amount(cursor, is_needed=option == UXTX)
        if (width == 64) != option & 1:
            raise WrongValue("this extension does not go with the register's size", after_register)
        return {"rm": rm, "option": option, "s": s}

    def _read_option(self, cursor: Cursor) -> int:
        start = cursor.position
        name = cursor.word()
        if name not in _INDEX_EXTENDS:
            raise Mismatch(f"expected one of {', '.join(_INDEX_EXTENDS)}", start)
        return _INDEX_EXTENDS[name]

    def _read_amount(self, cursor: Cursor, *, is_needed: bool) -> int:
        cursor.skip_space()
        start = cursor.position
        if not is_needed and cursor.text[start : start + 1] == "]":
            return 0
        amount = cursor.immediate()
        if amount not in (0, self.scale):
            raise WrongValue(f"the shift is 0 or {self.scale}" if self.scale else "the shift is 0", start)
        return int(amount == self.scale)


UXTX = 0b011
_INDEX_EXTENDS: Mapping[str, int] = {"lsl": UXTX} | {EXTENDS[option]: option for option in (0b010, 0b110, 0b111)}


def index_is_valid(option: int) -> bool:
    """Whether `option` is allocated: an index register is 32 or 64 bits wide."""
    return bool(option & 0b010)


@operand
class NoOffset(Listed):
    """Nothing, or `, #0`, after a base register that is the whole address."""

    fields = ()
    keys = ()
    texts = ""
    symbol = "{, #0}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        if cursor.accept(","):
            start = cursor.position
            if cursor.immediate():
                raise WrongValue("the offset can only be 0", start)
        return {}


def _constant(value: int) -> Computed:
    return Computed((), lambda _: value, lambda written, _: {} if written == value else None)


KINDS: Kinds = {"index_register": IndexRegister, "no_offset": NoOffset, "constant": _constant}
"""Operand kinds of load and store groups; `constant` is an immediate that the instruction fixes."""

BASE = "[{rn:XSP}{no_offset}]"
"""How an address that is a base register alone is written."""
