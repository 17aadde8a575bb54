"""The generic timer on the cycle counter."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.cpu import Wait
from aarch64.lines import Line
from aarch64.sysregs import names, read_register, write_register
from aarch64.timers import TIMERS, event_due, next_deadline, pending_lines
from tests.isa.running import make_cpu

ENABLE, IMASK, ISTATUS = 1, 2, 4
TIMER_NAMES = [("CNTP", "EL0"), ("CNTV", "EL0"), ("CNTHP", "EL2"), ("CNTHPS", "EL2"), ("CNTPS", "EL1")]
SECURE_EL2 = 1 << 18 | 0x430


def read(cpu, name: str) -> int:
    return read_register(cpu, names.encoding_of(name), 0)


def write(cpu, name: str, value: int) -> None:
    write_register(cpu, names.encoding_of(name), 0, value)


def at(cycle: int, **sysregs: int):
    cpu = make_cpu(el=3, SCR_EL3=SECURE_EL2, **sysregs)
    cpu.cycles = cycle
    return cpu


def test_counters_are_the_cycle_counter():
    cpu = at(1000, CNTVOFF_EL2=300)
    assert (1000, 1000) == (read(cpu, "CNTPCT_EL0"), read(cpu, "CNTPCTSS_EL0"))
    assert (700, 700) == (read(cpu, "CNTVCT_EL0"), read(cpu, "CNTVCTSS_EL0"))


def test_the_virtual_counter_wraps():
    assert (1 << 64) - 1 == read(at(5, CNTVOFF_EL2=6), "CNTVCT_EL0")


def test_the_list_of_timers():
    assert TIMER_NAMES == [(timer.prefix, f"EL{timer.level}") for timer in TIMERS]


@pytest.mark.parametrize(("prefix", "suffix"), TIMER_NAMES)
def test_a_timer_fires_when_its_count_is_reached(prefix, suffix):
    ctl, cval = f"{prefix}_CTL_{suffix}", f"{prefix}_CVAL_{suffix}"
    cpu = at(100)
    write(cpu, cval, 150)
    write(cpu, ctl, ENABLE)
    assert (ENABLE, frozenset(), 150) == (read(cpu, ctl), pending_lines(cpu), next_deadline(cpu))
    cpu.cycles = 149
    assert (ENABLE, frozenset()) == (read(cpu, ctl), pending_lines(cpu))
    cpu.cycles = 150
    assert (ENABLE | ISTATUS, {Line.IRQ}) == (read(cpu, ctl), pending_lines(cpu))
    write(cpu, ctl, ENABLE | IMASK)
    assert (ENABLE | IMASK | ISTATUS, frozenset(), None) == (read(cpu, ctl), pending_lines(cpu), next_deadline(cpu))
    write(cpu, ctl, 0)
    assert (0, frozenset()) == (read(cpu, ctl), pending_lines(cpu))


@pytest.mark.parametrize(("prefix", "suffix"), TIMER_NAMES)
def test_istatus_cannot_be_written(prefix, suffix):
    cpu = at(0)
    write(cpu, f"{prefix}_CVAL_{suffix}", 1000)
    write(cpu, f"{prefix}_CTL_{suffix}", mask(64))
    assert ENABLE | IMASK == read(cpu, f"{prefix}_CTL_{suffix}")


@pytest.mark.parametrize(("prefix", "suffix"), TIMER_NAMES)
@given(now=st.integers(0, mask(64)), value=st.integers(0, mask(64)))
def test_tval_is_a_signed_32_bit_view_of_cval(prefix, suffix, now, value):
    cpu = at(now)
    write(cpu, f"{prefix}_TVAL_{suffix}", value)
    low = value & mask(32)
    signed = low - (1 << 32) if low >> 31 else low
    assert (now + signed) & mask(64) == read(cpu, f"{prefix}_CVAL_{suffix}")
    assert low == read(cpu, f"{prefix}_TVAL_{suffix}")


def test_tval_counts_down():
    cpu = at(100)
    write(cpu, "CNTP_TVAL_EL0", 10)
    cpu.cycles = 104
    assert 6 == read(cpu, "CNTP_TVAL_EL0")
    cpu.cycles = 112
    assert mask(32) - 1 == read(cpu, "CNTP_TVAL_EL0")


def test_the_virtual_timer_compares_with_the_virtual_count():
    cpu = at(100, CNTVOFF_EL2=1000, CNTV_CVAL_EL0=50, CNTV_CTL_EL0=ENABLE)
    assert {Line.IRQ} == pending_lines(cpu), "the count, -900, is large when read unsigned"
    cpu.cycles = 1049
    assert (frozenset(), 1050) == (pending_lines(cpu), next_deadline(cpu))
    cpu.cycles = 1050
    assert {Line.IRQ} == pending_lines(cpu)


@given(
    now=st.integers(0, 1 << 40),
    offset=st.integers(0, mask(64)),
    compares=st.lists(st.integers(0, mask(64)), min_size=5, max_size=5),
    controls=st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
@example(now=1, offset=2, compares=[1, 0, 0, 0, 0], controls=[1, 1, 0, 0, 0])
def test_lines_do_not_change_before_the_deadline_and_a_request_changes_at_it(now, offset, compares, controls):
    cpu = at(now, CNTVOFF_EL2=offset)
    for (prefix, suffix), compare, control in zip(TIMER_NAMES, compares, controls, strict=True):
        cpu.sysregs[f"{prefix}_CVAL_{suffix}"] = compare
        cpu.sysregs[f"{prefix}_CTL_{suffix}"] = control
    requests = [timer.is_interrupting(cpu) for timer in TIMERS]
    deadline = next_deadline(cpu)
    if deadline is None:
        assert all(control != ENABLE or compare == 0 for control, compare in zip(controls, compares, strict=True))
        return
    assert deadline > now
    cpu.cycles = deadline - 1
    assert requests == [timer.is_interrupting(cpu) for timer in TIMERS]
    cpu.cycles = deadline
    assert requests != [timer.is_interrupting(cpu) for timer in TIMERS]


EVNTEN, EVNTDIR, EVNTIS = 1 << 2, 1 << 3, 1 << 17

EVENT_ROWS = [
    # CNTKCTL_EL1, CNTVOFF_EL2: the cycles below 64 at which there is an event
    (0, 0, []),
    (EVNTEN | 4 << 4, 0, [16, 48]),
    (EVNTEN | EVNTDIR | 4 << 4, 0, [0, 32]),
    (EVNTEN | 4 << 4, 1, [17, 49]),
    (EVNTEN | 0 << 4, 0, list(range(1, 64, 2))),
    (EVNTEN | 0 << 4 | EVNTIS, 0, []),
]


@pytest.mark.parametrize(("control", "offset", "expected"), EVENT_ROWS)
def test_the_event_stream(control, offset, expected):
    cpu = at(0, CNTKCTL_EL1=control, CNTVOFF_EL2=offset)
    found = []
    for cycle in range(64):
        cpu.cycles = cycle
        if event_due(cpu):
            found.append(cycle)
    assert expected == found


def test_the_event_stream_of_el2_follows_the_physical_count():
    cpu = at(16, CNTHCTL_EL2=EVNTEN | 4 << 4, CNTVOFF_EL2=3)
    assert event_due(cpu)


def test_the_event_stream_is_a_deadline_only_while_the_cpu_waits():
    cpu = at(5, CNTKCTL_EL1=EVNTEN | 4 << 4)
    assert next_deadline(cpu) is None
    cpu.waiting = Wait.EVENT
    assert 16 == next_deadline(cpu)
    cpu.cycles = 16
    assert 48 == next_deadline(cpu)
