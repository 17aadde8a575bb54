"""Syndromes in words: what ESR_ELx says, for messages and traces ("ESR_EL1, Exception Syndrome Register")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import ExceptionClass, Vector
from aarch64.registers import register_name
from aarch64.sysregs.names import Direction, encode, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.exceptions import Taken

_EC_SHIFT = 26
_ISS_MASK = (1 << 25) - 1
_WNR = 1 << 6
_CACHE_MAINTENANCE = 1 << 8
_S1PTW = 1 << 7
_STEP_VALID, _STEPPED_EXCLUSIVE = 1 << 24, 1 << 6
_FAR_NOT_VALID = 1 << 10

_LEVELLED_FAULTS = {
    0b0000: "address size fault",
    0b0001: "translation fault",
    0b0010: "access flag fault",
    0b0011: "permission fault",
    0b0101: "external abort on a translation table walk",
}
"""Fault status codes that end with a translation level, by their upper four bits."""

_FAULTS = {
    0x10: "external abort",
    0x11: "tag check fault",
    0x21: "alignment fault",
    0x30: "TLB conflict",
    0x34: "lockdown fault",
    0x35: "unsupported exclusive or atomic access",
}

_WAITS = ("WFI", "WFE", "WFIT", "WFET")


def fault_status(status: int) -> str:
    """A fault status code (6 bits) in words."""
    if status in _FAULTS:
        return _FAULTS[status]
    kind = _LEVELLED_FAULTS.get(status >> 2)
    return f"{kind}, level {status & 3}" if kind else f"fault status {status:#04x}"


def _data_abort(iss: int) -> str:
    direction = "cache maintenance" if iss & _CACHE_MAINTENANCE else "write" if iss & _WNR else "read"
    return f"data abort, {direction}, {_abort_status(iss)}"


def _abort_status(iss: int) -> str:
    walk = " on a stage 2 translation table walk" if iss & _S1PTW else ""
    return fault_status(iss & 0x3F) + walk


def _system_register(iss: int) -> str:
    op0, op2, op1, crn, crm = iss >> 20 & 3, iss >> 17 & 7, iss >> 14 & 7, iss >> 10 & 15, iss >> 1 & 15
    transfer, is_read = register_name(iss >> 5 & 31, 64), bool(iss & 1)
    if op0 == 1:
        operation = f"#{op1}, c{crn}, c{crm}, #{op2}"
        return f"trapped SYSL {transfer}, {operation}" if is_read else f"trapped SYS {operation}, {transfer}"
    direction = Direction.READ if is_read else Direction.WRITE
    name = name_of(encode(op0, op1, crn, crm, op2), direction)
    return f"trapped MRS {transfer}, {name}" if is_read else f"trapped MSR {name}, {transfer}"


def _software_step(iss: int) -> str:
    if not iss & _STEP_VALID:
        return "software step, before any instruction"
    return "software step, after a load-exclusive" if iss & _STEPPED_EXCLUSIVE else "software step"


def _watchpoint(iss: int) -> str:
    direction = "cache maintenance" if iss & _CACHE_MAINTENANCE else "write" if iss & _WNR else "read"
    return f"watchpoint, {direction}"


_DESCRIPTIONS: dict[ExceptionClass, Callable[[int], str]] = {
    ExceptionClass.UNKNOWN: lambda _iss: "undefined instruction",
    ExceptionClass.WFX: lambda iss: f"trapped {_WAITS[iss & 3]}",
    ExceptionClass.FP_ACCESS: lambda _iss: "trapped floating-point or SIMD instruction",
    ExceptionClass.PAUTH: lambda _iss: "trapped pointer authentication instruction",
    ExceptionClass.BTI: lambda iss: f"branch target exception, BTYPE {iss & 3:02b}",
    ExceptionClass.ILLEGAL_STATE: lambda _iss: "illegal execution state (PSTATE.IL)",
    ExceptionClass.SVC: lambda iss: f"SVC #{iss & 0xFFFF:#x}",
    ExceptionClass.HVC: lambda iss: f"HVC #{iss & 0xFFFF:#x}",
    ExceptionClass.SMC: lambda iss: f"SMC #{iss & 0xFFFF:#x}",
    ExceptionClass.SYSTEM_REGISTER: _system_register,
    ExceptionClass.PAC_FAIL: lambda iss: (
        f"pointer authentication failure, {'data' if iss & 2 else 'instruction'} key {'B' if iss & 1 else 'A'}"
    ),
    ExceptionClass.INSTRUCTION_ABORT: lambda iss: f"instruction abort, {_abort_status(iss)}",
    ExceptionClass.PC_ALIGNMENT: lambda _iss: "PC alignment fault",
    ExceptionClass.DATA_ABORT: _data_abort,
    ExceptionClass.SP_ALIGNMENT: lambda _iss: "SP alignment fault",
    ExceptionClass.SERROR: lambda iss: f"SError interrupt, syndrome {iss:#x}",
    ExceptionClass.BREAKPOINT: lambda _iss: "hardware breakpoint",
    ExceptionClass.SOFTWARE_STEP: _software_step,
    ExceptionClass.WATCHPOINT: _watchpoint,
    ExceptionClass.BRK: lambda iss: f"BRK #{iss & 0xFFFF:#x}",
}

_WITH_ADDRESS = frozenset(
    {
        ExceptionClass.INSTRUCTION_ABORT,
        ExceptionClass.DATA_ABORT,
        ExceptionClass.PC_ALIGNMENT,
        ExceptionClass.WATCHPOINT,
    }
)
"""Classes for which FAR_ELx is valid, unless ISS.FnV says otherwise."""


_CLASSES = {int(ec): ec for ec in _DESCRIPTIONS} | {int(ec.at_same_level): ec for ec in _DESCRIPTIONS}
"""The class a value of ESR_ELx.EC stands for; of a pair, the one from a lower level."""


def describe(esr: int, far: int | None = None) -> str:
    """An ESR_ELx value in words, with the address in `far` where the class has one.

    Example: `data abort, write, external abort at 0xb0000000`.
    """
    ec, iss = _CLASSES.get(esr >> _EC_SHIFT & 0x3F), esr & _ISS_MASK
    if ec is None:
        return f"exception class {esr >> _EC_SHIFT & 0x3F:#04x}, syndrome {iss:#x}"
    text = _DESCRIPTIONS[ec](iss)
    is_abort = ec in (ExceptionClass.INSTRUCTION_ABORT, ExceptionClass.DATA_ABORT)
    if far is None or ec not in _WITH_ADDRESS or (is_abort and iss & _FAR_NOT_VALID):
        return text
    return f"{text} at {far:#x}"


def describe_taken(taken: Taken) -> str:
    """An exception that was taken, in words; an interrupt has no syndrome."""
    if taken.vector in (Vector.IRQ, Vector.FIQ):
        return taken.vector.name
    return describe(taken.esr, taken.far)


def class_name(taken: Taken) -> str:
    """The short name exceptions of this kind are counted by: SVC, DATA_ABORT, IRQ ..."""
    return taken.vector.name if taken.vector in (Vector.IRQ, Vector.FIQ) else taken.ec.name
