"""Prefetch: a hint, which nothing but its text distinguishes from no instruction."""

import pytest

from aarch64.errors import AssemblyError
from aarch64.isa.definition import Trait
from aarch64.isa.table import assemble, decode, disassemble
from tests.isa.memory_bench import NOWHERE, make_cpu, run, state_of

TEXTS = [
    "prfm pldl1keep, [x1]",
    "prfm pstl3strm, [sp, #32760]",
    "prfm plil2keep, [x1, x2]",
    "prfm #6, [x1, w2, sxtw #3]",
    "prfm #31, [x1]",
    "prfm pldl1strm, #-4",
    "prfum pldl1keep, [x1, #-1]",
    "rprfm pldkeep, x2, [x1]",
    "rprfm pststrm, xzr, [sp]",
    "rprfm #63, x2, [x1]",
]


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_happens(text) -> None:
    assert text == disassemble(assemble(text))
    cpu = make_cpu()
    cpu.gpr[1], cpu.sp = NOWHERE + 1, NOWHERE + 1
    cpu.sysregs["SCTLR_EL1"] |= 1 << 3
    before = state_of(cpu)
    run(cpu, text)
    assert before | {"pc": before["pc"] + 4} == state_of(cpu)
    assert Trait.PREFETCHES in decode(assemble(text)).definition.traits


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("prfm pldl1keep, [x1, #-8]", "prfum pldl1keep, [x1, #-8]"),
        ("prfm #0, [x1]", "prfm pldl1keep, [x1]"),
        ("rprfm #0, x2, [x1]", "rprfm pldkeep, x2, [x1]"),
    ],
)
def test_what_people_write(written, printed) -> None:
    assert printed == disassemble(assemble(written))


@pytest.mark.parametrize(
    "text", ["prfm pldl4keep, [x1]", "prfm #32, [x1]", "rprfm pldl1keep, x2, [x1]", "rprfm #64, x2, [x1]"]
)
def test_what_cannot_be_written(text) -> None:
    with pytest.raises(AssemblyError):
        assemble(text)
