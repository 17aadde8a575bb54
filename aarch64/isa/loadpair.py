"""Load and store pair: offset, pre-indexed, post-indexed and non-temporal.

CONSTRAINED UNPREDICTABLE cases execute. A load into one register twice leaves the first element there; where the base
is also a register moved and is written back, a load leaves the new base in it and a store writes its old value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import sign_extend
from aarch64.isa.addressing import ADDRESS_MASK
from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load/store register pair")
insn = GROUP.insn


@attrs.frozen
class Pair:
    """Two elements of `size` bytes in memory, and the operand kind of their registers."""

    mnemonic: str
    opc: str
    size: int
    register: str
    is_signed: bool = False

    @property
    def title(self) -> str:
        """The instruction's name."""
        return self.mnemonic.upper()

    def encoding(self, mode: str) -> str:
        """The pattern, given its bits 25 to 22."""
        return f"{self.opc} 101 0 {mode} imm7:s7 rt2:5 rn:5 rt:5"

    def asm(self, address: str) -> str:
        """The syntax, given that of the address."""
        registers = f"{self.mnemonic} {{rt:{self.register}}}, {{rt2:{self.register}}}, "
        return registers + address.replace("size", str(self.size))


OFFSET = "[{rn:XSP}{imm7:offset(size)}]"
POST_INDEX = "[{rn:XSP}], {imm7:index(size)}"
PRE_INDEX = "[{rn:XSP}, {imm7:index(size)}]!"


def _define_load(pair: Pair) -> None:
    """The offset, post-indexed and pre-indexed forms of a load."""
    size, is_signed = pair.size, pair.is_signed
    _define_load_offset(pair, "010 1")

    @insn(pair.title, pair.encoding("001 1"), asm=pair.asm(POST_INDEX), traits=Trait.LOADS)
    def load_pair_post_index(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        first, second = cpu.load_pair(address, size)
        cpu.set_x(rt2, sign_extend(second, 32) if is_signed else second)
        cpu.set_x(rt, sign_extend(first, 32) if is_signed else first)
        cpu.set_xsp(rn, (address + imm7 * size) & ADDRESS_MASK)

    @insn(pair.title, pair.encoding("011 1"), asm=pair.asm(PRE_INDEX), traits=Trait.LOADS)
    def load_pair_pre_index(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm7 * size) & ADDRESS_MASK
        first, second = cpu.load_pair(address, size)
        cpu.set_x(rt2, sign_extend(second, 32) if is_signed else second)
        cpu.set_x(rt, sign_extend(first, 32) if is_signed else first)
        cpu.set_xsp(rn, address)


def _define_load_offset(pair: Pair, mode: str) -> None:
    size, is_signed = pair.size, pair.is_signed

    @insn(pair.title, pair.encoding(mode), asm=pair.asm(OFFSET), traits=Trait.LOADS)
    def load_pair_offset(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm7 * size) & ADDRESS_MASK
        first, second = cpu.load_pair(address, size)
        cpu.set_x(rt2, sign_extend(second, 32) if is_signed else second)
        cpu.set_x(rt, sign_extend(first, 32) if is_signed else first)


def _define_store(pair: Pair) -> None:
    """The offset, post-indexed and pre-indexed forms of a store."""
    size, width = pair.size, pair.size * 8
    _define_store_offset(pair, "010 0")

    @insn(pair.title, pair.encoding("001 0"), asm=pair.asm(POST_INDEX), traits=Trait.STORES)
    def store_pair_post_index(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        cpu.store_pair(address, size, cpu.x(rt, width), cpu.x(rt2, width))
        cpu.set_xsp(rn, (address + imm7 * size) & ADDRESS_MASK)

    @insn(pair.title, pair.encoding("011 0"), asm=pair.asm(PRE_INDEX), traits=Trait.STORES)
    def store_pair_pre_index(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm7 * size) & ADDRESS_MASK
        cpu.store_pair(address, size, cpu.x(rt, width), cpu.x(rt2, width))
        cpu.set_xsp(rn, address)


def _define_store_offset(pair: Pair, mode: str) -> None:
    size, width = pair.size, pair.size * 8

    @insn(pair.title, pair.encoding(mode), asm=pair.asm(OFFSET), traits=Trait.STORES)
    def store_pair_offset(cpu: Cpu, imm7: int, rt2: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm7 * size) & ADDRESS_MASK
        cpu.store_pair(address, size, cpu.x(rt, width), cpu.x(rt2, width))


_define_load(Pair("ldpsw", "01", 4, "X", is_signed=True))
for _opc, _size, _register in (("00", 4, "W"), ("10", 8, "X")):
    _define_load(Pair("ldp", _opc, _size, _register))
    _define_store(Pair("stp", _opc, _size, _register))
    _define_load_offset(Pair("ldnp", _opc, _size, _register), "000 1")
    _define_store_offset(Pair("stnp", _opc, _size, _register), "000 0")
