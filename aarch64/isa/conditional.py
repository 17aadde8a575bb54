"""Conditional select, and conditional compare, which sets the flags to an immediate where its condition fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS, Bits, select
from aarch64.isa.definition import Group, alias
from aarch64.pseudocode import add_with_carry, carry_select
from aarch64.registers import ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Conditional select and compare")
insn = GROUP.insn

SELECT = "sf:1 {op} 011010100 rm:5 cond:4 0 {o2} rn:5 rd:5"
COMPARE_REGISTER = "sf:1 {op} 111010010 rm:5 cond:4 00 rn:5 0 nzcv:4"
COMPARE_IMMEDIATE = "sf:1 {op} 111010010 imm5:5 cond:4 10 rn:5 0 nzcv:4"


def can_invert(cond: int) -> bool:
    """Whether the condition has an opposite: AL and NV, both always true, do not."""
    return cond < 14


def is_same_register(rn: int, rm: int, cond: int) -> bool:
    """Whether the select is between a register and what the instruction makes of it."""
    return rn == rm and can_invert(cond)


# --- select


@insn("CSEL", SELECT.format(op=0, o2=0), asm="csel {rd:R}, {rn:R}, {rm:R}, {cond:cond}")
def csel(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, select(cpu.holds(cond), cpu.x(rn, width), cpu.x(rm, width)))


@insn(
    "CSINC",
    SELECT.format(op=0, o2=1),
    asm="csinc {rd:R}, {rn:R}, {rm:R}, {cond:cond}",
    aliases=(
        alias("cset {rd:R}, {cond:inverted_cond}", when=can_invert, rn=ZR, rm=ZR),
        alias("cinc {rd:R}, {rn:repeated(rm)}, {cond:inverted_cond}", when=is_same_register),
    ),
)
def csinc(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, select(cpu.holds(cond), cpu.x(rn, width), (cpu.x(rm, width) + 1) & MASKS[width]))


@insn(
    "CSINV",
    SELECT.format(op=1, o2=0),
    asm="csinv {rd:R}, {rn:R}, {rm:R}, {cond:cond}",
    aliases=(
        alias("csetm {rd:R}, {cond:inverted_cond}", when=can_invert, rn=ZR, rm=ZR),
        alias("cinv {rd:R}, {rn:repeated(rm)}, {cond:inverted_cond}", when=is_same_register),
    ),
)
def csinv(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, select(cpu.holds(cond), cpu.x(rn, width), cpu.x(rm, width) ^ MASKS[width]))


@insn(
    "CSNEG",
    SELECT.format(op=1, o2=1),
    asm="csneg {rd:R}, {rn:R}, {rm:R}, {cond:cond}",
    aliases=(alias("cneg {rd:R}, {rn:repeated(rm)}, {cond:inverted_cond}", when=is_same_register),),
)
def csneg(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, select(cpu.holds(cond), cpu.x(rn, width), -cpu.x(rm, width) & MASKS[width]))


# --- compare


def _compare(cpu: Cpu, cond: int, x: Bits, y: Bits, carry: int, nzcv: int, width: int) -> None:
    _, compared = add_with_carry(x, y, carry, width)
    given = nzcv >> 3, (nzcv >> 2) & 1, (nzcv >> 1) & 1, nzcv & 1
    cpu.set_flags(carry_select(cpu.holds(cond), compared, given))


@insn(
    "CCMN (immediate)",
    COMPARE_IMMEDIATE.format(op=0),
    asm="ccmn {rn:R}, {imm5:imm}, {nzcv:imm}, {cond:cond}",
)
def ccmn_immediate(cpu: Cpu, sf: int, imm5: int, cond: int, rn: int, nzcv: int) -> None:
    width = 64 if sf else 32
    _compare(cpu, cond, cpu.x(rn, width), imm5, 0, nzcv, width)


@insn(
    "CCMN (register)",
    COMPARE_REGISTER.format(op=0),
    asm="ccmn {rn:R}, {rm:R}, {nzcv:imm}, {cond:cond}",
)
def ccmn_register(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, nzcv: int) -> None:
    width = 64 if sf else 32
    _compare(cpu, cond, cpu.x(rn, width), cpu.x(rm, width), 0, nzcv, width)


@insn(
    "CCMP (immediate)",
    COMPARE_IMMEDIATE.format(op=1),
    asm="ccmp {rn:R}, {imm5:imm}, {nzcv:imm}, {cond:cond}",
)
def ccmp_immediate(cpu: Cpu, sf: int, imm5: int, cond: int, rn: int, nzcv: int) -> None:
    width = 64 if sf else 32
    _compare(cpu, cond, cpu.x(rn, width), imm5 ^ MASKS[width], 1, nzcv, width)


@insn(
    "CCMP (register)",
    COMPARE_REGISTER.format(op=1),
    asm="ccmp {rn:R}, {rm:R}, {nzcv:imm}, {cond:cond}",
)
def ccmp_register(cpu: Cpu, sf: int, rm: int, cond: int, rn: int, nzcv: int) -> None:
    width = 64 if sf else 32
    _compare(cpu, cond, cpu.x(rn, width), cpu.x(rm, width) ^ MASKS[width], 1, nzcv, width)
