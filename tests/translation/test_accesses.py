"""Accesses through translation: two pages at once, aliases, rights of atomic and unprivileged ones, maintenance."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.exceptions import ArchException, ExceptionClass
from aarch64.features import Feature
from aarch64.memory import BusError
from tests.isa.running import execute
from tests.translation.paging import (
    ALIGNMENT,
    DEVICE,
    PAGE_A,
    PAGE_B,
    PAGE_C,
    PERMISSION,
    SCR_NS,
    SCTLR_M,
    TRANSLATION,
    VALUES,
    Space,
    fault_of,
    make_space,
    status_of,
)

FIRST, SECOND = 0x5000, 0x6000
A = VALUES[PAGE_A]
NEW = 0x1122_3344_5566_7788
READ, WRITE = 0, 1 << 6
"""ISS.WnR."""
CM = 1 << 8
"""ISS.CM."""


def state_of(space: Space) -> dict[str, Any]:
    """What an instruction may change, memory included."""
    cpu = space.cpu
    return {
        "x": list(cpu.gpr),
        "sp": list(cpu.sp_el),
        "pstate": copy.copy(cpu.pstate),
        "exclusive": cpu.exclusive,
        "sysregs": dict(cpu.sysregs),
        "memory": cpu.memory.save(),
    }


def fault(space: Space, text: str, address: int) -> tuple[int, int] | None:
    """(ISS, FAR) of the data abort that an instruction ends with, x1 being the address; it changes nothing."""
    cpu = space.cpu
    cpu.gpr[1] = address
    before = state_of(space)
    found = fault_of(lambda: execute(cpu, text))
    if found is None:
        return None
    assert ExceptionClass.DATA_ABORT == found.ec
    assert before == state_of(space)
    return found.iss, found.far


def two_pages(second: dict[str, int] | None, first: dict[str, int] | None = None, **options: Any) -> Space:
    """FIRST and SECOND mapped to pages that are apart in memory; None leaves one out."""
    space = make_space(**options)
    for page, frame, bits in ((FIRST, PAGE_A, {} if first is None else first), (SECOND, PAGE_B, second)):
        if bits is not None:
            space.map(page, frame, **bits)
    space.cpu.gpr[2:8] = [NEW, ~NEW & (1 << 64) - 1, NEW, NEW, NEW, NEW]
    return space


# --- two pages at once

ACROSS = [
    ("ldr x0, [x1]", SECOND - 1, READ),
    ("ldr x0, [x1]", SECOND - 7, READ),
    ("ldr w0, [x1], #4", SECOND - 2, READ),
    ("ldrh w0, [x1, #2]!", SECOND - 3, READ),
    ("ldp x0, x9, [x1]", SECOND - 8, READ),
    ("ldp x0, x9, [x1], #16", SECOND - 4, READ),
    ("ldp w0, w9, [x1]", SECOND - 4, READ),
    ("ldtr x0, [x1]", SECOND - 4, READ),
    ("str x2, [x1]", SECOND - 1, WRITE),
    ("str x2, [x1]", SECOND - 7, WRITE),
    ("strh w2, [x1], #2", SECOND - 1, WRITE),
    ("stp x2, x3, [x1]", SECOND - 8, WRITE),
    ("stp x2, x3, [x1, #16]!", SECOND - 20, WRITE),
    ("stp w2, w3, [x1]", SECOND - 6, WRITE),
    ("sttr w2, [x1]", SECOND - 3, WRITE),
]
FAULTS = {
    "unmapped": (None, TRANSLATION | 3),
    "AF clear": ({"af": False, "el0": True}, 0x0B),
    "Device": ({"attribute": DEVICE, "el0": True}, ALIGNMENT),
}


@pytest.mark.parametrize(("text", "address", "wnr"), ACROSS)
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("warm", [False, True])
def test_a_fault_in_the_second_page_is_reported_there_and_nothing_is_done(text, address, wnr, kind, warm):
    bits, status = FAULTS[kind]
    space = two_pages(bits, {"el0": True})
    space.at_level(1, pan=0)
    if warm:
        space.cpu.store(FIRST, 8, A)
        space.cpu.load(FIRST, 8)
    if kind == "Device" and text.startswith(("ldp", "stp")) and address % (4 if "w" in text else 8) == 0:
        assert fault(space, text, address) is None
        return
    assert (status | wnr, SECOND) == fault(space, text, address)


@pytest.mark.parametrize(("text", "address", "wnr"), ACROSS)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_first_page_comes_first(text, address, wnr, kind):
    bits, status = FAULTS[kind]
    space = two_pages(None, bits)
    if bits is None:
        space.unmap(FIRST)
    start = address + (2 if "#2]!" in text else 16 if "#16]!" in text else 0)
    if kind == "Device" and text.startswith(("ldp", "stp")) and start % (4 if "w" in text else 8) == 0:
        assert (TRANSLATION | 3 | wnr, SECOND) == fault(space, text, address)
    else:
        assert (status | wnr, start) == fault(space, text, address)


@pytest.mark.parametrize("text", [text for text, _, wnr in ACROSS if wnr])
def test_a_store_is_refused_by_a_read_only_page_on_either_side(text):
    address = next(where for line, where, _ in ACROSS if line == text)
    start = address + (16 if "#16]!" in text else 0)
    read_only = {"read_only": True, "el0": True}
    writable = {"el0": True}
    assert (PERMISSION | 3 | WRITE, SECOND) == fault(two_pages(read_only, writable), text, address)
    assert (PERMISSION | 3 | WRITE, start) == fault(two_pages(writable, read_only), text, address)


@given(st.integers(1, 7), st.sampled_from((2, 4, 8)), st.integers(0, (1 << 64) - 1))
def test_an_access_across_pages_reaches_both(back, size, value):
    space = two_pages({})
    address = SECOND - back
    value &= (1 << 8 * size) - 1
    space.cpu.store(address, size, value)
    inside = min(back, size)
    data = space.cpu.memory.read_bytes(PAGE_A + 0x1000 - back, inside)
    data += space.cpu.memory.read_bytes(PAGE_B, size - inside)
    assert value == int.from_bytes(data, "little") == space.cpu.load(address, size)


def test_a_pair_across_pages_has_one_element_in_each():
    space = two_pages({})
    space.cpu.gpr[1] = SECOND - 8
    execute(space.cpu, "stp x2, x3, [x1]")
    execute(space.cpu, "ldp x9, x10, [x1]")
    assert [NEW, ~NEW & (1 << 64) - 1] == space.cpu.gpr[9:11]
    assert [NEW, space.cpu.gpr[3]] == [space.cpu.memory.read(at, 8) for at in (PAGE_A + 0xFF8, PAGE_B)]


def test_a_store_whose_second_page_answers_nothing_writes_nothing():
    space = two_pages(None)
    space.map(SECOND, 0x2000_0000)
    assert (0x10 | WRITE, SECOND) == fault(space, "str x2, [x1]", SECOND - 4)
    assert (0x10 | WRITE, SECOND) == fault(space, "stp x2, x3, [x1]", SECOND - 8)


def test_the_top_of_memory_is_followed_by_its_bottom():
    space = make_space(is_upper=True)
    lower = space.another(is_upper=False).use()
    space.map((1 << 64) - 0x1000, PAGE_A)
    lower.map(0, PAGE_B)
    space.cpu.store((1 << 64) - 4, 8, NEW)
    halves = space.cpu.memory.read(PAGE_A + 0xFFC, 4), space.cpu.memory.read(PAGE_B, 4)
    assert (NEW & 0xFFFF_FFFF, NEW >> 32) == halves
    lower.unmap(0)
    space.tlbi()
    assert (TRANSLATION | 3 | WRITE, 0) == fault(space, "str x2, [x1]", (1 << 64) - 4)


@pytest.mark.parametrize("text", ["ldxr x0, [x1]", "ldaxp x0, x9, [x1]", "swp x2, x0, [x1]", "cas x2, x3, [x1]"])
def test_exclusives_and_atomics_across_pages_fault_at_their_own_address(text):
    space = two_pages(None)
    assert (ALIGNMENT | READ, SECOND - 4) == fault(space, text, SECOND - 4)


@pytest.mark.parametrize("text", ["ldar x0, [x1]", "stlr x2, [x1]", "ldapr x0, [x1]"])
def test_ordered_accesses_across_pages_fault_at_their_own_address(text):
    space = two_pages({})
    wnr = WRITE if text.startswith("st") else READ
    assert (ALIGNMENT | wnr, SECOND - 4) == fault(space, text, SECOND - 4)


def test_sctlr_a_comes_before_translation():
    space = two_pages(None)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] | 1 << 1)
    assert (ALIGNMENT, 0x8001) == fault(space, "ldr x0, [x1]", 0x8001)


# --- Device memory


@pytest.mark.parametrize(
    ("text", "offset", "status"),
    [
        ("ldr x0, [x1]", 8, None),
        ("ldr x0, [x1]", 4, ALIGNMENT),
        ("ldr w0, [x1]", 4, None),
        ("str x2, [x1]", 1, ALIGNMENT | WRITE),
        ("ldp x0, x9, [x1]", 8, None),
        ("ldp x0, x9, [x1]", 4, ALIGNMENT),
        ("stp w2, w3, [x1]", 4, None),
        ("ldxr x0, [x1]", 8, None),
        ("cas x2, x3, [x1]", 8, None),
        ("dc zva, x1", 0, ALIGNMENT | WRITE),
        ("dc zva, x1", 0x40, ALIGNMENT | WRITE),
        ("dc cvac, x1", 1, None),
    ],
)
def test_device_memory_wants_alignment(text, offset, status):
    space = two_pages(None, {"attribute": DEVICE})
    expected = None if status is None else (status, FIRST + offset)
    assert expected == fault(space, text, FIRST + offset)


def test_alignment_comes_before_permission():
    space = two_pages(None, {"attribute": DEVICE, "read_only": True})
    assert (ALIGNMENT | WRITE, FIRST + 1) == fault(space, "str x2, [x1]", FIRST + 1)
    assert (PERMISSION | 3 | WRITE, FIRST) == fault(space, "str x2, [x1]", FIRST)


# --- atomics and exclusives

ATOMICS = ["swp x2, x0, [x1]", "ldadd x2, x0, [x1]", "cas x2, x3, [x1]", "casp x2, x3, x4, x5, [x1]", "stset x2, [x1]"]


@pytest.mark.parametrize("text", ATOMICS)
@pytest.mark.parametrize(
    ("bits", "el", "iss"),
    [
        (None, 1, TRANSLATION | 3 | READ),
        ({"af": False}, 1, 0x0B | READ),
        ({"read_only": True}, 1, PERMISSION | 3 | WRITE),
        ({"read_only": True, "el0": True}, 0, PERMISSION | 3 | WRITE),
        ({}, 0, PERMISSION | 3 | READ),
        ({"read_only": True}, 0, PERMISSION | 3 | READ),
        ({"read_only": True, "attribute": DEVICE}, 1, PERMISSION | 3 | WRITE),
        ({}, 1, None),
    ],
)
def test_an_atomic_needs_both_rights_and_wnr_says_which_is_missing(text, bits, el, iss):
    space = two_pages(bits)
    space.at_level(el, pan=0)
    assert (None if iss is None else (iss, SECOND)) == fault(space, text, SECOND)


def test_a_cas_that_would_not_write_needs_the_right_to_all_the_same():
    space = two_pages({"read_only": True})
    space.cpu.gpr[2] = VALUES[PAGE_B] + 1
    assert (PERMISSION | 3 | WRITE, SECOND) == fault(space, "cas x2, x3, [x1]", SECOND)


@pytest.mark.parametrize("marked", [False, True])
def test_a_store_exclusive_faults_whatever_the_monitor(marked):
    space = two_pages({"read_only": True})
    if marked:
        space.cpu.load_exclusive(SECOND, 8)
    assert (PERMISSION | 3 | WRITE, SECOND) == fault(space, "stxr w9, x2, [x1]", SECOND)


@pytest.mark.parametrize(("store", "status"), [(SECOND, 0), (SECOND + 8, 1), (FIRST, 1)])
def test_exclusives_pair_up_by_physical_address(store, status):
    space = make_space()
    for page, frame in ((FIRST, PAGE_B), (0x9000, PAGE_A), (SECOND, PAGE_A)):
        space.map(page, frame)
    space.cpu.gpr[1], space.cpu.gpr[2], space.cpu.gpr[4] = 0x9000, NEW, store
    execute(space.cpu, "ldxr x0, [x1]")
    execute(space.cpu, "stxr w3, x2, [x4]")
    assert (A, status) == (space.cpu.gpr[0], space.cpu.gpr[3])
    assert (A if status else NEW) == space.cpu.load(0x9000, 8)


def test_a_page_moved_in_between_breaks_the_pair():
    space = two_pages({})
    space.cpu.gpr[1] = SECOND
    execute(space.cpu, "ldxr x0, [x1]")
    space.map(SECOND, PAGE_C)
    space.tlbi()
    execute(space.cpu, "stxr w3, x2, [x1]")
    assert (1, VALUES[PAGE_C]) == (space.cpu.gpr[3], space.cpu.load(SECOND, 8))


# --- unprivileged accesses

# level, pan, uao, bits, LDTR's and STTR's ISS
UNPRIVILEGED = [
    (1, 0, 0, {"el0": True}, None, None),
    (1, 1, 0, {"el0": True}, None, None),
    (1, 0, 0, {}, PERMISSION | 3, PERMISSION | 3 | WRITE),
    (1, 0, 0, {"el0": True, "read_only": True}, None, PERMISSION | 3 | WRITE),
    (1, 0, 1, {}, None, None),
    (1, 0, 1, {"el0": True}, None, None),
    (1, 1, 1, {"el0": True}, PERMISSION | 3, PERMISSION | 3 | WRITE),
    (1, 1, 1, {}, None, None),
    (0, 0, 0, {"el0": True}, None, None),
    (0, 0, 0, {}, PERMISSION | 3, PERMISSION | 3 | WRITE),
    (2, 0, 0, {}, None, None),
    (2, 1, 0, {}, None, None),
    (3, 0, 0, {}, None, None),
    (3, 1, 0, {"read_only": True}, None, PERMISSION | 3 | WRITE),
]


@pytest.mark.parametrize(("el", "pan", "uao", "bits", "load", "store"), UNPRIVILEGED)
def test_unprivileged_accesses_have_the_rights_of_el0_at_el1_alone(el, pan, uao, bits, load, store):
    space = two_pages(bits, el=el or 1)
    space.at_level(el, pan=pan, uao=uao)
    for text, iss in (
        ("ldtr x0, [x1]", load),
        ("ldtrsb w0, [x1]", load),
        ("sttr x2, [x1]", store),
        ("sttrb w2, [x1]", store),
    ):
        assert (None if iss is None else (iss, SECOND)) == fault(space, text, SECOND)


def test_without_uao_pstate_uao_means_nothing():
    space = two_pages({}, without={Feature.UAO})
    space.cpu.pstate.uao = 1
    assert (PERMISSION | 3, SECOND) == fault(space, "ldtr x0, [x1]", SECOND)


@pytest.mark.parametrize(
    ("plain", "unprivileged"), [("ldr x0, [x1]", "ldtr x0, [x1]"), ("str x2, [x1]", "sttr x2, [x1]")]
)
def test_one_kind_does_not_open_the_page_to_the_other(plain, unprivileged):
    wnr = WRITE if plain.startswith("st") else READ
    kernel = two_pages({})
    assert fault(kernel, plain, SECOND) is None
    assert (PERMISSION | 3 | wnr, SECOND) == fault(kernel, unprivileged, SECOND)
    user = two_pages({"el0": True})
    user.at_level(1, pan=1)
    assert fault(user, unprivileged, SECOND) is None
    assert (PERMISSION | 3 | wnr, SECOND) == fault(user, plain, SECOND)


def test_e0pd_applies_to_unprivileged_accesses():
    space = two_pages({"el0": True}, tcr=1 << 55)
    space.at_level(1, pan=0)
    assert (TRANSLATION, SECOND) == fault(space, "ldtr x0, [x1]", SECOND)
    assert fault(space, "ldr x0, [x1]", SECOND) is None


# --- DC ZVA


def test_dc_zva_zeroes_the_block_that_holds_the_address():
    space = two_pages({})
    space.cpu.gpr[1] = SECOND + 0x47
    execute(space.cpu, "dc zva, x1")
    data = space.cpu.memory.read_bytes(PAGE_B, 0xC0)
    assert [False, True, False] == [not any(data[start : start + 0x40]) for start in (0, 0x40, 0x80)]


@pytest.mark.parametrize(
    ("bits", "el", "pan", "iss"),
    [
        (None, 1, 0, TRANSLATION | 3 | WRITE),
        ({"read_only": True}, 1, 0, PERMISSION | 3 | WRITE),
        ({}, 0, 0, PERMISSION | 3 | WRITE),
        ({"el0": True}, 0, 0, None),
        ({"el0": True}, 1, 1, PERMISSION | 3 | WRITE),
        ({"attribute": DEVICE}, 1, 0, ALIGNMENT | WRITE),
    ],
)
def test_dc_zva_faults_as_a_store_and_far_is_the_address_given(bits, el, pan, iss):
    space = two_pages(bits)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] | 1 << 14)
    space.at_level(el, pan=pan)
    assert (None if iss is None else (iss, SECOND + 0x47)) == fault(space, "dc zva, x1", SECOND + 0x47)


# --- cache maintenance

CLEANS = ["dc cvac, x1", "dc civac, x1", "dc cvau, x1", "dc cvap, x1", "dc cvadp, x1", "ic ivau, x1"]
UCI = 1 << 26


@pytest.mark.parametrize("text", CLEANS)
@pytest.mark.parametrize(
    ("bits", "el", "status"),
    [
        ({}, 1, None),
        ({"read_only": True}, 1, None),
        ({"el0": True, "read_only": True}, 0, None),
        ({}, 0, PERMISSION | 3),
        (None, 0, TRANSLATION | 3),
        (None, 1, TRANSLATION | 3),
        ({"af": False}, 1, 0x0B),
        ({"attribute": DEVICE}, 1, None),
    ],
)
@pytest.mark.parametrize("pan", [0, 1])
def test_cleaning_needs_the_right_to_read_at_el0_alone(text, bits, el, status, pan):
    space = two_pages(bits)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] | UCI)
    space.at_level(el, pan=pan)
    expected = None if status is None else (status | WRITE | CM, SECOND + 3)
    assert expected == fault(space, text, SECOND + 3)


@pytest.mark.parametrize(
    ("bits", "el", "status"),
    [
        ({}, 1, None),
        ({"read_only": True}, 1, PERMISSION | 3),
        ({"el0": True}, 1, None),
        ({}, 2, None),
        ({"read_only": True}, 3, PERMISSION | 3),
        (None, 2, TRANSLATION | 3),
    ],
)
def test_invalidating_needs_the_right_to_write(bits, el, status):
    space = two_pages(bits, el=el)
    space.at_level(el, pan=1)
    expected = None if status is None else (status | WRITE | CM, SECOND + 3)
    assert expected == fault(space, "dc ivac, x1", SECOND + 3)


@pytest.mark.parametrize("el", [1, 2, 3])
def test_each_level_has_the_regime_of_its_own(el):
    space = make_space(el=3, regime=1)
    for regime, frame in ((1, PAGE_A), (2, PAGE_B), (3, PAGE_C)):
        other = space.another(regime=regime).use()
        other.map(FIRST, frame)
    space.set(SCR_EL3=space.cpu.sysregs["SCR_EL3"] | SCR_NS)
    space.at_level(el)
    assert VALUES[(PAGE_A, PAGE_B, PAGE_C)[el - 1]] == space.cpu.load(FIRST, 8)


def test_the_mmu_switched_off_makes_addresses_physical():
    space = two_pages({})
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] & ~SCTLR_M)
    assert 0x10 == status_of(lambda: space.cpu.load(SECOND, 8))
    assert VALUES[PAGE_B] == space.cpu.load(PAGE_B, 8)
    with pytest.raises(BusError):
        space.cpu.memory.read(SECOND, 8)
    with pytest.raises(ArchException):
        space.cpu.load(PAGE_B + 1, 8)
