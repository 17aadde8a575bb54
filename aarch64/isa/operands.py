"""Operand kinds: how fields are written in assembly, and read back ("C1.2 Structure of the A64 assembler language").

Each kind formats as LLVM prints, and parses what people write. The names in `KINDS` are those used in templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask, signed
from aarch64.isa.syntax import Cursor, Fields, Kinds, Listed, Mismatch, OneField, Operand, Texts, WrongValue, operand
from aarch64.registers import CONDITION_NUMBERS, CONDITIONS, SP, parse_register, register_name, register_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def read_register(cursor: Cursor, *, sp: bool = False) -> tuple[int, int]:
    """(number, width) of the register at the cursor; Mismatch if there is none, or SP where ZR belongs."""
    start = cursor.position
    name = cursor.word()
    found = parse_register(name, sp=sp)
    if found is None:
        raise Mismatch(f"expected a register, found {name!r}" if name else "expected a register", start)
    return found


@operand
class Register(OneField, Listed):
    """A general-purpose register of fixed width (32 or 64); number 31 is SP when `sp`, else ZR."""

    width: int
    sp: bool = False

    @property
    def symbol(self) -> str:
        letter = "X" if self.width == 64 else "W"
        return _register_symbol(letter, self.field, register_name(SP, self.width, sp=True) if self.sp else "")

    @property
    def texts(self) -> Texts:
        return register_names(self.width, sp=self.sp)

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        number, width = read_register(cursor, sp=self.sp)
        if width != self.width:
            raise Mismatch(f"expected a {self.width}-bit register", start)
        return {self.field: number}


def _register_symbol(letter: str, field: str, alternative: str = "") -> str:
    """`<Xt2>` for X and rt2, `<Xn|SP>` where number 31 has another name than ZR."""
    return f"<{letter}{field[1:]}{f'|{alternative.upper()}' if alternative else ''}>"


@operand
class SizedRegister(Listed):
    """A register whose width a one-bit field says: `wide` is the value of `size_field` that means 64 bits."""

    field: str
    size_field: str = "sf"
    wide: int = 1
    sp: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.size_field)

    @property
    def symbol(self) -> str:
        return _register_symbol("R", self.field, "sp" if self.sp else "")

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.size_field, self.field)

    @property
    def texts(self) -> Texts:
        return tuple(register_names(64 if size == self.wide else 32, sp=self.sp) for size in (0, 1))

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        number, width = read_register(cursor, sp=self.sp)
        return {self.field: number, self.size_field: self.wide if width == 64 else 1 - self.wide}


@operand
class RepeatedRegister(Listed):
    """A register written once that is two operands: `field` and `copy`, as in `cinc x0, x1, eq`; its size is `sf`."""

    field: str
    copy: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.copy, "sf")

    @property
    def symbol(self) -> str:
        return _register_symbol("R", self.field)

    @property
    def keys(self) -> tuple[str, ...]:
        return ("sf", self.field)

    @property
    def texts(self) -> Texts:
        return register_names(32), register_names(64)

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        number, width = read_register(cursor)
        return {self.field: number, self.copy: number, "sf": int(width == 64)}


@operand
class RegisterPair:
    """An even-numbered register and the next one, both written (CASP)."""

    field: str
    size_field: str = "sf"

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, self.size_field)

    @property
    def symbol(self) -> str:
        return f"{_register_symbol('R', self.field)}, <R({self.field[1:]}+1)>"

    def format(self, fields: Fields, address: int | None) -> str:
        width = 64 if fields[self.size_field] else 32
        first = fields[self.field]
        return f"{register_name(first, width)}, {register_name(first + 1, width)}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        first, width = read_register(cursor)
        cursor.expect(",")
        start = cursor.position
        if read_register(cursor) != (first + 1, width) or first % 2:
            raise Mismatch("expected an even register and the one after it", start)
        return {self.field: first, self.size_field: int(width == 64)}


@operand
class Immediate(OneField):
    """`#imm`: `scale` times the field, in decimal or (`radix` 16) hexadecimal."""

    scale: int = 1
    radix: int = 10

    @property
    def symbol(self) -> str:
        return f"#<{self.field}>"

    def format(self, fields: Fields, address: int | None) -> str:
        value = fields[self.field] * self.scale
        return f"#{value:#x}" if self.radix == 16 and value else f"#{value}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        return {self.field: scaled(cursor.immediate(), self.scale, start)}


def scaled(value: int, scale: int, position: int) -> int:
    """`value / scale`; Mismatch when it does not divide."""
    if value % scale:
        raise WrongValue(f"{value} is not a multiple of {scale}", position)
    return value // scale


@operand
class Offset(OneField):
    """`, #imm` inside an address, left out when zero: a multiple of `scale` (bytes).

    `scale` may name the one-bit field that chooses between 4 and 8.
    """

    scale: int | str = 1

    @property
    def symbol(self) -> str:
        return f"{{, #<{self.field}>}}"

    def _scale(self, fields: Fields) -> int:
        return self.scale if isinstance(self.scale, int) else 4 << fields[self.scale]

    def format(self, fields: Fields, address: int | None) -> str:
        value = fields[self.field] * self._scale(fields)
        return f", #{value}" if value else ""

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        if not cursor.accept(","):
            return {self.field: 0}
        start = cursor.position
        return {self.field: scaled(cursor.immediate(), self._scale(known), start)}


@operand
class IndexOffset(Offset):
    """`#imm` of a pre- or post-indexed address: always written."""

    @property
    def symbol(self) -> str:
        return f"#<{self.field}>"

    def format(self, fields: Fields, address: int | None) -> str:
        return f"#{fields[self.field] * self._scale(fields)}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        return {self.field: scaled(cursor.immediate(), self._scale(known), start)}


@operand
class Label(OneField):
    """A PC-relative target in words: `#offset` when the address is not known, else the absolute address."""

    symbol = "<label>"

    def format(self, fields: Fields, address: int | None) -> str:
        return format_target(fields[self.field] * 4, address)

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        return {self.field: scaled(read_target(cursor, cursor.address), 4, start)}


def format_target(offset: int, base: int | None) -> str:
    """A PC-relative operand: the absolute address where the base is known, else `#offset`."""
    return f"#{offset}" if base is None else f"{(base + offset) & mask(64):#x}"


def read_target(cursor: Cursor, base: int) -> int:
    """The offset from `base` written at the cursor: `#offset` as it stands, a symbol or address made relative."""
    if cursor.accept("#"):
        return cursor.expression()
    return signed((cursor.expression() - base) & mask(64), 64)


@operand
class PageLabel:
    """ADR and ADRP targets, in units of `unit` bytes (1 or 4096), split over immhi and immlo."""

    unit: int = 1
    symbol = "<label>"

    @property
    def fields(self) -> tuple[str, ...]:
        return ("immhi", "immlo")

    def _base(self, address: int) -> int:
        return address & -self.unit

    def format(self, fields: Fields, address: int | None) -> str:
        offset = (fields["immhi"] * 4 + fields["immlo"]) * self.unit
        return format_target(offset, None if address is None else self._base(address))

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        is_offset = cursor.text[start:].lstrip().startswith("#")
        offset = read_target(cursor, self._base(cursor.address))
        units = scaled(offset, self.unit, start) if is_offset else offset // self.unit
        return {"immhi": units >> 2, "immlo": units & 3}


@operand
class Condition(OneField, Listed):
    """A condition name; `inverted` writes the opposite one (CSET, CINC ...), which AL and NV do not have."""

    inverted: bool = False

    @property
    def texts(self) -> Texts:
        return tuple(CONDITIONS[number ^ self.inverted] for number in range(len(CONDITIONS)))

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        name = cursor.word()
        if name not in CONDITION_NUMBERS:
            raise Mismatch(f"expected a condition, found {name!r}", start)
        return {self.field: CONDITION_NUMBERS[name] ^ self.inverted}

    def choices(self) -> Mapping[str, dict[str, int]]:
        return {name: {self.field: number ^ self.inverted} for name, number in CONDITION_NUMBERS.items()}


@operand
class Choice(OneField, Listed):
    """One of a few words standing for the values of one field, in the order given."""

    names: tuple[str, ...]

    @property
    def texts(self) -> Texts:
        return self.names

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        name = cursor.word()
        if name not in self.names:
            raise Mismatch(f"expected one of {', '.join(self.names)}", start)
        return {self.field: self.names.index(name)}

    def choices(self) -> Mapping[str, dict[str, int]]:
        return {name: {self.field: value} for value, name in enumerate(self.names)}


SHIFTS = ("lsl", "lsr", "asr", "ror")


@operand
class ShiftAmount:
    """`, lsl #n` after a register: `shift` and `imm6`, left out when it is LSL #0."""

    symbol = "{, <shift> #<amount>}"

    @property
    def fields(self) -> tuple[str, ...]:
        return ("shift", "imm6")

    def format(self, fields: Fields, address: int | None) -> str:
        shift, amount = fields["shift"], fields["imm6"]
        return f", {SHIFTS[shift]} #{amount}" if shift or amount else ""

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        if not cursor.accept(","):
            return {"shift": 0, "imm6": 0}
        start = cursor.position
        name = cursor.word()
        if name not in SHIFTS:
            raise Mismatch(f"expected one of {', '.join(SHIFTS)}", start)
        return {"shift": SHIFTS.index(name), "imm6": cursor.immediate()}


