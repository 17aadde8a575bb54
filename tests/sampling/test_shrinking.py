"""What fails shrinks to what a person would have written."""

import pytest
from hypothesis import find, settings

from aarch64.sampling import ProgramOptions
from aarch64.strategies import WordKind, encodings, programs, values, words

SEARCH = settings(max_examples=3000, database=None, derandomize=True)


def simplest(strategy, condition):
    return find(strategy, condition, settings=SEARCH)


@pytest.mark.parametrize(
    ("selection", "condition", "text"),
    [
        ({"definition": "ADD (shifted register)"}, lambda item: item.fields["imm6"], "add x0, x0, x0, lsl #1"),
        ({"definition": "ADD (shifted"}, lambda item: item.fields["imm6"] >= 3, "add x0, x0, x0, lsl #3"),
        ({"definition": "ADD (shifted register)"}, lambda item: not item.fields["sf"], "add w0, w0, w0"),
        ({"definition": "LDUR"}, lambda item: item.fields["imm9"] < 0, "ldur w0, [x0, #-1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_encoding(selection, condition, text):
    assert simplest(encodings(**selection), condition).text == text


def test_a_word():
    assert repr(simplest(words(), lambda word: word >> 29 == 5)) == "Word(0xb1000000, 'adds x0, x0, #0')"
    assert simplest(words(WordKind.UNIFORM), lambda word: word > 0xFF) == 0x100


def test_a_value():
    assert simplest(values(), lambda value: value > 1000) == 1001


SHORT = ProgramOptions(group="Bitfield move", length=3)


def test_a_program():
    program = simplest(programs(SHORT), lambda program: "bl f" in program.text)
    lines = [line.strip() for line in program.text.splitlines()]
    assert lines[lines.index("begin:") + 1 : lines.index("done:")] == ["bl f1"]
