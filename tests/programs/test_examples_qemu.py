"""The expectations of the examples hold on a machine that is not ours."""

from pathlib import Path

import pytest

from tests.oracles.qemu import QemuResult, run_qemu
from tests.programs.examples import PROGRAMS, Example, load_examples

BUILDS = [(example, elf) for example in load_examples() for elf in example.elfs]


@pytest.mark.parametrize(("example", "elf"), BUILDS, ids=[elf.name for _, elf in BUILDS])
def test_qemu_does_what_is_expected(example: Example, elf: Path) -> None:
    assert QemuResult(example.stdout, example.exit_status) == run_qemu(elf, el=example.el)


def test_every_program_has_an_expectation() -> None:
    listed = {elf for _, elf in BUILDS}
    assert listed == set(PROGRAMS.glob("*.elf"))


def test_every_expectation_says_something() -> None:
    assert not [example.name for example in load_examples() if not example.stdout.endswith("\n")]


def test_an_exit_status_other_than_zero_is_shown() -> None:
    assert {0, 7} == {example.exit_status for example in load_examples()}
