"""Logical operations: immediate (a repeated, rotated run of ones) and shifted register."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aarch64.bits import MASKS, Bits, signed
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import LOAD_IT, Computed, bit_pattern, width_of
from aarch64.pseudocode import (
    bit_masks_are_valid,
    decode_bit_masks,
    encode_bit_masks,
    logical_flags,
    move_wide_preferred,
)
from aarch64.registers import SP, ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields


def _show(fields: Fields) -> int:
    return decode_bit_masks(fields["n"], fields["imms"], fields["immr"], width_of(fields))


def _show_signed(fields: Fields) -> int:
    return signed(_show(fields), width_of(fields))


def _show_inverted(fields: Fields) -> int:
    return ~_show_signed(fields)


def _solve(value: int, known: Fields, *, inverted: bool = False) -> dict[str, int] | None:
    width = width_of(known)
    pattern = bit_pattern(value, width)
    if pattern is None:
        return None
    found = encode_bit_masks(pattern ^ MASKS[width] if inverted else pattern, width)
    return None if found is None else dict(zip(("n", "imms", "immr"), found, strict=True))


_FIELDS = ("n", "immr", "imms")
_USE_REGISTER = "put it into a register"

GROUP = Group(
    "Logical",
    {
        "bitmask": lambda: Computed(_FIELDS, _show, _solve, radix=16, advice=_USE_REGISTER),
        "signed_bitmask": lambda: Computed(_FIELDS, _show_signed, _solve, advice=LOAD_IT),
        "inverted_bitmask": lambda: Computed(
            _FIELDS, _show_inverted, partial(_solve, inverted=True), advice=_USE_REGISTER
        ),
    },
)
insn = GROUP.insn

IMMEDIATE = "sf:1 {opc} 100100 n:1 immr:6 imms:6 rn:5 rd:5"
SHIFTED = "sf:1 {opc} 01010 shift:2 {n} rm:5 imm6:6 rn:5 rd:5"
AND, ORR, EOR, ANDS = "00", "01", "10", "11"


def needs_bit_mask(sf: int, n: int, imms: int, immr: int) -> bool:
    """Whether the immediate is beyond a move wide, so that MOV of it means a logical operation."""
    width = 64 if sf else 32
    return not move_wide_preferred(decode_bit_masks(n, imms, immr, width), width)


def valid_shift(sf: int, imm6: int) -> bool:
    """Whether a shifted-register operand is allocated: an amount below the width."""
    return bool(sf or imm6 < 32)


def _write_with_flags(cpu: Cpu, rd: int, result: Bits, width: int) -> None:
    cpu.set_x(rd, result)
    cpu.set_flags(logical_flags(result, width))


# --- immediate


@insn(
    "AND (immediate)",
    IMMEDIATE.format(opc=AND),
    asm="and {rd:RSP}, {rn:R}, {bitmask}",
    valid=bit_masks_are_valid,
    aliases=(alias("bic {rd:RSP}, {rn:R}, {inverted_bitmask}", preferred=False),),
)
def and_immediate(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, cpu.x(rn, width) & decode_bit_masks(n, imms, immr, width))


@insn(
    "ANDS (immediate)",
    IMMEDIATE.format(opc=ANDS),
    asm="ands {rd:R}, {rn:R}, {bitmask}",
    valid=bit_masks_are_valid,
    aliases=(
        alias("tst {rn:R}, {bitmask}", rd=ZR),
        alias("bics {rd:R}, {rn:R}, {inverted_bitmask}", preferred=False),
    ),
)
def ands_immediate(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _write_with_flags(cpu, rd, cpu.x(rn, width) & decode_bit_masks(n, imms, immr, width), width)


@insn(
    "EOR (immediate)",
    IMMEDIATE.format(opc=EOR),
    asm="eor {rd:RSP}, {rn:R}, {bitmask}",
    valid=bit_masks_are_valid,
    aliases=(alias("eon {rd:RSP}, {rn:R}, {inverted_bitmask}", preferred=False),),
)
def eor_immediate(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, cpu.x(rn, width) ^ decode_bit_masks(n, imms, immr, width))


@insn(
    "ORR (immediate)",
    IMMEDIATE.format(opc=ORR),
    asm="orr {rd:RSP}, {rn:R}, {bitmask}",
    valid=bit_masks_are_valid,
    aliases=(
        alias("mov {rd:RSP}, {signed_bitmask}", when=needs_bit_mask, rn=ZR),
        alias("mov {rd:RSP}, {signed_bitmask}", when=lambda rd: rd == SP, preferred=False, rn=ZR),
        alias("orn {rd:RSP}, {rn:R}, {inverted_bitmask}", preferred=False),
    ),
)
def orr_immediate(cpu: Cpu, sf: int, n: int, immr: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, cpu.x(rn, width) | decode_bit_masks(n, imms, immr, width))


# --- shifted register


@insn(
    "AND (shifted register)",
    SHIFTED.format(opc=AND, n=0),
    asm="and {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def and_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, cpu.x(rn, width) & cpu.shifted_x(rm, shift, imm6, width))


@insn(
    "ANDS (shifted register)",
    SHIFTED.format(opc=ANDS, n=0),
    asm="ands {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(alias("tst {rn:R}, {rm:R}{shift_amount}", rd=ZR),),
)
def ands_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _write_with_flags(cpu, rd, cpu.x(rn, width) & cpu.shifted_x(rm, shift, imm6, width), width)


@insn(
    "BIC (shifted register)",
    SHIFTED.format(opc=AND, n=1),
    asm="bic {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def bic_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, cpu.x(rn, width) & ~cpu.shifted_x(rm, shift, imm6, width))


@insn(
    "BICS (shifted register)",
    SHIFTED.format(opc=ANDS, n=1),
    asm="bics {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def bics_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _write_with_flags(cpu, rd, cpu.x(rn, width) & ~cpu.shifted_x(rm, shift, imm6, width), width)


@insn(
    "EOR (shifted register)",
    SHIFTED.format(opc=EOR, n=0),
    asm="eor {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def eor_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, cpu.x(rn, width) ^ cpu.shifted_x(rm, shift, imm6, width))


@insn(
    "EON (shifted register)",
    SHIFTED.format(opc=EOR, n=1),
    asm="eon {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def eon_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    inverted = cpu.shifted_x(rm, shift, imm6, width) ^ MASKS[width]
    cpu.set_x(rd, cpu.x(rn, width) ^ inverted)


@insn(
    "ORR (shifted register)",
    SHIFTED.format(opc=ORR, n=0),
    asm="orr {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(alias("mov {rd:R}, {rm:R}", rn=ZR, shift=0, imm6=0),),
)
def orr_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, cpu.x(rn, width) | cpu.shifted_x(rm, shift, imm6, width))


@insn(
    "ORN (shifted register)",
    SHIFTED.format(opc=ORR, n=1),
    asm="orn {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(alias("mvn {rd:R}, {rm:R}{shift_amount}", rn=ZR),),
)
def orn_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    inverted = cpu.shifted_x(rm, shift, imm6, width) ^ MASKS[width]
    cpu.set_x(rd, cpu.x(rn, width) | inverted)
