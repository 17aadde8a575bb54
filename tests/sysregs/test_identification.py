"""Identification registers, against the field tables of the Arm ARM written down a second time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.features import DEFAULT_FEATURES, NOT_MODELLED, Feature
from aarch64.sysregs import TABLE, names, read_register, reset_values
from aarch64.sysregs.identification import FIELDS
from tests.isa.running import make_cpu, take

NONE: frozenset[Feature] = frozenset()

ROWS = [
    # register, low bit: the value with none of the features, then with one feature after another added
    ("ID_AA64PFR0_EL1", 28, 0, [("RAS", 1)]),
    ("ID_AA64PFR0_EL1", 48, 0, [("DIT", 1)]),
    ("ID_AA64PFR0_EL1", 56, 0, [("CSV2", 1)]),
    ("ID_AA64PFR1_EL1", 0, 0, [("BTI", 1)]),
    ("ID_AA64PFR1_EL1", 4, 0, [("SSBS", 2)]),
    ("ID_AA64DFR0_EL1", 8, 0, [("PMUV3", 1)]),
    ("ID_AA64ISAR0_EL1", 16, 0, [("CRC32", 1)]),
    ("ID_AA64ISAR0_EL1", 20, 0, [("LSE", 2), ("LSE128", 3)]),
    ("ID_AA64ISAR0_EL1", 52, 0, [("FLAGM", 1), ("FLAGM2", 2)]),
    ("ID_AA64ISAR0_EL1", 56, 0, [("TLBIOS", 1), ("TLBIRANGE", 2)]),
    ("ID_AA64ISAR1_EL1", 0, 0, [("DPB", 1), ("DPB2", 2)]),
    ("ID_AA64ISAR1_EL1", 4, 0, [("PAUTH", 1), ("PAUTH2", 3), ("FPAC", 4)]),
    ("ID_AA64ISAR1_EL1", 20, 0, [("LRCPC", 1), ("LRCPC2", 2), ("LRCPC3", 3)]),
    ("ID_AA64ISAR1_EL1", 24, 0, [("PAUTH", 1)]),
    ("ID_AA64ISAR1_EL1", 36, 0, [("SB", 1)]),
    ("ID_AA64ISAR1_EL1", 40, 0, [("SPECRES", 1)]),
    ("ID_AA64ISAR1_EL1", 48, 0, [("DGH", 1)]),
    ("ID_AA64ISAR1_EL1", 56, 0, [("XS", 1)]),
    ("ID_AA64ISAR2_EL1", 0, 0, [("WFXT", 2)]),
    ("ID_AA64ISAR2_EL1", 20, 0, [("HBC", 1)]),
    ("ID_AA64ISAR2_EL1", 52, 0, [("CSSC", 1)]),
    ("ID_AA64MMFR1_EL1", 0, 0, [("HAFDBS", 2)]),
    ("ID_AA64MMFR1_EL1", 12, 0, [("HPDS", 1)]),
    ("ID_AA64MMFR1_EL1", 16, 0, [("LOR", 1)]),
    ("ID_AA64MMFR1_EL1", 20, 0, [("PAN", 1), ("PAN2", 2), ("PAN3", 3)]),
    ("ID_AA64MMFR2_EL1", 0, 0, [("TTCNP", 1)]),
    ("ID_AA64MMFR2_EL1", 28, 0, [("TTST", 1)]),
    ("ID_AA64MMFR2_EL1", 60, 0, [("E0PD", 1)]),
    ("ID_AA64MMFR2_EL1", 4, 0, [("UAO", 1)]),
    ("ID_AA64MMFR2_EL1", 20, 0, [("CCIDX", 1)]),
    ("ID_AA64MMFR2_EL1", 32, 0, [("LSE2", 1)]),
    ("ID_AA64MMFR2_EL1", 36, 0, [("IDST", 1)]),
]

FIXED = [
    ("ID_AA64PFR0_EL1", 0, 1, "EL0 in AArch64 only"),
    ("ID_AA64PFR0_EL1", 4, 1, "EL1 in AArch64 only"),
    ("ID_AA64PFR0_EL1", 16, 15, "no floating point"),
    ("ID_AA64PFR0_EL1", 20, 15, "no Advanced SIMD"),
    ("ID_AA64DFR0_EL1", 0, 6, "the debug architecture of Armv8.0"),
    ("ID_AA64DFR0_EL1", 12, 5, "6 breakpoints"),
    ("ID_AA64DFR0_EL1", 20, 3, "4 watchpoints"),
    ("ID_AA64DFR0_EL1", 28, 1, "2 context-aware breakpoints"),
    ("ID_AA64DFR0_EL1", 36, 0, "FEAT_DoubleLock"),
    ("ID_AA64MMFR0_EL1", 0, 5, "48-bit physical addresses"),
    ("ID_AA64MMFR0_EL1", 4, 2, "16-bit ASIDs"),
    ("ID_AA64MMFR0_EL1", 20, 1, "16KB granule"),
    ("ID_AA64MMFR0_EL1", 60, 1, "FEAT_ECV"),
]

LEVELS = [
    ("ID_AA64PFR0_EL1", 8, (0, 1, 1), "EL2"),
    ("ID_AA64PFR0_EL1", 12, (0, 0, 1), "EL3"),
    ("ID_AA64PFR0_EL1", 36, (0, 0, 1), "Secure EL2"),
    ("ID_AA64MMFR0_EL1", 12, (0, 0, 1), "Secure memory"),
]


def field(register: str, low: int, features: frozenset[Feature], max_el: int = 1) -> int:
    return reset_values(features, max_el)[register] >> low & 0xF


@pytest.mark.parametrize(("register", "low", "without", "steps"), ROWS)
def test_a_field_says_which_features_there_are(register, low, without, steps):
    features = NONE
    assert without == field(register, low, features)
    for name, expected in steps:
        features |= {Feature[name]}
        assert expected == field(register, low, features)


@pytest.mark.parametrize(("register", "low", "expected", "_meaning"), FIXED)
def test_a_field_that_is_the_same_on_every_machine(register, low, expected, _meaning):
    assert expected == field(register, low, NONE)
    assert expected == field(register, low, DEFAULT_FEATURES, 3)


@pytest.mark.parametrize(("register", "low", "by_max_el", "_meaning"), LEVELS)
def test_a_field_says_which_levels_there_are(register, low, by_max_el, _meaning):
    assert by_max_el == tuple(field(register, low, DEFAULT_FEATURES, max_el) for max_el in (1, 2, 3))


def test_every_field_has_a_row():
    stated = {(register, low) for register, low, *_ in [*ROWS, *FIXED, *LEVELS]}
    assert stated == {(register, low) for register, fields in FIELDS.items() for low in fields}


def test_every_modelled_feature_shows_in_a_field():
    stated = {name for *_, steps in ROWS for name, _ in steps} | {"SEL2"}
    assert stated == {feature.name for feature in frozenset(Feature) - NOT_MODELLED}


@given(st.sets(st.sampled_from(sorted(Feature, key=lambda item: item.name))), st.integers(1, 3))
def test_fields_never_run_into_one_another(features, max_el):
    values = reset_values(frozenset(features), max_el)
    for register, fields in FIELDS.items():
        outside = ~sum(0xF << low for low in fields)
        assert 0 == values[register] & outside


@pytest.mark.parametrize(("crm", "op2"), [(crm, op2) for crm in range(1, 8) for op2 in range(8)])
def test_every_feature_register_is_readable_above_el0_and_nowhere_writable(crm, op2):
    name = names.generic_name(names.encode(3, 0, 0, crm, op2))
    for el in (1, 2, 3):
        cpu = make_cpu(el=el)
        assert take(cpu, f"mrs x0, {name}") is None
        assert cpu.sysregs[TABLE[names.encode(3, 0, 0, crm, op2)].key] == cpu.gpr[0]
        assert 0 == take(make_cpu(el=el), f"msr {name}, x0").ec
    assert 0x18 == take(make_cpu(el=0), f"mrs x0, {name}").ec


def read(name: str, **state: object) -> int:
    cpu = make_cpu(**state)
    return read_register(cpu, names.encoding_of(name), 0)


def test_el1_sees_the_identity_that_el2_gives_it():
    assert 0x4100_0000 == read("MIDR_EL1", el=1, VPIDR_EL2=0x4100_0000)
    assert read("MIDR_EL1", el=1, max_el=1) == read("MIDR_EL1", el=2, VPIDR_EL2=0x4100_0000)
    assert 0x8000_0003 == read("MPIDR_EL1", el=1, VMPIDR_EL2=0x8000_0003)
    assert 0x8000_0000 == read("MPIDR_EL1", el=2, VMPIDR_EL2=0x8000_0003)


def test_secure_el1_without_secure_el2_sees_its_own_identity():
    assert read("MIDR_EL1", el=2) == read("MIDR_EL1", el=1, SCR_EL3=0, VPIDR_EL2=1)


@pytest.mark.parametrize(
    ("selected", "sets", "ways"), [(0b0000, 128, 4), (0b0001, 128, 4), (0b0010, 1024, 8)], ids=["L1D", "L1I", "L2"]
)
def test_cache_geometry(selected, sets, ways):
    line_64_bytes = 2
    wide = read("CCSIDR_EL1", CSSELR_EL1=selected)
    assert (sets - 1, ways - 1, line_64_bytes) == (wide >> 32, wide >> 3 & 0x1F_FFFF, wide & 7)
    narrow = read("CCSIDR_EL1", CSSELR_EL1=selected, without=[Feature.CCIDX])
    assert (sets - 1, ways - 1, line_64_bytes) == (narrow >> 13, narrow >> 3 & 0x3FF, narrow & 7)


def test_cache_levels_are_those_clidr_names():
    clidr = read("CLIDR_EL1")
    separate, unified, none = 0b011, 0b100, 0
    assert [separate, unified, none] == [clidr >> 3 * level & 7 for level in range(3)]
    assert 0 == read("CCSIDR_EL1", CSSELR_EL1=0b0100)


@pytest.mark.parametrize(
    ("el", "state", "prohibited"),
    [
        (0, {"SCTLR_EL1": 0}, True),
        (0, {"SCTLR_EL1": 1 << 14}, False),
        (0, {"SCTLR_EL1": 1 << 14, "HCR_EL2": 1 << 28}, True),
        (1, {"SCTLR_EL1": 0}, False),
        (1, {"HCR_EL2": 1 << 28}, True),
        (1, {"HCR_EL2": 1 << 28, "SCR_EL3": 0}, False),
        (2, {"HCR_EL2": 1 << 28}, False),
    ],
)
def test_dczid_says_whether_dc_zva_is_allowed(el, state, prohibited):
    assert (prohibited << 4 | 4) == read("DCZID_EL0", el=el, **state)
