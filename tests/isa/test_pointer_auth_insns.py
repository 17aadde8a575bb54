"""Pointer authentication instructions: which key, which register, which modifier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.features import Feature
from aarch64.pointer_auth import Key, add_pac, authenticate, generic_code, strip
from tests.isa.running import UNDEFINED_AT_EL1, execute, make_cpu, syndrome

U64 = st.integers(0, (1 << 64) - 1)

KEYS = {
    f"AP{name}KEY{half}_EL1": 0x1111_1111_1111_1111 * (2 * number + (half == "HI") + 1)
    for number, name in enumerate(("IA", "IB", "DA", "DB", "GA"))
    for half in ("LO", "HI")
}
"""Ten different values."""
ENABLED = 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13

POINTER, MODIFIER, SP = 0x4000_1234, 0x1357_9BDF_0246_8ACE, 0x4000_8000


def make_signing_cpu(**facts):
    cpu = make_cpu(max_el=1, SCTLR_EL1=ENABLED, TCR_EL1=25 | 25 << 16, **KEYS, **facts)
    cpu.sp = SP
    return cpu


SIGNING = [
    ("pacia x1, x2", Key.IA, 1, MODIFIER),
    ("pacib x1, x2", Key.IB, 1, MODIFIER),
    ("pacda x1, x2", Key.DA, 1, MODIFIER),
    ("pacdb x1, x2", Key.DB, 1, MODIFIER),
    ("pacia x1, sp", Key.IA, 1, SP),
    ("pacdb x1, sp", Key.DB, 1, SP),
    ("pacia x1, x1", Key.IA, 1, POINTER),
    ("paciza x1", Key.IA, 1, 0),
    ("pacizb x1", Key.IB, 1, 0),
    ("pacdza x1", Key.DA, 1, 0),
    ("pacdzb x1", Key.DB, 1, 0),
    ("pacia1716", Key.IA, 17, MODIFIER),
    ("pacib1716", Key.IB, 17, MODIFIER),
    ("paciasp", Key.IA, 30, SP),
    ("pacibsp", Key.IB, 30, SP),
    ("paciaz", Key.IA, 30, 0),
    ("pacibz", Key.IB, 30, 0),
]


def with_operands(cpu, register):
    for number in (2, 16):
        cpu.set_x(number, MODIFIER)
    cpu.set_x(register, POINTER)
    return cpu


@pytest.mark.parametrize(("text", "key", "register", "modifier"), SIGNING)
def test_signing(text, key, register, modifier):
    cpu = with_operands(make_signing_cpu(), register)
    execute(cpu, text)
    assert add_pac(cpu, POINTER, modifier, key) == cpu.x(register)
    assert POINTER != cpu.x(register)


@pytest.mark.parametrize(("text", "key", "register", "modifier"), [row for row in SIGNING if "x1, x1" not in row[0]])
def test_authenticating_undoes_signing(text, key, register, modifier):
    cpu = with_operands(make_signing_cpu(), register)
    execute(cpu, text)
    signed = cpu.x(register)
    execute(cpu, text.replace("pac", "aut"))
    assert POINTER == cpu.x(register)
    cpu.set_x(register, signed ^ 1 << 60)
    execute(cpu, text.replace("pac", "aut"))
    assert authenticate(cpu, signed ^ 1 << 60, modifier, key) == cpu.x(register) != POINTER


def test_the_zero_register_takes_no_result():
    cpu = make_signing_cpu()
    execute(cpu, "pacia xzr, x2")
    assert 0 == cpu.x(31)


@given(U64, st.booleans(), st.booleans())
def test_stripping(pointer, tbi, tbid):
    cpu = make_signing_cpu()
    cpu.sysregs["TCR_EL1"] |= tbi << 37 | tbi << 38 | tbid << 51 | tbid << 52
    for text, is_data in (("xpaci x30", False), ("xpacd x30", True), ("xpaclri", False)):
        cpu.set_x(30, pointer)
        execute(cpu, text)
        assert strip(cpu, pointer, is_data=is_data) == cpu.x(30)
        assert (pointer ^ cpu.x(30)) & (1 << 39) - 1 == 0


@pytest.mark.parametrize(("text", "modifier"), [("pacga x1, x2, x3", 7), ("pacga x1, x2, sp", SP)])
def test_generic(text, modifier):
    cpu = make_signing_cpu()
    cpu.set_x(2, MODIFIER)
    cpu.set_x(3, 7)
    execute(cpu, text)
    assert generic_code(cpu, MODIFIER, modifier) == cpu.x(1)


HINTS = [(text, register) for text, _, register, _ in SIGNING if " " not in text]


@pytest.mark.parametrize(("text", "register"), HINTS)
def test_hint_forms_do_nothing_without_pauth(text, register):
    cpu = with_operands(make_signing_cpu(without={Feature.PAUTH}), register)
    execute(cpu, text)
    execute(cpu, text.replace("pac", "aut"))
    assert POINTER == cpu.x(register)


def test_xpaclri_does_nothing_without_pauth():
    cpu = make_signing_cpu(without={Feature.PAUTH})
    cpu.set_x(30, 0xABCD << 48)
    execute(cpu, "xpaclri")
    assert 0xABCD << 48 == cpu.x(30)


@pytest.mark.parametrize("text", ["pacia x1, x2", "autdzb x1", "xpaci x1", "xpacd x1", "pacga x1, x2, x3"])
def test_other_forms_are_undefined_without_pauth(text):
    assert UNDEFINED_AT_EL1 == syndrome(make_signing_cpu(without={Feature.PAUTH}), text)
