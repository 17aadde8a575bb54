"""Our machine beside QEMU's: the same programs, the same output and exit status."""

from pathlib import Path

import pytest

from aarch64.features import DEFAULT_FEATURES, Feature
from tests.oracles.qemu import QemuResult, run_qemu
from tests.programs.compared import build_c, build_firmware, build_pauth, c_programs, variants
from tests.programs.examples import Example, load_examples
from tests.programs.ours import run_ours

PROGRAMS = [(example, path) for example in load_examples() for path in example.paths]


@pytest.mark.parametrize(("example", "path"), PROGRAMS, ids=[path.name for _, path in PROGRAMS])
def test_an_example_does_what_is_expected(example: Example, path: Path) -> None:
    assert QemuResult(example.stdout, example.exit_status) == run_ours(path, el=example.el)


@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("program", c_programs())
def test_whatever_gcc_makes_of_a_program_runs_as_under_qemu(program: str, variant: str) -> None:
    elf = build_c(program, variant)
    assert run_qemu(elf) == run_ours(elf)


def test_pointer_authentication_codes_are_those_of_qemu() -> None:
    """QEMU 7.2 has no FEAT_PAuth2, which combines codes with pointers in another way."""
    elf = build_pauth()
    assert run_qemu(elf) == run_ours(elf, features=DEFAULT_FEATURES - {Feature.PAUTH2})


def test_the_board_answers_as_under_qemu() -> None:
    elf, stdin = build_firmware(), "Hello, UART\n"
    assert run_qemu(elf, stdin=stdin) == run_ours(elf, stdin=stdin)
