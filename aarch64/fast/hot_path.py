"""Dispatch: which code is compiled, when its blocks may be used, and when not any more."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.fast.block import compile_region
from aarch64.fast.region import discover, touched
from aarch64.memory import PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aarch64.fast.block import Block
    from aarch64.interpreter import Interpreter
    from aarch64.memory import Page
    from aarch64.translation.page_maps import PageMap

THRESHOLD = 100
"""How often an instruction is executed by `step()` before a block is made that begins there."""
CHUNK = 100_000
"""Cycles after which a run looks up, so that it can be interrupted."""
MOST_BLOCKS = 2000
"""Blocks that are kept. A guest that generates code for ever does not make its host keep more."""
_MOST_COUNTS = 1 << 18
"""Addresses whose executions are counted."""

_Mode = tuple[int, int, int, bool]
"""What a block is valid for: its address, the exception level, PSTATE.SP, and whether SP alignment is checked."""


@attrs.define(eq=False)
class _Code:
    """The compiled code in one page: which of its words, and the blocks; told of writes to the page."""

    forget: Callable[[Page], None]
    page: Page
    words: set[int] = attrs.field(factory=set)
    blocks: list[Block] = attrs.field(factory=list)

    def __call__(self, offset: int, size: int) -> None:
        if any(word in self.words for word in range(offset & ~3, offset + size, 4)):
            self.forget(self.page)

    def view(self, size: int) -> Any:
        """The page as elements of a size, its code protected."""
        return _ProtectedView(self.page.views[size], size, self.words)


class _ProtectedView:
    """A view of a page, in which data may lie beside code: writing to a word of the code is a KeyError."""

    __slots__ = ("_other", "_size", "_view", "_words")

    def __init__(self, view: memoryview, size: int, words: set[int]) -> None:
        self._view = view
        self._size = size
        self._words = words
        self._other = 4 if size == 8 else 0

    def __getitem__(self, index: int) -> int:
        return self._view[index]

    def __setitem__(self, index: int, value: int) -> None:
        word = index * self._size & ~3
        if word in self._words or word + self._other in self._words:
            raise KeyError(index)
        self._view[index] = value


class HotPath:
    """Runs a CPU by blocks where it can, and by `step()` where it has to.

    Attributes:
        threshold: how often an instruction is executed by `step()` before a block begins there, at least 1.
    """

    def __init__(self, cpu: Interpreter, threshold: int = THRESHOLD) -> None:
        """Run `cpu`."""
        self._cpu = cpu
        self.threshold = threshold
        self._counts: dict[int, int] = {}
        self._barren: set[int] = set()
        self._blocks: dict[_Mode, list[Block]] = {}
        self._addresses: dict[object, frozenset[int]] = {}
        self._patches: dict[Page, int] = {}

    def run(self, limit: int, until: int | None, stay: Callable[[], None], arrive: Callable[[], None]) -> None:
        """Run until cycle `limit`, or until `cpu.stop` is set.

        Args:
            limit: the cycle to stop at.
            until: an address that no block may pass over; None for no such address.
            stay: called when a step has left the PC where it was.
            arrive: called when the PC has got to `until`.
        """
        cpu = self._cpu
        while cpu.stop is None and cpu.cycles < limit:
            before = cpu.cycles
            if before < cpu.attention_at and cpu.store_log is None:
                self._run_blocks(min(limit, cpu.attention_at, before + CHUNK), until)
                if cpu.cycles > before:
                    if cpu.pc == until:
                        arrive()
                    if cpu.stop is not None or cpu.cycles >= limit:
                        break
                    if cpu.pstate.btype:
                        cpu.request_attention()
            self._step(limit, until, stay, arrive, is_cold=cpu.cycles == before)
        if cpu.pstate.btype:
            cpu.request_attention()

    def _step(
        self, limit: int, until: int | None, stay: Callable[[], None], arrive: Callable[[], None], *, is_cold: bool
    ) -> None:
        """Execute an instruction; where no block was found, those that follow up to a branch that is taken."""
        cpu, counts = self._cpu, self._counts
        if len(counts) >= _MOST_COUNTS:
            counts.clear()
            self._barren.clear()
        step, count = cpu.step, counts.get
        while True:
            pc = cpu.pc
            counts[pc] = count(pc, 0) + 1
            step()
            following = cpu.pc
            if following == pc:
                stay()
            if following == until:
                arrive()
            if following != pc + 4 or not is_cold or cpu.stop is not None or cpu.cycles >= limit:
                return

    def _run_blocks(self, end: int, until: int | None) -> None:
        """Execute blocks as long as there are any for where the PC gets to, up to cycle `end`."""
        cpu = self._cpu
        begin = cycles = cpu.cycles
        blocks = cpu.page_map.blocks[cpu.pstate.sp]
        pc = cpu.pc
        while cycles < end:
            function = blocks.get(pc) or self._block_at(pc)
            if function is None or (until is not None and until in self._addresses[function]):
                break
            executed = function(cpu, end - cycles)
            if executed < 0:
                cycles += ~executed
                break
            cycles += executed
            pc = cpu.pc
            if pc == until:
                break
        cpu.cycles = cycles
        cpu.retired += cycles - begin

    # --- what is compiled

    def _block_at(self, pc: int) -> Callable[[Interpreter, int], int] | None:
        """The block that begins at an address that no block is linked for yet; None if there is none."""
        if self._counts.get(pc, 0) < self._threshold(pc) or pc in self._barren:
            return None
        block = self._find(pc) or self._compile(pc)
        if block is None:
            return None
        self._cpu.page_map.blocks[self._cpu.pstate.sp][pc] = block.function
        return block.function

    def _threshold(self, pc: int) -> int:
        """How often control has to get to an address: the more often, the more often its page has been patched."""
        if not self._patches:
            return self.threshold
        page = self._cpu.page_map.fetches.get(pc >> PAGE_SHIFT)
        return self.threshold << min(self._patches.get(page, 0), 20) if page else self.threshold

    def _mode(self, pc: int) -> _Mode:
        state = self._cpu.pstate
        return pc, state.el, state.sp, self._cpu.checks_stack_alignment

    def _find(self, pc: int) -> Block | None:
        """A block that begins at an address and consists of the pages that are there now."""
        page_map = self._cpu.page_map
        for block in self._blocks.get(self._mode(pc), ()):
            if _is_there(block, page_map):
                return block
        return None

    def _compile(self, pc: int) -> Block | None:
        region = discover(self._cpu.page_map, pc, self._is_warm)
        block = compile_region(self._cpu, region) if region else None
        if region is None or block is None:
            self._barren.add(pc)
            return None
        if len(self._addresses) >= MOST_BLOCKS:
            self.forget_all()
        self._blocks.setdefault(self._mode(pc), []).append(block)
        self._addresses[block.function] = block.addresses
        for page, offset in touched(region):
            code = page.code
            if code is None:
                code = page.code = _Code(self._forget, page)
                self._cpu.page_maps.forget_writes()
            assert isinstance(code, _Code)
            code.words.add(offset)
            if block not in code.blocks:
                code.blocks.append(block)
        return block

    def _is_warm(self, pc: int) -> bool:
        """Whether an instruction is executed often enough to be compiled together with one that is hot."""
        return self._counts.get(pc, 0) >= self.threshold >> 3

    # --- what is forgotten

    def _forget(self, page: Page) -> None:
        """The code in a page has changed: none of its blocks is valid any more."""
        code = page.code
        assert isinstance(code, _Code)
        page.code = None
        self._patches[page] = self._patches.get(page, 0) + 1
        self._barren.clear()
        self._drop(code.blocks)

    def _drop(self, blocks: Iterable[Block]) -> None:
        gone = set(blocks)
        for mode in list(self._blocks):
            self._blocks[mode] = [block for block in self._blocks[mode] if block not in gone]
            if not self._blocks[mode]:
                del self._blocks[mode]
        for block in gone:
            self._addresses.pop(block.function, None)
            self._counts.pop(block.start, None)
            linecache.cache.pop(block.filename, None)
        for page_map in self._cpu.page_maps:
            for linked in page_map.blocks:
                linked.clear()

    def forget_all(self) -> None:
        """Begin anew."""
        blocks = [block for found in self._blocks.values() for block in found]
        for block in blocks:
            for page in block.pages.values():
                page.code = None
        self._drop(blocks)
        self._counts.clear()
        self._patches.clear()


def _is_there(block: Block, page_map: PageMap) -> bool:
    """Whether the pages of a block are executable here, at the same addresses, and not guarded."""
    return all(
        page_map.fetches.get(number) is page and number not in page_map.guarded for number, page in block.pages.items()
    )
