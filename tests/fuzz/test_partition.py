"""The sets of words that a sweep counts: they are all words, and our decoder cannot tell the words of one apart."""

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64.fuzz.sweep.partition import ALL_BITS, Cube, Span, cubes, deposit, spans, withdraw
from aarch64.fuzz.sweep.plan import Plan, Region, chosen
from aarch64.isa.table import DECODER, decode
from aarch64.strategies import words

FREES = st.integers(0, ALL_BITS)


@cache
def all_cubes():
    return tuple(cube for span in spans(0, ALL_BITS, 27) for cube in cubes(span))


def definition_of(word):
    decoded = decode(word)
    return decoded and decoded.definition


def test_the_words_of_all_definitions_and_the_unallocated_ones_are_2_to_the_32():
    assert sum(cube.size for cube in all_cubes()) == 1 << 32


def test_no_two_cubes_share_a_word():
    for cube in random.Random(0).sample(all_cubes(), 100):
        known = ALL_BITS & ~cube.free
        overlapping = [other for other in all_cubes() if not (cube.value ^ other.value) & known & ~other.free]
        assert overlapping == [cube]


def test_every_definition_has_words():
    """A definition that others hide is a mistake."""
    assert {cube.definition for cube in all_cubes()} == {None, *DECODER.definitions}


PAGES = {
    "hints and barriers": 0xD503_0000,
    "SYS": 0xD508_0000,
    "logical immediates": 0x1200_0000,
    "bitfields": 0x1300_0000,
    "extended registers": 0x8B20_0000,
    "CASP": 0x0820_0000,
    "atomics": 0x19A0_0000,
    "PAC": 0xDAC1_0000,
    "vectors": 0x0E20_0000,
}


@pytest.mark.parametrize("first", PAGES.values(), ids=PAGES)
def test_cubes_have_the_words_that_decode_so(first):
    """By brute force: all words with the same first half."""
    cube_of = {word: cube.definition for cube in cubes(Span(first, 16)) for word in cube.words()}
    assert cube_of == {word: definition_of(word) for word in range(first, first + (1 << 16))}


@settings(max_examples=100)
@given(words())
def test_the_decoder_finds_what_the_cube_of_a_word_has(word):
    found = list(cubes(Span(word, 0)))
    assert [cube.definition for cube in found] == [definition_of(word)]


def test_all_words_of_small_cubes_are_decoded_alike():
    small = [cube for cube in all_cubes() if cube.size <= 1 << 10]
    for cube in random.Random(0).sample(small, 100):
        assert {definition_of(word) for word in cube.words()} == {cube.definition}


@settings(max_examples=60)
@given(st.data())
def test_words_of_large_cubes_are_decoded_alike(data):
    cube = data.draw(st.sampled_from(all_cubes()))
    number = data.draw(st.integers(0, cube.size - 1))
    assert definition_of(cube.words(number, 1)[0]) is cube.definition


# --- words of a cube


@settings(max_examples=60)
@given(FREES, st.integers(0, ALL_BITS))
def test_withdraw_undoes_deposit(free, number):
    number &= (1 << free.bit_count()) - 1
    word = deposit(number, free)
    assert word & ~free == 0
    assert withdraw(word, free) == number


@settings(max_examples=60)
@given(st.integers(0, 12).flatmap(lambda bits: st.permutations(range(32)).map(lambda order: order[:bits])), st.data())
def test_the_words_of_a_cube_are_numbered_in_ascending_order(bits, data):
    free = sum(1 << bit for bit in bits)
    cube = Cube(data.draw(st.integers(0, ALL_BITS)) & ~free, free, None)
    every = [cube.value | deposit(number, free) for number in range(cube.size)]
    assert cube.words() == sorted(set(every)) == every
    start, count = data.draw(st.integers(0, cube.size)), data.draw(st.integers(0, cube.size + 5))
    assert cube.words(start, count) == every[start : start + count]


@settings(max_examples=60)
@given(st.data(), st.integers(4, 3000), st.integers(0, 3))
def test_chosen_words_are_as_many_as_wanted_all_different_and_of_the_cube(data, most, seed):
    cube = data.draw(st.sampled_from(all_cubes()))
    found = chosen(cube, most, seed)
    assert len(set(found)) == len(found) == min(most, cube.size)
    assert all((word ^ cube.value) & ~cube.free == 0 for word in found)
    assert {cube.value, cube.value | cube.free} <= set(found)
    assert found == chosen(cube, most, seed)


def test_chosen_words_are_spread_over_the_cube():
    (cube,) = [cube for cube in cubes(Span(0x14000000, 26)) if cube.size == 1 << 26]
    found = chosen(cube, 1 << 16, 0)
    runs = [sum(word >> 22 & 0xF == part for word in found) / 256 for part in range(16)]
    assert all(14 <= count <= 18 for count in runs), "256 runs of 256 words, 16 in each sixteenth"


# --- plans


@settings(max_examples=60)
@given(st.integers(0, ALL_BITS), st.integers(0, ALL_BITS), st.integers(5, 27))
def test_spans_are_the_region_in_order_and_aligned(one, other, bits):
    first, last = sorted((one, one + (other - one) % (1 << bits)))
    last = min(last, ALL_BITS)
    place = first
    for span in spans(first, last, bits):
        assert span.first == place
        assert span.first % span.size == 0
        assert span.bits <= bits
        place += span.size
    assert place == last + 1


@pytest.mark.parametrize("wanted", [1 << 12, 100_000, 1 << 20])
def test_a_budget_is_used_up_and_not_by_much_more(wanted):
    survey = Plan(words=wanted, region=Region(0x08000000, 0x1FFFFFFF)).surveyed()
    assert wanted <= survey.asked or survey.most == 4
    assert survey.asked <= max(wanted + survey.cubes, 4 * survey.cubes)


def test_every_word_is_asked_for_without_a_budget():
    survey = Plan(region=Region(0x0B00_0000, 0x0B01_FFFF)).surveyed()
    assert (survey.most, survey.asked) == (None, 0x2_0000)
