"""The oracle itself, held to what the Arm ARM says in tables and prose."""

from __future__ import annotations

import pytest

from aarch64.features import DEFAULT_FEATURES, Feature
from tests.translation.oracle import Access, Failure, Kind, Output, Setup, translate

ROOT = 0x4000_0000
TABLE1, TABLE2, TABLE3 = 0x4000_1000, 0x4000_2000, 0x4000_3000
ALL = DEFAULT_FEATURES

M, CACHED, FETCHES_CACHED, WXN, EPAN = 1 << 0, 1 << 2, 1 << 12, 1 << 19, 1 << 57
MMU_ON = M | CACHED | FETCHES_CACHED
SH_INNER, AF, CONTIGUOUS, DBM = 3 << 8, 1 << 10, 1 << 52, 1 << 51
NS, AP1, AP2, GP, PXN, UXN = 1 << 5, 1 << 6, 1 << 7, 1 << 50, 1 << 53, 1 << 54
NS_TABLE, AP_TABLE1, AP_TABLE0, UXN_TABLE, PXN_TABLE = 1 << 63, 1 << 62, 1 << 61, 1 << 60, 1 << 59
PAGE = 3 | AF | SH_INNER
BLOCK = 1 | AF | SH_INNER
TABLE = 3

PS_48 = 5 << 32
TG0_16K, TG0_64K = 2 << 14, 1 << 14
TG1_4K = 2 << 30
T0SZ_48, T0SZ_39, T0SZ_30 = 16, 25, 34
"""T0SZ for so many bits of address: with a granule of 4 KB, walks begin at level 0, 1 and 2."""
HA, HD, TBI0 = 1 << 39, 1 << 40, 1 << 37

NORMAL, DEVICE, DEVICE_GRE, NON_CACHEABLE = 0, 1, 2, 3
MAIR = 0x44_0C_00_FF
"""Its attributes, by the numbers above."""

TRANSLATION, ACCESS_FLAG, PERMISSION = 0x04, 0x08, 0x0C
ADDRESS_SIZE, EXTERNAL_ON_WALK, ALIGNMENT = 0x00, 0x14, 0x21


def setup(*, without=(), pan=0, **registers):
    """Non-secure EL1&0 with T0SZ 30 bits, its one table at ROOT; other registers by name."""
    names = [f"{name}_EL{el}" for name in ("SCTLR", "TCR", "TTBR0", "TTBR1", "MAIR") for el in (1, 2, 3)]
    values = dict.fromkeys(names, 0) | {
        "SCR_EL3": 1,
        "HCR_EL2": 0,
        "SCTLR_EL1": MMU_ON,
        "TCR_EL1": PS_48 | T0SZ_30,
        "TTBR0_EL1": ROOT,
        "MAIR_EL1": MAIR,
    }
    assert registers.keys() <= values.keys()
    return Setup(values | registers, ALL - set(without), pan)


def look(memory, machine, address, kind=Kind.READ, *, el=1, is_aligned=True):
    return translate(memory.get, machine, Access(address, kind, el, is_aligned))


def physical(memory, machine, address, kind=Kind.READ, *, el=1):
    result = look(memory, machine, address, kind, el=el)
    assert isinstance(result, Output), result
    return result.physical


def status(memory, machine, address, kind=Kind.READ, *, el=1):
    result = look(memory, machine, address, kind, el=el)
    return result.status if isinstance(result, Failure) else None


def one_block(attributes):
    """A table of level 2 whose first 2 MB are at 0x4020_0000."""
    return {ROOT: 0x4020_0000 | BLOCK | attributes}


# --- walks


def identity_map():
    """Four levels of 4 KB tables, mapping 0x4000_0000 to 0x4000_7FFF to itself."""
    pages = {TABLE3 + 8 * number: 0x4000_0000 + 0x1000 * number | PAGE for number in range(8)}
    rest = {number: 0 for table in (ROOT, TABLE1, TABLE2, TABLE3) for number in range(table, table + 0x1000, 8)}
    return rest | {ROOT: TABLE1 | TABLE, TABLE1 + 8: TABLE2 | TABLE, TABLE2: TABLE3 | TABLE} | pages


def test_four_levels_of_4k() -> None:
    machine = setup(TCR_EL1=PS_48 | T0SZ_48)
    expected = Output(0x4000_5678, 0xFF, 0b11, is_secure=False, level=3)
    assert expected == look(identity_map(), machine, 0x4000_5678)


