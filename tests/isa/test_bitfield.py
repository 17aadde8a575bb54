"""Bitfield moves: fields and shifts, against the architecture's formula, and their many names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask, replicate, rotate_right
from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.strategies import values
from tests.isa.rows import after, check

ROWS = [
    ("lsl x0, x1, #63", "x1=3", "x0=0x8000000000000000"),
    ("lsl w0, w1, #4", "x1=0xfffffffff0000001", "x0=16"),
    ("lsr x0, x1, #0", "x1=0xffffffffffffffff", "x0=0xffffffffffffffff"),
    ("lsr w0, w1, #31", "x1=0xffffffff80000000", "x0=1"),
    ("asr x0, x1, #63", "x1=0x8000000000000000", "x0=0xffffffffffffffff"),
    ("asr w0, w1, #4", "x1=0x80000000", "x0=0xf8000000"),
    ("ubfx x0, x1, #8, #16", "x1=0x123456789a", "x0=0x5678"),
    ("ubfx w0, w1, #31, #1", "x1=0x80000000", "x0=1"),
    ("sbfx x0, x1, #4, #4", "x1=0x80", "x0=0xfffffffffffffff8"),
    ("sbfx w0, w1, #4, #4", "x1=0x80", "x0=0xfffffff8"),
    ("ubfiz x0, x1, #60, #4", "x1=0xff", "x0=0xf000000000000000"),
    ("sbfiz x0, x1, #8, #4", "x1=0xf8", "x0=0xfffffffffffff800"),
    ("sbfiz w0, w1, #8, #4", "x1=8", "x0=0xfffff800"),
    ("bfi x0, x1, #8, #8", "x0=0x1111111111111111 x1=0xffee", "x0=0x111111111111ee11"),
    ("bfi w0, w1, #31, #1", "x0=0xffffffff00000000 x1=1", "x0=0x80000000"),
    ("bfxil x0, x1, #8, #8", "x0=0x1111111111111111 x1=0xffee11", "x0=0x11111111111111ee"),
    ("bfxil w0, w1, #0, #32", "x1=0x123456789", "x0=0x23456789"),
    ("bfc x0, #4, #8", "x0=0xffffffffffffffff", "x0=0xfffffffffffff00f"),
    ("bfc w0, #0, #32", "x0=0xffffffffffffffff", "x0=0"),
    ("sxtb x0, w1", "x1=0x80", "x0=0xffffffffffffff80"),
    ("sxtb w0, w1", "x1=0x80", "x0=0xffffff80"),
    ("sxth x0, w1", "x1=0x18000", "x0=0xffffffffffff8000"),
    ("sxtw x0, w1", "x1=0x80000000", "x0=0xffffffff80000000"),
    ("uxtb w0, w1", "x1=0xffffffffffffffff", "x0=255"),
    ("uxth w0, w1", "x1=0xffffffffffffffff", "x0=0xffff"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x13001C20, "sxtb w0, w1"),
    (0x93401C20, "sxtb x0, w1"),
    (0x13003C20, "sxth w0, w1"),
    (0x93403C20, "sxth x0, w1"),
    (0x93407C20, "sxtw x0, w1"),
    (0x9341FC20, "asr x0, x1, #1"),
    (0x13007C20, "asr w0, w1, #0"),
    (0x93412020, "sbfx x0, x1, #1, #8"),
    (0x93402020, "sbfx x0, x1, #0, #9"),
    (0x937C1C20, "sbfiz x0, x1, #4, #8"),
    (0x13010020, "sbfiz w0, w1, #31, #1"),
    (0xB37C1FE0, "bfc x0, #4, #8"),
    (0xB3401FE0, "bfc x0, #0, #8"),
    (0xB37C1C20, "bfi x0, x1, #4, #8"),
    (0xB3442C20, "bfxil x0, x1, #4, #8"),
    (0xB3400020, "bfxil x0, x1, #0, #1"),
    (0x33042FE0, "bfxil w0, wzr, #4, #8"),
    (0x53001C20, "uxtb w0, w1"),
    (0x53003C20, "uxth w0, w1"),
    (0xD340FC20, "lsr x0, x1, #0"),
    (0x531F7C20, "lsr w0, w1, #31"),
    (0xD37FF820, "lsl x0, x1, #1"),
    (0x53010020, "lsl w0, w1, #31"),
    (0xD3401C20, "ubfx x0, x1, #0, #8"),
    (0xD3407C20, "ubfx x0, x1, #0, #32"),
    (0xD37FF420, "ubfiz x0, x1, #1, #62"),
    (0x531C1C20, "ubfiz w0, w1, #4, #8"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


ACCEPTED = [
    ("lsl x0, x1, #0", "lsr x0, x1, #0"),
    ("lsl w0, w1, #0", "lsr w0, w1, #0"),
    ("ubfx x0, x1, #60, #4", "lsr x0, x1, #60"),
    ("sbfx w0, w1, #0, #8", "sxtb w0, w1"),
    ("bfi x0, x1, #0, #8", "bfxil x0, x1, #0, #8"),
    ("bfi x0, xzr, #4, #8", "bfc x0, #4, #8"),
    ("sbfiz x0, x1, #0, #8", "sxtb x0, w1"),
    ("ubfiz w0, w1, #0, #1", "ubfx w0, w1, #0, #1"),
    ("sbfm x0, x1, #4, #3", "sbfiz x0, x1, #60, #4"),
    ("ubfm x0, x1, #60, #59", "lsl x0, x1, #4"),
    ("ubfm w0, w1, #4, #3", "lsl w0, w1, #28"),
    ("bfm x0, x1, #4, #3", "bfi x0, x1, #60, #4"),
    ("bfm w0, w1, #0, #31", "bfxil w0, w1, #0, #32"),
    ("uxtb x0, w1", "uxtb w0, w1"),
    ("uxth x0, w1", "uxth w0, w1"),
    ("uxtw x0, w1", "ubfx x0, x1, #0, #32"),
]


@pytest.mark.parametrize(("written", "preferred"), ACCEPTED)
def test_other_ways_to_write_it(written, preferred):
    assert preferred == disassemble(assemble(written))


REFUSED = [
    "lsl x0, x1, #64",
    "lsr w0, w1, #32",
    "bfi x0, x1, #60, #5",
    "bfi x0, x1, #64, #1",
    "ubfx w0, w1, #31, #2",
    "ubfx x0, x1, #0, #0",
    "sbfiz x0, x1, #0, #65",
    "ubfm w0, w1, #32, #0",
    "lsl x0, w1, #1",
    "sxtw w0, w1",
    "bfc x0, #-1, #4",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x13400020,  # w register, N set
    0x93000020,  # x register, N clear
    0x13200020,  # w register, immr 32
    0x13008020,  # w register, imms 32
    0xF3400020,  # opc 11
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


# --- laws


def by_masks(kind: str, old: int, value: int, immr: int, imms: int, width: int) -> int:
    """The result as the pseudocode of "SBFM", "BFM" and "UBFM" has it: rotate, then combine by two masks."""
    wmask = rotate_right(mask(imms + 1), immr, width)
    tmask = mask(((imms - immr) % width) + 1)
    kept = old if kind == "bfm" else 0
    above = replicate(value >> imms & 1, 1, width) if kind == "sbfm" else kept
    moved = kept & ~wmask | rotate_right(value, immr, width) & wmask
    return above & ~tmask & mask(width) | moved & tmask


@pytest.mark.parametrize(("r", "width"), [("x", 64), ("w", 32)])
@pytest.mark.parametrize("kind", ["sbfm", "bfm", "ubfm"])
@given(data=st.data(), old=values(), value=values())
def test_against_the_masks_of_the_architecture(kind, r, width, data, old, value):
    position = st.integers(0, width - 1)
    immr, imms = data.draw(position), data.draw(position)
    expected = by_masks(kind, old & mask(width), value & mask(width), immr, imms, width)
    assert expected == after(f"{kind} {r}0, {r}1, #{immr}, #{imms}", x0=old, x1=value)["x0"]


@given(value=values(), amount=st.integers(0, 63))
def test_shifts(value, amount):
    assert value << amount & mask(64) == after(f"lsl x0, x1, #{amount}", x1=value)["x0"]
    assert value >> amount == after(f"lsr x0, x1, #{amount}", x1=value)["x0"]
    negative = value - (value >> 63 << 64)
    assert negative // 2**amount % 2**64 == after(f"asr x0, x1, #{amount}", x1=value)["x0"]


@given(old=values(), value=values(), data=st.data())
def test_what_is_inserted_can_be_extracted_and_the_rest_stays(old, value, data):
    lsb = data.draw(st.integers(0, 63))
    length = data.draw(st.integers(1, 64 - lsb))
    inserted = after(f"bfi x0, x1, #{lsb}, #{length}", x0=old, x1=value)["x0"]
    assert value & mask(length) == after(f"ubfx x2, x0, #{lsb}, #{length}", x0=inserted)["x2"]
    cleared = after(f"bfc x0, #{lsb}, #{length}", x0=inserted)["x0"]
    assert cleared == after(f"bfc x0, #{lsb}, #{length}", x0=old)["x0"]