EXTENDS = ("uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx")


@operand
class ExtendedRegister:
    """`, w1, uxtw #2`: `rm` extended by `option` and shifted by `imm3`.

    UXTX (UXTW in 32 bits) is written LSL, and left out with a zero amount, where SP is an operand.
    """

    sp_fields: tuple[str, ...] = ("rd", "rn")
    symbol = "<Rm>{, <extend> {#<amount>}}"

    @property
    def fields(self) -> tuple[str, ...]:
        return ("rm", "option", "imm3")

    @staticmethod
    def _width(option: int, fields: Fields) -> int:
        return 64 if fields["sf"] and option & 3 == 3 else 32

    def _is_lsl(self, fields: Fields) -> bool:
        return fields["option"] == 2 + fields["sf"] and any(fields.get(name) == SP for name in self.sp_fields)

    def format(self, fields: Fields, address: int | None) -> str:
        option, amount = fields["option"], fields["imm3"]
        register = register_name(fields["rm"], self._width(option, fields))
        if self._is_lsl(fields):
            return f"{register}, lsl #{amount}" if amount else register
        return f"{register}, {EXTENDS[option]} #{amount}" if amount else f"{register}, {EXTENDS[option]}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        rm, width = read_register(cursor)
        if not cursor.accept(","):
            option, amount = 2 + known["sf"], 0
        else:
            name = cursor.word()
            if name not in (*EXTENDS, "lsl"):
                raise Mismatch(f"expected lsl or one of {', '.join(EXTENDS)}", start)
            option = 2 + known["sf"] if name == "lsl" else EXTENDS.index(name)
            amount = 0 if cursor.at_end else cursor.immediate()
        if width != self._width(option, known):
            raise WrongValue("this extension does not go with the register's size", start)
        return {"rm": rm, "option": option, "imm3": amount}


