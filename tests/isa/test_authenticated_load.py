"""LDRAA and LDRAB: the base is authenticated before the offset is added."""

import pytest

from aarch64.exceptions import ExceptionClass
from aarch64.isa.table import assemble, disassemble
from tests.isa.memory_bench import DATA, PATTERN, fault, make_cpu, run

ENABLE_DATA_KEYS = 1 << 27 | 1 << 13
LOADED = int.from_bytes(PATTERN[:8], "little")


def make_signing_cpu():
    cpu = make_cpu()
    cpu.sysregs["SCTLR_EL1"] |= ENABLE_DATA_KEYS
    for half, name in enumerate(("APDAKEYLO_EL1", "APDAKEYHI_EL1", "APDBKEYLO_EL1", "APDBKEYHI_EL1")):
        assert name in cpu.sysregs
        cpu.sysregs[name] = 0x0123_4567_89AB_CDEF * (half + 1)
    return cpu


@pytest.mark.parametrize("key", ["a", "b"])
@pytest.mark.parametrize("offset", [-4096, -8, 0, 8, 4088])
def test_a_signed_base(key, offset) -> None:
    cpu = run(make_signing_cpu(), f"pacdz{key} x1", x1=DATA - offset)
    signed = cpu.gpr[1]
    assert DATA - offset != signed
    run(cpu, f"ldra{key} x0, [x1, #{offset}]")
    assert (LOADED, signed) == (cpu.gpr[0], cpu.gpr[1])


@pytest.mark.parametrize("key", ["a", "b"])
def test_writeback_leaves_the_address_without_its_code(key) -> None:
    cpu = run(make_signing_cpu(), f"pacdz{key} x1", f"ldra{key} x0, [x1, #-8]!", x1=DATA + 8)
    assert (LOADED, DATA) == (cpu.gpr[0], cpu.gpr[1])


def test_load_over_its_own_base_leaves_the_new_base() -> None:
    cpu = run(make_signing_cpu(), "pacdza x1", "ldraa x1, [x1, #8]!")
    assert DATA + 8 == cpu.gpr[1]


def test_disabled_keys_leave_the_base_alone() -> None:
    assert LOADED == run(make_cpu(), "ldraa x0, [x1]").gpr[0]


def test_the_wrong_key_makes_an_address_that_faults() -> None:
    cpu = run(make_signing_cpu(), "pacdza x1")
    exception = fault(cpu, "ldrab x0, [x1]")
    assert (ExceptionClass.DATA_ABORT, 0x00) == (exception.ec, exception.iss)


def test_the_stack_pointer_must_be_aligned() -> None:
    cpu = make_cpu()
    cpu.sysregs["SCTLR_EL1"] |= 1 << 3
    cpu.sp = DATA + 8
    assert ExceptionClass.SP_ALIGNMENT == fault(cpu, "ldraa x0, [sp, #8]").ec


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0xF820_0420, "ldraa x0, [x1]"),
        (0xF820_0C20, "ldraa x0, [x1, #0]!"),
        (0xF8A0_17E0, "ldrab x0, [sp, #8]"),
        (0xF860_0C20, "ldraa x0, [x1, #-4096]!"),
    ],
)
def test_text(word, text) -> None:
    assert (text, word) == (disassemble(word), assemble(text))
    assert assemble("ldraa x0, [x1]!") == 0xF820_0C20
