"""Who may access which register, and where an access that may not goes: rows of the register descriptions."""

import pytest

from aarch64.errors import UnsupportedState
from aarch64.exceptions import ArchException, ExceptionClass
from aarch64.features import Feature
from aarch64.sysregs import names
from aarch64.sysregs.traps import check_fp_access
from tests.isa.running import make_cpu, take

BITS = {
    "SCTLR_EL1": {"UMA": 9, "UCT": 15},
    "CNTKCTL_EL1": {"EL0PCTEN": 0, "EL0VCTEN": 1, "EL0VTEN": 8, "EL0PTEN": 9},
    "PMUSERENR_EL0": {"EN": 0, "SW": 1, "CR": 2, "ER": 3},
    "MDSCR_EL1": {"TDCC": 12},
    "HCR_EL2": {
        "TID1": 16, "TID2": 17, "TID3": 18, "TIDCP": 20, "TACR": 21, "TVM": 26, "TGE": 27, "TRVM": 30, "TLOR": 35,
        "TERR": 36, "APK": 40, "AMO": 5,
    },
    "MDCR_EL2": {"TPMCR": 5, "TPM": 6, "TDE": 8, "TDA": 9, "TDOSA": 10, "TDRA": 11},
    "CPTR_EL2": {"TCPAC": 31, "TFP": 10},
    "CNTHCTL_EL2": {"EL1PCTEN": 0, "EL1PCEN": 1, "EL1TVT": 13, "EL1TVCT": 14},
    "SCR_EL3": {"NS": 0, "ST": 11, "TLOR": 14, "TERR": 15, "APK": 16, "EEL2": 18},
    "MDCR_EL3": {"TPM": 6, "TDA": 9, "TDOSA": 10},
    "CPTR_EL3": {"TCPAC": 31, "TFP": 10},
}  # fmt: skip
"""Bit numbers, from the register descriptions."""

OPEN = {
    "SCTLR_EL1": ("UMA", "UCT"),
    "CNTKCTL_EL1": ("EL0PCTEN", "EL0VCTEN", "EL0VTEN", "EL0PTEN"),
    "PMUSERENR_EL0": ("EN", "SW", "CR", "ER"),
    "MDSCR_EL1": (),
    "HCR_EL2": ("APK",),
    "MDCR_EL2": (),
    "CPTR_EL2": (),
    "CNTHCTL_EL2": ("EL1PCTEN", "EL1PCEN"),
    "SCR_EL3": ("NS", "ST", "APK"),
    "MDCR_EL3": (),
    "CPTR_EL3": (),
}
"""Controls that trap nothing: every enable set, every trap clear, Non-secure state."""


def cpu_with(settings: str, el: int, **facts):
    """A CPU at `el` on which nothing is trapped but by `settings`, such as "HCR_EL2.TVM=1 SCR_EL3.NS=0"."""
    controls = {register: sum(1 << BITS[register][name] for name in bits) for register, bits in OPEN.items()}
    for item in settings.split():
        target, _, value = item.partition("=")
        register, _, name = target.partition(".")
        bit = 1 << BITS[register][name]
        controls[register] = controls[register] | bit if value == "1" else controls[register] & ~bit
    cpu = make_cpu(el=el, **facts)
    cpu.sysregs |= controls
    cpu.sysregs["PMSELR_EL0"] = 31
    return cpu


def outcome(text: str, settings: str, el: int, **facts) -> str:
    """What an access comes to: "ok", "undefined", or the level it is trapped to."""
    taken = take(cpu_with(settings, el, **facts), text)
    if taken is None:
        return "ok"
    if taken.ec is ExceptionClass.UNKNOWN:
        return "undefined"
    assert taken.ec is ExceptionClass.SYSTEM_REGISTER
    return f"EL{taken.target_el}"


