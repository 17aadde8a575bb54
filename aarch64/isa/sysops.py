"""System instructions: SYS and SYSL, and the operations written AT, BRB, CFP, CPP, DC, DVP, IC and TLBI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.operands import read_register
from aarch64.isa.syntax import Cursor, Mismatch, OneField, operand
from aarch64.registers import X_NAMES, ZR
from aarch64.system_operations import OPERATIONS, Operation, execute

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.isa.definition import Predicate
    from aarch64.isa.syntax import Fields

_BY_NAME = {(operation.mnemonic, operation.name): operation for operation in OPERATIONS.values()}
MNEMONICS = tuple(sorted({mnemonic for mnemonic, _ in _BY_NAME}))


def read_x(cursor: Cursor) -> int:
    """The number of the 64-bit register at the cursor."""
    start = cursor.position
    number, width = read_register(cursor)
    if width != 64:
        raise Mismatch("expected a 64-bit register", start)
    return number


@operand
class NamedOperation:
    """`vae1is, x0`: an operation by name, and its register if it takes one."""

    mnemonic: str
    fields = ("op1", "crn", "crm", "op2", "rt")
    symbol = "<operation>{, <Xt>}"

    def format(self, fields: Fields, address: int | None) -> str:
        operation = find(**fields)
        assert operation is not None
        return f"{operation.name}, {X_NAMES[fields['rt']]}" if operation.takes_register else operation.name

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        name = cursor.word()
        operation = _BY_NAME.get((self.mnemonic, name))
        if operation is None:
            raise Mismatch(f"{self.mnemonic} has no operation {name!r}", start)
        rt = ZR
        if operation.takes_register:
            cursor.expect(",")
            rt = read_x(cursor)
        return dict(zip(self.fields, (*operation.encoding, rt), strict=True))


@operand
class ControlRegister(OneField):
    """`c7`: CRn or CRm."""

    def format(self, fields: Fields, address: int | None) -> str:
        return f"c{fields[self.field]}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        start = cursor.position
        name = cursor.word()
        if not (name.startswith("c") and name[1:].isdecimal() and int(name[1:]) < 16):
            raise Mismatch(f"expected c0 to c15, found {name!r}", start)
        return {self.field: int(name[1:])}


@operand
class OptionalRegister(OneField):
    """`, x1`, left out when it is XZR."""

    symbol = "{, <Xt>}"

    def format(self, fields: Fields, address: int | None) -> str:
        return "" if fields[self.field] == ZR else f", {X_NAMES[fields[self.field]]}"

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        return {self.field: read_x(cursor) if cursor.accept(",") else ZR}


def find(op1: int, crn: int, crm: int, op2: int, rt: int) -> Operation | None:
    """The operation that can be written by name: one that takes no register has none to show."""
    operation = OPERATIONS.get((op1, crn, crm, op2))
    return operation if operation and (operation.takes_register or rt == ZR) else None


GROUP = Group(
    "System instructions",
    {"operation": NamedOperation, "c": ControlRegister, "optional_x": OptionalRegister},
)
insn = GROUP.insn


def is_named(mnemonic: str) -> Predicate:
    """The condition that an encoding is written with a mnemonic."""

    def condition(op1: int, crn: int, crm: int, op2: int, rt: int) -> bool:
        operation = find(op1, crn, crm, op2, rt)
        return operation is not None and operation.mnemonic == mnemonic

    return condition


@insn(
    "SYS",
    "1101010100 0 01 op1:3 crn:4 crm:4 op2:3 rt:5",
    asm="sys {op1:imm}, {crn:c}, {crm:c}, {op2:imm}{rt:optional_x}",
    aliases=tuple(alias(f"{name} {{operation({name})}}", when=is_named(name)) for name in MNEMONICS),
    traits=Trait.WRITES_SYSREG | Trait.MAINTAINS,
)
def sys(cpu: Cpu, op1: int, crn: int, crm: int, op2: int, rt: int) -> None:
    execute(cpu, (op1, crn, crm, op2), rt, is_read=False)


@insn(
    "DC",
    "1101010100 0 01 011 0111 0100 001 rt:5",
    asm="dc zva, {rt:X}",
    aliases=(alias("sys #3, c7, c4, #1{rt:optional_x}", preferred=False),),
    traits=Trait.WRITES_SYSREG | Trait.MAINTAINS | Trait.STORES,
    specialises="SYS",
)
def dc_zva(cpu: Cpu, rt: int) -> None:
    """The one system operation that writes memory."""
    execute(cpu, (3, 7, 4, 1), rt, is_read=False)


@insn(
    "SYSL",
    "1101010100 1 01 op1:3 crn:4 crm:4 op2:3 rt:5",
    asm="sysl {rt:X}, {op1:imm}, {crn:c}, {crm:c}, {op2:imm}",
    traits=Trait.READS_SYSREG,
)
def sysl(cpu: Cpu, op1: int, crn: int, crm: int, op2: int, rt: int) -> None:
    """No operation has a result."""
    execute(cpu, (op1, crn, crm, op2), rt, is_read=True)
