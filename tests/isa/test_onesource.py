"""One source: reversals and counts."""

import pytest
from hypothesis import given

from aarch64.bits import mask
from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("rbit x0, x1", "x1=1 NZCV", "x0=0x8000000000000000"),
    ("rbit w0, w1", "x1=0xffffffff00000003", "x0=0xc0000000"),
    ("rev x0, x1", "x1=0x0102030405060708", "x0=0x807060504030201"),
    ("rev w0, w1", "x1=0x0102030405060708", "x0=0x8070605"),
    ("rev16 x0, x1", "x1=0x0102030405060708", "x0=0x201040306050807"),
    ("rev16 w0, w1", "x1=0x0102030405060708", "x0=0x6050807"),
    ("rev32 x0, x1", "x1=0x0102030405060708", "x0=0x403020108070605"),
    ("clz x0, x1", "x1=0", "x0=64"),
    ("clz w0, w1", "x1=0xffffffff00000000", "x0=32"),
    ("clz x0, x1", "x1=0x0000100000000000", "x0=19"),
    ("clz w0, w1", "x1=0x80000000", "x0=0"),
    ("cls x0, x1", "x1=0", "x0=63"),
    ("cls x0, x1", "x1=0xffffffffffffffff", "x0=63"),
    ("cls x0, x1", "x1=0x4000000000000000", "x0=0"),
    ("cls w0, w1", "x1=0xfff00000", "x0=11"),
    ("cls w0, w1", "x1=0xffffffff00000000", "x0=31"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0xDAC00020, "rbit x0, x1"),
    (0x5AC003E0, "rbit w0, wzr"),
    (0xDAC00420, "rev16 x0, x1"),
    (0x5AC00420, "rev16 w0, w1"),
    (0x5AC00820, "rev w0, w1"),
    (0xDAC00820, "rev32 x0, x1"),
    (0xDAC00C20, "rev x0, x1"),
    (0x5AC01020, "clz w0, w1"),
    (0xDAC01020, "clz x0, x1"),
    (0x5AC01420, "cls w0, w1"),
    (0xDAC01420, "cls x0, x1"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


def test_the_64_bit_reversal_may_say_so():
    assert assemble("rev x0, x1") == assemble("rev64 x0, x1")


REFUSED = [
    "rev32 w0, w1",
    "rev64 w0, w1",
    "clz x0, w1",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x5AC00C20,  # rev x0, x1 with sf clear
    0xFAC00020,  # S set
    0xDAC02C20,  # opcode 001011
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@pytest.mark.parametrize("operation", ["rbit", "rev", "rev16"])
@given(value=values())
def test_reversals_undo_themselves(operation, r, width, value):
    once = after(f"{operation} {r}0, {r}1", x1=value)["x0"]
    assert value & mask(width) == after(f"{operation} {r}0, {r}0", x0=once)["x0"]


@given(value=values())
def test_reversing_in_steps(value):
    """Bytes, then pairs, then quarters: REV16, then exchanging halfwords, makes REV32, and that exchanged makes REV."""
    pairs = after("rev16 x0, x1", x1=value)["x0"]
    exchanged = (pairs & 0xFFFF_0000_FFFF) << 16 | pairs >> 16 & 0xFFFF_0000_FFFF
    assert exchanged == after("rev32 x0, x1", x1=value)["x0"]
    assert after("ror x0, x1, #32", x1=exchanged)["x0"] == after("rev x0, x1", x1=value)["x0"]


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@given(value=values())
def test_counts_are_what_a_reader_of_the_bits_counts(r, width, value):
    bits = f"{value & mask(width):0{width}b}"
    assert width - len(bits.lstrip("0")) == after(f"clz {r}0, {r}1", x1=value)["x0"]
    assert width - len(bits.lstrip(bits[0])) - 1 == after(f"cls {r}0, {r}1", x1=value)["x0"]
