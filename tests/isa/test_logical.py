"""Logical operations: results, flags, bit masks, and how they are written."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.pseudocode import bit_masks_are_valid, decode_bit_masks, encode_bit_masks
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("and x0, x1, #0xff", "x1=0x12345678 NZCV", "x0=120"),
    ("and w0, w1, #0x80000001", "x1=0xffffffffffffffff", "x0=0x80000001"),
    ("and sp, x1, #0xfffffffffffffff0", "x1=0x123f", "sp=0x1230"),
    ("and x0, x1, x2, ror #4", "x1=0xff000000000000ff x2=0x3c", "x0=0xc000000000000003"),
    ("orr x0, x1, #0x5555555555555555", "x1=0xf0", "x0=0x55555555555555f5"),
    ("orr wsp, w1, #0xf", "x1=0xff00000000000000", "sp=15"),
    ("orr w0, w1, w2, lsl #4", "x1=0xffffffff00000001 x2=0xff000001", "x0=0xf0000011"),
    ("eor x0, x1, #0x7fffffffffffffff", "x1=0x8000000000000001", "x0=0xfffffffffffffffe"),
    ("eor w0, w1, #0xfffffffe", "x1=0xffffffff", "x0=1"),
    ("eor x0, x1, x2, asr #63", "x1=0xff x2=0x8000000000000000", "x0=0xffffffffffffff00"),
    ("bic x0, x1, x2", "x1=0xff x2=0xf", "x0=240"),
    ("bic w0, w1, w2, lsr #28", "x1=0xffffffffffffffff x2=0xf0000000", "x0=0xfffffff0"),
    ("orn x0, x1, x2", "x1=0 x2=0xff", "x0=0xffffffffffffff00"),
    ("orn w0, w1, w2, asr #31", "x1=1 x2=0x7fffffff", "x0=0xffffffff"),
    ("eon x0, x1, x2, lsl #60", "x1=0 x2=0xff", "x0=0xfffffffffffffff"),
    ("eon w0, w1, w2", "x1=0xf0 x2=0xf0", "x0=0xffffffff"),
    ("ands x0, x1, #0x8000000000000000", "x1=0xffffffffffffffff ZCV", "x0=0x8000000000000000 Nzcv"),
    ("ands w0, w1, #0x80000000", "x1=0x7fffffff NCV", "x0=0 nZcv"),
    ("ands x0, x1, x2", "x1=5 x2=2 NCV", "x0=0 nZcv"),
    ("bics x0, x1, x2", "x1=0xff x2=0xff CV", "x0=0 nZcv"),
    ("bics w0, w1, w2", "x1=0xffffffff x2=1 Z", "x0=0xfffffffe Nzcv"),
    ("tst x1, #0x1", "x1=2 NCV", "nZcv"),
    ("tst w1, w2, ror #1", "x1=0x80000000 x2=1 ZCV", "Nzcv"),
    ("mov x0, x1", "x1=0x123456789abcdef0", "x0=0x123456789abcdef0"),
    ("mov w0, w1", "x1=0x123456789abcdef0", "x0=0x9abcdef0"),
    ("mvn x0, x1", "x1=0", "x0=0xffffffffffffffff"),
    ("mvn w0, w1, lsl #4", "x1=0xf", "x0=0xffffff0f"),
    ("mov x0, #0x5555555555555555", "", "x0=0x5555555555555555"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x92400020, "and x0, x1, #0x1"),
    (0x121F7820, "and w0, w1, #0xfffffffe"),
    (0x92400FFF, "and sp, xzr, #0xf"),
    (0xB201F020, "orr x0, x1, #0xaaaaaaaaaaaaaaaa"),
    (0xF2401C3F, "tst x1, #0xff"),
    (0x6A02003F, "tst w1, w2"),
    (0xEAC2FC3F, "tst x1, x2, ror #63"),
    (0xAA0103E0, "mov x0, x1"),
    (0x2A1F03E0, "mov w0, wzr"),
    (0xAA0107E0, "orr x0, xzr, x1, lsl #1"),
    (0xAA2103E0, "mvn x0, x1"),
    (0x2AA107E0, "mvn w0, w1, asr #1"),
    (0xB200F3E0, "mov x0, #6148914691236517205"),
    (0x3201F3E0, "mov w0, #-1431655766"),
    (0xB200F3FF, "mov sp, #6148914691236517205"),
    (0xB24003E0, "orr x0, xzr, #0x1"),
    (0xB27C03FF, "orr sp, xzr, #0x10"),
    (0x32165BE0, "orr w0, wzr, #0xfffffc01"),
    (0x8AE20420, "bic x0, x1, x2, ror #1"),
    (0x4A220020, "eon w0, w1, w2"),
    (0xEA22003F, "bics xzr, x1, x2"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("and x0, x1, #-16", "and x0, x1, #0xfffffffffffffff0"),
    ("and w0, w1, #-16", "and w0, w1, #0xfffffff0"),
    ("and w0, w1, #0xfffffffffffffff0", "and w0, w1, #0xfffffff0"),
    ("tst x0, #-2", "tst x0, #0xfffffffffffffffe"),
    ("bic x0, x1, #15", "and x0, x1, #0xfffffffffffffff0"),
    ("bics w0, w1, #0xfffffff0", "ands w0, w1, #0xf"),
    ("orn x0, x1, #1", "orr x0, x1, #0xfffffffffffffffe"),
    ("eon w0, w1, #-2", "eor w0, w1, #0x1"),
    ("mov sp, #16", "orr sp, xzr, #0x10"),
    ("mov wsp, #-16", "orr wsp, wzr, #0xfffffff0"),
    ("ands xzr, x1, #3", "tst x1, #0x3"),
    ("orr x0, xzr, x1", "mov x0, x1"),
    ("mov w0, #0x55555555", "mov w0, #1431655765"),
    ("mov x0, #0xaaaaaaaaaaaaaaaa", "mov x0, #-6148914691236517206"),
    ("and x0, x1, x2, lsl #0", "and x0, x1, x2"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


UNALLOCATED = [
    0x0A028020,  # and w0, w1, w2, lsl #32
    0x12400020,  # w register, N set
    0x9240FC20,  # 64 ones
    0x9200F820,  # element of one bit
    0x92007C20,  # 32 ones in an element of 32
    0xB200F420,  # two ones in an element of two
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


@pytest.mark.parametrize(("sf", "width", "count"), [(1, 64, 5334), (0, 32, 1302)])
def test_every_bit_mask_is_an_element_repeated(sf, width, count):
    """Each size has `size * (size - 1)` elements: a run of 1 to size - 1 ones in each rotation."""
    masks = {
        decode_bit_masks(n, imms, immr, width)
        for n in (0, 1)
        for imms in range(64)
        for immr in range(64)
        if bit_masks_are_valid(n, imms, sf)
    }
    assert sum(size * (size - 1) for size in (2, 4, 8, 16, 32, 64) if size <= width) == count == len(masks)
    for value in masks:
        n, imms, immr = encode_bit_masks(value, width)
        assert value == decode_bit_masks(n, imms, immr, width)


@pytest.mark.parametrize("width", [32, 64])
def test_what_is_no_bit_mask_has_no_encoding(width):
    rng = random.Random(width)
    for value in (0, mask(width), 5, mask(width) ^ 5, *(rng.getrandbits(width) for _ in range(2000))):
        assert encode_bit_masks(value, width) is None, hex(value)


OPERANDS = st.sampled_from(["x2", "x2, lsl #7", "x2, lsr #63", "x2, asr #1", "x2, ror #33"])


@given(x=values(), y=values(), operand=OPERANDS)
def test_de_morgan(x, y, operand):
    inverted = x ^ mask(64)
    either = after(f"orr x0, x1, {operand}", x1=x, x2=y)["x0"]
    assert either ^ mask(64) == after(f"bic x0, x1, {operand}", x1=inverted, x2=y)["x0"]
    both = after(f"and x0, x1, {operand}", x1=x, x2=y)["x0"]
    assert x == both | after(f"bic x0, x1, {operand}", x1=x, x2=y)["x0"]


@given(x=values(), y=values(), operand=OPERANDS)
def test_exclusive_or_undoes_itself_and_eon_inverts_it(x, y, operand):
    once = after(f"eor x0, x1, {operand}", x1=x, x2=y)["x0"]
    assert x == after(f"eor x0, x1, {operand}", x1=once, x2=y)["x0"]
    assert once ^ mask(64) == after(f"eon x0, x1, {operand}", x1=x, x2=y)["x0"]


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@pytest.mark.parametrize("operation", ["and", "bic"])
@given(x=values(), y=values(), flags=st.integers(0, 15))
def test_flags_are_those_of_the_result(operation, r, width, x, y, flags):
    before = {"x1": x, "x2": y} | dict(zip("nzcv", map(int, f"{flags:04b}"), strict=True))
    plain = after(f"{operation} {r}0, {r}1, {r}2", **before)
    result = plain["x0"]
    expected = plain | {"n": result >> (width - 1), "z": int(result == 0), "c": 0, "v": 0}
    assert expected == after(f"{operation}s {r}0, {r}1, {r}2", **before)
