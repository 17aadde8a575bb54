"""Interrupts: the routing and masking tables of the Arm ARM, row by row."""

from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aarch64.cpu import Wait
from aarch64.exceptions import Vector
from aarch64.features import Feature
from aarch64.interrupts import acknowledge, pending_exception, wakes
from aarch64.lines import Line
from tests.isa.running import make_cpu

NS, EEL2, RES1 = 1 << 0, 1 << 18, 0x430
TGE, VSE, VI, VF = 1 << 27, 1 << 8, 1 << 7, 1 << 6
SCR_ROUTE = {Line.SERROR: 1 << 3, Line.IRQ: 1 << 1, Line.FIQ: 1 << 2}
HCR_ROUTE = {Line.SERROR: 1 << 5, Line.IRQ: 1 << 4, Line.FIQ: 1 << 3}
VIRTUAL = {Line.SERROR: VSE, Line.IRQ: VI, Line.FIQ: VF}
VECTOR = {Line.SERROR: Vector.SERROR, Line.IRQ: Vector.IRQ, Line.FIQ: Vector.FIQ}
MASK = {Line.SERROR: "a", Line.IRQ: "i", Line.FIQ: "f"}
LINES = tuple(Line)

PHYSICAL_ROWS = """
    SCR_EL3         HCR_EL2     taken from
    NS EEL2 route   TGE route   EL0   EL1   EL2   EL3
    0  0    0       0   0       B1    B1    -     C
    0  0    0       1   1       B1    B1    -     C
    0  0    1       0   0       A3    A3    -     B3
    0  1    0       0   0       B1    B1    C     C
    0  1    0       0   1       A2    A2    B2    C
    0  1    0       1   0       A2    -     B2    C
    0  1    1       0   0       A3    A3    A3    B3
    0  1    1       0   1       A3    A3    A3    B3
    0  1    1       1   0       A3    -     A3    B3
    1  0    0       0   0       B1    B1    C     C
    1  0    0       0   1       A2    A2    B2    C
    1  0    0       1   0       A2    -     B2    C
    1  0    1       0   0       A3    A3    A3    B3
    1  0    1       0   1       A3    A3    A3    B3
    1  0    1       1   0       A3    -     A3    B3
"""
"""The Arm ARM's tables of physical interrupt target and masking when EL3 and EL2 are implemented and use AArch64.

A: taken, whatever PSTATE masks. B: taken unless PSTATE masks it. C: not taken. The number is the target level; "-":
that state does not exist. `route` is SCR_EL3.{EA, IRQ, FIQ} and HCR_EL2.{AMO, IMO, FMO} of the interrupt in question.
"""


def physical_rows():
    for line in PHYSICAL_ROWS.strip().splitlines()[2:]:
        ns, eel2, scr_route, tge, hcr_route, *cells = line.split()
        for el, cell in enumerate(cells):
            if cell != "-":
                yield tuple(int(item) for item in (ns, eel2, scr_route, tge, hcr_route)), el, cell


def target(cpu) -> int | None:
    exception = pending_exception(cpu)
    return exception.target if exception else None


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("state", "el", "cell"), list(physical_rows()))
def test_physical_interrupts(state, el, cell, line):
    ns, eel2, scr_route, tge, hcr_route = state
    scr = RES1 | NS * ns | EEL2 * eel2 | SCR_ROUTE[line] * scr_route
    hcr = 1 << 31 | TGE * tge | HCR_ROUTE[line] * hcr_route
    cpu = make_cpu(el=el, SCR_EL3=scr, HCR_EL2=hcr)
    cpu.lines = {line}
    for masked in (0, 1):
        setattr(cpu.pstate, MASK[line], masked)
        is_taken = cell[0] == "A" or (cell[0] == "B" and not masked)
        assert (int(cell[1]) if is_taken else None) == target(cpu)
        if is_taken:
            assert VECTOR[line] is pending_exception(cpu).vector


