"""TLBI: which entries each operation drops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.system_operations import OPERATIONS
from tests.translation.paging import (
    BLOCK_A,
    PAGE_A,
    PAGE_B,
    RAM,
    SCR_EEL2,
    SCR_NS,
    TCR_AS,
    Space,
    make_space,
)

# --- every operation

GLOBAL, ASID_1, ASID_2, OTHER_PAGE, BLOCK = 0x5000, 0x6000, 0x6000, 0x7000, 0x20_0000
"""Where the entries are that the operations are tried on: GLOBAL, ASID_1 and ASID_2 are within 16KB of another."""

LABELS = {
    (1, GLOBAL, None, False): "global",
    (1, ASID_1, 1, False): "asid1",
    (1, ASID_2, 2, False): "asid2",
    (1, OTHER_PAGE, 1, False): "page",
    (1, BLOCK, None, False): "block",
    (2, GLOBAL, None, False): "el2",
    (3, GLOBAL, None, True): "el3",
    (1, GLOBAL, None, True): "secure",
}

EL1 = "global asid1 asid2 page block"
AT_GLOBAL, AT_ASID, AT_BLOCK = GLOBAL >> 12, ASID_1 >> 12, BLOCK >> 12


def asid(number: int) -> int:
    return number << 48


def pages(base: int, count: int = 2, level: int = 0) -> int:
    """The register of a range of 4KB pages, from page number `base`; `count` is even, up to 64."""
    return 0b01 << 46 | (count // 2 - 1) << 39 | level << 37 | base


COVERS = {
    "vmalle1": [(0, EL1)],
    "vae1": [
        (AT_GLOBAL, "global"),
        (AT_GLOBAL | asid(1), "global"),
        (AT_ASID | asid(1), "asid1"),
        (AT_ASID | asid(2), "asid2"),
        (AT_ASID | asid(3), ""),
        (AT_ASID | asid(0x101), "asid1"),
        (AT_BLOCK, "block"),
        (AT_BLOCK + 0x1FF, "block"),
        (AT_BLOCK + 0x200, ""),
        (AT_BLOCK - 1, ""),
        (AT_GLOBAL | 0xF << 44, "global"),
    ],
    "vaae1": [
        (AT_GLOBAL, "global"),
        (AT_ASID, "asid1 asid2"),
        (AT_ASID | asid(1), "asid1 asid2"),
        (AT_BLOCK + 7, "block"),
    ],
    "aside1": [(0, ""), (asid(1), "asid1 page"), (asid(2), "asid2"), (asid(0x7F02), "asid2"), (asid(3), "")],
    "alle1": [(0, EL1)],
    "vmalls12e1": [(0, EL1)],
    "alle2": [(0, "el2")],
    "vae2": [(AT_GLOBAL, "el2"), (AT_GLOBAL | asid(7), "el2"), (AT_ASID, "")],
    "alle3": [(0, "el3")],
    "vae3": [(AT_GLOBAL, "el3"), (AT_ASID, "")],
    "rvae1": [
        (pages(AT_GLOBAL - 1), "global"),
        (pages(AT_GLOBAL), "global"),
        (pages(AT_GLOBAL) | asid(1), "global asid1"),
        (pages(AT_ASID) | asid(1), "asid1 page"),
        (pages(0, 6) | asid(2), "global"),
        (pages(0, 8) | asid(2), "global asid2"),
        (pages(AT_BLOCK - 2), ""),
        (pages(AT_BLOCK - 1), "block"),
        (pages(AT_BLOCK + 0x1FF), "block"),
        (pages(0, 8, level=3) | asid(2), "global asid2"),
        (pages(0, 8, level=2) | asid(2), ""),
        (pages(AT_BLOCK, level=2), "block"),
        (pages(AT_BLOCK, level=3), ""),
        (pages(0, 8) & ~(0b11 << 46), ""),
    ],
    "rvaae1": [
        (pages(AT_ASID), "asid1 asid2 page"),
        (pages(AT_BLOCK), "block"),
        (pages(0, 64), "global asid1 asid2 page"),
    ],
    "rvae2": [(pages(AT_GLOBAL), "el2"), (pages(AT_GLOBAL + 1), ""), (pages(0, 6, level=3), "el2")],
    "rvae3": [(pages(AT_GLOBAL), "el3"), (pages(AT_GLOBAL + 1), ""), (pages(0, 6, level=2), "")],
}  # fmt: skip
"""What operations drop, by the value of their register; those for all scopes and with nXS alike."""

COVERS |= {name.replace("ae", "ale"): rows for name, rows in COVERS.items() if "va" in name}
"""The last-level forms: only the last level is kept in any case."""

NOTHING = ("ipas2e1", "ipas2le1", "ripas2e1", "ripas2le1", "paall", "rpaos", "rpalos")
"""Operations on stage 2 and on granule protection, of which there are no entries."""

SCOPES = ("", "is", "os")
VARIANTS = {f"{name}{scope}{xs}": rows for name, rows in COVERS.items() for scope in SCOPES for xs in ("", "nxs")}
TLBI = {operation.name: operation for operation in OPERATIONS.values() if operation.mnemonic == "tlbi"}


def stem(name: str) -> str:
    """An operation's name without its scope and `nxs`."""
    name = name.removesuffix("nxs")
    return name if name in NOTHING else name.removesuffix("is").removesuffix("os")


