"""Load and store pair: two elements, one base, and nothing written by half."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.isa.table import assemble, disassemble
from tests.isa.memory_bench import DATA, NOWHERE, RAM_END, fault, make_cpu, memory_at, run

FIRST, SECOND = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("ldp w0, w2, [x1]", 0xC3D2_E1F0, 0x8796_A5B4),
        ("ldp x0, x2, [x1]", 0x8796_A5B4_C3D2_E1F0, 0x0F1E_2D3C_4B5A_6978),
        ("ldpsw x0, x2, [x1]", 0xFFFF_FFFF_C3D2_E1F0, 0xFFFF_FFFF_8796_A5B4),
        ("ldpsw x0, x2, [x1, #8]", 0x4B5A_6978, 0x0F1E_2D3C),
        ("ldnp w0, w2, [x1, #4]", 0x8796_A5B4, 0x4B5A_6978),
        ("ldnp x0, x2, [sp]", 0x8796_A5B4_C3D2_E1F0, 0x0F1E_2D3C_4B5A_6978),
    ],
)
def test_loads(text, first, second) -> None:
    cpu = run(make_cpu(), text)
    assert (first, second, DATA) == (cpu.gpr[0], cpu.gpr[2], cpu.gpr[1])


@pytest.mark.parametrize(
    ("text", "size", "where", "base"),
    [
        ("stp x0, x2, [x1]", 8, DATA, DATA),
        ("stp w0, w2, [x1, #-256]", 4, DATA - 256, DATA),
        ("stp x0, x2, [x1, #504]", 8, DATA + 504, DATA),
        ("stp x0, x2, [x1, #-512]!", 8, DATA - 512, DATA - 512),
        ("stp w0, w2, [x1], #252", 4, DATA, DATA + 252),
        ("stnp x0, x2, [x1, #16]", 8, DATA + 16, DATA),
        ("stnp w0, w2, [x1, #8]", 4, DATA + 8, DATA),
    ],
)
def test_stores(text, size, where, base) -> None:
    cpu = run(make_cpu(), text, x0=FIRST, x2=SECOND)
    assert FIRST & mask(8 * size) == memory_at(cpu, where, size)
    assert SECOND & mask(8 * size) == memory_at(cpu, where + size, size)
    assert base == cpu.gpr[1]


@pytest.mark.parametrize("mnemonic", ["ldp", "ldpsw"])
def test_load_into_one_register_twice_leaves_the_first_element(mnemonic) -> None:
    cpu = run(make_cpu(), f"{mnemonic} x0, x0, [x1, #8]")
    assert memory_at(cpu, DATA + 8, 4) == cpu.gpr[0] & mask(32)


@pytest.mark.parametrize("text", ["ldp x1, x2, [x1], #16", "ldp x2, x1, [x1, #16]!", "ldpsw x1, x1, [x1], #16"])
def test_load_over_its_own_base_leaves_the_new_base(text) -> None:
    assert DATA + 16 == run(make_cpu(), text).gpr[1]


@pytest.mark.parametrize(("text", "where"), [("stp x1, x0, [x1], #16", DATA), ("stp x0, x1, [x1, #-8]!", DATA)])
def test_store_of_its_own_base_writes_the_old_one(text, where) -> None:
    assert DATA == memory_at(run(make_cpu(), text), where, 8)


def test_function_prologue_and_epilogue() -> None:
    cpu = run(make_cpu(), "stp x29, x30, [sp, #-32]!", "mov x29, sp", x29=FIRST, x30=SECOND)
    assert (DATA - 32, DATA - 32) == (cpu.sp, cpu.gpr[29])
    run(cpu, "ldp x29, x30, [sp], #32", x30=0)
    assert (FIRST, SECOND, DATA) == (cpu.gpr[29], cpu.gpr[30], cpu.sp)


@given(st.sampled_from((("w", 4), ("x", 8))), st.integers(-64, 63), st.integers(0, 15), *[st.integers(0, mask(64))] * 2)
def test_a_pair_is_two_single_accesses(kind, imm7, misalignment, first, second) -> None:
    register, size = kind
    offset = imm7 * size
    address = DATA + misalignment
    values = {"x0": first, "x2": second}
    pair = run(make_cpu(unaligned=True), f"stp {register}0, {register}2, [x1, #{offset}]", x1=address, **values)
    singles = run(
        make_cpu(unaligned=True),
        f"str {register}0, [x1]",
        f"str {register}2, [x1, #{size}]",
        x1=address + offset,
        **values,
    )
    assert singles.memory.save() == pair.memory.save()
    run(pair, f"ldp {register}3, {register}4, [x1, #{offset}]")
    assert [value & mask(8 * size) for value in (first, second)] == pair.gpr[3:5]


@pytest.mark.parametrize("page_end", [DATA + 0x1000, DATA - 0x1000])
@pytest.mark.parametrize(("register", "size"), [("w", 4), ("x", 8)])
def test_across_a_page(page_end, register, size) -> None:
    cpu = run(make_cpu(), f"stp {register}0, {register}2, [x1]", x0=FIRST, x2=SECOND, x1=page_end - size)
    run(cpu, f"ldp {register}3, {register}4, [x1]")
    assert [FIRST & mask(8 * size), SECOND & mask(8 * size)] == cpu.gpr[3:5]


@pytest.mark.parametrize("unaligned", [False, True])
@pytest.mark.parametrize(
    ("text", "base", "far", "wnr"),
    [
        ("stp x0, x2, [x1]", RAM_END - 8, RAM_END, 1),
        ("ldp x0, x2, [x1]", RAM_END - 8, RAM_END, 0),
        ("stp x0, x2, [x1, #-16]!", RAM_END + 8, RAM_END, 1),
        ("ldp x0, x2, [x1], #16", RAM_END - 8, RAM_END, 0),
        ("ldpsw x0, x2, [x1]", RAM_END - 4, RAM_END, 0),
        ("stp x0, x2, [x1]", NOWHERE, NOWHERE, 1),
    ],
)
def test_the_second_element_faults_at_its_own_address(text, base, far, wnr, unaligned) -> None:
    cpu = make_cpu(unaligned=unaligned)
    cpu.gpr[1] = base
    exception = fault(cpu, text)
    assert (0x10 | wnr << 6, far) == (exception.iss, exception.far)


@pytest.mark.parametrize(
    ("text", "base", "far"),
    [
        ("ldp x0, x2, [x1, #16]", mask(64) - 7, 8),
        ("stp x0, x2, [x1, #16]", mask(64) - 7, 8),
        ("ldp x0, x2, [x1, #16]!", mask(64) - 7, 8),
        ("stp x0, x2, [x1, #-16]!", 8, mask(64) - 7),
    ],
)
def test_addresses_wrap(text, base, far) -> None:
    cpu = make_cpu()
    cpu.gpr[1] = base
    assert far == fault(cpu, text).far


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("stp x29, x30, [sp, #-32]!", "stp x29, x30, [sp, #-32]!"),
        ("ldp fp, lr, [sp], 16", "ldp x29, x30, [sp], #16"),
        ("ldp w0, w1, [x2, #0]", "ldp w0, w1, [x2]"),
        ("ldp x0, x1, [x2, #0]!", "ldp x0, x1, [x2, #0]!"),
        ("stnp xzr, xzr, [sp, #-512]", "stnp xzr, xzr, [sp, #-512]"),
    ],
)
def test_what_people_write(written, printed) -> None:
    assert printed == disassemble(assemble(written))
