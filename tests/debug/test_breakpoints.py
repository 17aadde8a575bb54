"""Hardware breakpoints: what they match, where, and what comes before and after them ("Breakpoint exceptions")."""

import pytest

from aarch64.exceptions import ExceptionClass
from aarch64.lines import Line
from aarch64.sysregs.debug import BREAKPOINTS
from tests.debug.unit import (
    CODE,
    EEL2,
    HCE,
    KDE,
    LOCKED,
    MDE,
    NOWHERE,
    NS,
    SDD,
    SPSR_D,
    TDE,
    TGE,
    VECTORS,
    classes,
    make_unit,
)

BAS = 0b1111 << 5
E = 1 << 0
EL1, EL0, EL01 = 0b01 << 1, 0b10 << 1, 0b11 << 1
HMC = 1 << 13
ALL_LEVELS = HMC | EL01
ADDRESS, LINKED_ADDRESS, CONTEXT, LINKED_CONTEXT, MISMATCH = 0, 1, 0b0010, 0b0011, 0b0100
VMID, LINKED_VMID, VMID_CONTEXT, LINKED_VMID_CONTEXT = 0b1000, 0b1001, 0b1010, 0b1011
ENABLED = {"MDSCR_EL1": MDE | KDE}
HIT = "BREAKPOINT"


def control(kind: int = ADDRESS, where: int = EL1, *, link: int = 0, ssc: int = 0) -> int:
    return kind << 20 | link << 16 | ssc << 14 | where | BAS | E


def hits(cpu) -> bool:
    """Whether the next cycle takes a breakpoint exception; else an instruction retires."""
    taken = cpu.cycles_of(1)
    assert (classes(taken), cpu.retired) in (([HIT], 0), ([], 1))
    return bool(taken)


def test_it_is_taken_before_the_instruction():
    cpu = make_unit("mov x0, #1", DBGBVR0_EL1=CODE, DBGBCR0_EL1=control(), **ENABLED)
    cpu.pstate.nzcv = 0b0110
    (taken,) = cpu.cycles_of(1)
    assert (HIT, CODE, 1, 1) == (taken.ec.name, taken.elr, taken.source_el, taken.target_el)
    assert ExceptionClass.BREAKPOINT_SAME << 26 | 1 << 25 | 0b100010 == cpu.sysregs["ESR_EL1"]
    assert (None, VECTORS + 0x200, 0, 1, 0) == (taken.far, cpu.pc, cpu.gpr[0], cpu.cycles, cpu.retired)
    assert 0b0110 << 28 | 0b0111 << 6 | 0b0101 == cpu.spsr[1]


@pytest.mark.parametrize("number", range(BREAKPOINTS))
def test_each_of_them(number):
    facts = {f"DBGBVR{number}_EL1": CODE + 4, f"DBGBCR{number}_EL1": control()}
    cpu = make_unit(**facts, **ENABLED)
    assert [] == cpu.cycles_of(1)
    assert [HIT] == classes(cpu.cycles_of(1))


ADDRESSES = [
    ("the address", CODE, True),
    ("the instruction before", CODE - 4, False),
    ("the instruction behind", CODE + 4, False),
    ("bit 48 differs", CODE | 1 << 48, False),
    ("bits from 49 up are not compared", CODE | 0x7FFF << 49, True),
]


@pytest.mark.parametrize(("value", "matches"), [row[1:] for row in ADDRESSES], ids=[row[0] for row in ADDRESSES])
def test_addresses(value, matches):
    assert matches == hits(make_unit(DBGBVR2_EL1=value, DBGBCR2_EL1=control(), **ENABLED))


def test_a_disabled_one_matches_nothing():
    assert not hits(make_unit(DBGBVR0_EL1=CODE, DBGBCR0_EL1=control() & ~E, **ENABLED))


WHEN = [
    # name, level, D, system registers, the level it is taken to
    ("EL1", 1, 0, {"MDSCR_EL1": MDE | KDE}, 1),
    ("not without MDE", 1, 0, {"MDSCR_EL1": KDE}, None),
    ("not at EL1 without KDE", 1, 0, {"MDSCR_EL1": MDE}, None),
    ("not at EL1 while masked", 1, 1, {"MDSCR_EL1": MDE | KDE}, None),
    ("EL0 without KDE, masked", 0, 1, {"MDSCR_EL1": MDE}, 1),
    ("EL0 by TGE", 0, 1, {"MDSCR_EL1": MDE, "HCR_EL2": TGE}, 2),
    ("EL1 by TDE", 1, 1, {"MDSCR_EL1": MDE, "MDCR_EL2": TDE}, 2),
    ("EL2 by TDE", 2, 0, {"MDSCR_EL1": MDE | KDE, "MDCR_EL2": TDE}, 2),
    ("not at EL2 without TDE", 2, 0, {"MDSCR_EL1": MDE | KDE}, None),
    ("never at EL3", 3, 0, {"MDSCR_EL1": MDE | KDE, "MDCR_EL2": TDE}, None),
    ("not under the OS lock", 0, 0, {"MDSCR_EL1": MDE, "OSLSR_EL1": LOCKED}, None),
    ("not under the double lock", 0, 0, {"MDSCR_EL1": MDE, "OSDLR_EL1": 1}, None),
    ("not in Secure state with SDD", 0, 0, {"MDSCR_EL1": MDE, "SCR_EL3": 0, "MDCR_EL3": SDD}, None),
]