VIRTUAL_MEMORY = (
    "SCTLR_EL1", "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "ESR_EL1", "FAR_EL1", "AFSR0_EL1", "AFSR1_EL1", "MAIR_EL1",
    "AMAIR_EL1", "CONTEXTIDR_EL1",
)  # fmt: skip
KEYS = tuple(f"AP{key}Key{half}_EL1" for key in ("IA", "IB", "DA", "DB", "GA") for half in ("Lo", "Hi"))
DEBUG = (
    "MDSCR_EL1", "MDCCINT_EL1", "OSDTRRX_EL1", "OSDTRTX_EL1", "OSECCR_EL1", "DBGBVR0_EL1", "DBGBCR5_EL1",
    "DBGWVR3_EL1", "DBGWCR0_EL1", "DBGCLAIMSET_EL1", "DBGCLAIMCLR_EL1",
)  # fmt: skip
OS = ("OSDLR_EL1", "DBGPRCR_EL1")
PHYSICAL_TIMER = ("CNTP_TVAL_EL0", "CNTP_CTL_EL0", "CNTP_CVAL_EL0")
VIRTUAL_TIMER = ("CNTV_TVAL_EL0", "CNTV_CTL_EL0", "CNTV_CVAL_EL0")
SECURE_TIMER = ("CNTPS_TVAL_EL1", "CNTPS_CTL_EL1", "CNTPS_CVAL_EL1")
PMU_COMMON = (
    "PMCR_EL0", "PMCNTENSET_EL0", "PMCNTENCLR_EL0", "PMOVSCLR_EL0", "PMOVSSET_EL0", "PMCCFILTR_EL0", "PMXEVTYPER_EL0",
)  # fmt: skip
PMU = (*PMU_COMMON, "PMSELR_EL0", "PMCCNTR_EL0")

READ, WRITE, BOTH = "r", "w", "rw"
ID_READS = ("MIDR_EL1", "REVIDR_EL1", "ID_AA64PFR0_EL1", "S3_0_C0_C7_7", "CCSIDR_EL1", "CLIDR_EL1", "AIDR_EL1")
UNALLOCATED_ID_READS = ("S3_0_C0_C0_1", "CCSIDR2_EL1", "GMID_EL1", "S3_1_C0_C7_7", "S3_3_C0_C0_0", "S3_3_C0_C7_0")

