"""What registers keep of what is written to them, and what writing some of them does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.errors import UnsupportedState
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.sysregs import TABLE, floating_point, names, read_register, reset_values, write_register
from aarch64.sysregs.record import writable_bits
from tests.isa.running import make_cpu, take

ONES = mask(64)


def write_and_read(name: str, value: int, *, el: int = 3, **state: object) -> int:
    """What a register reads as after it was written."""
    cpu = make_cpu(el=el, **state)
    encoding = names.encoding_of(name)
    write_register(cpu, encoding, 0, value)
    return read_register(cpu, encoding, 0)


ROWS = [
    # register: what it keeps of all ones, what of all zeros (RES1 bits and those fixed by the machine)
    ("SCTLR_EL1", 0x0200_1018_FCDD_FFDE, 0x3050_0980),
    ("ACTLR_EL1", 0, 0),
    ("CPACR_EL1", 0x0030_0000, 0),
    ("TTBR0_EL1", ONES, 0),
    ("TTBR0_EL2", 0x0000_FFFF_FFFF_FFFF, 0),
    ("MAIR_EL1", ONES, 0),
    ("AMAIR_EL1", 0, 0),
    ("VBAR_EL1", 0xFFFF_FFFF_FFFF_F800, 0),
    ("VBAR_EL2", 0xFFFF_FFFF_FFFF_F800, 0),
    ("VBAR_EL3", 0xFFFF_FFFF_FFFF_F800, 0),
    ("ESR_EL1", 0xFFFF_FFFF, 0),
    ("ESR_EL2", 0xFFFF_FFFF, 0),
    ("ESR_EL3", 0xFFFF_FFFF, 0),
    ("FAR_EL1", ONES, 0),
    ("CONTEXTIDR_EL1", 0xFFFF_FFFF, 0),
    ("TPIDR_EL0", ONES, 0),
    ("TPIDRRO_EL0", ONES, 0),
    ("TPIDR_EL2", ONES, 0),
    ("CSSELR_EL1", 0xF, 0),
    ("APGAKeyHi_EL1", ONES, 0),
    ("CPTR_EL2", 0x8000_37FF, 0x33FF),
    ("MDCR_EL2", 0xFFF, 0),
    ("HSTR_EL2", 0, 0),
    ("VTTBR_EL2", 0x00FF_FFFF_FFFF_FFFE, 0),
    ("VPIDR_EL2", 0xFFFF_FFFF, 0),
    ("VMPIDR_EL2", 0xFF_C1FF_FFFF, 0x8000_0000),
    ("VSESR_EL2", 0x1FF_FFFF, 0),
    ("SCR_EL3", 0x0007_FFBF, 0x430),
    ("CPTR_EL3", 0x8000_0400, 0),
    ("LORSA_EL1", 0, 0),
    ("ELR_EL1", ONES, 0),
    ("SPSR_EL1", 0xFFFF_FFFF, 0),
    ("SP_EL1", ONES, 0),
    ("CNTVOFF_EL2", ONES, 0),
    ("CNTV_CVAL_EL0", ONES, 0),
    ("CNTKCTL_EL1", 0x0002_03FF, 0),
    ("PMUSERENR_EL0", 0xF, 0),
    ("PMSELR_EL0", 0x1F, 0),
    ("PMCCFILTR_EL0", 0xFC00_0000, 0),
    ("DBGBVR0_EL1", ONES, 0),
    ("DBGBCR0_EL1", 0x00FF_E1E7, 0x1E0),
    ("DBGWVR0_EL1", ONES ^ 3, 0),
    ("DBGWCR0_EL1", 0x1F1F_FFFF, 0),
    ("MDCCINT_EL1", 0x6000_0000, 0),
    ("OSDLR_EL1", 1, 0),
    ("OSECCR_EL1", 0xFFFF_FFFF, 0),
    ("OSDTRRX_EL1", 0xFFFF_FFFF, 0),
    ("OSDTRTX_EL1", 0xFFFF_FFFF, 0),
    ("SCTLR_EL2", 0x1010_F8CD_387E, 0x30C5_0830),
    ("SCTLR_EL3", 0x1010_F8CD_387E, 0x30C5_0830),
    ("TCR_EL1", 0x0198_07F7_FFFF_FFBF, 0),
    ("TCR_EL2", 0xA1F7_FF3F, 0x8080_0000),
    ("TCR_EL3", 0xA1F7_FF3F, 0x8080_0000),
    ("TTBR1_EL1", ONES, 0),
    ("TTBR0_EL3", 0x0000_FFFF_FFFF_FFFF, 0),
    ("VTCR_EL2", 0xE007_FFFF, 0x8000_0000),
    ("VSTTBR_EL2", 0x0000_FFFF_FFFF_FFFE, 0),
    ("VSTCR_EL2", 0xE000_C0FF, 0x8000_0000),
    ("HPFAR_EL2", 0x8000_0FFF_FFFF_FFF0, 0),
    ("MDCR_EL3", 0x0033_0640, 0),
    ("VDISR_EL2", 0x81FF_FFFF, 0),
    ("DISR_EL1", 0x81FF_FFFF, 0),
    ("CNTHCTL_EL2", 0x0003_E0FF, 0),
    ("CNTFRQ_EL0", 0xFFFF_FFFF, 0),
    ("DBGPRCR_EL1", 1, 0),
]
"""From the register descriptions, for the default feature set."""


@pytest.mark.parametrize(("name", "of_ones", "of_zeros"), ROWS)
def test_reserved_bits_are_fixed(name, of_ones, of_zeros):
    nonsecure, secure_el2 = 0x431, 0x430 | 1 << 18
    state = {"SCR_EL3": secure_el2 if name.startswith("VST") else nonsecure}
    ones = ONES ^ 1 if name.startswith("SCTLR") else ONES
    assert f"{of_ones:#x}" == f"{write_and_read(name, ones, **state):#x}"
    assert f"{of_zeros:#x}" == f"{write_and_read(name, 0, **state):#x}"


def test_every_register_with_reserved_bits_has_a_row():
    """Of those that are plain storage; one breakpoint and one watchpoint stand for all."""
    partial = {
        register.name
        for register in TABLE.values()
        if register.write_level is not None and register.write is None and 0 < register.writable < ONES
    }
    partial = {name for name in partial if not re.fullmatch(r"DBG\w+[1-9]_EL1", name)}
    computed = {
        f"{timer}_CTL_EL{level}"
        for timer, level in [("CNTP", 0), ("CNTV", 0), ("CNTHP", 2), ("CNTHPS", 2), ("CNTPS", 1)]
    }
    assert partial - computed <= {name for name, _, _ in ROWS}


@pytest.mark.parametrize(
    ("name", "feature", "bits"),
    [
        ("SCTLR_EL1", Feature.LSE2, 1 << 6),
        ("SCTLR_EL1", Feature.PAUTH, 1 << 13 | 1 << 27 | 1 << 30 | 1 << 31),
        ("SCTLR_EL1", Feature.SPECRES, 1 << 10),
        ("SCTLR_EL1", Feature.SSBS, 1 << 44),
        ("SCTLR_EL1", Feature.BTI, 0b11 << 35),
        ("SCTLR_EL3", Feature.BTI, 1 << 36),
        ("HCR_EL2", Feature.RAS, 0b11 << 36),
        ("HCR_EL2", Feature.LOR, 1 << 35),
        ("HCR_EL2", Feature.PAUTH, 0b11 << 40),
        ("SCR_EL3", Feature.SEL2, 1 << 18),
        ("SCR_EL3", Feature.PAUTH, 0b11 << 16),
        ("TCR_EL1", Feature.PAUTH, 0b11 << 51),
        ("TCR_EL2", Feature.PAUTH, 1 << 29),
        ("TCR_EL1", Feature.HAFDBS, 0b11 << 39),
        ("TCR_EL3", Feature.HAFDBS, 0b11 << 21),
        ("TCR_EL1", Feature.HPDS, 0b11 << 41),
        ("TCR_EL2", Feature.HPDS, 1 << 24),
        ("TCR_EL1", Feature.E0PD, 0b11 << 55),
        ("SCTLR_EL1", Feature.PAN3, 1 << 57),
        ("TTBR1_EL1", Feature.TTCNP, 1),
        ("TTBR0_EL2", Feature.TTCNP, 1),
        ("HPFAR_EL2", Feature.SEL2, 1 << 63),
    ],
)
def test_bits_of_an_absent_feature_are_res0(name, feature, bits):
    assert bits == write_and_read(name, bits) & bits
    assert 0 == write_and_read(name, bits, without=[feature]) & bits


def test_span_is_res1_without_pan():
    span = 1 << 23
    assert 0 == write_and_read("SCTLR_EL1", 0) & span
    assert span == write_and_read("SCTLR_EL1", 0, without=[Feature.PAN]) & span


def test_hcd_exists_only_without_el3():
    hcd = 1 << 29
    assert hcd == write_and_read("HCR_EL2", hcd, el=2, max_el=2) & hcd
    assert 0 == write_and_read("HCR_EL2", hcd, el=2, max_el=3) & hcd


def test_lower_levels_are_aarch64():
    assert 1 << 31 == write_and_read("HCR_EL2", 0) & 1 << 31
    assert 1 << 10 == write_and_read("SCR_EL3", 0) & 1 << 10


STORED = sorted(
    {
        register.name
        for register in TABLE.values()
        if register.read is None and register.write is None and register.guard is None and register.check is None
        if register.read_level is not None and register.write_level is not None
    }
)


@given(st.sampled_from(STORED), st.integers(0, ONES), st.integers(0, ONES))
def test_a_plain_register_is_its_writable_bits_over_its_reset_value(name, first, second):
    register = TABLE[names.encoding_of(name)]
    writable = writable_bits(register, DEFAULT_FEATURES)
    reset = reset_values(DEFAULT_FEATURES, 3)[register.key]
    cpu = make_cpu(el=3)
    for value in (first, second):
        write_register(cpu, register.encoding, 0, value)
        assert value & writable | reset & ~writable == read_register(cpu, register.encoding, 0)


FLOATING_POINT = {register.encoding for register in floating_point.REGISTERS}


@given(st.sampled_from(sorted(TABLE.keys() - FLOATING_POINT)), st.integers(0, ONES))
def test_a_read_gives_64_bits_and_any_value_can_be_written(encoding, value):
    cpu = make_cpu(el=3)
    register = TABLE[encoding]
    if register.write_level is not None and register.check is None and (not register.guard or register.guard(cpu)):
        write_register(cpu, encoding, 0, value)
    if register.read_level is not None and (not register.guard or register.guard(cpu)):
        assert 0 <= read_register(cpu, encoding, 0) <= ONES


def test_every_write_asks_for_attention():
    cpu = make_cpu(el=1)
    cpu.attention_at = 1000
    write_register(cpu, names.encoding_of("TPIDR_EL1"), 0, 0)
    assert 0 == cpu.attention_at


@pytest.mark.parametrize(("bits", "name"), [(1 << 0, "VM"), (1 << 12, "DC"), (1 << 12 | 1, "VM and .DC")])
def test_switching_stage_2_on_stops_with_a_message(bits, name):
    cpu = make_cpu(el=2)
    before = dict(cpu.sysregs)
    message = rf"stage 2 of address translation is not modelled: HCR_EL2\.{name} may not be set; let EL1 run"
    with pytest.raises(UnsupportedState, match=message):
        write_register(cpu, names.encoding_of("HCR_EL2"), 0, bits)
    assert before == cpu.sysregs


def test_reset_of_a_machine_that_starts_at_its_highest_level():
    values = reset_values(DEFAULT_FEATURES, 3)
    assert 0x430 == values["SCR_EL3"], "Secure; the RES1 bits; EL2 is AArch64"
    assert 0x30C5_0838 == values["SCTLR_EL3"]
    assert 0x30D5_0998 == values["SCTLR_EL1"]
    assert 62_500_000 == values["CNTFRQ_EL0"]


def test_a_machine_that_starts_lower_finds_what_firmware_leaves():
    values = reset_values(DEFAULT_FEATURES, 3, el=1)
    ns, hce, st_, apk_api = 1, 1 << 8, 1 << 11, 0b11 << 16
    assert 0x430 | ns | hce | st_ | apk_api == values["SCR_EL3"]
    assert 1 << 31 | 0b11 << 40 == values["HCR_EL2"]
    assert 1 << 31 == reset_values(DEFAULT_FEATURES, 3, el=2)["HCR_EL2"]
    assert 1 << 31 == reset_values(DEFAULT_FEATURES - {Feature.PAUTH}, 2, el=1)["HCR_EL2"]


DISR_ROWS = [
    # level, HCR_EL2.AMO, SCR_EL3.EA: the register that DISR_EL1 is
    (1, 0, 0, "DISR_EL1"),
    (1, 1, 0, "VDISR_EL2"),
    (1, 1, 1, "VDISR_EL2"),
    (1, 0, 1, None),
    (2, 1, 0, "DISR_EL1"),
    (2, 1, 1, None),
    (3, 1, 1, "DISR_EL1"),
]


@pytest.mark.parametrize(("el", "amo", "ea", "expected"), DISR_ROWS)
def test_deferred_interrupt_status(el, amo, ea, expected):
    cpu = make_cpu(el=el, HCR_EL2=amo << 5, SCR_EL3=1 | ea << 3, DISR_EL1=1 << 31 | 1, VDISR_EL2=1 << 31 | 2)
    take(cpu, "mrs x0, DISR_EL1")
    assert (cpu.sysregs[expected] if expected else 0) == cpu.gpr[0]
    before = dict(cpu.sysregs)
    take(cpu, "msr DISR_EL1, xzr")
    assert before | ({expected: 0} if expected else {}) == cpu.sysregs
