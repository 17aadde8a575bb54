"""Every debug exception our machine takes, it takes as QEMU does, and goes on as QEMU does.

Where it does not, it is listed, and what we do is what the architecture demands. A level is one test: the program takes
its time on our machine.
"""

import pytest

from tests.oracles.qemu import StartLevel, run_qemu
from tests.programs.compared import build_debug
from tests.programs.debug import load_differences, parse
from tests.programs.ours import run_ours

DEMANDED = {case.name: case.events for difference in load_differences() for case in difference.cases}


@pytest.mark.parametrize("el", StartLevel)
def test_what_differs_from_qemu_is_listed_and_demanded(el: StartLevel) -> None:
    qemu, ours = (parse(run(build_debug(), el=el).stdout) for run in (run_qemu, run_ours))
    assert list(qemu) == list(ours)
    differing = {name: ours[name] for name in qemu if qemu[name] != ours[name]}
    assert {name: events for name, events in DEMANDED.items() if name in qemu} == differing


def test_every_listed_case_is_one() -> None:
    """Started at the highest level, the program has all cases."""
    assert set(DEMANDED) <= set(parse(run_qemu(build_debug(), el=3).stdout))
