"""Dispatch: which code is compiled, when its blocks may be used, and when not any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.exceptions import ArchException
from aarch64.isa.table import disassemble
from aarch64.memory import PAGE_SHIFT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from aarch64.fast.block import Block
    from aarch64.interpreter import Interpreter, Observer
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
_SELDOM = 200
"""Cycles, on average, between two times that blocks give up before an instruction, for it not to be called instead."""

_Mode = tuple[int, int, int, bool]
"""What a block is valid for: its address, the exception level, PSTATE.SP, and whether SP alignment is checked."""


_Blocks = dict[_Mode, list["Block"]]


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
        threshold: how often an instruction is executed by `step()` before a block begins there, at least 1; and how
            often a block gives up before an instruction until it is called.
        dump: a directory that the source of every block is written to, with the instructions it is made of; None for
            none.
        profile: the cycles spent in each block, if they are to be counted.
    """

    def __init__(self, cpu: Interpreter, threshold: int = THRESHOLD, dump: Path | None = None) -> None:
        """Run `cpu`."""
        self._cpu = cpu
        self.threshold = threshold
        self.dump = dump
        self.profile: Counter[Block] | None = None
        self._counts: dict[int, int] = {}
        self._barren: set[int] = set()
        self._blocks: _Blocks = {}
        self._watched: _Blocks = {}
        self._made: dict[object, Block] = {}
        self._patches: dict[Page, int] = {}
        self._given_up: dict[int, tuple[int, int]] = {}
        self._called: set[int] = set()

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
            goes_on = False
            if cpu.observers:
                self._run_watched(limit, until, stay)
            elif cpu.store_log is None:
                goes_on = self._run_blocks(limit, until, stay)
            is_cold = cpu.cycles == before
            if not is_cold and cpu.pc == until:
                arrive()
            if not goes_on and cpu.stop is None and cpu.cycles < limit:
                self._ask_for_attention()
                self._step(limit, until, stay, arrive, is_cold=is_cold)
        self._ask_for_attention()

    def _ask_for_attention(self) -> None:
        """Blocks leave PSTATE.BTYPE for the next instruction to see."""
        if self._cpu.pstate.btype:
            self._cpu.request_attention()

    def _step(
        self, limit: int, until: int | None, stay: Callable[[], None], arrive: Callable[[], None], *, is_cold: bool
    ) -> None:
        """Execute an instruction; where no block was found, those that follow up to a branch that is taken."""
        cpu, counts = self._cpu, self._counts
        if len(counts) >= _MOST_COUNTS:
            counts.clear()
            self._barren.clear()
            self._given_up.clear()
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

    def _run_blocks(self, limit: int, until: int | None, stay: Callable[[], None]) -> bool:
        """Execute blocks as long as there are any for where the PC gets to.

        Returns:
            Whether blocks may go on after a look: it is time for one, or what a block called wants one.
        """
        cpu = self._cpu
        if cpu.attention_at <= cpu.cycles and not cpu.pstate.btype:
            cpu.attention_at = cpu.next_event()
        cycles = cpu.cycles
        end = min(limit, cpu.attention_at)
        pause = min(end, cycles + CHUNK)
        blocks = cpu.page_map.blocks[cpu.pstate.sp]
        pc = cpu.pc
        try:
            while cycles < pause:
                function = blocks.get(pc) or self._block_at(pc, self._blocks, blocks)
                if function is None or (until is not None and until in self._made[function].addresses):
                    break
                room = end - cycles
                cpu.cycles = cycles
                executed = function(cpu, room if room < CHUNK else CHUNK)  # noqa: FURB136  (a call takes longer)
                if self.profile is not None:
                    self.profile[self._made[function]] += max(executed, ~executed)
                if executed < 0:
                    cpu.cycles = cycles + ~executed
                    if cpu.attention_at:
                        self._note_given_up(cpu.pc, self._made[function])
                    return not cpu.attention_at
                cycles += executed
                pc = cpu.pc
                if pc == until:
                    break
        except ArchException as exception:  # of an instruction that was called, all state being in its place
            if self.profile is not None:
                self.profile[self._made[function]] += cpu.cycles - cycles
            self._take(exception, stay)
            return True
        cpu.cycles = cycles
        return pause <= cycles < end

    def _take(self, exception: ArchException, stay: Callable[[], None]) -> None:
        pc = self._cpu.pc
        self._cpu.take(exception)
        if self._cpu.pc == pc:
            stay()

    def _note_given_up(self, pc: int, block: Block) -> None:
        """Count how often blocks give up before an instruction; where that is too often, it is called from now on.

        So it is with a device, or what is not aligned. A page that is only new is given up once. Blocks that were made
        before that go when they give up there: many have an instruction, and few get to it.
        """
        if pc not in self._called and not self._is_given_up_often(pc):
            return
        self._called.add(pc)
        if pc not in block.called:
            self._drop([block])

    def _is_given_up_often(self, pc: int) -> bool:
        begin, count = self._given_up.pop(pc, (self._cpu.cycles, 0))
        if count < self.threshold:
            self._given_up[pc] = begin, count + 1
            return False
        return self._cpu.cycles - begin <= self.threshold * _SELDOM

    def _run_watched(self, limit: int, until: int | None, stay: Callable[[], None]) -> None:
        """As `_run_blocks`, with the observers told of each instruction."""
        cpu, observers = self._cpu, self._cpu.observers
        event = cpu.next_event()
        if event <= cpu.cycles or cpu.store_log is not None:
            return
        end = cpu.attention_at = min(limit, event, cpu.cycles + CHUNK)
        observe = observers[0] if len(observers) == 1 else observers.tell
        blocks = cpu.page_map.watched_blocks[cpu.pstate.sp]
        try:
            while cpu.cycles < end and cpu.attention_at == end and not cpu.pstate.btype:
                function = blocks.get(cpu.pc) or self._block_at(cpu.pc, self._watched, blocks)
                if function is None:
                    self._step_observed(observe, end, stay)
                    if cpu.pc == until:
                        break
                    continue
                if until is not None and until in self._made[function].addresses:
                    break
                begin = cpu.cycles
                cpu.cycles, pc, word = function(cpu, end, observe)
                if self.profile is not None:
                    self.profile[self._made[function]] += cpu.cycles - begin
                if word:
                    self._execute_observed(pc, word, stay)
                    break
                if cpu.pc == until or cpu.cycles == begin:
                    break
        except ArchException as exception:  # of an instruction that was called
            self._take(exception, stay)
        finally:
            cpu.request_attention()

    def _step_observed(self, observe: Observer, end: int, stay: Callable[[], None]) -> None:
        """A cycle of code without a block, nothing being due but the observers."""
        cpu = self._cpu
        pc = cpu.pc
        self._counts[pc] = self._counts.get(pc, 0) + 1
        word = cpu.fetch_word(pc)
        observe(cpu, pc, word)
        if cpu.pc != pc or cpu.attention_at != end:
            self._execute_observed(pc, word, stay)
            return
        cpu.execute(word)
        if cpu.pc == pc:
            stay()

    def _execute_observed(self, pc: int, word: int, stay: Callable[[], None]) -> None:
        """The rest of a cycle in which an observer has changed something."""
        self._cpu.execute_observed(pc, word)
        if self._cpu.pc == pc:
            stay()

    # --- what is compiled

    def _block_at(self, pc: int, kept: _Blocks, linked: dict[int, Callable[..., Any]]) -> Callable[..., Any] | None:
        """The block among `kept`, or made now, that begins at an address where none is linked yet; None for none."""
        if self._counts.get(pc, 0) < self._threshold(pc) or pc in self._barren:
            return None
        block = self._find(pc, kept) or self._compile(pc, kept)
        if block is None:
            return None
        linked[pc] = block.function
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

    def _find(self, pc: int, blocks: _Blocks) -> Block | None:
        """A block that begins at an address and consists of the pages that are there now."""
        page_map = self._cpu.page_map
        for block in blocks.get(self._mode(pc), ()):
            if _is_there(block, page_map):
                return block
        return None

    def _compile(self, pc: int, blocks: _Blocks) -> Block | None:
        from aarch64.fast.block import compile_region, compile_watched  # noqa: PLC0415  (short runs do without)
        from aarch64.fast.region import discover, touched  # noqa: PLC0415  (likewise)

        region = discover(self._cpu.page_map, pc, self._is_warm, self._called)
        compile_it = compile_watched if blocks is self._watched else compile_region
        block = compile_it(self._cpu, region) if region else None
        if region is None or block is None:
            self._barren.add(pc)
            return None
        if len(self._made) >= MOST_BLOCKS:
            self.forget_all()
        blocks.setdefault(self._mode(pc), []).append(block)
        self._made[block.function] = block
        if self.dump is not None:
            _write(self.dump, block)
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
        for kept in (self._blocks, self._watched):
            for mode in list(kept):
                kept[mode] = [block for block in kept[mode] if block not in gone]
                if not kept[mode]:
                    del kept[mode]
        for block in gone:
            self._made.pop(block.function, None)
            self._counts.pop(block.start, None)
        for page_map in self._cpu.page_maps:
            for linked in (*page_map.blocks, *page_map.watched_blocks):
                linked.clear()
        self._cpu.request_attention()

    def forget_all(self) -> None:
        """Begin anew."""
        blocks = [block for kept in (self._blocks, self._watched) for found in kept.values() for block in found]
        for block in blocks:
            for page in block.pages.values():
                page.code = None
        self._drop(blocks)
        self._counts.clear()
        self._patches.clear()
        self._called.clear()


def _write(directory: Path, block: Block) -> None:
    """Write a block's source into a file of its own, the instructions it is made of before it."""
    directory.mkdir(parents=True, exist_ok=True)
    code = [f"# {pc:#x}  {word:08x}  {disassemble(word, pc)}" for pc, word in sorted(block.words.items())]
    file = directory / f"{block.name}.py"
    file.write_text("\n".join([*code, "", block.source]), encoding="utf-8")


def _is_there(block: Block, page_map: PageMap) -> bool:
    """Whether the pages of a block are executable here, at the same addresses, and not guarded."""
    return all(
        page_map.fetches.get(number) is page and number not in page_map.guarded for number, page in block.pages.items()
    )
