"""`kprobes/README.md` says what is so: its tables, its example, and the tests it names."""

import re
import subprocess
import sys

import pytest

from tests.kprobes.guest import KERNELS
from tests.kprobes.readme import AUDITS, PAGE, TABLES, shown

TEXT = PAGE.read_text()
TESTS = "\n".join(path.read_text() for path in (PAGE.parents[1] / "tests" / "kprobes").glob("test_*.py"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_there_is(name):
    """If not: python -m tests.kprobes.readme."""
    assert TABLES[name]() == shown()[name]


def test_there_is_no_other_table():
    assert set(TABLES) | set(AUDITS) == set(shown())


def test_every_row_is_told_in_words():
    words = TEXT.partition("In words:")[2].partition("## ")[0]
    told = [int(number) for number in re.findall(r"^(\d+)\. ", words, re.MULTILINE)]
    assert sorted({row.row for kernel in KERNELS for row in kernel.engine.transitions.values()}) == told


def test_every_row_has_a_test_that_names_it():
    for row in range(1, 18):
        assert re.search(rf"def test_row_{row}_", TESTS), row


def test_the_tests_that_are_named_are_there():
    named = re.findall(r"`(test_\w+)`", TEXT)
    assert named
    assert [] == [name for name in named if f"def {name}(" not in TESTS]


def test_the_example_runs():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=PAGE.parents[1], capture_output=True, text=True, check=True
    )
    assert "called with 5\nnow 25\n" == done.stdout
