"""Prefetch memory: hints without effect, there being no caches. They do not check the stack pointer's alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa.addressing import KINDS, index_is_valid
from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.syntax import Mismatch, OneField, operand

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Cursor, Fields

_OPERATIONS = {
    type_bits << 3 | (level - 1) << 1 | policy_bit: f"{type_name}l{level}{policy}"
    for type_bits, type_name in enumerate(("pld", "pli", "pst"))
    for level in (1, 2, 3)
    for policy_bit, policy in enumerate(("keep", "strm"))
}
_RANGE_OPERATIONS = {0b000000: "pldkeep", 0b000001: "pstkeep", 0b000100: "pldstrm", 0b000101: "pststrm"}


@operand
class PrefetchOperation(OneField):
    """A prefetch operation by name, or `#imm5` where it has none."""

    def format(self, fields: Fields, address: int | None) -> str:
        value = fields[self.field]
        return _OPERATIONS.get(value, f"#{value}")

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        return {self.field: _read_operation(cursor, _OPERATIONS)}


@operand
class RangeOperation:
    """The operation of RPRFM, by name or as `#imm6`: `option<2>`, `option<0>`, `s` and the low bits of `rt`."""

    fields = ("o2", "o0", "s", "rt3")

    def format(self, fields: Fields, address: int | None) -> str:
        value = fields["o2"] << 5 | fields["o0"] << 4 | fields["s"] << 3 | fields["rt3"]
        return _RANGE_OPERATIONS.get(value, f"#{value}")

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        value = _read_operation(cursor, _RANGE_OPERATIONS)
        return {"o2": value >> 5, "o0": value >> 4 & 1, "s": value >> 3 & 1, "rt3": value & 7}


def _read_operation(cursor: Cursor, names: dict[int, str]) -> int:
    start = cursor.position
    name = cursor.word()
    if not name:
        return cursor.immediate()
    for value, known_name in names.items():
        if name == known_name:
            return value
    raise Mismatch(f"{name!r} is not a prefetch operation", start)


GROUP = Group("Prefetch memory", {**KINDS, "prefetch": PrefetchOperation, "range_prefetch": RangeOperation})
insn = GROUP.insn


@insn(
    "PRFM (immediate)",
    "11 111 0 01 10 imm12:12 rn:5 rt:5",
    asm="prfm {rt:prefetch}, [{rn:XSP}{imm12:offset(8)}]",
    traits=Trait.PREFETCHES,
)
def prfm_immediate(cpu: Cpu, imm12: int, rn: int, rt: int) -> None:
    """Nothing happens."""


@insn(
    "PRFM (literal)",
    "11 011000 imm19:s19 rt:5",
    asm="prfm {rt:prefetch}, {imm19:label}",
    traits=Trait.PREFETCHES | Trait.PC_RELATIVE,
)
def prfm_literal(cpu: Cpu, imm19: int, rt: int) -> None:
    """Nothing happens."""


@insn(
    "PRFM (register)",
    "11 111 0 00 10 1 rm:5 option:3 s:1 10 rn:5 rt:5",
    asm="prfm {rt:prefetch}, [{rn:XSP}{index_register(3)}]",
    valid=index_is_valid,
    traits=Trait.PREFETCHES,
)
def prfm_register(cpu: Cpu, rm: int, option: int, s: int, rn: int, rt: int) -> None:
    """Nothing happens."""


@insn(
    "PRFUM",
    "11 111000 10 0 imm9:s9 00 rn:5 rt:5",
    asm="prfum {rt:prefetch}, [{rn:XSP}{imm9:offset}]",
    aliases=(
        alias(
            "prfm {rt:prefetch}, [{rn:XSP}{imm9:offset}]",
            when=lambda imm9: imm9 < 0 or imm9 % 8,
            preferred=False,
        ),
    ),
    traits=Trait.PREFETCHES,
)
def prfum(cpu: Cpu, imm9: int, rn: int, rt: int) -> None:
    """Nothing happens."""


@insn(
    "RPRFM",
    "11 111 0 00 10 1 rm:5 o2:1 1 o0:1 s:1 10 rn:5 11 rt3:3",
    asm="rprfm {range_prefetch}, {rm:X}, [{rn:XSP}]",
    specialises="PRFM (register)",
    traits=Trait.PREFETCHES,
)
def rprfm(cpu: Cpu, rm: int, o2: int, o0: int, s: int, rn: int, rt3: int) -> None:
    """Nothing happens."""
