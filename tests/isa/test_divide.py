"""Divide: rounding, and the divisions that other machines trap."""

import pytest
from hypothesis import assume, example, given

from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("udiv x0, x1, x2", "x1=0xffffffffffffffff x2=2", "x0=0x7fffffffffffffff"),
    ("udiv x0, x1, x2", "x1=5 x2=0 NZCV", "x0=0"),
    ("udiv w0, w1, w2", "x1=0xffffffff80000000 x2=0xffffffff00000003", "x0=0x2aaaaaaa"),
    ("udiv w0, w1, w2", "x1=7 x2=0xffffffff00000000", "x0=0"),
    ("sdiv x0, x1, x2", "x1=0xfffffffffffffff9 x2=2", "x0=0xfffffffffffffffd"),
    ("sdiv x0, x1, x2", "x1=7 x2=0xfffffffffffffffe", "x0=0xfffffffffffffffd"),
    ("sdiv x0, x1, x2", "x1=0xfffffffffffffff9 x2=0xfffffffffffffffe", "x0=3"),
    ("sdiv x0, x1, x2", "x1=0x8000000000000000 x2=0xffffffffffffffff", "x0=0x8000000000000000"),
    ("sdiv x0, x1, x2", "x1=0x8000000000000000 x2=0", "x0=0"),
    ("sdiv w0, w1, w2", "x1=0x80000000 x2=0xffffffff", "x0=0x80000000"),
    ("sdiv w0, w1, w2", "x1=0xfffffff9 x2=2", "x0=0xfffffffd"),
    ("sdiv w0, w1, w2", "x1=1 x2=0", "x0=0"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x9AC20820, "udiv x0, x1, x2"),
    (0x1ADF0C20, "sdiv w0, w1, wzr"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


UNALLOCATED = [
    0xBAC20820,  # udiv, S set
    0x9AC21C20,  # opcode 000111
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@given(x=values(), y=values())
def test_quotient_and_remainder_make_the_dividend(x, y):
    assume(y)
    quotient = after("udiv x0, x1, x2", x1=x, x2=y)["x0"]
    remainder = after("msub x0, x0, x2, x1", x0=quotient, x1=x, x2=y)["x0"]
    assert remainder < y
    assert x == quotient * y + remainder


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@given(x=values(), y=values())
@example(x=2**63, y=2**64 - 1)
@example(x=2**31, y=2**32 - 1)
def test_the_remainder_of_a_signed_division_has_the_sign_of_the_dividend(r, width, x, y):
    x, y = (value % 2**width - (value >> (width - 1) & 1) * 2**width for value in (x, y))
    assume(y)
    quotient = after(f"sdiv {r}0, {r}1, {r}2", x1=x % 2**64, x2=y % 2**64)["x0"]
    remainder = x - y * (quotient - (quotient >> (width - 1)) * 2**width)
    if (x, y) == (-(2 ** (width - 1)), -1):
        assert 2 ** (width - 1) == quotient
    else:
        assert abs(remainder) < abs(y)
        assert remainder == 0 or (remainder < 0) == (x < 0)
