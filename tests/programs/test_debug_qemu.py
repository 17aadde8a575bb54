"""The debug program under QEMU: it says something about every kind of debug exception, and the same each time."""

import functools
from collections import Counter

import pytest

from tests.oracles.qemu import QemuResult, StartLevel, run_qemu
from tests.programs.compared import build_debug
from tests.programs.debug import Events, Taken, load_differences, parse, taken

BREAKPOINT, STEP, WATCHPOINT = {0x30, 0x31}, {0x32, 0x33}, {0x34, 0x35}
BRK = 0x3C
DEBUG = BREAKPOINT | STEP | WATCHPOINT | {BRK}

# Exceptions of other kinds that are taken while stepping, by the level the program starts at.
OTHERS = {1: {0x00, 0x07, 0x0E, 0x15, 0x18, 0x20, 0x21, 0x22, 0x24, 0x25}}
OTHERS[2] = OTHERS[1] | {None, 0x16}
OTHERS[3] = OTHERS[2] | {0x17}

# ISS: DFSC, and ISV and EX, or WnR.
FAULT_STATUS = 0x22
ISV, EX, WNR = 1 << 24, 1 << 6, 1 << 6
SS = 1 << 21


@functools.cache
def _run(el: int) -> QemuResult:
    return run_qemu(build_debug(), el=el)


def _cases(el: int) -> dict[str, Events]:
    return parse(_run(el).stdout)


def _taken(el: int) -> set[Taken]:
    return {exception for events in _cases(el).values() for exception in taken(events)}


@pytest.mark.parametrize("el", StartLevel)
def test_it_runs_to_its_end(el: StartLevel) -> None:
    assert _run(el).exit_status == 0


@pytest.mark.parametrize("el", StartLevel)
def test_every_run_is_the_same(el: StartLevel) -> None:
    assert _run(el) == run_qemu(build_debug(), el=el)


@pytest.mark.parametrize("el", StartLevel)
def test_every_exception_class_is_taken(el: StartLevel) -> None:
    assert DEBUG | OTHERS[el] == {exception.exception_class for exception in _taken(el)}


@pytest.mark.parametrize("exception_class", sorted(STEP))
def test_steps_have_every_syndrome(exception_class: int) -> None:
    syndromes = {e.iss for e in _taken(1) if e.exception_class == exception_class}
    assert {FAULT_STATUS, FAULT_STATUS | ISV, FAULT_STATUS | ISV | EX} == syndromes


@pytest.mark.parametrize("exception_class", sorted(WATCHPOINT))
def test_watchpoints_hit_loads_and_stores(exception_class: int) -> None:
    syndromes = {e.iss for e in _taken(1) if e.exception_class == exception_class}
    assert {FAULT_STATUS, FAULT_STATUS | WNR} == syndromes


@pytest.mark.parametrize("exception_class", sorted(DEBUG - STEP))
def test_breakpoints_and_watchpoints_are_met_while_stepping_or_not(exception_class: int) -> None:
    assert {0, SS} == {e.spsr & SS for e in _taken(2) if e.exception_class == exception_class}


def test_the_step_exception_itself_always_finds_ss_clear() -> None:
    assert {0} == {e.spsr & SS for e in _taken(3) if e.exception_class in STEP}


@pytest.mark.parametrize("kind", [BREAKPOINT, STEP, WATCHPOINT], ids=["breakpoint", "step", "watchpoint"])
def test_debug_exceptions_are_taken_to_el1_and_to_el2_by_every_group_of_vectors(kind: set[int]) -> None:
    routes = {(e.el, e.vector) for e in _taken(3) if e.exception_class in kind}
    assert {(el, vector) for el in (1, 2) for vector in (0x000, 0x200, 0x400)} == routes


def test_a_higher_starting_level_only_adds_cases() -> None:
    assert _cases(1).items() < _cases(2).items() < _cases(3).items()


def test_every_listed_difference_names_a_case_that_differs() -> None:
    found = _cases(3)
    listed = [case for difference in load_differences() for case in difference.cases]
    assert max(Counter(case.name for case in listed).values()) == 1
    assert not {case.name for case in listed} - set(found)
    assert not [case.name for case in listed if case.events == found[case.name]]
