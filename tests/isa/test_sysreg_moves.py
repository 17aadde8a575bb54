"""MRS, MSR (register), MSR (immediate): text, and what they do to PSTATE. Registers are in tests/sysregs."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.features import Feature
from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.isa.sysreg_moves import GROUP
from aarch64.isa.table import assemble, decode, disassemble
from aarch64.sysregs import names
from tests.isa.running import execute, make_cpu, syndrome, take

MSR = 0xD510_0000
READ = 1 << 21

TEXT_ROWS = [
    (0xD538_1000, "mrs x0, SCTLR_EL1"),
    (0xD518_C01F, "msr VBAR_EL1, xzr"),
    (0xD538_4243, "mrs x3, CurrentEL"),
    (0xD518_4200, "msr SPSel, x0"),
    (0xD51B_E040, "msr S3_3_C14_C0_2, x0"),  # CNTVCT_EL0 is not for writing
    (0xD533_0501, "mrs x1, DBGDTRRX_EL0"),
    (0xD513_0501, "msr DBGDTRTX_EL0, x1"),
    (0xD53F_FFFE, "mrs x30, S3_7_C15_C15_7"),
    (0xD500_41BF, "msr SPSel, #1"),
    (0xD503_42DF, "msr DAIFSet, #2"),
    (0xD503_4FFF, "msr DAIFClr, #15"),
    (0xD500_417F, "msr UAO, #1"),
    (0xD500_409F, "msr PAN, #0"),
    (0xD503_413F, "msr SSBS, #1"),
    (0xD503_405F, "msr DIT, #0"),
]


@pytest.mark.parametrize(("word", "text"), TEXT_ROWS)
def test_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)
    assert [text] == Llvm().decode([word])


SME = frozenset({"SMPRI_EL1", "SMCR_EL1", "SMIDR_EL1", "SVCR", "TPIDR2_EL0", "SMPRIMAP_EL2", "SMCR_EL2", "SMCR_EL12",
                 "SMCR_EL3", "MPAMSM_EL1", "ID_AA64SMFR0_EL1"})  # fmt: skip
"""Names LLVM prints only with SME on, which would change the text of other instructions."""


def test_text_is_llvms():
    generator = random.Random(2)
    named = [MSR | encoding << 5 & 0xF_FFE0 | rt for encoding in names.all_names().values() for rt in (0, 31)]
    words = named + [word | READ for word in named]
    words += [MSR | generator.getrandbits(1) * READ | generator.getrandbits(20) for _ in range(5000)]
    sme = {names.encoding_of(name) for name in SME}
    words = [word for word in words if word >> 5 & 0x7FFF | 0x8000 not in sme]
    assert [(f"{word:#x}", text) for word, text in zip(words, Llvm().decode(words), strict=True)] == [
        (f"{word:#x}", disassemble(word)) for word in words
    ]


@given(st.integers(0, (1 << 21) - 1))
def test_text_reads_back(low):
    word = MSR | (low & 1) * READ | low >> 1
    assert word == assemble(disassemble(word))


ACCEPTED_ROWS = [
    ("MRS X0, sctlr_el1", "mrs x0, SCTLR_EL1"),
    ("mrs x0, s3_0_c1_c0_0", "mrs x0, SCTLR_EL1"),
    ("mrs x0,S3_0_C1_C0_0", "mrs x0, SCTLR_EL1"),
    ("msr S3_3_C14_C0_2 , x0", "msr S3_3_C14_C0_2, x0"),
    ("msr daifset, 0xf", "msr DAIFSet, #15"),
    ("MSR SPSEL, #0", "msr SPSel, #0"),
    ("msr spsel, x1", "msr SPSel, x1"),
]


@pytest.mark.parametrize(("written", "printed"), ACCEPTED_ROWS)
def test_what_people_write(written, printed):
    assert printed == disassemble(assemble(written))


REFUSED_ROWS = [
    ("mrs x0, oslar_el1", 8, "OSLAR_EL1 can only be written"),
    ("msr midr_el1, x0", 4, "MIDR_EL1 can only be read"),
    ("mrs x0, sctlr_el4", 8, "unknown system register 'sctlr_el4'"),
    ("mrs x0, s1_0_c1_c0_0", 8, "op0 of S1_0_C1_C0_0 is not 2 or 3"),
    ("mrs x0, #3", 8, "expected a system register"),
    ("mrs w0, sctlr_el1", 4, "expected a 64-bit register"),
    ("msr daifset, #16", 13, "out of range: #16 (want #0 to #15)"),
]


@pytest.mark.parametrize(("text", "column", "message"), REFUSED_ROWS)
def test_what_does_not_assemble(text, column, message):
    with pytest.raises(AssemblyError) as refused:
        assemble(text)
    assert (message, column) == (refused.value.message, refused.value.column)


UNALLOCATED = [(op1, op2) for op1 in range(8) for op2 in range(8)]
PSTATE_FIELDS = {(0, 3), (0, 4), (0, 5), (1, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 6), (3, 7)}
CONVERSIONS = {(0, 0), (0, 1), (0, 2)}


@pytest.mark.parametrize(("op1", "op2"), UNALLOCATED)
def test_immediate_forms_are_allocated_for_pstate_fields_only(op1, op2):
    allocated = {crm for crm in range(16) if decode(0xD500_401F | op1 << 16 | crm << 8 | op2 << 5)}
    expected = {
        (1, 0): {0, 1, 2, 3},  # ALLINT, PM
        (3, 3): {2, 3, 4, 5, 6, 7},  # SM, ZA, both
    }.get((op1, op2), set(range(16)) if (op1, op2) in PSTATE_FIELDS else set())
    if (op1, op2) not in CONVERSIONS:
        assert expected == allocated


def test_every_definition_that_does_nothing_says_why():
    reasons = [definition.unsupported for definition in GROUP if definition.semantics is None]
    assert 4 == len(reasons)
    assert all(reason.startswith("PSTATE.") for reason in reasons)


@pytest.mark.parametrize(
    ("name", "attribute", "feature"),
    [
        ("SPSel", "sp", None),
        ("UAO", "uao", Feature.UAO),
        ("PAN", "pan", Feature.PAN),
        ("SSBS", "ssbs", Feature.SSBS),
        ("DIT", "dit", Feature.DIT),
    ],
)
def test_one_bit_fields(name, attribute, feature):
    for el in (1, 2, 3):
        cpu = make_cpu(el=el)
        for value in (0, 1, 14, 15):
            execute(cpu, f"msr {name}, #{value}")
            assert value & 1 == getattr(cpu.pstate, attribute)
    if feature:
        assert (1, 0, 0) == syndrome(make_cpu(without=[feature]), f"msr {name}, #1")


@pytest.mark.parametrize(("name", "allowed"), [("SPSel", 0), ("UAO", 0), ("PAN", 0), ("SSBS", 1), ("DIT", 1)])
def test_which_fields_el0_may_write(name, allowed):
    taken = take(make_cpu(el=0), f"msr {name}, #1")
    assert allowed == int(taken is None)
    assert allowed or taken.ec == 0


@pytest.mark.parametrize(("before", "text", "after"), [
    (0b0000, "msr DAIFSet, #10", 0b1010),
    (0b0101, "msr DAIFSet, #3", 0b0111),
    (0b1111, "msr DAIFClr, #2", 0b1101),
    (0b0011, "msr DAIFClr, #15", 0b0000),
])  # fmt: skip
def test_interrupt_masks(before, text, after):
    cpu = make_cpu(el=1)
    cpu.pstate.daif = before
    execute(cpu, text)
    assert after == cpu.pstate.daif


def test_unmasking_asks_for_attention():
    cpu = make_cpu(el=1)
    cpu.attention_at = 1000
    execute(cpu, "msr DAIFClr, #2")
    assert 0 == cpu.attention_at


UMA, TGE = 1 << 9, 1 << 27

DAIF_ROWS = [
    # SCTLR_EL1.UMA, HCR_EL2.TGE, op2: target level or None
    (UMA, 0, "DAIFSet", 0b110, None),
    (0, 0, "DAIFSet", 0b110, 1),
    (0, 0, "DAIFClr", 0b111, 1),
    (0, TGE, "DAIFClr", 0b111, 2),
]


@pytest.mark.parametrize(("uma", "tge", "name", "op2", "target"), DAIF_ROWS)
def test_el0_writes_masks_only_when_el1_allows_it(uma, tge, name, op2, target):
    cpu = make_cpu(el=0, SCTLR_EL1=uma, HCR_EL2=tge)
    op0, op1, crn, crm, rt, write = 0, 3, 4, 5, 31, 0
    iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | write
    assert ((target, 0x18, iss) if target else None) == syndrome(cpu, f"msr {name}, #5")


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 30))
def test_a_value_goes_through_a_register_and_back(value, number):
    cpu = make_cpu(el=1)
    cpu.gpr[number] = value
    execute(cpu, f"msr TPIDR_EL0, x{number}")
    execute(cpu, f"mrs x{(number + 1) % 31}, TPIDR_EL0")
    assert value == cpu.gpr[(number + 1) % 31] == cpu.sysregs["TPIDR_EL0"]


def test_xzr_writes_zero_and_discards():
    cpu = make_cpu(el=1, TPIDR_EL0=5)
    execute(cpu, "mrs xzr, TPIDR_EL0")
    assert 0 == cpu.gpr[31]
    execute(cpu, "msr TPIDR_EL0, xzr")
    assert 0 == cpu.sysregs["TPIDR_EL0"]
