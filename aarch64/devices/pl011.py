"""The PL011 UART ("PrimeCell UART (PL011) Technical Reference Manual"), as software on QEMU's virt board knows it.

It transmits at once, whether enabled or not, at any baud rate. Its interrupt line is not connected: there is no
interrupt controller. A register answers to an access of any size anywhere in its word.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.memory import BusError

if TYPE_CHECKING:
    from aarch64.devices.console import Console

BASE = 0x0900_0000
SIZE = 0x1000

_PATIENCE = 16
"""Readings of the flag or interrupt registers, with nothing else done to the UART between, after which the guest is
taken to wait for input. Waits for the transmitter are shorter: it is always ready."""

_CELL_IDS = (0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
"""UARTPeriphID0 to 3 and UARTPCellID0 to 3."""


@unique
class Register(IntEnum):
    """Offsets of the registers, without their prefix UART."""

    DR = 0x000
    RSR = 0x004
    FR = 0x018
    ILPR = 0x020
    IBRD = 0x024
    FBRD = 0x028
    LCR_H = 0x02C
    CR = 0x030
    IFLS = 0x034
    IMSC = 0x038
    RIS = 0x03C
    MIS = 0x040
    ICR = 0x044
    DMACR = 0x048
    PERIPH_ID0 = 0xFE0


_STORED = {
    Register.ILPR: (0xFF, 0),
    Register.IBRD: (0xFFFF, 0),
    Register.FBRD: (0x3F, 0),
    Register.LCR_H: (0xFF, 0),
    Register.CR: (0xFF87, 0x300),
    Register.IFLS: (0x3F, 0x12),
    Register.IMSC: (0x7FF, 0),
    Register.DMACR: (0x7, 0),
}
"""Registers that only hold what is written: (writable bits, reset value)."""

_FR_RXFE = 1 << 4
_FR_RXFF = 1 << 6
_FR_TXFE = 1 << 7
_LCR_FEN = 1 << 4
_INT_RX = 1 << 4
_INT_TX = 1 << 5


@attrs.frozen
class Pl011State:
    """A saved UART."""

    stored: dict[Register, int]
    received: int | None
    raw_interrupts: int
    polls: int


def _check_range(offset: int, size: int) -> None:
    """An unaligned access may begin in the device and end behind it."""
    if offset + size > SIZE:
        raise BusError(offset)


class Pl011:
    """A PL011 on a console. Implements `memory.Device`."""

    size = SIZE

    def __init__(self, console: Console) -> None:
        """Reset."""
        self._console = console
        self.reset()

    def reset(self) -> None:
        """The state after power-on ("Summary of registers")."""
        self._stored = {register: reset for register, (_, reset) in _STORED.items()}
        self._received: int | None = None
        self._raw_interrupts = 0
        self._polls = 0

    # --- the bus

    def read(self, offset: int, size: int) -> int:
        """The value of an access of `size` bytes (1, 2, 4; 8 reads two registers); BusError across the end."""
        _check_range(offset, size)
        if size == 8:
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        return self._read_register(offset & ~3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes (1, 2, 4; 8 writes two registers); BusError across the end, or if printing fails."""
        _check_range(offset, size)
        if size == 8:
            self.write(offset, 4, value & 0xFFFF_FFFF)
            self.write(offset + 4, 4, value >> 32)
            return
        self._write_register(offset & ~3, value)

    def _read_register(self, offset: int) -> int:
        if offset >= Register.PERIPH_ID0:
            return _CELL_IDS[(offset - Register.PERIPH_ID0) >> 2]
        match offset:
            case Register.DR:
                return self._receive()
            case Register.FR:
                self._poll()
                return self._flags()
            case Register.RIS:
                self._poll()
                return self._raw_interrupts
            case Register.MIS:
                self._poll()
                return self._raw_interrupts & self._stored[Register.IMSC]
        return self._stored.get(offset, 0)  # type: ignore[call-overload,no-any-return]  # an int finds an IntEnum

    def _write_register(self, offset: int, value: int) -> None:
        self._polls = 0
        match offset:
            case Register.DR:
                self._transmit(value & 0xFF)
            case Register.ICR:
                self._raw_interrupts &= ~value
            case Register.LCR_H if (value ^ self._stored[Register.LCR_H]) & _LCR_FEN:
                self._received = None
        if offset in self._stored:
            register = Register(offset)
            self._stored[register] = value & _STORED[register][0]

    # --- characters

    def _transmit(self, character: int) -> None:
        try:
            self._console.write(bytes([character]))
        except OSError:
            raise BusError(Register.DR) from None
        self._raw_interrupts |= _INT_TX

    def _receive(self) -> int:
        """UARTDR as read; 0 when nothing was received."""
        self._polls = 0
        character = self._received or 0
        self._received = None
        self._raw_interrupts &= ~_INT_RX
        return character

    def _poll(self) -> None:
        """Note that the guest looks whether something has arrived; when it keeps looking, wait for input."""
        self._polls += 1
        if self._polls < _PATIENCE or self._received is not None:
            return
        self._polls = 0
        try:
            self._received = self._console.read_byte()
        except OSError:
            return
        if self._received is not None:
            self._raw_interrupts |= _INT_RX

    def _flags(self) -> int:
        """UARTFR. Input comes one character at a time, which fills the receiver only while its FIFO is disabled."""
        if self._received is None:
            return _FR_TXFE | _FR_RXFE
        return _FR_TXFE if self._stored[Register.LCR_H] & _LCR_FEN else _FR_TXFE | _FR_RXFF

    # --- snapshots

    def save(self) -> Pl011State:
        """The whole state."""
        return Pl011State(dict(self._stored), self._received, self._raw_interrupts, self._polls)

    def restore(self, state: Pl011State) -> None:
        """Return to a saved state."""
        self._stored = dict(state.stored)
        self._received = state.received
        self._raw_interrupts = state.raw_interrupts
        self._polls = state.polls
