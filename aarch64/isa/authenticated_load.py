"""Load register with pointer authentication: LDRAA and LDRAB.

CONSTRAINED UNPREDICTABLE, where the base is also the register loaded and is written back: the new base is left in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.features import Feature
from aarch64.isa.addressing import ADDRESS_MASK
from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.operands import Choice, Computed
from aarch64.pointer_auth import Key, authenticate

if TYPE_CHECKING:
    from aarch64.bits import Bits
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields

_SCALE = 8
_SIGN = 1 << 9


def _offset(s: int, imm9: int) -> int:
    """The offset in bytes; `s` is the sign of the ten bits it makes with `imm9`."""
    return (imm9 - s * _SIGN) * _SCALE


def _split_offset(offset: int, _known: Fields) -> dict[str, int] | None:
    if offset % _SCALE or not -_SIGN <= offset // _SCALE < _SIGN:
        return None
    return {"s": int(offset < 0), "imm9": offset // _SCALE & (_SIGN - 1)}


GROUP = Group(
    "Load register (pointer authentication)",
    {
        "key": lambda field: Choice(field, ("a", "b")),
        "signed_offset": lambda: Computed(
            ("s", "imm9"), lambda fields: _offset(fields["s"], fields["imm9"]), _split_offset
        ),
    },
)
insn = GROUP.insn

TITLE = "LDRAA, LDRAB"
ENCODING = "11 111 0 00 m:1 s:1 1 imm9:9 {writeback} 1 rn:5 rt:5"


def _address(cpu: Cpu, m: int, rn: int, offset: int) -> Bits:
    """The authenticated base plus the offset. The stack pointer's alignment is checked after it is authenticated."""
    pointer = authenticate(cpu, cpu.xsp(rn), 0, Key.DB if m else Key.DA, combined=True)
    cpu.base(rn)
    return (pointer + offset) & ADDRESS_MASK


@insn(
    TITLE,
    ENCODING.format(writeback=0),
    asm="ldra{m:key} {rt:X}, [{rn:XSP}, {signed_offset}]",
    aliases=(alias("ldra{m:key} {rt:X}, [{rn:XSP}]", s=0, imm9=0),),
    feature=Feature.PAUTH,
    traits=Trait.LOADS,
)
def ldra_offset(cpu: Cpu, m: int, s: int, imm9: int, rn: int, rt: int) -> None:
    cpu.set_x(rt, cpu.load(_address(cpu, m, rn, _offset(s, imm9)), 8))


@insn(
    TITLE,
    ENCODING.format(writeback=1),
    asm="ldra{m:key} {rt:X}, [{rn:XSP}, {signed_offset}]!",
    aliases=(alias("ldra{m:key} {rt:X}, [{rn:XSP}]!", preferred=False, s=0, imm9=0),),
    feature=Feature.PAUTH,
    traits=Trait.LOADS,
)
def ldra_pre_index(cpu: Cpu, m: int, s: int, imm9: int, rn: int, rt: int) -> None:
    address = _address(cpu, m, rn, _offset(s, imm9))
    cpu.set_x(rt, cpu.load(address, 8))
    cpu.set_xsp(rn, address)
