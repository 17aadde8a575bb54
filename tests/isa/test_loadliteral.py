"""Load register (literal): addresses relative to the instruction's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.isa.table import assemble, disassemble
from tests.isa.memory_bench import CODE, DATA, NOWHERE, fault, make_cpu, run


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("ldr w0, #{}", 0xC3D2_E1F0),
        ("ldr x0, #{}", 0x8796_A5B4_C3D2_E1F0),
        ("ldrsw x0, #{}", 0xFFFF_FFFF_C3D2_E1F0),
    ],
)
@pytest.mark.parametrize("pc", [CODE, DATA + 0x1000])
def test_loads(text, loaded, pc) -> None:
    cpu = make_cpu()
    cpu.pc = pc
    assert loaded == run(cpu, text.format(DATA - pc)).gpr[0]


@given(st.integers(-(1 << 18), (1 << 18) - 1))
def test_a_label_is_an_absolute_address(words) -> None:
    here, target = NOWHERE, NOWHERE + 4 * words
    word = assemble(f"ldr x0, {target:#x}", here)
    assert (assemble(f"ldr x0, #{4 * words}"), f"ldr x0, {target:#x}") == (word, disassemble(word, here))


def test_an_unaligned_doubleword_faults() -> None:
    exception = fault(make_cpu(), f"ldr x0, #{DATA + 4 - CODE}")
    assert (0x21, DATA + 4) == (exception.iss, exception.far)