def test_every_operation_has_rows_or_covers_nothing():
    assert {name for name in TLBI if stem(name) not in NOTHING} == VARIANTS.keys()
    assert {stem(name) for name in TLBI} == {*COVERS, *NOTHING}


def test_operations_on_what_there_is_not_do_nothing():
    assert all((TLBI[name].action is None) == (stem(name) in NOTHING) for name in TLBI)


def labelled() -> Space:
    """A CPU at EL3 whose TLB holds an entry of each kind in `LABELS`."""
    space = make_space(el=3, regime=1)
    el2, el3 = space.another(regime=2).use(), space.another(regime=3).use()
    for other in (space, el2, el3):
        other.map(GLOBAL, PAGE_A)
    space.map(ASID_1, PAGE_A, ng=True)
    space.map(OTHER_PAGE, PAGE_B, ng=True)
    space.map(BLOCK, BLOCK_A, level=2)
    for el, secure, number, addresses in (
        (1, False, 1, (GLOBAL, ASID_1, OTHER_PAGE, BLOCK)),
        (1, False, 2, (ASID_2,)),
        (1, True, 1, (GLOBAL,)),
        (2, False, 0, (GLOBAL,)),
        (3, False, 0, (GLOBAL,)),
    ):
        secure_bits = 0 if secure else SCR_NS
        space.set(SCR_EL3=space.cpu.sysregs["SCR_EL3"] & ~SCR_NS | SCR_EEL2 | secure_bits)
        space.use(number)
        space.at_level(el)
        for address in addresses:
            space.cpu.load(address, 8)
    space.use(1)
    assert sorted(LABELS.values()) == sorted(held(space))
    return space


def held(space: Space) -> list[str]:
    """The labels of what the TLB holds."""
    return [LABELS[entry.regime, entry.address, entry.asid, entry.is_secure] for entry in space.cpu.tlb]


def dropped(space: Space, operation: str, value: int) -> set[str]:
    before = held(space)
    space.tlbi(operation, value)
    return set(before) - set(held(space))


@pytest.mark.parametrize(
    ("name", "value", "labels"),
    [(name, value, labels) for name, rows in VARIANTS.items() for value, labels in rows if not name.endswith("nxs")],
)
def test_an_operation_drops_what_it_covers(name, value, labels):
    assert set(labels.split()) == dropped(labelled(), name, value)


@pytest.mark.parametrize("name", sorted(name for name in VARIANTS if name.endswith("nxs")))
def test_an_operation_that_leaves_xs_alone_covers_the_same(name):
    for value, labels in VARIANTS[name][:3]:
        assert set(labels.split()) == dropped(labelled(), name, value)


@pytest.mark.parametrize("name", sorted(name for name in TLBI if "ipas" in name))
def test_operations_on_stage_2_drop_nothing(name):
    assert set() == dropped(labelled(), name, AT_GLOBAL)


