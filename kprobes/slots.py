"""Slots for instructions executed out of line (`struct kprobe_insn_cache`, kernel/kprobes.c)."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE_SIZE = 4096
_WORD = 4


@unique
class SlotState(IntEnum):
    """`enum kprobe_slot_state`."""

    CLEAN = 0
    """Free."""
    DIRTY = 1
    """Given back, and perhaps still executed by somebody: to be collected."""
    USED = 2


@attrs.define(eq=False)
class SlotPage:
    """A page of slots."""

    address: int
    states: list[SlotState]

    @property
    def used(self) -> int:
        """How many are not free."""
        return sum(state is not SlotState.CLEAN for state in self.states)

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and self.address <= address < self.address + PAGE_SIZE


class Slots:
    """Slots of so many words, in pages of the guest's memory, which are asked for one at a time.

    Attributes:
        pages: the pages there are. The guest's memory is not given back: a page that is free is used again.
    """

    def __init__(self, words: int, allocate_page: Callable[[], int | None]) -> None:
        self._size = words * _WORD
        self._allocate_page = allocate_page
        self.pages: list[SlotPage] = []

    def __contains__(self, address: object) -> bool:
        return any(address in page for page in self.pages)

    @property
    def per_page(self) -> int:
        """How many slots a page has."""
        return PAGE_SIZE // self._size

    def state(self, address: int) -> SlotState:
        """The state of a slot."""
        page, index = self._find(address)
        return page.states[index]

    def get(self) -> int | None:
        """The address of a slot that is used from now on; None where there is no more memory (get_insn_slot)."""
        free = self._first_clean()
        if free is None and self.collect_garbage():
            free = self._first_clean()
        if free is None:
            free = self._first_of_new_page()
        if free is None:
            return None
        page, index = free
        page.states[index] = SlotState.USED
        return page.address + index * self._size

    def _first_clean(self) -> tuple[SlotPage, int] | None:
        for page in self.pages:
            if SlotState.CLEAN in page.states:
                return page, page.states.index(SlotState.CLEAN)
        return None

    def _first_of_new_page(self) -> tuple[SlotPage, int] | None:
        address = self._allocate_page()
        if address is None:
            return None
        page = SlotPage(address, [SlotState.CLEAN] * self.per_page)
        self.pages.append(page)
        return page, 0

    def _find(self, address: int) -> tuple[SlotPage, int]:
        page = next(page for page in self.pages if address in page)
        return page, (address - page.address) // self._size

    def free(self, address: int, *, dirty: bool) -> None:
        """Give a slot back: `dirty` if somebody may still execute it (free_insn_slot)."""
        page, index = self._find(address)
        page.states[index] = SlotState.DIRTY if dirty else SlotState.CLEAN
        if dirty and self._garbage > self.per_page:
            self.collect_garbage()

    @property
    def _garbage(self) -> int:
        return sum(page.states.count(SlotState.DIRTY) for page in self.pages)

    def collect_garbage(self) -> bool:
        """Have all that is dirty be free, nobody executing any slot now; whether there was any."""
        garbage = self._garbage
        for page in self.pages:
            page.states = [SlotState.CLEAN if state is SlotState.DIRTY else state for state in page.states]
        return garbage > 0
