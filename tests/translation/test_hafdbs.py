"""FEAT_HAFDBS: hardware sets the access flag, and marks pages as written to."""

from __future__ import annotations

import pytest

from aarch64.features import Feature
from tests.isa.running import execute
from tests.translation.paging import (
    ACCESS_FLAG,
    ALIGNMENT,
    BITS,
    DEVICE,
    HA,
    HD,
    PAGE_A,
    PAGE_B,
    PERMISSION,
    SCTLR_M,
    VALUES,
    Space,
    make_space,
    status_of,
)

HERE = 0x5000
AF, AP2 = BITS["af"], BITS["read_only"]
CLEAN = {"dbm": True, "read_only": True}
BOTH = {el: HA[el] | HD[el] for el in HA}
LEVELS = pytest.mark.parametrize("el", [1, 2, 3])


def run(space: Space, text: str) -> None:
    """Execute an instruction, x1 pointing to HERE; a fetch is what `fetch` says."""
    space.cpu.gpr[1] = HERE
    space.cpu.fetch_word(HERE) if text == "fetch" else execute(space.cpu, text)


def change(space: Space, text: str) -> tuple[int, int | None]:
    """How the descriptor of HERE differs after an instruction, and the fault it ended with."""
    before = space.descriptor(HERE)
    status = status_of(lambda: run(space, text))
    return before ^ space.descriptor(HERE), status


READS = ["ldr x0, [x1]", "ldrb w0, [x1, #7]", "ldp x0, x2, [x1]", "ldxr x0, [x1]", "ldar x0, [x1]", "fetch"]
WRITES = [
    "str x0, [x1]", "strb w0, [x1, #7]", "stp x0, x2, [x1]", "stlr x0, [x1]", "stxr w3, x0, [x1]",
    "stlxp w3, x0, x2, [x1]", "swp x0, x2, [x1]", "ldadd x0, x2, [x1]", "cas x0, x2, [x1]", "casp x2, x3, x4, x5, [x1]",
    "dc zva, x1",
]  # fmt: skip
MAINTENANCE = ["dc cvac, x1", "dc civac, x1", "dc cvau, x1", "ic ivau, x1"]
QUESTIONS = {
    1: ["at s1e1r, x1", "at s1e1w, x1"],
    2: ["at s1e2r, x1", "at s1e2w, x1"],
    3: ["at s1e3r, x1", "at s1e3w, x1"],
}


# --- the access flag


@LEVELS
@pytest.mark.parametrize("text", READS + WRITES + MAINTENANCE)
def test_every_access_sets_the_access_flag(el, text):
    space = make_space(el=el, tcr=HA[el])
    space.map(HERE, PAGE_A, af=False)
    assert (AF, None) == change(space, text)
    assert 1 == len(space.entries)


@pytest.mark.parametrize(("el", "text"), [(el, text) for el, texts in QUESTIONS.items() for text in texts])
def test_at_sets_the_access_flag_too(el, text):
    space = make_space(el=el, tcr=HA[el])
    if el == 2:
        space.set(SCR_EL3=space.cpu.sysregs["SCR_EL3"] | 1)
    space.map(HERE, PAGE_A, af=False)
    assert (AF, None) == change(space, text)
    assert 0 == space.cpu.sysregs["PAR_EL1"] & 1


@LEVELS
@pytest.mark.parametrize("text", READS + WRITES + MAINTENANCE)
@pytest.mark.parametrize("lacks", ["HA", "the feature"])
def test_without_it_a_clear_flag_faults(el, text, lacks):
    if lacks == "HA":
        space = make_space(el=el, tcr=HD[el])
    else:
        space = make_space(el=el, tcr=BOTH[el], without={Feature.HAFDBS})
    space.map(HERE, PAGE_A, af=False, **CLEAN)
    assert (0, ACCESS_FLAG | 3) == change(space, text)
    assert [] == space.entries


def test_a_flag_that_is_set_is_left_alone():
    space = make_space(tcr=HA[1])
    descriptor = space.map(HERE, PAGE_A)
    run(space, "ldr x0, [x1]")
    assert descriptor == space.descriptor(HERE)


@pytest.mark.parametrize(
    ("text", "bits", "status"),
    [
        ("str x0, [x1]", {"read_only": True}, PERMISSION | 3),
        ("ldtr x0, [x1]", {}, PERMISSION | 3),
        ("ldr x0, [x1, #4]", {"attribute": DEVICE}, ALIGNMENT),
        ("dc zva, x1", {"attribute": DEVICE}, ALIGNMENT),
        ("fetch", {"pxn": True}, PERMISSION | 3),
        ("fetch", {"attribute": DEVICE}, PERMISSION | 3),
        ("str x0, [x1, #4]", {"attribute": DEVICE, **CLEAN}, ALIGNMENT),
    ],
)
def test_an_access_that_faults_sets_nothing(text, bits, status):
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, af=False, **bits)
    assert (0, status) == change(space, text)
    assert [] == space.entries


def test_one_member_of_a_contiguous_group_gets_the_flag_for_all():
    space = make_space(tcr=HA[1])
    space.map_group(0x1_0000, PAGE_A, af=False)
    space.cpu.load(0x1_3000, 8)
    flags = [space.descriptor(0x1_0000 + offset) & AF for offset in range(0, 0x1_0000, 0x1000)]
    assert [AF * (number == 3) for number in range(16)] == flags
    assert VALUES[PAGE_A] == space.cpu.load(0x1_0000, 8)


def test_the_flag_of_a_block_is_set():
    space = make_space(tcr=HA[1])
    space.map(0x20_0000, PAGE_A, level=2, af=False)
    before = space.descriptor(0x20_0000, 2)
    assert VALUES[PAGE_B] == space.cpu.load(0x21_0000, 8)
    assert before | AF == space.descriptor(0x20_0000, 2)


