"""The software step state machine, rule by rule ("Software Step exceptions")."""

import pytest

from aarch64.debug.software_step import Stepped
from aarch64.lines import Line
from aarch64.pointer_auth import Key, add_pac
from tests.debug.unit import (
    CODE,
    DATA,
    EEL2,
    HCE,
    KDE,
    LOCKED,
    MDE,
    NOWHERE,
    NS,
    SDD,
    SPSR_D,
    SPSR_IL,
    SPSR_SS,
    SS,
    STACK,
    STEP,
    TDE,
    TGE,
    VECTORS,
    classes,
    make_unit,
)

EL0T, EL1H, EL2H = 0b0000, 0b0101, 0b1001
STEPPING = {"MDSCR_EL1": SS | KDE}

# --- where it is active: facts of MDSCR_EL1, PSTATE.D, locks and routing

WHERE = [
    # level, D, system registers, the level the step exception goes to
    ("EL0, whatever KDE and D are", 0, 1, {"MDSCR_EL1": SS}, 1),
    ("EL1, with KDE", 1, 0, {"MDSCR_EL1": SS | KDE}, 1),
    ("EL1, without KDE", 1, 0, {"MDSCR_EL1": SS}, None),
    ("EL1, masked", 1, 1, {"MDSCR_EL1": SS | KDE}, None),
    ("not without MDSCR_EL1.SS", 0, 0, {"MDSCR_EL1": KDE | MDE}, None),
    ("EL0, from EL2 by TDE", 0, 1, {"MDSCR_EL1": SS, "MDCR_EL2": TDE}, 2),
    ("EL0, from EL2 by TGE", 0, 1, {"MDSCR_EL1": SS, "HCR_EL2": TGE}, 2),
    ("EL1, from EL2 by TDE, whatever KDE and D are", 1, 1, {"MDSCR_EL1": SS, "MDCR_EL2": TDE}, 2),
    ("EL1, from EL2 by TGE", 1, 1, {"MDSCR_EL1": SS, "HCR_EL2": TGE}, 2),
    ("EL2 itself", 2, 0, {"MDSCR_EL1": SS | KDE, "MDCR_EL2": TDE}, 2),
    ("EL2 itself, masked", 2, 1, {"MDSCR_EL1": SS | KDE, "MDCR_EL2": TDE}, None),
    ("EL2 itself, without KDE", 2, 0, {"MDSCR_EL1": SS, "MDCR_EL2": TDE}, None),
    ("EL2, where debug exceptions go to EL1", 2, 0, {"MDSCR_EL1": SS | KDE}, None),
    ("EL3 never", 3, 0, {"MDSCR_EL1": SS | KDE, "MDCR_EL2": TDE}, None),
    ("Secure EL0", 0, 1, {"MDSCR_EL1": SS, "SCR_EL3": 0}, 1),
    ("Secure EL1", 1, 0, {"MDSCR_EL1": SS | KDE, "SCR_EL3": 0}, 1),
    ("Secure EL0, with SDD", 0, 1, {"MDSCR_EL1": SS, "SCR_EL3": 0, "MDCR_EL3": SDD}, None),
    ("Secure EL1, with SDD", 1, 0, {"MDSCR_EL1": SS | KDE, "SCR_EL3": 0, "MDCR_EL3": SDD}, None),
    ("Non-secure EL1, with SDD", 1, 0, {"MDSCR_EL1": SS | KDE, "MDCR_EL3": SDD}, 1),
    ("Secure EL1, TDE without Secure EL2", 1, 0, {"MDSCR_EL1": SS | KDE, "SCR_EL3": 0, "MDCR_EL2": TDE}, 1),
    ("Secure EL1, TDE with Secure EL2", 1, 1, {"MDSCR_EL1": SS, "SCR_EL3": EEL2, "MDCR_EL2": TDE}, 2),
    ("the OS lock", 0, 0, {"MDSCR_EL1": SS | KDE, "OSLSR_EL1": LOCKED}, None),
    ("the OS double lock", 0, 0, {"MDSCR_EL1": SS | KDE, "OSDLR_EL1": 1}, None),
    ("the OS double lock, powerdown inhibited", 0, 0, {"MDSCR_EL1": SS, "OSDLR_EL1": 1, "DBGPRCR_EL1": 1}, 1),
]