@pytest.mark.parametrize(("el", "d", "sysregs", "target"), [row[1:] for row in WHEN], ids=[row[0] for row in WHEN])
def test_when_they_are_looked_at(el, d, sysregs, target):
    cpu = make_unit(el=el, d=d, DBGBVR0_EL1=CODE, DBGBCR0_EL1=control(where=ALL_LEVELS), **sysregs)
    taken = cpu.cycles_of(1)
    assert ([] if target is None else [(HIT, target)]) == [(item.ec.name, item.target_el) for item in taken]


# --- the states: HMC, SSC, PMC. Rows of the Arm ARM's table, as what matches at
# Non-secure EL0, EL1, EL2 and Secure EL0, EL1, EL2 of a machine with everything.

STATES = [
    # HMC SSC PMC
    (0, 0b00, 0b00, "      "),
    (0, 0b00, 0b01, " 1  1 "),
    (0, 0b00, 0b10, "0  0  "),
    (0, 0b00, 0b11, "01 01 "),
    (0, 0b01, 0b01, " 1    "),
    (0, 0b01, 0b10, "0     "),
    (0, 0b01, 0b11, "01    "),
    (0, 0b10, 0b01, "    1 "),
    (0, 0b10, 0b10, "   0  "),
    (0, 0b10, 0b11, "   01 "),
    (0, 0b11, 0b00, "     2"),
    (0, 0b11, 0b01, "    12"),
    (0, 0b11, 0b10, "      "),
    (0, 0b11, 0b11, "   012"),
    (1, 0b00, 0b00, "      "),
    (1, 0b00, 0b01, " 12 12"),
    (1, 0b00, 0b10, "      "),
    (1, 0b00, 0b11, "012012"),
    (1, 0b01, 0b00, "  2   "),
    (1, 0b01, 0b01, " 12   "),
    (1, 0b01, 0b10, "      "),
    (1, 0b01, 0b11, "012   "),
    (1, 0b10, 0b00, "      "),
    (1, 0b10, 0b01, "    12"),
    (1, 0b10, 0b10, "      "),
    (1, 0b10, 0b11, "   012"),
    (1, 0b11, 0b00, "  2  2"),
    (1, 0b11, 0b01, " 12 12"),
    (1, 0b11, 0b10, "      "),
    (1, 0b11, 0b11, "012012"),
]


@pytest.mark.parametrize(("hmc", "ssc", "pmc", "expected"), STATES)
def test_levels_and_security_states(hmc, ssc, pmc, expected):
    found = ""
    for scr in (NS, EEL2):
        for el in (0, 1, 2):
            cpu = make_unit(
                el=el,
                MDCR_EL2=TDE,
                SCR_EL3=scr | HCE,
                DBGBVR0_EL1=CODE,
                DBGBCR0_EL1=control(where=hmc << 13 | pmc << 1, ssc=ssc),
                **ENABLED,
            )
            found += str(el) if hits(cpu) else " "
    assert expected == found


@pytest.mark.parametrize(
    ("max_el", "hmc", "ssc", "pmc", "matches"),
    [
        (1, 0, 0b00, 0b01, True),
        (1, 1, 0b00, 0b01, False),
        (1, 0, 0b01, 0b01, False),
        (1, 0, 0b10, 0b01, False),
        (2, 1, 0b00, 0b01, True),
        (2, 0, 0b01, 0b01, False),
        (2, 1, 0b11, 0b01, False),
        (3, 0, 0b01, 0b01, True),
        (3, 1, 0b11, 0b01, True),
    ],
)
def test_settings_for_levels_that_do_not_exist_are_reserved_and_match_nothing(max_el, hmc, ssc, pmc, matches):
    value = control(where=hmc << 13 | pmc << 1, ssc=ssc)
    assert matches == hits(make_unit(max_el=max_el, DBGBVR0_EL1=CODE, DBGBCR0_EL1=value, **ENABLED))


# --- contexts

