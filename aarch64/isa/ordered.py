"""Load-acquire and store-release: LDAR, STLR, their LORegion forms, LDAPR, and the pairs and writeback of FEAT_LRCPC3.

With one PE, the ordering has no effect; what remains are the rules of alignment. The forms with an unscaled offset are
in `unscaled`. CONSTRAINED UNPREDICTABLE cases execute, as those of plain loads and stores do (`loadstore`, `loadpair`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.access import Access
from aarch64.features import Feature
from aarch64.isa.addressing import ADDRESS_MASK, BASE, KINDS, PAIR_WIDTHS, WIDTHS, Transfer
from aarch64.isa.definition import Group, Trait

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load-acquire/store-release", KINDS)
insn = GROUP.insn

LOAD_ACQUIRE = "{size} 001000 1 1 0 (11111) {o0} (11111) rn:5 rt:5"
STORE_RELEASE = "{size} 001000 1 0 0 (11111) {o0} (11111) rn:5 rt:5"
LOAD_ACQUIRE_PC = "{size} 111 0 00 10 1 11111 1 100 00 rn:5 rt:5"
LOAD_ACQUIRE_PC_POST_INDEX = "{size} 011001 11 0 00000 0000 10 rn:5 rt:5"
STORE_RELEASE_PRE_INDEX = "{size} 011001 10 0 00000 0000 10 rn:5 rt:5"
PAIR = "{size} 011001 0 {load} 0 rt2:5 000 {offset_only} 10 rn:5 rt:5"


def _define_load(stem: str, transfer: Transfer, encoding: str, feature: Feature | None = None) -> None:
    size = transfer.size

    @insn(
        transfer.title(stem.upper()),
        encoding.format(size=transfer.size_field, o0=0 if feature is Feature.LOR else 1),
        asm=f"{stem}{transfer.suffix} {{rt:{transfer.register}}}, {BASE}",
        traits=Trait.LOADS,
        feature=feature,
    )
    def load_acquire(cpu: Cpu, rn: int, rt: int) -> None:
        cpu.set_x(rt, cpu.load(cpu.base(rn), size, Access.ORDERED))


def _define_store(stem: str, transfer: Transfer, encoding: str, feature: Feature | None = None) -> None:
    size, width = transfer.size, transfer.bits

    @insn(
        transfer.title(stem.upper()),
        encoding.format(size=transfer.size_field, o0=0 if feature is Feature.LOR else 1),
        asm=f"{stem}{transfer.suffix} {{rt:{transfer.register}}}, {BASE}",
        traits=Trait.STORES,
        feature=feature,
    )
    def store_release(cpu: Cpu, rn: int, rt: int) -> None:
        cpu.store(cpu.base(rn), size, cpu.x(rt, width), Access.ORDERED)


def _define_writeback(transfer: Transfer) -> None:
    """LDAPR and STLR that move the base by the size: past what was loaded, before what is stored."""
    size, width, register = transfer.size, transfer.bits, transfer.register

    @insn(
        "LDAPR",
        LOAD_ACQUIRE_PC_POST_INDEX.format(size=transfer.size_field),
        asm=f"ldapr {{rt:{register}}}, [{{rn:XSP}}], {{constant({size})}}",
        traits=Trait.LOADS,
        feature=Feature.LRCPC3,
    )
    def ldapr_post_index(cpu: Cpu, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        cpu.set_x(rt, cpu.load(address, size, Access.ORDERED))
        cpu.set_xsp(rn, (address + size) & ADDRESS_MASK)

    @insn(
        "STLR",
        STORE_RELEASE_PRE_INDEX.format(size=transfer.size_field),
        asm=f"stlr {{rt:{register}}}, [{{rn:XSP}}, {{constant({-size})}}]!",
        traits=Trait.STORES,
        feature=Feature.LRCPC3,
    )
    def stlr_pre_index(cpu: Cpu, rn: int, rt: int) -> None:
        address = (cpu.base(rn) - size) & ADDRESS_MASK
        cpu.store(address, size, cpu.x(rt, width), Access.ORDERED)
        cpu.set_xsp(rn, address)


def _define_load_pair(transfer: Transfer) -> None:
    size, register = transfer.size, transfer.register

    @insn(
        "LDIAPP",
        PAIR.format(size=transfer.size_field, load=1, offset_only=1),
        asm=f"ldiapp {{rt:{register}}}, {{rt2:{register}}}, {BASE}",
        traits=Trait.LOADS,
        feature=Feature.LRCPC3,
    )
    def ldiapp(cpu: Cpu, rt2: int, rn: int, rt: int) -> None:
        first, second = cpu.load_pair(cpu.base(rn), size, Access.ORDERED)
        cpu.set_x(rt2, second)
        cpu.set_x(rt, first)

    @insn(
        "LDIAPP",
        PAIR.format(size=transfer.size_field, load=1, offset_only=0),
        asm=f"ldiapp {{rt:{register}}}, {{rt2:{register}}}, [{{rn:XSP}}], {{constant({2 * size})}}",
        traits=Trait.LOADS,
        feature=Feature.LRCPC3,
    )
    def ldiapp_post_index(cpu: Cpu, rt2: int, rn: int, rt: int) -> None:
        address = cpu.base(rn)
        first, second = cpu.load_pair(address, size, Access.ORDERED)
        cpu.set_x(rt2, second)
        cpu.set_x(rt, first)
        cpu.set_xsp(rn, (address + 2 * size) & ADDRESS_MASK)


def _define_store_pair(transfer: Transfer) -> None:
    size, width, register = transfer.size, transfer.bits, transfer.register

    @insn(
        "STILP",
        PAIR.format(size=transfer.size_field, load=0, offset_only=1),
        asm=f"stilp {{rt:{register}}}, {{rt2:{register}}}, {BASE}",
        traits=Trait.STORES,
        feature=Feature.LRCPC3,
    )
    def stilp(cpu: Cpu, rt2: int, rn: int, rt: int) -> None:
        cpu.store_pair(cpu.base(rn), size, cpu.x(rt, width), cpu.x(rt2, width), Access.ORDERED)

    @insn(
        "STILP",
        PAIR.format(size=transfer.size_field, load=0, offset_only=0),
        asm=f"stilp {{rt:{register}}}, {{rt2:{register}}}, [{{rn:XSP}}, {{constant({-2 * size})}}]!",
        traits=Trait.STORES,
        feature=Feature.LRCPC3,
    )
    def stilp_pre_index(cpu: Cpu, rt2: int, rn: int, rt: int) -> None:
        address = (cpu.base(rn) - 2 * size) & ADDRESS_MASK
        first, second = cpu.x(rt, width), cpu.x(rt2, width)
        cpu.store_pair(address, size, first, second, Access.ORDERED_DOWNWARDS)
        cpu.set_xsp(rn, address)


for _transfer in WIDTHS:
    _define_load("ldar", _transfer, LOAD_ACQUIRE)
    _define_load("ldlar", _transfer, LOAD_ACQUIRE, Feature.LOR)
    _define_load("ldapr", _transfer, LOAD_ACQUIRE_PC, Feature.LRCPC)
    _define_store("stlr", _transfer, STORE_RELEASE)
    _define_store("stllr", _transfer, STORE_RELEASE, Feature.LOR)
for _transfer in PAIR_WIDTHS:
    _define_writeback(_transfer)
    _define_load_pair(_transfer)
    _define_store_pair(_transfer)
