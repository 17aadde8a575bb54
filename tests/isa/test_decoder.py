"""The decoder on small tables: order, totality, and the overlaps it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.isa.decoder import Decoder
from aarch64.isa.definition import DefinitionError, Group

ALL_ONES = 0xFFFF_FFFF


def table(*rows: tuple[str, str, dict[str, object]]) -> Group:
    group = Group("Tests")
    for title, pattern, facts in rows:
        group.unsupported(title, pattern, "only decoded here", **facts)
    return group


GENERAL = ("HINT", "0" * 20 + " crm:4 op2:3 11111", {})
SPECIAL = ("NOP", "0" * 27 + "11111", {"specialises": "HINT"})


def test_the_special_one_comes_first_in_either_order() -> None:
    for rows in ((GENERAL, SPECIAL), (SPECIAL, GENERAL)):
        decoder = Decoder(table(*rows))
        assert decoder.decode(0x1F).definition.title == "NOP"
        assert decoder.decode(0x3F).definition.title == "HINT"


def test_a_word_the_special_one_reserves_falls_to_the_general_one() -> None:
    reserved = ("YIELD", "0" * 20 + " crm:4 00111111", {"specialises": "HINT", "valid": lambda crm: crm == 0})
    decoder = Decoder(table(GENERAL, reserved))
    assert decoder.decode(0x03F).definition.title == "YIELD"
    assert decoder.decode(0x13F).definition.title == "HINT"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("A", "0" * 27 + " rd:5", {}), ("B", "rn:5 " + "0" * 27, {})],
            "A (000000000000000000000000000 rd:5) overlaps B (rn:5 000000000000000000000000000)",
        ),
        ([GENERAL, (*SPECIAL[:2], {})], "the special one must say specialises="),
        (
            [GENERAL, (*SPECIAL[:2], {"specialises": "YIELD"})],
            f"NOP ({SPECIAL[1]}) overlaps HINT ({GENERAL[1]})",
        ),
        ([SPECIAL], "NOP: specialises 'HINT', which it does not overlap"),
        (
            [("HINT", "1" + "0" * 31, {}), SPECIAL],
            "NOP: specialises 'HINT', which it does not overlap",
        ),
    ],
)
def test_overlaps_must_be_declared_and_declarations_must_hold(rows, message) -> None:
    with pytest.raises(DefinitionError) as caught:
        Decoder(table(*rows))
    assert message in str(caught.value)


def test_what_nothing_matches_is_unallocated() -> None:
    decoder = Decoder(table(GENERAL))
    assert decoder.decode(0) is None
    assert decoder.decode(ALL_ONES) is None


def test_reserved_field_values_are_unallocated() -> None:
    decoder = Decoder(table(("A", "0" * 27 + " rd:5", {"valid": lambda rd: rd != 31})))
    assert decoder.decode(30).fields == {"rd": 30}
    assert decoder.decode(31) is None


@pytest.mark.parametrize("word", [-1, 1 << 32])
def test_more_than_32_bits_are_refused(word) -> None:
    with pytest.raises(ValueError, match="is not a 32-bit word"):
        Decoder(table(GENERAL)).decode(word)


def test_rare_definitions_are_loaded_when_a_word_is_none_of_the_others() -> None:
    loads = []
    rare = table(("RARE", "1" * 32, {}))

    def load() -> Group:
        loads.append(rare)
        return rare

    decoder = Decoder(table(GENERAL), rare=load)
    assert (decoder.decode(0x1F).definition.title, loads) == ("HINT", [])
    assert (decoder.decode(ALL_ONES).definition.title, loads) == ("RARE", [rare])
    assert (decoder.decode(1), decoder.decode(0x1F).definition.title, loads) == (None, "HINT", [rare])


@given(st.lists(st.text("01x", min_size=18, max_size=18), min_size=1, max_size=8), st.integers(0, (1 << 21) - 1))
def test_many_definitions_with_the_same_high_bits_are_told_apart(middles, word) -> None:
    patterns = [f"{'0' * 11} {middle} {number:03b}" for number, middle in enumerate(middles)]
    group = table(*((pattern, pattern, {}) for pattern in patterns))
    decoder = Decoder(group)
    found = decoder.decode(word)
    assert ([found.definition] if found else []) == [item for item in group if item.pattern.matches(word)]
    for definition in group:
        assert decoder.decode(definition.pattern.value).definition is definition


@given(st.sets(st.integers(0, ALL_ONES), min_size=1, max_size=20), st.integers(0, ALL_ONES))
def test_exact_patterns_decode_to_themselves(words, other) -> None:
    decoder = Decoder(table(*((str(word), f"{word:032b}", {}) for word in words)))
    for word in words:
        assert decoder.decode(word).definition.title == str(word)
    found = decoder.decode(other)
    assert (found is not None) == (other in words)
