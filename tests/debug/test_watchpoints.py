"""Watchpoints: which accesses they match, and what is reported of them ("Watchpoint exceptions")."""

import pytest

from aarch64.exceptions import ExceptionClass
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.sysregs.debug import BREAKPOINTS, WATCHPOINTS
from tests.debug.unit import (
    CODE,
    DATA,
    HCE,
    KDE,
    LOCKED,
    MDE,
    NOWHERE,
    RAM,
    SDD,
    SPSR_D,
    SPSR_SS,
    SS,
    STEP,
    TDE,
    TGE,
    VECTORS,
    classes,
    make_unit,
)
from tests.translation.paging import Space

E = 1 << 0
EL1, EL0, EL01 = 0b01 << 1, 0b10 << 1, 0b11 << 1
HMC, WT = 1 << 13, 1 << 20
LOAD, STORE, BOTH = 0b01 << 3, 0b10 << 3, 0b11 << 3
ALL = 0xFF
ENABLED = {"MDSCR_EL1": MDE | KDE}
HIT = "WATCHPOINT"
PAGE_END = DATA + 0x1000


def control(bas: int = ALL, kind: int = BOTH, where: int = EL1, *, mask: int = 0) -> int:
    return mask << 24 | bas << 5 | kind | where | E


def watching(text: str, value: int = DATA, wcr: int | None = None, **facts):
    """A CPU about to execute an instruction while DBGWVR0_EL1 and DBGWCR0_EL1 are as given."""
    registers = {"DBGWVR0_EL1": value, "DBGWCR0_EL1": control() if wcr is None else wcr}
    return make_unit(text, **{**ENABLED, **registers, **facts})


def translating(cpu):
    """The CPU with the MMU on, its RAM where it is."""
    space = Space(cpu, iter(range(RAM + 0x40000, RAM + 0x80000, 0x1000)))
    for page in (CODE, DATA, VECTORS):
        space.map(page, page)
    space.use(asid=1)
    cpu.context_changed()
    return cpu


def make_unaligned(cpu):
    cpu.unaligned_device_access = True
    return cpu


def test_it_is_taken_before_the_access_and_the_instruction_has_no_effect():
    cpu = watching("str x1, [x19, #8]!", DATA + 8)
    cpu.gpr[1] = 5
    (taken,) = cpu.cycles_of(1)
    assert (HIT, CODE, DATA + 8) == (taken.ec.name, taken.elr, taken.far)
    assert (DATA, 0, 0, 1) == (cpu.gpr[19], cpu.memory.read(DATA + 8, 8), cpu.retired, cpu.cycles)
    assert ExceptionClass.WATCHPOINT_SAME << 26 | 1 << 25 | 1 << 6 | 0b100010 == cpu.sysregs["ESR_EL1"]
    assert DATA + 8 == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize("number", range(WATCHPOINTS))
def test_each_of_them(number):
    facts = {f"DBGWVR{number}_EL1": DATA, f"DBGWCR{number}_EL1": control()}
    assert [HIT] == classes(make_unit("ldr x0, [x19]", **facts, **ENABLED).cycles_of(1))
    assert [] == classes(make_unit("ldr x0, [x19, #8]", **facts, **ENABLED).cycles_of(1))


# --- bytes

