"""Common short sequence compression: absolute value, counts of bits, minima and maxima."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import Bits, count_ones, count_trailing_zeros, mask, select, signed
from aarch64.features import Feature
from aarch64.isa.definition import Group

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Common short sequence compression")
insn = GROUP.insn

ONE_SOURCE = "sf:1 10110101100000000 {opcode} rn:5 rd:5"
REGISTER = "sf:1 0011010110 rm:5 0110 {op} rn:5 rd:5"
IMMEDIATE = "sf:1 00100011100 {op} imm8:{sign}8 rn:5 rd:5"
SMAX, UMAX, SMIN, UMIN = "00", "01", "10", "11"


@insn("ABS", ONE_SOURCE.format(opcode="1000"), asm="abs {rd:R}, {rn:R}", feature=Feature.CSSC)
def abs_(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    value = cpu.x(rn, width)
    cpu.set_x(rd, select(value >> (width - 1), -value & mask(width), value))


@insn("CNT", ONE_SOURCE.format(opcode="0111"), asm="cnt {rd:R}, {rn:R}", feature=Feature.CSSC)
def cnt(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, count_ones(cpu.x(rn, 64 if sf else 32)))


@insn("CTZ", ONE_SOURCE.format(opcode="0110"), asm="ctz {rd:R}, {rn:R}", feature=Feature.CSSC)
def ctz(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, count_trailing_zeros(cpu.x(rn, width), width))


# --- minima and maxima


def smax(x: Bits, y: Bits, width: int) -> Bits:
    """The greater of two `width`-bit signed values."""
    return select(signed(x, width) >= signed(y, width), x, y)


def smin(x: Bits, y: Bits, width: int) -> Bits:
    """The lesser of two `width`-bit signed values."""
    return select(signed(x, width) <= signed(y, width), x, y)


def umax(x: Bits, y: Bits) -> Bits:
    """The greater of two unsigned values."""
    return select(x >= y, x, y)


def umin(x: Bits, y: Bits) -> Bits:
    """The lesser of two unsigned values."""
    return select(x <= y, x, y)


@insn(
    "SMAX (register)",
    REGISTER.format(op=SMAX),
    asm="smax {rd:R}, {rn:R}, {rm:R}",
    feature=Feature.CSSC,
)
def smax_register(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, smax(cpu.x(rn, width), cpu.x(rm, width), width))


@insn(
    "SMAX (immediate)",
    IMMEDIATE.format(op=SMAX, sign="s"),
    asm="smax {rd:R}, {rn:R}, {imm8:imm}",
    feature=Feature.CSSC,
)
def smax_immediate(cpu: Cpu, sf: int, imm8: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, smax(cpu.x(rn, width), imm8 & mask(width), width))


@insn(
    "SMIN (register)",
    REGISTER.format(op=SMIN),
    asm="smin {rd:R}, {rn:R}, {rm:R}",
    feature=Feature.CSSC,
)
def smin_register(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, smin(cpu.x(rn, width), cpu.x(rm, width), width))


@insn(
    "SMIN (immediate)",
    IMMEDIATE.format(op=SMIN, sign="s"),
    asm="smin {rd:R}, {rn:R}, {imm8:imm}",
    feature=Feature.CSSC,
)
def smin_immediate(cpu: Cpu, sf: int, imm8: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, smin(cpu.x(rn, width), imm8 & mask(width), width))


@insn(
    "UMAX (register)",
    REGISTER.format(op=UMAX),
    asm="umax {rd:R}, {rn:R}, {rm:R}",
    feature=Feature.CSSC,
)
def umax_register(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, umax(cpu.x(rn, width), cpu.x(rm, width)))


@insn(
    "UMAX (immediate)",
    IMMEDIATE.format(op=UMAX, sign=""),
    asm="umax {rd:R}, {rn:R}, {imm8:imm}",
    feature=Feature.CSSC,
)
def umax_immediate(cpu: Cpu, sf: int, imm8: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, umax(cpu.x(rn, 64 if sf else 32), imm8))


@insn(
    "UMIN (register)",
    REGISTER.format(op=UMIN),
    asm="umin {rd:R}, {rn:R}, {rm:R}",
    feature=Feature.CSSC,
)
def umin_register(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, umin(cpu.x(rn, width), cpu.x(rm, width)))


@insn(
    "UMIN (immediate)",
    IMMEDIATE.format(op=UMIN, sign=""),
    asm="umin {rd:R}, {rn:R}, {imm8:imm}",
    feature=Feature.CSSC,
)
def umin_immediate(cpu: Cpu, sf: int, imm8: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, umin(cpu.x(rn, 64 if sf else 32), imm8))
