"""Laws over the whole table: decoding is total, text and fields survive the round trip, definitions keep apart."""

import os
import random
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.fuzz import laws
from aarch64.isa import table
from aarch64.isa.definition import Definition, Trait, check_syntax
from aarch64.sampling import IMPLEMENTED, UNSUPPORTED, is_register, samples
from aarch64.strategies import encodings, words

IN_CI = bool(os.environ.get("CI"))
ROUND_TRIPS = 2000 if IN_CI else 100
RANDOM_WORDS = 300_000 if IN_CI else 30_000

DEFINITIONS = table.DECODER.definitions


def identify(definition: Definition) -> str:
    return f"{definition.title} {definition.pattern.text}"


# --- decoding


@given(words())
def test_decoding_is_total_and_gives_what_is_in_the_word(word) -> None:
    assert laws.decoding(word) is None


@given(encodings(), st.integers(0, 31))
def test_what_is_read_at_once_is_what_is_extracted_and_accepted(encoding, bit) -> None:
    definition = encoding.definition
    word = encoding.word ^ (1 << bit) & ~definition.pattern.mask
    extracted = definition.extract(word)
    assert definition.read(word) == (extracted if definition.accepts(extracted) else None)


@given(encodings())
def test_decode_undoes_encode(encoding) -> None:
    decoded = table.decode(encoding.word)
    assert (decoded.definition, decoded.fields) == (encoding.definition, encoding.fields)


@pytest.mark.parametrize("step", [0x0010_0001, 0x0001_0003])
def test_disassembly_is_total(step) -> None:
    for word in range(0, 1 << 32, step * (1 if IN_CI else 37)):
        assert laws.disassembly(word) is None


def test_two_definitions_share_a_word_only_if_one_specialises_the_other() -> None:
    """By brute force over random words, independently of how the decoder looks for overlaps."""
    rng = random.Random(0)
    masks = [(item.pattern.mask, item.pattern.value, item) for item in DEFINITIONS]
    drawn = [definition.encode(fields) for definition in IMPLEMENTED for fields in samples(definition, 1)]
    for word in drawn + [rng.getrandbits(32) for _ in range(300)]:
        found = [item for mask, value, item in masks if word & mask == value]
        if len(found) > 1:
            titles = {item.title for item in found}
            general = [item for item in found if item.specialises not in titles]
            assert len(general) == 1, f"{word:#010x} belongs to {titles}"


# --- text


@pytest.mark.parametrize("definition", IMPLEMENTED, ids=identify)
def test_assemble_undoes_disassemble(definition) -> None:
    for fields in samples(definition, ROUND_TRIPS):
        assert laws.assembly(definition.encode(fields)) is None


@given(words(), st.integers(0, (1 << 46) - 1).map(lambda number: number * 4))
def test_assemble_undoes_disassemble_at_an_address(word, address) -> None:
    assert laws.assembly(word, address) is None


@pytest.mark.parametrize("definition", IMPLEMENTED, ids=identify)
def test_every_form_that_applies_assembles_to_the_word(definition) -> None:
    """Aliases nobody prints included: what they stand for is the same word, or one with the same text."""
    for fields in samples(definition, 60):
        assert laws.forms(definition.encode(fields)) is None


def all_or_many(definition: Definition) -> Iterator[dict[str, int]]:
    """Every combination of the fields that are no registers, if there are not too many; else draws."""
    deciding = [field for field in definition.pattern.fields if not is_register(field)]
    if sum(field.width for field in deciding) > 15:
        yield from samples(definition, 1500)
        return
    registers = [field.name for field in definition.pattern.fields if is_register(field)]
    for values in product(*(field.domain for field in deciding)):
        known = dict(zip((field.name for field in deciding), values, strict=True))
        for number in (31, 2):
            yield known | dict.fromkeys(registers, number)


@pytest.mark.parametrize("definition", IMPLEMENTED, ids=identify)
def test_every_alias_is_reached(definition) -> None:
    """An alias that no allocated field values fit is a mistake."""
    missing = {form.template.text: form for form in definition.forms if form.alias}
    for drawn in all_or_many(definition):
        for text, form in tuple(missing.items()):
            fields = {**drawn, **form.fixed}
            if definition.accepts(fields) and form.alias.applies(fields):
                del missing[text]
        if not missing:
            break
    assert set() == missing.keys()


# --- facts


@pytest.mark.parametrize("definition", DEFINITIONS, ids=identify)
def test_definition_is_complete(definition) -> None:
    assert definition.title.strip() == definition.title != ""
    assert bool(definition.semantics) != bool(definition.unsupported)
    check_syntax(definition)


def test_patterns_are_unique() -> None:
    keys = [(item.pattern.mask, item.pattern.value, item.specialises) for item in DEFINITIONS]
    assert len(set(keys)) == len(keys)


def test_both_kinds_are_there() -> None:
    assert len(IMPLEMENTED) + len(UNSUPPORTED) == len(DEFINITIONS)
    assert len(IMPLEMENTED) > 300
    assert {item.feature.name for item in UNSUPPORTED if item.feature} >= {
        "FP",
        "MTE",
        "MOPS",
        "LS64",
        "TME",
        "SVE",
        "SME",
    }


IMPLIED = [
    (Trait.LOAD_EXCLUSIVE, Trait.LOADS),
    (Trait.STORE_EXCLUSIVE, Trait.STORES),
    (Trait.ATOMIC, Trait.LOADS | Trait.STORES),
    (Trait.CONDITIONAL, Trait.BRANCHES | Trait.PC_RELATIVE),
    (Trait.CALLS, Trait.BRANCHES),
    (Trait.MAINTAINS, Trait.WRITES_SYSREG),
]


@pytest.mark.parametrize("definition", IMPLEMENTED, ids=identify)
def test_traits_go_together(definition) -> None:
    for trait, implied in IMPLIED:
        if definition.traits & trait:
            assert definition.traits & implied == implied
    if definition.traits & Trait.UNPRIVILEGED:
        assert definition.traits & (Trait.LOADS | Trait.STORES)


def test_what_maintains_is_the_space_of_sys() -> None:
    """Op0 0b01, L 0b0: "System instruction class encoding overview"."""
    in_space = {item for item in IMPLEMENTED if item.pattern.value >> 19 == 0b1101010100001}
    assert {item for item in IMPLEMENTED if item.traits & Trait.MAINTAINS} == in_space
    assert {item.title for item in in_space} == {"SYS", "DC"}


def test_traits_that_only_some_fields_have_are_those_of_registers() -> None:
    assert {item.title: set(item.traits_when) for item in IMPLEMENTED if item.traits_when} == {
        "MRS": {Trait.READS_EXCEPTION_STATE}
    }
