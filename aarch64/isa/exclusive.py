"""Load and store exclusive, single registers and pairs, with and without acquire and release.

With one PE, acquire and release order nothing. CONSTRAINED UNPREDICTABLE cases execute: a load into one register twice
leaves the second element there; a status register that is also the base or a register stored is written last, having
been read as it was. A store exclusive whose address or size is not that of the load exclusive fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.isa.addressing import BASE, KINDS, PAIR_WIDTHS, WIDTHS, Transfer
from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load/store exclusive", KINDS)
insn = GROUP.insn

LOAD = "{size} 001000 0 1 0 (11111) {o0} (11111) rn:5 rt:5"
STORE = "{size} 001000 0 0 0 rs:5 {o0} (11111) rn:5 rt:5"
LOAD_PAIR = "{size} 001000 0 1 1 (11111) {o0} rt2:5 rn:5 rt:5"
STORE_PAIR = "{size} 001000 0 0 1 rs:5 {o0} rt2:5 rn:5 rt:5"

LOADS = Trait.LOADS | Trait.LOAD_EXCLUSIVE
STORES = Trait.STORES | Trait.STORE_EXCLUSIVE


def _define_load(stem: str, o0: str, transfer: Transfer) -> None:
    size = transfer.size

    @insn(
        transfer.title(stem.upper()),
        LOAD.format(size=transfer.size_field, o0=o0),
        asm=f"{stem}{transfer.suffix} {{rt:{transfer.register}}}, {BASE}",
        traits=LOADS,
    )
    def load_exclusive(cpu: Cpu, rn: int, rt: int) -> None:
        cpu.set_x(rt, cpu.load_exclusive(cpu.base(rn), size))


def _define_store(stem: str, o0: str, transfer: Transfer) -> None:
    size, width = transfer.size, transfer.bits

    @insn(
        transfer.title(stem.upper()),
        STORE.format(size=transfer.size_field, o0=o0),
        asm=f"{stem}{transfer.suffix} {{rs:W}}, {{rt:{transfer.register}}}, {BASE}",
        traits=STORES,
    )
    def store_exclusive(cpu: Cpu, rs: int, rn: int, rt: int) -> None:
        cpu.set_x(rs, cpu.store_exclusive(cpu.base(rn), size, cpu.x(rt, width)))


def _define_load_pair(stem: str, o0: str, transfer: Transfer) -> None:
    size, width = transfer.size, transfer.bits

    @insn(
        stem.upper(),
        LOAD_PAIR.format(size=transfer.size_field, o0=o0),
        asm=f"{stem} {{rt:{transfer.register}}}, {{rt2:{transfer.register}}}, {BASE}",
        traits=LOADS,
    )
    def load_exclusive_pair(cpu: Cpu, rt2: int, rn: int, rt: int) -> None:
        both = cpu.load_exclusive(cpu.base(rn), 2 * size)
        cpu.set_x(rt, both & mask(width))
        cpu.set_x(rt2, both >> width)


def _define_store_pair(stem: str, o0: str, transfer: Transfer) -> None:
    size, width = transfer.size, transfer.bits

    @insn(
        stem.upper(),
        STORE_PAIR.format(size=transfer.size_field, o0=o0),
        asm=f"{stem} {{rs:W}}, {{rt:{transfer.register}}}, {{rt2:{transfer.register}}}, {BASE}",
        traits=STORES,
    )
    def store_exclusive_pair(cpu: Cpu, rs: int, rt2: int, rn: int, rt: int) -> None:
        both = cpu.x(rt2, width) << width | cpu.x(rt, width)
        cpu.set_x(rs, cpu.store_exclusive(cpu.base(rn), 2 * size, both))


for _transfer in WIDTHS:
    _define_load("ldxr", "0", _transfer)
    _define_load("ldaxr", "1", _transfer)
    _define_store("stxr", "0", _transfer)
    _define_store("stlxr", "1", _transfer)
for _transfer in PAIR_WIDTHS:
    _define_load_pair("ldxp", "0", _transfer)
    _define_load_pair("ldaxp", "1", _transfer)
    _define_store_pair("stxp", "0", _transfer)
    _define_store_pair("stlxp", "1", _transfer)
