"""Pointer authentication: sign, authenticate and strip a pointer, and a code for data.

Those in the hint space do nothing on a machine without FEAT_PAuth, so that one binary runs everywhere; the others are
UNDEFINED there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.features import Feature
from aarch64.isa.definition import Group, Trait
from aarch64.pointer_auth import Key, add_pac, authenticate, generic_code, strip
from aarch64.pstate import BranchType
from aarch64.registers import LINK_REGISTER
from aarch64.sysregs.fields import SCTLR_BT0, SCTLR_BT1

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.bits import Bits
    from aarch64.cpu import Cpu
    from aarch64.isa.definition import Landing, Semantics
    from aarch64.isa.syntax import Fields

    Operation = Callable[[Cpu, Bits, Bits, Key], Bits]
    """`add_pac` or `authenticate`."""

GROUP = Group("Pointer authentication")
insn = GROUP.insn

_X16, _X17 = 16, 17


def define(title: str, pattern: str, asm: str, semantics: Semantics) -> None:
    """Define an instruction that only a machine with FEAT_PAuth has."""
    insn(title, pattern, asm=asm, feature=Feature.PAUTH)(semantics)


def define_hint(title: str, crm: int, op2: int, asm: str, semantics: Semantics, landing: Landing | None = None) -> None:
    """Define an instruction of the hint space, which is a NOP without FEAT_PAuth."""
    pattern = f"11010101000000110010 {crm:04b} {op2:03b} 11111"
    insn(title, pattern, asm=asm, traits=Trait.HINT, specialises="HINT", landing=landing)(semantics)


def is_entry(cpu: Cpu, _fields: Fields) -> bool:
    """BTypeCompatible_PACIXSP: what signs X30 at the entry of a function is also a place to call."""
    if not cpu.has(Feature.PAUTH):
        return False
    forbids_jumps = SCTLR_BT1 if cpu.pstate.el else SCTLR_BT0
    return cpu.pstate.btype != BranchType.JUMP_FROM_GUARDED_PAGE or not cpu.sctlr & forbids_jumps


# --- the semantics of one kind of instruction, with a key


def with_register(operation: Operation, key: Key) -> Semantics:
    """The modifier is a register or SP."""

    def semantics(cpu: Cpu, rn: int, rd: int) -> None:
        cpu.set_x(rd, operation(cpu, cpu.x(rd), cpu.xsp(rn), key))

    return semantics


def with_zero(operation: Operation, key: Key) -> Semantics:
    """The modifier is zero."""

    def semantics(cpu: Cpu, rd: int) -> None:
        cpu.set_x(rd, operation(cpu, cpu.x(rd), 0, key))

    return semantics


def on_x17(operation: Operation, key: Key) -> Semantics:
    """X17, the modifier in X16."""

    def semantics(cpu: Cpu) -> None:
        if cpu.has(Feature.PAUTH):
            cpu.set_x(_X17, operation(cpu, cpu.x(_X17), cpu.x(_X16), key))

    return semantics


def on_link_with_sp(operation: Operation, key: Key) -> Semantics:
    """X30, the modifier in SP."""

    def semantics(cpu: Cpu) -> None:
        if cpu.has(Feature.PAUTH):
            cpu.set_x(LINK_REGISTER, operation(cpu, cpu.x(LINK_REGISTER), cpu.sp, key))

    return semantics


def on_link_with_zero(operation: Operation, key: Key) -> Semantics:
    """X30, the modifier zero."""

    def semantics(cpu: Cpu) -> None:
        if cpu.has(Feature.PAUTH):
            cpu.set_x(LINK_REGISTER, operation(cpu, cpu.x(LINK_REGISTER), 0, key))

    return semantics


# --- the instructions that sign and authenticate


@attrs.frozen
class Verb:
    """What is done with a key, and the highest bit of the opcodes for it."""

    name: str
    operation: Operation
    opcode: int


VERBS = (Verb("pac", add_pac, 0), Verb("aut", authenticate, 1))


def title_of(verb: Verb, key: Key) -> str:
    """The section of a verb and a key: that of the I keys has the hint-space forms in it, and the D keys have none."""
    base = f"{verb.name}{key.name}".upper()
    hinted = () if key.is_data else (f"{base}1716", f"{base}SP", f"{base}Z")
    return ", ".join((base, *hinted, f"{base[:-1]}Z{base[-1]}"))


def define_key(verb: Verb, number: int, key: Key) -> None:
    """The instructions of one verb and one key, `number` being the key's in their opcodes."""
    title, name = title_of(verb, key), f"{verb.name}{key.name.lower()}"
    opcode = f"{verb.opcode:b}{number:02b}"
    zero_name = f"{name[:-1]}z{name[-1]}"
    with_operand, with_none = with_register(verb.operation, key), with_zero(verb.operation, key)
    define(title, f"11011010110 00001 000 {opcode} rn:5 rd:5", f"{name} {{rd:X}}, {{rn:XSP}}", with_operand)
    define(title, f"11011010110 00001 001 {opcode} 11111 rd:5", f"{zero_name} {{rd:X}}", with_none)
    if key.is_data:
        return
    hint = verb.opcode << 2 | number << 1
    define_hint(title, 1, hint, f"{name}1716", on_x17(verb.operation, key))
    define_hint(title, 3, hint, f"{name}z", on_link_with_zero(verb.operation, key))
    landing = is_entry if verb.operation is add_pac else None
    define_hint(title, 3, hint | 1, f"{name}sp", on_link_with_sp(verb.operation, key), landing)


for _verb in VERBS:
    for _number, _key in enumerate(Key):
        define_key(_verb, _number, _key)


# --- the others


@insn(
    "PACGA",
    "10011010110 rm:5 001100 rn:5 rd:5",
    asm="pacga {rd:X}, {rn:X}, {rm:XSP}",
    feature=Feature.PAUTH,
)
def pacga(cpu: Cpu, rm: int, rn: int, rd: int) -> None:
    cpu.set_x(rd, generic_code(cpu, cpu.x(rn), cpu.xsp(rm)))


XPAC = "XPACD, XPACI, XPACLRI"


@insn(XPAC, "11011010110 00001 010000 11111 rd:5", asm="xpaci {rd:X}", feature=Feature.PAUTH)
def xpaci(cpu: Cpu, rd: int) -> None:
    cpu.set_x(rd, strip(cpu, cpu.x(rd), is_data=False))


@insn(XPAC, "11011010110 00001 010001 11111 rd:5", asm="xpacd {rd:X}", feature=Feature.PAUTH)
def xpacd(cpu: Cpu, rd: int) -> None:
    cpu.set_x(rd, strip(cpu, cpu.x(rd), is_data=True))


@insn(XPAC, "11010101000000110010 0000 111 11111", asm="xpaclri", traits=Trait.HINT, specialises="HINT")
def xpaclri(cpu: Cpu) -> None:
    if cpu.has(Feature.PAUTH):
        cpu.set_x(LINK_REGISTER, strip(cpu, cpu.x(LINK_REGISTER), is_data=False))
