"""Every exception our machine takes, it takes as QEMU does: vector, ESR, ELR, SPSR, FAR."""

import functools

import pytest

from tests.oracles.qemu import StartLevel, run_qemu
from tests.programs.compared import build_exceptions
from tests.programs.exceptions import Completed, Demanded, Taken, load_differences, parse
from tests.programs.ours import run_ours

DEMANDED = [case for difference in load_differences() for case in difference.cases]


@functools.cache
def _ours(el: int) -> dict[str, Taken | Completed]:
    return dict(parse(run_ours(build_exceptions(), el=el).stdout))


@pytest.mark.parametrize("el", StartLevel)
def test_what_differs_from_qemu_is_what_is_listed(el: StartLevel) -> None:
    qemu, ours = dict(parse(run_qemu(build_exceptions(), el=el).stdout)), _ours(el)
    assert list(qemu) == list(ours)
    listed = {case.name for case in DEMANDED}
    assert listed & set(qemu) == {name for name in qemu if qemu[name] != ours[name]}


def _buffer() -> int:
    """The address `buffer + 1`, as a load on which QEMU and we agree reports it."""
    taken = _ours(1)["EL0t: adr x1, buffer + 1; ldar x0, [x1]"]
    assert isinstance(taken, Taken)
    assert taken.far is not None
    return taken.far


@pytest.mark.parametrize("case", DEMANDED, ids=lambda case: case.name)
def test_where_qemu_differs_we_do_what_the_architecture_demands(case: Demanded) -> None:
    for el in StartLevel:
        taken = _ours(el).get(case.name)
        if taken is None:
            continue  # there is no such level to start from
        assert isinstance(taken, Taken)
        assert (case.el, case.ec, case.iss) == (taken.el, taken.exception_class, taken.iss)
        if case.far is not None:
            assert (_buffer() if case.far == "BUFFER" else case.far) == taken.far
        if case.spsr is not None:
            assert case.spsr == taken.spsr
