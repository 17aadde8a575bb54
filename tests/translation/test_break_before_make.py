"""The checker for break-before-make: what it reports, once, and what it leaves alone."""

from __future__ import annotations

import pytest

from aarch64.machine import Machine
from aarch64.translation.break_before_make import BreakBeforeMake
from tests.translation.paging import (
    BLOCK_A,
    BLOCK_B,
    DEVICE,
    HA,
    HD,
    NON_CACHEABLE,
    PAGE_A,
    PAGE_B,
    RAM,
    SCTLR_M,
    Space,
    make_space,
)

HERE, BLOCK = 0x5000, 0x20_0000


def watched(**options: int) -> tuple[Space, BreakBeforeMake]:
    """A space, and a checker of its CPU."""
    space = make_space(**options)
    return space, BreakBeforeMake(space.cpu)


def changes(checker: BreakBeforeMake) -> list[tuple[str, ...]]:
    return [violation.changes for violation in checker.violations]


# --- what is to be reported

# name, the mapping before, the one after, where the entry is, the changes in words
CHANGES = [
    ("output address", (HERE, PAGE_A, 3, {}), (HERE, PAGE_B, 3, {}), "output address 0x40000000 to 0x40010000"),
    ("block's output address", (BLOCK, BLOCK_A, 2, {}), (BLOCK, BLOCK_B, 2, {}),
     "output address 0x40200000 to 0x40400000"),
    ("to Device", (HERE, PAGE_A, 3, {}), (HERE, PAGE_A, 3, {"attribute": DEVICE}),
     "memory type Normal Write-Back read/write-allocate to Device-nGnRnE"),
    ("cacheability", (HERE, PAGE_A, 3, {"attribute": NON_CACHEABLE}), (HERE, PAGE_A, 3, {}),
     "memory type Normal Non-cacheable to Normal Write-Back read/write-allocate"),
    ("block to table", (BLOCK, BLOCK_A, 2, {}), (BLOCK, BLOCK_A, 3, {}), "size 2^21 to 2^12 bytes"),
    ("table to block", (BLOCK, BLOCK_A, 3, {}), (BLOCK, BLOCK_A, 2, {}), "size 2^12 to 2^21 bytes"),
    ("to contiguous", (0x1_0000, PAGE_A, 3, {}), (0x1_0000, PAGE_A, 3, {"contiguous": True}),
     "size 2^12 to 2^16 bytes"),
    ("from contiguous", (0x1_0000, PAGE_A, 3, {"contiguous": True}), (0x1_0000, PAGE_A, 3, {}),
     "size 2^16 to 2^12 bytes"),
    ("to non-global", (HERE, PAGE_A, 3, {}), (HERE, PAGE_A, 3, {"ng": True}), "global to non-global"),
    ("to global", (HERE, PAGE_A, 3, {"ng": True}), (HERE, PAGE_A, 3, {}), "non-global to global"),
    ("two things", (HERE, PAGE_A, 3, {}), (HERE, PAGE_B, 3, {"ng": True}),
     "output address 0x40000000 to 0x40010000 and global to non-global"),
]  # fmt: skip
ROWS = pytest.mark.parametrize(
    ("before", "after", "words"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)


def remap(space: Space, after: tuple) -> None:
    """Write another descriptor; to become a block, over the table that was there."""
    virtual, physical, level, bits = after
    space.map(virtual, physical, level, **bits)


@ROWS
def test_a_change_without_a_break_is_reported_once(before, after, words):
    space, checker = watched()
    virtual, physical, level, bits = before
    space.map(virtual, physical, level, **bits)
    space.cpu.load(virtual, 8)
    remap(space, after)
    checker.check()
    assert [tuple(words.split(" and "))] == changes(checker)
    checker.check()
    space.tlbi()
    assert 1 == len(checker.violations)


@ROWS
def test_it_is_noticed_at_the_tlbi_that_comes_too_late(before, after, words):
    space, checker = watched()
    virtual, physical, level, bits = before
    space.map(virtual, physical, level, **bits)
    space.cpu.load(virtual, 8)
    remap(space, after)
    space.cpu.cycles, space.cpu.pc = 1234, RAM + 0x80
    assert [] == checker.violations
    space.invalidate(virtual)
    (violation,) = checker.violations
    assert (tuple(words.split(" and ")), 1234, RAM + 0x80) == (violation.changes, violation.cycle, violation.pc)
    space.cpu.load(virtual, 8)
    checker.check()
    assert 1 == len(checker.violations)


@ROWS
def test_with_a_break_nothing_is_reported(before, after, words):
    space, checker = watched()
    virtual, physical, level, bits = before
    space.map(virtual, physical, level, **bits)
    space.cpu.load(virtual, 8)
    space.unmap(virtual, level)
    space.invalidate(virtual)
    remap(space, after)
    space.cpu.load(virtual, 8)
    checker.check()
    space.tlbi()
    assert (words, []) == (words, changes(checker))


@ROWS
def test_a_break_without_tlbi_is_none(before, after, words):
    space, checker = watched()
    virtual, physical, level, bits = before
    space.map(virtual, physical, level, **bits)
    space.cpu.load(virtual, 8)
    space.unmap(virtual, level)
    remap(space, after)
    checker.check()
    assert [tuple(words.split(" and "))] == changes(checker)


@ROWS
def test_what_was_never_used_may_be_changed(before, after, words):
    space, checker = watched()
    virtual, physical, level, bits = before
    space.map(virtual, physical, level, **bits)
    remap(space, after)
    checker.check()
    space.tlbi()
    assert (words, []) == (words, changes(checker))


def test_a_report_in_words():
    space, checker = watched(asid=7)
    old = space.map(HERE, PAGE_A, ng=True)
    space.cpu.load(HERE, 8)
    new = space.map(HERE, PAGE_B, ng=True)
    checker.check()
    where = space.descriptor_address(HERE)
    expected = (
        f"break-before-make: 0x5000 (TTBR0_EL1, ASID 7): level 3 descriptor {old:#x} at {where:#x} became "
        f"level 3 descriptor {new:#x} at {where:#x} while the TLB holds the old one "
        "(output address 0x40000000 to 0x40010000): write an invalid descriptor and execute TLBI in between"
    )
    assert [expected] == [str(violation) for violation in checker.violations]


@pytest.mark.parametrize(("regime", "words"), [(2, "(TTBR0_EL2)"), (3, "(TTBR0_EL3)")])
def test_other_regimes_are_watched_too(regime, words):
    space, checker = watched(el=regime)
    space.map(HERE, PAGE_A)
    space.cpu.load(HERE, 8)
    space.map(HERE, PAGE_B)
    space.tlbi()
    (violation,) = checker.violations
    assert words in str(violation)


def test_each_further_change_is_reported():
    space, checker = watched()
    space.map(HERE, PAGE_A)
    space.cpu.load(HERE, 8)
    for physical in (PAGE_B, BLOCK_A):
        space.map(HERE, physical)
        checker.check()
    assert 2 == len(checker.violations)


# --- what may change without


# name, bits before, bits after
HARMLESS = [
    ("read-only", {}, {"read_only": True}),
    ("writable", {"read_only": True}, {}),
    ("EL0 may use it", {}, {"el0": True}),
    ("EL0 may not", {"el0": True}, {}),
    ("execute-never", {}, {"pxn": True, "uxn": True}),
    ("guarded", {}, {"gp": True}),
    ("accessed no more", {}, {"af": False}),
    ("clean", {}, {"dbm": True, "read_only": True}),
    ("dirty", {"dbm": True, "read_only": True}, {"dbm": True}),
    ("software's bits", {}, {}),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
@pytest.mark.parametrize("tcr", [0, HA[1], HA[1] | HD[1]])
def test_permissions_and_state_may_change_freely(before, after, tcr):
    space, checker = watched(tcr=tcr)
    space.map(HERE, PAGE_A, **before)
    space.cpu.load(HERE, 8)
    space.write(space.descriptor_address(HERE), space.map(HERE, PAGE_A, **after) | 0b111 << 55)
    checker.check()
    space.tlbi()
    assert [] == changes(checker)


def test_what_hardware_updates_is_no_violation():
    space, checker = watched(tcr=HA[1] | HD[1])
    space.map(HERE, PAGE_A, af=False, dbm=True, read_only=True)
    space.cpu.load(HERE, 8)
    space.cpu.store(HERE, 8, 1)
    checker.check()
    space.tlbi()
    assert [] == changes(checker)


def test_a_table_that_leads_to_the_same_page_is_no_violation():
    space, checker = watched()
    space.map(HERE, PAGE_A)
    space.cpu.load(HERE, 8)
    entry = space.descriptor_address(HERE, 2)
    copy = next(space.frames)
    space.cpu.memory.write_bytes(copy, space.cpu.memory.read_bytes(space.descriptor_address(HERE) & ~0xFFF, 0x1000))
    space.write(entry, copy | 0b11)
    checker.check()
    assert [] == changes(checker)


@pytest.mark.parametrize(
    ("same", "before", "after", "count"),
    [
        (True, True, True, 0),
        (False, True, True, 1),
        (True, False, True, 1),
        (True, True, False, 1),
        (True, False, False, 1),
    ],
)
def test_pages_that_cannot_be_told_apart_may_take_one_anothers_place(same, before, after, count):
    space, checker = watched()
    if same:
        space.cpu.memory.write_bytes(PAGE_B, space.cpu.memory.read_bytes(PAGE_A, 0x1000))
    space.map(HERE, PAGE_A, read_only=before)
    space.cpu.load(HERE, 8)
    space.map(HERE, PAGE_B, read_only=after)
    checker.check()
    assert count == len(checker.violations)


def test_memory_that_does_not_answer_is_told_apart():
    space, checker = watched()
    space.map(HERE, PAGE_A, read_only=True)
    space.cpu.load(HERE, 8)
    space.map(HERE, 0x2000_0000, read_only=True)
    checker.check()
    assert 1 == len(checker.violations)


@pytest.mark.parametrize("is_upper", [False, True])
def test_the_entry_of_another_address_space_is_compared_with_its_own_tables(is_upper):
    space, checker = watched(is_upper=is_upper, asid=1)
    virtual = space.address(HERE)
    space.map(virtual, PAGE_A, ng=True)
    space.cpu.load(virtual, 8)
    other = space.another()
    other.map(virtual, PAGE_B, ng=True)
    other.use(2)
    other.cpu.load(virtual, 8)
    checker.check()
    assert [] == changes(checker)
    space.map(virtual, PAGE_B, ng=True)
    checker.check()
    (violation,) = checker.violations
    assert 1 == violation.entry.asid or is_upper


@pytest.mark.parametrize("regime", [1, 2, 3])
def test_with_the_mmu_off_nothing_is_compared(regime):
    space, checker = watched(el=regime)
    space.map(HERE, PAGE_A)
    space.cpu.load(HERE, 8)
    name = f"SCTLR_EL{regime}"
    space.set(**{name: space.cpu.sysregs[name] & ~SCTLR_M})
    space.map(HERE, PAGE_B)
    checker.check()
    space.tlbi()
    assert [] == changes(checker)


@pytest.mark.parametrize(("input_size", "granule"), [(36, 12), (48, 16), (48, 14), (42, 12), (39, 12)])
@pytest.mark.parametrize("offset", [0, 1])
def test_a_first_table_smaller_than_a_page_may_begin_anywhere_in_it(input_size, granule, offset):
    space, checker = watched(input_size=input_size, granule=granule)
    size = 8 << input_size - space.low(space.start_level)
    space.root += offset * size
    space.use().map(0x10000, PAGE_A)
    space.cpu.load(0x10000, 8)
    checker.check()
    assert [] == changes(checker)
    space.map(0x10000, PAGE_B)
    checker.check()
    assert 1 == len(checker.violations)


@pytest.mark.parametrize(("before", "after", "words"), [(0, 1, "Secure to Non-secure"), (1, 0, "Non-secure to Secure")])
def test_a_page_of_the_other_address_space_is_another_page(before, after, words):
    space = make_space(el=3)
    checker = BreakBeforeMake(space.cpu)
    space.map(HERE, PAGE_A, ns=before)
    space.cpu.load(HERE, 8)
    space.map(HERE, PAGE_A, ns=after)
    checker.check()
    assert [(words,)] == changes(checker)


# --- when


def test_tlbi_for_something_else_notices_nothing_yet():
    space, checker = watched()
    space.map(HERE, PAGE_A)
    space.cpu.load(HERE, 8)
    space.map(HERE, PAGE_B)
    space.invalidate(BLOCK)
    assert [] == changes(checker)
    space.invalidate(HERE)
    assert 1 == len(checker.violations)


def watched_machine() -> tuple[Machine, Space, BreakBeforeMake]:
    machine = Machine()
    checker = BreakBeforeMake(machine.cpu)
    space = Space(machine.cpu, iter(range(RAM + (64 << 20), RAM + (65 << 20), 1 << 16)))
    machine.run(max_cycles=0)
    return machine, space, checker


@pytest.mark.parametrize("back", ["reset", "restore"])
def test_it_goes_on_watching_after_a_reset_or_restore(back):
    machine, space, checker = watched_machine()
    snapshot = machine.snapshot()
    machine.reset() if back == "reset" else machine.restore(snapshot)
    space.use().map(HERE, PAGE_A)
    machine.cpu.load(HERE, 8)
    space.map(HERE, PAGE_B)
    space.tlbi()
    assert 1 == len(checker.violations)
