"""What a fetch argument is evaluated in: the machine at the moment of a hit, as far as arguments can see it."""

from __future__ import annotations

from typing import Protocol

from kprobes.errors import KprobesError


class FetchFault(KprobesError):
    """Memory at `address` cannot be read; the value is shown as `(fault)`."""

    def __init__(self, address: int) -> None:
        super().__init__(f"memory at {address:#x} cannot be read")
        self.address = address


class Registers(Protocol):
    """The registers of the probed context; all values are 64-bit and not negative."""

    @property
    def sp(self) -> int:
        """The stack pointer."""

    @property
    def pc(self) -> int:
        """The program counter."""

    @property
    def pstate(self) -> int:
        """The process state in the format of SPSR."""

    def x(self, number: int) -> int:
        """General-purpose register `number`, 0 to 30."""


class FetchContext(Registers, Protocol):
    """Registers, memory and symbols."""

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes from a virtual address.

        Raises:
            FetchFault: not all of them can be read.
        """

    def symbol_address(self, name: str) -> int:
        """The address of a symbol that existed when the spec was parsed."""

    def locate(self, address: int) -> str:
        """An address in words: `symbol+0x10/0x40` where that is known, else hexadecimal."""
