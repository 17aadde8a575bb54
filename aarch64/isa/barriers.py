"""Barriers. One processing element that executes in order needs none of them: only CLREX does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.features import Feature
from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.syntax import Cursor, Mismatch, OneField, operand

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields

_DOMAINS = ("osh", "nsh", "ish", "")
_TYPES = {1: "ld", 2: "st", 3: ""}
OPTIONS = {
    domain << 2 | kind: _DOMAINS[domain] + suffix or "sy" for domain in range(4) for kind, suffix in _TYPES.items()
}
"""The names of the DMB and DSB options that have one, by CRm."""

NXS_OPTIONS = {number: f"{name or 'sy'}nxs" for number, name in enumerate(_DOMAINS)}
"""Likewise of DSB nXS, by imm2; as numbers they go on where CRm ends: #16, #20, #24, #28."""


@operand
class Option(OneField):
    """A barrier's option, by name or number (`first` + `step` times the field)."""

    names: dict[int, str]
    first: int = 0
    step: int = 1

    def format(self, fields: Fields, address: int | None) -> str:
        return self.names.get(fields[self.field], f"#{fields[self.field]}")

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        name = cursor.word()
        if name in self.names.values():
            return {self.field: next(value for value, known_name in self.names.items() if known_name == name)}
        cursor.position = start
        value, remainder = divmod(cursor.immediate() - self.first, self.step)
        if name or remainder or not 0 <= value < 16:
            raise Mismatch(f"expected one of {', '.join(self.names.values())}, or its number", start)
        return {self.field: value}


GROUP = Group(
    "Barriers",
    {
        "option": lambda field: Option(field, OPTIONS),
        "nxs_option": lambda field: Option(field, NXS_OPTIONS, first=16, step=4),
    },
)
insn = GROUP.insn

_SY = 15


@insn(
    "CLREX",
    "11010101000000110011 crm:4 010 11111",
    asm="clrex {crm:imm}",
    aliases=(alias("clrex", crm=_SY),),
    traits=Trait.CLEARS_EXCLUSIVE,
)
def clrex(cpu: Cpu, crm: int) -> None:
    cpu.clear_exclusive()


@insn("DMB", "11010101000000110011 crm:4 101 11111", asm="dmb {crm:option}", traits=Trait.BARRIER)
@insn(
    "DSB",
    "11010101000000110011 crm:4 100 11111",
    asm="dsb {crm:option}",
    aliases=(alias("ssbb", crm=0), alias("pssbb", crm=4)),
    traits=Trait.BARRIER,
)
@insn(
    "ISB",
    "11010101000000110011 crm:4 110 11111",
    asm="isb {crm:imm}",
    aliases=(alias("isb", crm=_SY), alias("isb sy", preferred=False, crm=_SY)),
    traits=Trait.BARRIER,
)
def barrier(cpu: Cpu, crm: int) -> None:
    """Nothing is out of order, and a system register write takes effect at once."""


@insn(
    "DSB",
    "11010101000000110011 imm2:2 10 001 11111",
    asm="dsb {imm2:nxs_option}",
    feature=Feature.XS,
    traits=Trait.BARRIER,
)
def dsb_nxs(cpu: Cpu, imm2: int) -> None:
    """As `barrier`."""


@insn("SB", "11010101000000110011 0000 111 11111", asm="sb", feature=Feature.SB, traits=Trait.BARRIER)
def sb(cpu: Cpu) -> None:
    """Nothing is speculated."""
