"""The TLB: what it keeps, for whom, and for how long."""

from __future__ import annotations

from copy import deepcopy

import pytest

from aarch64 import access as data_path
from aarch64.access import Access
from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from aarch64.translation.tlb import CAPACITY
from tests.isa.running import execute
from tests.translation.paging import (
    ACCESS_FLAG,
    ADDRESS_SIZE,
    EXTERNAL_ON_WALK,
    PAGE_A,
    PAGE_B,
    PAGE_C,
    PERMISSION,
    RAM,
    SCR_EEL2,
    SCR_NS,
    SCTLR_M,
    TBI,
    TCR_A1,
    TCR_AS,
    TRANSLATION,
    VALUES,
    Space,
    make_space,
    status_of,
)

HERE, THERE = 0x5000, 0x9000
A, B = VALUES[PAGE_A], VALUES[PAGE_B]
NOP, MOVZ_X0_1 = 0xD503_201F, 0xD280_0020


def read(space: Space, address: int = HERE) -> int:
    return space.cpu.load(address, 8)


def read_slowly(space: Space, address: int = HERE) -> int:
    """As `read`, by the path that asks the TLB each time."""
    return data_path.load(space.cpu, address, 8, Access.NORMAL)


def read_exclusively(space: Space) -> int:
    return space.cpu.load_exclusive(HERE, 8)


def write(space: Space) -> int:
    """Write to HERE; the page that was reached, by its letter."""
    before = {page: space.cpu.memory.read(page, 8) for page in (PAGE_A, PAGE_B)}
    space.cpu.store(HERE, 8, 0x77)
    reached = [VALUES[page] for page in before if space.cpu.memory.read(page, 8) == 0x77]
    for page, value in before.items():
        space.cpu.memory.write(page, 8, value)
    assert 1 == len(reached)
    return reached[0]


def swap(space: Space) -> int:
    """The page an atomic access reaches, by what it finds there."""
    return space.cpu.atomic(HERE, 8, lambda old: old)


def swap_slowly(space: Space) -> int:
    """As `swap`, by the path that asks the TLB each time."""
    return data_path.modify(space.cpu, HERE, 8, lambda old: old)[0]


def fetch(space: Space) -> int:
    """The page that an instruction is fetched from, by its letter."""
    return space.cpu.fetch_word(HERE) & 0xFF


USES = [read, read_slowly, read_exclusively, write, swap, swap_slowly, fetch]


@pytest.mark.parametrize("el", [1, 2, 3])
@pytest.mark.parametrize("second", USES)
@pytest.mark.parametrize("first", USES)
def test_a_changed_descriptor_is_seen_after_tlbi(el, first, second):
    space = make_space(el=el)
    space.map(HERE, PAGE_A)
    assert A == first(space)
    space.map(HERE, PAGE_B)
    assert [A, A] == [second(space), first(space)]
    space.invalidate(HERE)
    assert [B, B] == [second(space), first(space)]


@pytest.mark.parametrize("use", USES)
def test_an_unmapped_page_stays_until_tlbi(use):
    space = make_space()
    space.map(HERE, PAGE_A)
    use(space)
    space.unmap(HERE)
    assert A == use(space)
    space.tlbi()
    assert TRANSLATION | 3 == status_of(lambda: use(space))


def test_rights_are_those_of_the_entry():
    space = make_space()
    space.map(HERE, PAGE_A, read_only=True)
    read(space)
    space.map(HERE, PAGE_A)
    assert PERMISSION | 3 == status_of(lambda: write(space))
    space.invalidate(HERE)
    assert A == write(space)


@pytest.mark.parametrize("use", USES)
def test_a_stepped_program_goes_on_in_the_old_page(use):
    space = make_space()
    space.map(HERE, PAGE_A)
    space.cpu.memory.write(PAGE_A, 4, NOP)
    space.cpu.memory.write(PAGE_A + 4, 4, NOP)
    space.cpu.memory.write(PAGE_B + 4, 4, MOVZ_X0_1)
    space.cpu.pc = HERE
    space.cpu.step()
    space.map(HERE, PAGE_B)
    if use is not fetch:
        use(space)
    space.cpu.step()
    assert (HERE + 8, 0) == (space.cpu.pc, space.cpu.gpr[0])
    space.tlbi()
    space.cpu.pc = HERE + 4
    space.cpu.step()
    assert (HERE + 8, 1) == (space.cpu.pc, space.cpu.gpr[0])