@pytest.mark.parametrize(
    ("name", "el"),
    [(name, el) for name in ("vmalle1", "vae1", "aside1", "rvaae1", "alle1", "vae2", "alle2") for el in (1, 2, 3)
     if int("2" in name or name == "alle1") < el],
)  # fmt: skip
def test_the_level_it_is_executed_at_makes_no_difference(name, el):
    value, labels = COVERS[name][-1]
    space = labelled()
    space.at_level(el)
    assert set(labels.split()) == dropped(space, name, value)


@pytest.mark.parametrize(("name", "value"), [("vmalle1", 0), ("vae1", AT_GLOBAL), ("rvaae1is", pages(0, 64))])
def test_in_secure_state_it_drops_secure_entries(name, value):
    space = labelled()
    space.set(SCR_EL3=space.cpu.sysregs["SCR_EL3"] & ~SCR_NS)
    assert {"secure"} == dropped(space, name, value)


@pytest.mark.parametrize("name", ["alle3", "vae3", "rvae3"])
@pytest.mark.parametrize("ns", [0, SCR_NS])
def test_entries_of_el3_are_dropped_in_either_state(name, ns):
    space = labelled()
    space.set(SCR_EL3=space.cpu.sysregs["SCR_EL3"] & ~SCR_NS | ns)
    value, labels = COVERS[name][0]
    assert set(labels.split()) == dropped(space, name, value)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_page_maps_are_dropped_whatever_is_covered(name):
    space = make_space(el=3, regime=3)
    cpu = space.cpu
    space.set(SCR_EL3=cpu.sysregs["SCR_EL3"] | SCR_NS)
    space.map(GLOBAL, PAGE_A)
    cpu.load(GLOBAL, 8)
    cpu.store(GLOBAL, 8, 1)
    cpu.fetch_word(GLOBAL)
    maps = cpu.page_map
    assert all((maps.readable, maps.writable, maps.fetches, maps.reads[8], maps.writes[8]))
    space.tlbi(name, pages(0x4_0000))
    now = cpu.page_map
    assert ({}, {}, {}, {}, {}) == (now.readable, now.writable, now.fetches, now.reads[8], now.writes[8])
    assert (now.reads, now.writes) == (cpu.read_views, cpu.write_views)


# --- address space identifiers


@pytest.mark.parametrize(
    ("tcr", "used", "named", "is_covered"),
    [
        (0, 0x34, 0x34, True),
        (0, 0x34, 0x1234, True),
        (0, 0x1234, 0x34, True),
        (0, 0x34, 0x35, False),
        (TCR_AS, 0x1234, 0x1234, True),
        (TCR_AS, 0x1234, 0x34, False),
        (TCR_AS, 0x34, 0x1234, False),
    ],
)
@pytest.mark.parametrize("name", ["vae1", "vale1", "aside1", "rvae1", "rvale1"])
def test_the_width_of_asids_is_that_of_tcr_as(name, tcr, used, named, is_covered):
    space = make_space(tcr=tcr, asid=used)
    space.map(GLOBAL, PAGE_A, ng=True)
    space.cpu.load(GLOBAL, 8)
    space.tlbi(name, (pages(AT_GLOBAL) if name[0] == "r" else AT_GLOBAL) | asid(named))
    assert int(not is_covered) == len(space.entries)


# --- ranges


def range_value(*, granule: int, scale: int, number: int, level: int, base: int) -> int:
    tg = {12: 0b01, 14: 0b10, 16: 0b11}[granule]
    return tg << 46 | scale << 44 | number << 39 | level << 37 | base


def one_entry(space: Space, virtual: int, level: int) -> None:
    """Have the TLB hold an entry for the page or block of `level` that holds an address."""
    size = space.low(level)
    space.map(virtual & -(1 << size), RAM & -(1 << size), level)
    space.cpu.load((virtual & -(1 << size)) + (RAM & (1 << size) - 1), 8)
    assert 1 == len(space.entries)


