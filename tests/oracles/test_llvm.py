"""Our disassembly is LLVM's: the same text, and the same words unallocated."""

import os
import random
import sys

import pytest

from aarch64.isa import table
from aarch64.sampling import IMPLEMENTED, samples
from tests.oracles import llvm

IN_CI = bool(os.environ.get("CI"))
FROM_DEFINITIONS = 100_000 if IN_CI else 20_000
AT_RANDOM = 1_000_000 if IN_CI else 50_000
EACH = -(-FROM_DEFINITIONS // len(IMPLEMENTED))
SHOWN = 40

DIFFERENCES = llvm.read_differences()


def ours(word: int) -> str | None:
    """Our text, None for an unallocated word; LLVM 14 is asked only about what we implement or do not allocate."""
    return table.disassemble(word) if table.decode(word) else None


def is_unsupported(word: int) -> bool:
    decoded = table.decode(word)
    return decoded is not None and decoded.definition.unsupported is not None


def unexplained(words: list[int]) -> list[str]:
    found = []
    for word, theirs in zip(words, llvm.disassemble(words), strict=True):
        text = ours(word)
        kind = llvm.kind_of_difference(theirs, text)
        if kind and not any(item.explains(word, kind) for item in DIFFERENCES):
            found.append(f"{word:#010x}: LLVM {theirs!r}, we {text!r}")
    return found


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
    for word, theirs in zip(difference.examples, llvm.disassemble(difference.examples), strict=True):
        assert difference.explains(word, llvm.kind_of_difference(theirs, ours(word)))
