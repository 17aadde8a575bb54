"""Guest memory as a semihosting host sees it: through the CPU's own addresses, in bulk, bad addresses being errors."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import attrs

from aarch64.access import Access, resolve
from aarch64.bits import mask
from aarch64.exceptions import ArchException
from aarch64.memory import PAGE_OFFSET, PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu


def _bad_address(address: int) -> OSError:
    return OSError(errno.EFAULT, os.strerror(errno.EFAULT), f"{address:#x}")


@attrs.frozen
class GuestMemory:
    """Reads and writes RAM at virtual addresses; OSError (EFAULT) where an access by the guest would fault."""

    cpu: Cpu

    def _chunks(self, address: int, length: int, *, is_write: bool) -> Iterator[tuple[int, int]]:
        """(physical address, length) of the parts that lie in one page each; all in RAM."""
        end = address + length
        while address < end:
            try:
                physical = resolve(self.cpu, address & mask(64), 1, Access.NORMAL, is_write=is_write)
            except ArchException:
                raise _bad_address(address) from None
            if not self.cpu.memory.is_ram(physical):
                raise _bad_address(address)
            size = min(PAGE_SIZE - (address & PAGE_OFFSET), end - address)
            yield physical, size
            address += size

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes."""
        chunks = list(self._chunks(address, length, is_write=False))
        return b"".join(self.cpu.memory.read_bytes(physical, size) for physical, size in chunks)

    def write(self, address: int, data: bytes) -> None:
        """Write `data`; nothing is written if any of it cannot be."""
        position = 0
        for physical, size in list(self._chunks(address, len(data), is_write=True)):
            self.cpu.memory.write_bytes(physical, data[position : position + size])
            position += size
        if self.cpu.store_log is not None and data:
            self.cpu.store_log.append((address, len(data), int.from_bytes(data, "little")))

    def check_writable(self, address: int, length: int) -> None:
        """OSError unless `length` bytes could be written."""
        for _ in self._chunks(address, length, is_write=True):
            pass

    def read_string(self, address: int) -> bytes:
        """The bytes up to a zero byte."""
        parts = []
        while True:
            room = PAGE_SIZE - (address & PAGE_OFFSET)
            text, zero, _ = self.read(address, room).partition(b"\0")
            parts.append(text)
            if zero:
                return b"".join(parts)
            address += room

    def read_words(self, address: int, count: int) -> tuple[int, ...]:
        """`count` 64-bit values."""
        data = self.read(address, 8 * count)
        return tuple(int.from_bytes(data[8 * index : 8 * index + 8], "little") for index in range(count))

    def write_words(self, address: int, *values: int) -> None:
        """64-bit values, one after the other."""
        self.write(address, b"".join(value.to_bytes(8, "little") for value in values))