@pytest.mark.parametrize(("el", "d", "sysregs", "target"), [row[1:] for row in WHERE], ids=[row[0] for row in WHERE])
def test_where_stepping_is_active(el, d, sysregs, target):
    cpu = make_unit(el=el, d=d, **sysregs)
    taken = cpu.cycles_of(1)
    if target is None:
        assert ([], CODE + 4, 1) == (taken, cpu.pc, cpu.retired)
        return
    assert ([STEP], [target], 0) == (classes(taken), [item.target_el for item in taken], cpu.retired)
    assert (CODE, 0x32 + (el == target)) == (cpu.elr[target], cpu.sysregs[f"ESR_EL{target}"] >> 26)


# --- what it does


def test_active_not_pending_executes_one_instruction():
    cpu = make_unit("mov x0, #1\nmov x1, #1", ss=1, **STEPPING)
    assert [] == cpu.cycles_of(1)
    assert (CODE + 4, 0, 1, 1) == (cpu.pc, cpu.pstate.ss, cpu.gpr[0], cpu.retired)
    taken = cpu.cycles_of(1)
    assert [STEP] == classes(taken)
    assert (CODE + 4, 0, 0, 1, 2) == (cpu.elr[1], cpu.spsr[1] & SPSR_SS, cpu.gpr[1], cpu.retired, cpu.cycles)
    assert (VECTORS + 0x200, 1, 0) == (cpu.pc, cpu.pstate.d, cpu.pstate.ss)


@pytest.mark.parametrize(
    ("text", "following"),
    [("b .+12", CODE + 12), ("br x19", DATA), ("cbz xzr, .+8", CODE + 8), ("b .", CODE), ("bl .+8", CODE + 8)],
)
def test_a_branch_is_stepped_to_its_target(text, following):
    cpu = make_unit(text, ss=1, **STEPPING)
    assert [STEP] == classes(cpu.cycles_of(2))
    assert following == cpu.elr[1]


def test_a_handler_that_sets_spsr_ss_steps_on_one_by_one():
    cpu = make_unit("nop\n" * 8, ss=1, **STEPPING)
    places = []
    for _ in range(5):
        assert [STEP] == classes(cpu.cycles_of(2))
        places.append(cpu.elr[1])
        cpu.spsr[1] |= SPSR_SS
        assert [] == cpu.cycles_of(1)
        assert 1 == cpu.pstate.ss
    assert [CODE + 4 * number for number in range(1, 6)] == places


def test_a_handler_that_leaves_spsr_ss_clear_gets_nowhere():
    cpu = make_unit(ss=0, **STEPPING)
    assert [STEP] * 3 == classes(cpu.cycles_of(5))
    assert (CODE, 0b10_0010) == (cpu.elr[1], cpu.sysregs["ESR_EL1"] & 0x1FF_FFFF)


# --- ISV and EX

ISV, EX, STATUS = 1 << 24, 1 << 6, 0b10_0010
REPORTS = [
    ("nop", ISV),
    ("ldr x0, [x19]", ISV),
    ("stxr w0, x1, [x19]", ISV),
    ("ldadd x0, x1, [x19]", ISV),
    ("clrex", ISV),
    *((text, ISV | EX) for text in ("ldxr x0, [x19]", "ldaxrb w0, [x19]", "ldxp x0, x1, [x19]", "ldaxp w0, w1, [x19]")),
]


@pytest.mark.parametrize(("text", "iss"), REPORTS, ids=[row[0] for row in REPORTS])
def test_what_was_stepped_is_reported(text, iss):
    cpu = make_unit(text, ss=1, **STEPPING)
    (taken,) = cpu.cycles_of(2)
    assert STATUS | iss == taken.esr & 0x1FF_FFFF


def test_isv_is_clear_where_stepping_became_active_after_the_instruction():
    cpu = make_unit("msr DAIFClr, #8", d=1, **STEPPING)
    (taken,) = cpu.cycles_of(2)
    assert (CODE + 4, STATUS) == (taken.elr, taken.esr & 0x1FF_FFFF)


def test_isv_does_not_outlive_the_step():
    """A stepped instruction ends stepping; that which makes it active again was not stepped."""
    cpu = make_unit("msr DAIFSet, #8\nmsr DAIFClr, #8", ss=1, **STEPPING)
    (taken,) = cpu.cycles_of(3)
    assert (CODE + 8, STATUS) == (taken.elr, taken.esr & 0x1FF_FFFF)
    assert Stepped.NOTHING is make_unit().stepped


