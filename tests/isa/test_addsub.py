"""Add and subtract: results, flags, SP, and how they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

WIDTHS = [("x", 64), ("w", 32)]

ROWS = [
    ("add x0, x1, #4095", "x1=0xffffffffffffffff", "x0=0xffe"),
    ("add w0, w1, #1, lsl #12", "x1=0xfffffffffffff000", "x0=0"),
    ("add sp, sp, #16", "sp=0x1000", "sp=0x1010"),
    ("add x0, sp, #16", "sp=0x1000", "x0=0x1010"),
    ("add wsp, wsp, #16", "sp=0xfffffffffffffff8", "sp=8"),
    ("add x0, x1, x2", "x1=1 x2=0xffffffffffffffff NZCV", "x0=0"),
    ("add w0, w1, w2, lsl #31", "x1=1 x2=0xffffffff00000003", "x0=0x80000001"),
    ("add x0, x1, x2, asr #60", "x1=16 x2=0x8000000000000000", "x0=8"),
    ("add x0, x1, xzr", "x1=7", "x0=7"),
    ("add x0, x1, w2, sxtb #4", "x1=0x1000 x2=0xffffff80", "x0=0x800"),
    ("add x0, x1, w2, uxth", "x1=1 x2=0xabcdffff", "x0=0x10000"),
    ("add sp, x1, x2, lsl #4", "x1=0x1000 x2=3", "sp=0x1030"),
    ("add w0, w1, w2, sxtx #1", "x1=1 x2=0xffffffff80000001", "x0=3"),
    ("sub x0, x1, #1", "x1=0", "x0=0xffffffffffffffff"),
    ("sub w0, w1, #1", "x1=0xffffffff00000000", "x0=0xffffffff"),
    ("sub sp, sp, #4095, lsl #12", "", "sp=0x3f009000"),
    ("sub x0, x1, x2, lsr #1", "x1=1 x2=0xffffffffffffffff", "x0=0x8000000000000002"),
    ("sub x0, sp, w2, sxtw #3", "sp=0x1000 x2=0xffffffff", "x0=0x1008"),
    ("neg w0, w1", "x1=0x80000000", "x0=0x80000000"),
    ("adds x0, x1, #1", "x1=0xffffffffffffffff", "x0=0 nZCv"),
    ("adds x0, x1, #1", "x1=0x7fffffffffffffff", "x0=0x8000000000000000 NzcV"),
    ("adds w0, w1, w2", "x1=0x80000000 x2=0x80000000", "x0=0 nZCV"),
    ("adds w0, w1, w2", "x1=0xffffffff x2=0xffffffffffffffff", "x0=0xfffffffe NzCv"),
    ("adds x0, sp, w1, uxtb", "sp=0xffffffffffffff01 x1=0xff", "x0=0 nZCv"),
    ("subs x0, x1, #0", "x1=0", "x0=0 nZCv"),
    ("subs x0, x1, #1", "x1=0 ZV", "x0=0xffffffffffffffff Nzcv"),
    ("subs w0, w1, w2", "x1=0x80000000 x2=1", "x0=0x7fffffff nzCV"),
    ("subs x0, x1, x1", "x1=5", "x0=0 nZCv"),
    ("subs x0, sp, x1, uxtx #2", "sp=0x1000 x1=0x400", "x0=0 nZCv"),
    ("negs x0, x1", "x1=0x8000000000000000", "x0=0x8000000000000000 NzcV"),
    ("cmp x1, x2", "x1=1 x2=2", "Nzcv"),
    ("cmp sp, #1", "sp=1", "nZCv"),
    ("cmn w1, #1", "x1=0xffffffff", "nZCv"),
    ("cmn x1, x2, lsl #63", "x1=0x8000000000000000 x2=1", "nZCV"),
    ("adc x0, x1, x2", "x1=1 x2=2 C", "x0=4"),
    ("adc w0, w1, w2", "x1=0xffffffff x2=0 C", "x0=0"),
    ("adcs x0, x1, x2", "x1=0xffffffffffffffff x2=0 C", "x0=0 nZCv"),
    ("adcs w0, w1, w2", "x1=0x7fffffff x2=0 C", "x0=0x80000000 NzcV"),
    ("sbc x0, x1, x2", "x1=5 x2=3", "x0=1"),
    ("sbc x0, x1, x2", "x1=5 x2=3 C", "x0=2"),
    ("sbcs w0, w1, w2", "x1=0 x2=0", "x0=0xffffffff Nzcv"),
    ("sbcs x0, x1, x2", "x1=0 x2=0xffffffffffffffff", "x0=0 nZcv"),
    ("ngc x0, x1", "x1=0", "x0=0xffffffffffffffff"),
    ("ngcs w0, w1", "x1=0 C", "x0=0 nZCv"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x9100003F, "mov sp, x1"),
    (0x910003E1, "mov x1, sp"),
    (0x1100003F, "mov wsp, w1"),
    (0x91000020, "add x0, x1, #0"),
    (0x9140003F, "add sp, x1, #0, lsl #12"),
    (0xF100003F, "cmp x1, #0"),
    (0x710007FF, "cmp wsp, #1"),
    (0xB17FFC3F, "cmn x1, #4095, lsl #12"),
    (0xF10007E0, "subs x0, sp, #1"),
    (0xEB02003F, "cmp x1, x2"),
    (0x6B827C3F, "cmp w1, w2, asr #31"),
    (0xAB02043F, "cmn x1, x2, lsl #1"),
    (0xCB0103E0, "neg x0, x1"),
    (0x4B4107E0, "neg w0, w1, lsr #1"),
    (0xEB0103E0, "negs x0, x1"),
    (0xEB0103FF, "cmp xzr, x1"),
    (0xEB2163FF, "cmp sp, x1"),
    (0xEB2173FF, "cmp sp, x1, lsl #4"),
    (0xEB22603F, "cmp x1, x2, uxtx"),
    (0xEB22C43F, "cmp x1, w2, sxtw #1"),
    (0x2B2143FF, "cmn wsp, w1"),
    (0x2B22403F, "cmn w1, w2, uxtw"),
    (0x8B2163E0, "add x0, sp, x1"),
    (0x8B226020, "add x0, x1, x2, uxtx"),
    (0x8B2143E0, "add x0, sp, w1, uxtw"),
    (0x0B2143E0, "add w0, wsp, w1"),
    (0x0B226020, "add w0, w1, w2, uxtx"),
    (0x8B22603F, "add sp, x1, x2"),
    (0xAB2167E0, "adds x0, sp, x1, lsl #1"),
    (0xAB226420, "adds x0, x1, x2, uxtx #1"),
    (0xDA0103E0, "ngc x0, x1"),
    (0x7A0103E0, "ngcs w0, w1"),
    (0x9A1F0020, "adc x0, x1, xzr"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("add x0, x1, #-4", "sub x0, x1, #4"),
    ("sub x0, x1, #-4096", "add x0, x1, #1, lsl #12"),
    ("adds w0, w1, #-1", "subs w0, w1, #1"),
    ("subs w0, wsp, #-4095", "adds w0, wsp, #4095"),
    ("cmp x0, #-4", "cmn x0, #4"),
    ("cmn wsp, #-1, lsl #12", "cmp wsp, #1, lsl #12"),
    ("add x0, x1, #4096", "add x0, x1, #1, lsl #12"),
    ("cmp x0, #0xfff000", "cmp x0, #4095, lsl #12"),
    ("add x0, x1, 4", "add x0, x1, #4"),
    ("add x0, x1, #1, lsl #0", "add x0, x1, #1"),
    ("subs xzr, x1, x2", "cmp x1, x2"),
    ("adds wzr, wsp, #1", "cmn wsp, #1"),
    ("sub x0, xzr, x1", "neg x0, x1"),
    ("sbc x0, xzr, x1", "ngc x0, x1"),
    ("add sp, sp, x1, uxtx", "add sp, sp, x1"),
    ("add sp, sp, x1, lsl #0", "add sp, sp, x1"),
    ("ADD X0, X1, #1", "add x0, x1, #1"),
    ("add w0, wsp, w1, uxtw #1", "add w0, wsp, w1, lsl #1"),
    ("add x0, sp, #0", "mov x0, sp"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


UNALLOCATED = [
    0x0B028020,  # add w0, w1, w2, lsl #32
    0x8BC20020,  # add x0, x1, x2, ror #0
    0x8B223420,  # add x0, x1, w2, uxth #5
    0xCB62E020,  # option 011, bit 22 set
    0x9A020420,  # adc with bit 10 set
    0xB1800020,  # adds immediate, bit 23 set
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@pytest.mark.parametrize(("r", "width"), WIDTHS)
@given(x=values(), y=values())
def test_comparison_means_what_the_conditions_say(r, width, x, y):
    left = after(f"cmp {r}1, {r}2", x1=x, x2=y)
    n, z, c, v = (left[flag] for flag in "nzcv")
    x, y = x % 2**width, y % 2**width
    as_signed_x, as_signed_y = (value - (value >> (width - 1) << width) for value in (x, y))
    expected = {
        "eq": x == y,
        "hs": x >= y,
        "hi": x > y,
        "ge": as_signed_x >= as_signed_y,
        "gt": as_signed_x > as_signed_y,
    }
    assert expected == {"eq": z == 1, "hs": c == 1, "hi": c > z, "ge": n == v, "gt": n == v and not z}


@given(x=values(), y=values(), high_x=values(), high_y=values())
def test_carry_chains_make_wider_numbers(x, y, high_x, high_y):
    low = after("adds x0, x1, x2", x1=x, x2=y)
    high = after("adcs x0, x1, x2", x1=high_x, x2=high_y, c=low["c"])
    total = (high_x << 64 | x) + (high_y << 64 | y)
    assert total == high["c"] << 128 | high["x0"] << 64 | low["x0"]


@pytest.mark.parametrize(("r", "width"), WIDTHS)
@given(x=values(), y=values())
def test_subtraction_undoes_addition(r, width, x, y):
    total = after(f"add {r}0, {r}1, {r}2", x1=x, x2=y)["x0"]
    assert x % 2**width == after(f"sub {r}0, {r}0, {r}2", x0=total, x2=y)["x0"]


@pytest.mark.parametrize("operation", ["add", "sub"])
@pytest.mark.parametrize("operand", ["#7", "x2, lsr #3", "w2, sxth #2"])
@given(x=values(), y=values(), flags=st.integers(0, 15))
def test_setting_flags_changes_nothing_else(operation, operand, x, y, flags):
    before = {"x1": x, "x2": y} | dict(zip("nzcv", map(int, f"{flags:04b}"), strict=True))
    plain = after(f"{operation} x0, x1, {operand}", **before)
    setting = after(f"{operation}s x0, x1, {operand}", **before)
    assert plain | {flag: setting[flag] for flag in "nzcv"} == setting
    assert {flag: before[flag] for flag in "nzcv"} == {flag: plain[flag] for flag in "nzcv"}
