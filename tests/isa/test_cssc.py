"""Common short sequence compression: counts, absolute values, minima and maxima."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.errors import AssemblyError
from aarch64.exceptions import ArchException
from aarch64.features import Feature
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check
from tests.isa.running import execute, make_cpu

ROWS = [
    ("abs x0, x1", "x1=0xffffffffffffffff NZCV", "x0=1"),
    ("abs x0, x1", "x1=0x8000000000000000", "x0=0x8000000000000000"),
    ("abs w0, w1", "x1=0xffffffff80000001", "x0=0x7fffffff"),
    ("abs w0, w1", "x1=0xffffffff7fffffff", "x0=0x7fffffff"),
    ("cnt x0, x1", "x1=0xffffffffffffffff", "x0=64"),
    ("cnt w0, w1", "x1=0xffffffffffffffff", "x0=32"),
    ("ctz x0, x1", "x1=0", "x0=64"),
    ("ctz w0, w1", "x1=0xffffffff00000000", "x0=32"),
    ("ctz x0, x1", "x1=0x100", "x0=8"),
    ("smax x0, x1, x2", "x1=0xffffffffffffffff x2=1", "x0=1"),
    ("smax w0, w1, w2", "x1=0xffffffff x2=1", "x0=1"),
    ("smax x0, x1, #-128", "x1=0x8000000000000000", "x0=0xffffffffffffff80"),
    ("smax w0, w1, #127", "x1=0xffffffff", "x0=127"),
    ("smin x0, x1, x2", "x1=0xffffffffffffffff x2=1", "x0=0xffffffffffffffff"),
    ("smin w0, w1, w2", "x1=0x7fffffff x2=0x80000000", "x0=0x80000000"),
    ("smin w0, w1, #-1", "x1=5", "x0=0xffffffff"),
    ("umax x0, x1, x2", "x1=0xffffffffffffffff x2=1", "x0=0xffffffffffffffff"),
    ("umax w0, w1, w2", "x1=0xffffffff00000000 x2=1", "x0=1"),
    ("umax x0, x1, #255", "x1=5", "x0=255"),
    ("umin x0, x1, x2", "x1=0xffffffffffffffff x2=1", "x0=1"),
    ("umin w0, w1, #255", "x1=0xffffffff", "x0=255"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


# Words by the encoding diagrams of the Arm ARM: LLVM 14 does not know the extension.
PREFERRED = [
    (0xDAC02020, "abs x0, x1"),
    (0x5AC023E0, "abs w0, wzr"),
    (0xDAC01C20, "cnt x0, x1"),
    (0x5AC01C20, "cnt w0, w1"),
    (0xDAC01820, "ctz x0, x1"),
    (0x5AC0183E, "ctz w30, w1"),
    (0x9AC26020, "smax x0, x1, x2"),
    (0x11C20020, "smax w0, w1, #-128"),
    (0x1AC26820, "smin w0, w1, w2"),
    (0x91C9FC20, "smin x0, x1, #127"),
    (0x9AC26420, "umax x0, x1, x2"),
    (0x11C7FC20, "umax w0, w1, #255"),
    (0x1AC26C20, "umin w0, w1, w2"),
    (0x91CC0020, "umin x0, x1, #0"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


@pytest.mark.parametrize(
    "text", ["smax x0, x1, #128", "smin x0, x1, #-129", "umax x0, x1, #-1", "umin x0, x1, #256", "abs x0, w1"]
)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0xDAC02420,  # opcode 001001
    0x9AC27020,  # opcode 011100
    0x91D00020,  # opc 0100
    0xB1C00020,  # S set
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


@pytest.mark.parametrize("text", ["abs x0, x1", "cnt x0, x1", "ctz x0, x1", "smax x0, x1, x2", "umin x0, x1, #1"])
def test_undefined_without_the_feature(text):
    with pytest.raises(ArchException):
        execute(make_cpu(without=[Feature.CSSC]), text)


# --- laws

WIDTHS = [("x", 64), ("w", 32)]
CHOICES = [("smax", "gt"), ("smin", "lt"), ("umax", "hi"), ("umin", "lo")]


@pytest.mark.parametrize(("r", "width"), WIDTHS)
@pytest.mark.parametrize(("operation", "cond"), CHOICES)
@given(x=values(), y=values())
def test_one_instruction_does_what_compare_and_select_do(operation, cond, r, width, x, y):
    compared = after(f"cmp {r}1, {r}2", x1=x, x2=y)
    flags = {flag: compared[flag] for flag in "nzcv"}
    selected = after(f"csel {r}0, {r}1, {r}2, {cond}", x1=x, x2=y, **flags)["x0"]
    assert selected == after(f"{operation} {r}0, {r}1, {r}2", x1=x, x2=y)["x0"]
    assert selected <= mask(width)


@pytest.mark.parametrize(("r", "width"), WIDTHS)
@pytest.mark.parametrize(
    ("operation", "immediates"),
    [
        ("smax", st.integers(-128, 127)),
        ("smin", st.integers(-128, 127)),
        ("umax", st.integers(0, 255)),
        ("umin", st.integers(0, 255)),
    ],
    ids=str,
)
@given(x=values(), data=st.data())
def test_an_immediate_is_a_register_that_holds_it(operation, immediates, r, width, x, data):
    value = data.draw(immediates)
    by_register = after(f"{operation} {r}0, {r}1, {r}2", x1=x, x2=value % 2**width)["x0"]
    assert by_register == after(f"{operation} {r}0, {r}1, #{value}", x1=x)["x0"]


@pytest.mark.parametrize(("r", "width"), WIDTHS)
@given(value=values())
def test_counts_and_absolute_value(r, width, value):
    bits = f"{value & mask(width):0{width}b}"
    assert bits.count("1") == after(f"cnt {r}0, {r}1", x1=value)["x0"]
    assert width - len(bits.rstrip("0")) == after(f"ctz {r}0, {r}1", x1=value)["x0"]
    as_signed = int(bits, 2) - (int(bits[0]) << width)
    assert abs(as_signed) == after(f"abs {r}0, {r}1", x1=value)["x0"]