def test_memory_types_are_those_of_the_walk():
    space = make_space()
    space.map(HERE, PAGE_A)
    read(space)
    space.set(MAIR_EL1=0)
    assert [0xFF] == [entry.leaf.attribute for entry in space.entries]
    assert A >> 8 | A << 56 == space.cpu.load(HERE + 1, 8)
    space.tlbi()
    assert 0x21 == status_of(lambda: space.cpu.load(HERE + 1, 8))


@pytest.mark.parametrize(("operation", "keeps"), [("vmalle1", {A}), ("vmalls12e1", {A}), ("alle1", set())])
def test_entries_belong_to_a_virtual_machine_even_without_stage_2(operation, keeps):
    """VTTBR_EL2.VMID is part of what an entry is found by; only ALLE1 covers those of all."""
    space = make_space(el=2, max_el=2, regime=1)
    first, second = 1 << 48, 2 << 48
    space.map(HERE, PAGE_A)
    space.set(VTTBR_EL2=first)
    space.at_level(1)
    assert A == read(space)
    space.map(HERE, PAGE_B)
    space.set(VTTBR_EL2=second)
    assert B == read(space) == read_slowly(space)
    space.at_level(2)
    space.tlbi(operation)
    space.at_level(1)
    space.unmap(HERE)
    space.set(VTTBR_EL2=first)
    found = {read(space)} if status_of(lambda: read(space)) is None else set()
    assert keeps == found
    space.set(VTTBR_EL2=second)
    assert TRANSLATION | 3 == status_of(lambda: read(space))


# --- what is not kept


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda space: space.map(HERE, PAGE_A, af=False), ACCESS_FLAG | 3),
        (lambda space: space.unmap(HERE), TRANSLATION | 3),
        (lambda space: space.map(HERE, PAGE_A, level=0, af=True), TRANSLATION),
        (lambda space: space.write(space.descriptor_address(HERE, 1), 0), TRANSLATION | 1),
        (lambda space: space.write(space.descriptor_address(HERE, 2), 1 << 40 | 0b11), EXTERNAL_ON_WALK | 3),
        (lambda space: space.write(space.descriptor_address(HERE), PAGE_A | 0x401), TRANSLATION | 3),
    ],
    ids=["AF clear", "invalid", "no level 0 block", "no table", "nothing at the table", "reserved"],
)
@pytest.mark.parametrize("use", USES)
def test_faults_of_the_walk_are_not_kept(change, status, use):
    space = make_space(input_size=48)
    change(space)
    assert status == status_of(lambda: use(space))
    assert [] == space.entries
    space.write(space.root, 0)
    space.map(HERE, PAGE_A)
    assert A == use(space)


@pytest.mark.parametrize(("level", "where"), [(3, 1 << 32), (2, 1 << 33)])
def test_addresses_that_are_too_large_are_not_kept(level, where):
    space = make_space()
    space.set(TCR_EL1=space.cpu.sysregs["TCR_EL1"] & ~(7 << 32))
    space.map(HERE, where, level)
    assert ADDRESS_SIZE | level == status_of(lambda: read(space))
    assert [] == space.entries
    space.map(HERE & -(1 << space.low(level)), RAM, level)
    assert VALUES[PAGE_A] == read(space, HERE & -(1 << space.low(level)))


@pytest.mark.parametrize("use", [write, swap, swap_slowly])
def test_what_only_lacks_a_right_is_kept(use):
    space = make_space()
    space.map(HERE, PAGE_A, read_only=True)
    assert PERMISSION | 3 == status_of(lambda: use(space))
    assert [HERE] == [entry.address for entry in space.entries]
    space.unmap(HERE)
    assert A == read(space)