@pytest.mark.parametrize(
    ("address", "level"),
    [(0x0000_8000_0000_0000, 0), (0x8000_0000, 1), (0x4020_0000, 2), (0x4000_8000, 3)],
)
def test_what_is_not_mapped_is_a_translation_fault_of_its_level(address, level) -> None:
    machine = setup(TCR_EL1=PS_48 | T0SZ_48)
    assert Failure(TRANSLATION + level, is_write=False) == look(identity_map(), machine, address)
    assert Failure(TRANSLATION + level, is_write=True) == look(identity_map(), machine, address, Kind.WRITE)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_table_where_nothing_answers_is_an_external_abort_of_its_level(level) -> None:
    machine = setup(TCR_EL1=PS_48 | T0SZ_48)
    entry = (ROOT, TABLE1 + 8, TABLE2, TABLE3)[level]
    memory = {address: value for address, value in identity_map().items() if address != entry}
    assert EXTERNAL_ON_WALK + level == status(memory, machine, 0x4000_0000)


BLOCKS = [
    # granule, T0SZ, level of the one table, address of the entry, virtual address, and where the block maps it
    (0, T0SZ_39, 1, ROOT + 8, 0x4000_0000, 0x8000_0000, 30),
    (0, T0SZ_30, 2, ROOT + 16, 0x0040_0000, 0x4020_0000, 21),
    (TG0_16K, 64 - 36, 2, ROOT + 8, 0x0200_0000, 0x4200_0000, 25),
    (TG0_64K, 64 - 42, 2, ROOT + 8, 0x2000_0000, 0x6000_0000, 29),
]


@pytest.mark.parametrize(("granule", "t0sz", "level", "entry", "virtual", "output", "size"), BLOCKS)
def test_blocks(granule, t0sz, level, entry, virtual, output, size) -> None:
    machine = setup(TCR_EL1=PS_48 | granule | t0sz)
    last = (1 << size) - 1
    result = look({entry: output | BLOCK}, machine, virtual + last)
    assert Output(output + last, 0xFF, 0b11, is_secure=False, level=level) == result


@pytest.mark.parametrize(
    ("granule", "t0sz", "level"), [(0, T0SZ_48, 0), (TG0_16K, 64 - 47, 1), (TG0_64K, T0SZ_48, 1), (0, 64 - 21, 3)]
)
def test_reserved_descriptors_are_invalid(granule, t0sz, level) -> None:
    machine = setup(TCR_EL1=PS_48 | granule | t0sz)
    assert TRANSLATION + level == status({ROOT: 0x4000_0000 | BLOCK}, machine, 0)


@pytest.mark.parametrize(
    ("granule", "bits", "table", "page"),
    [(0, 30, TABLE1, 0x1000), (TG0_16K, 36, 0x4000_4000, 0x4000), (TG0_64K, 42, 0x4001_0000, 0x1_0000)],
)
def test_pages_of_each_granule(granule, bits, table, page) -> None:
    machine = setup(TCR_EL1=PS_48 | granule | 64 - bits)
    memory = {ROOT: table | TABLE, table + 8 * 0x123: 0x4008_0000 | PAGE}
    assert 0x4008_0000 + page - 8 == physical(memory, machine, 0x123 * page + page - 8)


def test_bits_that_only_larger_addresses_use_are_ignored_in_64k_descriptors() -> None:
    machine = setup(TCR_EL1=PS_48 | TG0_64K | 64 - 42)
    memory = {ROOT: 0x4001_F000 | 3 << 48 | TABLE, 0x4001_0000: 0x4008_F000 | PAGE}
    assert 0x4008_0000 == physical(memory, machine, 0)


def test_a_small_table_is_aligned_to_its_size_only() -> None:
    machine = setup(TCR_EL1=PS_48 | 64 - 32, TTBR0_EL1=0xABCD << 48 | ROOT + 0x40 | 0x1F)
    assert 0x8000_0123 == physical({ROOT + 0x40 + 2 * 8: 0x8000_0000 | BLOCK}, machine, 0x8000_0123)


