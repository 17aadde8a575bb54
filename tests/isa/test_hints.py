"""Hints: those that wait, their traps, the event register, ESB; the others do nothing."""

import pytest

from aarch64.cpu import Wait
from aarch64.features import Feature
from aarch64.isa.table import assemble, disassemble
from aarch64.lines import Line
from tests.isa.running import PC, UNDEFINED_AT_EL1, execute, make_cpu, syndrome

SCTLR_NTWI, SCTLR_NTWE = 1 << 16, 1 << 18
HCR_FMO, HCR_IMO, HCR_AMO, HCR_VF, HCR_VI, HCR_VSE = (1 << bit for bit in range(3, 9))
HCR_TWI, HCR_TWE, HCR_TGE = 1 << 13, 1 << 14, 1 << 27
SCR_NS, SCR_EA, SCR_TWI, SCR_TWE, SCR_EEL2 = 1 << 0, 1 << 3, 1 << 12, 1 << 13, 1 << 18

QUIET = ["nop", "yield", "dgh", "psb csync", "tsb csync", "csdb", "bti", "bti c", "bti j", "bti jc", "esb"]
UNKNOWN = ["hint #9", "hint #19", "hint #22", "hint #33", "hint #40", "hint #127"]


@pytest.mark.parametrize("text", QUIET + UNKNOWN)
@pytest.mark.parametrize("el", range(4))
def test_does_nothing(text, el):
    cpu = make_cpu(el=el)
    before = list(cpu.gpr), cpu.pstate.to_spsr(), dict(cpu.sysregs), cpu.event_register
    execute(cpu, text)
    assert before == (list(cpu.gpr), cpu.pstate.to_spsr(), dict(cpu.sysregs), cpu.event_register)
    assert (PC + 4, 0, None) == (cpu.next_pc, cpu.next_btype, cpu.waiting)


@pytest.mark.parametrize(
    ("written", "printed"),
    [("hint #0", "nop"), ("hint #34", "bti c"), ("hint #25", "paciasp"), ("hint #7", "xpaclri"), ("BTI JC", "bti jc")],
)
def test_a_known_hint_is_written_by_name(written, printed):
    word = int(0xD503201F | int(written[6:]) << 5) if written.startswith("hint") else assemble(written)
    assert printed == disassemble(word)


# --- waiting


@pytest.mark.parametrize("text", ["sev", "sevl"])
def test_an_event_is_consumed_instead_of_waited_for(text):
    cpu = make_cpu()
    execute(cpu, text)
    assert cpu.event_register
    execute(cpu, "wfe")
    assert (False, None) == (cpu.event_register, cpu.waiting)
    execute(cpu, "wfe")
    assert Wait.EVENT is cpu.waiting


def test_wfi_waits():
    cpu = make_cpu()
    cpu.event_register = True
    execute(cpu, "wfi")
    assert (Wait.INTERRUPT, None, True) == (cpu.waiting, cpu.wait_until, cpu.event_register)


@pytest.mark.parametrize("line", Line)
def test_wfi_does_not_wait_when_an_interrupt_is_pending_though_masked(line):
    cpu = make_cpu()
    cpu.lines |= {line}
    execute(cpu, "wfi")
    assert cpu.waiting is None


@pytest.mark.parametrize(
    ("el", "hcr", "waits"),
    [
        (1, HCR_VI | HCR_IMO, None),
        (0, HCR_VF | HCR_FMO, None),
        (1, HCR_VSE | HCR_AMO, None),
        (1, HCR_VI | HCR_FMO, Wait.INTERRUPT),
        (1, HCR_VI | HCR_IMO | HCR_TGE, Wait.INTERRUPT),
        (2, HCR_VI | HCR_IMO, Wait.INTERRUPT),
    ],
)
def test_virtual_interrupts_end_wfi(el, hcr, waits):
    cpu = make_cpu(el=el, HCR_EL2=hcr, SCR_EL3=SCR_NS, SCTLR_EL1=SCTLR_NTWI)
    execute(cpu, "wfi")
    assert waits is cpu.waiting


