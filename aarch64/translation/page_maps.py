"""Page maps: where the pages of RAM are that a context has used, so that most accesses need no translation.

A context is all that decides on an access besides the tables: level, PSTATE.PAN and the control registers. Each has
maps of its own, from virtual page numbers to pages, which hold what translations have found and nothing else; so they
go when the TLB drops anything. With the MMU off, the maps are those of physical memory itself.

Page numbers are those of the addresses as instructions have them, tags included, in units of 4 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.memory import PAGE_SHIFT
from aarch64.translation.parameters import Regime, current_vmid, is_enabled, regime_of

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.memory import Memory, Page
    from aarch64.translation.request import Request
    from aarch64.translation.translate import Translation

Pages = dict[int, "Page"]

_CONTEXTS = 64
_PAGES = 1 << 16
"""How much is remembered before it is forgotten, so that a guest cannot make its host remember more."""


@attrs.define(eq=False)
class PageMap:
    """The pages of one context: to read, to write, to execute; and those of the latter that are guarded (GP)."""

    reads: Pages = attrs.field(factory=dict)
    writes: Pages = attrs.field(factory=dict)
    fetches: Pages = attrs.field(factory=dict)
    guarded: set[int] = attrs.field(factory=set)

    def note(self, address: int, page: Page, translation: Translation, request: Request) -> None:
        """Remember that a request succeeded at an address, in a page of RAM."""
        number = address >> PAGE_SHIFT
        pages = self.fetches if request.is_fetch else self.writes if request.writes else self.reads
        if len(pages) >= _PAGES:
            pages.clear()
            if request.is_fetch:
                self.guarded.clear()
        pages[number] = page
        if request.is_fetch and translation.is_guarded:
            self.guarded.add(number)


_REGISTERS = {
    regime: (f"SCTLR_EL{regime:d}", f"TCR_EL{regime:d}", f"MAIR_EL{regime:d}", f"TTBR0_EL{regime:d}")
    for regime in Regime
}

Context = tuple[int, ...]
"""A context, as a key."""


def context_of(cpu: Cpu) -> Context | None:
    """The context that the CPU is in; None with the MMU off."""
    state, sysregs = cpu.pstate, cpu.sysregs
    regime = regime_of(state.el)
    if not is_enabled(cpu, regime):
        return None
    sctlr, tcr, mair, ttbr0 = _REGISTERS[regime]
    ttbr1 = sysregs["TTBR1_EL1"] if regime is Regime.EL10 else 0
    values = sysregs[sctlr], sysregs[tcr], sysregs[mair], sysregs[ttbr0], ttbr1
    scr = sysregs["SCR_EL3"] if cpu.max_el == 3 else 0
    return (state.el, state.pan, scr, current_vmid(cpu, regime), *values)


@attrs.define(eq=False)
class PageMaps:
    """The page maps of one CPU, by context; `physical` is that of a regime that does not translate."""

    physical: PageMap
    _maps: dict[Context, PageMap] = attrs.field(factory=dict)

    @classmethod
    def of(cls, memory: Memory) -> PageMaps:
        """The page maps of a CPU with this memory."""
        return cls(PageMap(memory.pages, memory.pages, memory.pages))

    def select(self, cpu: Cpu) -> PageMap:
        """The map of the context that the CPU is in."""
        context = context_of(cpu)
        if context is None:
            return self.physical
        found = self._maps.get(context)
        if found is None:
            if len(self._maps) >= _CONTEXTS:
                self._maps.clear()
            found = self._maps[context] = PageMap()
        return found

    def forget(self) -> None:
        """Begin anew: translations may have changed."""
        self._maps.clear()