# --- addresses out of range


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0x3FFF_FFF8, None),
        (0x4000_0000, TRANSLATION),
        (1 << 55, TRANSLATION),
        (0xA5 << 56 | 0x3FFF_FFF8, TRANSLATION),
        ((1 << 64) - 8, TRANSLATION),
    ],
)
def test_addresses_out_of_range(address, expected) -> None:
    memory = {ROOT + 8 * number: 0x4000_0000 | BLOCK for number in range(512)}
    assert expected == status(memory, setup(TCR_EL1=PS_48 | T0SZ_30 | 1 << 23), address)


def test_an_ignored_top_byte() -> None:
    tagged = 0xA5 << 56 | 0x1230
    assert 0x4020_1230 == physical(one_block(0), setup(TCR_EL1=PS_48 | T0SZ_30 | TBI0), tagged)
    data_only = setup(TCR_EL1=PS_48 | T0SZ_30 | TBI0 | 1 << 51)
    assert 0x4020_1230 == physical(one_block(0), data_only, tagged)
    assert TRANSLATION == status(one_block(0), data_only, tagged, Kind.FETCH)


def test_bit_55_chooses_the_range() -> None:
    machine = setup(TCR_EL1=PS_48 | T0SZ_30 | T0SZ_30 << 16 | TG1_4K | 1 << 38, TTBR1_EL1=TABLE1)
    memory = {ROOT: 0x4020_0000 | BLOCK, TABLE1 + 8 * 511: 0x4040_0000 | BLOCK}
    assert 0x4020_0010 == physical(memory, machine, 0x10)
    assert 0x405F_FFF0 == physical(memory, machine, (1 << 64) - 16)
    assert 0x405F_FFF0 == physical(memory, machine, (1 << 64) - 16 ^ 0xA5 << 56)


@pytest.mark.parametrize(
    ("t0sz", "has_ttst", "expected"),
    [(15, True, TRANSLATION), (16, True, None), (39, False, None), (40, False, TRANSLATION), (48, True, None)],
)
def test_limits_of_txsz(t0sz, has_ttst, expected) -> None:
    machine = setup(TCR_EL1=PS_48 | t0sz, without=() if has_ttst else [Feature.TTST])
    memory = identity_map() if t0sz == 16 else {ROOT: 0x4000_0000 | (PAGE if t0sz == 48 else BLOCK)}
    assert expected == status(memory, machine, 0x4000_0000 if t0sz == 16 else 0)


def test_walks_may_be_disabled() -> None:
    assert TRANSLATION == status(one_block(0), setup(TCR_EL1=PS_48 | T0SZ_30 | 1 << 7), 0)


def test_e0pd_is_for_el0() -> None:
    machine = setup(TCR_EL1=PS_48 | T0SZ_30 | 1 << 55)
    assert (None, TRANSLATION) == (status(one_block(AP1), machine, 0), status(one_block(AP1), machine, 0, el=0))
    assert None is status(one_block(AP1), setup(TCR_EL1=PS_48 | T0SZ_30 | 1 << 55, without=[Feature.E0PD]), 0, el=0)


@pytest.mark.parametrize(
    ("ps", "address", "expected"),
    [
        (0, 0xFFE0_0000, None),
        (0, 1 << 32, 2),
        (1, 1 << 32, None),
        (4, 1 << 44, 2),
        (5, 1 << 47, None),
        (7, 1 << 47, None),
    ],
)
def test_output_addresses_too_large(ps, address, expected) -> None:
    machine = setup(TCR_EL1=ps << 32 | T0SZ_30)
    assert expected == status({ROOT: address | BLOCK}, machine, 0)


def test_table_addresses_too_large_are_faults_of_the_level_that_gave_them() -> None:
    assert ADDRESS_SIZE + 0 == status({}, setup(TCR_EL1=T0SZ_30, TTBR0_EL1=1 << 32), 0)
    assert ADDRESS_SIZE + 2 == status({ROOT: 1 << 32 | TABLE}, setup(TCR_EL1=T0SZ_30), 0)


# --- permissions

AP_ROWS = [
    # "Data access permissions": AP[2:1], what EL1 may do, what EL0 may do
    (0b00, "rw", ""),
    (0b01, "rw", "rw"),
    (0b10, "r", ""),
    (0b11, "r", "r"),
]


def allowed(memory, machine, el, address=0):
    """The letters of r, w, x that do not fault."""
    kinds = {"r": Kind.READ, "w": Kind.WRITE, "x": Kind.FETCH}
    results = {letter: look(memory, machine, address, kind, el=el) for letter, kind in kinds.items()}
    failed = {letter: result for letter, result in results.items() if isinstance(result, Failure)}
    assert all(PERMISSION == result.status & 0x3C for result in failed.values())
    assert all(result.is_write == (letter == "w") for letter, result in failed.items())
    return "".join(letter for letter in kinds if letter not in failed)