@pytest.mark.parametrize(("text", "kind"), [("wfet x1", Wait.EVENT), ("wfit x1", Wait.INTERRUPT)])
@pytest.mark.parametrize(
    ("offset", "limit", "until"),
    [
        (0, 1500, 1500),
        (0, 1000, None),
        (0, 999, None),
        (100, 950, 1050),
        (100, 900, None),
        ((1 << 64) - 100, 1150, 1050),
    ],
)
def test_a_time_limit_is_in_virtual_time(text, kind, offset, limit, until):
    cpu = make_cpu(CNTVOFF_EL2=offset)
    cpu.cycles = 1000
    cpu.set_x(1, limit)
    execute(cpu, text)
    assert (until and kind, until) == (cpu.waiting, cpu.wait_until)


@pytest.mark.parametrize("text", ["wfet x1", "wfit x1"])
def test_time_limits_need_wfxt(text):
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(without={Feature.WFXT}), text)


ISS = 1 << 24 | 0xE << 20
WAITS = [("wfi", ISS), ("wfe", ISS | 1), ("wfit x9", ISS | 9 << 5 | 1 << 2 | 2), ("wfet x9", ISS | 9 << 5 | 1 << 2 | 3)]
NOT_TRAPPED = {"SCTLR_EL1": SCTLR_NTWI | SCTLR_NTWE, "HCR_EL2": 0, "SCR_EL3": SCR_NS}

TRAPS = [
    (0, {"SCTLR_EL1": 0}, 1),
    (0, {"SCTLR_EL1": 0, "HCR_EL2": HCR_TGE}, 2),
    (0, {"SCTLR_EL1": 0, "HCR_EL2": HCR_TGE, "SCR_EL3": 0}, 1),
    (0, {"HCR_EL2": HCR_TWI | HCR_TWE}, 2),
    (1, {"HCR_EL2": HCR_TWI | HCR_TWE}, 2),
    (1, {"HCR_EL2": HCR_TWI | HCR_TWE, "SCR_EL3": SCR_EEL2}, 2),
    (0, {"SCR_EL3": SCR_NS | SCR_TWI | SCR_TWE}, 3),
    (1, {"SCR_EL3": SCR_TWI | SCR_TWE}, 3),
    (2, {"SCR_EL3": SCR_NS | SCR_TWI | SCR_TWE}, 3),
    (1, {"HCR_EL2": HCR_TWI | HCR_TWE, "SCR_EL3": SCR_NS | SCR_TWI | SCR_TWE}, 2),
]
NO_TRAPS = [
    (0, {}),
    (1, {"SCTLR_EL1": 0}),
    (1, {"HCR_EL2": HCR_TWI | HCR_TWE, "SCR_EL3": 0}),
    (2, {"HCR_EL2": HCR_TWI | HCR_TWE}),
    (3, {"SCR_EL3": SCR_TWI | SCR_TWE}),
]


def make_waiting_cpu(el, sysregs):
    cpu = make_cpu(el=el, **NOT_TRAPPED | sysregs)
    cpu.set_x(9, 1_000_000)
    return cpu


@pytest.mark.parametrize(("text", "iss"), WAITS)
@pytest.mark.parametrize(("el", "sysregs", "target"), TRAPS)
def test_trapped(text, iss, el, sysregs, target):
    cpu = make_waiting_cpu(el, sysregs)
    assert (target, 0x01, iss) == syndrome(cpu, text)
    assert PC == cpu.elr[target]
    assert cpu.waiting is None


@pytest.mark.parametrize("text", [text for text, _ in WAITS])
@pytest.mark.parametrize(("el", "sysregs"), NO_TRAPS)
def test_not_trapped(text, el, sysregs):
    cpu = make_waiting_cpu(el, sysregs)
    execute(cpu, text)
    assert cpu.waiting


