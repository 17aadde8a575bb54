"""The table of verdicts, kernel by kernel, row by row; and where the kernels' masks miss what they are meant for."""

import pytest

from kprobes.analysis import verdict
from kprobes.profiles import PROFILES
from kprobes.rules import Verdict
from tests.kprobes.texts import instruction_of

R, X, S = Verdict.REJECT, Verdict.SLOT, Verdict.SIMULATE

ROWS = {
    # instructions                                                  v15 4.8 5.10 7.2 strict
    "data processing": (
        ["add x0, x1, x2", "subs w3, w4, #5", "movz x1, #2, lsl #16", "mov sp, x0", "madd x0, x1, x2, x3",
         "udiv w0, w1, w2", "csel x0, x1, x2, ne", "crc32x w0, w1, x2", "rmif x0, #3, #4", "ubfx x0, x1, #3, #4"],
        [X, X, X, X, X],
    ),
    "ordinary load and store": (
        ["ldr x0, [x1, #8]", "str w0, [x1, x2]", "ldrsb x0, [x1], #1", "stp x29, x30, [sp, #-16]!", "ldtr x0, [x1]",
         "ldp w0, w1, [x2]", "prfm pldl1keep, [x0]"],
        [X, X, X, X, X],
    ),
    "LSE atomics": (["ldadd w0, w1, [x2]", "swpal x0, x1, [x2]", "stset w0, [x1]"], [X, X, X, X, X]),
    "LDAR, STLR": (["ldar x0, [x1]", "ldarb w0, [x1]", "stlr w0, [x1]", "ldapr x0, [x1]"], [X, X, X, X, X]),
    "CAS": (["cas x0, x1, [x2]", "casal w0, w1, [x2]", "casb w0, w1, [x2]"], [X, X, X, X, X]),
    "SIMD": ([0x4E20_D400, 0x1E22_2820, 0x3DC0_0020], [X, X, X, X, R]),
    "B, BL": (["b 0x40000100", "bl 0x40000100"], [R, S, S, S, S]),
    "B.cond": (["b.eq 0x40000100", "b.al 0x40000100", "b.nv 0x40000100"], [R, S, S, S, S]),
    "CBZ, CBNZ": (["cbz x0, 0x40000100", "cbnz w0, 0x40000100"], [R, S, S, S, S]),
    "TBZ, TBNZ": (["tbz w0, #3, 0x40000100", "tbnz x0, #63, 0x40000100"], [R, S, S, S, S]),
    "BR, BLR, RET": (["br x0", "blr x30", "ret", "ret x1"], [R, S, S, S, S]),
    "ADR, ADRP": (["adr x0, 0x40000101", "adrp x0, 0x40002000"], [R, S, S, S, S]),
    "LDR literal": (["ldr w0, 0x40000100", "ldr x0, 0x40000100"], [R, S, S, S, S]),
    "LDRSW literal": (["ldrsw x0, 0x40000100"], [R, S, S, S, S]),
    "PRFM literal": (["prfm pldl1keep, 0x40000100"], [R, R, R, R, S]),
    "LDXR, LDAXR": (["ldxr x0, [x1]", "ldxrb w0, [x1]", "ldaxr w0, [x1]", "ldaxrh w0, [x1]"], [R, R, R, R, R]),
    "STXR, STLXR": (["stxr w0, x1, [x2]", "stlxr w0, w1, [x2]", "stlxrb w0, w1, [x2]"], [R, R, R, R, R]),
    "exclusive pairs": (
        ["ldxp x0, x1, [x2]", "ldaxp w0, w1, [x2]", "stxp w0, x1, x2, [x3]", "stlxp w0, w1, w2, [x3]"],
        [R, R, R, R, R],
    ),
    "SVC, HVC, SMC": (["svc #0", "hvc #1", "smc #0xffff"], [R, R, R, R, R]),
    "BRK, HLT": (["brk #4", "hlt #0xf000"], [R, R, R, R, R]),
    "DCPS": (["dcps1", "dcps2 #1", "dcps3"], [R, R, R, R, R]),
    "ERET": (["eret"], [R, R, R, R, R]),
    "MSR immediate": (["msr DAIFSet, #2", "msr DAIFClr, #15", "msr SPSel, #0", "msr PAN, #1"], [R, R, R, R, R]),
    "MSR register": (["msr VBAR_EL1, x0", "msr TPIDR_EL0, x0", "msr NZCV, x0", "msr DAIF, x0"], [R, R, R, R, R]),
    "MRS DAIF": (["mrs x0, DAIF"], [R, R, R, R, R]),
    "other MRS": (["mrs x0, TPIDR_EL0", "mrs x1, CurrentEL", "mrs x2, NZCV", "mrs x3, MIDR_EL1"], [X, X, X, X, X]),
    "MRS of what exceptions change": (
        ["mrs x0, ELR_EL1", "mrs x0, SPSR_EL1", "mrs x0, ESR_EL1", "mrs x0, FAR_EL2", "mrs x0, MDSCR_EL1"],
        [X, X, X, X, R],
    ),
    "SYS, SYSL": (
        ["dc cvac, x0", "dc zva, x0", "ic ivau, x0", "at s1e1r, x0", "tlbi vmalle1", "sysl x0, #0, c7, c0, #0"],
        [X, X, X, X, X],
    ),
    "barriers": (["dmb ish", "dsb sy", "isb", "sb", "ssbb"], [X, X, X, X, X]),
    "CLREX": (["clrex"], [X, X, X, X, X]),
    "NOP": (["nop"], [X, X, X, S, X]),
    "YIELD": (["yield"], [R, R, R, R, X]),
    "WFE, WFI, SEV, SEVL": (["wfe", "wfi", "sev", "sevl"], [R, R, R, R, R]),
    "PACIxZ, PACIx1716": (["paciaz", "pacibz", "pacia1716", "pacib1716"], [X, X, X, X, X]),
    "PACIxSP": (["paciasp", "pacibsp"], [X, X, X, X, S]),
    "AUT hints": (["autiaz", "autibz", "autiasp", "autibsp", "autia1716", "autib1716"], [X, X, R, R, X]),
    "BTI": (["bti", "bti c", "bti j", "bti jc"], [X, X, X, X, S]),
    "XPACLRI": (["xpaclri"], [X, X, X, X, X]),
    "ESB": (["esb"], [X, X, R, R, R]),
    "PSB, TSB, CSDB, DGH": (["psb csync", "tsb csync", "csdb", "dgh"], [X, X, R, R, X]),
    "unknown hints": (["hint #9", "hint #77", "hint #127"], [X, X, R, R, X]),
    "PAC, AUT, XPAC of registers": (["pacia x0, x1", "autda x0, sp", "xpaci x0", "pacga x0, x1, x2"], [X, X, X, X, X]),
    "branches with authentication": (
        ["braa x0, x1", "brabz x0", "blraa x0, sp", "blrabz x0", "retaa", "retab"],
        [X, X, R, R, S],
    ),
    "ERETAA, ERETAB": (["eretaa", "eretab"], [X, X, R, R, R]),
    "CFINV, XAFLAG, AXFLAG": (["cfinv", "xaflag", "axflag"], [R, R, R, R, X]),
    "UDF": (["udf #0", "udf #0xffff"], [X, X, X, X, R]),
    "unallocated": ([0xFFFF_FFFF, 0x0001_0000, 0x6000_0000], [X, X, X, X, R]),
}  # fmt: skip

