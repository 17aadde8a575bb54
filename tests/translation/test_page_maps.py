"""Page maps answer as the TLB and the tables do, whatever happened before, and remember only so much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64 import access as data_path
from aarch64.access import Access
from aarch64.exceptions import supervisor_call
from aarch64.translation import page_maps
from aarch64.translation.page_maps import PageMaps
from aarch64.translation.request import Purpose, Request, data_request
from aarch64.translation.translate import Translation, TranslationFault, work_out
from tests.isa.running import execute
from tests.translation.paging import (
    DEVICE,
    HA,
    HD,
    NORMAL,
    PAGE_A,
    PAGE_B,
    PAGE_C,
    RAM,
    SCR_NS,
    SCTLR_M,
    Space,
    fault_of,
    make_space,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# --- the law

CODE, BLOCK = 0, 0x20_0000
"""The first page is where handlers are; the block of 2MB is sometimes a table of pages."""
PAGES = (CODE, 0x1000, 0x2000, BLOCK, BLOCK + 0x1000)
FRAMES = (PAGE_A, PAGE_B, PAGE_C)
NOWHERE = 0x2000_0000

Action = tuple[str, tuple]


@attrs.define
class World:
    """A CPU of two address spaces, and what may happen to it."""

    first: Space
    second: Space

    @property
    def cpu(self):
        return self.first.cpu

    # actions, by name

    def map(self, which: int, page: int, frame: int, bits: dict[str, int]) -> None:
        (self.first, self.second)[which].map(page, frame, **bits)

    def map_block(self, which: int, frame: int, bits: dict[str, int]) -> None:
        (self.first, self.second)[which].map(BLOCK, frame, level=2, **bits)

    def begin_with_block(self, which: int, frame: int, bits: dict[str, int]) -> None:
        """Map the block, by the book, in the address space that is then used."""
        self.map_block(which, frame, bits)
        self.switch(which, 1 + which)
        self.tlbi("vmalle1", 0, 0)

    def unmap(self, which: int, page: int) -> None:
        (self.first, self.second)[which].unmap(page)

    def privileged(self, text: str) -> None:
        """Execute an instruction where it is allowed."""
        if self.cpu.pstate.el:
            execute(self.cpu, text)

    def tlbi(self, operation: str, page: int, asid: int) -> None:
        if self.cpu.pstate.el:
            self.first.tlbi(operation, page >> 12 | asid << 48)

    def switch(self, which: int, asid: int) -> None:
        space = (self.first, self.second)[which]
        self.first.set(TTBR0_EL1=space.root | asid << 48)

    def flip(self, register: str, bits: int) -> None:
        self.first.set(**{register: self.cpu.sysregs[register] ^ bits})

    def enter(self) -> None:
        """Take an exception to EL1."""
        self.cpu.take_exception(supervisor_call(0))

    def leave(self) -> None:
        """Return to EL0."""
        if self.cpu.pstate.el:
            self.cpu.spsr[1] = self.cpu.pstate.pan << 22
            execute(self.cpu, "eret")

    def go(self, el: int, pan: int) -> None:
        self.first.at_level(el, pan=pan)

    def load(self, page: int, offset: int, size: int) -> None:
        fault_of(lambda: self.cpu.load(page + offset, size))

    def store(self, page: int, offset: int, size: int) -> None:
        fault_of(lambda: self.cpu.store(page + offset, size, 0x5A))

    def fetch(self, page: int) -> None:
        fault_of(lambda: self.cpu.fetch_word(page))

    def ask(self, text: str, page: int) -> None:
        """AT or cache maintenance: what fills the TLB beside accesses."""
        if self.cpu.pstate.el:
            self.cpu.gpr[1] = page
            fault_of(lambda: execute(self.cpu, text))


_ANY = st.fixed_dictionaries(
    {},
    optional={
        "el0": st.booleans(),
        "read_only": st.booleans(),
        "ng": st.booleans(),
        "af": st.booleans(),
        "pxn": st.booleans(),
        "uxn": st.booleans(),
        "gp": st.booleans(),
        "ns": st.booleans(),
        "dbm": st.booleans(),
        "attribute": st.sampled_from((NORMAL, DEVICE)),
    },
)
CLEAN = {"read_only": True, "dbm": True}
ATTRIBUTES = st.sampled_from(({}, {"ng": True}, CLEAN, CLEAN | {"ng": True}, {"el0": True})) | _ANY
TCR = st.sampled_from((0, HA[1] | HD[1]))
WHICH, PAGE, FRAME, ASID = st.integers(0, 1), st.sampled_from(PAGES), st.sampled_from(FRAMES), st.integers(0, 2)
OFFSET, SIZE = st.sampled_from((0, 1, 8, 0xFF8, 0xFFC, 0xFFF)), st.sampled_from((1, 2, 4, 8))
FLIPS = (
    ("SCTLR_EL1", SCTLR_M),
    ("SCTLR_EL1", 1 << 19),  # WXN
    ("SCTLR_EL1", 1 << 57),  # EPAN
    ("TCR_EL1", 1 << 7),  # EPD0
    ("TCR_EL1", 1 << 55),  # E0PD0
    ("TCR_EL1", HA[1] | HD[1]),
    ("TCR_EL1", 1 << 22),  # A1
    ("SCR_EL3", SCR_NS),
    ("SCR_EL3", 1 << 9),  # SIF
    ("MAIR_EL1", 0xFF),
    ("HCR_EL2", 1 << 27),  # TGE
)
OPERATIONS = ("vmalle1", "vae1", "vaae1is", "vale1os", "aside1", "vaale1")


def actions() -> st.SearchStrategy[Action]:
    def action(name: str, *arguments: st.SearchStrategy) -> st.SearchStrategy[Action]:
        return st.tuples(st.just(name), st.tuples(*arguments))

    return st.one_of(
        action("load", PAGE, OFFSET, SIZE),
        action("store", PAGE, OFFSET, SIZE),
        action("fetch", PAGE),
        action("map", WHICH, PAGE, FRAME, ATTRIBUTES),
        action("map_block", WHICH, st.sampled_from((RAM, RAM + BLOCK)), ATTRIBUTES),
        action("begin_with_block", WHICH, st.sampled_from((RAM, RAM + BLOCK)), ATTRIBUTES),
        action("unmap", WHICH, PAGE),
        action("tlbi", st.sampled_from(OPERATIONS), PAGE, ASID),
        action("switch", WHICH, ASID),
        action("privileged", st.sampled_from(("msr pan, #1", "msr pan, #0"))),
        st.sampled_from(FLIPS).map(lambda flip: ("flip", flip)),
        action("enter"),
        action("leave"),
        action("go", st.integers(0, 1), st.integers(0, 1)),
        action("ask", st.sampled_from(("at s1e1r, x1", "at s1e0w, x1", "dc cvac, x1", "dc zva, x1")), PAGE),
    )


AT_FIRST = ({}, {"ng": True, "el0": True}, {"ng": True, "read_only": True}, {"ng": True, "ns": True}, {"pxn": True})


def new_world(tcr: int) -> World:
    """At EL1 in the first address space; the second one has other pages at the same addresses."""
    first = make_space(asid=1, tcr=tcr)
    first.at_level(1, pan=0)
    second = first.another()
    for space, frames in ((first, (PAGE_A, PAGE_B, PAGE_C) * 2), (second, (PAGE_B, PAGE_C, PAGE_A) * 2)):
        for page, frame, bits in zip(PAGES, frames, AT_FIRST, strict=False):
            space.map(page, frame, **bits)
    return World(first, second)


def expected(cpu, address: int, size: int, request: Request) -> tuple:
    """What an access is to come to, as translation has it: a physical address, or a fault status."""
    found = work_out(cpu, address, request, is_aligned=not address & (size - 1)).result
    if isinstance(found, TranslationFault):
        return "fault", found.status
    assert isinstance(found, Translation)
    if cpu.memory.is_ram(found.physical):
        return "at", found.physical
    return "fault", 0x10


def reached(access: Callable[[], object]) -> tuple:
    """What an access does come to: the fault status, or its value."""
    found = []
    fault = fault_of(lambda: found.append(access()))
    return ("fault", fault.iss & 0x3F) if fault else ("value", found[0])


def check(world: World, *, writes: bool = True) -> None:
    """Every access comes to what translation says, stores and atomics included if `writes`."""
    cpu = world.cpu
    el = cpu.pstate.el
    for page in PAGES:
        address = page + 8
        for request, access, size in (
            (data_request(el, reads=True, writes=False), lambda at: cpu.load(at, 8), 8),
            (data_request(el, reads=True, writes=False), lambda at: cpu.load_exclusive(at, 8), 8),
            (data_request(el, reads=True, writes=False), lambda at: cpu.load(at, 4, Access.ORDERED), 4),
            (data_request(el, reads=True, writes=True), lambda at: cpu.atomic(at, 8, lambda old: old), 8),
            (Request(Purpose.FETCH, el), cpu.fetch_word, 4),
        ):
            if request.writes and not writes:
                continue
            what, where = expected(cpu, address, size, request)
            wanted = (what, where) if what == "fault" else ("value", cpu.memory.read(where, size))
            assert wanted == reached(lambda address=address, access=access: access(address)), hex(address)
        if not writes:
            continue
        what, where = expected(cpu, address, 8, data_request(el, reads=False, writes=True))
        before = cpu.memory.read(where, 8) if what == "at" else 0
        outcome = reached(lambda address=address: cpu.store(address, 8, 0x6D61_7073))
        if what == "at":
            assert ("value", 0x6D61_7073) == (outcome[0], cpu.memory.read(where, 8)), hex(address)
            cpu.memory.write(where, 8, before)
        else:
            assert (what, where) == outcome, hex(address)


@given(TCR, st.booleans(), st.lists(actions(), min_size=10, max_size=25))
def test_page_maps_never_answer_differently_from_translation(tcr, writes, steps):
    world = new_world(tcr)
    check(world, writes=writes)
    for name, arguments in steps:
        getattr(world, name)(*arguments)
        check(world, writes=writes)


@given(TCR, st.lists(actions(), min_size=20, max_size=40))
def test_nor_do_they_where_only_some_accesses_were_made(tcr, steps):
    """What is checked after each action fills the maps; here they are as the actions leave them."""
    world = new_world(tcr)
    for name, arguments in steps:
        getattr(world, name)(*arguments)
    check(world)


# --- entries that cover others


def slowly(space: Space, address: int) -> int:
    """A load that asks the TLB."""
    return data_path.load(space.cpu, address, 8, Access.NORMAL)


def test_what_was_read_through_a_block_follows_the_page_found_when_it_becomes_dirty():
    space = make_space(tcr=HA[1] | HD[1])
    space.map(BLOCK, RAM, level=2, read_only=True, dbm=True)
    assert 0xA == space.cpu.load(BLOCK, 8)
    space.map(BLOCK, PAGE_B)
    space.cpu.store(BLOCK + 8, 8, 0x77)
    assert 0x77 == space.cpu.memory.read(PAGE_B + 8, 8)
    assert [0xB, 0xB] == [space.cpu.load(BLOCK, 8), slowly(space, BLOCK)]


def test_what_was_read_through_a_block_follows_the_global_page_of_another_address_space():
    first = make_space(asid=1)
    second = first.another()
    first.map(BLOCK, RAM, level=2, ng=True)
    second.map(BLOCK, PAGE_B)
    assert 0xA == first.cpu.load(BLOCK, 8)
    second.use(2)
    assert 0xB == second.cpu.load(BLOCK, 8)
    first.use(1)
    by_map = first.cpu.load(BLOCK, 8)
    assert slowly(first, BLOCK) == by_map


# --- how much is remembered


def test_contexts_are_forgotten_when_there_are_many():
    space = make_space()
    space.map(0, PAGE_A)
    maps = space.cpu.page_maps
    assert isinstance(maps, PageMaps)
    sizes = []
    for asid in range(1000):
        space.use(asid % 256)
        space.set(TTBR1_EL1=asid << 12)
        assert 0xA == space.cpu.load(0, 8)
        sizes.append(len(maps._maps))
    assert 64 == page_maps._CONTEXTS
    assert max(sizes) in (63, 64)


@pytest.mark.parametrize("use", ["load", "store", "fetch_word"])
def test_pages_are_forgotten_when_there_are_many(use, monkeypatch):
    monkeypatch.setattr(page_maps, "_PAGES", 8)
    space = make_space()
    for page in range(0, 0x40000, 0x1000):
        space.map(page, PAGE_A)
        arguments = {"load": (8,), "store": (8, 0xA), "fetch_word": ()}[use]
        getattr(space.cpu, use)(page, *arguments)
    maps = space.cpu.page_map
    assert 0 < len(maps.readable) + len(maps.writable) + len(maps.fetches) <= 8
    assert 0xA == space.cpu.load(0, 8)


def test_as_many_pages_are_remembered_as_a_guest_may_fill():
    assert 1 << 16 == page_maps._PAGES


def test_guarded_pages_are_known_as_long_as_they_are_fetched_from(monkeypatch):
    monkeypatch.setattr(page_maps, "_PAGES", 8)
    space = make_space()
    cpu = space.cpu
    space.map(0x10_0000, PAGE_A, gp=True)
    cpu.pc = 0x10_0000
    cpu.fetch_word(cpu.pc)
    assert cpu.in_guarded_page
    for page in range(0, 0x10000, 0x1000):
        space.map(page, PAGE_A)
        cpu.load(page, 8)
    cpu.fetch_word(cpu.pc)
    assert cpu.in_guarded_page


def test_with_the_mmu_off_nothing_is_added_to_memory():
    space = make_space()
    space.map(0, PAGE_A)
    space.cpu.load(0, 8)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] & ~SCTLR_M)
    space.cpu.load(PAGE_A, 8)
    assert 0x10 == fault_of(lambda: space.cpu.load(0, 8)).iss & 0x3F
    assert all(space.cpu.memory.is_ram(number << 12) for number in space.cpu.memory.pages)


def test_the_pages_of_a_level_are_not_those_of_another():
    space = make_space()
    space.map(0, PAGE_A)
    assert 0xA == space.cpu.load(0, 8)
    space.at_level(0)
    assert 0x0F == fault_of(lambda: space.cpu.load(0, 8)).iss & 0x3F
    space.at_level(1)
    assert 0xA == space.cpu.load(0, 8)


@pytest.mark.parametrize("text", ["msr pan, #1", "msr pan, x1"])
def test_pan_takes_effect_at_once(text):
    space = make_space()
    space.at_level(1, pan=0)
    space.map(0, PAGE_A, el0=True)
    space.cpu.load(0, 8)
    space.cpu.store(0, 8, 0xA)
    space.cpu.gpr[1] = 1 << 22
    execute(space.cpu, text)
    assert 0x0F == fault_of(lambda: space.cpu.load(0, 8)).iss & 0x3F
    assert 0x4F == fault_of(lambda: space.cpu.store(0, 8, 1)).iss & 0x7F
    execute(space.cpu, "msr pan, #0")
    assert 0xA == space.cpu.load(0, 8)
