"""Reading and writing system registers by MRS and MSR: does it exist here, is it trapped, then the access itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import system_register_iss, trapped_system_register, undefined
from aarch64.features import Feature
from aarch64.sysregs import names
from aarch64.sysregs.record import SysReg, writable_bits
from aarch64.sysregs.table import TABLE
from aarch64.sysregs.traps import TID3, TIDCP, On, Trap, el1_or_tge, trapping_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.cpu import Cpu
    from aarch64.exceptions import ArchException


def read_register(cpu: Cpu, encoding: int, rt: int, table: Mapping[int, SysReg] = TABLE) -> int:
    """MRS: the value of a system register. `encoding` is as `names.encode` makes it, `rt` goes into a syndrome.

    Raises:
        ArchException: the register is UNDEFINED here, or the access is trapped.
    """
    register = _checked(cpu, table.get(encoding), encoding, rt, On.READ)
    return register.read(cpu) if register.read else cpu.sysregs[register.key]


def write_register(cpu: Cpu, encoding: int, rt: int, value: int, table: Mapping[int, SysReg] = TABLE) -> None:
    """MSR (register): write a 64-bit value; bits that are not writable keep what they are.

    Raises:
        ArchException: the register is UNDEFINED here, or the access is trapped.
        UnsupportedState: the value asks for what is not modelled.
    """
    register = _checked(cpu, table.get(encoding), encoding, rt, On.WRITE)
    writable = writable_bits(register, cpu.features)
    kept = cpu.sysregs[register.key] & ~writable if register.write is None else 0
    new = value & writable | kept
    if register.check:
        register.check(cpu, new)
    if register.write:
        register.write(cpu, new)
    else:
        cpu.sysregs[register.key] = new
    cpu.context_changed()


def _checked(cpu: Cpu, register: SysReg | None, encoding: int, rt: int, on: On) -> SysReg:
    """The register, once the access is known to be allowed."""
    if register is None or not _exists(cpu, register, on):
        if _is_reserved_for_implementation(encoding):
            _check_trap(cpu, (TIDCP,), encoding, rt, on)
        if on is On.READ and cpu.has(Feature.IDST) and _is_id_space(encoding):
            raise _trapped(_id_space_level(cpu), encoding, rt, on)
        raise undefined()
    _check_trap(cpu, register.traps, encoding, rt, on)
    return register


def _exists(cpu: Cpu, register: SysReg, on: On) -> bool:
    """Whether the register can be accessed in this direction at this level, traps apart."""
    lowest = register.read_level if on is On.READ else register.write_level
    if lowest is None or cpu.pstate.el < lowest:
        return False
    if register.feature is not None and not cpu.has(register.feature):
        return False
    return register.guard is None or bool(register.guard(cpu))


def _check_trap(cpu: Cpu, traps: tuple[Trap, ...], encoding: int, rt: int, on: On) -> None:
    target = trapping_level(cpu, traps, on)
    if target is not None:
        raise _trapped(target, encoding, rt, on)


def _trapped(target: int, encoding: int, rt: int, on: On) -> ArchException:
    iss = system_register_iss(*names.decode(encoding), rt, is_read=on is On.READ)
    return trapped_system_register(iss, target)


def _is_reserved_for_implementation(encoding: int) -> bool:
    """Op0 3 (or 1, for SYS), CRn 11 or 15: IMPLEMENTATION DEFINED ("Reserved encodings")."""
    op0, _, crn, _, _ = names.decode(encoding)
    return bool(op0 & 1) and crn in (11, 15)


def _is_id_space(encoding: int) -> bool:
    """The feature ID space, by its encodings (ID_AA64MMFR2_EL1.IDS)."""
    op0, op1, crn, crm, _ = names.decode(encoding)
    return op0 == 3 and op1 in (0, 1, 3) and crn == 0 and crm < 8


def _id_space_level(cpu: Cpu) -> int:
    """FEAT_IDST: the level that is told of a read in the ID space which is UNDEFINED; HCR_EL2.TID3 traps EL1's."""
    el = cpu.pstate.el
    return el1_or_tge(cpu) if el == 0 else trapping_level(cpu, (TID3,), On.READ) or el
