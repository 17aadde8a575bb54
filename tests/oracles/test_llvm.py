"""Our disassembly is LLVM's: the same text, and the same words unallocated."""

import os
import random
import sys

import pytest

from aarch64.fuzz.decode import Comparison, TextRule
from aarch64.fuzz.decoders.differences import read_differences
from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.fuzz.target import Divergence
from aarch64.isa import table
from aarch64.sampling import IMPLEMENTED, samples

IN_CI = bool(os.environ.get("CI"))
FROM_DEFINITIONS = 100_000 if IN_CI else 20_000
AT_RANDOM = 1_000_000 if IN_CI else 50_000
EACH = -(-FROM_DEFINITIONS // len(IMPLEMENTED))
SHOWN = 40

LLVM = Llvm()
DIFFERENCES = read_differences("llvm")
COMPARISON = Comparison(LLVM, TextRule.EXACT, DIFFERENCES)
"""LLVM 14 is asked only about what we implement or do not allocate."""


def is_unsupported(word: int) -> bool:
    decoded = table.decode(word)
    return decoded is not None and decoded.definition.unsupported is not None


def unexplained(words: list[int]) -> list[str]:
    return [
        f"{word:#010x}: LLVM {verdict.theirs!r}, we {verdict.ours!r}"
        for word, verdict in zip(words, COMPARISON.check(words), strict=True)
        if isinstance(verdict, Divergence) and not verdict.reason
    ]


def test_words_drawn_from_every_definition() -> None:
    words = [definition.encode(fields) for definition in IMPLEMENTED for fields in samples(definition, EACH)]
    assert len(words) >= FROM_DEFINITIONS
    assert unexplained(words)[:SHOWN] == []


def test_random_words(capsys) -> None:
    rng = random.Random(0)
    words = [rng.getrandbits(32) for _ in range(AT_RANDOM)]
    compared = [word for word in words if not is_unsupported(word)]
    allocated = sum(table.decode(word) is not None for word in compared)
    with capsys.disabled():
        sys.stdout.write(
            f"\nllvm: {len(words)} random words: {allocated} implemented, {len(compared) - allocated} unallocated; "
            f"{len(words) - len(compared)} unsupported, not compared\n"
        )
    assert unexplained(compared)[:SHOWN] == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda item: item.reason[:60])
def test_reasoned_differences_still_differ(difference) -> None:
    assert difference.examples
    for verdict in Comparison(LLVM, TextRule.EXACT, [difference]).check(difference.examples):
        assert isinstance(verdict, Divergence)
        assert verdict.reason == difference.reason