ROWS = [
    # registers, direction, settings, outcome at EL0, EL1, EL2, EL3
    (VIRTUAL_MEMORY, BOTH, "", "undefined ok ok ok"),
    (VIRTUAL_MEMORY, WRITE, "HCR_EL2.TVM=1", "undefined EL2 ok ok"),
    (VIRTUAL_MEMORY, READ, "HCR_EL2.TVM=1", "undefined ok ok ok"),
    (VIRTUAL_MEMORY, READ, "HCR_EL2.TRVM=1", "undefined EL2 ok ok"),
    (VIRTUAL_MEMORY, WRITE, "HCR_EL2.TRVM=1", "undefined ok ok ok"),
    (VIRTUAL_MEMORY, WRITE, "HCR_EL2.TVM=1 SCR_EL3.NS=0", "undefined ok - ok"),
    (VIRTUAL_MEMORY, WRITE, "HCR_EL2.TVM=1 SCR_EL3.NS=0 SCR_EL3.EEL2=1", "undefined EL2 ok ok"),
    (("ACTLR_EL1",), BOTH, "HCR_EL2.TACR=1", "undefined EL2 ok ok"),
    (("CPACR_EL1",), BOTH, "CPTR_EL2.TCPAC=1", "undefined EL2 ok ok"),
    (("CPACR_EL1",), BOTH, "CPTR_EL3.TCPAC=1", "undefined EL3 EL3 ok"),
    (("CPACR_EL1",), BOTH, "CPTR_EL2.TCPAC=1 CPTR_EL3.TCPAC=1", "undefined EL2 EL3 ok"),
    (("CPTR_EL2",), BOTH, "CPTR_EL3.TCPAC=1", "undefined undefined EL3 ok"),
    (KEYS, BOTH, "", "undefined ok ok ok"),
    (KEYS, BOTH, "HCR_EL2.APK=0", "undefined EL2 ok ok"),
    (KEYS, BOTH, "SCR_EL3.APK=0", "undefined EL3 EL3 ok"),
    (KEYS, BOTH, "HCR_EL2.APK=0 SCR_EL3.APK=0", "undefined EL2 EL3 ok"),
    (("REVIDR_EL1", "AIDR_EL1"), READ, "HCR_EL2.TID1=1", "EL1 EL2 ok ok"),
    (("CLIDR_EL1", "CCSIDR_EL1"), READ, "HCR_EL2.TID2=1", "EL1 EL2 ok ok"),
    (("CSSELR_EL1",), BOTH, "HCR_EL2.TID2=1", "undefined EL2 ok ok"),
    (("CTR_EL0",), READ, "HCR_EL2.TID2=1", "EL2 EL2 ok ok"),
    (("CTR_EL0",), READ, "SCTLR_EL1.UCT=0", "EL1 ok ok ok"),
    (("CTR_EL0",), READ, "SCTLR_EL1.UCT=0 HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("CTR_EL0", "MIDR_EL1", "ID_AA64PFR0_EL1"), WRITE, "", "undefined undefined undefined undefined"),
    (("ID_AA64PFR0_EL1", "ID_MMFR0_EL1", "S3_0_C0_C7_7"), READ, "HCR_EL2.TID3=1", "EL1 EL2 ok ok"),
    (("MIDR_EL1", "MPIDR_EL1"), READ, "HCR_EL2.TID3=1 HCR_EL2.TID1=1", "EL1 ok ok ok"),
    # FEAT_IDST: what is UNDEFINED in the feature ID space, when it is read
    (ID_READS, READ, "", "EL1 ok ok ok"),
    (ID_READS, READ, "HCR_EL2.TGE=1", "EL2 - ok ok"),
    (ID_READS, READ, "HCR_EL2.TGE=1 SCR_EL3.NS=0", "EL1 ok - ok"),
    (UNALLOCATED_ID_READS, READ, "", "EL1 EL1 EL2 EL3"),
    (UNALLOCATED_ID_READS, READ, "HCR_EL2.TID3=1", "EL1 EL2 EL2 EL3"),
    (UNALLOCATED_ID_READS, READ, "HCR_EL2.TID3=1 SCR_EL3.NS=0", "EL1 EL1 - EL3"),
    ((*ID_READS, *UNALLOCATED_ID_READS), WRITE, "", "undefined undefined undefined undefined"),
    (("S3_0_C0_C8_0", "S3_3_C0_C8_0", "S2_0_C0_C0_1"), READ, "", "undefined undefined undefined undefined"),
    (("CSSELR_EL1",), READ, "", "undefined ok ok ok"),
    (("VPIDR_EL2",), READ, "", "undefined undefined ok ok"),
    (("S3_0_C15_C2_0", "S3_3_C11_C0_1"), BOTH, "", "undefined undefined undefined undefined"),
    (("S3_0_C15_C2_0", "S3_3_C11_C0_1"), BOTH, "HCR_EL2.TIDCP=1", "undefined EL2 undefined undefined"),
    (("S3_0_C15_C2_0",), BOTH, "HCR_EL2.TIDCP=1 SCR_EL3.NS=0", "undefined undefined - undefined"),
    (("DAIF",), BOTH, "", "ok ok ok ok"),
    (("DAIF",), BOTH, "SCTLR_EL1.UMA=0", "EL1 ok ok ok"),
    (("DAIF",), BOTH, "SCTLR_EL1.UMA=0 HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("NZCV", "DIT", "SSBS", "TPIDR_EL0"), BOTH, "", "ok ok ok ok"),
    (("TPIDRRO_EL0",), READ, "", "ok ok ok ok"),
    (("TPIDRRO_EL0",), WRITE, "", "undefined ok ok ok"),
    (("PAN", "UAO", "SPSel"), BOTH, "", "undefined ok ok ok"),
    (("CurrentEL",), READ, "", "undefined ok ok ok"),
    (("CurrentEL",), WRITE, "", "undefined undefined undefined undefined"),
    (("VBAR_EL1", "ELR_EL1", "SPSR_EL1", "TPIDR_EL1", "PAR_EL1"), BOTH, "", "undefined ok ok ok"),
    (("HCR_EL2", "SCTLR_EL2", "SP_EL1", "VTTBR_EL2", "CNTHP_CTL_EL2"), BOTH, "", "undefined undefined ok ok"),
    (("SCR_EL3", "SCTLR_EL3", "SP_EL2", "MDCR_EL3"), BOTH, "", "undefined undefined undefined ok"),
    (("RVBAR_EL1", "RVBAR_EL2"), READ, "", "undefined undefined undefined undefined"),
    (("RVBAR_EL3",), READ, "", "undefined undefined undefined ok"),
    (("LORC_EL1", "LORN_EL1"), BOTH, "HCR_EL2.TLOR=1", "undefined EL2 ok ok"),
    (("LORC_EL1", "LORN_EL1"), BOTH, "SCR_EL3.TLOR=1", "undefined EL3 EL3 ok"),
    (("LORC_EL1", "LORN_EL1"), BOTH, "SCR_EL3.NS=0", "undefined undefined - undefined"),
    (("LORID_EL1",), READ, "SCR_EL3.NS=0", "undefined ok - ok"),
    (("ERRIDR_EL1",), READ, "HCR_EL2.TERR=1", "undefined EL2 ok ok"),
    (("ERRIDR_EL1",), READ, "SCR_EL3.TERR=1", "undefined EL3 EL3 ok"),
    (("VSTTBR_EL2", "VSTCR_EL2", "CNTHPS_CTL_EL2"), BOTH, "", "undefined undefined undefined undefined"),
    (("VSTTBR_EL2", "CNTHPS_CVAL_EL2"), BOTH, "SCR_EL3.NS=0 SCR_EL3.EEL2=1", "undefined undefined ok ok"),
    # debug
    (DEBUG, BOTH, "", "undefined ok ok ok"),
    (DEBUG, BOTH, "MDCR_EL2.TDA=1", "undefined EL2 ok ok"),
    (DEBUG, BOTH, "MDCR_EL2.TDE=1", "undefined EL2 ok ok"),
    (DEBUG, BOTH, "MDCR_EL3.TDA=1", "undefined EL3 EL3 ok"),
    (("MDCR_EL2",), BOTH, "MDCR_EL3.TDA=1", "undefined undefined EL3 ok"),
    (OS, BOTH, "MDCR_EL2.TDOSA=1", "undefined EL2 ok ok"),
    (OS, BOTH, "MDCR_EL3.TDOSA=1", "undefined EL3 EL3 ok"),
    (OS, BOTH, "MDCR_EL2.TDA=1 MDCR_EL3.TDA=1", "undefined ok ok ok"),
    (("OSLAR_EL1",), WRITE, "MDCR_EL2.TDE=1", "undefined EL2 ok ok"),
    (("OSLAR_EL1",), READ, "", "undefined undefined undefined undefined"),
    (("OSLSR_EL1",), READ, "MDCR_EL3.TDOSA=1", "undefined EL3 EL3 ok"),
    (("OSLSR_EL1",), WRITE, "", "undefined undefined undefined undefined"),
    (("MDRAR_EL1",), READ, "MDCR_EL2.TDRA=1", "undefined EL2 ok ok"),
    (("MDRAR_EL1",), READ, "MDCR_EL3.TDA=1", "undefined EL3 EL3 ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "", "ok ok ok ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "MDSCR_EL1.TDCC=1", "EL1 ok ok ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "MDSCR_EL1.TDCC=1 HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "MDSCR_EL1.TDCC=1 MDCR_EL3.TDA=1", "EL1 EL3 EL3 ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "MDCR_EL2.TDA=1", "EL2 EL2 ok ok"),
    (("MDCCSR_EL0", "DBGDTR_EL0"), READ, "MDCR_EL3.TDA=1", "EL3 EL3 EL3 ok"),
    # generic timer
    (("CNTFRQ_EL0",), READ, "", "ok ok ok ok"),
    (("CNTFRQ_EL0",), WRITE, "", "undefined undefined undefined ok"),
    (("CNTFRQ_EL0",), READ, "CNTKCTL_EL1.EL0PCTEN=0", "ok ok ok ok"),
    (("CNTFRQ_EL0",), READ, "CNTKCTL_EL1.EL0PCTEN=0 CNTKCTL_EL1.EL0VCTEN=0", "EL1 ok ok ok"),
    (("CNTPCT_EL0", "CNTPCTSS_EL0"), READ, "CNTKCTL_EL1.EL0PCTEN=0", "EL1 ok ok ok"),
    (("CNTPCT_EL0", "CNTPCTSS_EL0"), READ, "CNTHCTL_EL2.EL1PCTEN=0", "EL2 EL2 ok ok"),
    (("CNTPCT_EL0",), READ, "CNTHCTL_EL2.EL1PCTEN=0 CNTKCTL_EL1.EL0PCTEN=0", "EL1 EL2 ok ok"),
    (("CNTPCT_EL0",), READ, "CNTKCTL_EL1.EL0PCTEN=0 HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("CNTPCT_EL0",), READ, "CNTHCTL_EL2.EL1PCTEN=0 SCR_EL3.NS=0", "ok ok - ok"),
    (("CNTVCT_EL0", "CNTVCTSS_EL0"), READ, "CNTKCTL_EL1.EL0VCTEN=0", "EL1 ok ok ok"),
    (("CNTVCT_EL0", "CNTVCTSS_EL0"), READ, "CNTHCTL_EL2.EL1TVCT=1", "EL2 EL2 ok ok"),
    (("CNTPCT_EL0", "CNTVCT_EL0", "CNTPCTSS_EL0"), WRITE, "", "undefined undefined undefined undefined"),
    (PHYSICAL_TIMER, BOTH, "CNTKCTL_EL1.EL0PTEN=0", "EL1 ok ok ok"),
    (PHYSICAL_TIMER, BOTH, "CNTHCTL_EL2.EL1PCEN=0", "EL2 EL2 ok ok"),
    (VIRTUAL_TIMER, BOTH, "CNTKCTL_EL1.EL0VTEN=0", "EL1 ok ok ok"),
    (VIRTUAL_TIMER, BOTH, "CNTHCTL_EL2.EL1TVT=1", "EL2 EL2 ok ok"),
    (SECURE_TIMER, BOTH, "", "undefined undefined undefined ok"),
    (SECURE_TIMER, BOTH, "SCR_EL3.NS=0", "undefined ok - ok"),
    (SECURE_TIMER, BOTH, "SCR_EL3.NS=0 SCR_EL3.ST=0", "undefined EL3 - ok"),
    (SECURE_TIMER, BOTH, "SCR_EL3.NS=0 SCR_EL3.EEL2=1", "undefined undefined undefined ok"),
    # performance monitors
    (PMU, BOTH, "", "ok ok ok ok"),
    (PMU_COMMON, BOTH, "PMUSERENR_EL0.EN=0", "EL1 ok ok ok"),
    (PMU_COMMON, BOTH, "PMUSERENR_EL0.EN=0 HCR_EL2.TGE=1", "EL2 - ok ok"),
    (("PMSELR_EL0",), BOTH, "PMUSERENR_EL0.EN=0", "ok ok ok ok"),
    (("PMSELR_EL0",), BOTH, "PMUSERENR_EL0.EN=0 PMUSERENR_EL0.ER=0", "EL1 ok ok ok"),
    (("PMCCNTR_EL0",), READ, "PMUSERENR_EL0.EN=0", "ok ok ok ok"),
    (("PMCCNTR_EL0",), READ, "PMUSERENR_EL0.EN=0 PMUSERENR_EL0.CR=0", "EL1 ok ok ok"),
    (("PMCCNTR_EL0",), WRITE, "PMUSERENR_EL0.EN=0", "EL1 ok ok ok"),
    (("PMSWINC_EL0",), WRITE, "PMUSERENR_EL0.EN=0", "ok ok ok ok"),
    (("PMSWINC_EL0",), WRITE, "PMUSERENR_EL0.EN=0 PMUSERENR_EL0.SW=0", "EL1 ok ok ok"),
    (("PMUSERENR_EL0",), READ, "PMUSERENR_EL0.EN=0", "ok ok ok ok"),
    (("PMUSERENR_EL0",), WRITE, "", "undefined ok ok ok"),
    (("PMINTENSET_EL1", "PMINTENCLR_EL1"), BOTH, "", "undefined ok ok ok"),
    ((*PMU, "PMUSERENR_EL0"), READ, "MDCR_EL2.TPM=1", "EL2 EL2 ok ok"),
    ((*PMU, "PMUSERENR_EL0"), READ, "MDCR_EL3.TPM=1", "EL3 EL3 EL3 ok"),
    (("PMCR_EL0",), BOTH, "MDCR_EL2.TPMCR=1", "EL2 EL2 ok ok"),
    (("PMCNTENSET_EL0",), BOTH, "MDCR_EL2.TPMCR=1", "ok ok ok ok"),
]


@pytest.mark.parametrize(("registers", "directions", "settings", "expected"), ROWS)
def test_who_may_access_what(registers, directions, settings, expected):
    for name in registers:
        for direction in directions:
            register = names.generic_name(names.encoding_of(name))  # which can be written in either direction
            text = f"mrs x0, {register}" if direction == READ else f"msr {register}, x0"
            actual = [
                "-" if wanted == "-" else outcome(text, settings, el) for el, wanted in enumerate(expected.split())
            ]
            assert expected.split() == actual, (name, direction)


@pytest.mark.parametrize(("name", "level"), [("MIDR_EL1", 0), ("CLIDR_EL1", 0), ("S3_3_C0_C0_0", 1), ("GMID_EL1", 3)])
def test_without_idst_the_feature_id_space_is_undefined(name, level):
    assert ExceptionClass.SYSTEM_REGISTER is take(make_cpu(el=level), f"mrs x0, {name}").ec
    assert ExceptionClass.UNKNOWN is take(make_cpu(el=level, without=[Feature.IDST]), f"mrs x0, {name}").ec


def test_the_syndrome_names_the_instruction():
    cpu = cpu_with("HCR_EL2.TVM=1", 1)
    taken = take(cpu, "msr CONTEXTIDR_EL1, x19")
    op0, op1, crn, crm, op2 = 3, 0, 13, 0, 1
    write = 0
    expected = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 19 << 5 | crm << 1 | write
    assert 0x18 << 26 | 1 << 25 | expected == taken.esr == cpu.sysregs["ESR_EL2"]
    taken = take(cpu_with("HCR_EL2.TID3=1", 1), "mrs x7, ID_AA64MMFR2_EL1")
    assert 0x18 << 26 | 1 << 25 | 3 << 20 | 2 << 17 | 0 << 10 | 7 << 5 | 7 << 1 | 1 == taken.esr


def test_a_trapped_access_changes_nothing():
    cpu = cpu_with("HCR_EL2.TVM=1", 1, FAR_EL1=5)
    cpu.gpr[3] = 0x1234
    take(cpu, "msr FAR_EL1, x3")
    assert 5 == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize("max_el", [1, 2])
def test_registers_of_levels_that_do_not_exist_are_undefined(max_el):
    names_above = [f"{stem}_EL{el}" for el in range(max_el + 1, 4) for stem in ("SCTLR", "VBAR", "ESR", "ELR")]
    for name in names_above:
        assert 0 == take(make_cpu(el=max_el, max_el=max_el), f"mrs x0, {name}").ec


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        (Feature.PAUTH, "APIAKeyLo_EL1"),
        (Feature.PMUV3, "PMCR_EL0"),
        (Feature.LOR, "LORID_EL1"),
        (Feature.RAS, "DISR_EL1"),
        (Feature.PAN, "PAN"),
        (Feature.UAO, "UAO"),
        (Feature.DIT, "DIT"),
        (Feature.SSBS, "SSBS"),
        (Feature.SEL2, "VSTCR_EL2"),
    ],
)
def test_registers_of_a_feature_that_is_absent_are_undefined(feature, name):
    state = {"SCR_EL3": 1 << 18} if feature is Feature.SEL2 else {}
    assert take(make_cpu(el=3, **state), f"mrs x0, {name}") is None
    assert 0 == take(make_cpu(el=3, without=[feature], **state), f"mrs x0, {name}").ec


@pytest.mark.parametrize("name", ["TRCPRGCTLR", "ZCR_EL1", "TTBR1_EL2", "SCTLR_EL12", "ICC_PMR_EL1", "RNDR"])
def test_what_is_absent_is_undefined_at_every_level(name):
    for el in range(4):
        assert 0 == take(make_cpu(el=el), f"mrs x0, {name}").ec


def test_an_encoding_nobody_named_is_undefined():
    assert names.encoding_of("S3_7_C0_C0_0") not in names.all_names().values()
    assert 0 == take(make_cpu(el=3), "mrs x0, S3_7_C0_C0_0").ec


FP_ROWS = [
    # level, CPACR_EL1.FPEN, settings: where the trap goes
    (0, 0b00, "", "EL1"),
    (0, 0b01, "", "EL1"),
    (0, 0b10, "", "EL1"),
    (0, 0b11, "", "none"),
    (1, 0b00, "", "EL1"),
    (1, 0b01, "", "none"),
    (1, 0b10, "", "EL1"),
    (1, 0b11, "", "none"),
    (0, 0b00, "HCR_EL2.TGE=1", "EL2 unknown"),
    (0, 0b01, "HCR_EL2.TGE=1 CPTR_EL2.TFP=1", "EL2 unknown"),
    (0, 0b11, "HCR_EL2.TGE=1 CPTR_EL2.TFP=1", "EL2"),
    (0, 0b00, "HCR_EL2.TGE=1 SCR_EL3.NS=0", "EL1"),
    (0, 0b11, "CPTR_EL2.TFP=1", "EL2"),
    (0, 0b11, "CPTR_EL3.TFP=1", "EL3"),
    (2, 0b00, "CPTR_EL3.TFP=1", "EL3"),
    (3, 0b00, "CPTR_EL2.TFP=1", "none"),
    (2, 0b00, "", "none"),
    (3, 0b00, "", "none"),
    (1, 0b11, "CPTR_EL2.TFP=1", "EL2"),
    (1, 0b00, "CPTR_EL2.TFP=1", "EL1"),
    (2, 0b00, "CPTR_EL2.TFP=1", "EL2"),
    (1, 0b11, "CPTR_EL2.TFP=1 SCR_EL3.NS=0", "none"),
    (1, 0b11, "CPTR_EL3.TFP=1", "EL3"),
    (3, 0b00, "CPTR_EL3.TFP=1", "EL3"),
    (2, 0b00, "CPTR_EL2.TFP=1 CPTR_EL3.TFP=1", "EL2"),
]


@pytest.mark.parametrize(("el", "fpen", "settings", "expected"), FP_ROWS)
def test_floating_point_traps(el, fpen, settings, expected):
    cpu = cpu_with(settings, el)
    cpu.sysregs["CPACR_EL1"] = fpen << 20
    actual = "none"
    try:
        check_fp_access(cpu)
    except ArchException as exception:
        cpu.take_exception(exception)
        actual = f"EL{cpu.pstate.el}" + (" unknown" if exception.ec is ExceptionClass.UNKNOWN else "")
        if exception.ec is ExceptionClass.FP_ACCESS:
            assert 0x07 << 26 | 1 << 25 | 1 << 24 | 0xE << 20 == cpu.sysregs[f"ESR_EL{cpu.pstate.el}"]
    assert expected == actual


@pytest.mark.parametrize("text", ["mrs x0, FPCR", "mrs x0, FPSR", "msr FPCR, x0", "msr FPSR, x0"])
def test_floating_point_registers_are_trapped_and_else_stop_the_machine(text):
    assert ExceptionClass.FP_ACCESS is take(make_cpu(el=1), text).ec
    with pytest.raises(UnsupportedState, match=r"floating point is not modelled: FP.R accessed at 0x40001000"):
        take(make_cpu(el=1, CPACR_EL1=0b11 << 20), text)