@pytest.mark.parametrize("action", ["at s1e1r, x1", "dc cvac, x1", "ic ivau, x1", "ldtr x0, [x1]", "ldxr x0, [x1]"])
def test_every_kind_of_access_fills_it(action):
    space = make_space()
    space.map(HERE, PAGE_A, el0=True)
    space.cpu.gpr[1] = HERE
    execute(space.cpu, action)
    assert [(HERE, None, PAGE_A)] == [(entry.address, entry.asid, entry.leaf.output) for entry in space.entries]


# --- address spaces


def two_address_spaces(*, ng: bool, first: int = 1, tcr: int = 0) -> tuple[Space, Space]:
    """One CPU, HERE mapped to another page in each; the first address space has been used."""
    one = make_space(asid=first, tcr=tcr)
    one.map(HERE, PAGE_A, ng=ng)
    other = one.another()
    other.map(HERE, PAGE_B, ng=ng)
    assert A == read(one)
    return one, other


@pytest.mark.parametrize(("ng", "found"), [(True, B), (False, A)])
@pytest.mark.parametrize("use", USES)
def test_entries_of_another_asid_are_not_seen_and_global_ones_are(ng, found, use):
    one, other = two_address_spaces(ng=ng)
    other.use(2)
    assert found == use(other)
    one.use(1)
    assert A == use(one)


def test_the_asid_and_not_the_table_tells_address_spaces_apart():
    _, other = two_address_spaces(ng=True)
    other.use(1)
    assert A == read(other)


@pytest.mark.parametrize(
    ("tcr", "first", "second", "is_same"),
    [
        (0, 0x0012, 0x0112, True),
        (0, 0x0012, 0x0013, False),
        (TCR_AS, 0x0012, 0x0112, False),
        (TCR_AS, 0xFF12, 0xFF12, True),
        (0, 0, 0xFF00, True),
    ],
)
def test_tcr_as_is_the_width_of_asids(tcr, first, second, is_same):
    _, other = two_address_spaces(ng=True, first=first, tcr=tcr)
    other.use(second)
    assert (A if is_same else B) == read(other)


@pytest.mark.parametrize(("a1", "sets", "found"), [(0, "TTBR0_EL1", B), (0, "TTBR1_EL1", A), (TCR_A1, "TTBR1_EL1", B)])
def test_tcr_a1_chooses_whose_asid_counts(a1, sets, found):
    space = make_space(tcr=a1)
    space.map(HERE, PAGE_A, ng=True)
    read(space)
    space.map(HERE, PAGE_B, ng=True)
    space.set(**{sets: space.cpu.sysregs[sets] | 5 << 48})
    assert found == read(space)


def test_with_a1_the_asid_of_ttbr0_does_not_count():
    space = make_space(tcr=TCR_A1)
    space.map(HERE, PAGE_A, ng=True)
    read(space)
    space.map(HERE, PAGE_B, ng=True)
    space.use(7)
    assert A == read(space)


@pytest.mark.parametrize("is_upper", [False, True])
def test_both_ranges_are_kept_apart(is_upper):
    lower = make_space()
    upper = lower.another(is_upper=True).use()
    lower.map(HERE, PAGE_A)
    upper.map(upper.address(HERE), PAGE_B)
    for space in (lower, upper) if is_upper else (upper, lower):
        read(space, space.address(HERE))
    assert [A, B] == [read(lower), read(upper, upper.address(HERE))]
    assert 2 == len(lower.entries)


# --- regimes and security states


def test_regimes_are_apart():
    el1 = make_space(el=3, regime=1)
    spaces = [el1, *(el1.another(regime=regime).use() for regime in (2, 3))]
    for space, page in zip(spaces, (PAGE_A, PAGE_B, PAGE_C), strict=True):
        space.map(HERE, page)
    for space in spaces:
        space.at_level(space.regime)
        read(space)
        space.unmap(HERE)
    found = []
    for space in spaces:
        space.at_level(space.regime)
        found.append((len(space.entries), read(space)))
    assert [(1, A), (1, B), (1, VALUES[PAGE_C])] == found


