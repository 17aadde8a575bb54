"""Every integer instruction Unicorn knows, on random states: registers, flags, next PC and memory are the same."""

import os
import random
import sys
from itertools import groupby

import pytest

from aarch64.fuzz.emulators.differences import Difference, read_differences
from aarch64.fuzz.emulators.ours import Blocks, Semantics
from aarch64.fuzz.emulators.pair import Pair
from aarch64.fuzz.emulators.situation import draw_case_state
from aarch64.fuzz.emulators.unicorn_ import Unicorn
from aarch64.fuzz.execute import COMPARED
from aarch64.isa.decoder import Decoded
from aarch64.isa.definition import Definition, Trait
from aarch64.sampling import IMPLEMENTED, samples

LEAST_CASES = 200_000 if os.environ.get("CI") else 20_000
STALE_CASES = 300
NO_BLOCKS = {
    "Exception generation and return",
    "Reserved",
    "Branches with pointer authentication",  # executed by themselves
    "Load register (pointer authentication)",  # of random pointers, the authentication of which fails
}
"""Groups of which no case is completed in a block."""
BLOCKS, STATES = (24 if os.environ.get("CI") else 3), 4
"""Of a definition, how many words are compiled, and on how many states each runs."""
CASES = -(-LEAST_CASES // len(COMPARED))
GROUPS = {name: list(items) for name, items in groupby(COMPARED, key=lambda definition: definition.group)}
DIFFERENCES = read_differences("unicorn")


def pair_with(ours) -> Pair:
    return Pair(Unicorn(), ours)


def encoded(definition: Definition, fields) -> Decoded:
    return Decoded(definition, definition.encode(fields), fields)


def cases_of(definition: Definition, count: int):
    rng = random.Random(definition.pattern.text)
    for fields in samples(definition, count):
        yield fields, draw_case_state(definition, fields, rng)


def differing_cases(pair: Pair, definition: Definition, count: int):
    pair.forget_exclusive()
    for fields, state in cases_of(definition, count):
        theirs, ours = pair.compare(encoded(definition, fields), state)
        if theirs.comparable != ours.comparable:
            yield fields, state, theirs, ours


def explanation(definition, fields, theirs, ours) -> Difference | None:
    return next((item for item in DIFFERENCES if item.explains(definition, fields, theirs, ours)), None)


@pytest.mark.parametrize("group", GROUPS)
def test_same_as_unicorn(group, capsys) -> None:
    pair = pair_with(Semantics())
    explained = 0
    for definition in GROUPS[group]:
        for fields, state, theirs, ours in differing_cases(pair, definition, CASES):
            assert explanation(definition, fields, theirs, ours), (
                f"{definition.title} {definition.encode(fields):#010x} {fields} {state}\n"
                f"unicorn: {theirs.summary()}\nours:    {ours.summary()}"
            )
            explained += 1
    with capsys.disabled():
        sys.stdout.write(
            f"unicorn: {group}: {CASES * len(GROUPS[group])} cases, {explained} differ for a known reason\n"
        )


@pytest.mark.parametrize("group", GROUPS)
def test_blocks_are_the_same_as_unicorn(group, capsys) -> None:
    """Each instruction as the hot path compiles it, by itself, on a few states."""
    blocks, cases = Blocks(), 0
    pair = pair_with(blocks)
    for definition in GROUPS[group]:
        rng = random.Random(definition.pattern.text)
        for fields in samples(definition, BLOCKS):
            for _ in range(STATES):
                theirs, ours = pair.compare(encoded(definition, fields), draw_case_state(definition, fields, rng))
                assert theirs.comparable == ours.comparable or explanation(definition, fields, theirs, ours), (
                    f"{definition.title} {definition.encode(fields):#010x} {fields}\n"
                    f"unicorn: {theirs.summary()}\nours:    {ours.summary()}"
                )
        cases += BLOCKS * STATES
    assert bool(blocks.ran) == (group not in NO_BLOCKS)
    with capsys.disabled():
        sys.stdout.write(f"unicorn: {group}: {blocks.ran} of {cases} cases as blocks\n")


def test_enough_cases() -> None:
    assert CASES * len(COMPARED) >= LEAST_CASES
    assert sum(map(len, GROUPS.values())) == len(COMPARED)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda item: item.reason[:60])
def test_reasoned_differences_still_differ(difference) -> None:
    concerned = [item for item in COMPARED if difference.concerns(item)]
    assert set(difference.titles) <= {item.title for item in concerned}
    assert set(difference.features) <= {item.feature.name for item in concerned if item.feature}
    pair = pair_with(Semantics())
    differing = {
        definition.title
        for definition in concerned
        for fields, _, theirs, ours in differing_cases(pair, definition, STALE_CASES)
        if difference.explains(definition, fields, theirs, ours)
    }
    assert differing == {definition.title for definition in concerned}, "these no longer differ"


STORE_EXCLUSIVES = [item for item in IMPLEMENTED if item.traits & Trait.STORE_EXCLUSIVE]


def matching_load(store: Definition) -> Definition:
    """The load-exclusive of the same size: STLXRB goes with LDAXRB."""
    title = store.title.replace("STL", "LDA").replace("ST", "LD")
    size = store.pattern.value >> 30
    return next(item for item in IMPLEMENTED if item.title == title and item.pattern.value >> 30 == size)


def other_than(*taken: int) -> int:
    return next(number for number in range(31) if number not in taken)


@pytest.mark.parametrize("store", STORE_EXCLUSIVES, ids=lambda item: f"{item.title} {item.pattern.text}")
def test_store_exclusive_after_load_exclusive(store) -> None:
    """It stores, and says so, unless the mark was lost in between."""
    rng = random.Random(store.title)
    pair = pair_with(Semantics())
    load = matching_load(store)
    stored = 0
    for fields in samples(store, 100):
        data = {fields[name] for name in ("rt", "rt2", "rn") if name in fields}
        if fields["rs"] in data:
            continue  # CONSTRAINED UNPREDICTABLE
        state = draw_case_state(store, fields, rng)
        rt = other_than(fields["rn"])
        into = {**fields, "rt": rt, "rt2": other_than(fields["rn"], rt)}
        theirs, ours = pair.compare(encoded(load, {name: into[name] for name in load.fields}), state)
        assert theirs.comparable == ours.comparable
        if rng.random() < 0.2:
            pair.forget_exclusive()
        theirs, ours = pair.compare(encoded(store, fields), state)
        assert theirs.comparable == ours.comparable, (fields, theirs.summary(), ours.summary())
        stored += fields["rs"] != 31 and ours.x[fields["rs"]] == 0
    assert stored > 20
