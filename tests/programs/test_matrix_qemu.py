"""What gcc makes of a program, whichever way it is told to, prints the same under QEMU."""

import pytest

from tests.oracles.qemu import QemuResult, run_qemu
from tests.programs.compared import build_c, c_programs, variants
from tests.programs.examples import load_examples

EXPECTED = {example.name: QemuResult(example.stdout, example.exit_status) for example in load_examples()}


@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("program", [program for program in c_programs() if program in EXPECTED])
def test_every_variant_of_an_example_does_what_is_expected(program: str, variant: str) -> None:
    assert EXPECTED[program] == run_qemu(build_c(program, variant))


@pytest.mark.parametrize("variant", [variant for variant in variants() if variant != "O0"])
def test_atomic_operations_do_not_depend_on_the_variant(variant: str) -> None:
    assert run_qemu(build_c("atomics", "O0")) == run_qemu(build_c("atomics", variant))