@pytest.mark.parametrize(("el", "regime"), [(1, 1), (0, 1), (2, 2)])
def test_security_states_are_apart(el, regime):
    space = make_space(el=regime)
    space.at_level(el)
    space.map(HERE, PAGE_A, el0=True, ns=True)
    scr = space.cpu.sysregs["SCR_EL3"] & ~SCR_NS | SCR_EEL2
    space.set(SCR_EL3=scr | SCR_NS)
    assert A == read(space)
    space.map(HERE, PAGE_B, el0=True, ns=True)
    space.set(SCR_EL3=scr)
    assert B == read(space)
    space.set(SCR_EL3=scr | SCR_NS)
    assert A == read(space)
    assert [False, True] == [entry.is_secure for entry in space.entries]


def test_the_mmu_off_uses_no_entry():
    space = make_space()
    space.map(PAGE_A, PAGE_B)
    assert B == read(space, PAGE_A)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] & ~SCTLR_M)
    assert A == read(space, PAGE_A)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] | SCTLR_M)
    space.unmap(PAGE_A)
    assert B == read(space, PAGE_A)


# --- sizes


@pytest.mark.parametrize(
    ("granule", "level", "size"), [(12, 2, 21), (12, 1, 30), (14, 2, 25), (16, 2, 29), (12, 3, 12), (16, 3, 16)]
)
def test_a_block_is_one_entry(granule, level, size):
    space = make_space(granule=granule, input_size=40)
    assert size == space.low(level)
    space.map(0, RAM & -(1 << size), level)
    for offset in range(0, 0x10000 if size < 21 else 0x300000, 0x4000):
        if offset < 1 << size:
            read(space, (RAM & (1 << size) - 1) + offset)
    assert [(0, size)] == [(entry.address, entry.size) for entry in space.entries]


@pytest.mark.parametrize(
    ("granule", "level", "count"), [(12, 3, 16), (12, 2, 16), (14, 3, 128), (14, 2, 32), (16, 3, 32), (16, 2, 32)]
)
def test_a_contiguous_group_is_one_entry(granule, level, count):
    space = make_space(granule=granule, input_size=44)
    size, low = space.low(level) + count.bit_length() - 1, space.low(level)
    physical = RAM & -(1 << size)
    space.map_group(1 << size, physical, count, level)
    virtual = (1 << size) + RAM - physical
    offset = min(1 << low, 0x10000)
    space.cpu.memory.write(RAM + offset, 8, 0x66)
    read(space, virtual)
    for number in range(count):
        space.unmap((1 << size) + (number << low), level)
    assert [A, 0x66] == [read(space, virtual), read(space, virtual + offset)]
    assert [(1 << size, size)] == [(entry.address, entry.size) for entry in space.entries]


def test_a_page_is_found_beside_the_block_around_it():
    space = make_space()
    space.map(0, RAM, level=2)
    space.map(4 << 20, PAGE_B)
    assert [A, B, B] == [read(space, 0), read(space, 4 << 20), read(space, PAGE_B - RAM)]
    assert [21, 12] == [entry.size for entry in space.entries]


# --- tags


@pytest.mark.parametrize("el", [1, 2, 3])
def test_tagged_addresses_share_an_entry(el):
    space = make_space(el=el, tcr=TBI[el])
    space.map(HERE, PAGE_A)
    read(space)
    space.map(HERE, PAGE_B)
    assert [A, A] == [read(space, 0xA5 << 56 | HERE), read(space, 0x01 << 56 | HERE)]
    assert 1 == len(space.entries)
    space.invalidate(HERE)
    assert [B, B] == [read(space, 0xA5 << 56 | HERE), read(space)]


def test_tagged_addresses_of_the_upper_range_share_an_entry():
    space = make_space(is_upper=True, tcr=1 << 38)
    virtual = space.address(HERE)
    space.map(virtual, PAGE_A)
    read(space, virtual)
    space.map(virtual, PAGE_B)
    assert A == read(space, virtual & ~(0xFF << 56) | 0x12 << 56)
    assert 1 == len(space.entries)


# --- capacity


