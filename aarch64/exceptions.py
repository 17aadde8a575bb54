"""Architectural exceptions as values: class, syndrome, address, and where they may be routed.

An exception is built where it arises and raised; `Cpu.take_exception` alone turns it into architectural state.
"""

from __future__ import annotations

from enum import Enum, IntEnum, unique
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from aarch64.translation.translate import TranslationFault


@unique
class ExceptionClass(IntEnum):
    """ESR_ELx.EC ("ESR_EL1, Exception Syndrome Register"); for classes in pairs, the one from a lower level."""

    UNKNOWN = 0x00
    WFX = 0x01
    FP_ACCESS = 0x07
    PAUTH = 0x09
    BTI = 0x0D
    ILLEGAL_STATE = 0x0E
    SVC = 0x15
    HVC = 0x16
    SMC = 0x17
    SYSTEM_REGISTER = 0x18
    PAC_FAIL = 0x1C
    INSTRUCTION_ABORT = 0x20
    INSTRUCTION_ABORT_SAME = 0x21
    PC_ALIGNMENT = 0x22
    DATA_ABORT = 0x24
    DATA_ABORT_SAME = 0x25
    SP_ALIGNMENT = 0x26
    SERROR = 0x2F
    BREAKPOINT = 0x30
    BREAKPOINT_SAME = 0x31
    SOFTWARE_STEP = 0x32
    SOFTWARE_STEP_SAME = 0x33
    WATCHPOINT = 0x34
    WATCHPOINT_SAME = 0x35
    BRK = 0x3C

    @property
    def at_same_level(self) -> ExceptionClass:
        """The class reported when the exception is taken without a change of level."""
        return ExceptionClass(self | 1) if self in _PAIRED else self


_PAIRED = frozenset(
    {
        ExceptionClass.INSTRUCTION_ABORT,
        ExceptionClass.DATA_ABORT,
        ExceptionClass.BREAKPOINT,
        ExceptionClass.SOFTWARE_STEP,
        ExceptionClass.WATCHPOINT,
    }
)


@unique
class Vector(IntEnum):
    """The kind of exception, as the offset of its entry within a vector group ("Exception vectors")."""

    SYNCHRONOUS = 0x000
    IRQ = 0x080
    FIQ = 0x100
    SERROR = 0x180


@unique
class Route(Enum):
    """What decides the level an exception is taken to, when its builder does not name one."""

    DEFAULT = "EL1, or EL2 from EL0 when HCR_EL2.TGE is set"
    DEBUG = "EL2 when MDCR_EL2.TDE or HCR_EL2.TGE is set"
    EXTERNAL_ABORT = "EL3 when SCR_EL3.EA is set, EL2 when HCR_EL2.TEA is set"


@unique
class Return(Enum):
    """The preferred return address: ELR_ELx."""

    THIS = "the instruction that caused the exception"
    NEXT = "the one after it"


class ArchException(Exception):
    """An exception as the guest sees it."""

    def __init__(
        self,
        ec: ExceptionClass,
        iss: int = 0,
        *,
        far: int | None = None,
        target: int | None = None,
        route: Route = Route.DEFAULT,
        returns: Return = Return.THIS,
        vector: Vector = Vector.SYNCHRONOUS,
        fault: TranslationFault | None = None,
    ) -> None:
        """Build the value.

        Args:
            ec: exception class; paired classes are given as "from a lower level".
            iss: ESR_ELx.ISS, 25 bits.
            far: FAR_ELx where this exception sets it.
            target: the level it is taken to where the rule names one; else `route` decides.
            route: how the level is found when `target` is None.
            returns: what ELR_ELx points to.
            vector: which entry of the vector group.
            fault: of an abort, what went wrong in the translation of its address; for people, not for the guest.
        """
        super().__init__(ec.name)
        self.ec = ec
        self.iss = iss
        self.far = far
        self.target = target
        self.route = route
        self.returns = returns
        self.vector = vector
        self.fault = fault


@attrs.frozen
class Taken:
    """An exception that was taken: what observers and traces see."""

    ec: ExceptionClass
    vector: Vector
    source_el: int
    target_el: int
    esr: int
    elr: int
    spsr: int
    far: int | None
    handler: int
    cycle: int
    fault: TranslationFault | None = None


_ISV_FREE_WNR = 6
_CACHE_MAINTENANCE = 8


# --- Builders, one for each thing that can go wrong, with the syndrome the Arm ARM gives it.


def undefined() -> ArchException:
    """An instruction that is UNDEFINED here."""
    return ArchException(ExceptionClass.UNKNOWN)


def illegal_state() -> ArchException:
    """Execution with PSTATE.IL set."""
    return ArchException(ExceptionClass.ILLEGAL_STATE)


def pc_alignment(pc: int) -> ArchException:
    """A fetch from a PC that is not a multiple of 4."""
    return ArchException(ExceptionClass.PC_ALIGNMENT, far=pc)


def sp_alignment() -> ArchException:
    """A load or store based on an SP that is not a multiple of 16."""
    return ArchException(ExceptionClass.SP_ALIGNMENT)


def supervisor_call(imm16: int) -> ArchException:
    """SVC."""
    return ArchException(ExceptionClass.SVC, imm16, returns=Return.NEXT)


def hypervisor_call(imm16: int, target: int) -> ArchException:
    """HVC, to EL2 (or EL3 when executed there)."""
    return ArchException(ExceptionClass.HVC, imm16, target=target, returns=Return.NEXT)


