"""What is drawn is what it is said to be."""

import random

import pytest
from hypothesis import given, settings

from aarch64.isa.selection import NothingSelected
from aarch64.isa.table import DECODER, decode, disassemble
from aarch64.sampling import IMPLEMENTED, UNSUPPORTED, Word, WordKind, draw_encoding, draw_state, draw_word, edges
from aarch64.sampling.aliases import alias_boundary
from aarch64.sampling.words import MIX
from aarch64.strategies import Program, encoding, encoding_of, encodings, programs, state, states, words

NAMES = {item.__name__: item for item in (Word, Program, encoding, encoding_of, state)}


def evaluated(value):
    return eval(repr(value), dict(NAMES))  # noqa: S307  (what is printed is to be pasted)


# --- what is printed makes the same again


@settings(max_examples=30)
@given(encodings(), words(), states(), programs())
def test_what_is_printed_can_be_pasted(drawn, word, registers, program):
    assert evaluated(drawn) == drawn
    assert evaluated(word) == word
    assert evaluated(registers) == registers
    assert evaluated(program).text.strip() == program.text.strip()


def test_an_encoding_shows_its_assembly():
    assert repr(encoding(0x8B020020)) == "encoding(0x8b020020, 'add x0, x1, x2')"


def test_an_encoding_that_the_decoder_gets_wrong_is_printed_by_its_fields(monkeypatch):
    drawn = encoding(0x8B020020)
    monkeypatch.setattr(DECODER, "decode", lambda _: None)
    shown = repr(drawn)
    assert shown == (
        "encoding_of('sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5', sf=1, shift=0, rm=2, imm6=0, rn=1, rd=0)"
    )
    assert evaluated(drawn) == drawn


def test_no_encoding():
    with pytest.raises(Exception, match=r"0xffffffff \(sub\) is unallocated"):
        encoding(0xFFFF_FFFF, "sub")
    with pytest.raises(Exception, match="no definition has the pattern 'x'"):
        encoding_of("x")


def test_a_state_knows_its_names():
    assert state(x30=1, sp=16, nzcv=4).x == (*(0,) * 30, 1)
    with pytest.raises(TypeError, match="x31"):
        state(x31=1)


def test_a_state_around_an_address():
    drawn = [draw_state(random.Random(number), around=0x4000_0000) for number in range(50)]
    near = sum(abs(value - 0x4000_0000) <= 0x400 for item in drawn for value in item.x)
    assert all(abs(item.sp - 0x4000_0000) <= 0x400 and not item.sp % 16 for item in drawn)
    assert 0.55 < near / (31 * len(drawn)) < 0.8


# --- selection


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"definition": "ADD (immediate)"}, lambda item: item.title == "ADD (immediate)"),
        ({"definition": "ADD (*"}, lambda item: item.title.startswith("ADD (")),
        ({"group": "Bitfield"}, lambda item: item.group == "Bitfield move"),
        ({"feature": "LSE"}, lambda item: item.feature.label == "FEAT_LSE"),
        ({"group": "atomic", "feature": "FEAT_LSE128"}, lambda item: item.feature.label == "FEAT_LSE128"),
    ],
    ids=["a title", "a pattern of titles", "a group", "a feature", "a group and a feature"],
)
def test_a_selection(selection, expected):
    rng = random.Random(0)
    assert all(expected(draw_encoding(rng, **selection).definition) for _ in range(100))


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"definition": "ADDD (immediate)"}, r"no instruction is called 'ADDD \(immediate\)'; like it are: ADD \(imm"),
        ({"group": "Bitfeld"}, "no group is called 'Bitfeld'; there are: Branches, .*Bitfield move"),
        ({"feature": "LSE3"}, "no instruction belongs to a feature 'LSE3'; there are: FEAT_CRC32, .*FEAT_LSE,"),
        ({"group": "Bitfield", "feature": "LSE"}, "no group is called 'Bitfield'; there are: Atomic"),
        ({"definition": IMPLEMENTED[0], "group": "Branches"}, "not both"),
    ],
    ids=["a title", "a group", "a feature", "a group that is two", "a definition and a group"],
)
def test_an_unknown_name_tells_what_there_is(selection, message):
    with pytest.raises(NothingSelected, match=message):
        encodings(**selection)


# --- words


def is_one_bit_off(word):
    return any(decode(word ^ 1 << bit) for bit in range(32))


def has_ignored_bits_turned(word):
    decoded = decode(word)
    return decoded is not None and bool(
        (decoded.definition.encode(decoded.fields) ^ word) & decoded.definition.pattern.ignored
    )


def is_at_the_limits(word):
    found = [item for item in IMPLEMENTED if item.pattern.matches(word)]
    limits = {field: (*edges(field)[:2], *edges(field)[-2:]) for item in found for field in item.fields.values()}
    return any(all(field.extract(word) in limits[field] for field in item.fields.values()) for item in found)


PROPERTIES = {
    WordKind.ALLOCATED: lambda word: decode(word).definition in IMPLEMENTED,
    WordKind.UNSUPPORTED: lambda word: decode(word).definition in UNSUPPORTED,
    WordKind.IGNORED_BITS: has_ignored_bits_turned,
    WordKind.ONE_BIT_OFF: is_one_bit_off,
    WordKind.FIELD_LIMITS: is_at_the_limits,
    WordKind.NEAR_ALIAS: lambda word: any(item.pattern.matches(word) and item.aliases for item in IMPLEMENTED),
    WordKind.UNIFORM: lambda word: 0 <= word < 1 << 32,
}


@pytest.mark.parametrize("kind", WordKind)
def test_words_are_of_their_kind(kind):
    rng = random.Random(kind.name)
    assert all(PROPERTIES[kind](draw_word(rng, kind)) for _ in range(100))


def test_the_mix_has_every_kind_and_not_just_what_is_allocated():
    assert set(MIX) == set(WordKind)
    rng = random.Random(0)
    decoded = [decode(draw_word(rng)) for _ in range(1000)]
    unallocated = decoded.count(None)
    unsupported = sum(item.definition.unsupported is not None for item in decoded if item)
    assert unallocated > 100
    assert unsupported > 100
    assert len(decoded) - unallocated - unsupported > 400


# --- aliases


@pytest.mark.parametrize(
    ("title", "asm"),
    [("UBFM", "lsl"), ("UBFM", "lsr"), ("ORR (immediate)", "mov"), ("SYS", "at"), ("SUBS (shifted register)", "cmp")],
    ids=lambda value: value,
)
def test_the_boundary_of_an_alias(title, asm):
    definition = next(item for item in IMPLEMENTED if item.title == title)
    alias = next(item for item in definition.aliases if item.asm.split()[0] == asm)
    boundary = alias_boundary(definition, alias)
    assert boundary
    zeros = dict.fromkeys(definition.fields, 0)
    assert [alias.applies(zeros | point) for point in boundary] == [True, False] * (len(boundary) // 2)


def test_encodings_find_what_is_rare():
    rng = random.Random(0)
    texts = {draw_encoding(rng, group="bitfield").text.split()[0] for _ in range(1500)}
    assert texts >= {"lsl", "lsr", "asr", "sxtw", "sxtb", "uxth", "bfc", "bfi", "bfxil", "ubfx", "sbfiz"}


def test_a_word_shows_what_it_is():
    assert repr(Word(0x8B020020)) == f"Word(0x8b020020, {disassemble(0x8B020020)!r})"
