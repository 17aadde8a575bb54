"""Every debug exception our machine takes, it takes as QEMU does, and goes on as QEMU does."""

import functools

import pytest

from tests.oracles.qemu import StartLevel, run_qemu
from tests.programs.compared import build_debug
from tests.programs.debug import Demanded, Events, load_differences, parse
from tests.programs.ours import run_ours

DEMANDED = [case for difference in load_differences() for case in difference.cases]


@functools.cache
def _ours(el: int) -> dict[str, Events]:
    return parse(run_ours(build_debug(), el=el).stdout)


@pytest.mark.parametrize("el", StartLevel)
def test_what_differs_from_qemu_is_what_is_listed(el: StartLevel) -> None:
    qemu, ours = parse(run_qemu(build_debug(), el=el).stdout), _ours(el)
    assert list(qemu) == list(ours)
    listed = {case.name for case in DEMANDED}
    assert listed & set(qemu) == {name for name in qemu if qemu[name] != ours[name]}


@pytest.mark.parametrize("case", DEMANDED, ids=lambda case: case.name)
def test_where_qemu_differs_we_do_what_the_architecture_demands(case: Demanded) -> None:
    found = [cases[case.name] for el in StartLevel if case.name in (cases := _ours(el))]
    assert found
    assert {case.events} == set(found)
