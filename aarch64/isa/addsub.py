"""Add and subtract: immediate, shifted register, extended register, with carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS, Bits
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import ExtendedRegister
from aarch64.isa.syntax import Cursor, Fields, WrongValue, operand
from aarch64.pseudocode import ROR, add_with_carry, extend_value
from aarch64.registers import SP, ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu


@operand
class ShiftedImmediate:
    """`#imm12`, optionally `, lsl #12`; a value that fits only shifted may be written in full.

    With `sign` -1 it is the negation that is written: subtracting -4 adds 4.
    """

    sign: int = 1
    fields: tuple[str, ...] = ("imm12", "sh")
    symbol = "#<imm>{, lsl #12}"

    def format(self, fields: Fields, address: int | None) -> str:
        """The twelve bits, signed, and the shift if there is one."""
        return f"#{self.sign * fields['imm12']}" + (", lsl #12" if fields["sh"] else "")

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        """The value at the cursor, split; WrongValue if it is not twelve bits, plain or shifted."""
        start = cursor.position
        written = cursor.immediate()
        value, shift = self.sign * written, 0
        if cursor.accept(","):
            cursor.expect("lsl")
            shift = cursor.immediate()
        elif value and not value & 0xFFF:
            value, shift = value >> 12, 12
        if not 0 <= value < 1 << 12 or shift not in {0, 12}:
            raise WrongValue(f"{written:#x} is not a 12-bit value, plain or shifted by 12", start)
        return {"imm12": value, "sh": shift // 12}


GROUP = Group(
    "Add and subtract",
    {
        "shifted_imm": ShiftedImmediate,
        "negated_imm": lambda: ShiftedImmediate(sign=-1),
        "extended_rm_s": lambda: ExtendedRegister(sp_fields=("rn",)),
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


def valid_extend(imm3: int) -> bool:
    """Whether an extended-register operand is allocated: a left shift of 0 to 4."""
    return imm3 <= 4


def is_nonzero(imm12: int) -> bool:
    """Whether the immediate can be told from its negation."""
    return imm12 != 0


def _add_setting_flags(cpu: Cpu, rd: int, x: Bits, y: Bits, carry: Bits, width: int) -> None:
    result, flags = add_with_carry(x, y, carry, width)
    cpu.set_x(rd, result)
    cpu.set_flags(flags)


# --- immediate


@insn(
    "ADD (immediate)",
    IMMEDIATE.format(op=ADD),
    asm="add {rd:RSP}, {rn:RSP}, {shifted_imm}",
    aliases=(
        alias("mov {rd:RSP}, {rn:RSP}", when=lambda rd, rn: SP in {rd, rn}, sh=0, imm12=0),
        alias("sub {rd:RSP}, {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False),
    ),
)
def add_immediate(cpu: Cpu, sf: int, sh: int, imm12: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, (cpu.xsp(rn, width) + (imm12 << 12 * sh)) & MASKS[width])


@insn(
    "ADDS (immediate)",
    IMMEDIATE.format(op=ADDS),
    asm="adds {rd:R}, {rn:RSP}, {shifted_imm}",
    aliases=(
        alias("cmn {rn:RSP}, {shifted_imm}", rd=ZR),
        alias("cmp {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False, rd=ZR),
        alias("subs {rd:R}, {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False),
    ),
)
def adds_immediate(cpu: Cpu, sf: int, sh: int, imm12: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _add_setting_flags(cpu, rd, cpu.xsp(rn, width), imm12 << 12 * sh, 0, width)


@insn(
    "SUB (immediate)",
    IMMEDIATE.format(op=SUB),
    asm="sub {rd:RSP}, {rn:RSP}, {shifted_imm}",
    aliases=(alias("add {rd:RSP}, {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False),),
)
def sub_immediate(cpu: Cpu, sf: int, sh: int, imm12: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_xsp(rd, (cpu.xsp(rn, width) - (imm12 << 12 * sh)) & MASKS[width])


@insn(
    "SUBS (immediate)",
    IMMEDIATE.format(op=SUBS),
    asm="subs {rd:R}, {rn:RSP}, {shifted_imm}",
    aliases=(
        alias("cmp {rn:RSP}, {shifted_imm}", rd=ZR),
        alias("cmn {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False, rd=ZR),
        alias("adds {rd:R}, {rn:RSP}, {negated_imm}", when=is_nonzero, preferred=False),
    ),
)
def subs_immediate(cpu: Cpu, sf: int, sh: int, imm12: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _add_setting_flags(cpu, rd, cpu.xsp(rn, width), (imm12 << 12 * sh) ^ MASKS[width], 1, width)


# --- shifted register


@insn(
    "ADD (shifted register)",
    SHIFTED.format(op=ADD),
    asm="add {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
)
def add_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = cpu.shifted_x(rm, shift, imm6, width)
    cpu.set_x(rd, (cpu.x(rn, width) + operand2) & MASKS[width])


@insn(
    "ADDS (shifted register)",
    SHIFTED.format(op=ADDS),
    asm="adds {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(alias("cmn {rn:R}, {rm:R}{shift_amount}", rd=ZR),),
)
def adds_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = cpu.shifted_x(rm, shift, imm6, width)
    _add_setting_flags(cpu, rd, cpu.x(rn, width), operand2, 0, width)


@insn(
    "SUB (shifted register)",
    SHIFTED.format(op=SUB),
    asm="sub {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(alias("neg {rd:R}, {rm:R}{shift_amount}", rn=ZR),),
)
def sub_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = cpu.shifted_x(rm, shift, imm6, width)
    cpu.set_x(rd, (cpu.x(rn, width) - operand2) & MASKS[width])


@insn(
    "SUBS (shifted register)",
    SHIFTED.format(op=SUBS),
    asm="subs {rd:R}, {rn:R}, {rm:R}{shift_amount}",
    valid=valid_shift,
    aliases=(
        alias("cmp {rn:R}, {rm:R}{shift_amount}", rd=ZR),
        alias("negs {rd:R}, {rm:R}{shift_amount}", rn=ZR),
    ),
)
def subs_shifted_register(cpu: Cpu, sf: int, shift: int, rm: int, imm6: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = cpu.shifted_x(rm, shift, imm6, width)
    _add_setting_flags(cpu, rd, cpu.x(rn, width), operand2 ^ MASKS[width], 1, width)


# --- extended register


@insn(
    "ADD (extended register)",
    EXTENDED.format(op=ADD),
    asm="add {rd:RSP}, {rn:RSP}, {extended_rm}",
    valid=valid_extend,
)
def add_extended_register(cpu: Cpu, sf: int, rm: int, option: int, imm3: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = extend_value(cpu.x(rm), option, imm3, width)
    cpu.set_xsp(rd, (cpu.xsp(rn, width) + operand2) & MASKS[width])


@insn(
    "ADDS (extended register)",
    EXTENDED.format(op=ADDS),
    asm="adds {rd:R}, {rn:RSP}, {extended_rm_s}",
    valid=valid_extend,
    aliases=(alias("cmn {rn:RSP}, {extended_rm_s}", rd=ZR),),
)
def adds_extended_register(cpu: Cpu, sf: int, rm: int, option: int, imm3: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = extend_value(cpu.x(rm), option, imm3, width)
    _add_setting_flags(cpu, rd, cpu.xsp(rn, width), operand2, 0, width)


@insn(
    "SUB (extended register)",
    EXTENDED.format(op=SUB),
    asm="sub {rd:RSP}, {rn:RSP}, {extended_rm}",
    valid=valid_extend,
)
def sub_extended_register(cpu: Cpu, sf: int, rm: int, option: int, imm3: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = extend_value(cpu.x(rm), option, imm3, width)
    cpu.set_xsp(rd, (cpu.xsp(rn, width) - operand2) & MASKS[width])


@insn(
    "SUBS (extended register)",
    EXTENDED.format(op=SUBS),
    asm="subs {rd:R}, {rn:RSP}, {extended_rm_s}",
    valid=valid_extend,
    aliases=(alias("cmp {rn:RSP}, {extended_rm_s}", rd=ZR),),
)
def subs_extended_register(cpu: Cpu, sf: int, rm: int, option: int, imm3: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    operand2 = extend_value(cpu.x(rm), option, imm3, width)
    _add_setting_flags(cpu, rd, cpu.xsp(rn, width), operand2 ^ MASKS[width], 1, width)


# --- with carry


@insn("ADC", WITH_CARRY.format(op=ADD), asm="adc {rd:R}, {rn:R}, {rm:R}")
def adc(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _, _, carry, _ = cpu.flags
    cpu.set_x(rd, (cpu.x(rn, width) + cpu.x(rm, width) + carry) & MASKS[width])


@insn("ADCS", WITH_CARRY.format(op=ADDS), asm="adcs {rd:R}, {rn:R}, {rm:R}")
def adcs(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _, _, carry, _ = cpu.flags
    _add_setting_flags(cpu, rd, cpu.x(rn, width), cpu.x(rm, width), carry, width)


@insn(
    "SBC",
    WITH_CARRY.format(op=SUB),
    asm="sbc {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("ngc {rd:R}, {rm:R}", rn=ZR),),
)
def sbc(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _, _, carry, _ = cpu.flags
    cpu.set_x(rd, (cpu.x(rn, width) + (cpu.x(rm, width) ^ MASKS[width]) + carry) & MASKS[width])


@insn(
    "SBCS",
    WITH_CARRY.format(op=SUBS),
    asm="sbcs {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("ngcs {rd:R}, {rm:R}", rn=ZR),),
)
def sbcs(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    _, _, carry, _ = cpu.flags
    _add_setting_flags(cpu, rd, cpu.x(rn, width), cpu.x(rm, width) ^ MASKS[width], carry, width)