def fill(space: Space, pages: range) -> None:
    """Use pages, by their numbers, that all lead to PAGE_A."""
    for number in pages:
        virtual = number << 12
        if number % 512 == 0:
            space.map(virtual, PAGE_A)
            table = space.descriptor_address(virtual)
            space.cpu.memory.write_bytes(table, space.descriptor(virtual).to_bytes(8, "little") * 512)
        read_slowly(space, virtual)


def test_it_holds_so_many_entries_and_then_starts_anew():
    space = make_space()
    fill(space, range(CAPACITY))
    assert CAPACITY == len(space.cpu.tlb)
    fill(space, range(CAPACITY, CAPACITY + 1))
    assert [CAPACITY << 12] == [entry.address for entry in space.entries]


def test_what_it_had_no_room_for_is_not_answered_from_page_maps_either():
    space = make_space()
    fill(space, range(CAPACITY))
    read(space, HERE)
    space.map(HERE, PAGE_B)
    fill(space, range(CAPACITY, CAPACITY + 1))
    assert B == read(space, HERE)


# --- copies, snapshots, resets


def test_a_copy_holds_the_same_entries_and_lives_its_own_life():
    space = make_space()
    space.map(HERE, PAGE_A)
    read(space)
    tlb = space.cpu.tlb
    copy = deepcopy(tlb)
    assert copy == tlb
    space.tlbi()
    assert (1, 0) == (len(copy), len(tlb))
    assert copy != tlb


def machine_with_space(**options: int) -> tuple[Machine, Space]:
    """A machine, and a space on its CPU, HERE mapped to PAGE_A."""
    machine = Machine(**options)
    space = Space(machine.cpu, iter(range(RAM + (64 << 20), RAM + (65 << 20), 1 << 16)))
    for page in (PAGE_A, PAGE_B):
        machine.memory.write(page, 8, VALUES[page])
    space.use().map(HERE, PAGE_A)
    return machine, space


@pytest.mark.parametrize("use", USES)
def test_a_snapshot_has_the_entries(use):
    machine, space = machine_with_space()
    machine.memory.write_bytes(PAGE_A, A.to_bytes(8, "little"))
    use(space)
    space.map(HERE, PAGE_B)
    snapshot = machine.snapshot()
    space.tlbi()
    assert B == use(space)
    machine.restore(snapshot)
    assert A == use(space)
    space.tlbi()
    assert B == use(space)
    machine.restore(snapshot)
    assert (A, snapshot.cpu["tlb"]) == (use(space), machine.cpu.tlb)


def test_a_snapshot_without_entries_leaves_nothing_in_page_maps():
    machine, space = machine_with_space()
    snapshot = machine.snapshot()
    read(space)
    write(space)
    fetch(space)
    machine.restore(snapshot)
    space.map(HERE, PAGE_B)
    assert [B, B, B] == [read(space), write(space), fetch(space)]


def test_a_snapshot_is_not_changed_by_what_comes_after():
    machine, space = machine_with_space()
    read(space)
    snapshot = machine.snapshot()
    space.tlbi()
    assert 1 == len(snapshot.cpu["tlb"])
    machine.restore(snapshot)
    space.tlbi()
    assert (1, 0) == (len(snapshot.cpu["tlb"]), len(machine.cpu.tlb))


RESET = """
_start: mov     w0, #0x84000000
        orr     w0, w0, #8
        orr     w0, w0, #1              // SYSTEM_RESET
        hvc     #0
"""


def test_psci_reset_empties_it():
    machine, space = machine_with_space()
    space.set(SCTLR_EL1=machine.cpu.sysregs["SCTLR_EL1"] & ~SCTLR_M)
    machine.load(assemble_source(RESET))
    start = machine.cpu.pc
    machine.run(max_cycles=0)
    space.use().map(start, start)
    machine.run(max_cycles=1)
    assert [start] == [entry.address for entry in space.entries]
    machine.run(max_cycles=3)
    assert (start, 0, 0) == (machine.cpu.pc, machine.cpu.sysregs["SCTLR_EL1"] & SCTLR_M, len(machine.cpu.tlb))
    assert 0 == read(space, PAGE_B)