def test_the_monitor_is_lost_to_the_exception_return():
    """So a loop of exclusives never ends when it is stepped: what EX is for."""
    cpu = make_unit("ldxr x0, [x19]\nstxr w1, x0, [x19]", ss=1, **STEPPING)
    cpu.cycles_of(2)
    cpu.spsr[1] |= SPSR_SS
    cpu.cycles_of(2)
    assert (CODE + 8, 1) == (cpu.pc, cpu.gpr[1])


# --- PSTATE.SS and SPSR_ELx.SS in exceptions

ENTRIES = [
    # text, level, system registers, class of the exception, SPSR.SS of the stepped instruction
    ("svc #0", 1, {}, "SVC", 0),
    ("svc #0", 0, {}, "SVC", 0),
    ("hvc #0", 1, {}, "HVC", 0),
    ("smc #0", 1, {}, "SMC", 0),
    ("smc #0", 1, {"HCR_EL2": 1 << 19}, "SMC", 1),
    ("hvc #0", 1, {"SCR_EL3": NS}, "UNKNOWN", 1),
    ("brk #0", 1, {}, "BRK", 1),
    ("udf #0", 1, {}, "UNKNOWN", 1),
    ("hlt #1", 1, {}, "UNKNOWN", 1),
    ("dcps1", 1, {}, "UNKNOWN", 1),
    ("eret", 0, {}, "UNKNOWN", 1),
    ("mrs x0, SCTLR_EL1", 1, {"HCR_EL2": 1 << 30}, "SYSTEM_REGISTER", 1),
    ("msr DAIFClr, #8", 0, {}, "SYSTEM_REGISTER", 1),
    ("wfi", 1, {"HCR_EL2": 1 << 13}, "WFX", 1),
    ("wfe", 0, {"SCTLR_EL1": 0}, "WFX", 1),
    ("ldr x0, [x9]", 1, {}, "DATA_ABORT", 1),
    ("str x0, [x9]", 1, {}, "DATA_ABORT", 1),
    ("ldr x0, [x19, #1]!", 1, {"SCTLR_EL1": 1 << 1}, "DATA_ABORT", 1),
    ("ldr x0, [sp]", 1, {"SCTLR_EL1": 1 << 3}, "SP_ALIGNMENT", 1),
    (".inst 0x1e601000", 1, {}, "FP_ACCESS", 1),
    ("paciasp", 1, {"SCTLR_EL1": 1 << 31, "HCR_EL2": 0}, "PAUTH", 1),
]


@pytest.mark.parametrize(
    ("text", "el", "sysregs", "name", "ss"), ENTRIES, ids=[f"{row[0]}: {row[3]}" for row in ENTRIES]
)
def test_spsr_ss_says_whether_the_stepped_instruction_is_complete(text, el, sysregs, name, ss):
    cpu = make_unit(text, el=el, ss=1, **STEPPING, **sysregs)
    cpu.sp_el[1] = STACK + 8
    (taken,) = cpu.cycles_of(1)
    assert ([name], ss, 0) == (classes([taken]), taken.spsr >> 21 & 1, cpu.pstate.ss)
    assert 1 == cpu.cycles


@pytest.mark.parametrize(
    ("pc", "name"), [(CODE + 2, "PC_ALIGNMENT"), (NOWHERE, "INSTRUCTION_ABORT"), (1 << 48, "INSTRUCTION_ABORT")]
)
def test_spsr_ss_of_a_fetch_that_faults(pc, name):
    (taken,) = make_unit(ss=1, pc=pc, **STEPPING).cycles_of(1)
    assert ([name], SPSR_SS) == (classes([taken]), taken.spsr & SPSR_SS)


def test_spsr_ss_of_illegal_state():
    cpu = make_unit(ss=1, **STEPPING)
    cpu.pstate.il = 1
    (taken,) = cpu.cycles_of(1)
    assert (["ILLEGAL_STATE"], SPSR_SS) == (classes([taken]), taken.spsr & SPSR_SS)


