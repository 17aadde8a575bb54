"""Add and subtract: immediate, shifted register, extended register, with carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import Bits, mask
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import Computed
from aarch64.pseudocode import ROR, add_with_carry, extend_value, shift_value
from aarch64.isa.syntax import Cursor, Mismatch
from aarch64.registers import SP, ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields


def _join_immediate(fields: Fields) -> int:
    return fields["imm12"] << 12 * fields["sh"]


def _split_immediate(value: int, _known: Fields) -> dict[str, int] | None:
    if 0 <= value < 1 << 12:
        return {"imm12": value, "sh": 0}
    if 0 <= value < 1 << 24 and not value & 0xFFF:
        return {"imm12": value >> 12, "sh": 1}
    return None


def _split_negated(value: int, known: Fields) -> dict[str, int] | None:
    return _split_immediate(-value, known) if value < 0 else None


@attrs.frozen
class ShiftedImmediate:
    """`#imm12`, optionally `, lsl #12`; a value that fits only shifted may be written in full."""

    fields = ("imm12", "sh")

    def format(self, fields: Fields, address: int | None) -> str:  # noqa: ARG002
        return f"#{fields['imm12']}" + (", lsl #12" if fields["sh"] else "")

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        value = cursor.immediate()
        if not cursor.accept(","):
            found = _split_immediate(value, known)
            if found is None:
                raise Mismatch(f"{value:#x} is not a 12-bit value, plain or shifted by 12", start)
            return found
        cursor.expect("lsl")
        amount = cursor.immediate()
        if amount not in (0, 12):
            raise cursor.fail("the shift is 0 or 12")
        return {"imm12": value, "sh": amount // 12}


GROUP = Group(
    "Add and subtract",
    {
        "shifted_imm": ShiftedImmediate,
        "negated_imm": lambda: Computed(("imm12", "sh"), lambda fields: -_join_immediate(fields), _split_negated),
    },
)
insn = GROUP.insn

IMMEDIATE = "sf:1 {op} 100010 sh:1 imm12:12 rn:5 rd:5"
SHIFTED = "sf:1 {op} 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5"
EXTENDED = "sf:1 {op} 01011001 rm:5 option:3 imm3:3 rn:5 rd:5"
WITH_CARRY = "sf:1 {op} 11010000 rm:5 000000 rn:5 rd:5"
ADD, ADDS, SUB, SUBS = "00", "01", "10", "11"


def valid_shift(sf: int, shift: int, imm6: int) -> bool:
    """Whether a shifted-register operand of an addition is allocated: no ROR, an amount below the width."""
    return shift != ROR and bool(sf or imm6 < 32)


# --- immediate


@insn(
    "ADD (immediate)",
    IMMEDIATE.format(op=ADD),
    asm="add {rd:RSP}, {rn:RSP}, {shifted_imm}",
    aliases=(
        alias("mov {rd:RSP}, {rn:RSP}", when=lambda rd, rn: SP in (rd, rn), sh=0, imm12=0),
        alias("sub {rd:RSP}, {rn:RSP}, {negated_imm}", preferred=False),
    ),
)
def add_immediate(cpu: Cpu, sf: int, sh: int, imm12: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, (cpu.xsp(rn, width) + (imm12 << 12 * sh)) & mask(width))