@pytest.mark.parametrize(("ap", "at_el1", "at_el0"), AP_ROWS)
def test_data_access_permissions(ap, at_el1, at_el0) -> None:
    memory = one_block(ap << 6 | PXN | UXN)
    assert (at_el1, at_el0) == (allowed(memory, setup(), 1), allowed(memory, setup(), 0))
    assert (at_el1 == "rw") == (status(memory, setup(), 0, Kind.ATOMIC) is None)


def test_an_atomic_reports_the_half_that_faults() -> None:
    assert Failure(0x0E, is_write=True) == look(one_block(AP2), setup(), 0, Kind.ATOMIC)
    assert Failure(0x0E, is_write=False) == look(one_block(0), setup(), 0, Kind.ATOMIC, el=0)
    assert Failure(0x06, is_write=False) == look({ROOT: 0}, setup(), 0, Kind.ATOMIC)


EXECUTE_ROWS = [
    # "Instruction execution permissions": attributes, SCTLR_EL1, EL1, EL0
    (0, 0, "rwx", "x"),
    (AP1, 0, "rw", "rwx"),
    (AP1 | AP2, 0, "rx", "rx"),
    (AP2, 0, "rx", "x"),
    (PXN, 0, "rw", "x"),
    (UXN, 0, "rwx", ""),
    (AP1 | UXN, 0, "rw", "rw"),
    (0, WXN, "rw", "x"),
    (AP1, WXN, "rw", "rw"),
    (AP1 | AP2, WXN, "rx", "rx"),
    (AP2, WXN, "rx", "x"),
]


@pytest.mark.parametrize(("attributes", "sctlr", "at_el1", "at_el0"), EXECUTE_ROWS)
def test_instruction_execution_permissions(attributes, sctlr, at_el1, at_el0) -> None:
    machine = setup(SCTLR_EL1=MMU_ON | sctlr)
    assert (at_el1, at_el0) == (allowed(one_block(attributes), machine, 1), allowed(one_block(attributes), machine, 0))


PAN_ROWS = [
    # attributes, SCTLR_EL1, EL1 with PSTATE.PAN
    (PXN, 0, "rw"),
    (AP1, 0, ""),
    (AP1 | AP2, 0, "x"),
    (PXN, EPAN, ""),
    (PXN | UXN, EPAN, "rw"),
    (0, EPAN, "x"),
    (0, EPAN | WXN, ""),  # PAN is not for fetches, so the page counts as writable
]


@pytest.mark.parametrize(("attributes", "sctlr", "at_el1"), PAN_ROWS)
def test_privileged_access_never(attributes, sctlr, at_el1) -> None:
    machine = setup(SCTLR_EL1=MMU_ON | sctlr, pan=1)
    assert at_el1 == allowed(one_block(attributes), machine, 1)
    old = setup(SCTLR_EL1=MMU_ON | sctlr, pan=1, without=[Feature.PAN, Feature.PAN3])
    off = setup(SCTLR_EL1=MMU_ON | sctlr)
    assert allowed(one_block(attributes), off, 1) == allowed(one_block(attributes), old, 1)


def test_address_translation_obeys_pan_only_where_it_says_so() -> None:
    kinds = (Kind.AT_READ, Kind.AT_WRITE, Kind.AT_READ_PAN, Kind.AT_WRITE_PAN)
    assert [None, None, 0x0E, 0x0E] == [status(one_block(AP1), setup(pan=1), 0, kind) for kind in kinds]


@pytest.mark.parametrize(
    ("table", "at_el1", "at_el0"),
    [
        (0, "rw", "rwx"),
        (AP_TABLE0, "rwx", "x"),
        (AP_TABLE1, "rx", "rx"),
        (AP_TABLE0 | AP_TABLE1, "rx", "x"),
        (UXN_TABLE, "rw", "rw"),
        (AP_TABLE0 | PXN_TABLE, "rw", "x"),
    ],
)
def test_tables_take_permissions_away(table, at_el1, at_el0) -> None:
    memory = {ROOT: TABLE1 | TABLE | table, TABLE1: 0x4020_0000 | PAGE | AP1}
    assert (at_el1, at_el0) == (allowed(memory, setup(), 1), allowed(memory, setup(), 0))
    unhierarchical = setup(TCR_EL1=PS_48 | T0SZ_30 | 1 << 41)
    assert ("rw", "rwx") == (allowed(memory, unhierarchical, 1), allowed(memory, unhierarchical, 0))


