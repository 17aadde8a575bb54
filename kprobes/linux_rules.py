"""The decode rules of Linux, kernel by kernel, as the kernels have them: words by mask and value, in their order.

They are history, holes included, and not derived from what instructions do: nothing here is to be mended. What comes of
them is listed in `audit/known.py`.
"""

from __future__ import annotations

from kprobes.rules import Clause, DecodeRules, Defect, Rule, Verdict, Words
from kprobes.sequences import BackwardScan, Bound

_STEPPABLE = "aarch64_insn_is_steppable"
_DECODE = "arm_probe_decode_insn"


def _rejected(rule: Rule, *words: Words) -> Clause:
    return Clause(Verdict.REJECT, rule, words)


def _in_slot(rule: Rule, *words: Words) -> Clause:
    return Clause(Verdict.SLOT, rule, words)


def _simulated(handler: str, *words: Words) -> Clause:
    rule = Rule(handler, "it is not copied: its handler computes what it does at its own address", _DECODE)
    return Clause(Verdict.SIMULATE, rule, words)


# --- the classes of arch/arm64/include/asm/insn.h

B = Words(0xFC00_0000, 0x1400_0000)
BL = Words(0xFC00_0000, 0x9400_0000)
B_COND = Words(0xFF00_0010, 0x5400_0000)
CBZ = Words(0x7F00_0000, 0x3400_0000)
CBNZ = Words(0x7F00_0000, 0x3500_0000)
TBZ = Words(0x7F00_0000, 0x3600_0000)
TBNZ = Words(0x7F00_0000, 0x3700_0000)
BR = Words(0xFFFF_FC1F, 0xD61F_0000)
BLR = Words(0xFFFF_FC1F, 0xD63F_0000)
RET = Words(0xFFFF_FC1F, 0xD65F_0000)
BR_AUTH = Words(0xFEFF_F800, 0xD61F_0800)
BLR_AUTH = Words(0xFEFF_F800, 0xD63F_0800)
RET_AUTH = Words(0xFFFF_FBFF, 0xD65F_0BFF)
ERET = Words(0xFFFF_FFFF, 0xD69F_03E0)
ERET_AUTH = Words(0xFFFF_FBFF, 0xD69F_0BFF)
EXCEPTION = Words(0xFF00_0000, 0xD400_0000)
MSR_IMMEDIATE = Words(0xFFF8_F01F, 0xD500_401F)
MSR_REGISTER = Words(0xFFF0_0000, 0xD510_0000)
MRS = Words(0xFFF0_0000, 0xD530_0000)
MRS_DAIF = Words(0xFFFF_FFE0, 0xD53B_4220)
"""`mrs` whose aarch64_insn_extract_system_reg is AARCH64_INSN_SPCLREG_DAIF, 0xDA11."""
HINT = Words(0xFFFF_F01F, 0xD503_201F)
ADR = Words(0x9F00_0000, 0x1000_0000)
ADRP = Words(0x9F00_0000, 0x9000_0000)
LDR_LITERAL = Words(0xBF00_0000, 0x1800_0000)
LDRSW_LITERAL = Words(0xFF00_0000, 0x9800_0000)
PRFM_LITERAL = Words(0xFF00_0000, 0xD800_0000)
EXCLUSIVE = Words(0x3F80_0000, 0x0800_0000)
MOPS = Words(0x3B20_0C00, 0x1900_0400)


def hint(number: int) -> Words:
    """The hint with a number, 0 to 127: a single word."""
    return Words(0xFFFF_FFFF, HINT.value | number << 5)


NOP = hint(0)
EVENTS = tuple(hint(number) for number in range(1, 6))
"""YIELD, WFE, WFI, SEV, SEVL."""
XPACLRI = hint(7)
PAC_HINTS = tuple(hint(number) for number in (8, 10, 24, 25, 26, 27))
"""PACIA1716, PACIB1716, PACIAZ, PACIASP, PACIBZ, PACIBSP."""
BTI = tuple(hint(number) for number in (32, 34, 36, 38))

BRANCHES = (B, BL, CBZ, CBNZ, TBZ, TBNZ, RET, BR, BLR, B_COND)
BRANCHES_AUTH = (RET_AUTH, BR_AUTH, BLR_AUTH)
LITERALS = (LDR_LITERAL, LDRSW_LITERAL, ADR, ADRP, PRFM_LITERAL)

# --- the order of aarch64_insn_is_steppable