FIRST, SECOND = BREAKPOINTS - 2, BREAKPOINTS - 1
"""The context-aware ones, as ID_AA64DFR0_EL1.CTX_CMPs says."""

CONTEXTS = [
    # name, breakpoint, type, value, matches at EL1 with CONTEXTIDR_EL1 7 and VMID 5
    ("the context", FIRST, CONTEXT, 7, True),
    ("the context, by the last breakpoint", SECOND, CONTEXT, 7, True),
    ("another context", FIRST, CONTEXT, 8, False),
    ("of a context only 32 bits count", FIRST, CONTEXT, 0xFF << 32 | 7, True),
    ("by a breakpoint that is not context-aware", FIRST - 1, CONTEXT, 7, False),
    ("the virtual machine", FIRST, VMID, 5 << 32, True),
    ("another virtual machine", FIRST, VMID, 6 << 32, False),
    ("of a VMID only 8 bits count", FIRST, VMID, 0x305 << 32, True),
    ("both", FIRST, VMID_CONTEXT, 5 << 32 | 7, True),
    ("both, another context", FIRST, VMID_CONTEXT, 5 << 32 | 8, False),
    ("both, another virtual machine", FIRST, VMID_CONTEXT, 6 << 32 | 7, False),
    ("a context to be linked to, by itself", FIRST, LINKED_CONTEXT, 7, False),
    ("a virtual machine to be linked to, by itself", FIRST, LINKED_VMID, 5 << 32, False),
    ("both to be linked to, by themselves", FIRST, LINKED_VMID_CONTEXT, 5 << 32 | 7, False),
    ("a mismatch, which is AArch32 state's", FIRST, MISMATCH, CODE + 4, False),
    ("a context type of Armv8.1", FIRST, 0b0110, 7, False),
    ("another one", FIRST, 0b1100, 7, False),
    ("and another one", FIRST, 0b1110, 7, False),
]
HERE = {"CONTEXTIDR_EL1": 7, "VTTBR_EL2": 5 << 48}


@pytest.mark.parametrize(
    ("number", "kind", "value", "matches"), [row[1:] for row in CONTEXTS], ids=[row[0] for row in CONTEXTS]
)
def test_contexts(number, kind, value, matches):
    facts = {f"DBGBVR{number}_EL1": value, f"DBGBCR{number}_EL1": control(kind)}
    assert matches == hits(make_unit(**facts, **HERE, **ENABLED))


@pytest.mark.parametrize("kind", [VMID, VMID_CONTEXT])
def test_there_is_no_virtual_machine_without_el2(kind):
    facts = {f"DBGBVR{FIRST}_EL1": 7, f"DBGBCR{FIRST}_EL1": control(kind), "CONTEXTIDR_EL1": 7}
    assert not hits(make_unit(max_el=1, **facts, **ENABLED))


def test_a_context_is_that_of_el1_and_el0():
    facts = {f"DBGBVR{FIRST}_EL1": 7, f"DBGBCR{FIRST}_EL1": control(CONTEXT, ALL_LEVELS), "MDCR_EL2": TDE}
    assert [True, True, False] == [hits(make_unit(el=el, **facts, **HERE, **ENABLED)) for el in (0, 1, 2)]


LINKS = [
    # name, type, its control, the breakpoint linked to, type of that, its value, whether it is enabled
    ("the context", FIRST, LINKED_CONTEXT, 7, 1, True),
    ("another context", FIRST, LINKED_CONTEXT, 8, 1, False),
    ("by the last breakpoint", SECOND, LINKED_CONTEXT, 7, 1, True),
    ("a context that is not there to be linked to", FIRST, CONTEXT, 7, 1, False),
    ("a context that is not enabled", FIRST, LINKED_CONTEXT, 7, 0, False),
    ("a breakpoint that is not context-aware", 1, LINKED_CONTEXT, 7, 1, False),
    ("an address", FIRST, LINKED_ADDRESS, CODE, 1, False),
    ("the virtual machine", FIRST, LINKED_VMID, 5 << 32, 1, True),
    ("another virtual machine", FIRST, LINKED_VMID, 4 << 32, 1, False),
    ("both", FIRST, LINKED_VMID_CONTEXT, 5 << 32 | 7, 1, True),
]


@pytest.mark.parametrize(
    ("number", "kind", "value", "enable", "matches"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS]
)
def test_an_address_linked_to(number, kind, value, enable, matches):
    facts = {
        "DBGBVR0_EL1": CODE,
        "DBGBCR0_EL1": control(LINKED_ADDRESS, link=number),
        f"DBGBVR{number}_EL1": value,
        # what is linked to has no states of its own
        f"DBGBCR{number}_EL1": control(kind, where=0) & ~E | enable,
    }
    assert matches == hits(make_unit(**facts, **HERE, **ENABLED))