def test_software_sees_a_cleared_flag_set_again_only_after_tlbi():
    space = make_space(tcr=HA[1])
    space.map(HERE, PAGE_A)
    run(space, "ldr x0, [x1]")
    space.map(HERE, PAGE_A, af=False)
    assert (0, None) == change(space, "ldr x0, [x1]")
    space.tlbi()
    assert (AF, None) == change(space, "ldr x0, [x1]")


# --- the dirty state


@LEVELS
@pytest.mark.parametrize("text", WRITES)
@pytest.mark.parametrize("first", [None, "ldr x0, [x1]"])
def test_a_write_makes_a_clean_page_dirty(el, text, first):
    space = make_space(el=el, tcr=BOTH[el])
    space.map(HERE, PAGE_A, **CLEAN)
    if first:
        assert (0, None) == change(space, first)
    assert (AP2, None) == change(space, text)
    assert (0, None) == change(space, text)


@pytest.mark.parametrize("text", WRITES)
def test_flag_and_dirty_state_are_written_at_once(text):
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, af=False, **CLEAN)
    assert (AF | AP2, None) == change(space, text)


@pytest.mark.parametrize("text", READS + MAINTENANCE + QUESTIONS[1] + ["dc ivac, x1"])
def test_what_writes_nothing_leaves_it_clean(text):
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN)
    assert (0, None) == change(space, text)
    assert 0 == space.cpu.sysregs["PAR_EL1"] & 1


def test_a_cas_that_does_not_write_makes_it_dirty_all_the_same():
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN)
    space.cpu.gpr[0] = VALUES[PAGE_A] + 1
    assert (AP2, None) == change(space, "cas x0, x2, [x1]")
    assert VALUES[PAGE_A] == space.cpu.memory.read(PAGE_A, 8) == space.cpu.gpr[0]


@LEVELS
@pytest.mark.parametrize("text", WRITES)
@pytest.mark.parametrize("lacks", ["HD", "HA", "DBM", "the feature"])
def test_without_it_a_read_only_page_is_read_only(el, text, lacks):
    tcr = {"HD": HA[el], "HA": HD[el]}.get(lacks, BOTH[el])
    space = make_space(el=el, tcr=tcr, without={Feature.HAFDBS} if lacks == "the feature" else ())
    space.map(HERE, PAGE_A, read_only=True, dbm=lacks != "DBM")
    assert (0, PERMISSION | 3) == change(space, text)


@pytest.mark.parametrize(
    ("text", "bits", "status"),
    [
        ("sttr x0, [x1]", {}, PERMISSION | 3),
        ("str x0, [x1, #4]", {"attribute": DEVICE}, ALIGNMENT),
        ("dc zva, x1", {"attribute": DEVICE}, ALIGNMENT),
    ],
)
def test_a_write_that_faults_leaves_it_clean(text, bits, status):
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN, **bits)
    assert (0, status) == change(space, text)


def test_a_table_above_that_forbids_writing_counts():
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN)
    entry = space.descriptor_address(HERE, 2)
    space.write(entry, space.read(entry) | 1 << 62)
    assert (0, PERMISSION | 3) == change(space, "str x0, [x1]")


def test_el0_makes_its_page_dirty():
    space = make_space(tcr=BOTH[1])
    space.at_level(0)
    space.map(HERE, PAGE_A, el0=True, af=False, **CLEAN)
    assert (AF, None) == change(space, "ldr x0, [x1]")
    assert (AP2, None) == change(space, "str x0, [x1]")


def test_pan_keeps_a_page_clean():
    space = make_space(tcr=BOTH[1])
    space.at_level(1, pan=1)
    space.map(HERE, PAGE_A, el0=True, **CLEAN)
    assert (0, PERMISSION | 3) == change(space, "str x0, [x1]")


def test_both_pages_of_an_unaligned_write_become_dirty():
    space = make_space(tcr=BOTH[1])
    for page, frame in ((HERE, PAGE_A), (HERE + 0x1000, PAGE_B)):
        space.map(page, frame, af=False, **CLEAN)
    space.cpu.store(HERE + 0xFFC, 8, 0x1122_3344_5566_7788)
    for page in (HERE, HERE + 0x1000):
        assert AF == space.descriptor(page) & (AF | AP2)


def test_the_page_a_clean_page_was_replaced_by_is_what_gets_written():
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN)
    run(space, "ldr x0, [x1]")
    space.map(HERE, PAGE_B, **CLEAN)
    run(space, "str xzr, [x1]")
    assert (VALUES[PAGE_A], 0) == (space.cpu.memory.read(PAGE_A, 8), space.cpu.memory.read(PAGE_B, 8))
    run(space, "ldr x0, [x1]")
    assert 0 == space.cpu.gpr[0]


def test_a_page_made_dirty_stays_writable_by_its_entry():
    space = make_space(tcr=BOTH[1])
    space.map(HERE, PAGE_A, **CLEAN)
    run(space, "str x0, [x1]")
    space.map(HERE, PAGE_A, **CLEAN)
    assert (0, None) == change(space, "str x0, [x1]")
    space.tlbi()
    assert (AP2, None) == change(space, "str x0, [x1]")


def test_with_the_mmu_off_no_descriptor_is_looked_at():
    space = make_space(tcr=BOTH[1])
    space.map(PAGE_A, PAGE_A, af=False)
    space.set(SCTLR_EL1=space.cpu.sysregs["SCTLR_EL1"] & ~SCTLR_M)
    space.cpu.store(PAGE_A, 8, 1)
    assert 0 == space.descriptor(PAGE_A) & AF