@pytest.mark.parametrize("line", Line, ids=lambda line: line.name)
@pytest.mark.parametrize("ss", [0, 1])
def test_an_interrupt_comes_before_the_step_exception_and_keeps_its_state(line, ss):
    cpu = make_unit(ss=ss, **STEPPING)
    cpu.pstate.daif = 0
    cpu.lines = {line}
    (taken,) = cpu.cycles_of(1)
    assert ([line.name], ss, CODE) == (classes([taken]), taken.spsr >> 21 & 1, taken.elr)
    cpu.lines = set()
    assert [] == cpu.cycles_of(1)
    assert (CODE, ss) == (cpu.pc, cpu.pstate.ss)
    assert ([STEP] if ss == 0 else []) == classes(cpu.cycles_of(1))


def test_a_call_that_is_stepped_is_followed_by_a_step_exception_when_it_returns():
    cpu = make_unit("svc #0\nnop", ss=1, **STEPPING)
    assert ["SVC"] == classes(cpu.cycles_of(1))
    assert [STEP] == classes(cpu.cycles_of(2))
    assert CODE + 4 == cpu.elr[1]


def test_a_fault_that_is_stepped_is_retried_and_stepped_when_its_handler_returns():
    cpu = make_unit("ldr x0, [x9]\nnop", ss=1, **STEPPING)
    assert ["DATA_ABORT"] == classes(cpu.cycles_of(1))
    cpu.gpr[9] = DATA
    assert [STEP] == classes(cpu.cycles_of(3))
    assert CODE + 4 == cpu.elr[1]


def test_the_handler_of_el1_is_stepped_from_el2_where_it_begins():
    """PSTATE.SS being clear, the step exception is pending at the vector."""
    cpu = make_unit("svc #0", el=0, ss=1, MDSCR_EL1=SS, MDCR_EL2=TDE)
    call, step = cpu.cycles_of(2)
    assert (["SVC", STEP], VECTORS + 0x400) == (classes([call, step]), step.elr)
    assert (1, 2) == (step.source_el, step.target_el)


# --- the exception return

RETURNS = [
    # name, source D, MDSCR_EL1, destination as in SPSR_EL1, other registers, PSTATE.SS after it
    ("from masked EL1 to unmasked EL1", 1, SS | KDE, EL1H, {}, 1),
    ("from masked EL1 to EL0", 1, SS, EL0T | SPSR_D, {}, 1),
    ("from unmasked EL1, whose steps are enabled", 0, SS | KDE, EL1H, {}, 0),
    ("from unmasked EL1 to EL0", 0, SS | KDE, EL0T, {}, 0),
    ("from unmasked EL1 without KDE to EL0", 0, SS, EL0T, {}, 1),
    ("to masked EL1", 1, SS | KDE, EL1H | SPSR_D, {}, 0),
    ("to EL1 without KDE", 1, SS, EL1H, {}, 0),
    ("without MDSCR_EL1.SS", 1, KDE, EL1H, {}, 0),
    ("with the OS lock", 1, SS | KDE, EL1H, {"OSLSR_EL1": LOCKED}, 0),
    ("with the double lock", 1, SS | KDE, EL1H, {"OSDLR_EL1": 1}, 0),
    ("within EL1 that EL2 steps", 1, SS | KDE, EL1H, {"MDCR_EL2": TDE}, 0),
]


@pytest.mark.parametrize("instruction", ["eret", "eretaa"])
@pytest.mark.parametrize("ss", [0, 1])
@pytest.mark.parametrize(
    ("d", "mdscr", "to", "sysregs", "kept"), [row[1:] for row in RETURNS], ids=[row[0] for row in RETURNS]
)
def test_whether_a_return_takes_ss_from_spsr(d, mdscr, to, sysregs, kept, ss, instruction):
    authenticates = {"SCTLR_EL1": 1 << 31, "HCR_EL2": 1 << 41, "SCR_EL3": NS | HCE | 1 << 17}
    cpu = make_unit(instruction, d=d, ss=1, MDSCR_EL1=mdscr, **authenticates, **sysregs)
    target = CODE + 0x20
    cpu.elr[1] = target
    if instruction == "eretaa":
        cpu.elr[1] = add_pac(cpu, target, cpu.sp, Key.IA)
        assert target != cpu.elr[1]
    cpu.spsr[1] = to | ss * SPSR_SS
    assert [] == cpu.cycles_of(1)
    assert (target, kept and ss) == (cpu.pc, cpu.pstate.ss)


