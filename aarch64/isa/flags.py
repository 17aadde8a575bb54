"""Flag manipulation: flags from a register, from a narrow value, and between Arm's and another comparison format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import rotate_right
from aarch64.features import Feature
from aarch64.isa.definition import Group
from aarch64.isa.operands import Choice

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Flag manipulation", {"narrow_width": lambda field: Choice(field, ("8", "16"))})
insn = GROUP.insn

PSTATE_OPERATION = "1101010100000 000 0100 0000 {op2} 11111"
"""What would be MSR of an immediate to a PSTATE field, with both its operands zero."""


@insn(
    "RMIF",
    "10111010000 imm6:6 00001 rn:5 0 mask:4",
    asm="rmif {rn:X}, {imm6:imm}, {mask:imm}",
    feature=Feature.FLAGM,
)
def rmif(cpu: Cpu, imm6: int, rn: int, mask: int) -> None:
    rotated = rotate_right(cpu.x(rn), imm6, 64)
    n, z, c, v = (
        (rotated >> bit) & 1 if (mask >> bit) & 1 else flag for bit, flag in zip((3, 2, 1, 0), cpu.flags, strict=True)
    )
    cpu.set_flags((n, z, c, v))


@insn(
    "SETF8, SETF16",
    "00111010000000000 sz:1 0010 rn:5 01101",
    asm="setf{sz:narrow_width} {rn:W}",
    feature=Feature.FLAGM,
)
def setf(cpu: Cpu, sz: int, rn: int) -> None:
    width = 16 if sz else 8
    value = cpu.x(rn, width + 1)
    sign = (value >> (width - 1)) & 1
    is_zero = (value & ((1 << width) - 1) == 0) & 1
    _, _, carry, _ = cpu.flags
    cpu.set_flags((sign, is_zero, carry, (value >> width) ^ sign))


@insn(
    "CFINV",
    PSTATE_OPERATION.format(op2="000"),
    asm="cfinv",
    feature=Feature.FLAGM,
)
def cfinv(cpu: Cpu) -> None:
    n, z, c, v = cpu.flags
    cpu.set_flags((n, z, c ^ 1, v))


@insn(
    "XAFLAG",
    PSTATE_OPERATION.format(op2="001"),
    asm="xaflag",
    feature=Feature.FLAGM2,
)
def xaflag(cpu: Cpu) -> None:
    _, z, c, _ = cpu.flags
    cpu.set_flags(((c | z) ^ 1, z & c, c | z, (c ^ 1) & z))


@insn(
    "AXFLAG",
    PSTATE_OPERATION.format(op2="010"),
    asm="axflag",
    feature=Feature.FLAGM2,
)
def axflag(cpu: Cpu) -> None:
    _, z, c, v = cpu.flags
    cpu.set_flags((0, z | v, c & (v ^ 1), 0))