@pytest.mark.parametrize(
    ("max_el", "el", "hcr", "expected"),
    [
        (1, 0, 0, 1),
        (1, 1, 0, 1),
        (2, 1, 0, 1),
        (2, 1, HCR_ROUTE[Line.IRQ], 2),
        (2, 0, TGE, 2),
        (2, 2, 0, None),
        (2, 2, HCR_ROUTE[Line.IRQ], 2),
    ],
)
def test_levels_that_do_not_exist_route_nothing(max_el, el, hcr, expected):
    cpu = make_cpu(el=el, max_el=max_el, HCR_EL2=hcr, SCR_EL3=RES1 | SCR_ROUTE[Line.IRQ])
    cpu.lines = {Line.IRQ}
    cpu.pstate.i = 0
    assert expected == target(cpu)


VIRTUAL_ROWS = [
    # level, TGE, route (AMO IMO FMO), Secure without EEL2: whether virtual interrupts are taken unless masked
    (0, 0, 1, False, True),
    (1, 0, 1, False, True),
    (0, 0, 0, False, False),
    (1, 0, 0, False, False),
    (0, 1, 1, False, False),
    (2, 0, 1, False, False),
    (3, 0, 1, False, False),
    (1, 0, 1, True, False),
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("el", "tge", "route", "secure", "expected"), VIRTUAL_ROWS)
def test_virtual_interrupts(el, tge, route, secure, expected, line):
    hcr = VIRTUAL[line] | HCR_ROUTE[line] * route | TGE * tge
    cpu = make_cpu(el=el, HCR_EL2=hcr, SCR_EL3=RES1 | (0 if secure else NS))
    setattr(cpu.pstate, MASK[line], 0)
    assert (1 if expected else None) == target(cpu)
    setattr(cpu.pstate, MASK[line], 1)
    assert target(cpu) is None


ROUTE_ALL = sum(HCR_ROUTE.values())

PRIORITY_ROWS = [
    # virtual ones pending, physical ones pending: what is taken first, and to which level
    (VSE | VI | VF, LINES, Vector.FIQ, 1),
    (VSE | VI, LINES, Vector.IRQ, 1),
    (VSE, LINES, Vector.SERROR, 1),
    (0, LINES, Vector.FIQ, 2),
    (0, (Line.IRQ, Line.SERROR), Vector.IRQ, 2),
    (0, (Line.SERROR,), Vector.SERROR, 2),
]


@pytest.mark.parametrize(("virtual", "physical", "vector", "level"), PRIORITY_ROWS)
def test_priority(virtual, physical, vector, level):
    cpu = make_cpu(el=1, HCR_EL2=ROUTE_ALL | virtual)
    cpu.pstate.daif = 0
    cpu.lines = set(physical)
    assert (vector, level) == (pending_exception(cpu).vector, target(cpu))


def take(cpu):
    """Take the pending interrupt as the interpreter does."""
    exception = pending_exception(cpu)
    acknowledge(cpu, exception)
    cpu.take_exception(exception)


def test_a_virtual_serror_is_taken_once_with_the_hypervisors_syndrome():
    syndrome = 1 << 24 | 0x1234
    cpu = make_cpu(el=0, HCR_EL2=1 << 31 | ROUTE_ALL | VSE, VSESR_EL2=syndrome)
    cpu.pstate.a = 0
    cpu.lines = set()
    take(cpu)
    assert 0x2F << 26 | 1 << 25 | syndrome == cpu.sysregs["ESR_EL1"]
    assert 1 << 31 | ROUTE_ALL == cpu.sysregs["HCR_EL2"]
    assert pending_exception(cpu) is None


def test_a_virtual_serror_has_no_syndrome_without_ras():
    cpu = make_cpu(el=1, HCR_EL2=ROUTE_ALL | VSE, without=[Feature.RAS], VSESR_EL2=5)
    cpu.pstate.a = 0
    take(cpu)
    assert 0x2F << 26 | 1 << 25 == cpu.sysregs["ESR_EL1"]


def test_a_physical_serror_is_taken_once():
    cpu = make_cpu(el=1)
    cpu.pstate.a = 0
    cpu.lines = {Line.SERROR, Line.IRQ}
    take(cpu)
    assert {Line.IRQ} == cpu.lines
    assert 0x2F << 26 | 1 << 25 == cpu.sysregs["ESR_EL1"]


