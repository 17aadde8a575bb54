"""Multiply: multiply-add of one width, widening from 32 bits, and the high half of a 128-bit product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS, signed
from aarch64.isa.definition import Group, alias
from aarch64.registers import ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Multiply")
insn = GROUP.insn


@insn(
    "MADD",
    "sf:1 0011011000 rm:5 0 ra:5 rn:5 rd:5",
    asm="madd {rd:R}, {rn:R}, {rm:R}, {ra:R}",
    aliases=(alias("mul {rd:R}, {rn:R}, {rm:R}", ra=ZR),),
)
def madd(cpu: Cpu, sf: int, rm: int, ra: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, (cpu.x(ra, width) + cpu.x(rn, width) * cpu.x(rm, width)) & MASKS[width])


@insn(
    "MSUB",
    "sf:1 0011011000 rm:5 1 ra:5 rn:5 rd:5",
    asm="msub {rd:R}, {rn:R}, {rm:R}, {ra:R}",
    aliases=(alias("mneg {rd:R}, {rn:R}, {rm:R}", ra=ZR),),
)
def msub(cpu: Cpu, sf: int, rm: int, ra: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, (cpu.x(ra, width) - cpu.x(rn, width) * cpu.x(rm, width)) & MASKS[width])


@insn(
    "SMADDL",
    "10011011001 rm:5 0 ra:5 rn:5 rd:5",
    asm="smaddl {rd:X}, {rn:W}, {rm:W}, {ra:X}",
    aliases=(alias("smull {rd:X}, {rn:W}, {rm:W}", ra=ZR),),
)
def smaddl(cpu: Cpu, rm: int, ra: int, rn: int, rd: int) -> None:
    product = signed(cpu.x(rn, 32), 32) * signed(cpu.x(rm, 32), 32)
    cpu.set_x(rd, (cpu.x(ra) + product) & MASKS[64])


@insn(
    "SMSUBL",
    "10011011001 rm:5 1 ra:5 rn:5 rd:5",
    asm="smsubl {rd:X}, {rn:W}, {rm:W}, {ra:X}",
    aliases=(alias("smnegl {rd:X}, {rn:W}, {rm:W}", ra=ZR),),
)
def smsubl(cpu: Cpu, rm: int, ra: int, rn: int, rd: int) -> None:
    product = signed(cpu.x(rn, 32), 32) * signed(cpu.x(rm, 32), 32)
    cpu.set_x(rd, (cpu.x(ra) - product) & MASKS[64])


@insn(
    "UMADDL",
    "10011011101 rm:5 0 ra:5 rn:5 rd:5",
    asm="umaddl {rd:X}, {rn:W}, {rm:W}, {ra:X}",
    aliases=(alias("umull {rd:X}, {rn:W}, {rm:W}", ra=ZR),),
)
def umaddl(cpu: Cpu, rm: int, ra: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, (cpu.x(ra) + cpu.x(rn, 32) * cpu.x(rm, 32)) & MASKS[64])


@insn(
    "UMSUBL",
    "10011011101 rm:5 1 ra:5 rn:5 rd:5",
    asm="umsubl {rd:X}, {rn:W}, {rm:W}, {ra:X}",
    aliases=(alias("umnegl {rd:X}, {rn:W}, {rm:W}", ra=ZR),),
)
def umsubl(cpu: Cpu, rm: int, ra: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, (cpu.x(ra) - cpu.x(rn, 32) * cpu.x(rm, 32)) & MASKS[64])


@insn("SMULH", "10011011010 rm:5 0 (11111) rn:5 rd:5", asm="smulh {rd:X}, {rn:X}, {rm:X}")
def smulh(cpu: Cpu, rm: int, rn: int, rd: int) -> None:
    product = signed(cpu.x(rn), 64) * signed(cpu.x(rm), 64)
    cpu.set_x(rd, (product >> 64) & MASKS[64])


@insn("UMULH", "10011011110 rm:5 0 (11111) rn:5 rd:5", asm="umulh {rd:X}, {rn:X}, {rm:X}")
def umulh(cpu: Cpu, rm: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, (cpu.x(rn) * cpu.x(rm)) >> 64)
