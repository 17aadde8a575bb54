"""The control and status of floating point: trapped as on hardware, and beyond that not modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.errors import UnsupportedState
from aarch64.sysregs.record import SysReg, read_write
from aarch64.sysregs.traps import check_fp_access

if TYPE_CHECKING:
    from typing import NoReturn

    from aarch64.cpu import Cpu


def _unsupported(name: str) -> SysReg:
    def refuse(cpu: Cpu) -> NoReturn:
        check_fp_access(cpu)
        raise UnsupportedState(f"floating point is not modelled: {name} accessed at {cpu.pc:#x}")

    return read_write(name, level=0, read=refuse, write=lambda cpu, _value: refuse(cpu))


REGISTERS = (_unsupported("FPCR"), _unsupported("FPSR"))