_BRANCH = Rule("branch", "a branch sets the PC: out of line it would go elsewhere, or not come back", _STEPPABLE)
_MSR = Rule("msr", "MSR can change anything, the state that stepping itself depends on included", _STEPPABLE)
_EXCEPTION = Rule("exception", "it generates an exception, which the slot would be told of as its origin", _STEPPABLE)
_ERET = Rule("eret", "it returns from an exception, to a place that is not after the slot", _STEPPABLE)
_DAIF = Rule("mrs-daif", "the masks it reads are those of the slot, where interrupts are masked", _STEPPABLE)
_LITERAL = Rule(
    "literal",
    "its address is relative to the PC: out of line it would be another one",
    "aarch64_insn_uses_literal",
)
_EXCLUSIVE = Rule(
    "exclusive",
    "an exception between a load-exclusive and its store-exclusive makes the store fail",
    "aarch64_insn_is_exclusive",
)
_ANY_HINT_IS_NOP = Rule("hint", "a hint that is none of YIELD, WFE, WFI, SEV and SEVL is taken for NOP", _STEPPABLE)
_EVENT_HINT = Rule("hint", "a hint that waits, or that others wait for, is not to be stepped", "aarch64_insn_is_nop")
_LISTED_HINT = Rule("hint", "a hint that is on the list of those that can be stepped", "aarch64_insn_is_steppable_hint")
_OTHER_HINT = Rule(
    "hint",
    "a hint that is not on the list of those that can be stepped: it may raise exceptions, or wait",
    "aarch64_insn_is_steppable_hint",
)
_MOPS = Rule(
    "mops",
    "the three instructions of a memory copy or set have to follow one another in memory",
    "aarch64_insn_is_mops",
)
_COPIED = Rule("copy", "nothing forbids to execute a copy of it out of line", _STEPPABLE)

_SYSTEM = (
    _rejected(_MSR, MSR_IMMEDIATE, MSR_REGISTER),
    _rejected(_EXCEPTION, EXCEPTION),
    _rejected(_ERET, ERET),
    _rejected(_DAIF, MRS_DAIF),
)
_MEMORY = (_rejected(_LITERAL, *LITERALS), _rejected(_EXCLUSIVE, EXCLUSIVE))

STEPPABLE_V15 = (
    _rejected(_BRANCH, *BRANCHES),
    *_SYSTEM,
    _rejected(_EVENT_HINT, *EVENTS),
    _in_slot(_ANY_HINT_IS_NOP, HINT),
    *_MEMORY,
)
STEPPABLE_V5_10 = (
    _rejected(_BRANCH, *BRANCHES, *BRANCHES_AUTH),
    *_SYSTEM,
    _rejected(_ERET, ERET_AUTH),
    _in_slot(_LISTED_HINT, XPACLRI, *PAC_HINTS, *BTI, NOP),
    _rejected(_OTHER_HINT, HINT),
    *_MEMORY,
)
STEPPABLE_V7_2 = (*STEPPABLE_V5_10, _rejected(_MOPS, MOPS))
"""Memory copies and sets are rejected since v6.13."""

SIMULATED = (
    _simulated("simulate_b_cond", B_COND),
    _simulated("simulate_cbz_cbnz", CBZ, CBNZ),
    _simulated("simulate_tbz_tbnz", TBZ, TBNZ),
    _simulated("simulate_adr_adrp", ADR, ADRP),
    _simulated("simulate_b_bl", B, BL),
    _simulated("simulate_br_blr_ret", BR, BLR, RET),
    _simulated("simulate_ldr_literal", LDR_LITERAL),
    _simulated("simulate_ldrsw_literal", LDRSW_LITERAL),
)
"""What the kernels look for among what is not steppable; all of it is rejected there, so it can come first here."""

# --- is_probed_address_atomic

_ATOMIC = Rule(
    "exclusive-sequence",
    "a load-exclusive comes before it with no store-exclusive between: a probe would make the store fail",
    "is_probed_address_atomic",
)
LOAD_EXCLUSIVE = Words(0x3F40_0000, 0x0840_0000)
STORE_EXCLUSIVE = Words(0x3F40_0000, 0x0800_0000)
"""Bit 23 is ignored until v6.15: LDAR, LDLAR and CASA count as load-exclusive; STLR, STLLR, CAS and CASL as stores."""

_SCAN_TEXT = BackwardScan(_ATOMIC, LOAD_EXCLUSIVE, STORE_EXCLUSIVE, Bound.TEXT)
_SCAN_SYMBOL = BackwardScan(_ATOMIC, LOAD_EXCLUSIVE, STORE_EXCLUSIVE, Bound.SYMBOL)
_SCAN_BIT_23 = BackwardScan(
    _ATOMIC, Words(0x3FC0_0000, LOAD_EXCLUSIVE.value), Words(0x3FC0_0000, STORE_EXCLUSIVE.value), Bound.SYMBOL
)

# --- the kernels

V15_RULES = DecodeRules(STEPPABLE_V15, _COPIED, _SCAN_TEXT)
V4_8_RULES = DecodeRules(
    (*SIMULATED, *STEPPABLE_V15), _COPIED, _SCAN_SYMBOL, Defect.WIDE_LITERAL | Defect.IGNORES_BTYPE
)
V5_10_RULES = DecodeRules(
    (*SIMULATED, *STEPPABLE_V5_10), _COPIED, _SCAN_SYMBOL, Defect.WIDE_LITERAL | Defect.IGNORES_BTYPE
)
V7_2_RULES = DecodeRules(
    (_simulated("simulate_nop", NOP), *SIMULATED, *STEPPABLE_V7_2), _COPIED, _SCAN_BIT_23, Defect.IGNORES_BTYPE
)
