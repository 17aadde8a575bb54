"""Load and store register: what moves, where to, and what happens to the base."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, disassemble
from tests.isa.memory_bench import DATA, PATTERN, make_cpu, memory_at, run

ONES = mask(64)
STORED = 0x0123_4567_89AB_CDEF


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("ldrb w0, [x1]", 0xF0),
        ("ldrh w0, [x1]", 0xE1F0),
        ("ldr w0, [x1]", 0xC3D2_E1F0),
        ("ldr x0, [x1]", 0x8796_A5B4_C3D2_E1F0),
        ("ldrsb w0, [x1]", 0xFFFF_FFF0),
        ("ldrsb x0, [x1]", 0xFFFF_FFFF_FFFF_FFF0),
        ("ldrsh w0, [x1]", 0xFFFF_E1F0),
        ("ldrsh x0, [x1]", 0xFFFF_FFFF_FFFF_E1F0),
        ("ldrsw x0, [x1]", 0xFFFF_FFFF_C3D2_E1F0),
        ("ldrsb x0, [x1, #8]", 0x78),
        ("ldrsh w0, [x1, #8]", 0x6978),
        ("ldrsw x0, [x1, #8]", 0x4B5A_6978),
        ("ldr x0, [sp, #8]", 0x0F1E_2D3C_4B5A_6978),
        ("ldrb w0, [x1, #15]", 0x0F),
    ],
)
def test_loads_extend_to_the_register(text, loaded) -> None:
    assert loaded == run(make_cpu(), text, x0=ONES).gpr[0]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("strb w0, [x1]", "ef e1 d2 c3 b4 a5 96 87"),
        ("strh w0, [x1]", "ef cd d2 c3 b4 a5 96 87"),
        ("str w0, [x1]", "ef cd ab 89 b4 a5 96 87"),
        ("str x0, [x1]", "ef cd ab 89 67 45 23 01"),
        ("str wzr, [sp, #4]", "f0 e1 d2 c3 00 00 00 00"),
        ("strb w0, [x1, #7]", "f0 e1 d2 c3 b4 a5 96 ef"),
    ],
)
def test_stores_write_the_low_bytes(text, stored) -> None:
    cpu = run(make_cpu(), text, x0=STORED)
    assert bytes.fromhex(stored) + PATTERN[8:] == cpu.memory.read_bytes(DATA, 16)


@pytest.mark.parametrize(
    ("text", "base", "address"),
    [
        ("ldr x0, [x1], #16", DATA, DATA + 16),
        ("ldr x0, [x1, #8]!", DATA, DATA + 8),
        ("ldr x0, [x1, #-256]!", DATA + 256, DATA),
        ("ldr x0, [x1], #-256", DATA, DATA - 256),
        ("ldr x0, [x1], #255", DATA, DATA + 255),
        ("ldrb w0, [x1], #0", DATA, DATA),
        ("str x0, [x1, #-16]!", DATA, DATA - 16),
        ("strh w0, [x1], #2", DATA, DATA + 2),
    ],
)
def test_writeback_moves_the_base(text, base, address) -> None:
    assert address == run(make_cpu(), text, x1=base).gpr[1]


def test_push_and_pop() -> None:
    cpu = run(make_cpu(), "str x0, [sp, #-16]!", x0=STORED)
    assert DATA - 16 == cpu.sp
    run(cpu, "ldr x2, [sp], #16")
    assert (STORED, DATA) == (cpu.gpr[2], cpu.sp)


@pytest.mark.parametrize("text", ["ldr x1, [x1], #8", "ldr x1, [x1, #8]!", "ldrb w1, [x1], #8", "ldrsw x1, [x1, #8]!"])
def test_load_over_its_own_base_leaves_the_new_base(text) -> None:
    assert DATA + 8 == run(make_cpu(), text).gpr[1]


@pytest.mark.parametrize(("text", "where"), [("str x1, [x1], #8", DATA), ("str x1, [x1, #8]!", DATA + 8)])
def test_store_of_its_own_base_writes_the_old_one(text, where) -> None:
    cpu = run(make_cpu(), text)
    assert (DATA, DATA + 8) == (memory_at(cpu, where, 8), cpu.gpr[1])


@pytest.mark.parametrize(
    ("text", "index", "offset"),
    [
        ("ldr x0, [x1, x2]", 8, 8),
        ("ldr x0, [x1, x2, lsl #3]", 2, 16),
        ("ldr x0, [x1, x2]", ONES - 15, -16),
        ("ldr x0, [x1, w2, uxtw]", 0xFFFF_FFFF_0000_0008, 8),
        ("ldr x0, [x1, w2, uxtw #3]", 0xFFFF_FFFF_0000_0002, 16),
        ("ldr x0, [x1, w2, sxtw]", 0x0000_0000_FFFF_FFF0, -16),
        ("ldr x0, [x1, w2, sxtw #3]", 0x0000_0000_FFFF_FFFE, -16),
        ("ldr x0, [x1, x2, sxtx]", ONES - 7, -8),
        ("ldr x0, [x1, x2, sxtx #3]", ONES, -8),
        ("ldr x0, [x1, xzr]", 0, 0),
    ],
)
def test_register_offsets(text, index, offset) -> None:
    cpu = make_cpu()
    cpu.memory.write_bytes(DATA + offset, STORED.to_bytes(8, "little"))
    assert STORED == run(cpu, text, x2=index).gpr[0]


def test_the_address_wraps() -> None:
    assert 0xF0 == run(make_cpu(), "ldrb w0, [x1, x2]", x1=ONES, x2=DATA + 1).gpr[0]


def test_a_load_to_the_zero_register_is_discarded() -> None:
    cpu = run(make_cpu(), "ldr xzr, [x1]")
    assert 0 == cpu.gpr[31]


WIDTHS = (("b", "w", 8), ("h", "w", 16), ("", "w", 32), ("", "x", 64))


@given(st.sampled_from(WIDTHS), st.integers(0, ONES), st.integers(-256, 255))
def test_what_is_stored_is_loaded_again(kind, value, offset) -> None:
    suffix, register, bits = kind
    cpu = run(
        make_cpu(unaligned=True),
        f"str{suffix} {register}2, [x1, #{offset}]!",
        f"ldr{suffix} {register}3, [x1], #{-offset if offset > -256 else 0}",
        x2=value,
    )
    assert value & mask(bits) == cpu.gpr[3]


@given(st.sampled_from(("ldrsb", "ldrsh", "ldrsw")), st.integers(0, ONES))
def test_signed_loads_keep_the_number(mnemonic, value) -> None:
    size = {"ldrsb": 1, "ldrsh": 2, "ldrsw": 4}[mnemonic]
    data = value.to_bytes(8, "little")
    cpu = make_cpu()
    cpu.memory.write_bytes(DATA, data)
    run(cpu, f"{mnemonic} x0, [x1]")
    assert int.from_bytes(data[:size], "little", signed=True) & ONES == cpu.gpr[0]


@given(st.integers(0, 4095), st.sampled_from(WIDTHS))
def test_unsigned_offsets_are_scaled(imm12, kind) -> None:
    suffix, register, bits = kind
    offset = imm12 * (bits // 8)
    base = DATA - 0x4000
    immediate = run(make_cpu(), f"str{suffix} {register}2, [x1, #{offset}]", x1=base, x2=STORED)
    by_register = run(make_cpu(), f"str{suffix} {register}2, [x1, x3]", x1=base, x2=STORED, x3=offset)
    assert by_register.memory.save() == immediate.memory.save()


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("ldr x0, [x1, #-8]", "ldur x0, [x1, #-8]"),
        ("str w0, [x1, #1]", "stur w0, [x1, #1]"),
        ("ldrh w0, [x1, #255]", "ldurh w0, [x1, #255]"),
        ("ldr x0, [x1, #248]", "ldr x0, [x1, #248]"),
        ("ldr x0, [x1, 32760]", "ldr x0, [x1, #32760]"),
        ("LDR X0,[SP],#16", "ldr x0, [sp], #16"),
        ("ldr lr, [sp, #0x10]", "ldr x30, [sp, #16]"),
        ("ldr x0, [x1, #0]", "ldr x0, [x1]"),
        ("ldr x0, [x1, #0]!", "ldr x0, [x1, #0]!"),
        ("ldr x0, [x1, x2, lsl #0]", "ldr x0, [x1, x2]"),
        ("ldrb w0, [x1, x2, lsl #0]", "ldrb w0, [x1, x2, lsl #0]"),
        ("ldrb w0, [x1, w2, sxtw]", "ldrb w0, [x1, w2, sxtw]"),
        ("ldrb w0, [x1, w2, sxtw #0]", "ldrb w0, [x1, w2, sxtw #0]"),
        ("str wzr, [sp, w30, uxtw #2]", "str wzr, [sp, w30, uxtw #2]"),
    ],
)
def test_what_people_write(written, printed) -> None:
    assert printed == disassemble(assemble(written))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ldr x0, [x1, #32768]", "out of range"),
        ("ldr x0, [w1]", "64-bit"),
        ("ldr x0, [xzr]", "expected a register"),
        ("ldr x0, [x1, x2, lsl #2]", "the shift is 0 or 3"),
        ("ldr x0, [x1, w2, lsl #3]", "does not go with"),
        ("ldr x0, [x1, x2, uxtw #3]", "does not go with"),
        ("ldr x0, [x1, x2, ror #3]", "expected one of"),
        ("ldrsw w0, [x1]", "64-bit"),
        ("strsb w0, [x1]", "unknown instruction"),
    ],
)
def test_what_cannot_be_written(text, message) -> None:
    with pytest.raises(AssemblyError, match=message):
        assemble(text)
