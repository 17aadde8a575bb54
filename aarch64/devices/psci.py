"""PSCI, the firmware interface for power ("Power State Coordination Interface", DEN0022), for a machine of one CPU.

It answers as QEMU's virt board does: on HVC where there is no EL2, on SMC where there is EL2 and no EL3, and not at all
where EL3 exists, since firmware then is the guest's. On that conduit every call is a firmware call, and an unknown
function is not supported ("SMC Calling Convention", DEN0028).
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.cpu import Conduit, Cpu, Wait

if TYPE_CHECKING:
    from collections.abc import Callable


@unique
class Function(IntEnum):
    """Function identifiers, in X0."""

    VERSION = 0x8400_0000
    CPU_SUSPEND = 0x8400_0001
    CPU_OFF = 0x8400_0002
    CPU_ON = 0x8400_0003
    AFFINITY_INFO = 0x8400_0004
    MIGRATE_INFO_TYPE = 0x8400_0006
    SYSTEM_OFF = 0x8400_0008
    SYSTEM_RESET = 0x8400_0009
    FEATURES = 0x8400_000A
    CPU_SUSPEND_64 = 0xC400_0001
    CPU_ON_64 = 0xC400_0003
    AFFINITY_INFO_64 = 0xC400_0004


_KNOWN = frozenset(Function)


@unique
class Result(IntEnum):
    """Return values, in X0."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    INVALID_PARAMETERS = -2
    ALREADY_ON = -4


_VERSION_1_1 = 0x1_0001
_AFFINITY_ON = 0
_MIGRATION_NOT_REQUIRED = 2
_RESERVED_POWER_STATE = 0xFFFE_0000
_AFFINITY_OF_CPU0 = 0


@unique
class Power(IntEnum):
    """What the guest wants done to the board once the call is over."""

    OFF = Function.SYSTEM_OFF
    RESET = Function.SYSTEM_RESET
    CPU_OFF = Function.CPU_OFF


def conduit_for(max_el: int) -> Conduit | None:
    """The instruction that calls the firmware of a machine whose highest exception level is `max_el`."""
    return {1: Conduit.HVC, 2: Conduit.SMC}.get(max_el)


class Psci:
    """The firmware."""

    def __init__(self, cpu: Cpu, request: Callable[[Power], None]) -> None:
        """Serve `cpu`; `request` is called for what ends or restarts the machine."""
        self._cpu = cpu
        self._conduit = conduit_for(cpu.max_el)
        self._request = request

    def call(self, conduit: Conduit) -> bool:
        """Answer the call in X0 to X3; False if firmware is not called by this instruction."""
        if conduit is not self._conduit:
            return False
        gpr = self._cpu.gpr
        self._cpu.set_x(0, self._answer(gpr[0], gpr[1], gpr[2]) & mask(64))
        return True

    def _answer(self, function: int, first: int, second: int) -> int:
        match function:
            case Function.VERSION:
                result = _VERSION_1_1
            case Function.FEATURES:
                result = Result.SUCCESS if first in _KNOWN else Result.NOT_SUPPORTED
            case Function.MIGRATE_INFO_TYPE:
                result = _MIGRATION_NOT_REQUIRED
            case Function.AFFINITY_INFO | Function.AFFINITY_INFO_64:
                result = _AFFINITY_ON if second or first == _AFFINITY_OF_CPU0 else Result.INVALID_PARAMETERS
            case Function.CPU_ON | Function.CPU_ON_64:
                result = Result.ALREADY_ON if first == _AFFINITY_OF_CPU0 else Result.INVALID_PARAMETERS
            case Function.CPU_SUSPEND | Function.CPU_SUSPEND_64:
                result = self._suspend(first)
            case Function.SYSTEM_OFF | Function.SYSTEM_RESET | Function.CPU_OFF:
                self._request(Power(function))
                result = Result.SUCCESS
            case _:
                result = Result.NOT_SUPPORTED
        return result

    def _suspend(self, power_state: int) -> int:
        """CPU_SUSPEND: there is no deeper state than WFI."""
        if power_state & _RESERVED_POWER_STATE:
            return Result.INVALID_PARAMETERS
        self._cpu.wait(Wait.INTERRUPT)
        return Result.SUCCESS
