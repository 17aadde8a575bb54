"""CRC32 and CRC32C, against zlib and the check values of the two polynomials."""

import zlib

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
    ("crc32b w0, w1, w2", "x1=0 x2=1 NZCV", "x0=0x77073096"),
    ("crc32h w0, w1, w2", "x1=0xffffffffffffffff x2=0xffff1234", "x0=0xf6b56fbf"),
    ("crc32w w0, w1, w2", "x1=0xffffffff x2=0xffffffff12345678", "x0=0x5092782d"),
    ("crc32x w0, w1, x2", "x1=0xffffffff x2=0x123456789abcdef0", "x0=0xe6ddf8b5"),
    ("crc32cb w0, w1, w2", "x1=0 x2=0xff01", "x0=0xf26b8303"),
    ("crc32ch w0, w1, w2", "x1=0xffffffff x2=0x1234", "x0=0xf13f4cea"),
    ("crc32cw w0, w1, w2", "x1=0xffffffff x2=0x12345678", "x0=0x4dece20c"),
    ("crc32cx w0, w1, x2", "x1=0xffffffff x2=0x123456789abcdef0", "x0=0xd95b664b"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x1AC24020, "crc32b w0, w1, w2"),
    (0x1AC24420, "crc32h w0, w1, w2"),
    (0x1AC24820, "crc32w w0, w1, w2"),
    (0x9AC24C20, "crc32x w0, w1, x2"),
    (0x1AC25020, "crc32cb w0, w1, w2"),
    (0x1AC25420, "crc32ch w0, w1, w2"),
    (0x1AC25820, "crc32cw w0, w1, w2"),
    (0x9ADF5FE0, "crc32cx w0, wzr, xzr"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


REFUSED = [
    "crc32x w0, w1, w2",
    "crc32w w0, w1, x2",
    "crc32b x0, w1, w2",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


UNALLOCATED = [
    0x1AC24C20,  # crc32x, sf clear
    0x9AC24820,  # crc32w, sf set
    0x9AC25020,  # crc32cb, sf set
    0x3AC24020,  # S set
]


@pytest.mark.parametrize("word", UNALLOCATED)
def test_unallocated(word):
    assert decode(word) is None


def test_undefined_without_the_feature():
    with pytest.raises(ArchException):
        execute(make_cpu(without=[Feature.CRC32]), "crc32b w0, w1, w2")


# --- laws


def checksum(mnemonic: str, data: bytes) -> int:
    """The usual checksum of `data`: all ones to begin with, inverted at the end."""
    accumulator = mask(32)
    for byte in data:
        accumulator = after(f"{mnemonic}b w0, w0, w1", x0=accumulator, x1=byte)["x0"]
    return accumulator ^ mask(32)


@given(data=st.binary(max_size=20))
def test_crc32_is_zlibs(data):
    assert zlib.crc32(data) == checksum("crc32", data)


def test_check_values_of_the_catalogue():
    """CRC-32/ISO-HDLC and CRC-32/ISCSI of "123456789"."""
    assert 0xCBF4_3926 == checksum("crc32", b"123456789")
    assert 0xE306_9283 == checksum("crc32c", b"123456789")


@pytest.mark.parametrize("mnemonic", ["crc32", "crc32c"])
@pytest.mark.parametrize(("wide", "narrow", "bits"), [("x", "w", 32), ("w", "h", 16), ("h", "b", 8)])
@given(accumulator=values(), value=values())
def test_two_halves_are_as_good_as_one_whole(mnemonic, wide, narrow, bits, accumulator, value):
    operand = "x2" if wide == "x" else "w2"
    whole = after(f"{mnemonic}{wide} w0, w1, {operand}", x1=accumulator, x2=value)["x0"]
    half = after(f"{mnemonic}{narrow} w0, w1, w2", x1=accumulator, x2=value)["x0"]
    assert whole == after(f"{mnemonic}{narrow} w0, w0, w2", x0=half, x2=value >> bits)["x0"]
