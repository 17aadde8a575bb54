"""Encoding patterns: what they mean, and what is said of those that mean nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.isa.pattern import Field, PatternError, parse_pattern

ADD = "sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sf:1 00", "3 bits, not 32"),
        ("", "0 bits, not 32"),
        ("0" * 32 + " rd:5", "'rd:5' goes past 32 bits"),
        ("0" * 30 + " 111", "'111' goes past 32 bits"),
        ("Rd:5 " + "0" * 27, "'Rd:5' is neither literal bits (0, 1, x) nor name:width"),
        ("rd:0 " + "0" * 32, "'rd:0' is neither"),
        ("rd " + "0" * 27, "'rd' is neither"),
        ("012" + "0" * 29, f"'012{'0' * 29}' is neither"),
        ("rd:5 rd:5 " + "0" * 22, "appears twice"),
    ],
)
def test_malformed_pattern_says_what_is_wrong(text, message) -> None:
    with pytest.raises(PatternError) as caught:
        parse_pattern(text)
    assert message in str(caught.value)
    assert repr(text) in str(caught.value)


def test_mask_and_value_are_the_literal_bits() -> None:
    pattern = parse_pattern(ADD)
    assert (pattern.mask, pattern.value) == (0x7F20_0000, 0x0B00_0000)


def test_x_is_ignored() -> None:
    pattern = parse_pattern("1x0 " + "x" * 29)
    assert (pattern.mask, pattern.value) == (0xA000_0000, 0x8000_0000)


@pytest.mark.parametrize(
    ("text", "ignored", "should_be_one"),
    [
        (ADD, 0, 0),
        ("1x0 " + "x" * 29, 0x5FFF_FFFF, 0),
        ("(11) 0x " + "0" * 20 + " rn:3 (1) imm:s4", 0xD000_0010, 0xC000_0010),
        ("x " * 4 + "rn:8 (11111) " + "0" * 10 + " rd:5", 0xF00F_8000, 0x000F_8000),
    ],
)
def test_what_is_neither_literal_nor_a_field_is_ignored(text, ignored, should_be_one) -> None:
    pattern = parse_pattern(text)
    assert (pattern.ignored, pattern.should_be_one) == (ignored, should_be_one)


def test_fields_lie_from_bit_31_downwards() -> None:
    fields = {field.name: (field.low, field.width) for field in parse_pattern(ADD).fields}
    assert fields == {"sf": (31, 1), "shift": (22, 2), "rm": (16, 5), "imm6": (10, 6), "rn": (5, 5), "rd": (0, 5)}


@pytest.mark.parametrize(
    ("one", "other", "overlap", "within"),
    [
        ("0" * 32, "0" * 32, True, True),
        ("0" * 32, "rd:5 " + "0" * 27, True, True),
        ("rd:5 " + "0" * 27, "0" * 32, True, False),
        ("0" * 32, "1" + "0" * 31, False, False),
        ("0x" + "0" * 30, "x0" + "0" * 30, True, False),
        ("0" * 31 + "x", "0" * 31 + "1", True, False),
        ("0" * 31 + "1", "0" * 31 + "x", True, True),
    ],
)
def test_overlap_and_containment(one, other, overlap, within) -> None:
    first, second = parse_pattern(one), parse_pattern(other)
    assert first.overlaps(second) == overlap
    assert first.is_within(second) == within


@pytest.mark.parametrize(
    ("field", "value", "domain"),
    [
        (Field("imm", 5, 3), 8, "0 to 7"),
        (Field("imm", 5, 3), -1, "0 to 7"),
        (Field("imm", 5, 3, True), 4, "-4 to 3"),
        (Field("imm", 5, 3, True), -5, "-4 to 3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(field, value, domain) -> None:
    with pytest.raises(ValueError, match=rf"^{value} does not fit imm \({domain}\)$"):
        field.insert(value)


@given(st.integers(0, 31), st.integers(1, 32), st.booleans(), st.data())
def test_extract_undoes_insert(low, width, is_signed, data) -> None:
    field = Field("f", low, min(width, 32 - low), is_signed)
    value = data.draw(st.integers(field.domain.start, field.domain.stop - 1))
    noise = data.draw(st.integers(0, 0xFFFF_FFFF)) & ~(((1 << field.width) - 1) << low)
    word = field.insert(value) | noise
    assert field.extract(word) == value
    assert eval(field.expression, {"word": word}) == value  # noqa: S307  (the field's own source)
