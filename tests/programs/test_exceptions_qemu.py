"""The exceptions program under QEMU: it says something about every class of exception, and the same each time."""

import functools
from collections import Counter

import pytest

from tests.oracles.qemu import QemuResult, StartLevel, run_qemu
from tests.programs.compared import build_exceptions
from tests.programs.exceptions import Completed, Taken, load_differences, parse

# The exception classes that QEMU can produce with the MMU off and no debug unit.
CLASSES = {
    1: {0x00, 0x01, 0x07, 0x0E, 0x15, 0x18, 0x20, 0x21, 0x22, 0x24, 0x25, 0x3C},
    2: {0x00, 0x01, 0x07, 0x09, 0x0E, 0x15, 0x16, 0x17, 0x18, 0x20, 0x21, 0x22, 0x24, 0x25, 0x3C},
    3: {0x00, 0x01, 0x07, 0x09, 0x0E, 0x15, 0x16, 0x17, 0x18, 0x20, 0x21, 0x22, 0x24, 0x25, 0x3C},
}


@functools.cache
def _run(el: int) -> QemuResult:
    return run_qemu(build_exceptions(), el=el)


def _cases(el: int) -> dict[str, Taken | Completed]:
    return dict(parse(_run(el).stdout))


@pytest.mark.parametrize("el", StartLevel)
def test_it_runs_to_its_end(el: StartLevel) -> None:
    assert _run(el).exit_status == 0


@pytest.mark.parametrize("el", StartLevel)
def test_every_run_is_the_same(el: StartLevel) -> None:
    assert _run(el) == run_qemu(build_exceptions(), el=el)


@pytest.mark.parametrize("el", StartLevel)
def test_every_case_has_a_name_of_its_own(el: StartLevel) -> None:
    names = Counter(name for name, _ in parse(_run(el).stdout))
    assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("el", StartLevel)
def test_every_exception_class_is_taken(el: StartLevel) -> None:
    taken = {case.exception_class for case in _cases(el).values() if isinstance(case, Taken)}
    assert CLASSES[el] == taken - {None}


@pytest.mark.parametrize("el", StartLevel)
def test_exceptions_are_taken_to_every_level_by_every_group_of_vectors(el: StartLevel) -> None:
    synchronous = {0x000, 0x200, 0x400}
    taken = {(case.el, case.vector) for case in _cases(el).values() if isinstance(case, Taken)}
    assert {(level, vector) for level in range(1, el + 1) for vector in synchronous} <= taken


@pytest.mark.parametrize("el", [StartLevel.EL2, StartLevel.EL3])
def test_virtual_interrupts_are_taken(el: StartLevel) -> None:
    taken = {(case.el, case.vector) for case in _cases(el).values() if isinstance(case, Taken)}
    assert {(1, 0x280), (1, 0x100), (1, 0x480)} <= taken


def test_a_higher_starting_level_only_adds_cases() -> None:
    assert set(_cases(1)) < set(_cases(2)) < set(_cases(3))


def test_every_listed_difference_names_a_case() -> None:
    listed = Counter(case.name for difference in load_differences() for case in difference.cases)
    assert max(listed.values()) == 1
    assert not set(listed) - set(_cases(3))
