"""The translation program under QEMU: it says something about every way to fault, and the same each time."""

import functools
from collections import Counter

import pytest

from tests.oracles.qemu import QemuResult, StartLevel, run_qemu
from tests.programs.compared import build_translation
from tests.programs.translation import Line, abort_status, fault_status, load_differences, parse

ADDRESS_SIZE = {0x00, 0x01, 0x02, 0x03}
TRANSLATION = {0x04, 0x05, 0x06, 0x07}
ACCESS_FLAG = {0x09, 0x0A, 0x0B}
PERMISSION = {0x0D, 0x0E, 0x0F}
EXTERNAL = 0x10
EXTERNAL_ON_WALK = {0x14, 0x15, 0x16, 0x17}
ALIGNMENT = 0x21

GROUPS = {1: {"E1"}, 2: {"E1", "E2"}, 3: {"E1", "S1", "E2", "E3"}}
SECTIONS = {1: {"K0", "R0", "R1", "X0", "X1", "W0", "A0", "D0", "Z", "B", "T", "H"}}
SECTIONS[2] = SECTIONS[3] = SECTIONS[1] - {"R1", "X1"}


@functools.cache
def _run(el: int) -> QemuResult:
    return run_qemu(build_translation(), el=el)


def _lines(el: int) -> list[Line]:
    return list(parse(_run(el).stdout))


def _at(el: int) -> list[Line]:
    return [line for line in _lines(el) if line.is_at]


def _section(line: Line) -> str:
    return line.name.replace(".", " ").split()[0]


@pytest.mark.parametrize("el", StartLevel)
def test_it_runs_to_its_end(el: StartLevel) -> None:
    assert _run(el).exit_status == 0


@pytest.mark.parametrize("el", StartLevel)
def test_every_run_is_the_same(el: StartLevel) -> None:
    assert _run(el) == run_qemu(build_translation(), el=el)


@pytest.mark.parametrize("el", StartLevel)
def test_every_line_has_a_name_of_its_own(el: StartLevel) -> None:
    names = Counter(line.name for line in _lines(el))
    assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("el", StartLevel)
def test_every_section_has_lines(el: StartLevel) -> None:
    assert {_section(line) for line in _lines(el)} == GROUPS[el] | SECTIONS[el]


@pytest.mark.parametrize("el", StartLevel)
def test_many_addresses_are_translated(el: StartLevel) -> None:
    lines = _at(el)
    assert len(lines) > 800
    assert sum(fault_status(result) is None for line in lines for result in line.translations) > 1000


@pytest.mark.parametrize("el", StartLevel)
def test_at_meets_every_fault_at_every_level(el: StartLevel) -> None:
    met = {fault_status(result) for line in _at(el) for result in line.translations}
    assert met - {None} == ADDRESS_SIZE | TRANSLATION | ACCESS_FLAG | PERMISSION | EXTERNAL_ON_WALK


@pytest.mark.parametrize("el", StartLevel)
def test_an_abort_during_at_reports_the_address_and_that_it_was_at(el: StartLevel) -> None:
    aborts = {result for line in _at(el) for result in line.translations if result.startswith("abort/")}
    assert {int(abort.removeprefix("abort/"), 16) & ~0x3F for abort in aborts} == {0x9600_0140}


@pytest.mark.parametrize("el", StartLevel)
def test_accesses_meet_every_kind_of_fault(el: StartLevel) -> None:
    wanted = TRANSLATION | {0x02, 0x03, 0x0A, 0x0B, 0x0E, 0x0F, EXTERNAL, 0x17, ALIGNMENT}
    assert {abort_status(line) for line in _lines(el)} - {None} == wanted


def test_every_listed_difference_names_a_line_that_differs() -> None:
    found = {line.name: line for el in StartLevel for line in _lines(el)}
    listed = [case for difference in load_differences() for case in difference.cases]
    assert max(Counter(case.name for case in listed).values()) == 1
    assert not {case.name for case in listed} - set(found)
    assert not [case.name for case in listed if case.holds(found[case.name])]