def test_a_return_from_el2_to_el1_steps_el1_by_tde():
    cpu = make_unit("eret\n" + "nop\n" * 8, el=2, d=1, MDSCR_EL1=SS, MDCR_EL2=TDE)
    cpu.elr[2], cpu.spsr[2] = CODE + 0x10, EL1H | SPSR_D | SPSR_SS
    (taken,) = cpu.cycles_of(3)
    assert (CODE + 0x14, 1, 2, STATUS | ISV) == (taken.elr, taken.source_el, taken.target_el, taken.esr & 0x1FF_FFFF)


def test_a_return_from_el3_looks_at_the_security_state_it_goes_to():
    for scr, expected in ((0, 0), (NS, 1)):
        cpu = make_unit("eret", el=3, MDSCR_EL1=SS, SCR_EL3=scr, MDCR_EL3=SDD)
        cpu.elr[3], cpu.spsr[3] = CODE, EL0T | SPSR_SS
        cpu.step()
        assert expected == cpu.pstate.ss


def test_a_stepped_return_is_followed_by_what_it_returns_to():
    """A return that is itself stepped, by EL2, leaves SS clear: so there is a step exception at its target."""
    cpu = make_unit("eret", ss=1, MDSCR_EL1=SS, MDCR_EL2=TDE)
    cpu.elr[1], cpu.spsr[1] = CODE + 0x10, EL1H | SPSR_SS
    (taken,) = cpu.cycles_of(2)
    assert (CODE + 0x10, STATUS) == (taken.elr, taken.esr & 0x1FF_FFFF)


@pytest.mark.parametrize(("mask", "ss"), [(0, 1), (SPSR_D, 0)], ids=["unmasked", "masked"])
def test_an_illegal_return_stays_at_its_level_and_is_stepped_there(mask, ss):
    cpu = make_unit("eret", d=1, **STEPPING)
    cpu.elr[1], cpu.spsr[1] = CODE + 8, EL2H | SPSR_SS | mask
    cpu.step()
    assert (CODE + 8, 1, 1, ss) == (cpu.pc, cpu.pstate.el, cpu.pstate.il, cpu.pstate.ss)
    (taken,) = cpu.cycles_of(1)
    assert (["ILLEGAL_STATE"], ss) == (classes([taken]), taken.spsr >> 21 & 1)


# --- priorities

OUTRANKED = [
    ("a misaligned PC", {"pc": CODE + 2}),
    ("a fetch abort", {"pc": NOWHERE}),
    ("a breakpoint instruction", {"text": "brk #1"}),
    ("an undefined instruction", {"text": "udf #1"}),
    ("a call", {"text": "svc #1"}),
    ("a hardware breakpoint", {"MDSCR_EL1": SS | KDE | MDE, "DBGBVR0_EL1": CODE, "DBGBCR0_EL1": 0b1111 << 5 | 0b11}),
]


@pytest.mark.parametrize("facts", [row[1] for row in OUTRANKED], ids=[row[0] for row in OUTRANKED])
def test_a_pending_step_comes_before_whatever_the_next_instruction_comes_to(facts):
    (taken,) = make_unit(**{**STEPPING, **facts}).cycles_of(1)
    assert ([STEP], facts.get("pc", CODE)) == (classes([taken]), taken.elr)


def test_a_pending_step_comes_before_illegal_state_and_keeps_it():
    cpu = make_unit(**STEPPING)
    cpu.pstate.il, cpu.pstate.btype = 1, 0b01
    (taken,) = cpu.cycles_of(1)
    assert ([STEP], SPSR_IL | 0b01 << 10) == (classes([taken]), taken.spsr & (SPSR_IL | 0b11 << 10))


def test_a_hardware_breakpoint_on_the_stepped_instruction_comes_before_it_is_executed():
    cpu = make_unit(ss=1, MDSCR_EL1=SS | KDE | MDE, DBGBVR0_EL1=CODE, DBGBCR0_EL1=0b1111 << 5 | 0b11)
    (taken,) = cpu.cycles_of(1)
    assert (["BREAKPOINT"], CODE, SPSR_SS) == (classes([taken]), taken.elr, taken.spsr & SPSR_SS)


