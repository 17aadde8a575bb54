"""The PMU's cycle counter: counting, stopping, filtering, overflow."""

import pytest

from aarch64.lines import Line
from aarch64.sysregs import names, read_register, write_register
from aarch64.timers import next_deadline, pending_lines
from tests.isa.running import make_cpu, take

E, P, C, DP, LC = 1 << 0, 1 << 1, 1 << 2, 1 << 5, 1 << 6
CYCLE = 1 << 31
TOP = 1 << 64


def read(cpu, name: str) -> int:
    return read_register(cpu, names.encoding_of(name), 0)


def write(cpu, name: str, value: int) -> None:
    write_register(cpu, names.encoding_of(name), 0, value)


def started(el: int = 1, **state: object):
    """A CPU whose cycle counter was started from 0 at cycle 100."""
    cpu = make_cpu(el=el, **state)
    cpu.cycles = 100
    write(cpu, "PMCNTENSET_EL0", CYCLE)
    write(cpu, "PMCR_EL0", E)
    return cpu


def test_the_counter_starts_with_both_enables():
    cpu = make_cpu(el=1)
    cpu.cycles = 50
    write(cpu, "PMCR_EL0", E)
    cpu.cycles = 60
    assert 0 == read(cpu, "PMCCNTR_EL0")
    write(cpu, "PMCNTENSET_EL0", CYCLE)
    cpu.cycles = 75
    assert 15 == read(cpu, "PMCCNTR_EL0")


@pytest.mark.parametrize(("name", "value"), [("PMCR_EL0", 0), ("PMCNTENCLR_EL0", CYCLE)])
def test_the_counter_stops_and_goes_on(name, value):
    cpu = started()
    cpu.cycles = 107
    write(cpu, name, value)
    cpu.cycles = 150
    assert 7 == read(cpu, "PMCCNTR_EL0")
    write(cpu, "PMCR_EL0", E)
    write(cpu, "PMCNTENSET_EL0", CYCLE)
    cpu.cycles = 153
    assert 10 == read(cpu, "PMCCNTR_EL0")


def test_the_counter_can_be_written_and_reset():
    cpu = started()
    write(cpu, "PMCCNTR_EL0", 1000)
    cpu.cycles = 120
    assert 1020 == read(cpu, "PMCCNTR_EL0")
    write(cpu, "PMCR_EL0", E | C)
    cpu.cycles = 121
    assert 1 == read(cpu, "PMCCNTR_EL0")


def test_reset_bits_of_pmcr_read_as_zero():
    cpu = make_cpu(el=1)
    write(cpu, "PMCR_EL0", E | P | C | DP)
    assert E | DP | LC == read(cpu, "PMCR_EL0")


def test_an_overflow_is_seen_and_interrupts_until_it_is_cleared():
    cpu = started()
    write(cpu, "PMINTENSET_EL1", CYCLE)
    write(cpu, "PMCCNTR_EL0", TOP - 20)
    assert 120 == next_deadline(cpu)
    cpu.cycles = 119
    assert (0, frozenset()) == (read(cpu, "PMOVSSET_EL0"), pending_lines(cpu))
    cpu.cycles = 120
    assert {Line.IRQ} == pending_lines(cpu)
    assert (0, CYCLE, CYCLE) == tuple(read(cpu, name) for name in ("PMCCNTR_EL0", "PMOVSSET_EL0", "PMOVSCLR_EL0"))
    write(cpu, "PMOVSCLR_EL0", CYCLE)
    assert (0, frozenset()) == (read(cpu, "PMOVSSET_EL0"), pending_lines(cpu))
    cpu.cycles = 125
    assert 5 == read(cpu, "PMCCNTR_EL0")


def test_an_overflow_can_be_set_by_software_and_masked():
    cpu = started()
    write(cpu, "PMOVSSET_EL0", CYCLE)
    assert frozenset() == pending_lines(cpu)
    write(cpu, "PMINTENSET_EL1", CYCLE)
    assert {Line.IRQ} == pending_lines(cpu)
    write(cpu, "PMINTENCLR_EL1", CYCLE)
    assert frozenset() == pending_lines(cpu)


P_BIT, U_BIT, NSK, NSU, NSH, M = (1 << bit for bit in (31, 30, 29, 28, 27, 26))
NONSECURE, SECURE = 0x431, 0x430

FILTER_ROWS = [
    # level, PMCCFILTR_EL0, SCR_EL3: counts
    (0, 0, NONSECURE, True),
    (0, U_BIT, NONSECURE, False),
    (0, NSU, NONSECURE, False),
    (0, U_BIT | NSU, NONSECURE, True),
    (0, NSU, SECURE, True),
    (0, P_BIT, NONSECURE, True),
    (1, P_BIT, NONSECURE, False),
    (1, NSK, NONSECURE, False),
    (1, P_BIT | NSK, NONSECURE, True),
    (1, NSK, SECURE, True),
    (1, U_BIT, NONSECURE, True),
    (2, 0, NONSECURE, False),
    (2, NSH, NONSECURE, True),
    (2, NSH | P_BIT, NONSECURE, True),
    (3, 0, SECURE, True),
    (3, P_BIT, SECURE, False),
    (3, P_BIT | M, SECURE, True),
    (3, M, SECURE, False),
]


@pytest.mark.parametrize(("el", "filtered", "scr", "counts"), FILTER_ROWS)
def test_filtering_by_level_and_security(el, filtered, scr, counts):
    cpu = make_cpu(el=el, SCR_EL3=scr, PMCNTENSET_EL0=CYCLE, PMCR_EL0=E | LC, PMCCFILTR_EL0=filtered, PMUSERENR_EL0=1)
    cpu.cycles = 10
    assert (10 if counts else 0) == read(cpu, "PMCCNTR_EL0")


def test_only_the_cycles_of_counted_levels_are_counted():
    cpu = started(el=0, PMUSERENR_EL0=1, PMCCFILTR_EL0=P_BIT)
    cpu.cycles = 110
    take(cpu, "svc #0")
    assert 1 == cpu.pstate.el
    cpu.cycles = 200
    assert 10 == read(cpu, "PMCCNTR_EL0")
    take(cpu, "eret")
    assert 0 == cpu.pstate.el
    cpu.cycles = 203
    assert 13 == read(cpu, "PMCCNTR_EL0")


def test_secure_state_can_be_kept_from_counting():
    closed = started(el=3, SCR_EL3=SECURE)
    write(closed, "PMCR_EL0", E | DP)
    closed.cycles = 110
    assert 0 == read(closed, "PMCCNTR_EL0")
    write(closed, "MDCR_EL3", 1 << 17)
    closed.cycles = 120
    assert 20 == read(closed, "PMCCNTR_EL0")


def test_the_event_type_register_shows_the_cycle_counters_filter_when_selected():
    cpu = make_cpu(el=1)
    write(cpu, "PMSELR_EL0", 31)
    write(cpu, "PMXEVTYPER_EL0", U_BIT)
    assert U_BIT == read(cpu, "PMCCFILTR_EL0")
    write(cpu, "PMSELR_EL0", 0)
    assert 0 == take(cpu, "mrs x0, PMXEVTYPER_EL0").ec