BYTES = [
    # name, instruction, DBGWVR0_EL1 - DATA, BAS, MASK, FAR_EL1 - DATA or None
    ("the doubleword", "ldr x0, [x19]", 0, ALL, 0, 0),
    ("the one before", "ldr x0, [x19]", -8, ALL, 0, None),
    ("the one behind", "ldr x0, [x19]", 8, ALL, 0, None),
    ("a byte that is watched", "ldrb w0, [x19, #3]", 0, 0b1000, 0, 3),
    ("a byte beside it", "ldrb w0, [x19, #2]", 0, 0b1000, 0, None),
    ("a word that has it", "ldr w0, [x19]", 0, 0b1000, 0, 0),
    ("a word that does not", "ldr w0, [x19, #4]", 0, 0b1000, 0, None),
    ("bytes that are not contiguous", "ldrb w0, [x19, #6]", 0, 0b0100_0010, 0, 6),
    ("a byte between them", "ldrb w0, [x19, #3]", 0, 0b0100_0010, 0, None),
    ("of a word's address four bytes", "ldrb w0, [x19, #7]", 4, 0b1000, 0, 7),
    ("and no more", "ldrb w0, [x19, #7]", 4, 0b1000_0000, 0, None),
    ("no bytes", "ldr x0, [x19]", 0, 0, 0, None),
    ("eight bytes by MASK", "ldrb w0, [x19, #7]", 0, ALL, 3, 7),
    ("64 bytes by MASK", "ldrb w0, [x19, #63]", 0, ALL, 6, 63),
    ("the 65th", "ldrb w0, [x19, #64]", 0, ALL, 6, None),
    ("2 GB by MASK", "ldrb w0, [x19, #64]", -0x8000, ALL, 31, 64),
    ("a reserved MASK", "ldrb w0, [x19]", 0, ALL, 2, None),
    ("masked bits that are set", "ldrb w0, [x19, #8]", 32, ALL, 6, 8),
    ("bits from 49 up are not compared", "ldr x0, [x19]", 0x7FFF << 49, ALL, 0, 0),
    ("bit 48 is", "ldr x0, [x19]", 1 << 48, ALL, 0, None),
    ("a pair, its first", "ldp x0, x1, [x19]", 0, ALL, 0, 0),
    ("a pair, its second: one access, being within 16 bytes", "ldp x0, x1, [x19]", 8, ALL, 0, 0),
    ("a pair across 16 bytes is two accesses", "ldp x0, x1, [x19, #8]", 16, ALL, 0, 16),
    ("its first", "ldp x0, x1, [x19, #8]", 8, ALL, 0, 8),
    ("a pair of words", "stp w0, w1, [x19]", 4, 0xF, 0, 0),
    ("an exclusive pair", "ldxp x0, x1, [x19]", 8, ALL, 0, 0),
    ("an unaligned load within 16 bytes is one access", "ldur x0, [x19, #1]", 8, 1, 0, 1),
    ("an unaligned load across 16 bytes is one for each byte", "ldur x0, [x19, #12]", 16, 2, 0, 17),
]


@pytest.mark.parametrize(
    ("text", "value", "bas", "mask", "far"), [row[1:] for row in BYTES], ids=[row[0] for row in BYTES]
)
def test_bytes(text, value, bas, mask, far):
    registers = {"DBGWVR0_EL1": (DATA + value) & ~3, "DBGWCR0_EL1": control(bas, mask=mask)}
    cpu = make_unaligned(make_unit(text, **ENABLED, **registers))
    taken = cpu.cycles_of(1)
    assert ([] if far is None else [(HIT, DATA + far)]) == [(item.ec.name, item.far) for item in taken]


def test_without_lse2_an_unaligned_access_is_one_for_each_byte():
    cpu = make_unaligned(watching("ldur x0, [x19, #1]", DATA + 8, control(1)))
    cpu.features = DEFAULT_FEATURES - {Feature.LSE2}
    (taken,) = cpu.cycles_of(1)
    assert DATA + 8 == taken.far


def test_an_access_that_crosses_a_page():
    cpu = make_unaligned(watching("ldr x0, [x19]", PAGE_END, control(0b10)))
    cpu.gpr[19] = PAGE_END - 4
    (taken,) = cpu.cycles_of(1)
    assert PAGE_END + 1 == taken.far


def test_an_access_that_wraps():
    cpu = make_unaligned(watching("ldr x0, [x19]", 0, control(0b1)))
    cpu.gpr[19] = (1 << 64) - 4
    assert ["DATA_ABORT"] == classes(cpu.cycles_of(1))
    cpu = make_unaligned(watching("ldr x0, [x19]", (1 << 64) - 8, control(0b1000_0000)))
    cpu.gpr[19] = 1 << 48 | 1
    assert ["DATA_ABORT"] == classes(cpu.cycles_of(1))


# --- loads, stores, and what is both

