"""Every address our machine translates, and every access it makes with the MMU on, it does as QEMU: PAR, ESR, FAR."""

import functools

import pytest

from tests.oracles.qemu import StartLevel, run_qemu
from tests.programs.compared import build_translation
from tests.programs.ours import run_ours
from tests.programs.translation import Demanded, Line, load_differences, parse

DEMANDED = [case for difference in load_differences() for case in difference.cases]


@functools.cache
def _ours(el: int) -> dict[str, Line]:
    return {line.name: line for line in parse(run_ours(build_translation(), el=el).stdout)}


@pytest.mark.parametrize("el", StartLevel)
def test_what_differs_from_qemu_is_what_is_listed(el: StartLevel) -> None:
    qemu = {line.name: line for line in parse(run_qemu(build_translation(), el=el).stdout)}
    ours = _ours(el)
    assert list(qemu) == list(ours)
    listed = {case.name for case in DEMANDED}
    assert listed & set(qemu) == {name for name in qemu if qemu[name] != ours[name]}


@pytest.mark.parametrize("case", DEMANDED, ids=lambda case: case.name)
def test_where_qemu_differs_we_do_what_the_architecture_demands(case: Demanded) -> None:
    lines = [found for el in StartLevel if (found := _ours(el).get(case.name))]
    assert lines
    assert all(case.holds(line) for line in lines)
