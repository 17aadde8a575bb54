"""Capstone's disassembly means what ours does, but for what is known of it."""

import random

import pytest

from aarch64.fuzz.decode import Comparison, TextRule
from aarch64.fuzz.decoders.capstone_ import Capstone
from aarch64.fuzz.decoders.differences import read_differences
from aarch64.fuzz.target import Divergence
from aarch64.sampling import draw_word

WORDS = 10_000
CAPSTONE = Capstone()
DIFFERENCES = read_differences("capstone")


def test_same_as_capstone() -> None:
    rng = random.Random(0)
    verdicts = Comparison(CAPSTONE, TextRule.MEANING, DIFFERENCES).check([draw_word(rng) for _ in range(WORDS)])
    assert [item for item in verdicts if isinstance(item, Divergence) and not item.reason] == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda item: item.reason[:60])
def test_reasoned_differences_still_differ(difference) -> None:
    assert difference.examples
    for verdict in Comparison(CAPSTONE, TextRule.MEANING, [difference]).check(difference.examples):
        assert isinstance(verdict, Divergence)
        assert verdict.reason == difference.reason