def test_an_irq_stays_pending_and_leaves_the_syndrome_alone():
    cpu = make_cpu(el=1, ESR_EL1=0x1234, FAR_EL1=0x5678)
    cpu.pstate.i = 0
    cpu.lines = {Line.IRQ}
    take(cpu)
    assert ({Line.IRQ}, 0x1234, 0x5678) == (cpu.lines, cpu.sysregs["ESR_EL1"], cpu.sysregs["FAR_EL1"])


def test_a_timer_interrupts():
    cpu = make_cpu(el=1, CNTP_CTL_EL0=1, CNTP_CVAL_EL0=10)
    cpu.pstate.i = 0
    cpu.cycles = 9
    assert pending_exception(cpu) is None
    cpu.cycles = 10
    assert (Vector.IRQ, 1) == (pending_exception(cpu).vector, target(cpu))


WAKE_ROWS = [
    # level, HCR_EL2, inputs: whether WFI ends, everything being masked
    (1, 0, {Line.IRQ}, True),
    (1, 0, {Line.FIQ}, True),
    (1, 0, {Line.SERROR}, True),
    (1, 0, set(), False),
    (1, ROUTE_ALL | VI, set(), True),
    (1, VI, set(), False),
    (2, ROUTE_ALL | VI, set(), False),
    (0, ROUTE_ALL | VF | TGE, set(), False),
]


@pytest.mark.parametrize(("el", "hcr", "lines", "expected"), WAKE_ROWS)
def test_wfi_ends_with_an_interrupt_masked_or_not(el, hcr, lines, expected):
    cpu = make_cpu(el=el, HCR_EL2=hcr)
    cpu.pstate.daif = 0xF
    cpu.waiting = Wait.INTERRUPT
    cpu.lines = set(lines)
    assert expected == wakes(cpu)


def test_wfe_ends_with_an_event_but_not_with_a_masked_interrupt():
    cpu = make_cpu(el=1)
    cpu.waiting = Wait.EVENT
    cpu.pstate.daif = 0xF
    cpu.lines = {Line.IRQ}
    assert not wakes(cpu)
    cpu.event_register = True
    assert wakes(cpu)


def test_wfe_ends_with_the_event_stream():
    cpu = make_cpu(el=1, CNTKCTL_EL1=1 << 2 | 3 << 4)
    cpu.waiting = Wait.EVENT
    cpu.cycles = 7
    assert not wakes(cpu)
    cpu.cycles = 8
    assert wakes(cpu)


@given(
    el=st.integers(0, 3),
    scr=st.integers(0, 0xF),
    eel2=st.booleans(),
    hcr=st.integers(0, 0x1FF),
    tge=st.booleans(),
    daif=st.integers(0, 15),
    lines=st.sets(st.sampled_from(LINES)),
)
def test_an_interrupt_never_goes_down_and_looking_changes_nothing(el, scr, eel2, hcr, tge, daif, lines):
    assume(el != 2 or eel2 or scr & NS)  # Secure state may have no EL2
    cpu = make_cpu(el=el, SCR_EL3=RES1 | scr | EEL2 * eel2, HCR_EL2=hcr & ~1 | TGE * tge)
    cpu.pstate.daif = daif
    cpu.lines = set(lines)
    before = dict(cpu.sysregs)
    exception = pending_exception(cpu)
    assert (before, lines) == (cpu.sysregs, cpu.lines)
    if exception:
        assert max(el, 1) <= exception.target <= 3
        assert exception.target != 2 or cpu.el2_enabled


def test_the_table_of_physical_interrupts_is_whole():
    """Every combination has a row; without EL2 in Secure state, and under TGE, some bits have no effect."""
    stated = {state for state, _, _ in physical_rows()}
    for ns, eel2, scr_route, tge, hcr_route in product((0, 1), repeat=5):
        without_el2 = not ns and not eel2
        covered = (int(ns), int(eel2 and not ns), scr_route, tge, hcr_route and not tge)
        assert without_el2 or tuple(int(item) for item in covered) in stated
