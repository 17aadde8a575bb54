"""Moves to and from system registers and PSTATE fields: MRS, MSR (register), MSR (immediate)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import system_register_iss, trapped_system_register
from aarch64.features import Feature
from aarch64.isa.definition import Group, Semantics, Trait
from aarch64.isa.syntax import Cursor, Mismatch, operand
from aarch64.sysregs import names
from aarch64.sysregs.names import Direction
from aarch64.sysregs.table import TABLE
from aarch64.sysregs.traps import UMA, On, trapping_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields


def _encoding(fields: Fields) -> int:
    return names.encode(2 + fields["o0"], fields["op1"], fields["crn"], fields["crm"], fields["op2"])


@operand
class SystemRegister:
    """A system register's name, as it is called in a move of this direction; generic names are accepted too."""

    direction: Direction
    fields = ("o0", "op1", "crn", "crm", "op2")

    def format(self, fields: Fields, address: int | None) -> str:
        return names.name_of(_encoding(fields), self.direction)

    def parse(self, cursor: Cursor, known: Fields) -> dict[str, int]:
        cursor.skip_space()
        start = cursor.position
        name = cursor.word()
        encoding = names.encoding_of(name)
        if encoding is None:
            raise Mismatch(f"unknown system register {name!r}" if name else "expected a system register", start)
        if self.direction not in names.moves(name):
            only = "read" if self.direction is Direction.WRITE else "written"
            raise Mismatch(f"{name.upper()} can only be {only}", start)
        op0, op1, crn, crm, op2 = names.decode(encoding)
        if op0 < 2:
            raise Mismatch(f"op0 of {name.upper()} is not 2 or 3", start)
        return {"o0": op0 - 2, "op1": op1, "crn": crn, "crm": crm, "op2": op2}


GROUP = Group(
    "System register moves",
    {
        "readable": lambda: SystemRegister(Direction.READ),
        "writable": lambda: SystemRegister(Direction.WRITE),
    },
)
insn = GROUP.insn


def is_exception_state(o0: int, op1: int, crn: int, crm: int, op2: int) -> bool:
    """Whether exceptions change the register, or a debugger that steps."""
    register = TABLE.get(names.encode(2 + o0, op1, crn, crm, op2))
    return register is not None and register.is_exception_state


@insn(
    "MRS",
    "1101010100 1 1 o0:1 op1:3 crn:4 crm:4 op2:3 rt:5",
    asm="mrs {rt:X}, {readable}",
    traits=Trait.READS_SYSREG,
    traits_when={Trait.READS_EXCEPTION_STATE: is_exception_state},
)
def mrs(cpu: Cpu, o0: int, op1: int, crn: int, crm: int, op2: int, rt: int) -> None:
    cpu.set_x(rt, cpu.system_register(names.encode(2 + o0, op1, crn, crm, op2), rt))


@insn(
    "MSR (register)",
    "1101010100 0 1 o0:1 op1:3 crn:4 crm:4 op2:3 rt:5",
    asm="msr {writable}, {rt:X}",
    traits=Trait.WRITES_SYSREG,
)
def msr_register(cpu: Cpu, o0: int, op1: int, crn: int, crm: int, op2: int, rt: int) -> None:
    cpu.set_system_register(names.encode(2 + o0, op1, crn, crm, op2), rt, cpu.x(rt))


# --- MSR (immediate): one definition for each PSTATE field; of a one-bit field's immediate the lowest bit counts

IMMEDIATE = "1101010100000 {op1} 0100 crm:4 {op2} 11111"


def _immediate(name: str, op1: str, op2: str, feature: Feature | None = None) -> Callable[[Semantics], Semantics]:
    return insn(
        "MSR (immediate)",
        IMMEDIATE.format(op1=op1, op2=op2),
        asm=f"msr {name}, {{crm:imm}}",
        traits=Trait.WRITES_SYSREG,
        feature=feature,
    )


def _check_masks_access(cpu: Cpu, crm: int, op2: int) -> None:
    """SCTLR_EL1.UMA decides whether EL0 may change the interrupt masks."""
    target = trapping_level(cpu, (UMA,), On.WRITE)
    if target is not None:
        iss = system_register_iss(0, 0b011, 4, crm, op2, rt=31, is_read=False)
        cpu.raise_exception(trapped_system_register(iss, target))


@_immediate("SPSel", "000", "101")
def msr_spsel(cpu: Cpu, crm: int) -> None:
    cpu.require_privilege()
    cpu.pstate.sp = crm & 1
    cpu.request_attention()  # blocks know which stack pointer is selected


@_immediate("UAO", "000", "011", Feature.UAO)
def msr_uao(cpu: Cpu, crm: int) -> None:
    cpu.require_privilege()
    cpu.pstate.uao = crm & 1


@_immediate("PAN", "000", "100", Feature.PAN)
def msr_pan(cpu: Cpu, crm: int) -> None:
    cpu.require_privilege()
    cpu.pstate.pan = crm & 1
    cpu.context_changed()


@_immediate("SSBS", "011", "001", Feature.SSBS)
def msr_ssbs(cpu: Cpu, crm: int) -> None:
    cpu.pstate.ssbs = crm & 1


@_immediate("DIT", "011", "010", Feature.DIT)
def msr_dit(cpu: Cpu, crm: int) -> None:
    cpu.pstate.dit = crm & 1


@_immediate("DAIFSet", "011", "110")
def msr_daifset(cpu: Cpu, crm: int) -> None:
    _check_masks_access(cpu, crm, 0b110)
    cpu.pstate.daif |= crm


@_immediate("DAIFClr", "011", "111")
def msr_daifclr(cpu: Cpu, crm: int) -> None:
    _check_masks_access(cpu, crm, 0b111)
    cpu.pstate.daif &= ~crm
    cpu.request_attention()


GROUP.unsupported(
    "MSR (immediate)",
    IMMEDIATE.format(op1="011", op2="100"),
    "PSTATE.TCO: memory tagging is not modelled",
    Feature.MTE,
    asm="msr TCO, {crm:imm}",
)
GROUP.unsupported(
    "MSR (immediate)",
    "1101010100000 001 0100 000 imm1:1 000 11111",
    "PSTATE.ALLINT: FEAT_NMI is not modelled",
)
GROUP.unsupported(
    "MSR (immediate)",
    "1101010100000 001 0100 001 imm1:1 000 11111",
    "PSTATE.PM: FEAT_EBEP is not modelled",
)
GROUP.unsupported(
    "MSR (immediate)",
    "1101010100000 011 0100 0 mask:2 imm1:1 011 11111",
    "PSTATE.SM and PSTATE.ZA: the scalable matrix extension is not modelled",
    Feature.SME,
    valid=lambda mask: mask != 0,
)
