"""Page maps: where the pages of RAM are that a context has used, so that most accesses need no translation.

A context is all that decides on an access besides the tables: level, PSTATE.PAN and the control registers. Each has
maps of its own, from virtual addresses of pages to pages, which hold what translations have found and nothing else; so
they go when the TLB drops anything. A regime that does not translate has them, too.

Addresses are those that instructions have, tags included. Of a page that holds compiled code the view to write to is
one that refuses to have that code written to: so every such store is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import mask
from aarch64.memory import PAGE_OFFSET, PAGE_SHIFT
from aarch64.translation.parameters import Regime, current_vmid, is_enabled, regime_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.cpu import Cpu
    from aarch64.memory import Page
    from aarch64.translation.request import Request
    from aarch64.translation.translate import Translation

_SIZES = (1, 2, 4, 8)
_LARGEST = 16

Views = tuple[dict[int, memoryview], ...]
"""By size in bytes: pages of RAM as arrays of elements of that size, by `KEYS[size]` of an address."""

KEYS = tuple(mask(64) & ~(PAGE_OFFSET & -size) if size in _SIZES else mask(64) for size in range(_LARGEST + 1))
"""By size: the bits of an address that find its page. Those that say it is not aligned are among them, and so find
nothing: one look tells whether a page is there and the access is aligned."""

_FIRST_AND_LAST = (0, mask(64) & ~PAGE_OFFSET)
"""Pages that are never here: so an address that is, stays in 64 bits when a page is added or taken away."""

_CONTEXTS = 64
_PAGES = 1 << 16
"""How much is remembered before it is forgotten, so that a guest cannot make its host remember more."""


def _no_views() -> Views:
    return tuple({} for _ in range(_LARGEST + 1))


NO_VIEWS = _no_views()
"""For a context in which every access has to be looked at: nothing is ever put into them."""


def _no_pages() -> dict[int, Page]:
    return {}


@attrs.define(eq=False)
class PageMap:
    """The pages of one context.

    Attributes:
        reads, writes: what may be read and written, as views.
        readable, writable: the same pages, by the address of the page.
        fetches: what may be executed, by page number (units of 4 KiB); `guarded` those of them that are (GP).
        blocks: by PSTATE.SP, compiled code that may be used here, by the address it begins at.
        watched_blocks: likewise what tells observers of each instruction.
    """

    reads: Views = attrs.field(factory=_no_views)
    writes: Views = attrs.field(factory=_no_views)
    readable: dict[int, Page] = attrs.field(factory=_no_pages)
    writable: dict[int, Page] = attrs.field(factory=_no_pages)
    fetches: dict[int, Page] = attrs.field(factory=_no_pages)
    guarded: set[int] = attrs.field(factory=set)
    blocks: tuple[dict[int, Any], dict[int, Any]] = attrs.field(factory=lambda: ({}, {}))
    watched_blocks: tuple[dict[int, Any], dict[int, Any]] = attrs.field(factory=lambda: ({}, {}))

    def note(self, address: int, page: Page, translation: Translation, request: Request) -> None:
        """Remember that a request succeeded at an address, in a page of RAM."""
        if request.is_fetch:
            self._note_fetch(address >> PAGE_SHIFT, page, is_guarded=translation.is_guarded)
        elif request.writes:
            view = page.views.__getitem__ if page.code is None else page.code.view
            self._note_data(self.writable, self.writes, address & ~PAGE_OFFSET, page, view)
        else:
            self._note_data(self.readable, self.reads, address & ~PAGE_OFFSET, page, page.views.__getitem__)

    def _note_fetch(self, number: int, page: Page, *, is_guarded: bool) -> None:
        if len(self.fetches) >= _PAGES:
            self.fetches.clear()
            self.guarded.clear()
        self.fetches[number] = page
        if is_guarded:
            self.guarded.add(number)

    @staticmethod
    def _note_data(
        pages: dict[int, Page], views: Views, base: int, page: Page, view: Callable[[int], memoryview]
    ) -> None:
        if base in _FIRST_AND_LAST:
            return
        if len(pages) >= _PAGES:
            _forget(pages, views)
        pages[base] = page
        for size in _SIZES:
            views[size][base] = view(size)

    def forget_writes(self) -> None:
        """Look again at every page before it is written."""
        _forget(self.writable, self.writes)


def _forget(pages: dict[int, Page], views: Views) -> None:
    pages.clear()
    for size in _SIZES:
        views[size].clear()


_REGISTERS = {
    regime: (f"SCTLR_EL{regime:d}", f"TCR_EL{regime:d}", f"MAIR_EL{regime:d}", f"TTBR0_EL{regime:d}")
    for regime in Regime
}

Context = tuple[int, ...]
"""A context, as a key."""


def context_of(cpu: Cpu) -> Context:
    """The context that the CPU is in."""
    state, sysregs = cpu.pstate, cpu.sysregs
    regime = regime_of(state.el)
    sctlr, tcr, mair, ttbr0 = _REGISTERS[regime]
    if not is_enabled(cpu, regime):
        return state.el, sysregs[sctlr]
    ttbr1 = sysregs["TTBR1_EL1"] if regime is Regime.EL10 else 0
    values = sysregs[sctlr], sysregs[tcr], sysregs[mair], sysregs[ttbr0], ttbr1
    scr = sysregs["SCR_EL3"] if cpu.max_el == 3 else 0
    return (state.el, state.pan, scr, current_vmid(cpu, regime), *values)


@attrs.define(eq=False)
class PageMaps:
    """The page maps of one CPU, by context."""

    _maps: dict[Context, PageMap] = attrs.field(factory=dict)

    def __iter__(self) -> Iterator[PageMap]:
        return iter(self._maps.values())

    def select(self, cpu: Cpu) -> PageMap:
        """The map of the context that the CPU is in."""
        context = context_of(cpu)
        found = self._maps.get(context)
        if found is None:
            if len(self._maps) >= _CONTEXTS:
                self._maps.clear()
            found = self._maps[context] = PageMap()
        return found

    def forget(self) -> None:
        """Begin anew: translations may have changed."""
        self._maps.clear()

    def forget_writes(self) -> None:
        """Look again at every page before it is written: one of them has become code."""
        for page_map in self:
            page_map.forget_writes()