KINDS = [
    # instruction, LSC, WnR or None
    ("ldr x0, [x19]", LOAD, 0),
    ("ldr x0, [x19]", STORE, None),
    ("ldr x0, [x19]", BOTH, 0),
    ("ldr x0, [x19]", 0, None),
    ("str x0, [x19]", LOAD, None),
    ("str x0, [x19]", STORE, 1),
    ("str x0, [x19]", BOTH, 1),
    ("ldr xzr, [x19]", LOAD, 0),
    ("stlr x0, [x19]", STORE, 1),
    ("ldapr x0, [x19]", LOAD, 0),
    ("ldp x0, x1, [x19]", LOAD, 0),
    ("stp x0, x1, [x19]", STORE, 1),
    ("ldxr x0, [x19]", LOAD, 0),
    ("stxr w0, x1, [x19]", STORE, 1),
    ("stxr w0, x1, [x19]", LOAD, None),
    ("ldadd x0, x1, [x19]", LOAD, 0),
    ("ldadd x0, x1, [x19]", STORE, 1),
    ("ldadd x0, x1, [x19]", BOTH, 0),
    ("swp x0, x1, [x19]", STORE, 1),
    ("cas x0, x1, [x19]", LOAD, 0),
    ("cas x2, x1, [x19]", STORE, 1),
    ("casp x0, x1, x2, x3, [x19]", STORE, 1),
    ("prfm pldl1keep, [x19]", BOTH, None),
    ("at s1e1r, x19", BOTH, None),
    ("ic ivau, x19", BOTH, None),
    ("dc civac, x19", BOTH, None),
    ("dc cvac, x19", BOTH, None),
]


@pytest.mark.parametrize(("text", "kind", "write"), KINDS, ids=[f"{row[0]} {row[1] >> 3:02b}" for row in KINDS])
def test_kinds_of_accesses(text, kind, write):
    cpu = watching(text, wcr=control(kind=kind))
    cpu.gpr[2] = 77
    taken = cpu.cycles_of(1)
    assert ([] if write is None else [(HIT, write, DATA)]) == [
        (item.ec.name, item.esr >> 6 & 1, item.far) for item in taken
    ]


@pytest.mark.parametrize(("kind", "hits"), [(LOAD, False), (STORE, True), (BOTH, True)])
def test_invalidation_of_a_watched_line_counts_as_a_store(kind, hits):
    cpu = watching("dc ivac, x19", DATA + 0x38, control(kind=kind))
    cpu.gpr[19] = DATA + 5
    taken = cpu.cycles_of(1)
    iss = 1 << 8 | 1 << 6 | 0b100010
    assert ([(DATA + 5, iss)] if hits else []) == [(item.far, item.esr & 0x1FF_FFFF) for item in taken]


@pytest.mark.parametrize(("kind", "hits"), [(LOAD, False), (STORE, True), (BOTH, True)])
def test_zeroing_a_watched_block_reports_the_address_of_the_block(kind, hits):
    cpu = translating(watching("dc zva, x19", DATA + 0x38, control(kind=kind)))
    cpu.gpr[19] = DATA + 5
    cpu.memory.write(DATA, 8, 9)
    taken = cpu.cycles_of(1)
    assert ([(HIT, 1, DATA)] if hits else []) == [(item.ec.name, item.esr >> 6 & 1, item.far) for item in taken]
    assert (9 if hits else 0) == cpu.memory.read(DATA, 8)


def test_of_device_memory_zeroing_faults_before_it_is_watched():
    assert ["DATA_ABORT"] == classes(watching("dc zva, x19").cycles_of(1))


def test_of_several_that_match_the_last_one_says_what_it_was():
    facts = {"DBGWVR1_EL1": DATA, "DBGWCR1_EL1": control(kind=STORE)}
    (taken,) = watching("ldadd x0, x1, [x19]", wcr=control(kind=LOAD), **facts).cycles_of(1)
    assert 1 == taken.esr >> 6 & 1


def test_a_store_exclusive_that_fails_is_watched_as_one_that_succeeds():
    assert [HIT] == classes(watching("stxr w0, x1, [x19]").cycles_of(1))


