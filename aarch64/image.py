"""A program ready to be put into memory: what a loader or the assembler makes, and a machine takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

import attrs


@attrs.frozen
class Segment:
    """Bytes at a physical address; what `size` has beyond `data` is zero and need not be stored."""

    address: int
    data: bytes = attrs.field(repr=False)
    size: int = attrs.field(default=attrs.Factory(lambda self: len(self.data), takes_self=True))
    executable: bool = True

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.address + self.size


@attrs.frozen
class Symbol:
    """A name for `size` bytes from `address`; size 0 means that nobody said how many."""

    name: str
    address: int
    size: int = 0


class SymbolTable(Mapping[str, int]):
    """Addresses by name, and the other way round. Where a name occurs twice, the first one counts."""

    def __init__(self, symbols: Iterable[Symbol] = ()) -> None:
        given = tuple(symbols)
        self._by_address = sorted(given, key=lambda symbol: symbol.address)
        self._addresses = [symbol.address for symbol in self._by_address]
        self._by_name = {symbol.name: symbol for symbol in reversed(given)}

    def __getitem__(self, name: str) -> int:
        return self._by_name[name].address

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def size(self, name: str) -> int:
        """Bytes the symbol covers, 0 if that is not known; KeyError for an unknown name."""
        return self._by_name[name].size

    def count(self, name: str) -> int:
        """How many symbols have a name."""
        return sum(symbol.name == name for symbol in self._by_address)

    def at(self, address: int) -> tuple[str, int] | None:
        """The symbol that `address` belongs to and the offset from it; None if it belongs to none.

        Of several symbols with one address, the first one counts. A symbol of unknown size reaches to the next one.
        """
        last = bisect_right(self._addresses, address) - 1
        if last < 0:
            return None
        first = bisect_right(self._addresses, self._addresses[last] - 1)
        symbol = self._by_address[first]
        offset = address - symbol.address
        return (symbol.name, offset) if not symbol.size or offset < symbol.size else None


@attrs.frozen
class Image:
    """Segments, the address to start at, and symbols.

    `data` are the parts of executable segments that are no code, in the order of addresses. `sections` are the named
    parts of segments, where the program has any; of two with one name, the first counts.
    """

    segments: tuple[Segment, ...]
    entry: int
    symbols: SymbolTable = attrs.field(factory=SymbolTable)
    data: tuple[range, ...] = ()
    sections: Mapping[str, range] = attrs.field(factory=dict)

    def segment_at(self, address: int) -> Segment | None:
        """The segment that holds `address`."""
        return next((item for item in self.segments if item.address <= address < item.end), None)

    def locate(self, address: int) -> tuple[str, int] | None:
        """The symbol inside the program that `address` belongs to and the offset from it, None if there is none."""
        return self.symbols.at(address) if self.segment_at(address) else None

    def is_code(self, address: int) -> bool:
        """Whether `address` is in an executable segment and not among its data."""
        segment = self.segment_at(address)
        if segment is None or not segment.executable:
            return False
        index = bisect_right(self.data, address, key=lambda item: item.start) - 1
        return index < 0 or address not in self.data[index]
