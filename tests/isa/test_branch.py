"""Branches: where they go, what they leave in X30 and PSTATE.BTYPE."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.features import Feature
from aarch64.isa.branch import direct_target
from aarch64.isa.table import assemble, disassemble
from aarch64.registers import CONDITIONS
from tests.isa.running import PC, execute, make_cpu

U64 = st.integers(0, (1 << 64) - 1)

NEXT = PC + 4


def next_pc(text, *, flags=(0, 0, 0, 0), **x):
    cpu = make_cpu()
    cpu.set_flags(flags)
    for name, value in x.items():
        cpu.set_x(int(name[1:]), value)
    execute(cpu, text)
    return cpu.next_pc


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("b #0", PC),
        ("b #8", PC + 8),
        ("b #-4", PC - 4),
        ("b #134217724", PC + 0x7FF_FFFC),
        ("b #-134217728", PC - 0x800_0000),
        ("bl #4096", PC + 4096),
        ("bl #-8", PC - 8),
    ],
)
def test_unconditional_goes_there(text, target):
    assert target == next_pc(text)


def test_a_branch_wraps_round_the_address_space():
    cpu = make_cpu()
    cpu.pc = 0
    execute(cpu, "b #-4")
    assert 0xFFFF_FFFF_FFFF_FFFC == cpu.next_pc


@pytest.mark.parametrize(("text", "x30"), [("b #8", 0x30), ("bl #8", NEXT), ("br x1", 0x30), ("blr x1", NEXT)])
def test_only_a_call_writes_the_link_register(text, x30):
    cpu = make_cpu()
    cpu.set_x(30, 0x30)
    execute(cpu, text)
    assert x30 == cpu.x(30)


def test_a_call_by_the_link_register_reads_it_first():
    cpu = make_cpu()
    cpu.set_x(30, 0x4000_2000)
    execute(cpu, "blr x30")
    assert (0x4000_2000, NEXT) == (cpu.next_pc, cpu.x(30))


# Each condition by what it says of a comparison ("Condition code suffixes"), not by flags.
COMPARISONS = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "hs": lambda a, b: a >= b,
    "lo": lambda a, b: a < b,
    "mi": lambda a, b: bool((a - b) >> 63 & 1),
    "pl": lambda a, b: not (a - b) >> 63 & 1,
    "vs": lambda a, b: not -(1 << 63) <= signed(a) - signed(b) < 1 << 63,
    "vc": lambda a, b: -(1 << 63) <= signed(a) - signed(b) < 1 << 63,
    "hi": lambda a, b: a > b,
    "ls": lambda a, b: a <= b,
    "ge": lambda a, b: signed(a) >= signed(b),
    "lt": lambda a, b: signed(a) < signed(b),
    "gt": lambda a, b: signed(a) > signed(b),
    "le": lambda a, b: signed(a) <= signed(b),
    "al": lambda _a, _b: True,
    "nv": lambda _a, _b: True,
}


def signed(value):
    return value - (1 << 64) if value >> 63 else value


@given(U64, U64 | st.none(), st.sampled_from(CONDITIONS), st.sampled_from(["b", "bc"]))
def test_a_conditional_branch_follows_the_comparison(a, b, cond, mnemonic):
    b = a if b is None else b
    cpu = make_cpu()
    cpu.set_x(1, a)
    cpu.set_x(2, b)
    execute(cpu, "cmp x1, x2")
    execute(cpu, f"{mnemonic}.{cond} #64")
    assert (PC + 64 if COMPARISONS[cond](a, b) else NEXT) == cpu.next_pc


@pytest.mark.parametrize(("written", "printed"), [("b.cs #8", "b.hs #8"), ("bcc #8", "b.lo #8"), ("beq #8", "b.eq #8")])
def test_other_spellings_of_conditions(written, printed):
    assert printed == disassemble(assemble(written))


@pytest.mark.parametrize(
    ("text", "x1", "target"),
    [
        ("cbz x1, #16", 0, PC + 16),
        ("cbz x1, #16", 1 << 63, NEXT),
        ("cbz w1, #16", 0xFFFF_FFFF << 32, PC + 16),
        ("cbz w1, #-16", 1, NEXT),
        ("cbnz x1, #-16", 1 << 63, PC - 16),
        ("cbnz w1, #16", 1 << 63, NEXT),
        ("cbnz w1, #16", 1 << 31, PC + 16),
        ("cbz xzr, #1048572", 7, PC + 0xFFFFC),
        ("tbz w1, #0, #8", 2, PC + 8),
        ("tbz w1, #0, #8", 1, NEXT),
        ("tbnz w1, #31, #32764", 1 << 31, PC + 32764),
        ("tbnz w1, #31, #8", 1 << 32, NEXT),
        ("tbnz x1, #32, #-32768", 1 << 32, PC - 32768),
        ("tbnz x1, #63, #8", 1 << 62, NEXT),
        ("tbz xzr, #63, #8", 0, PC + 8),
    ],
)
def test_compare_and_test(text, x1, target):
    assert target == next_pc(text, x1=x1)


@given(U64, st.integers(0, 63))
def test_tbz_and_tbnz_are_opposites(value, bit):
    taken = {name: next_pc(f"{name} x1, #{bit}, #8", x1=value) == PC + 8 for name in ("tbz", "tbnz")}
    assert {"tbnz": bool(value >> bit & 1), "tbz": not value >> bit & 1} == taken


@pytest.mark.parametrize(
    ("written", "printed"), [("tbz x1, #3, #8", "tbz w1, #3, #8"), ("tbz x1, #33, #8", "tbz x1, #33, #8")]
)
def test_the_tested_register_is_written_narrow_where_it_can_be(written, printed):
    assert printed == disassemble(assemble(written))


@pytest.mark.parametrize(("text", "btype"), [("br x16", 1), ("br x1", 1), ("blr x1", 2), ("ret x1", 0), ("b #8", 0)])
def test_branch_type(text, btype):
    cpu = make_cpu()
    execute(cpu, text)
    assert btype == cpu.next_btype


def test_branch_type_does_not_exist_without_bti():
    cpu = make_cpu(without={Feature.BTI})
    execute(cpu, "blr x1")
    assert 0 == cpu.next_btype


TBI0, TBI1, TBID0 = 1 << 37, 1 << 38, 1 << 51
TBI_EL2, TBID_EL2 = 1 << 20, 1 << 29


@pytest.mark.parametrize(
    ("el", "tcr", "pointer", "target"),
    [
        (1, 0, 0x5A00_0000_4000_2000, 0x5A00_0000_4000_2000),
        (1, TBI0, 0x5A00_0000_4000_2000, 0x4000_2000),
        (0, TBI0, 0x5A00_0000_4000_2000, 0x4000_2000),
        (1, TBI0 | TBID0, 0x5A00_0000_4000_2000, 0x5A00_0000_4000_2000),
        (1, TBI0, 0x5A80_0000_4000_2000, 0x5A80_0000_4000_2000),
        (1, TBI1, 0x5A80_0000_4000_2000, 0xFF80_0000_4000_2000),
        (2, TBI_EL2, 0x5A80_0000_4000_2000, 0x0080_0000_4000_2000),
        (2, TBI_EL2 | TBID_EL2, 0x5A80_0000_4000_2000, 0x5A80_0000_4000_2000),
    ],
)
def test_a_tag_is_dropped_where_the_top_byte_is_ignored(el, tcr, pointer, target):
    cpu = make_cpu(el=el, **{f"TCR_EL{el or 1}": tcr})
    cpu.set_x(1, pointer)
    execute(cpu, "br x1")
    assert target == cpu.next_pc


def test_a_jump_to_itself_is_looked_at():
    cpu = make_cpu()
    cpu.attention_at = 100
    execute(cpu, "b #0")
    assert 0 == cpu.attention_at


@pytest.mark.parametrize(
    ("fields", "address", "target"),
    [
        ({"imm26": 1}, 0xFFFF_FFFF_FFFF_FFFC, 0),
        ({"imm19": -1, "cond": 0}, 0, 0xFFFF_FFFF_FFFF_FFFC),
        ({"imm14": 2, "rt": 3}, 0x8000_0000_0000_0000, 0x8000_0000_0000_0008),
        ({"rn": 30}, 0, None),
    ],
)
def test_where_a_branch_leads_to(fields, address, target):
    assert direct_target(fields, address) == target