# --- levels

LEVELS = [
    # name, instruction, level, PAC, matches
    ("EL1's", "ldr x0, [x19]", 1, EL1, True),
    ("EL0's", "ldr x0, [x19]", 0, EL0, True),
    ("EL0's, of EL1 only", "ldr x0, [x19]", 0, EL1, False),
    ("EL1's, of EL0 only", "ldr x0, [x19]", 1, EL0, False),
    ("EL1's unprivileged one is EL0's", "ldtr x0, [x19]", 1, EL0, True),
    ("and not EL1's", "ldtr x0, [x19]", 1, EL1, False),
    ("the store likewise", "sttr x0, [x19]", 1, EL0, True),
    ("none", "ldr x0, [x19]", 1, 0, False),
    ("EL2's", "ldr x0, [x19]", 2, HMC | EL01, True),
    ("EL2's, of EL1 and EL0 only", "ldr x0, [x19]", 2, EL01, False),
]


@pytest.mark.parametrize(("text", "el", "where", "hits"), [row[1:] for row in LEVELS], ids=[row[0] for row in LEVELS])
def test_levels(text, el, where, hits):
    taken = watching(text, wcr=control(where=where), el=el, MDCR_EL2=TDE if el == 2 else 0).cycles_of(1)
    assert ([HIT] if hits else []) == classes(taken)


def test_with_uao_an_unprivileged_access_is_that_of_its_level():
    cpu = watching("ldtr x0, [x19]", wcr=control(where=EL1))
    cpu.pstate.uao = 1
    assert [HIT] == classes(cpu.cycles_of(1))


WHEN = [
    ("EL1", 1, 0, {"MDSCR_EL1": MDE | KDE}, 1),
    ("not without MDE", 1, 0, {"MDSCR_EL1": KDE}, None),
    ("not at EL1 without KDE", 1, 0, {"MDSCR_EL1": MDE}, None),
    ("not at EL1 while masked", 1, 1, {"MDSCR_EL1": MDE | KDE}, None),
    ("EL0 without KDE, masked", 0, 1, {"MDSCR_EL1": MDE}, 1),
    ("EL0 by TGE", 0, 1, {"MDSCR_EL1": MDE, "HCR_EL2": TGE}, 2),
    ("EL1 by TDE", 1, 1, {"MDSCR_EL1": MDE, "MDCR_EL2": TDE}, 2),
    ("EL2 by TDE", 2, 0, {"MDSCR_EL1": MDE | KDE, "MDCR_EL2": TDE}, 2),
    ("never at EL3", 3, 0, {"MDSCR_EL1": MDE | KDE, "MDCR_EL2": TDE}, None),
    ("not under the OS lock", 0, 0, {"MDSCR_EL1": MDE, "OSLSR_EL1": LOCKED}, None),
    ("not under the double lock", 0, 0, {"MDSCR_EL1": MDE, "OSDLR_EL1": 1}, None),
    ("not in Secure state with SDD", 0, 0, {"MDSCR_EL1": MDE, "SCR_EL3": HCE, "MDCR_EL3": SDD}, None),
]


@pytest.mark.parametrize(("el", "d", "sysregs", "target"), [row[1:] for row in WHEN], ids=[row[0] for row in WHEN])
def test_when_they_are_looked_at(el, d, sysregs, target):
    taken = watching("ldr x0, [x19]", wcr=control(where=HMC | EL01), el=el, d=d, **sysregs).cycles_of(1)
    assert ([] if target is None else [(HIT, target)]) == [(item.ec.name, item.target_el) for item in taken]


@pytest.mark.parametrize(("context", "hits"), [(7, True), (8, False)])
def test_a_watchpoint_linked_to_a_context(context, hits):
    number = BREAKPOINTS - 1
    facts = {
        f"DBGBVR{number}_EL1": 7,
        f"DBGBCR{number}_EL1": 0b0011 << 20 | E,
        "CONTEXTIDR_EL1": context,
    }
    cpu = watching("ldr x0, [x19]", wcr=control() | WT | number << 16, **facts)
    assert ([HIT] if hits else []) == classes(cpu.cycles_of(1))


