"""Load and store register: unsigned offset, pre-indexed, post-indexed and register offset.

CONSTRAINED UNPREDICTABLE, where the base is the register moved and is written back: a load leaves the new base in it,
a store writes its old value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa.addressing import ADDRESS_MASK, KINDS, LOADS, STORES, Transfer, index_is_valid
from aarch64.isa.definition import Group, Trait
from aarch64.pseudocode import extend_value

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load/store register", KINDS)
insn = GROUP.insn

UNSIGNED_OFFSET = "{size} 111 0 01 {opc} imm12:12 rn:5 rt:5"
POST_INDEX = "{size} 111 0 00 {opc} 0 imm9:s9 01 rn:5 rt:5"
PRE_INDEX = "{size} 111 0 00 {opc} 0 imm9:s9 11 rn:5 rt:5"
REGISTER_OFFSET = "{size} 111 0 00 {opc} 1 rm:5 option:3 s:1 10 rn:5 rt:5"


def _define_load(transfer: Transfer) -> None:
    size, scale = transfer.size, transfer.scale
    extend, is_signed = transfer.extend, transfer.is_signed
    bits = {"size": transfer.size_field, "opc": transfer.opc}
    immediate, start = transfer.title("LDR") + " (immediate)", f"ldr{transfer.suffix} {{rt:{transfer.register}}}"

    @insn(
        immediate,
        UNSIGNED_OFFSET.format(**bits),
        asm=f"{start}, [{{rn:XSP}}{{imm12:offset({size})}}]",
        traits=Trait.LOADS,
    )
    def load_unsigned_offset(cpu: Cpu, imm12: int, rn: int, rt: int) -> None:
        value = cpu.load((cpu.base(rn) + imm12 * size) & ADDRESS_MASK, size)
        cpu.set_x(rt, extend(value) if is_signed else value)

    @insn(immediate, POST_INDEX.format(**bits), asm=start + ", [{rn:XSP}], {imm9:index}", traits=Trait.LOADS)
    def load_post_index(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        value = cpu.load(address, size)
        cpu.set_x(rt, extend(value) if is_signed else value)
        cpu.set_xsp(rn, (address + imm9) & ADDRESS_MASK)

    @insn(immediate, PRE_INDEX.format(**bits), asm=start + ", [{rn:XSP}, {imm9:index}]!", traits=Trait.LOADS)
    def load_pre_index(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm9) & ADDRESS_MASK
        value = cpu.load(address, size)
        cpu.set_x(rt, extend(value) if is_signed else value)
        cpu.set_xsp(rn, address)

    @insn(
        transfer.title("LDR") + " (register)",
        REGISTER_OFFSET.format(**bits),
        asm=f"{start}, [{{rn:XSP}}{{index_register({scale})}}]",
        valid=index_is_valid,
        traits=Trait.LOADS,
    )
    def load_register_offset(cpu: Cpu, rm: int, option: int, s: int, rn: int, rt: int) -> None:
        offset = extend_value(cpu.x(rm), option, s * scale, 64)
        value = cpu.load((cpu.base(rn) + offset) & ADDRESS_MASK, size)
        cpu.set_x(rt, extend(value) if is_signed else value)


def _define_store(transfer: Transfer) -> None:
    size, scale, width = transfer.size, transfer.scale, transfer.bits
    bits = {"size": transfer.size_field, "opc": transfer.opc}
    immediate, start = transfer.title("STR") + " (immediate)", f"str{transfer.suffix} {{rt:{transfer.register}}}"

    @insn(
        immediate,
        UNSIGNED_OFFSET.format(**bits),
        asm=f"{start}, [{{rn:XSP}}{{imm12:offset({size})}}]",
        traits=Trait.STORES,
    )
    def store_unsigned_offset(cpu: Cpu, imm12: int, rn: int, rt: int) -> None:
        cpu.store((cpu.base(rn) + imm12 * size) & ADDRESS_MASK, size, cpu.x(rt, width))

    @insn(immediate, POST_INDEX.format(**bits), asm=start + ", [{rn:XSP}], {imm9:index}", traits=Trait.STORES)
    def store_post_index(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        cpu.store(address, size, cpu.x(rt, width))
        cpu.set_xsp(rn, (address + imm9) & ADDRESS_MASK)

    @insn(immediate, PRE_INDEX.format(**bits), asm=start + ", [{rn:XSP}, {imm9:index}]!", traits=Trait.STORES)
    def store_pre_index(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) + imm9) & ADDRESS_MASK
        cpu.store(address, size, cpu.x(rt, width))
        cpu.set_xsp(rn, address)

    @insn(
        transfer.title("STR") + " (register)",
        REGISTER_OFFSET.format(**bits),
        asm=f"{start}, [{{rn:XSP}}{{index_register({scale})}}]",
        valid=index_is_valid,
        traits=Trait.STORES,
    )
    def store_register_offset(cpu: Cpu, rm: int, option: int, s: int, rn: int, rt: int) -> None:
        offset = extend_value(cpu.x(rm), option, s * scale, 64)
        cpu.store((cpu.base(rn) + offset) & ADDRESS_MASK, size, cpu.x(rt, width))


for _transfer in LOADS:
    _define_load(_transfer)
for _transfer in STORES:
    _define_store(_transfer)
