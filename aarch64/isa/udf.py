"""Reserved: the one encoding that the architecture promises never to allocate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Reserved")
insn = GROUP.insn


@insn("UDF", "0000000000000000 imm16:16", asm="udf {imm16:imm}", traits=Trait.RAISES)
def udf(cpu: Cpu, imm16: int) -> None:
    cpu.undefined()