# --- what comes before and after


def test_faults_of_translation_come_before_it():
    cpu = watching("ldr x0, [x19]", 1 << 48)
    cpu.gpr[19] = 1 << 48
    assert ["DATA_ABORT"] == classes(cpu.cycles_of(1))


def test_an_alignment_fault_comes_before_it():
    cpu = watching("ldr x0, [x19]", SCTLR_EL1=1 << 1)
    cpu.gpr[19] = DATA + 1
    assert ["DATA_ABORT"] == classes(cpu.cycles_of(1))


def test_it_comes_before_an_external_abort():
    cpu = watching("ldr x0, [x9]", NOWHERE)
    assert [HIT] == classes(cpu.cycles_of(1))


def test_of_a_pair_a_watched_first_comes_before_a_second_that_faults():
    cpu = watching("ldp x0, x1, [x19]", (1 << 48) - 8)
    cpu.gpr[19] = (1 << 48) - 8
    assert [HIT] == classes(cpu.cycles_of(1))


def test_a_return_with_d_set_makes_the_access():
    cpu = watching("str x1, [x19]\nldr x2, [x19]")
    cpu.gpr[1] = 5
    assert [HIT] == classes(cpu.cycles_of(1))
    cpu.spsr[1] |= SPSR_D
    assert [] == cpu.cycles_of(3)
    assert (5, 5) == (cpu.memory.read(DATA, 8), cpu.gpr[2])


def test_stepping_over_an_access_with_watchpoints_off_and_on_again():
    """As a debugger does: disable, step one instruction, enable."""
    cpu = watching("ldr x0, [x19]\nldr x1, [x19]")
    cpu.memory.write(DATA, 8, 9)
    assert [HIT] == classes(cpu.cycles_of(1))
    cpu.sysregs["DBGWCR0_EL1"] &= ~E
    cpu.sysregs["MDSCR_EL1"] |= SS
    cpu.spsr[1] |= SPSR_SS
    (taken,) = cpu.cycles_of(3)
    assert (STEP, CODE + 4, 9) == (taken.ec.name, taken.elr, cpu.gpr[0])
    cpu.sysregs["DBGWCR0_EL1"] |= E
    cpu.sysregs["MDSCR_EL1"] &= ~SS
    (taken,) = cpu.cycles_of(2)
    assert (HIT, CODE + 4) == (taken.ec.name, taken.elr)


def test_a_stepped_instruction_that_is_watched_has_not_been_stepped():
    (taken,) = watching("ldr x0, [x19]", ss=1, MDSCR_EL1=MDE | KDE | SS).cycles_of(1)
    assert (HIT, 1) == (taken.ec.name, taken.spsr >> 21 & 1)


# --- pages that were used before, and no cost where nothing is watched


def test_a_page_that_is_known_is_watched_from_the_next_instruction_on():
    cpu = watching("str x1, [x19]\nmsr DBGWCR0_EL1, x0\nstr x1, [x19]", wcr=0)
    cpu.gpr[0] = control()
    (taken,) = cpu.cycles_of(3)
    assert (HIT, CODE + 8) == (taken.ec.name, taken.elr)


def test_a_page_that_was_watched_is_known_again():
    cpu = watching("msr DBGWCR0_EL1, xzr\nldr x0, [x19]\nldr x0, [x19]", d=1)
    cpu.cycles_of(3)
    assert cpu.read_views is cpu.page_map.reads
    assert cpu.read_views[8]


@pytest.mark.parametrize(
    "facts", [{"MDSCR_EL1": KDE}, {"MDSCR_EL1": MDE}, {"OSLSR_EL1": LOCKED}, {"wcr": control() & ~E}]
)
def test_where_no_watchpoint_can_match_accesses_are_as_fast_as_ever(facts):
    cpu = watching("ldr x0, [x19]", **facts)
    assert cpu.read_views is cpu.page_map.reads
    assert cpu.write_views is cpu.page_map.writes
