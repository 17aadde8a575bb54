"""The same programs here and under QEMU: examples, everything gcc makes of them, every exception, firmware, PAC."""

from pathlib import Path

import pytest

from tests.oracles.qemu import QemuResult, StartLevel, run_qemu
from tests.programs.compared import build_c, build_exceptions, build_firmware, build_pauth, c_programs, variants
from tests.programs.examples import Example, load_examples
from tests.programs.exceptions import load_differences, parse
from tests.programs.interpreter import run_here

EXAMPLES = [(example, path) for example in load_examples() for path in example.paths]
NOT_COMPARED = frozenset(case for difference in load_differences() for case in difference.cases)


@pytest.mark.parametrize(("example", "path"), EXAMPLES, ids=[path.name for _, path in EXAMPLES])
def test_an_example_does_what_is_expected(example: Example, path: Path) -> None:
    assert QemuResult(example.stdout, example.exit_status) == run_here(path, el=example.el)


@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("program", c_programs())
def test_a_program_prints_the_same_whatever_gcc_makes_of_it(program: str, variant: str) -> None:
    elf = build_c(program, variant)
    assert run_qemu(elf) == run_here(elf)


@pytest.mark.parametrize("el", StartLevel)
def test_every_exception_is_the_same(el: StartLevel) -> None:
    elf = build_exceptions()
    theirs, ours = run_qemu(elf, el=el), run_here(elf, el=el)
    expected, actual = dict(parse(theirs.stdout)), dict(parse(ours.stdout))
    assert expected.keys() == actual.keys()
    differing = {name for name in expected if expected[name] != actual[name]}
    assert not {name: (expected[name], actual[name]) for name in differing - NOT_COMPARED}
    assert not [name for name in NOT_COMPARED & expected.keys() if name not in differing], "no longer different"
    assert theirs.exit_status == ours.exit_status


def test_pointer_authentication_codes_are_the_same() -> None:
    elf = build_pauth()
    assert run_qemu(elf) == run_here(elf)


def test_the_board_answers_the_same() -> None:
    elf = build_firmware()
    assert run_qemu(elf, stdin="Hello, UART\n") == run_here(elf, stdin="Hello, UART\n")