def secure_monitor_call(imm16: int) -> ArchException:
    """SMC, to EL3."""
    return ArchException(ExceptionClass.SMC, imm16, target=3, returns=Return.NEXT)


def trapped_smc(imm16: int) -> ArchException:
    """SMC trapped to EL2 by HCR_EL2.TSC."""
    return ArchException(ExceptionClass.SMC, imm16, target=2)


def software_breakpoint(imm16: int) -> ArchException:
    """BRK."""
    return ArchException(ExceptionClass.BRK, imm16, route=Route.DEBUG)


_DEBUG_STATUS = 0b100010
"""ISS.IFSC and DFSC of debug exceptions."""
_ISV, _EX = 1 << 24, 1 << 6


def software_step(*, is_valid: bool, after_exclusive: bool) -> ArchException:
    """A software step exception; ISV: whether an instruction was stepped, EX: whether that was a load-exclusive."""
    iss = _DEBUG_STATUS | (_ISV if is_valid else 0) | (_EX if after_exclusive else 0)
    return ArchException(ExceptionClass.SOFTWARE_STEP, iss, route=Route.DEBUG)


def hardware_breakpoint() -> ArchException:
    """A breakpoint exception, before the instruction is executed."""
    return ArchException(ExceptionClass.BREAKPOINT, _DEBUG_STATUS, route=Route.DEBUG)


def watchpoint(address: int, *, is_write: bool, cache_maintenance: bool = False) -> ArchException:
    """A watchpoint exception, before an access at `address` is made."""
    iss = _DEBUG_STATUS | is_write << _ISV_FREE_WNR | cache_maintenance << _CACHE_MAINTENANCE
    return ArchException(ExceptionClass.WATCHPOINT, iss, far=address, route=Route.DEBUG)


def trapped_system_register(iss: int, target: int) -> ArchException:
    """MSR, MRS, SYS or SYSL trapped to `target`; `iss` is as `system_register_iss` builds it."""
    return ArchException(ExceptionClass.SYSTEM_REGISTER, iss, target=target)


def system_register_iss(op0: int, op1: int, crn: int, crm: int, op2: int, rt: int, *, is_read: bool) -> int:
    """ISS for class 0x18: the instruction's operands and its direction."""
    return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | is_read


def trapped_wait(kind: int, target: int, rn: int | None = None) -> ArchException:
    """WFI (`kind` 0), WFE (1), WFIT (2) or WFET (3) trapped to `target`; `rn` is the timeout's register."""
    register = 0 if rn is None else rn << 5 | 1 << 2
    return ArchException(ExceptionClass.WFX, 1 << 24 | 0xE << 20 | register | kind, target=target)


def trapped_floating_point(target: int) -> ArchException:
    """A floating-point or Advanced SIMD instruction trapped by CPACR_EL1 or CPTR_ELx."""
    return ArchException(ExceptionClass.FP_ACCESS, 1 << 24 | 0xE << 20, target=target)


def trapped_pointer_authentication(target: int) -> ArchException:
    """A pointer authentication instruction trapped by HCR_EL2.API or SCR_EL3.API."""
    return ArchException(ExceptionClass.PAUTH, target=target)


def pointer_authentication_failure(iss: int) -> ArchException:
    """FEAT_FPAC: `iss` bit 1 is data (not instruction) key, bit 0 the B key."""
    return ArchException(ExceptionClass.PAC_FAIL, iss)


def branch_target(btype: int) -> ArchException:
    """A branch target exception: `btype` was not compatible with the instruction."""
    return ArchException(ExceptionClass.BTI, btype)


@unique
class Fault(IntEnum):
    """Fault status codes without a level ("IFSC", "DFSC"); levelled ones are the base plus the level."""

    ADDRESS_SIZE = 0x00
    TRANSLATION = 0x04
    ACCESS_FLAG = 0x08
    PERMISSION = 0x0C
    EXTERNAL = 0x10
    EXTERNAL_ON_WALK = 0x14
    ALIGNMENT = 0x21


def instruction_abort(status: int, address: int, fault: TranslationFault | None = None) -> ArchException:
    """A fault on a fetch from `address`; `status` is the 6-bit fault status code."""
    ec = ExceptionClass.INSTRUCTION_ABORT
    return ArchException(ec, status, far=address, route=_route_of(status), fault=fault)


def data_abort(
    status: int,
    address: int,
    *,
    is_write: bool,
    cache_maintenance: bool = False,
    fault: TranslationFault | None = None,
) -> ArchException:
    """A fault on a data access; `status` is the 6-bit fault status code, `address` the one that faulted."""
    iss = status | is_write << _ISV_FREE_WNR | cache_maintenance << _CACHE_MAINTENANCE
    return ArchException(ExceptionClass.DATA_ABORT, iss, far=address, route=_route_of(status), fault=fault)


def _route_of(status: int) -> Route:
    is_external = status == Fault.EXTERNAL or status & ~0b11 == Fault.EXTERNAL_ON_WALK
    return Route.EXTERNAL_ABORT if is_external else Route.DEFAULT


def interrupt(vector: Vector, target: int, iss: int = 0) -> ArchException:
    """IRQ, FIQ or SError taken to `target`; `iss` is the syndrome of an SError."""
    return ArchException(ExceptionClass.SERROR, iss, target=target, vector=vector)
