"""Bitfield moves: a field of one register into another, zero-extended, sign-extended, or into the bits around it.

The encoding rotates right by `immr` and takes bits up to `imms`, which says one of two things: take bits `immr` to
`imms` to the bottom (extract, `imms >= immr`), or put the low `imms + 1` bits at `width - immr` (insert).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS, sign_extend
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import Computed, width_of
from aarch64.isa.syntax import Cursor, Fields, WrongValue, operand
from aarch64.registers import ZR

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu

_FIELDS = ("n", "immr", "imms")


def _encoding(known: Fields, immr: int, imms: int) -> dict[str, int]:
    return {"n": known["sf"], "immr": immr, "imms": imms}


@operand
class FieldOperand:
    """`#first, #second` standing for immr and imms.

    `show` gives the two numbers for (immr, imms, width), `solve` finds (immr, imms) for (first, second, width).
    """

    show: Callable[[int, int, int], tuple[int, int]]
    solve: Callable[[int, int, int], tuple[int, int]]
    fields: tuple[str, ...] = _FIELDS
    first: str = "lsb"
    second: str = "width"

    @property
    def symbol(self) -> str:
        return f"#<{self.first}>, #<{self.second}>"

    def format(self, fields: Fields, address: int | None) -> str:
        """The two numbers."""
        first, second = self.show(fields["immr"], fields["imms"], width_of(fields))
        return f"#{first}, #{second}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        """The fields for the numbers at the cursor; WrongValue if they do not describe a field of the register."""
        start = cursor.position
        first = cursor.immediate()
        cursor.expect(",")
        second = cursor.immediate()
        width = width_of(known)
        immr, imms = self.solve(first, second, width)
        if not (0 <= first < width and 0 <= immr < width and 0 <= imms < width) or self.show(immr, imms, width) != (
            first,
            second,
        ):
            raise WrongValue(f"no such field in {width} bits", start)
        return _encoding(known, immr, imms)


def _raw() -> FieldOperand:
    """`#immr, #imms`."""
    return FieldOperand(
        lambda immr, imms, _width: (immr, imms),
        lambda immr, imms, _width: (immr, imms),
        first="immr",
        second="imms",
    )


def _extracted() -> FieldOperand:
    """`#lsb, #width` of the field in the source."""
    return FieldOperand(
        lambda immr, imms, _width: (immr, imms - immr + 1),
        lambda lsb, length, _width: (lsb, lsb + length - 1),
    )


def _inserted() -> FieldOperand:
    """`#lsb, #width` of the field in the destination."""
    return FieldOperand(
        lambda immr, imms, width: (-immr % width, imms + 1),
        lambda lsb, length, width: (-lsb % width, length - 1),
    )


def _shift_left() -> Computed:
    """`#n` of LSL."""

    def solve(amount: int, known: Fields) -> dict[str, int] | None:
        width = width_of(known)
        return _encoding(known, -amount % width, width - 1 - amount) if 0 <= amount < width else None

    return Computed(_FIELDS, lambda fields: width_of(fields) - 1 - fields["imms"], solve)


def _shift_right() -> Computed:
    """`#n` of LSR and ASR."""

    def solve(amount: int, known: Fields) -> dict[str, int] | None:
        width = width_of(known)
        return _encoding(known, amount, width - 1) if 0 <= amount < width else None

    return Computed(_FIELDS, lambda fields: fields["immr"], solve)


GROUP = Group(
    "Bitfield move",
    {
        "raw_field": _raw,
        "extracted_field": _extracted,
        "inserted_field": _inserted,
        "left_amount": _shift_left,
        "right_amount": _shift_right,
    },
)
insn = GROUP.insn

PATTERN = "sf:1 {opc} 100110 n:1 immr:6 imms:6 rn:5 rd:5"


def valid_field(sf: int, n: int, immr: int, imms: int) -> bool:
    """Whether a bitfield move is allocated: N equals sf, both positions are within the register."""
    return n == sf and bool(sf or (immr < 32 and imms < 32))


def is_extract(immr: int, imms: int) -> bool:
    """Whether the move takes a field to the bottom of the destination."""
    return imms >= immr


def is_insert(immr: int, imms: int) -> bool:
    """Whether the move can be said to place the low bits of the source."""
    return imms < immr or immr == 0


def is_left_shift(sf: int, immr: int, imms: int) -> bool:
    """Whether the move keeps all bits that a left shift keeps."""
    return (imms + 1) % (64 if sf else 32) == immr


def is_right_shift(sf: int, imms: int) -> bool:
    """Whether the move takes all bits from the lowest one on."""
    return imms == (63 if sf else 31)


def _moved(immr: int, imms: int, width: int) -> tuple[int, int, int]:
    """(lowest bit of the field in the source, its lowest bit in the destination, its length)."""
    if imms >= immr:
        return immr, 0, imms - immr + 1
    return 0, width - immr, imms + 1


@insn(
    "SBFM",
    PATTERN.format(opc="00"),
    asm="sbfm {rd:R}, {rn:R}, {raw_field}",
    valid=valid_field,
    aliases=(
        alias("sxtb {rd:W}, {rn:W}", sf=0, n=0, immr=0, imms=7),
        alias("sxtb {rd:X}, {rn:W}", sf=1, n=1, immr=0, imms=7),
        alias("sxth {rd:W}, {rn:W}", sf=0, n=0, immr=0, imms=15),
        alias("sxth {rd:X}, {rn:W}", sf=1, n=1, immr=0, imms=15),
        alias("sxtw {rd:X}, {rn:W}", sf=1, n=1, immr=0, imms=31),
        alias("asr {rd:R}, {rn:R}, {right_amount}", when=is_right_shift),
        alias("sbfx {rd:R}, {rn:R}, {extracted_field}", when=is_extract),
        alias("sbfiz {rd:R}, {rn:R}, {inserted_field}", when=is_insert),
    ),
)
def sbfm(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    source, target, length = _moved(immr, imms, width)
    field = sign_extend(cpu.x(rn, width) >> source, length, width)
    cpu.set_x(rd, (field << target) & MASKS[width])


@insn(
    "BFM",
    PATTERN.format(opc="01"),
    asm="bfm {rd:R}, {rn:R}, {raw_field}",
    valid=valid_field,
    aliases=(
        alias("bfc {rd:R}, {inserted_field}", when=is_insert, rn=ZR),
        alias("bfxil {rd:R}, {rn:R}, {extracted_field}", when=is_extract),
        alias("bfi {rd:R}, {rn:R}, {inserted_field}", when=is_insert),
    ),
)
def bfm(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    source, target, length = _moved(immr, imms, width)
    field = (cpu.x(rn, width) >> source) & MASKS[length]
    cpu.set_x(rd, (cpu.x(rd, width) & ~(MASKS[length] << target)) | (field << target))


@insn(
    "UBFM",
    PATTERN.format(opc="10"),
    asm="ubfm {rd:R}, {rn:R}, {raw_field}",
    valid=valid_field,
    aliases=(
        alias("uxtb {rd:W}, {rn:W}", sf=0, n=0, immr=0, imms=7),
        alias("uxth {rd:W}, {rn:W}", sf=0, n=0, immr=0, imms=15),
        alias("lsr {rd:R}, {rn:R}, {right_amount}", when=is_right_shift),
        alias("lsl {rd:R}, {rn:R}, {left_amount}", when=is_left_shift),
        alias("ubfx {rd:R}, {rn:R}, {extracted_field}", when=is_extract),
        alias("ubfiz {rd:R}, {rn:R}, {inserted_field}", when=is_insert),
        alias("uxtb {rd:X}, {rn:W}", preferred=False, sf=0, n=0, immr=0, imms=7),
        alias("uxth {rd:X}, {rn:W}", preferred=False, sf=0, n=0, immr=0, imms=15),
        alias("uxtw {rd:X}, {rn:W}", preferred=False, sf=1, n=1, immr=0, imms=31),
    ),
)
def ubfm(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    source, target, length = _moved(immr, imms, width)
    cpu.set_x(rd, ((cpu.x(rn, width) >> source) & MASKS[length]) << target)
