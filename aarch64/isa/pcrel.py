"""PC-relative addresses: ADR to the byte within 1 MiB, ADRP to the 4 KiB page within 4 GiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("PC-relative addressing")
insn = GROUP.insn

PATTERN = "{op} immlo:2 10000 immhi:s19 rd:5"
_PAGE = 4096


@insn("ADR", PATTERN.format(op=0), asm="adr {rd:X}, {page(1)}", traits=Trait.PC_RELATIVE)
def adr(cpu: Cpu, immlo: int, immhi: int, rd: int) -> None:
    cpu.set_x(rd, (cpu.pc + immhi * 4 + immlo) & mask(64))


@insn("ADRP", PATTERN.format(op=1), asm="adrp {rd:X}, {page(4096)}", traits=Trait.PC_RELATIVE)
def adrp(cpu: Cpu, immlo: int, immhi: int, rd: int) -> None:
    cpu.set_x(rd, ((cpu.pc & -_PAGE) + (immhi * 4 + immlo) * _PAGE) & mask(64))