@pytest.mark.parametrize("el", [2, 3])
@pytest.mark.parametrize(
    ("table", "attributes", "expected"),
    [
        (0, 0, "rwx"),
        (0, AP1, "rwx"),
        (0, AP2, "rx"),
        (0, UXN, "rw"),
        (0, PXN, "rwx"),
        (AP_TABLE1, 0, "rx"),
        (AP_TABLE0, 0, "rwx"),
        (UXN_TABLE, 0, "rw"),
        (PXN_TABLE, 0, "rwx"),
    ],
)
def test_el2_and_el3_have_one_set_of_permissions(el, table, attributes, expected) -> None:
    names = {f"SCTLR_EL{el}": MMU_ON, f"TCR_EL{el}": 5 << 16 | T0SZ_30, f"TTBR0_EL{el}": ROOT, f"MAIR_EL{el}": 0xFF}
    memory = {ROOT: TABLE1 | TABLE | table, TABLE1: 0x4020_0000 | PAGE | attributes}
    machine = setup(pan=1, **names)
    assert expected == allowed(memory, machine, el)
    assert TRANSLATION == status(memory, machine, 1 << 55, el=el)


SECURE_SIF = 1 << 9


@pytest.mark.parametrize(
    ("scr", "table", "attributes", "is_secure", "at_el1"),
    [
        (0, 0, 0, True, "rwx"),
        (0, 0, NS, False, "rwx"),
        (0, NS_TABLE, 0, False, "rwx"),
        (SECURE_SIF, 0, 0, True, "rwx"),
        (SECURE_SIF, 0, NS, False, "rw"),
        (SECURE_SIF, NS_TABLE, 0, False, "rw"),
        (SECURE_SIF | 1, 0, 0, False, "rwx"),
    ],
)
def test_secure_state_and_its_non_secure_memory(scr, table, attributes, is_secure, at_el1) -> None:
    memory = {ROOT: TABLE1 | TABLE | table, TABLE1: 0x4020_0000 | PAGE | attributes}
    result = look(memory, setup(SCR_EL3=scr), 0)
    assert isinstance(result, Output)
    assert (is_secure, at_el1) == (result.is_secure, allowed(memory, setup(SCR_EL3=scr), 1))


def test_cache_maintenance() -> None:
    rows = [
        # attributes, EL, what faults: a fault of cache maintenance counts as a write
        (AP2, 1, {Kind.INVALIDATE}),
        (0, 1, set()),
        (0, 0, {Kind.INVALIDATE, Kind.CLEAN, Kind.IC}),
        (AP1, 0, set()),
    ]
    kinds = (Kind.INVALIDATE, Kind.CLEAN, Kind.IC)
    for attributes, el, faulting in rows:
        results = {kind: look(one_block(attributes), setup(pan=1), 0, kind, el=el) for kind in kinds}
        assert {kind: Failure(0x0E, is_write=True) for kind in faulting} == {
            kind: result for kind, result in results.items() if isinstance(result, Failure)
        }


# --- the contiguous bit, the access flag, the dirty state


def test_a_contiguous_group_is_one_region() -> None:
    memory = {ROOT: TABLE1 | TABLE, TABLE1 + 8 * 5: 0x4021_5000 | PAGE | CONTIGUOUS}
    assert 0x4021_5678 == physical(memory, setup(), 0x5678)
    memory[TABLE1 + 8 * 5] = 0x4021_2000 | PAGE | CONTIGUOUS  # not the page its place in the group asks for
    assert 0x4021_5678 == physical(memory, setup(), 0x5678)


@pytest.mark.parametrize(
    ("granule", "bits", "block", "group"),
    [(0, 39, 30, 34), (0, 30, 21, 25), (TG0_16K, 36, 25, 30), (TG0_64K, 42, 29, 34)],
)
def test_groups_of_blocks(granule, bits, block, group) -> None:
    machine = setup(TCR_EL1=PS_48 | granule | 64 - bits)
    memory = {ROOT + 8 * 9: 1 << 40 | BLOCK | CONTIGUOUS}
    within = (9 << block) % (1 << group) + 0x1238
    assert (1 << 40) + within == physical(memory, machine, (9 << block) + 0x1238)


