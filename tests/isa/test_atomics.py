"""Atomic memory operations: each against what it says in words, at every width and ordering."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.features import Feature
from aarch64.isa import atomics
from aarch64.isa.definition import Trait
from aarch64.isa.table import assemble, decode, disassemble
from tests.isa.memory_bench import DATA, NOWHERE, fault, make_cpu, memory_at, run

SUFFIXES = [("b", "w", 1), ("h", "w", 2), ("", "w", 4), ("", "x", 8)]
ORDERINGS = ["", "a", "l", "al"]
ONES = mask(64)


def as_signed(value: int, size: int) -> int:
    return int.from_bytes(value.to_bytes(size, "little"), "little", signed=True)


IN_WORDS = {
    "ldadd": lambda old, new, size: (old + new) % 256**size,
    "ldclr": lambda old, new, _size: old - (old & new),
    "ldeor": lambda old, new, _size: (old | new) - (old & new),
    "ldset": lambda old, new, _size: old | new,
    "ldsmax": lambda old, new, size: max(old, new, key=lambda value: as_signed(value, size)),
    "ldsmin": lambda old, new, size: min(old, new, key=lambda value: as_signed(value, size)),
    "ldumax": lambda old, new, _size: max(old, new),
    "ldumin": lambda old, new, _size: min(old, new),
    "swp": lambda _old, new, _size: new,
}
values = st.one_of(st.integers(0, ONES), st.sampled_from((0, 1, 0x7F, 0x80, 0x7FFF_FFFF, 0x8000_0000, 1 << 63, ONES)))


@pytest.mark.parametrize("mnemonic", IN_WORDS)
@given(st.sampled_from(SUFFIXES), st.sampled_from(ORDERINGS), values, values)
def test_operations(mnemonic, kind, ordering, old, operand) -> None:
    suffix, register, size = kind
    cpu = make_cpu()
    cpu.memory.write(DATA, 8, old)
    run(cpu, f"{mnemonic}{ordering}{suffix} {register}2, {register}0, [x1]", x0=ONES, x2=operand)
    low = mask(8 * size)
    expected = IN_WORDS[mnemonic](old & low, operand & low, size)
    assert old & low == cpu.gpr[0]
    assert (old & ~low & ONES) | expected == memory_at(cpu, DATA, 8)
    assert operand == cpu.gpr[2]


@pytest.mark.parametrize("name", ["add", "clr", "eor", "set", "smax", "smin", "umax", "umin"])
@given(st.sampled_from(SUFFIXES), st.sampled_from(["", "l"]), values, values)
def test_stores_are_loads_to_nowhere(name, kind, ordering, old, operand) -> None:
    suffix, register, _ = kind
    store, load = (
        f"st{name}{ordering}{suffix} {register}2, [x1]",
        f"ld{name}{ordering}{suffix} {register}2, {register}zr, [x1]",
    )
    assert assemble(load) == assemble(store)
    assert store == disassemble(assemble(load))
    cpu = make_cpu()
    cpu.memory.write(DATA, 8, old)
    run(cpu, store, x2=operand)
    assert 0 == cpu.gpr[31]


@pytest.mark.parametrize(
    "text", ["ldadda x2, xzr, [x1]", "ldaddal w2, wzr, [x1]", "swpl x2, xzr, [x1]", "cas xzr, x2, [x1]"]
)
def test_what_has_no_store_form(text) -> None:
    assert text == disassemble(assemble(text))


@given(st.sampled_from(SUFFIXES), st.sampled_from(ORDERINGS), values, values, values, st.booleans())
def test_compare_and_swap(kind, ordering, old, expected, new, make_equal) -> None:
    suffix, register, size = kind
    low = mask(8 * size)
    if make_equal:
        expected = (expected & ~low & ONES) | old & low
    cpu = make_cpu()
    cpu.memory.write(DATA, 8, old)
    run(cpu, f"cas{ordering}{suffix} {register}0, {register}2, [x1]", x0=expected, x2=new)
    swapped = (old & ~low & ONES) | new & low
    assert (swapped if expected & low == old & low else old) == memory_at(cpu, DATA, 8)
    assert old & low == cpu.gpr[0]


@given(st.sampled_from([("w", 4), ("x", 8)]), st.sampled_from(ORDERINGS), *[values] * 4, st.sampled_from([None, 0, 1]))
def test_compare_and_swap_pair(kind, ordering, first, second, new_first, new_second, differs_in) -> None:
    register, size = kind
    low = mask(8 * size)
    olds = [first & low, second & low]
    cpu = make_cpu()
    for index, old in enumerate(olds):
        cpu.memory.write(DATA + index * size, size, old)
        cpu.gpr[4 + index] = old ^ (index == differs_in)
    run(
        cpu,
        f"casp{ordering} {register}4, {register}5, {register}6, {register}7, [x1]",
        x6=new_first,
        x7=new_second,
    )
    left = olds if differs_in is not None else [new_first & low, new_second & low]
    assert left == [memory_at(cpu, DATA + index * size, size) for index in (0, 1)]
    assert olds == cpu.gpr[4:6]


def test_a_failed_compare_and_swap_stores_nothing() -> None:
    cpu = make_cpu()
    cpu.store_log = []
    run(cpu, "cas x0, x2, [x1]", x0=0, x2=0)
    assert [] == cpu.store_log


@pytest.mark.parametrize(
    ("mnemonic", "compute"),
    [
        ("ldclrp", lambda old, operand: old - (old & operand)),
        ("ldsetp", lambda old, operand: old | operand),
        ("swpp", lambda _old, operand: operand),
    ],
)
@given(st.sampled_from(ORDERINGS), *[values] * 4)
def test_pairs(mnemonic, compute, ordering, first, second, low, high) -> None:
    cpu = make_cpu()
    cpu.memory.write(DATA, 8, first)
    cpu.memory.write(DATA + 8, 8, second)
    run(cpu, f"{mnemonic}{ordering} x2, x3, [x1]", x2=low, x3=high)
    assert [first, second] == cpu.gpr[2:4]
    assert compute(first | second << 64, low | high << 64) == memory_at(cpu, DATA, 16)


@pytest.mark.parametrize(
    "word",
    [
        0x0821_7C20,  # casp w1, ...
        0x0820_7C21,  # casp w0, w1, w1, ...
        0x1920_103F,  # ldclrp xzr, x0, [x1]
        0x193F_1020,  # ldclrp x0, xzr, [x1]
    ],
)
def test_unallocated(word) -> None:
    assert decode(word) is None


def test_the_last_pair_of_registers() -> None:
    cpu = run(make_cpu(), "casp x30, xzr, x2, x3, [x1]", x30=memory_at(make_cpu(), DATA, 8))
    assert (memory_at(make_cpu(), DATA, 8), 0) == (cpu.gpr[30], cpu.gpr[31])
    assert "casp x30, xzr, x2, x3, [x1]" == disassemble(0x483E_7C22)


@pytest.mark.parametrize(
    ("text", "address", "without", "iss"),
    [
        ("ldadd x2, x0, [x1]", DATA + 4, [Feature.LSE2], 0x21),
        ("ldadd x2, x0, [x1]", DATA + 12, [], 0x21),
        ("cas x2, x0, [x1]", DATA + 12, [], 0x21),
        ("casp x2, x3, x4, x5, [x1]", DATA + 8, [], 0x21),
        ("swpp x2, x3, [x1]", DATA + 8, [], 0x21),
        ("ldadd x2, x0, [x1]", NOWHERE, [], 0x10),
        ("swpp x2, x3, [x1]", NOWHERE, [], 0x10),
    ],
)
def test_faults_are_reported_as_reads(text, address, without, iss) -> None:
    cpu = make_cpu(unaligned=True, without=without)
    cpu.gpr[1] = address
    exception = fault(cpu, text)
    assert (iss, address) == (exception.iss, exception.far)


def test_unaligned_within_sixteen_bytes() -> None:
    cpu = run(make_cpu(unaligned=True), "swp x2, x0, [x1]", x1=DATA + 3, x2=ONES)
    assert ONES == memory_at(cpu, DATA + 3, 8)


def test_all_are_atomic() -> None:
    assert {Trait.LOADS | Trait.STORES | Trait.ATOMIC} == {definition.traits for definition in atomics.GROUP}
