"""Shifts by a register: the amount counts modulo the width."""

import pytest
from hypothesis import given

from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("lsl x0, x1, x2", "x1=3 x2=63", "x0=0x8000000000000000"),
    ("lsl x0, x1, x2", "x1=3 x2=64", "x0=3"),
    ("lsl w0, w1, w2", "x1=0xffffffffffffffff x2=33", "x0=0xfffffffe"),
    ("lsr x0, x1, x2", "x1=0x8000000000000000 x2=0xffffffffffffffff", "x0=1"),
    ("lsr w0, w1, w2", "x1=0xffffffff80000000 x2=0xffffffff0000001f", "x0=1"),
    ("asr x0, x1, x2", "x1=0x8000000000000000 x2=127", "x0=0xffffffffffffffff"),
    ("asr w0, w1, w2", "x1=0x80000000 x2=32", "x0=0x80000000"),
    ("asr w0, w1, w2", "x1=0x80000000 x2=4", "x0=0xf8000000"),
    ("ror x0, x1, x2", "x1=1 x2=1", "x0=0x8000000000000000"),
    ("ror x0, x1, x2", "x1=0x123456789abcdef0 x2=64", "x0=0x123456789abcdef0"),
    ("ror w0, w1, w2", "x1=0xffffffff00000001 x2=4", "x0=0x10000000"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x9AC22020, "lsl x0, x1, x2"),
    (0x1AC22420, "lsr w0, w1, w2"),
    (0x9AC22BE0, "asr x0, xzr, x2"),
    (0x1ADF2C20, "ror w0, w1, wzr"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("lslv x0, x1, x2", "lsl x0, x1, x2"),
    ("lsrv w0, w1, w2", "lsr w0, w1, w2"),
    ("asrv x0, x1, x2", "asr x0, x1, x2"),
    ("rorv w0, w1, w2", "ror w0, w1, w2"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


UNALLOCATED = [
    0xBAC22020,  # S set
    0x9AC23C20,  # opcode 001111
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@pytest.mark.parametrize("operation", ["lsl", "lsr", "asr", "ror"])
@given(value=values(), amount=values())
def test_a_shift_by_a_register_is_the_shift_by_its_value(operation, r, width, value, amount):
    by_immediate = after(f"{operation} {r}0, {r}1, #{amount % width}", x1=value, x2=amount)
    assert by_immediate == after(f"{operation} {r}0, {r}1, {r}2", x1=value, x2=amount)