@pytest.mark.parametrize(
    ("text", "el", "sysregs", "is_trapped"),
    [
        ("wfi", 0, {"SCTLR_EL1": SCTLR_NTWI}, False),
        ("wfi", 0, {"SCTLR_EL1": SCTLR_NTWE}, True),
        ("wfe", 0, {"SCTLR_EL1": SCTLR_NTWE}, False),
        ("wfe", 0, {"SCTLR_EL1": SCTLR_NTWI}, True),
        ("wfi", 1, {"HCR_EL2": HCR_TWI}, True),
        ("wfi", 1, {"HCR_EL2": HCR_TWE}, False),
        ("wfe", 1, {"HCR_EL2": HCR_TWI}, False),
        ("wfe", 1, {"HCR_EL2": HCR_TWE}, True),
        ("wfi", 2, {"SCR_EL3": SCR_TWE}, False),
        ("wfe", 2, {"SCR_EL3": SCR_TWE}, True),
    ],
)
def test_events_and_interrupts_have_their_own_traps(text, el, sysregs, is_trapped):
    assert is_trapped == (syndrome(make_waiting_cpu(el, sysregs), text) is not None)


def test_what_does_not_wait_is_not_trapped():
    cpu = make_waiting_cpu(0, {"SCTLR_EL1": 0})
    cpu.event_register = True
    execute(cpu, "wfe")
    cpu.set_x(9, 0)
    execute(cpu, "wfet x9")
    cpu.lines |= {Line.IRQ}
    execute(cpu, "wfi")
    assert (False, None) == (cpu.event_register, cpu.waiting)


# --- errors

DEFERRED = 1 << 31


@pytest.mark.parametrize(
    ("el", "a", "hcr", "scr", "is_deferred"),
    [
        (1, 1, 0, SCR_NS, True),
        (1, 0, 0, SCR_NS, False),
        (0, 1, 0, SCR_NS, True),
        (1, 1, HCR_AMO, SCR_NS, False),
        (1, 1, HCR_AMO, 0, True),
        (0, 1, HCR_TGE, SCR_NS, False),
        (1, 1, 0, SCR_NS | SCR_EA, False),
        (2, 1, HCR_AMO, SCR_NS, True),
        (2, 0, HCR_AMO, SCR_NS, False),
        (2, 0, 0, SCR_NS, True),
        (2, 0, HCR_TGE, SCR_NS, False),
        (3, 0, 0, SCR_NS, True),
        (3, 0, 0, SCR_EA, False),
        (3, 1, 0, SCR_EA, True),
    ],
)
def test_esb_defers_a_masked_serror(el, a, hcr, scr, is_deferred):
    cpu = make_cpu(el=el, HCR_EL2=hcr, SCR_EL3=scr)
    cpu.pstate.a = a
    cpu.lines = {Line.SERROR, Line.IRQ}
    execute(cpu, "esb")
    assert (DEFERRED if is_deferred else 0) == cpu.sysregs["DISR_EL1"]
    assert ({Line.IRQ} if is_deferred else {Line.SERROR, Line.IRQ}) == cpu.lines


@pytest.mark.parametrize(
    ("el", "a", "hcr", "is_deferred"),
    [
        (1, 1, HCR_VSE | HCR_AMO, True),
        (0, 1, HCR_VSE | HCR_AMO, True),
        (1, 0, HCR_VSE | HCR_AMO, False),
        (1, 1, HCR_VSE, False),
        (1, 1, HCR_AMO, False),
        (0, 1, HCR_VSE | HCR_AMO | HCR_TGE, False),
        (2, 1, HCR_VSE | HCR_AMO, False),
    ],
)
def test_esb_defers_a_masked_virtual_serror(el, a, hcr, is_deferred):
    cpu = make_cpu(el=el, max_el=2, HCR_EL2=hcr, VSESR_EL2=0x1AB_CDEF)
    cpu.pstate.a = a
    execute(cpu, "esb")
    assert (DEFERRED | 0x1AB_CDEF if is_deferred else 0) == cpu.sysregs["VDISR_EL2"]
    assert hcr & ~(HCR_VSE if is_deferred else 0) == cpu.sysregs["HCR_EL2"]
    assert 0 == cpu.sysregs["DISR_EL1"]


def test_esb_is_a_nop_without_ras():
    cpu = make_cpu(without={Feature.RAS})
    cpu.lines = {Line.SERROR}
    execute(cpu, "esb")
    assert {Line.SERROR} == cpu.lines
