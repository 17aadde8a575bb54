"""The physical address space: lazily backed RAM, and devices.

RAM is held in pages of 4 KiB made at the first touch. A page has one view for each access size, so that an aligned
access is one index operation. Everything is little-endian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_OFFSET = PAGE_SIZE - 1
_ZEROS = bytes(PAGE_SIZE)


class BusError(Exception):
    """Nothing answers at a physical address: an external abort for the guest."""

    def __init__(self, address: int) -> None:
        super().__init__(f"nothing answers at physical address {address:#x}")
        self.address = address


class Device(Protocol):
    """A memory-mapped device, addressed by offsets from its base."""

    @property
    def size(self) -> int:
        """Bytes of address space it takes."""

    def read(self, offset: int, size: int) -> int:
        """The value of `size` bytes (1, 2, 4 or 8) at `offset`; BusError if the device refuses."""

    def write(self, offset: int, size: int, value: int) -> None:
        """Write `size` bytes at `offset`; BusError if the device refuses."""


class CodeWatch(Protocol):
    """Whoever depends on the content of a page: it has been compiled."""

    def __call__(self, offset: int, size: int) -> None:
        """Told of a write of `size` bytes at an offset, after it."""

    def view(self, size: int) -> memoryview:
        """The page as elements of `size` bytes; to write to what is depended on, is a KeyError."""


class Page:
    """4 KiB of RAM at a physical `address`: `data`, and `views[size]` over it for sizes 1, 2, 4 and 8.

    `code`, if there is one, is told of every write by way of `Memory`, by its place and length in the page.

    Once in a memory's `pages` it stays there, whatever is restored, so whoever finds it may keep it.
    """

    __slots__ = ("address", "code", "data", "views")

    def __init__(self, number: int) -> None:
        """A page of zeros, `number` being its address in units of 4 KiB."""
        self.address = number << PAGE_SHIFT
        self.code: CodeWatch | None = None
        self.data = bytearray(PAGE_SIZE)
        view = memoryview(self.data)
        none = view[:0]
        self.views = (
            none, view, view.cast("H"), none, view.cast("I"), none, none, none, view.cast("Q"),
        )  # fmt: skip


@attrs.frozen
class _Mapping:
    base: int
    device: Device

    def holds(self, address: int) -> bool:
        return self.base <= address < self.base + self.device.size


class Memory:
    """Physical memory: one bank of RAM and any number of devices."""

    def __init__(self, ram_base: int, ram_size: int) -> None:
        """Make the bank, `ram_base` and `ram_size` in bytes, multiples of 4 KiB; ValueError otherwise."""
        if ram_base % PAGE_SIZE or ram_size % PAGE_SIZE or ram_size <= 0:
            raise ValueError(f"RAM at {ram_base:#x}, {ram_size:#x} bytes: both must be multiples of {PAGE_SIZE:#x}")
        self.ram_base = ram_base
        self.ram_size = ram_size
        self.pages: dict[int, Page] = {}
        self._mappings: list[_Mapping] = []

    # --- layout

    def attach(self, base: int, device: Device) -> None:
        """Place a device at physical address `base`; ValueError if it overlaps RAM or another device."""
        end = base + device.size
        others = [(item.base, item.base + item.device.size) for item in self._mappings]
        for start, stop in [(self.ram_base, self.ram_base + self.ram_size), *others]:
            if base < stop and start < end:
                raise ValueError(f"device at {base:#x}..{end:#x} overlaps what is at {start:#x}..{stop:#x}")
        self._mappings.append(_Mapping(base, device))

    def is_ram(self, address: int) -> bool:
        """Whether a physical address is in the RAM bank."""
        return 0 <= address - self.ram_base < self.ram_size

    def answers(self, address: int) -> bool:
        """Whether RAM or a device is at a physical address."""
        return self.is_ram(address) or any(mapping.holds(address) for mapping in self._mappings)

    def page(self, address: int) -> Page | None:
        """The RAM page that holds a physical address, made if need be; None outside RAM."""
        found = self.pages.get(address >> PAGE_SHIFT)
        if found is None and self.is_ram(address):
            found = self.pages[address >> PAGE_SHIFT] = Page(address >> PAGE_SHIFT)
        return found

    def _device(self, address: int) -> _Mapping:
        for mapping in self._mappings:
            if mapping.holds(address):
                return mapping
        raise BusError(address)

    # --- access by the CPU

    def read(self, address: int, size: int) -> int:
        """`size` bytes (1, 2, 4 or 8), of any alignment, at a physical address; BusError where nothing answers."""
        page = self.page(address)
        if page is None:
            mapping = self._device(address)
            return mapping.device.read(address - mapping.base, size)
        offset = address & PAGE_OFFSET
        if offset + size > PAGE_SIZE:
            return int.from_bytes(self.read_bytes(address, size), "little")
        return int.from_bytes(page.data[offset : offset + size], "little")

    def write(self, address: int, size: int, value: int) -> None:
        """Write `size` bytes, of any alignment, at a physical address; BusError where nothing answers."""
        page = self.page(address)
        if page is None:
            mapping = self._device(address)
            mapping.device.write(address - mapping.base, size, value)
            return
        offset = address & PAGE_OFFSET
        data = value.to_bytes(size, "little")
        if offset + size > PAGE_SIZE:
            self.write_bytes(address, data)
            return
        page.data[offset : offset + size] = data
        if page.code is not None:
            page.code(offset, size)

    # --- access in bulk, by loaders, devices and tools

    def _chunks(self, address: int, length: int) -> Iterator[tuple[Page, int, int]]:
        end = address + length
        while address < end:
            page = self.page(address)
            if page is None:
                raise BusError(address)
            offset = address & PAGE_OFFSET
            size = min(PAGE_SIZE - offset, end - address)
            yield page, offset, size
            address += size

    def read_bytes(self, address: int, length: int) -> bytes:
        """`length` bytes of RAM; BusError at the first address outside it."""
        return b"".join(
            bytes(page.data[offset : offset + size]) for page, offset, size in self._chunks(address, length)
        )

    def write_bytes(self, address: int, data: bytes) -> None:
        """Write into RAM; BusError, with nothing written, if any of it is outside."""
        position = 0
        for page, offset, size in list(self._chunks(address, len(data))):
            page.data[offset : offset + size] = data[position : position + size]
            position += size
            if page.code is not None:
                page.code(offset, size)

    # --- snapshots

    def save(self) -> dict[int, bytes]:
        """The content of every page that is not all zeros, by page number."""
        return {number: bytes(page.data) for number, page in self.pages.items() if page.data != _ZEROS}

    def restore(self, saved: dict[int, bytes]) -> None:
        """Return RAM to what `save` gave."""
        for number in saved.keys() - self.pages.keys():
            self.pages[number] = Page(number)
        for number, page in self.pages.items():
            page.data[:] = saved.get(number, _ZEROS)
            if page.code is not None:
                page.code(0, PAGE_SIZE)
