"""Load and store register with an unscaled 9-bit offset: plain (LDUR), unprivileged (LDTR) and ordered (LDAPUR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.access import Access
from aarch64.features import Feature
from aarch64.isa.addressing import ADDRESS_MASK, KINDS, LOADS, STORES, Transfer
from aarch64.isa.definition import Alias, Group, Trait, alias

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Load/store register (unscaled immediate)", KINDS)
insn = GROUP.insn

PLAIN = "{size} 111000 {opc} 0 imm9:s9 00 rn:5 rt:5"
UNPRIVILEGED = "{size} 111000 {opc} 0 imm9:s9 10 rn:5 rt:5"
ORDERED = "{size} 011001 {opc} 0 imm9:s9 00 rn:5 rt:5"


def _syntax(stem: str, transfer: Transfer) -> str:
    return f"{stem}{transfer.suffix} {{rt:{transfer.register}}}, [{{rn:XSP}}{{imm9:offset}}]"


def _scaled_mnemonic(stem: str, transfer: Transfer) -> tuple[Alias, ...]:
    """LDR or STR with an offset that the scaled form cannot hold."""
    size = transfer.size
    return (alias(_syntax(stem, transfer), when=lambda imm9: imm9 < 0 or imm9 % size, preferred=False),)


def _define_load(
    stem: str,
    transfer: Transfer,
    encoding: str,
    access: Access = Access.NORMAL,
    traits: Trait = Trait.NONE,
    feature: Feature | None = None,
    aliases: tuple[Alias, ...] = (),
) -> None:
    size, extend = transfer.size, transfer.extend

    @insn(
        transfer.title(stem.upper()),
        encoding.format(size=transfer.size_field, opc=transfer.opc),
        asm=_syntax(stem, transfer),
        aliases=aliases,
        traits=Trait.LOADS | traits,
        feature=feature,
    )
    def load_unscaled(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        cpu.set_x(rt, extend(cpu.load((cpu.base(rn) + imm9) & ADDRESS_MASK, size, access)))


def _define_store(
    stem: str,
    transfer: Transfer,
    encoding: str,
    access: Access = Access.NORMAL,
    traits: Trait = Trait.NONE,
    feature: Feature | None = None,
    aliases: tuple[Alias, ...] = (),
) -> None:
    size, width = transfer.size, transfer.bits

    @insn(
        transfer.title(stem.upper()),
        encoding.format(size=transfer.size_field, opc=transfer.opc),
        asm=_syntax(stem, transfer),
        aliases=aliases,
        traits=Trait.STORES | traits,
        feature=feature,
    )
    def store_unscaled(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
        cpu.store((cpu.base(rn) + imm9) & ADDRESS_MASK, size, cpu.x(rt, width), access)


for _load in LOADS:
    _define_load("ldur", _load, PLAIN, aliases=_scaled_mnemonic("ldr", _load))
    _define_load("ldtr", _load, UNPRIVILEGED, Access.UNPRIVILEGED, Trait.UNPRIVILEGED)
    _define_load("ldapur", _load, ORDERED, Access.ORDERED, feature=Feature.LRCPC2)
for _store in STORES:
    _define_store("stur", _store, PLAIN, aliases=_scaled_mnemonic("str", _store))
    _define_store("sttr", _store, UNPRIVILEGED, Access.UNPRIVILEGED, Trait.UNPRIVILEGED)
    _define_store("stlur", _store, ORDERED, Access.ORDERED, feature=Feature.LRCPC2)
