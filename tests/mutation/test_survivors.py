"""The list of surviving mutants: each entry is about a line that there is, and says why it survives."""

from pathlib import Path

import pytest

from tests.mutation.survivors import read_survivors

ROOT = Path(__file__).parents[2]
SURVIVORS = read_survivors()


@pytest.mark.parametrize("survivor", SURVIVORS, ids=lambda item: f"{item.change.file} {item.change.becomes}")
def test_what_is_listed_is_in_its_file(survivor) -> None:
    text = " ".join((ROOT / survivor.change.file).read_text().split())
    assert survivor.change.line in text
    assert survivor.change.line != survivor.change.becomes
    assert all(f" {name}(" in text or f"class {name}:" in text for name in survivor.change.where.split(".") if name)
    assert survivor.reason.strip()


def test_nothing_is_listed_twice() -> None:
    assert len({item.change for item in SURVIVORS}) == len(SURVIVORS)
