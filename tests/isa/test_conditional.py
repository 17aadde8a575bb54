"""Conditional select and compare: what each condition chooses, and the aliases that write it the other way round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.registers import CONDITIONS
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("csel x0, x1, x2, eq", "x1=1 x2=2 Z", "x0=1"),
    ("csel x0, x1, x2, eq", "x1=1 x2=2 z", "x0=2"),
    ("csel w0, w1, w2, hi", "x1=0xffffffff00000001 x2=2 ZC", "x0=2"),
    ("csel w0, w1, w2, hi", "x1=0xffffffff00000001 x2=2 C", "x0=1"),
    ("csel x0, x1, x2, al", "x1=1 x2=2", "x0=1"),
    ("csel x0, x1, x2, nv", "x1=1 x2=2", "x0=1"),
    ("csinc x0, x1, x2, lt", "x1=1 x2=0xffffffffffffffff N", "x0=1"),
    ("csinc x0, x1, x2, lt", "x1=1 x2=0xffffffffffffffff NV", "x0=0"),
    ("csinc w0, w1, w2, vs", "x2=0xffffffff", "x0=0"),
    ("csinv x0, x1, x2, mi", "x1=1 x2=1", "x0=0xfffffffffffffffe"),
    ("csinv w0, w1, w2, mi", "x1=1 x2=1", "x0=0xfffffffe"),
    ("csneg x0, x1, x2, ge", "x1=1 x2=1 N", "x0=0xffffffffffffffff"),
    ("csneg w0, w1, w2, ge", "x1=1 x2=0x80000000 N", "x0=0x80000000"),
    ("csneg x0, x1, x2, pl", "x1=0x8000000000000000 x2=1", "x0=0x8000000000000000"),
    ("cset x0, ne", "", "x0=1"),
    ("cset w0, ne", "Z", "x0=0"),
    ("csetm x0, hs", "C", "x0=0xffffffffffffffff"),
    ("csetm w0, hs", "C", "x0=0xffffffff"),
    ("cinc x0, x1, gt", "x1=5", "x0=6"),
    ("cinv w0, w1, le", "x1=5 Z", "x0=0xfffffffa"),
    ("cneg x0, x1, lo", "x1=5", "x0=0xfffffffffffffffb"),
    ("ccmp x1, x2, #0, eq", "x1=5 x2=5 Z", "nZCv"),
    ("ccmp x1, x2, #10, eq", "x1=5 x2=5", "NzCv"),
    ("ccmp w1, #31, #0, ne", "x1=0xffffffff0000001f", "nZCv"),
    ("ccmp x1, #0, #15, ne", "x1=0 ZC", "NZCV"),
    ("ccmp x1, #1, #0, al", "x1=0", "Nzcv"),
    ("ccmn x1, x2, #5, lo", "x1=0xffffffffffffffff x2=1", "nZCv"),
    ("ccmn w1, #1, #5, lo", "x1=0x7fffffff C", "nZcV"),
    ("ccmn w1, #1, #0, hs", "x1=0x7fffffff C", "NzcV"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x9A82E020, "csel x0, x1, x2, al"),
    (0x9A82F420, "csinc x0, x1, x2, nv"),
    (0x9A9F17E0, "cset x0, eq"),
    (0x1A9FC7FF, "cset wzr, le"),
    (0xDA9F23E0, "csetm x0, lo"),
    (0x9A811420, "cinc x0, x1, eq"),
    (0x5A816020, "cinv w0, w1, vc"),
    (0xDA815420, "cneg x0, x1, mi"),
    (0xDA9F57E0, "cneg x0, xzr, mi"),
    (0x9A81E420, "csinc x0, x1, x1, al"),
    (0xDA9FF3E0, "csinv x0, xzr, xzr, nv"),
    (0xDA81E420, "csneg x0, x1, x1, al"),
    (0x9A8107E0, "csinc x0, xzr, x1, eq"),
    (0xFA5F282F, "ccmp x1, #31, #15, hs"),
    (0x7A423020, "ccmp w1, w2, #0, lo"),
    (0xBA42F021, "ccmn x1, x2, #1, nv"),
    (0x3A40E820, "ccmn w1, #0, #0, al"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("csel x0, x1, x2, cs", "csel x0, x1, x2, hs"),
    ("csinc x0, xzr, xzr, ne", "cset x0, eq"),
    ("csinc x0, x1, x1, ne", "cinc x0, x1, eq"),
    ("csinv w0, w1, w1, cc", "cinv w0, w1, hs"),
    ("csneg x0, x1, x1, gt", "cneg x0, x1, le"),
    ("cinc x0, xzr, gt", "cset x0, gt"),
    ("cinv w0, wzr, eq", "csetm w0, eq"),
    ("cset x0, cc", "cset x0, lo"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


REFUSED = [
    "cset x0, al",
    "csetm x0, nv",
    "cinc x0, x1, al",
    "cneg x0, x1, nv",
    "ccmp x1, #32, #0, eq",
    "ccmp x1, #1, #16, eq",
    "csel x0, w1, x2, eq",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0xBA820020,  # S set
    0x9A820820,  # op2 10
    0xFA420430,  # ccmp, o2 set
    0xFA420410,  # ccmp, o3 set
    0x9A420000,  # ccmp, S clear
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@pytest.mark.parametrize("number", range(0, 14, 2))
@given(nzcv=st.integers(0, 15))
def test_each_condition_is_the_opposite_of_its_neighbour(number, nzcv):
    flags = dict(zip("nzcv", map(int, f"{nzcv:04b}"), strict=True))
    chosen = [after(f"cset x0, {CONDITIONS[cond]}", **flags)["x0"] for cond in (number, number + 1)]
    assert [0, 1] == sorted(chosen)


@given(x=values(), y=values())
def test_compare_and_select_make_minimum_and_maximum(x, y):
    compared = after("cmp x1, x2", x1=x, x2=y)
    compared.pop("next_pc")
    assert max(x, y) == after("csel x0, x1, x2, hi", **compared)["x0"]
    assert min(x, y) == after("csel x0, x1, x2, ls", **compared)["x0"]
    positive = after("subs x0, x1, #0", x1=x)
    positive.pop("next_pc")
    assert abs(x - (x >> 63 << 64)) == after("cneg x0, x1, lt", **positive)["x0"]


@pytest.mark.parametrize("compare", ["ccmp x1, x2", "ccmp w1, w2", "ccmp x1, #7", "ccmn x1, x2", "ccmn w1, #30"])
@given(
    x=values(), y=values(), before=st.integers(0, 15), nzcv=st.integers(0, 15), cond=st.sampled_from(CONDITIONS[:14])
)
def test_a_conditional_compare_compares_or_gives_its_immediate(compare, x, y, before, nzcv, cond):
    flags = dict(zip("nzcv", map(int, f"{before:04b}"), strict=True))
    compared = after(compare.removeprefix("c"), x1=x, x2=y)
    given_flags = dict(zip("nzcv", map(int, f"{nzcv:04b}"), strict=True))
    holds = after(f"cset x0, {cond}", **flags)["x0"]
    expected = compared if holds else compared | given_flags
    assert expected == after(f"{compare}, #{nzcv}, {cond}", x1=x, x2=y, **flags)