@pytest.mark.parametrize("granule", [12, 14, 16])
@pytest.mark.parametrize("is_upper", [False, True])
@pytest.mark.parametrize(("scale", "number"), [(0, 0), (0, 31), (1, 0), (1, 5), (2, 0), (2, 31), (3, 0), (3, 3)])
def test_a_range_begins_at_its_base_and_ends_after_its_size(granule, is_upper, scale, number):
    input_size, page = 48, 1 << granule
    length = (number + 1) << (5 * scale + 1)
    start = 1 << 20
    for offset, is_covered in ((-1, False), (0, True), (1, True), (length - 1, True), (length, False)):
        space = make_space(granule=granule, input_size=input_size, is_upper=is_upper)
        virtual = space.address((start + offset) * page)
        one_entry(space, virtual, 3)
        base = space.address(start * page) >> granule & (1 << 37) - 1
        space.tlbi("rvae1", range_value(granule=granule, scale=scale, number=number, level=0, base=base))
        assert (offset, not is_covered) == (offset, bool(space.entries))


def test_a_range_does_not_wrap_from_the_upper_addresses_to_the_lower():
    space = make_space(input_size=48)
    one_entry(space, 0, 3)
    space.tlbi("rvaae1", range_value(granule=12, scale=3, number=31, level=0, base=(1 << 37) - 1))
    assert 1 == len(space.entries)
    space.tlbi("rvaae1", range_value(granule=12, scale=0, number=0, level=0, base=0))
    assert 0 == len(space.entries)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("ttl", [0, 1, 2, 3])
def test_ttl_names_the_level_of_the_descriptor(level, ttl):
    space = make_space(input_size=40)
    one_entry(space, 0, level)
    space.tlbi("rvaae1", range_value(granule=12, scale=0, number=31, level=ttl, base=0))
    assert (ttl not in (0, level)) == bool(space.entries)


@pytest.mark.parametrize(("granule", "input_size"), [(14, 40), (16, 40)])
def test_ttl_1_is_reserved_where_no_block_has_that_level(granule, input_size):
    space = make_space(granule=granule, input_size=input_size)
    one_entry(space, 0, 3)
    space.tlbi("rvaae1", range_value(granule=granule, scale=0, number=31, level=1, base=0))
    assert [] == space.entries


def expected_range(value: int, granule: int) -> range:
    """The addresses an operation names, as its description says; bit by bit."""
    field = "".join(reversed(f"{value:064b}"))
    base = int(field[36::-1], 2) - (int(field[36]) << 37)
    number, scale = int(field[43:38:-1], 2), int(field[45:43:-1], 2)
    size = (number + 1) * 2 ** (5 * scale + 1) * 2**granule
    start = base * 2**granule
    return range(start, start + size if start >= 0 else min(start + size, 0))


LEVELS = {12: (1, 2, 3), 14: (2, 3), 16: (2, 3)}


@st.composite
def ranges_and_places(draw: st.DrawFn) -> tuple[int, int, int, int, bool]:
    """granule, level, virtual address (as an offset into its range), the register's value, and which range."""
    granule = draw(st.sampled_from((12, 14, 16)))
    level = draw(st.sampled_from(LEVELS[granule]))
    pages_of_range = 1 << 48 - granule
    number, scale = draw(st.integers(0, 31)), draw(st.integers(0, 3))
    length = (number + 1) << (5 * scale + 1)
    base = draw(st.integers(0, pages_of_range - 1))
    near = st.sampled_from((-2, -1, 0, 1, length - 1, length, length + 1)).map(lambda offset: base + offset)
    place = draw(near | st.integers(0, pages_of_range - 1)) % pages_of_range << granule
    is_upper = draw(st.booleans())
    first = -(1 << 48) >> granule if is_upper else 0
    encoded = first + base & (1 << 37) - 1
    ttl = draw(st.sampled_from((0, level, 3)))
    return (
        granule,
        level,
        place,
        range_value(granule=granule, scale=scale, number=number, level=ttl, base=encoded),
        is_upper,
    )


@given(ranges_and_places())
def test_a_range_covers_the_entries_that_it_touches(drawn):
    granule, level, place, value, is_upper = drawn
    space = make_space(granule=granule, input_size=48, is_upper=is_upper)
    one_entry(space, space.address(place), level)
    size = 1 << space.low(level)
    start = place // size * size - (is_upper << 48)
    named = expected_range(value, granule)
    ttl = value >> 37 & 3
    is_covered = start < named.stop and named.start < start + size and ttl in (0, level)
    space.tlbi("rvae1", value)
    assert is_covered == (not space.entries)
