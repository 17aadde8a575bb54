"""Flag manipulation: each flag by itself, and the conversions of all sixteen values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.exceptions import ArchException
from aarch64.features import Feature
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check
from tests.isa.running import execute, make_cpu

ROWS = [
    ("rmif x1, #0, #15", "x1=10", "NzCv"),
    ("rmif x1, #0, #15", "x1=5 NzCv", "nZcV"),
    ("rmif x1, #63, #15", "x1=0x8000000000000002", "nZcV"),
    ("rmif x1, #60, #9", "x1=0 NZCV", "nZCv"),
    ("rmif x1, #4, #0", "x1=0xff NZcv", ""),
    ("setf8 w1", "x1=0xffffff00 NzCV", "nZCV"),
    ("setf8 w1", "x1=0x80 C", "NzCV"),
    ("setf8 w1", "x1=0x180 c", "Nzcv"),
    ("setf8 w1", "x1=0x17f", "nzcV"),
    ("setf16 w1", "x1=0xffffffffffff0000 C", "nZCV"),
    ("setf16 w1", "x1=0x8000", "NzcV"),
    ("setf16 w1", "x1=0x1ffff", "Nzcv"),
    ("cfinv", "NZCV", "NZcV"),
    ("cfinv", "nzcv", "nzCv"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


XAFLAG = [
    ("xaflag", "nzcv", "Nzcv"),
    ("xaflag", "nzcV", "Nzcv"),
    ("xaflag", "nzCv", ""),
    ("xaflag", "nzCV", "nzCv"),
    ("xaflag", "nZcv", "nzCV"),
    ("xaflag", "nZcV", "nzCV"),
    ("xaflag", "nZCv", ""),
    ("xaflag", "nZCV", "nZCv"),
    ("xaflag", "Nzcv", ""),
    ("xaflag", "NzcV", "Nzcv"),
    ("xaflag", "NzCv", "nzCv"),
    ("xaflag", "NzCV", "nzCv"),
    ("xaflag", "NZcv", "nzCV"),
    ("xaflag", "NZcV", "nzCV"),
    ("xaflag", "NZCv", "nZCv"),
    ("xaflag", "NZCV", "nZCv"),
]

AXFLAG = [
    ("axflag", "nzcv", ""),
    ("axflag", "nzcV", "nZcv"),
    ("axflag", "nzCv", ""),
    ("axflag", "nzCV", "nZcv"),
    ("axflag", "nZcv", ""),
    ("axflag", "nZcV", "nZcv"),
    ("axflag", "nZCv", ""),
    ("axflag", "nZCV", "nZcv"),
    ("axflag", "Nzcv", "nzcv"),
    ("axflag", "NzcV", "nZcv"),
    ("axflag", "NzCv", "nzCv"),
    ("axflag", "NzCV", "nZcv"),
    ("axflag", "NZcv", "nZcv"),
    ("axflag", "NZcV", "nZcv"),
    ("axflag", "NZCv", "nZCv"),
    ("axflag", "NZCV", "nZcv"),
]


@pytest.mark.parametrize(("text", "before", "changes"), XAFLAG + AXFLAG)
def test_conversion(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0xBA1F842F, "rmif x1, #63, #15"),
    (0xBA0007E0, "rmif xzr, #0, #0"),
    (0x3A00082D, "setf8 w1"),
    (0x3A004BED, "setf16 wzr"),
    (0xD500401F, "cfinv"),
    (0xD500403F, "xaflag"),
    (0xD500405F, "axflag"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


REFUSED = [
    "rmif x1, #64, #0",
    "rmif x1, #0, #16",
    "rmif w1, #0, #0",
    "setf8 x1",
    "cfinv x0",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x3A000420,  # rmif, sf clear
    0xBA000430,  # rmif, o2 set
    0xBA00082D,  # setf8, sf set
    0x3A00082C,  # setf8, mask 1100
    0x3A00882D,  # setf8, opcode2 000010
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("rmif x1, #0, #15", Feature.FLAGM),
        ("setf8 w1", Feature.FLAGM),
        ("cfinv", Feature.FLAGM),
        ("xaflag", Feature.FLAGM2),
        ("axflag", Feature.FLAGM2),
    ],
)
def test_undefined_without_the_feature(text, feature):
    with pytest.raises(ArchException):
        execute(make_cpu(without=[feature]), text)


# --- laws


@given(value=values(), position=st.integers(0, 63), chosen=st.integers(0, 15), before=st.integers(0, 15))
def test_rmif_takes_the_chosen_flags_from_the_rotated_register(value, position, chosen, before):
    rotated = after(f"ror x0, x1, #{position}", x1=value)["x0"]
    nzcv = rotated & chosen | before & ~chosen
    flags = dict(zip("nzcv", map(int, f"{before:04b}"), strict=True))
    left = after(f"rmif x1, #{position}, #{chosen}", x1=value, **flags)
    assert dict(zip("nzcv", map(int, f"{nzcv:04b}"), strict=True)) == {flag: left[flag] for flag in "nzcv"}


@pytest.mark.parametrize(("width", "extend"), [(8, "sxtb"), (16, "sxth")])
@given(x=st.integers(), y=st.integers())
def test_setf_tells_what_a_narrow_addition_would_have(width, extend, x, y):
    """The sum of two sign-extended values: N and Z of it narrowed, V where that loses the sum."""
    x, y = (after(f"{extend} x0, w1", x1=value % 2**64)["x0"] for value in (x, y))
    left = after(f"setf{width} w1", x1=(x + y) % 2**64)
    narrow = (x + y) % 2**width
    exact = x + y - (x >> 63 << 64) - (y >> 63 << 64)
    assert narrow >> (width - 1) == left["n"]
    assert int(narrow == 0) == left["z"]
    assert int(not -(2 ** (width - 1)) <= exact < 2 ** (width - 1)) == left["v"]