HOLES = {
    # instructions                                                  v15 4.8 5.10 7.2 strict
    "LDR literal SIMD is not seen to be relative": ([0x1C00_0040, 0x5C00_0041, 0x9C00_0042], [X, X, X, X, R]),
    "CASP counts as exclusive": (
        ["casp x0, x1, x2, x3, [x4]", "caspa w0, w1, w2, w3, [x4]", "caspl x0, x1, x2, x3, [x4]"],
        [R, R, R, R, X],
    ),
    "BC.cond is not seen to branch": (["bc.eq 0x40000100"], [X, X, X, X, S]),
    "CB<cc> is not seen to branch": ([0x7400_0041, 0xF4A1_0002, 0x7500_0043], [X, X, X, X, R]),
    "DRPS is not seen to return": (["drps"], [X, X, X, X, R]),
    "memory copy and set, until v6.13": ([0x1901_0440, 0x1D41_0440, 0x19C1_0440, 0x19C1_8440], [X, X, X, R, R]),
    "WFET, WFIT are no hints": (["wfet x0", "wfit x1"], [X, X, X, X, R]),
    "any hint is NOP, until v5.8": (["autiasp", "esb", "hint #127"], [X, X, R, R, None]),
    "branches with authentication, until v5.10": (["braa x0, x1", "retaa", "eretaa"], [X, X, R, R, None]),
    "flag operations look like MSR": (["cfinv", "xaflag", "axflag"], [R, R, R, R, X]),
}


def cells(table):
    return [
        pytest.param(written, PROFILES[name], expected, id=f"{row}: {written} in {name}")
        for row, (instructions, verdicts) in table.items()
        for written in instructions
        for name, expected in zip(PROFILES, verdicts, strict=True)
        if expected is not None
    ]


@pytest.mark.parametrize(("written", "profile", "expected"), cells(ROWS))
def test_verdict(written, profile, expected):
    assert verdict(instruction_of(written), profile.decode).verdict is expected


@pytest.mark.parametrize(("written", "profile", "expected"), cells(HOLES))
def test_hole(written, profile, expected):
    assert verdict(instruction_of(written), profile.decode).verdict is expected


@pytest.mark.parametrize(
    ("written", "profile", "rule", "source"),
    [
        ("ret", "v15", "branch", "aarch64_insn_is_steppable"),
        ("ret", "v4.8", "simulate_br_blr_ret", "arm_probe_decode_insn"),
        ("mrs x0, DAIF", "v4.8", "mrs-daif", "aarch64_insn_is_steppable"),
        ("ldxr x0, [x1]", "v5.10", "exclusive", "aarch64_insn_is_exclusive"),
        ("autiasp", "v4.8", "hint", "aarch64_insn_is_steppable"),
        ("autiasp", "v5.10", "hint", "aarch64_insn_is_steppable_hint"),
        ("nop", "v7.2", "simulate_nop", "arm_probe_decode_insn"),
        ("adr x0, 0x40000000", "strict", "pc-relative", "PC-relative addressing"),
        ("wfe", "strict", "wait", "AArch64.ExceptionReturn"),
        ("bti c", "strict", "landing", "BTypeCompatible"),
        ("add x0, x0, #1", "strict", "copy", "the traits of its definition"),
    ],
)
def test_rule(written, profile, rule, source):
    judgement = verdict(instruction_of(written), PROFILES[profile].decode)
    assert (judgement.rule.name, judgement.rule.source) == (rule, source)


def test_profiles_are_called_as_on_the_command_line():
    assert ["v15", "v4.8", "v5.10", "v7.2", "strict"] == list(PROFILES)


def test_verdicts_are_called_as_on_the_command_line():
    assert ["reject", "slot", "simulate"] == [item.value for item in Verdict]
