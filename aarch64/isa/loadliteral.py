"""Load register (literal): a word or doubleword beside the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import sign_extend
from aarch64.isa.addressing import ADDRESS_MASK
from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load register (literal)")
insn = GROUP.insn


@insn(
    "LDR (literal)",
    "0 sf:1 011000 imm19:s19 rt:5",
    asm="ldr {rt:R}, {imm19:label}",
    traits=Trait.LOADS | Trait.PC_RELATIVE,
)
def ldr_literal(cpu: Cpu, sf: int, imm19: int, rt: int) -> None:
    cpu.set_x(rt, cpu.load((cpu.pc + imm19 * 4) & ADDRESS_MASK, 8 if sf else 4))


@insn(
    "LDRSW (literal)",
    "10 011000 imm19:s19 rt:5",
    asm="ldrsw {rt:X}, {imm19:label}",
    traits=Trait.LOADS | Trait.PC_RELATIVE,
)
def ldrsw_literal(cpu: Cpu, imm19: int, rt: int) -> None:
    cpu.set_x(rt, sign_extend(cpu.load((cpu.pc + imm19 * 4) & ADDRESS_MASK, 4), 32))
