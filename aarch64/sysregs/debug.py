"""Registers of self-hosted debug. They are storage here: what acts on them is `aarch64.debug`.

There is no external debugger: nobody takes what is written to the communication channel, which stays full, nobody sends
anything, and authentication says disabled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.sysregs.record import Config, bits, read_only, read_write, span, write_only
from aarch64.sysregs.traps import EL3_TDA, EL3_TDA_DCC, EL3_TDOSA, TDA, TDA_DCC, TDCC, TDOSA, TDRA

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

BREAKPOINTS, WATCHPOINTS = 6, 4
CONTEXT_AWARE = 2
"""The breakpoints that can match a context, which are the last ones."""

_DEBUG = (TDA, EL3_TDA)
_CHANNEL = (TDCC, TDA_DCC, EL3_TDA_DCC)
_OS = (TDOSA, EL3_TDOSA)

_BVR = mask(64)
_BCR = span(23, 13) | span(2, 0)  # BT LBN SSC HMC PMC E
_BCR_BAS = span(8, 5)  # RES1: A64 instructions only
_WVR = mask(64) ^ 3
_WCR = span(28, 24) | span(20, 0)  # MASK WT LBN SSC HMC BAS LSC PAC E

_MDSCR_ALWAYS = bits(0, 12, 13, 15)  # SS TDCC KDE MDE
_MDSCR_LOCKED = bits(6, 14, 21, 22, 23, 26, 27, 29, 30)  # ERR HDE TDA INTdis TXU RXO TXfull RXfull
_OSLM_IMPLEMENTED = 1 << 3
OSLK = 1 << 1
_DLK = 1 << 0
_CORENPDRQ = 1 << 0
_TXFULL, _RXFULL = 1 << 29, 1 << 30
_CLAIM = mask(8)
_DISABLED = 0b10


def is_os_lock_set(cpu: Cpu) -> bool:
    """Whether the OS lock is locked, as it is after a cold reset."""
    return bool(cpu.sysregs["OSLSR_EL1"] & OSLK)


def is_double_lock_set(cpu: Cpu) -> bool:
    """DoubleLockStatus: whether the OS double lock is locked, no powerdown request being inhibited."""
    return bool(cpu.sysregs["OSDLR_EL1"] & _DLK and not cpu.sysregs["DBGPRCR_EL1"] & _CORENPDRQ)


def _write_mdscr(cpu: Cpu, value: int) -> None:
    """The bits that mirror EDSCR can be written only under the OS lock, to restore them."""
    if not is_os_lock_set(cpu):
        value = value & _MDSCR_ALWAYS | cpu.sysregs["MDSCR_EL1"] & _MDSCR_LOCKED
    cpu.sysregs["MDSCR_EL1"] = value


def _write_oslar(cpu: Cpu, value: int) -> None:
    cpu.sysregs["OSLSR_EL1"] = _OSLM_IMPLEMENTED | (OSLK if value & 1 else 0)


def _set_claim(cpu: Cpu, value: int) -> None:
    cpu.sysregs["DBGCLAIMCLR_EL1"] |= value


def _clear_claim(cpu: Cpu, value: int) -> None:
    cpu.sysregs["DBGCLAIMCLR_EL1"] &= ~value


def _authentication(config: Config) -> int:
    """NSID NSNID, and SID SNID where there is a Secure state: implemented, disabled."""
    states = (0, 2, 4, 6) if config.max_el == 3 else (0, 2)
    return sum(_DISABLED << low for low in states)


# --- the debug communication channel: DTRTX and DTRRX, which the OSDTR registers show without taking from them


def _write_transmitted(cpu: Cpu, value: int) -> None:
    """DBGDTRTX_EL0: 32 bits for the debugger."""
    cpu.sysregs["OSDTRTX_EL1"] = value & mask(32)
    cpu.sysregs["MDSCR_EL1"] |= _TXFULL


def _read_received(cpu: Cpu) -> int:
    """DBGDTRRX_EL0: 32 bits from the debugger, which are taken."""
    cpu.sysregs["MDSCR_EL1"] &= ~_RXFULL
    return cpu.sysregs["OSDTRRX_EL1"]


def _write_both(cpu: Cpu, value: int) -> None:
    """DBGDTR_EL0: 64 bits for the debugger, which finds the upper half in DTRRX."""
    cpu.sysregs["OSDTRRX_EL1"] = value >> 32
    _write_transmitted(cpu, value)


def _read_both(cpu: Cpu) -> int:
    """DBGDTR_EL0: 64 bits from the debugger, who put the upper half into DTRTX."""
    return cpu.sysregs["OSDTRTX_EL1"] << 32 | _read_received(cpu)


REGISTERS = (
    *(read_write(f"DBGBVR{n}_EL1", writable=_BVR, traps=_DEBUG) for n in range(BREAKPOINTS)),
    *(read_write(f"DBGBCR{n}_EL1", writable=_BCR, reset=_BCR_BAS, traps=_DEBUG) for n in range(BREAKPOINTS)),
    *(read_write(f"DBGWVR{n}_EL1", writable=_WVR, traps=_DEBUG) for n in range(WATCHPOINTS)),
    *(read_write(f"DBGWCR{n}_EL1", writable=_WCR, traps=_DEBUG) for n in range(WATCHPOINTS)),
    read_write(
        "MDSCR_EL1", writable=_MDSCR_ALWAYS | _MDSCR_LOCKED, write=_write_mdscr, traps=_DEBUG, is_exception_state=True
    ),
    read_write("MDCCINT_EL1", writable=bits(29, 30), traps=_DEBUG),
    read_only("MDCCSR_EL0", traps=_CHANNEL, read=lambda cpu: cpu.sysregs["MDSCR_EL1"] & (_RXFULL | _TXFULL)),
    read_write("DBGDTR_EL0", traps=_CHANNEL, read=_read_both, write=_write_both),
    read_write("DBGDTRRX_EL0", traps=_CHANNEL, read=_read_received, write=_write_transmitted),
    read_write("OSDTRRX_EL1", writable=mask(32), traps=_DEBUG),
    read_write("OSDTRTX_EL1", writable=mask(32), traps=_DEBUG),
    read_write("OSECCR_EL1", writable=mask(32), traps=_DEBUG),
    read_only("MDRAR_EL1", traps=(TDRA, EL3_TDA)),
    write_only("OSLAR_EL1", writable=bits(0), write=_write_oslar, traps=_OS),
    read_only("OSLSR_EL1", reset=_OSLM_IMPLEMENTED | OSLK, traps=_OS),
    read_write("OSDLR_EL1", writable=_DLK, traps=_OS),
    read_write("DBGPRCR_EL1", writable=_CORENPDRQ, traps=_OS),
    read_write("DBGCLAIMSET_EL1", writable=_CLAIM, read=lambda _cpu: _CLAIM, write=_set_claim, traps=_DEBUG),
    read_write("DBGCLAIMCLR_EL1", writable=_CLAIM, write=_clear_claim, traps=_DEBUG),
    read_only("DBGAUTHSTATUS_EL1", reset=_authentication, traps=_DEBUG),
)
