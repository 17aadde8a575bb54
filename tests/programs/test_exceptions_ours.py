"""Every exception our machine takes, it takes as QEMU does: vector, ESR, ELR, SPSR, FAR."""

import pytest

from tests.oracles.qemu import StartLevel, run_qemu
from tests.programs.compared import build_exceptions
from tests.programs.exceptions import load_differences, parse
from tests.programs.ours import run_ours


@pytest.mark.parametrize("el", StartLevel)
def test_what_differs_from_qemu_is_what_is_listed(el: StartLevel) -> None:
    elf = build_exceptions()
    qemu, ours = dict(parse(run_qemu(elf, el=el).stdout)), dict(parse(run_ours(elf, el=el).stdout))
    assert list(qemu) == list(ours)
    listed = {case for difference in load_differences() for case in difference.cases}
    assert listed & set(qemu) == {name for name in qemu if qemu[name] != ours[name]}
