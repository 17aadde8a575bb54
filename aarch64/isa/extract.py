"""Extract: a register's width of bits out of a pair of registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import MASKS
from aarch64.isa.definition import Group, alias
from aarch64.isa.operands import Computed

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields


def _lowest_bit(value: int, known: Fields) -> dict[str, int]:
    return {"n": known["sf"], "imms": value}


GROUP = Group("Extract", {"lowest_bit": lambda: Computed(("n", "imms"), lambda fields: fields["imms"], _lowest_bit)})
insn = GROUP.insn


@insn(
    "EXTR",
    "sf:1 00 100111 n:1 0 rm:5 imms:6 rn:5 rd:5",
    asm="extr {rd:R}, {rn:R}, {rm:R}, {lowest_bit}",
    valid=lambda sf, n, imms: n == sf and (sf or imms < 32),
    aliases=(alias("ror {rd:R}, {rn:repeated(rm)}, {lowest_bit}", when=lambda rn, rm: rn == rm),),
)
def extr(cpu: Cpu, sf: int, n: int, rm: int, imms: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    pair = (cpu.x(rn, width) << width) | cpu.x(rm, width)
    cpu.set_x(rd, (pair >> imms) & MASKS[width])