def test_a_link_to_a_breakpoint_that_does_not_exist():
    facts = {"DBGBVR0_EL1": CODE, "DBGBCR0_EL1": control(LINKED_ADDRESS, link=BREAKPOINTS)}
    assert not hits(make_unit(**facts, **ENABLED))


# --- what comes before and after

AT_CODE = {"DBGBVR0_EL1": CODE, "DBGBCR0_EL1": control(), **ENABLED}


@pytest.mark.parametrize(
    ("text", "own"),
    [("brk #1", "BRK"), ("svc #1", "SVC"), ("udf #1", "UNKNOWN"), ("ldr x0, [x9]", "DATA_ABORT"), ("hvc #1", "HVC")],
)
def test_it_comes_before_all_that_the_instruction_comes_to_which_follows_with_d_masked(text, own):
    cpu = make_unit(text, **AT_CODE)
    (taken,) = cpu.cycles_of(1)
    assert (HIT, CODE) == (taken.ec.name, taken.elr)
    cpu.spsr[1] |= SPSR_D
    assert [own] == classes(cpu.cycles_of(2))


def test_it_comes_before_illegal_state_and_a_branch_to_the_wrong_place():
    cpu = make_unit(**AT_CODE)
    cpu.pstate.il, cpu.pstate.btype = 1, 0b10
    (taken,) = cpu.cycles_of(1)
    assert (HIT, 1, 0b10) == (taken.ec.name, taken.spsr >> 20 & 1, taken.spsr >> 10 & 0b11)


def test_a_misaligned_pc_comes_before_it():
    cpu = make_unit(pc=CODE + 2, **AT_CODE)
    assert ["PC_ALIGNMENT"] == classes(cpu.cycles_of(1))


def test_a_fault_of_the_translation_comes_before_it():
    cpu = make_unit(pc=1 << 48, DBGBVR0_EL1=1 << 48, DBGBCR0_EL1=control(), **ENABLED)
    assert ["INSTRUCTION_ABORT"] == classes(cpu.cycles_of(1))


def test_it_comes_before_the_external_abort_of_the_read():
    cpu = make_unit(pc=NOWHERE, DBGBVR0_EL1=NOWHERE, DBGBCR0_EL1=control(), **ENABLED)
    assert [HIT] == classes(cpu.cycles_of(1))


def test_an_interrupt_comes_before_it():
    cpu = make_unit(**AT_CODE)
    cpu.pstate.i = 0
    cpu.lines = {Line.IRQ}
    assert ["IRQ"] == classes(cpu.cycles_of(1))


def test_it_is_taken_again_until_it_is_masked_or_disabled():
    cpu = make_unit(**AT_CODE)
    assert [HIT] * 3 == classes(cpu.cycles_of(5))
    cpu.sysregs["DBGBCR0_EL1"] &= ~E
    assert [] == cpu.cycles_of(3)


def test_no_observer_is_told_of_the_instruction():
    cpu = make_unit(**AT_CODE)
    seen = []
    cpu.observers.append(lambda _cpu, pc, _word: seen.append(pc))
    cpu.cycles_of(1)
    assert [] == seen


# --- written by the guest


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("msr DBGBCR0_EL1, x0", {"DBGBCR0_EL1": 0, **ENABLED}),
        ("msr DBGBVR0_EL1, x1", {"DBGBVR0_EL1": 0, **ENABLED}),
        ("msr MDSCR_EL1, x2", {"MDSCR_EL1": KDE}),
        ("msr OSLAR_EL1, xzr", {"OSLSR_EL1": LOCKED, **ENABLED}),
        ("msr DAIFClr, #8", {"d": 1, **ENABLED}),
        ("msr DAIF, xzr", {"d": 1, **ENABLED}),
    ],
)
def test_a_breakpoint_counts_from_the_next_instruction_on(text, facts):
    cpu = make_unit(f"{text}\nnop", **{"DBGBVR0_EL1": CODE + 4, "DBGBCR0_EL1": control(), **facts})
    cpu.gpr[0:3] = control(), CODE + 4, MDE | KDE
    (taken,) = cpu.cycles_of(2)
    assert (HIT, CODE + 4) == (taken.ec.name, taken.elr)


@pytest.mark.parametrize("facts", [{"d": 1, **ENABLED}, {"MDSCR_EL1": MDE}, {"MDSCR_EL1": KDE}])
def test_where_no_breakpoint_can_match_there_is_no_cost(facts):
    cpu = make_unit("1: add x0, x0, #1\nb 1b", DBGBVR0_EL1=CODE, DBGBCR0_EL1=control(), **facts)
    cpu.cycles_of(2)
    assert cpu.attention_at > cpu.cycles
