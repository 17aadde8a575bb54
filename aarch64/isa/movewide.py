"""Move wide: a 16-bit immediate into one quarter of a register, the rest zeros (MOVZ), ones (MOVN) or kept (MOVK)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aarch64.bits import mask, signed
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import LOAD_IT, Computed, bit_pattern, scaled, width_of
from aarch64.isa.syntax import operand
from aarch64.pseudocode import lone_halfword

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Cursor, Fields


@operand
class HalfwordShift:
    """`, lsl #n` after the immediate: `hw` halfwords of 16 bits, left out when zero."""

    fields = ("hw",)
    symbol = "{, lsl #<shift>}"

    def format(self, fields: Fields, address: int | None) -> str:
        """The shift in bits, if there is one."""
        return f", lsl #{fields['hw'] * 16}" if fields["hw"] else ""

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        """The shift at the cursor, 0 if there is none; Mismatch if it is not a multiple of 16."""
        if not cursor.accept(","):
            return {"hw": 0}
        cursor.expect("lsl")
        start = cursor.position
        return {"hw": scaled(cursor.immediate(), 16, start)}


def _show(fields: Fields) -> int:
    return signed(fields["imm16"] << 16 * fields["hw"], width_of(fields))


def _solve(value: int, known: Fields, *, inverted: bool = False) -> dict[str, int] | None:
    width = width_of(known)
    pattern = bit_pattern(value, width)
    if pattern is None:
        return None
    if inverted:
        pattern ^= mask(width)
    hw = lone_halfword(pattern, width)
    return None if hw is None else {"imm16": pattern >> 16 * hw, "hw": hw}


def _show_inverted(fields: Fields) -> int:
    return ~_show(fields)


GROUP = Group(
    "Move wide",
    {
        "halfword_shift": HalfwordShift,
        "wide_imm": lambda: Computed(("imm16", "hw"), _show, _solve, advice=LOAD_IT),
        "inverted_wide_imm": lambda: Computed(
            ("imm16", "hw"), _show_inverted, partial(_solve, inverted=True), advice=LOAD_IT
        ),
    },
)
insn = GROUP.insn

PATTERN = "sf:1 {opc} 100101 hw:2 imm16:16 rd:5"


def valid_halfword(sf: int, hw: int) -> bool:
    """Whether the halfword lies within the register."""
    return bool(sf or hw < 2)


@insn(
    "MOVN",
    PATTERN.format(opc="00"),
    asm="movn {rd:R}, {imm16:imm}{halfword_shift}",
    valid=valid_halfword,
    aliases=(
        alias(
            "mov {rd:R}, {inverted_wide_imm}",
            when=lambda sf, imm16, hw: (imm16 or not hw) and (sf or imm16 != 0xFFFF),
        ),
    ),
)
def movn(cpu: Cpu, sf: int, hw: int, imm16: int, rd: int) -> None:
    cpu.set_x(rd, (imm16 << 16 * hw) ^ mask(64 if sf else 32))


@insn(
    "MOVZ",
    PATTERN.format(opc="10"),
    asm="movz {rd:R}, {imm16:imm}{halfword_shift}",
    valid=valid_halfword,
    aliases=(alias("mov {rd:R}, {wide_imm}", when=lambda imm16, hw: imm16 or not hw),),
)
def movz(cpu: Cpu, sf: int, hw: int, imm16: int, rd: int) -> None:
    cpu.set_x(rd, imm16 << 16 * hw)


@insn(
    "MOVK",
    PATTERN.format(opc="11"),
    asm="movk {rd:R}, {imm16:imm}{halfword_shift}",
    valid=valid_halfword,
)
def movk(cpu: Cpu, sf: int, hw: int, imm16: int, rd: int) -> None:
    kept = cpu.x(rd, 64 if sf else 32) & ~(0xFFFF << 16 * hw)
    cpu.set_x(rd, kept | (imm16 << 16 * hw))