@pytest.mark.parametrize(
    ("granule", "bits", "expected"),
    [
        (0, 33, TRANSLATION + 1),
        (0, 34, ACCESS_FLAG + 1),
        (0, 24, TRANSLATION + 2),
        (0, 25, ACCESS_FLAG + 2),
        (TG0_16K, 29, TRANSLATION + 2),
        (TG0_16K, 30, ACCESS_FLAG + 2),
        (TG0_64K, 33, TRANSLATION + 2),
        (TG0_64K, 34, ACCESS_FLAG + 2),
    ],
)
def test_a_group_larger_than_the_range_is_a_translation_fault_first_of_all(granule, bits, expected) -> None:
    machine = setup(TCR_EL1=PS_48 | granule | 64 - bits)
    assert expected == status({ROOT: 1 | CONTIGUOUS}, machine, 0)


def test_the_access_flag() -> None:
    memory = {ROOT: 0x4020_0000 | 1}
    kinds = (Kind.READ, Kind.WRITE, Kind.FETCH, Kind.CLEAN, Kind.AT_READ)
    assert [ACCESS_FLAG + 2] * 5 == [status(memory, setup(), 0, kind) for kind in kinds]
    managing = setup(TCR_EL1=PS_48 | T0SZ_30 | HA)
    updates = ((ROOT, 0x4020_0000 | 1 | AF),)
    assert [updates] * 5 == [look(memory, managing, 0, kind).updates for kind in kinds]
    assert Failure(PERMISSION + 2) == look(memory, managing, 0, el=0)
    old = setup(TCR_EL1=PS_48 | T0SZ_30 | HA, without=[Feature.HAFDBS])
    assert ACCESS_FLAG + 2 == status(memory, old, 0)


def test_address_size_comes_before_the_access_flag() -> None:
    assert ADDRESS_SIZE + 2 == status({ROOT: 1 << 32 | 1}, setup(TCR_EL1=T0SZ_30), 0)


def test_the_dirty_state() -> None:
    clean = one_block(DBM | AP2 | AP1)
    dirty = clean[ROOT] & ~AP2
    machine = setup(TCR_EL1=PS_48 | T0SZ_30 | HA | HD)
    for kind in (Kind.WRITE, Kind.ATOMIC, Kind.ZERO):
        assert ((ROOT, dirty),) == look(clean, machine, 0, kind).updates
        assert ((ROOT, dirty),) == look({ROOT: clean[ROOT] & ~AF}, machine, 0, kind).updates
    for kind in (Kind.READ, Kind.INVALIDATE, Kind.AT_WRITE):
        assert () == look(clean, machine, 0, kind).updates
    assert PERMISSION + 2 == status(clean, machine, 0, Kind.FETCH)  # EL0 may write
    assert PERMISSION + 2 == status(clean, setup(TCR_EL1=PS_48 | T0SZ_30 | HA), 0, Kind.WRITE)
    assert PERMISSION + 2 == status(clean, setup(TCR_EL1=PS_48 | T0SZ_30 | HD), 0, Kind.WRITE)


def test_a_table_that_forbids_writes_forbids_them_to_clean_pages() -> None:
    memory = {ROOT: TABLE1 | TABLE | AP_TABLE1, TABLE1: 0x4020_0000 | PAGE | DBM | AP2}
    assert PERMISSION + 3 == status(memory, setup(TCR_EL1=PS_48 | T0SZ_30 | HA | HD), 0, Kind.WRITE)


# --- memory types

MAIR_ROWS = [
    # MAIR attribute, SH: PAR_EL1.ATTR and SH, with the data cache on and off
    (0xFF, 0b11, (0xFF, 0b11), (0x40, 0b10)),
    (0xFF, 0b10, (0xFF, 0b10), (0x40, 0b10)),
    (0xFF, 0b00, (0xFF, 0b00), (0x40, 0b10)),
    (0xFF, 0b01, (0xFF, 0b00), (0x40, 0b10)),
    (0xBB, 0b11, (0xBB, 0b11), (0x44, 0b10)),
    (0x4F, 0b11, (0x4F, 0b11), (0x44, 0b10)),
    (0x77, 0b11, (0x77, 0b11), (0x40, 0b10)),
    (0x44, 0b11, (0x44, 0b10), (0x44, 0b10)),
    (0x40, 0b11, (0x40, 0b10), (0x40, 0b10)),
    (0xA0, 0b11, (0xA0, 0b11), (0x40, 0b10)),
    (0x00, 0b11, (0x00, 0b10), (0x00, 0b10)),
    (0x0C, 0b00, (0x0C, 0b10), (0x0C, 0b10)),
    (0x05, 0b00, (0x05, 0b10), (0x05, 0b10)),
    (0x02, 0b00, (0x00, 0b10), (0x00, 0b10)),
    (0xF0, 0b11, (0x00, 0b10), (0x00, 0b10)),
]


