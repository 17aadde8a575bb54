"""What is known of the guest's code besides its instructions: what must not be probed, and why."""

from __future__ import annotations

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


@attrs.frozen
class Layout:
    """The code of a guest.

    Attributes:
        text: where code is (core_kernel_text).
        symbols: addresses by name.
        forbidden: the blacklist.
        exception_table: by the address of an instruction that may fault, where to go on then (`__ex_table`).
        jump_labels, bugs: addresses of code that is patched, or is a BUG (`__jump_table`, `__bug_table`).
    """

    text: tuple[range, ...]
    symbols: Mapping[str, int]
    forbidden: tuple[Forbidden, ...] = ()
    exception_table: Mapping[int, int] = attrs.field(factory=dict)
    jump_labels: frozenset[int] = frozenset()
    bugs: frozenset[int] = frozenset()

    def is_text(self, address: int) -> bool:
        """Whether there is code at an address."""
        return any(address in part for part in self.text)

    def why_forbidden(self, address: int) -> str | None:
        """Why no probe may be at an address (within_kprobe_blacklist); None if one may."""
        return next((item.why for item in self.forbidden if address in item.addresses), None)


SECTIONS: Mapping[str, str] = {
    ".kprobes.text": "functions that kprobes itself needs (__kprobes)",
    ".entry.text": "entry from and return to other exception levels",
    ".exception.text": "handlers of exceptions (__exception)",
    ".irqentry.text": "entry of interrupts (__irq_entry)",
    ".idmap.text": "code that runs while the MMU is switched",
    ".hyp.text": "code of EL2",
    ".hyp.idmap.text": "code of EL2 that runs while the MMU is switched",
    ".noinstr.text": "code that must not be instrumented (noinstr)",
}
"""Sections that must not be probed, and what is in them."""
