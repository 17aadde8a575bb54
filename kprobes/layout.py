"""What is known of the guest's code besides its instructions: what must not be probed, and why."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Forbidden:
    """Addresses that no probe may be at; `why` tells the section or the symbol."""

    addresses: range
    why: str

    def __str__(self) -> str:
        return f"{self.addresses.start:#x}-{self.addresses.stop:#x} {self.why}"


@attrs.frozen(slots=False)
class Layout:
    """The code of a guest.

    Attributes:
        text: where code is (core_kernel_text).
        symbols: addresses by name.
        forbidden: the blacklist.
        unprepared: what is not on the blacklist, and refused when a probe is prepared.
        ftrace_sites: addresses of instructions that ftrace patches (`__mcount_loc`).
        exception_table: by the address of an instruction that may fault, where to go on then (`__ex_table`).
        jump_labels, bugs: addresses of code that is patched, or is a BUG (`__jump_table`, `__bug_table`).
    """

    text: tuple[range, ...]
    symbols: dict[str, int]
    forbidden: tuple[Forbidden, ...] = ()
    unprepared: tuple[Forbidden, ...] = ()
    ftrace_sites: frozenset[int] = frozenset()
    exception_table: Mapping[int, int] = attrs.field(factory=dict)
    jump_labels: frozenset[int] = frozenset()
    bugs: frozenset[int] = frozenset()

    def is_text(self, address: int) -> bool:
        """Whether there is code at an address."""
        return any(address in part for part in self.text)

    def why_forbidden(self, address: int) -> str | None:
        """Why an address is on the blacklist (within_kprobe_blacklist); None if it is not."""
        return next((item.why for item in self.forbidden if address in item.addresses), None)

    def why_unprepared(self, address: int) -> str | None:
        """Why no probe can be prepared at an address, be it on the blacklist or not; None if one can."""
        return next((item.why for item in self.unprepared if address in item.addresses), None)

    @cached_property
    def _by_address(self) -> list[tuple[int, str]]:
        """The symbols by their addresses; of those with the same one, the first comes last."""
        return sorted(((place, name) for name, place in reversed(self.symbols.items())), key=itemgetter(0))

    def symbol(self, address: int) -> str | None:
        """The nearest symbol that is not after an address of the text, and in the same part of it; None if none is."""
        part = next((part for part in self.text if address in part), range(0))
        index = bisect_right(self._by_address, address, key=itemgetter(0))
        if index == 0:
            return None
        place, name = self._by_address[index - 1]
        return name if place in part else None


SECTIONS: Mapping[str, str] = {
    ".kprobes.text": "functions that kprobes itself needs (__kprobes)",
    ".entry.text": "entry from and return to other exception levels",
    ".exception.text": "handlers of exceptions (__exception)",
    ".irqentry.text": "entry of interrupts (__irq_entry)",
    ".idmap.text": "code that runs while the MMU is switched",
    ".hyp.text": "code of EL2",
    ".hyp.idmap.text": "code of EL2 that runs while the MMU is switched",
    ".noinstr.text": "code that must not be instrumented (noinstr)",
    ".rodata": "constants",
}
"""Sections that must not be probed, and what is in them."""
