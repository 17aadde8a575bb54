"""CRC32 and CRC32C: a 32-bit checksum carried on by one to eight bytes, without inversion before or after."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aarch64.bits import primitive
from aarch64.features import Feature
from aarch64.isa.definition import Group
from aarch64.isa.operands import Choice

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("CRC32", {"size": lambda field: Choice(field, ("b", "h", "w", "x"))})
insn = GROUP.insn

PATTERN = "sf:1 0011010110 rm:5 010 {c} sz:2 rn:5 rd:5"
ASM = "crc32{c}{{sz:size}} {{rd:W}}, {{rn:W}}, {{rm:R}}"

# The polynomials of the two checksums, lowest power first because the bits of a byte are too.
CRC32 = 0xEDB88320
CRC32C = 0x82F63B78


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    """For each byte, the remainder it leaves in an empty checksum."""

    def remainder(byte: int) -> int:
        for _ in range(8):
            byte = (byte >> 1) ^ (polynomial if byte & 1 else 0)
        return byte

    return tuple(map(remainder, range(256)))


@primitive
def checksum(accumulator: int, value: int, size: int, polynomial: int) -> int:
    """The 32-bit `accumulator` carried on by the low `size` bytes of `value`, the lowest byte first."""
    table = _table(polynomial)
    for byte in (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"):
        accumulator = (accumulator >> 8) ^ table[(accumulator ^ byte) & 0xFF]
    return accumulator


def valid_size(sf: int, sz: int) -> bool:
    """Whether the register's width is that of the data: X for eight bytes, W for fewer."""
    return sf == (sz == 3)


@insn(
    "CRC32B, CRC32H, CRC32W, CRC32X",
    PATTERN.format(c=0),
    asm=ASM.format(c=""),
    valid=valid_size,
    feature=Feature.CRC32,
)
def crc32(cpu: Cpu, sf: int, rm: int, sz: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, checksum(cpu.x(rn, 32), cpu.x(rm), 1 << sz, CRC32))


@insn(
    "CRC32CB, CRC32CH, CRC32CW, CRC32CX",
    PATTERN.format(c=1),
    asm=ASM.format(c="c"),
    valid=valid_size,
    feature=Feature.CRC32,
)
def crc32c(cpu: Cpu, sf: int, rm: int, sz: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, checksum(cpu.x(rn, 32), cpu.x(rm), 1 << sz, CRC32C))