@operand
class Computed:
    """`#imm` that several fields express together: `show` reads it off them, `solve` finds them (None: cannot).

    `advice` says what to write for a value that cannot be encoded.
    """

    fields: tuple[str, ...]
    show: Callable[[Fields], int]
    solve: Callable[[int, Fields], dict[str, int] | None]
    radix: int = 10
    advice: str = ""

    @property
    def symbol(self) -> str:
        return "#<imm>" if self.fields else self.format({}, None)

    def format(self, fields: Fields, address: int | None) -> str:
        value = self.show(fields)
        return f"#{value:#x}" if self.radix == 16 and value else f"#{value}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        value = cursor.immediate()
        found = self.solve(value, known)
        if found is None:
            raise WrongValue(f"{value:#x} cannot be encoded here{self.advice and f': {self.advice}'}", start)
        return found


LOAD_IT = "load it with ldr <register>, =value"
"""What to do about a value that MOV cannot make."""


def bit_pattern(value: int, width: int) -> int | None:
    """The `width` bits (32 or 64) that are meant by a value, or by its inverse where it is negative; None: too many.

    A negative value may also be written as the 64 bits of its sign extension.
    """
    if mask(63) < value <= mask(64):
        value -= 1 << 64
    return value & mask(width) if -1 <= value >> width <= 0 else None


def width_of(fields: Fields) -> int:
    """The operation's width in bits, by the field `sf`."""
    return 64 if fields["sf"] else 32


def _register(width: int, *, sp: bool = False) -> Callable[[str], Operand]:
    return lambda field: Register(field, width, sp)


KINDS: Kinds = {
    "W": _register(32),
    "X": _register(64),
    "WSP": _register(32, sp=True),
    "XSP": _register(64, sp=True),
    "R": SizedRegister,
    "RSP": lambda field: SizedRegister(field, sp=True),
    "repeated": RepeatedRegister,
    "pair": RegisterPair,
    "imm": Immediate,
    "hex": lambda field: Immediate(field, radix=16),
    "scaled": lambda field, scale: Immediate(field, scale=scale),
    "offset": Offset,
    "index": IndexOffset,
    "label": Label,
    "page": PageLabel,
    "cond": Condition,
    "inverted_cond": lambda field: Condition(field, inverted=True),
    "shift_amount": ShiftAmount,
    "extended_rm": ExtendedRegister,
}
