"""Barriers: all they leave behind is nothing, but for CLREX."""

import pytest

from aarch64.errors import AssemblyError
from aarch64.features import Feature
from aarch64.isa.table import assemble, disassemble
from tests.isa.running import PC, UNDEFINED_AT_EL1, execute, make_cpu, syndrome


@pytest.mark.parametrize("text", ["clrex", "clrex #3"])
def test_clrex_forgets_the_exclusive_location(text):
    cpu = make_cpu()
    cpu.exclusive = (0x4000_0000, 8)
    execute(cpu, text)
    assert cpu.exclusive is None


@pytest.mark.parametrize("text", ["dmb ish", "dmb #0", "dsb sy", "dsb oshnxs", "ssbb", "pssbb", "isb", "isb #3", "sb"])
def test_a_barrier_changes_nothing(text):
    cpu = make_cpu()
    cpu.exclusive = (0x4000_0000, 8)
    before = list(cpu.gpr), cpu.pstate.to_spsr(), dict(cpu.sysregs), cpu.exclusive
    execute(cpu, text)
    assert before == (list(cpu.gpr), cpu.pstate.to_spsr(), dict(cpu.sysregs), cpu.exclusive)
    assert PC + 4 == cpu.next_pc


@pytest.mark.parametrize(("text", "feature"), [("sb", Feature.SB), ("dsb synxs", Feature.XS)])
def test_undefined_without_the_feature(text, feature):
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(without={feature}), text)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("dmb #15", "dmb sy"),
        ("DMB ISHLD", "dmb ishld"),
        ("dsb #0", "ssbb"),
        ("dsb #4", "pssbb"),
        ("dsb #12", "dsb #12"),
        ("dsb #16", "dsb oshnxs"),
        ("dsb #28", "dsb synxs"),
        ("isb sy", "isb"),
        ("isb #15", "isb"),
        ("clrex #15", "clrex"),
    ],
)
def test_other_spellings(written, printed):
    assert printed == disassemble(assemble(written))


@pytest.mark.parametrize("text", ["dmb", "dmb #16", "dmb #-1", "dmb up", "dsb #17", "dsb #32", "dmb oshnxs", "isb ish"])
def test_what_is_not_an_option(text):
    with pytest.raises(AssemblyError):
        assemble(text)
