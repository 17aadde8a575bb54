"""What fetch arguments see of a hit: its registers, the kernel's memory, and the symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.events import FetchFault
from kprobes.host import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kprobes.host import Host
    from kprobes.pt_regs import PtRegs


@attrs.frozen
class HitContext:
    """A hit, as `events.FetchContext`; `name` gives an address as `symbol+0x10/0x40`."""

    regs: PtRegs
    host: Host
    symbols: Mapping[str, int]
    name: Callable[[int], str]

    @property
    def sp(self) -> int:
        """The stack pointer."""
        return self.regs.sp

    @property
    def pc(self) -> int:
        """The program counter."""
        return self.regs.pc

    @property
    def pstate(self) -> int:
        """The process state in the format of SPSR."""
        return self.regs.pstate

    def x(self, number: int) -> int:
        """General-purpose register `number`, 0 to 30."""
        return self.regs.x[number]

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes of what the kernel has at a virtual address; FetchFault if not all of them can be read."""
        try:
            return self.host.read(address, size)
        except MemoryFault as fault:
            raise FetchFault(fault.address) from None

    def symbol_address(self, name: str) -> int:
        """The address of a symbol."""
        return self.symbols[name]

    def locate(self, address: int) -> str:
        """An address in words."""
        return self.name(address)