@pytest.mark.parametrize(("attr", "sh", "cached", "uncached"), MAIR_ROWS)
def test_memory_attributes(attr, sh, cached, uncached) -> None:
    for sctlr, expected in ((MMU_ON, cached), (MMU_ON & ~CACHED, uncached)):
        machine = setup(MAIR_EL1=attr << 56, SCTLR_EL1=sctlr)
        result = look({ROOT: 0x4020_0000 | 1 | AF | sh << 8 | 7 << 2}, machine, 0)
        assert expected == (result.attributes, result.shareability)


@pytest.mark.parametrize("attr", [0x40, 0xA0, 0x01, 0x0D])
def test_encodings_of_xs_are_reserved_without_it(attr) -> None:
    machine = setup(MAIR_EL1=attr, without=[Feature.XS])
    assert 0x00 == look(one_block(0), machine, 0).attributes
    uncached = setup(MAIR_EL1=0xFF, SCTLR_EL1=MMU_ON & ~CACHED, without=[Feature.XS])
    assert 0x44 == look(one_block(0), uncached, 0).attributes


def test_device_memory() -> None:
    memory = one_block(DEVICE_GRE << 2)
    assert PERMISSION + 2 == status(memory, setup(), 0, Kind.FETCH)
    assert Failure(ALIGNMENT, is_write=False) == look(memory, setup(), 0, is_aligned=False)
    assert Failure(ALIGNMENT, is_write=True) == look(memory, setup(), 0, Kind.ZERO)
    assert ALIGNMENT == look(one_block(DEVICE << 2), setup(), 0, Kind.WRITE, el=0, is_aligned=False).status
    assert isinstance(look(one_block(NON_CACHEABLE << 2), setup(), 0, is_aligned=False), Output)


def test_guarded_pages() -> None:
    assert look(one_block(GP), setup(), 0, Kind.FETCH).guarded
    assert not look(one_block(GP), setup(without=[Feature.BTI]), 0, Kind.FETCH).guarded
    assert not look(one_block(0), setup(), 0, Kind.FETCH).guarded


# --- stage 1 off


def test_without_translation_addresses_are_physical_and_data_is_device() -> None:
    machine = setup(SCTLR_EL1=FETCHES_CACHED)
    assert Output(0x1234_5678, 0x00, 0b10, is_secure=False) == look({}, machine, 0x1234_5678)
    assert Output(0x1234_5678, 0xAA, 0b10, is_secure=False) == look({}, machine, 0x1234_5678, Kind.FETCH)
    assert Output(8, 0x44, 0b10, is_secure=False) == look({}, setup(SCTLR_EL1=0), 8, Kind.FETCH)
    assert Failure(ADDRESS_SIZE) == look({}, machine, 1 << 48, is_aligned=False)
    assert Failure(ALIGNMENT) == look({}, machine, 1, is_aligned=False)
    assert ADDRESS_SIZE == status({}, machine, 0xA5 << 56)
    assert 0 == physical({}, setup(SCTLR_EL1=0, TCR_EL1=TBI0), 0xA5 << 56)


def test_el2_turns_stage_1_of_el1_off() -> None:
    tge, default_cacheable = 1 << 27, 1 << 12
    assert Output(8, 0x00, 0b10, is_secure=False) == look(one_block(0), setup(HCR_EL2=tge), 8, el=0)
    assert Output(8, 0xFF, 0b00, is_secure=False) == look(one_block(0), setup(HCR_EL2=default_cacheable), 8)
    assert 0x4020_0008 == physical(one_block(0), setup(HCR_EL2=tge, SCR_EL3=0), 8)
    assert 8 == physical(one_block(0), setup(HCR_EL2=tge, SCR_EL3=1 << 18), 8)
