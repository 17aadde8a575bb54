"""Expressions of the assembler: the GNU assembler's precedence and 64-bit arithmetic."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.assembler.expressions import Address, ExpressionError, evaluate
from tests.oracles import gnu_as

SYMBOLS = {"size": 40, "start": Address(".text", 8), "end": Address(".text", 32), "table": Address(".data", 0)}
OPERATORS = ["*", "/", "%", "<<", ">>", "|", "&", "^", "+", "-", "==", "!=", "<>", "<", ">", "<=", ">=", "&&", "||"]
NUMBERS = ["0", "1", "2", "3", "7", "63", "010", "0x10", "0b101", "0xffffffff", "12345678"]


def lookup(name):
    if name not in SYMBOLS:
        raise ExpressionError(f"undefined symbol {name!r}")
    return SYMBOLS[name]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("2 + 3 & 1", 3),  # & binds tighter than +
        ("1 << 2 * 3", 12),  # << and * are of one level
        ("10 - 3 - 2", 5),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("-1 >> 4", 0x0FFF_FFFF_FFFF_FFFF),
        ("1 << 63", -(1 << 63)),
        ("0xffffffffffffffff", (1 << 64) - 1),
        ("0xffffffffffffffff + 1", 0),
        ("3 < 4", -1),
        ("7 ! 2", -1),
        ("!5", 0),
        ("010", 8),
        ("(size + 2) * 3", 126),
        ("end - start", 24),
        ("start < end", -1),
        ("end + 4", Address(".text", 36)),
        ("4 + end", Address(".text", 36)),
        ("end - 4", Address(".text", 28)),
        ("table + (end - start)", Address(".data", 24)),
    ],
)
def test_values(text, value):
    assert value == evaluate(text, lookup)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "expected a value", 0),
        ("1 +", "expected a value", 3),
        ("(1 + 2", "this parenthesis is not closed", 0),
        ("1 2", "'2' was not expected here", 2),
        ("1 + 12ab", "'12ab' cannot stand in an expression", 4),
        ("1 @ 2", "'@' cannot stand in an expression", 2),
        ("089", "089 is not a number (a leading 0 means octal)", 0),
        ("0x10000000000000000", "0x10000000000000000 does not fit 64 bits", 0),
        ("1 / (2 - 2)", "division by zero", 2),
        ("1 << 64", "shift by 64: the amount is 0 to 63", 2),
        ("2 * nowhere", "undefined symbol 'nowhere'", 4),
        ("end - table", "the value depends on where sections are placed, which is not known yet", 4),
        ("end * 2", "the value depends on where sections are placed, which is not known yet", 4),
        ("~end", "~ needs a constant, not an address", 0),
        ("(" * 1000 + "1" + ")" * 1000, "too deeply nested", 64),
        ("-" * 100_000 + "1", "too deeply nested", 64),
    ],
)
def test_errors(text, message, position):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, lookup)
    assert (message, position) == (caught.value.message, caught.value.position)


def test_random_expressions_mean_what_they_mean_to_gnu_as(tmp_path):
    random_ = random.Random(20)
    expressions = [text for text in (_random_expression(random_, 4) for _ in range(2000)) if _has_value(text)]
    content = gnu_as.data("".join(f".quad {text}\n" for text in expressions), tmp_path)
    values = [int.from_bytes(content[start : start + 8], "little") for start in range(0, len(content), 8)]
    ours = [evaluate(text, lookup) % (1 << 64) for text in expressions]
    assert len(expressions) > 1000
    assert [row for row in zip(expressions, values, ours, strict=True) if row[1] != row[2]] == []


def _random_expression(random_, depth):
    # Left out, because GNU as is at odds with itself there: `a ! !b`, and -2^63 / -1 (which makes it crash).
    shape = random_.random()
    if depth == 0 or shape < 0.2:
        return random_.choice(NUMBERS)
    inner = _random_expression(random_, depth - 1)
    if shape < 0.35:
        return random_.choice("-~!+") + inner
    if shape < 0.5:
        return f"({inner})"
    return f"{inner} {random_.choice(OPERATORS)} {_random_expression(random_, depth - 1)}"


def _has_value(text):
    try:
        evaluate(text, lookup)
    except ExpressionError:
        return False
    return True


@given(st.text(alphabet="019abxf.$_ ()+-*/%<>&|^~!=':\"\t", max_size=40))
def test_any_text_has_a_value_or_an_error_inside_it(text):
    value, position = _outcome(text)
    assert -(1 << 63) <= value < 1 << 64
    assert 0 <= position <= len(text)


def _outcome(text):
    """The value and 0, or 0 and the position of the error."""
    try:
        return evaluate(text, len), 0
    except ExpressionError as error:
        return 0, error.position
