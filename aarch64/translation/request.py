"""What is asked of translation: the purpose of an access, and whose rights it has (AccessDescriptor)."""

from __future__ import annotations

from enum import Enum, unique
from functools import lru_cache

import attrs


@unique
class Purpose(Enum):
    """What an address is translated for (AccessType)."""

    DATA = "data access"
    FETCH = "instruction fetch"
    ZERO = "DC ZVA"
    CLEAN = "data cache maintenance that does not invalidate alone"
    INVALIDATE = "DC IVAC"
    FETCH_MAINTENANCE = "instruction cache maintenance"
    QUESTION = "AT"


MAINTENANCE = frozenset({Purpose.CLEAN, Purpose.INVALIDATE, Purpose.FETCH_MAINTENANCE})
_CHANGES_NOTHING = MAINTENANCE | {Purpose.QUESTION}


@attrs.frozen
class Request:
    """What is to be done at an address.

    Attributes:
        purpose: the kind of access.
        el: the level with whose rights it is done, 0 for unprivileged accesses.
        reads, writes: of data; a read-modify-write does both.
        heeds_pan: whether PSTATE.PAN applies.
    """

    purpose: Purpose
    el: int
    reads: bool = False
    writes: bool = False
    heeds_pan: bool = False

    @property
    def is_fetch(self) -> bool:
        """Whether the address is that of an instruction."""
        return self.purpose is Purpose.FETCH

    @property
    def makes_dirty(self) -> bool:
        """Whether it changes memory, so that hardware may have to mark the page."""
        return self.writes and self.purpose not in _CHANGES_NOTHING

    @property
    def is_reported_as_write(self) -> bool:
        """ISS.WnR of a fault that is about neither reading nor writing in particular."""
        return self.purpose in _CHANGES_NOTHING or (self.writes and not self.reads)


@lru_cache(maxsize=64)
def data_request(el: int, *, reads: bool, writes: bool) -> Request:
    """An access of data by a load, a store or an atomic instruction."""
    return Request(Purpose.DATA, el, reads, writes, heeds_pan=True)
