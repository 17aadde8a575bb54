"""One source: bit and byte reversal, leading zeros and sign bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import count_leading_zeros, mask, replicate, reverse_bits, reverse_bytes, rotate_right
from aarch64.isa.definition import Group, alias

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Data processing (1 source)")
insn = GROUP.insn

PATTERN = "{sf} 10110101100000000 {opcode} rn:5 rd:5"


@insn("RBIT", PATTERN.format(sf="sf:1", opcode="0000"), asm="rbit {rd:R}, {rn:R}")
def rbit(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, reverse_bits(cpu.x(rn, width), width))


@insn("REV16", PATTERN.format(sf="sf:1", opcode="0001"), asm="rev16 {rd:R}, {rn:R}")
def rev16(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    value, low_bytes = cpu.x(rn, width), replicate(0xFF, 16, width)
    cpu.set_x(rd, ((value & low_bytes) << 8) | ((value >> 8) & low_bytes))


@insn("REV", PATTERN.format(sf="0", opcode="0010"), asm="rev {rd:W}, {rn:W}")
def rev_word(cpu: Cpu, rn: int, rd: int) -> None:
    cpu.set_x(rd, reverse_bytes(cpu.x(rn, 32), 4))


@insn("REV32", PATTERN.format(sf="1", opcode="0010"), asm="rev32 {rd:X}, {rn:X}")
def rev32(cpu: Cpu, rn: int, rd: int) -> None:
    cpu.set_x(rd, rotate_right(reverse_bytes(cpu.x(rn), 8), 32, 64))


@insn(
    "REV",
    PATTERN.format(sf="1", opcode="0011"),
    asm="rev {rd:X}, {rn:X}",
    aliases=(alias("rev64 {rd:X}, {rn:X}", preferred=False),),
)
def rev_doubleword(cpu: Cpu, rn: int, rd: int) -> None:
    cpu.set_x(rd, reverse_bytes(cpu.x(rn), 8))


@insn("CLZ", PATTERN.format(sf="sf:1", opcode="0100"), asm="clz {rd:R}, {rn:R}")
def clz(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, count_leading_zeros(cpu.x(rn, width), width))


@insn("CLS", PATTERN.format(sf="sf:1", opcode="0101"), asm="cls {rd:R}, {rn:R}")
def cls(cpu: Cpu, sf: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    value = cpu.x(rn, width)
    changes = (value >> 1) ^ (value & mask(width - 1))
    cpu.set_x(rd, count_leading_zeros(changes, width - 1))
