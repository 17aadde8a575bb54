"""The translation lookaside buffer: what walks found, until software says otherwise ("Translation Lookaside Buffers").

It keeps everything it may, so that a missing TLBI shows: an entry goes when a TLB operation covers it, or when the
buffer is full and starts anew. Only blocks and pages are kept, not the tables on the way to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aarch64.translation.parameters import Parameters, Regime
    from aarch64.translation.walk import Leaf

CAPACITY = 4096
"""Entries. A guest cannot make its host keep more."""

_INPUT_BITS = 56
"""Bits of an address that can tell entries apart: those above are the tag, or copies of the one below."""


@attrs.frozen
class Entry:
    """A translation that is kept.

    Attributes:
        parameters: what the control registers of its range said.
        is_secure: the security state that the regime belongs to.
        vmid: the virtual machine it is for, in the EL1&0 regime; 0 elsewhere.
        asid: the address space it is for; None for all of them.
        address: the lowest address it maps, 56 bits.
        leaf: where it leads, and by which descriptors.
    """

    parameters: Parameters
    is_secure: bool
    vmid: int
    asid: int | None
    address: int
    leaf: Leaf

    @property
    def regime(self) -> Regime:
        """The translation regime."""
        return self.parameters.regime

    @property
    def size(self) -> int:
        """log2 of the bytes it maps."""
        return self.leaf.size

    @property
    def end(self) -> int:
        """The address after the last one it maps."""
        return self.address + (1 << self.size)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether it maps anything from `start` up to `end`, 56 bits each."""
        return self.address < end and start < self.end


_Key = tuple["Regime", bool, int, int | None, int, int]
"""What an entry is found by: regime, security state, VMID, ASID, size, and the address's bits above the size."""


def _key_of(entry: Entry) -> _Key:
    return entry.regime, entry.is_secure, entry.vmid, entry.asid, entry.size, entry.address >> entry.size


def without_tag(address: int) -> int:
    """The bits of an address by which entries are found."""
    return address & mask(_INPUT_BITS)


class Tlb:
    """The entries, in the order they were made."""

    def __init__(self) -> None:
        self._entries: dict[_Key, Entry] = {}
        self._sizes: tuple[int, ...] = ()
        self._spaces: set[int | None] = set()

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tlb) and self._entries == other._entries

    __hash__ = None  # type: ignore[assignment]  # its content changes

    def __deepcopy__(self, _memo: object) -> Tlb:
        """Entries are values: a copy shares them."""
        copy = Tlb()
        copy._entries = dict(self._entries)
        copy._sizes = self._sizes
        copy._spaces = set(self._spaces)
        return copy

    def find(self, regime: Regime, vmid: int, asid: int | None, address: int, *, is_secure: bool) -> Entry | None:
        """The entry for an address, in an address space (None in regimes without them); the smallest, if several."""
        address = without_tag(address)
        for size in self._sizes:
            for space in (asid, None) if asid is not None else (None,):
                entry = self._entries.get((regime, is_secure, vmid, space, size, address >> size))
                if entry is not None:
                    return entry
        return None

    @property
    def is_full(self) -> bool:
        """Whether some have to be dropped before another one is kept."""
        return len(self._entries) >= CAPACITY

    def keep(self, entry: Entry) -> bool:
        """Add an entry, in place of one for the same addresses.

        Returns:
            Whether an address that others were known for may lead elsewhere now.
        """
        key = _key_of(entry)
        before = self._entries.get(key)
        changes = before is not None and not before.leaf.differs_in_state_only(entry.leaf)
        overlaps = before is None and self._has_overlapping(entry)
        self._entries[key] = entry
        self._spaces.add(entry.asid)
        if entry.size not in self._sizes:
            self._sizes = tuple(sorted((*self._sizes, entry.size)))
        return changes or overlaps

    def _has_overlapping(self, entry: Entry) -> bool:
        """Whether there is another entry for some of its addresses, of another size or for another address space.

        Software that breaks before it makes never has such entries.
        """
        spaces = self._spaces if entry.asid is None else {entry.asid, None}
        for size in self._sizes:
            if size < entry.size:
                if any(item.size == size and self._concerns(item, entry) for item in self._entries.values()):
                    return True
            elif any((*_key_of(entry)[:3], space, size, entry.address >> size) in self._entries for space in spaces):
                return True
        return False

    @staticmethod
    def _concerns(item: Entry, entry: Entry) -> bool:
        is_same_space = item.asid == entry.asid or None in (item.asid, entry.asid)
        is_same_regime = _key_of(item)[:3] == _key_of(entry)[:3]
        return is_same_space and is_same_regime and item.overlaps(entry.address, entry.end)

    def drop(self, entries: Iterable[Entry]) -> None:
        """Forget these entries."""
        for entry in entries:
            self._entries.pop(_key_of(entry), None)
