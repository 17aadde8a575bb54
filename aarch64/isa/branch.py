"""Branches: unconditional, conditional, compare or test and branch, and to an address in a register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS, Bits, select
from aarch64.features import Feature
from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.operands import read_register
from aarch64.isa.syntax import Cursor, WrongValue, operand
from aarch64.pstate import BranchType
from aarch64.registers import LINK_REGISTER, register_name

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields


@operand
class TestedBit:
    """`w1, #3`: a register and the number of one of its bits, `b5:b40`; written W where the bit allows it."""

    fields = ("rt", "b5", "b40")
    symbol = "<Rt>, #<bit>"

    def format(self, fields: Fields, address: int | None) -> str:
        bit = fields["b5"] << 5 | fields["b40"]
        return f"{register_name(fields['rt'], 64 if fields['b5'] else 32)}, #{bit}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        number, width = read_register(cursor)
        cursor.expect(",")
        cursor.skip_space()
        start = cursor.position
        bit = cursor.immediate()
        if not 0 <= bit < width:
            raise WrongValue(f"a {width}-bit register has no bit {bit}", start)
        return {"rt": number, "b5": bit >> 5, "b40": bit & 31}


GROUP = Group("Branches", {"tested_bit": TestedBit})
insn = GROUP.insn

DIRECT = Trait.BRANCHES | Trait.PC_RELATIVE
CONDITIONAL = DIRECT | Trait.CONDITIONAL

_OFFSETS = ("imm26", "imm19", "imm14")


def direct_target(fields: Fields, address: int) -> int | None:
    """Where the branch with these fields, at `address`, leads to; None if that is in a register."""
    offset = next((fields[name] for name in _OFFSETS if name in fields), None)
    return None if offset is None else (address + offset * 4) & MASKS[64]


def relative(cpu: Cpu, words: int) -> Bits:
    """The address `words` instructions from this one."""
    return (cpu.pc + words * 4) & MASKS[64]


def branch_if(cpu: Cpu, condition: Bits, words: int) -> None:
    """Branch by `words` instructions where the condition holds."""
    cpu.branch(select(condition, relative(cpu, words), cpu.next_pc))


def set_link(cpu: Cpu) -> None:
    """The address of the next instruction to X30."""
    cpu.set_x(LINK_REGISTER, cpu.next_pc)


# --- immediate


@insn("B", "000101 imm26:s26", asm="b {imm26:label}", traits=DIRECT)
def b(cpu: Cpu, imm26: int) -> None:
    cpu.branch(relative(cpu, imm26))


@insn("BL", "100101 imm26:s26", asm="bl {imm26:label}", traits=DIRECT | Trait.CALLS)
def bl(cpu: Cpu, imm26: int) -> None:
    set_link(cpu)
    cpu.branch(relative(cpu, imm26))


@insn(
    "B.cond",
    "01010100 imm19:s19 0 cond:4",
    asm="b.{cond:cond} {imm19:label}",
    aliases=(alias("b{cond:cond} {imm19:label}", preferred=False),),
    traits=CONDITIONAL,
)
@insn(
    "BC.cond",
    "01010100 imm19:s19 1 cond:4",
    asm="bc.{cond:cond} {imm19:label}",
    feature=Feature.HBC,
    traits=CONDITIONAL,
)
def b_cond(cpu: Cpu, imm19: int, cond: int) -> None:
    branch_if(cpu, cpu.holds(cond), imm19)


# --- compare, test


@insn("CBZ", "sf:1 0110100 imm19:s19 rt:5", asm="cbz {rt:R}, {imm19:label}", traits=CONDITIONAL)
def cbz(cpu: Cpu, sf: int, imm19: int, rt: int) -> None:
    branch_if(cpu, cpu.x(rt, 64 if sf else 32) == 0, imm19)


@insn("CBNZ", "sf:1 0110101 imm19:s19 rt:5", asm="cbnz {rt:R}, {imm19:label}", traits=CONDITIONAL)
def cbnz(cpu: Cpu, sf: int, imm19: int, rt: int) -> None:
    branch_if(cpu, cpu.x(rt, 64 if sf else 32) != 0, imm19)


@insn("TBZ", "b5:1 0110110 b40:5 imm14:s14 rt:5", asm="tbz {tested_bit}, {imm14:label}", traits=CONDITIONAL)
def tbz(cpu: Cpu, b5: int, b40: int, imm14: int, rt: int) -> None:
    branch_if(cpu, cpu.x(rt) >> (b5 << 5 | b40) & 1 ^ 1, imm14)


@insn("TBNZ", "b5:1 0110111 b40:5 imm14:s14 rt:5", asm="tbnz {tested_bit}, {imm14:label}", traits=CONDITIONAL)
def tbnz(cpu: Cpu, b5: int, b40: int, imm14: int, rt: int) -> None:
    branch_if(cpu, cpu.x(rt) >> (b5 << 5 | b40) & 1, imm14)


# --- register


@insn("BR", "1101011 0000 11111 000000 rn:5 00000", asm="br {rn:X}", traits=Trait.BRANCHES)
def br(cpu: Cpu, rn: int) -> None:
    cpu.jump(cpu.x(rn), rn)


@insn("BLR", "1101011 0001 11111 000000 rn:5 00000", asm="blr {rn:X}", traits=Trait.BRANCHES | Trait.CALLS)
def blr(cpu: Cpu, rn: int) -> None:
    target = cpu.x(rn)
    set_link(cpu)
    cpu.branch_indirect(target, BranchType.CALL)


@insn(
    "RET",
    "1101011 0010 11111 000000 rn:5 00000",
    asm="ret {rn:X}",
    aliases=(alias("ret", rn=LINK_REGISTER),),
    traits=Trait.BRANCHES,
)
def ret(cpu: Cpu, rn: int) -> None:
    cpu.branch_indirect(cpu.x(rn), BranchType.NOT_INDIRECT)
