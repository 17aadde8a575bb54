"""Move wide: any constant in pieces, and the choice that MOV of a constant makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("movz x0, #0xffff", "", "x0=0xffff"),
    ("movz x0, #1, lsl #48", "", "x0=0x1000000000000"),
    ("movz w0, #0x8000, lsl #16", "", "x0=0x80000000"),
    ("movn x0, #0", "", "x0=0xffffffffffffffff"),
    ("movn w0, #0", "", "x0=0xffffffff"),
    ("movn x0, #0xffff, lsl #48", "", "x0=0xffffffffffff"),
    ("movn w0, #1, lsl #16", "", "x0=0xfffeffff"),
    ("movk x0, #0x1234", "x0=0xffffffffffffffff", "x0=0xffffffffffff1234"),
    ("movk x0, #0, lsl #32", "x0=0xffffffffffffffff", "x0=0xffff0000ffffffff"),
    ("movk w0, #0x1234, lsl #16", "x0=0xffffffffffffffff", "x0=0x1234ffff"),
    ("movk xzr, #1", "", ""),
    ("movz xzr, #1", "", ""),
    ("mov x0, #-2", "", "x0=0xfffffffffffffffe"),
    ("mov w0, #-2", "", "x0=0xfffffffe"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0xD2800000, "mov x0, #0"),
    (0x529FFFE0, "mov w0, #65535"),
    (0xD2A00020, "mov x0, #65536"),
    (0xD2FFFFE0, "mov x0, #-281474976710656"),
    (0x52BFFFE0, "mov w0, #-65536"),
    (0xD280003F, "mov xzr, #1"),
    (0xD2A00000, "movz x0, #0, lsl #16"),
    (0x92800000, "mov x0, #-1"),
    (0x12800000, "mov w0, #-1"),
    (0x929FFFE0, "mov x0, #-65536"),
    (0x92FFFFE0, "mov x0, #281474976710655"),
    (0x92E00000, "movn x0, #0, lsl #48"),
    (0x129FFFE0, "movn w0, #65535"),
    (0x12BFFFE0, "movn w0, #65535, lsl #16"),
    (0x92DFFFE0, "mov x0, #-281470681743361"),
    (0xF2800000, "movk x0, #0"),
    (0x72BFFFE0, "movk w0, #65535, lsl #16"),
    (0xF2E0003E, "movk x30, #1, lsl #48"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("movz x0, #1, lsl #16", "mov x0, #65536"),
    ("movz x0, #1, lsl #0", "mov x0, #1"),
    ("movn x0, #1", "mov x0, #-2"),
    ("mov w0, #0xffffffff", "mov w0, #-1"),
    ("mov x0, #0xffffffffffff0000", "mov x0, #-65536"),
    ("mov x0, #0xffff0000ffffffff", "mov x0, #-281470681743361"),
    ("mov x0, 42", "mov x0, #42"),
    ("mov w0, #0xffff0000", "mov w0, #-65536"),
    ("mov x0, #0x8000000000000000", "mov x0, #-9223372036854775808"),
    ("movk x0, #1, lsl #0", "movk x0, #1"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


REFUSED = [
    "mov x0, #0x12345",
    "movz x0, #65536",
    "movz w0, #1, lsl #32",
    "movz x0, #1, lsl #8",
    "movk x0, #-1",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x52C00000,  # movz w0, #0, lsl #32
    0x12C00000,  # movn w0, #0, lsl #32
    0x72E00000,  # movk w0, #0, lsl #48
    0xB2800000,  # opc 01
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@given(value=values(), start=st.sampled_from(["movz", "movn"]))
def test_four_moves_make_any_constant(value, start):
    x0 = after(f"{start} x0, #0")["x0"]
    for shift in (0, 16, 32, 48):
        x0 = after(f"movk x0, #{value >> shift & 0xFFFF}, lsl #{shift}", x0=x0)["x0"]
    assert value == x0


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@given(data=st.data())
def test_mov_of_what_fits_one_halfword_moves_it(r, width, data):
    shift = data.draw(st.sampled_from(range(0, width, 16)))
    piece = data.draw(st.integers(0, 0xFFFF)) << shift
    for value in (piece, ~piece):
        assert value % 2**width == after(f"mov {r}0, #{value}")["x0"]
