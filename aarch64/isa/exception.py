"""Exception generation and return: calls to a higher level, breakpoints, halting, ERET."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.cpu import Conduit
from aarch64.exception_entry import exception_return
from aarch64.exceptions import (
    hypervisor_call,
    secure_monitor_call,
    software_breakpoint,
    supervisor_call,
    trapped_smc,
)
from aarch64.features import Feature
from aarch64.isa.definition import Group, Trait, alias
from aarch64.isa.operands import Choice
from aarch64.pointer_auth import Key, authenticate
from aarch64.sysregs.fields import HCR_HCD, HCR_TSC, SCR_HCE, SCR_SMD

if TYPE_CHECKING:
    from aarch64.bits import Bits
    from aarch64.cpu import Cpu
    from aarch64.isa.syntax import Fields

GROUP = Group("Exception generation and return", {"key": lambda field: Choice(field, ("a", "b"))})
insn = GROUP.insn

SEMIHOSTING = 0xF000


@insn("SVC", "11010100 000 imm16:16 000 01", asm="svc {imm16:hex}", traits=Trait.RAISES)
def svc(cpu: Cpu, imm16: int) -> None:
    cpu.raise_exception(supervisor_call(imm16))


@insn("HVC", "11010100 000 imm16:16 000 10", asm="hvc {imm16:hex}", traits=Trait.RAISES)
def hvc(cpu: Cpu, imm16: int) -> None:
    cpu.require_privilege()
    el = cpu.pstate.el
    if not cpu.has_level(2):
        call_firmware(cpu, Conduit.HVC)
        return
    if (el == 1 and not cpu.el2_enabled) or not hypervisor_calls_enabled(cpu):
        cpu.undefined()
    cpu.raise_exception(hypervisor_call(imm16, max(el, 2)))


def hypervisor_calls_enabled(cpu: Cpu) -> bool:
    """Whether the highest level allows HVC: SCR_EL3.HCE, or HCR_EL2.HCD where there is no EL3."""
    if cpu.has_level(3):
        return bool(cpu.sysregs["SCR_EL3"] & SCR_HCE)
    return not cpu.sysregs["HCR_EL2"] & HCR_HCD


@insn("SMC", "11010100 000 imm16:16 000 11", asm="smc {imm16:hex}", traits=Trait.RAISES)
def smc(cpu: Cpu, imm16: int) -> None:
    cpu.require_privilege()
    if cpu.pstate.el == 1 and cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & HCR_TSC:
        # Whether TSC does this without EL3 is IMPLEMENTATION DEFINED: so a hypervisor keeps its guest from firmware.
        cpu.raise_exception(trapped_smc(imm16))
    if not cpu.has_level(3):
        call_firmware(cpu, Conduit.SMC)
        return
    if cpu.sysregs["SCR_EL3"] & SCR_SMD:
        cpu.undefined()
    cpu.raise_exception(secure_monitor_call(imm16))


def call_firmware(cpu: Cpu, conduit: Conduit) -> None:
    """Have the firmware that stands in for an absent level answer; UNDEFINED if it does not."""
    if not cpu.services.firmware_call(conduit):
        cpu.undefined()


def is_any_landing(_cpu: Cpu, _fields: Fields) -> bool:
    """Whatever branch led here: a breakpoint may stand in for any instruction."""
    return True


@insn("BRK", "11010100 001 imm16:16 000 00", asm="brk {imm16:hex}", traits=Trait.RAISES, landing=is_any_landing)
def brk(cpu: Cpu, imm16: int) -> None:
    cpu.raise_exception(software_breakpoint(imm16))


@insn("HLT", "11010100 010 imm16:16 000 00", asm="hlt {imm16:hex}", traits=Trait.RAISES, landing=is_any_landing)
def hlt(cpu: Cpu, imm16: int) -> None:
    """There is no external debugger to halt for (EDSCR.HDE is clear), but a semihosting host may answer."""
    if imm16 != SEMIHOSTING or not cpu.services.semihosting_call():
        cpu.undefined()


@insn(
    "DCPS1",
    "11010100 101 imm16:16 000 01",
    asm="dcps1 {imm16:hex}",
    aliases=(alias("dcps1", imm16=0),),
    traits=Trait.RAISES,
)
@insn(
    "DCPS2",
    "11010100 101 imm16:16 000 10",
    asm="dcps2 {imm16:hex}",
    aliases=(alias("dcps2", imm16=0),),
    traits=Trait.RAISES,
)
@insn(
    "DCPS3",
    "11010100 101 imm16:16 000 11",
    asm="dcps3 {imm16:hex}",
    aliases=(alias("dcps3", imm16=0),),
    traits=Trait.RAISES,
)
def dcps(cpu: Cpu, imm16: int) -> None:
    """Defined only in Debug state, which needs an external debugger."""
    cpu.undefined()


@insn("DRPS", "1101011 0101 11111 000000 11111 00000", asm="drps", traits=Trait.RAISES | Trait.BRANCHES)
def drps(cpu: Cpu) -> None:
    """As `dcps`."""
    cpu.undefined()


def return_to(cpu: Cpu, target: Bits) -> None:
    """Return from the exception being handled at the current level."""
    exception_return(cpu, target, cpu.spsr[cpu.pstate.el])


@insn("ERET", "1101011 0100 11111 000000 11111 00000", asm="eret", traits=Trait.RAISES | Trait.BRANCHES)
def eret(cpu: Cpu) -> None:
    cpu.require_privilege()
    return_to(cpu, cpu.elr[cpu.pstate.el])


@insn(
    "ERETAA, ERETAB",
    "1101011 0100 11111 00001 m:1 11111 11111",
    asm="ereta{m:key}",
    feature=Feature.PAUTH,
    traits=Trait.RAISES | Trait.BRANCHES,
)
def ereta(cpu: Cpu, m: int) -> None:
    cpu.require_privilege()
    key = Key.IB if m else Key.IA
    return_to(cpu, authenticate(cpu, cpu.elr[cpu.pstate.el], cpu.sp, key, combined=True))
