"""Multiply: products, their halves, and what is added to them."""

import pytest
from hypothesis import given

from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("madd x0, x1, x2, x3", "x1=0xffffffffffffffff x2=2 x3=5 NZCV", "x0=3"),
    ("madd w0, w1, w2, w3", "x1=0x10000 x2=0x10000 x3=0xffffffff00000007", "x0=7"),
    ("msub x0, x1, x2, x3", "x1=3 x2=4 x3=5", "x0=0xfffffffffffffff9"),
    ("msub w0, w1, w2, w3", "x1=3 x2=4 x3=5", "x0=0xfffffff9"),
    ("mul x0, x1, x2", "x1=0x100000001 x2=0x100000001", "x0=0x200000001"),
    ("mneg w0, w1, w2", "x1=1 x2=1", "x0=0xffffffff"),
    ("smaddl x0, w1, w2, x3", "x1=0xffffffff x2=2 x3=1", "x0=0xffffffffffffffff"),
    ("smsubl x0, w1, w2, x3", "x1=0x80000000 x2=0x80000000 x3=0", "x0=0xc000000000000000"),
    ("smull x0, w1, w2", "x1=0x80000000 x2=0x7fffffff", "x0=0xc000000080000000"),
    ("umaddl x0, w1, w2, x3", "x1=0xffffffffffffffff x2=0xffffffff x3=0xffffffffffffffff", "x0=0xfffffffe00000000"),
    ("umsubl x0, w1, w2, x3", "x1=0xffffffff x2=1 x3=0", "x0=0xffffffff00000001"),
    ("umull x0, w1, w2", "x1=0xffffffff x2=0xffffffff", "x0=0xfffffffe00000001"),
    ("smnegl x0, w1, w2", "x1=0xffffffff x2=1", "x0=1"),
    ("umnegl x0, w1, w2", "x1=0xffffffff x2=1", "x0=0xffffffff00000001"),
    ("smulh x0, x1, x2", "x1=0xffffffffffffffff x2=1", "x0=0xffffffffffffffff"),
    ("smulh x0, x1, x2", "x1=0x8000000000000000 x2=0x8000000000000000", "x0=0x4000000000000000"),
    ("umulh x0, x1, x2", "x1=0xffffffffffffffff x2=0xffffffffffffffff", "x0=0xfffffffffffffffe"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x9B020C20, "madd x0, x1, x2, x3"),
    (0x1B027C20, "mul w0, w1, w2"),
    (0x1B028C20, "msub w0, w1, w2, w3"),
    (0x9B02FC20, "mneg x0, x1, x2"),
    (0x9B220C20, "smaddl x0, w1, w2, x3"),
    (0x9B227C20, "smull x0, w1, w2"),
    (0x9B228C20, "smsubl x0, w1, w2, x3"),
    (0x9B22FC20, "smnegl x0, w1, w2"),
    (0x9BA20C20, "umaddl x0, w1, w2, x3"),
    (0x9BA27C20, "umull x0, w1, w2"),
    (0x9BA28C20, "umsubl x0, w1, w2, x3"),
    (0x9BA2FC20, "umnegl x0, w1, w2"),
    (0x9B427C20, "smulh x0, x1, x2"),
    (0x9BC27C20, "umulh x0, x1, x2"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("madd x0, x1, x2, xzr", "mul x0, x1, x2"),
    ("msub w0, w1, w2, wzr", "mneg w0, w1, w2"),
    ("smaddl x0, w1, w2, xzr", "smull x0, w1, w2"),
    ("umsubl x0, w1, w2, xzr", "umnegl x0, w1, w2"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


@pytest.mark.parametrize("word", [0x9B42_0020, 0x9BC2_3020])
def test_the_unused_register_of_a_high_product_is_ignored(word):
    assert disassemble(word | 0x7C00) == disassemble(word)


UNALLOCATED = [
    0x1B220020,  # smaddl, sf clear
    0x1B427C20,  # smulh, sf clear
    0x9B42FC20,  # smulh, o0 set
    0x9B620020,  # op31 011
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


def as_signed(value: int, width: int) -> int:
    return value % 2**width - (value >> (width - 1) & 1) * 2**width


@given(x=values(), y=values())
def test_the_two_halves_are_the_product(x, y):
    low = after("mul x0, x1, x2", x1=x, x2=y)["x0"]
    assert x * y == after("umulh x0, x1, x2", x1=x, x2=y)["x0"] << 64 | low
    high = after("smulh x0, x1, x2", x1=x, x2=y)["x0"]
    assert as_signed(x, 64) * as_signed(y, 64) == as_signed(high, 64) << 64 | low


@given(x=values(), y=values())
def test_widening_keeps_every_bit(x, y):
    assert as_signed(x, 32) * as_signed(y, 32) % 2**64 == after("smull x0, w1, w2", x1=x, x2=y)["x0"]
    assert x % 2**32 * (y % 2**32) == after("umull x0, w1, w2", x1=x, x2=y)["x0"]


@pytest.mark.parametrize(
    ("add", "subtract", "width"),
    [
        ("madd x0, x1, x2, x3", "msub x0, x1, x2, x0", 64),
        ("madd w0, w1, w2, w3", "msub w0, w1, w2, w0", 32),
        ("smaddl x0, w1, w2, x3", "smsubl x0, w1, w2, x0", 64),
        ("umaddl x0, w1, w2, x3", "umsubl x0, w1, w2, x0", 64),
    ],
)
@given(x=values(), y=values(), addend=values())
def test_subtracting_a_product_undoes_adding_it(add, subtract, width, x, y, addend):
    added = after(add, x1=x, x2=y, x3=addend)
    registers = {name: added[name] for name in ("x0", "x1", "x2")}
    assert addend % 2**width == after(subtract, **registers)["x0"]
