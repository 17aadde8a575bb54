"""Divide: rounding towards zero. Nothing traps: a division by zero gives zero, an overflow wraps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask, primitive, signed
from aarch64.isa.definition import Group

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Divide")
insn = GROUP.insn


@primitive
def unsigned_quotient(dividend: int, divisor: int) -> int:
    """The quotient of two unsigned values; 0 when the divisor is."""
    return dividend // divisor if divisor else 0


@primitive
def signed_quotient(dividend: int, divisor: int, width: int) -> int:
    """The quotient of two `width`-bit signed values, rounded towards zero, masked to `width`; 0 when the divisor is."""
    if not divisor:
        return 0
    x, y = signed(dividend, width), signed(divisor, width)
    quotient = abs(x) // abs(y)
    return (quotient if (x < 0) == (y < 0) else -quotient) & mask(width)


@insn("UDIV", "sf:1 0011010110 rm:5 000010 rn:5 rd:5", asm="udiv {rd:R}, {rn:R}, {rm:R}")
def udiv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, unsigned_quotient(cpu.x(rn, width), cpu.x(rm, width)))


@insn("SDIV", "sf:1 0011010110 rm:5 000011 rn:5 rd:5", asm="sdiv {rd:R}, {rn:R}, {rm:R}")
def sdiv(cpu: Cpu, sf: int, rm: int, rn: int, rd: int) -> None:
    width = 64 if sf else 32
    cpu.set_x(rd, signed_quotient(cpu.x(rn, width), cpu.x(rm, width), width))
