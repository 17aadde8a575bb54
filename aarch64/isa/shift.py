"""Shifts by a register, whose amount is taken modulo the width; shifts by an immediate are bitfield moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa.definition import Group, alias
from aarch64.pseudocode import ASR, LSL, LSR, ROR, shift_value

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Shift (register)")
insn = GROUP.insn

PATTERN = "sf:1 0011010110 rm:5 0010 {op2} rn:5 rd:5"


def _shift(cpu: Cpu, kind: int, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, shift_value(cpu.x(rn, width), kind, cpu.x(rm) & (width - 1), width))


@insn(
    "LSLV",
    PATTERN.format(op2="00"),
    asm="lslv {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("lsl {rd:R}, {rn:R}, {rm:R}"),),
)
def lslv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    _shift(cpu, LSL, sf, rm, rn, rd)


@insn(
    "LSRV",
    PATTERN.format(op2="01"),
    asm="lsrv {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("lsr {rd:R}, {rn:R}, {rm:R}"),),
)
def lsrv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    _shift(cpu, LSR, sf, rm, rn, rd)


@insn(
    "ASRV",
    PATTERN.format(op2="10"),
    asm="asrv {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("asr {rd:R}, {rn:R}, {rm:R}"),),
)
def asrv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    _shift(cpu, ASR, sf, rm, rn, rd)


@insn(
    "RORV",
    PATTERN.format(op2="11"),
    asm="rorv {rd:R}, {rn:R}, {rm:R}",
    aliases=(alias("ror {rd:R}, {rn:R}, {rm:R}"),),
)
def rorv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    _shift(cpu, ROR, sf, rm, rn, rd)