def test_an_instruction_that_is_not_executed_is_not_observed():
    cpu = make_unit(ss=0, **STEPPING)
    seen = []
    cpu.observers.append(lambda _cpu, pc, _word: seen.append(pc))
    cpu.cycles_of(1)
    assert [] == seen


# --- what the stepped instruction changes


def test_masking_within_the_stepped_instruction_ends_stepping():
    cpu = make_unit("msr DAIFSet, #8\nnop", ss=1, **STEPPING)
    assert [] == cpu.cycles_of(2)
    assert (CODE + 8, 0) == (cpu.pc, cpu.pstate.ss)


@pytest.mark.parametrize("name", ["MDSCR_EL1", "OSLAR_EL1", "OSDLR_EL1"])
def test_registers_written_by_the_stepped_instruction_end_stepping(name):
    value = {"MDSCR_EL1": KDE, "OSLAR_EL1": 1, "OSDLR_EL1": 1}[name]
    cpu = make_unit(f"msr {name}, x0\nnop", ss=1, **STEPPING)
    cpu.gpr[0] = value
    assert [] == cpu.cycles_of(2)
    assert CODE + 8 == cpu.pc


def test_pstate_ss_outlives_mdscr_ss_cleared_by_the_stepped_instruction():
    """SSAdvance does not look at PSTATE.SS where MDSCR_EL1.SS is clear; the next write that sets it does."""
    cpu = make_unit("msr MDSCR_EL1, x0\nnop\nmsr MDSCR_EL1, x1\nnop", ss=1, **STEPPING)
    cpu.gpr[0], cpu.gpr[1] = KDE, KDE | SS
    assert [] == cpu.cycles_of(2)
    assert 1 == cpu.pstate.ss
    assert [] == cpu.cycles_of(1)
    assert 0 == cpu.pstate.ss
    (taken,) = cpu.cycles_of(1)
    assert (CODE + 12, STATUS) == (taken.elr, taken.esr & 0x1FF_FFFF)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("msr MDSCR_EL1, x0", {"MDSCR_EL1": 0}),
        ("msr DAIFClr, #8", {"d": 1, "MDSCR_EL1": SS | KDE}),
        ("msr DAIF, xzr", {"d": 1, "MDSCR_EL1": SS | KDE}),
        ("msr OSLAR_EL1, xzr", {"OSLSR_EL1": LOCKED, "MDSCR_EL1": SS | KDE}),
        ("msr OSDLR_EL1, xzr", {"OSDLR_EL1": 1, "MDSCR_EL1": SS | KDE}),
    ],
)
def test_whatever_makes_stepping_active_is_followed_by_a_step_exception(text, facts):
    cpu = make_unit(text, **facts)
    cpu.gpr[0] = SS | KDE
    (taken,) = cpu.cycles_of(2)
    assert ([STEP], CODE + 4) == (classes([taken]), taken.elr)


# --- waiting


@pytest.mark.parametrize("text", ["wfi", "wfe"])
def test_a_wait_is_stepped_over(text):
    cpu = make_unit(text, ss=1, **STEPPING)
    (taken,) = cpu.cycles_of(2)
    assert ([STEP], CODE + 4, None, 1) == (classes([taken]), taken.elr, cpu.waiting, cpu.retired)


def test_a_wait_that_is_not_stepped_waits():
    cpu = make_unit("wfi", d=1, **STEPPING)
    assert [] == cpu.cycles_of(5)
    assert (CODE + 4, 1) == (cpu.pc, cpu.retired)


# --- no cost


def test_a_machine_that_does_not_step_stays_on_the_straight_path():
    cpu = make_unit("1: add x0, x0, #1\nb 1b", MDSCR_EL1=0)
    cpu.cycles_of(2)
    assert cpu.attention_at > cpu.cycles
    cpu.cycles_of(50)
    assert 26 == cpu.gpr[0]


@pytest.mark.parametrize("facts", [{"d": 1, "MDSCR_EL1": SS | KDE}, {"MDSCR_EL1": SS}, {"MDSCR_EL1": MDE | KDE}])
def test_nor_is_there_a_cost_while_it_is_inactive(facts):
    cpu = make_unit("1: add x0, x0, #1\nb 1b", **facts)
    cpu.cycles_of(2)
    assert cpu.attention_at > cpu.cycles
