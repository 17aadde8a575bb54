"""EXTR and the rotation it contains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("extr x0, x1, x2, #0", "x1=1 x2=2", "x0=2"),
    ("extr x0, x1, x2, #8", "x1=0xab x2=0x1200", "x0=0xab00000000000012"),
    ("extr x0, x1, x2, #63", "x1=1 x2=0x8000000000000000", "x0=3"),
    ("extr w0, w1, w2, #4", "x1=0xfffffffff x2=0x10", "x0=0xf0000001"),
    ("ror x0, x1, #4", "x1=0xf", "x0=0xf000000000000000"),
    ("ror w0, w1, #31", "x1=0x100000001", "x0=2"),
    ("ror w0, w1, #0", "x1=0x180000000", "x0=0x80000000"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x93C20420, "extr x0, x1, x2, #1"),
    (0x13827C20, "extr w0, w1, w2, #31"),
    (0x93C1FC20, "ror x0, x1, #63"),
    (0x139F07E0, "ror w0, wzr, #1"),
    (0x93DF0020, "extr x0, x1, xzr, #0"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


def test_a_register_extracted_from_itself_is_rotated():
    assert "ror x0, x1, #4" == disassemble(assemble("extr x0, x1, x1, #4"))


REFUSED = [
    "extr w0, w1, w2, #32",
    "ror x0, x1, #64",
    "extr x0, w1, x2, #1",
    "ror w0, x1, #1",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x13C20020,  # w register, N set
    0x93820020,  # x register, N clear
    0x13828020,  # w register, imms 32
    0x93E20020,  # bit 21 set
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@given(high=values(), low=values(), data=st.data())
def test_it_is_a_window_on_the_two_registers(r, width, high, low, data):
    position = data.draw(st.integers(0, width - 1))
    bits = f"{high & mask(width):0{width}b}{low & mask(width):0{width}b}"
    expected = int(bits[width - position : 2 * width - position], 2)
    assert expected == after(f"extr {r}0, {r}1, {r}2, #{position}", x1=high, x2=low)["x0"]


@given(value=values(), amount=st.integers(1, 63))
def test_rotations_undo_each_other(value, amount):
    rotated = after(f"ror x0, x1, #{amount}", x1=value)["x0"]
    assert value == after(f"ror x0, x1, #{64 - amount}", x1=rotated)["x0"]
