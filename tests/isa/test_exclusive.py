"""Load and store exclusive: the monitor, statuses, pairs, and the cases the architecture leaves open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.isa.table import DECODER, assemble, disassemble
from tests.isa.memory_bench import DATA, PATTERN, fault, make_cpu, memory_at, run

NEW, OTHER = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
SUFFIXES = [("b", "w", 1), ("h", "w", 2), ("", "w", 4), ("", "x", 8)]
PASSED, FAILED = 0, 1


@pytest.mark.parametrize(("load", "store"), [("ldxr", "stxr"), ("ldaxr", "stlxr")])
@pytest.mark.parametrize(("suffix", "register", "size"), SUFFIXES)
def test_load_then_store(load, store, suffix, register, size) -> None:
    cpu = run(
        make_cpu(),
        f"{load}{suffix} {register}0, [x1]",
        f"{store}{suffix} w3, {register}2, [x1]",
        x2=NEW,
        x3=mask(64),
    )
    assert int.from_bytes(PATTERN[:size], "little") == cpu.gpr[0]
    assert PASSED == cpu.gpr[3]
    assert NEW.to_bytes(8, "little")[:size] + PATTERN[size:] == cpu.memory.read_bytes(DATA, 16)


@pytest.mark.parametrize(("load", "store"), [("ldxp", "stxp"), ("ldaxp", "stlxp")])
@pytest.mark.parametrize(("register", "size"), [("w", 4), ("x", 8)])
def test_load_then_store_pair(load, store, register, size) -> None:
    cpu = run(
        make_cpu(),
        f"{load} {register}0, {register}5, [x1]",
        f"{store} w3, {register}2, {register}4, [x1]",
        x2=NEW,
        x4=OTHER,
        x3=mask(64),
    )
    elements = [int.from_bytes(PATTERN[start : start + size], "little") for start in (0, size)]
    assert elements == [cpu.gpr[0], cpu.gpr[5]]
    assert PASSED == cpu.gpr[3]
    assert NEW & mask(8 * size) == memory_at(cpu, DATA, size)
    assert OTHER & mask(8 * size) == memory_at(cpu, DATA + size, size)


@pytest.mark.parametrize(
    "between",
    [
        [],
        ["ldxr x0, [x1]", "clrex"],
        ["ldxr x0, [x1]", "stxr w5, x2, [x1]"],
        ["ldxr x0, [x6]"],
        ["ldxr x0, [x1]", "ldxr x0, [x6]"],
        ["ldxr w0, [x1]"],
        ["ldxp w0, w5, [x6]"],
    ],
)
def test_store_without_its_own_mark_fails(between) -> None:
    cpu = run(make_cpu(), *between, x2=int.from_bytes(PATTERN[:8], "little"), x6=DATA + 8)
    before = cpu.memory.read_bytes(DATA, 16)
    run(cpu, "stxr w3, x4, [x1]", x4=NEW)
    assert (FAILED, before, None) == (cpu.gpr[3], cpu.memory.read_bytes(DATA, 16), cpu.exclusive)


def test_another_store_by_this_pe_leaves_the_mark() -> None:
    cpu = run(make_cpu(), "ldxr x0, [x1]", "str x2, [x1]", "stxr w3, x4, [x1]", x2=OTHER, x4=NEW)
    assert (PASSED, NEW) == (cpu.gpr[3], memory_at(cpu, DATA, 8))


def test_the_mark_is_for_a_physical_address() -> None:
    cpu = make_cpu()
    cpu.sysregs["TCR_EL1"] = 1 << 37
    run(cpu, "ldxr x0, [x1]", "stxr w3, x2, [x4]", x2=NEW, x4=DATA | 0xA5 << 56)
    assert (PASSED, NEW) == (cpu.gpr[3], memory_at(cpu, DATA, 8))


def test_load_into_one_register_twice_leaves_the_second_element() -> None:
    assert int.from_bytes(PATTERN[8:], "little") == run(make_cpu(), "ldxp x0, x0, [x1]").gpr[0]


@pytest.mark.parametrize("text", ["stxr w2, x2, [x1]", "stxr w1, x2, [x1]"])
def test_the_status_is_written_last(text) -> None:
    cpu = run(make_cpu(), "ldxr x0, [x1]", text, x2=NEW)
    status = cpu.gpr[int(text[6])]
    assert (PASSED, NEW) == (status, memory_at(cpu, DATA, 8))


@pytest.mark.parametrize("text", ["ldxr x0, [x1]", "stxr w3, x2, [x1]", "ldxp w0, w2, [x1]", "ldxrh w0, [x1]"])
def test_unaligned_faults_whatever_the_monitor(text) -> None:
    cpu = make_cpu(unaligned=True)
    cpu.gpr[1] = DATA + 15
    exception = fault(cpu, text)
    assert (0x21 | text.startswith("st") << 6, DATA + 15) == (exception.iss, exception.far)


def test_a_pair_of_doublewords_is_aligned_to_its_whole_size() -> None:
    cpu = make_cpu(unaligned=True)
    cpu.gpr[1] = DATA + 8
    assert 0x21 == fault(cpu, "ldxp x0, x2, [x1]").iss


@given(st.integers(0, mask(64)), st.integers(0, mask(64)))
def test_atomic_increment(value, amount) -> None:
    cpu = make_cpu()
    cpu.memory.write(DATA, 8, value)
    run(cpu, "ldaxr x0, [x1]", "add x0, x0, x2", "stlxr w3, x0, [x1]", x2=amount)
    assert ((value + amount) & mask(64), PASSED) == (memory_at(cpu, DATA, 8), cpu.gpr[3])


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0xC840_7C20, "ldxr x0, [x1]"),
        (0xC840_0020, "ldxr x0, [x1]"),
        (0x0800_0020, "stxrb w0, w0, [x1]"),
        (0xC860_0020, "ldxp x0, x0, [x1]"),
    ],
)
def test_should_be_one_bits_are_ignored(word, text) -> None:
    assert text == disassemble(word)
    canonical = assemble(text)
    assert DECODER.decode(word).fields == DECODER.decode(canonical).fields
    assert canonical | word == canonical


def test_a_zero_offset_may_be_written() -> None:
    assert assemble("ldxr x0, [x1]") == assemble("ldxr x0, [x1, #0]")
