"""System operations: how they are written, who may execute them, who is trapped, what they do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.features import Feature
from aarch64.isa.table import assemble, disassemble
from aarch64.system_operations import LOWEST_LEVEL, OPERATIONS
from tests.isa.running import PC, RAM, UNDEFINED_AT_EL1, execute, make_cpu, syndrome

SCR_NS, SCR_EEL2 = 1 << 0, 1 << 18
HCR_TIDCP, HCR_TSW, HCR_TPCP, HCR_TPU, HCR_TTLB, HCR_TGE, HCR_TDZ = (1 << bit for bit in (20, 22, 23, 24, 25, 27, 28))
SCTLR_ENRCTX, SCTLR_DZE, SCTLR_UCI = 1 << 10, 1 << 14, 1 << 26
FREE = {"SCTLR_EL1": SCTLR_ENRCTX | SCTLR_DZE | SCTLR_UCI, "HCR_EL2": 0, "SCR_EL3": SCR_NS}

TRAPPED, ABORT, ABORT_SAME = 0x18, 0x24, 0x25


def text_of(operation, register="x1"):
    return f"{operation.mnemonic} {operation.name}" + (f", {register}" if operation.takes_register else "")


NAMED = [(operation, text_of(operation)) for operation in OPERATIONS.values()]
PRESENT = [row for row in NAMED if not row[0].features & {Feature.BRBE, Feature.MTE, Feature.RME}]


# --- text


@pytest.mark.parametrize(("operation", "text"), NAMED, ids=[text for _, text in NAMED])
def test_a_name_is_an_encoding(operation, text):
    op1, crn, crm, op2 = operation.encoding
    rt = 1 if operation.takes_register else 31
    word = 0xD508_0000 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | rt
    assert word == assemble(text)
    assert text == disassemble(word)
    assert word == assemble(f"sys #{op1}, c{crn}, c{crm}, #{op2}, {'x1' if rt == 1 else 'xzr'}")


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0xD508751F, "ic iallu"),
        (0xD5087501, "sys #0, c7, c5, #0, x1"),
        (0xD509729F, "brb iall"),
        (0xD50972A1, "sys #1, c7, c2, #5, x1"),
        (0xD50B7421, "dc zva, x1"),
        (0xD50B743F, "dc zva, xzr"),
        (0xD508801F, "sys #0, c8, c0, #0"),
        (0xD508B001, "sys #0, c11, c0, #0, x1"),
        (0xD52B7421, "sysl x1, #3, c7, c4, #1"),
        (0xD528001F, "sysl xzr, #0, c0, c0, #0"),
    ],
)
def test_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


@pytest.mark.parametrize(
    "text",
    ["ic iallu, x1", "ic ivau", "ic zva, x1", "dc zva, w1", "tlbi all", "sys #8, c7, c5, #0", "sys #0, c16, c5, #0",
     "sys #0, x7, c5, #0", "sysl #0, c0, c0, #0", "at s1e1r"],
)  # fmt: skip
def test_what_is_not_an_operation(text):
    with pytest.raises(AssemblyError):
        assemble(text)


# --- who may


@pytest.mark.parametrize(("operation", "text"), PRESENT, ids=[text for _, text in PRESENT])
@pytest.mark.parametrize("el", range(4))
def test_the_lowest_level(operation, text, el):
    cpu = make_cpu(el=el, **FREE)
    cpu.unaligned_device_access = True
    cpu.set_x(1, RAM)
    allowed = el >= LOWEST_LEVEL[operation.encoding[0]]
    assert (None if allowed else (el or 1, 0, 0)) == syndrome(cpu, text)


BRINGING = (
    Feature.DPB, Feature.DPB2, Feature.PAN2, Feature.SPECRES, Feature.TLBIOS, Feature.TLBIRANGE, Feature.XS,
)  # fmt: skip
"""Features that bring operations."""


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("dc cvap, x1", {Feature.DPB}),
        ("dc cvadp, x1", {Feature.DPB2}),
        ("at s1e1rp, x1", {Feature.PAN2}),
        ("cpp rctx, x1", {Feature.SPECRES}),
        ("tlbi vae1os, x1", {Feature.TLBIOS}),
        ("tlbi rvae1, x1", {Feature.TLBIRANGE}),
        ("tlbi rvale3os, x1", {Feature.TLBIRANGE}),
        ("tlbi ripas2e1is, x1", {Feature.TLBIRANGE}),
        ("tlbi ipas2le1os, x1", {Feature.TLBIOS}),
        ("tlbi vmalle1nxs", {Feature.XS}),
        ("tlbi alle2osnxs", {Feature.XS, Feature.TLBIOS}),
        ("tlbi rvaae1isnxs, x1", {Feature.XS, Feature.TLBIRANGE}),
        ("tlbi vae1is, x1", set()),
        ("dc civac, x1", set()),
    ],
)
def test_undefined_without_any_of_its_features(text, features):
    assert syndrome(make_cpu(el=3, **FREE), text) is None
    for feature in BRINGING:
        expected = (3, 0, 0) if feature in features else None
        assert expected == syndrome(make_cpu(el=3, without={feature}, **FREE), text)


@pytest.mark.parametrize(
    "text", ["dc gva, x1", "dc cigdvac, x1", "tlbi paall", "tlbi rpaosnxs, x1", "brb iall", "brb inj"]
)
def test_undefined_on_every_machine(text):
    assert (3, 0, 0) == syndrome(make_cpu(el=3, **FREE), text)


EL2_ONLY = ["tlbi alle2", "tlbi vae2is, x1", "tlbi rvale2osnxs, x1", "at s1e2r, x1", "at s1e2w, x1"]
ALSO_WITHOUT_EL2 = ["tlbi alle1", "tlbi ipas2e1, x1", "tlbi vmalls12e1nxs", "at s12e1r, x1", "tlbi alle3"]


@pytest.mark.parametrize("text", EL2_ONLY + ALSO_WITHOUT_EL2)
@pytest.mark.parametrize("scr", [SCR_NS, SCR_EEL2, 0])
def test_at_el3_those_of_el2_need_it_enabled(text, scr):
    found = syndrome(make_cpu(el=3, SCR_EL3=scr), text)
    assert ((3, 0, 0) if text in EL2_ONLY and not scr else None) == found


@pytest.mark.parametrize(
    "text", ["sys #0, c8, c0, #0", "sys #3, c7, c4, #2, x1", "sysl x1, #0, c7, c5, #0", "sys #7, c15, c0, #0"]
)
@pytest.mark.parametrize("el", range(4))
def test_what_is_not_there_is_undefined(text, el):
    assert (el or 1, 0, 0) == syndrome(make_cpu(el=el, **FREE), text)


# --- who is trapped


def iss(text):
    """The operands as ISS has them for "an exception from MSR, MRS, or System instruction execution", from the word."""
    word = assemble(text)
    op0, op1, crn, crm = word >> 19 & 3, word >> 16 & 7, word >> 12 & 15, word >> 8 & 15
    op2, rt, read = word >> 5 & 7, word & 31, word >> 21 & 1
    return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read


CACHE_AT_EL0 = ["ic ivau, x1", "dc cvau, x1", "dc cvac, x1", "dc cvap, x1", "dc cvadp, x1", "dc civac, x1"]
FROM_EL0 = [
    *((text, SCTLR_UCI) for text in CACHE_AT_EL0),
    ("dc zva, x1", SCTLR_DZE),
    ("cfp rctx, x1", SCTLR_ENRCTX),
    ("dvp rctx, x1", SCTLR_ENRCTX),
    ("cpp rctx, x1", SCTLR_ENRCTX),
]


@pytest.mark.parametrize(("text", "bit"), FROM_EL0)
@pytest.mark.parametrize(("hcr", "scr", "target"), [(0, SCR_NS, 1), (HCR_TGE, SCR_NS, 2), (HCR_TGE, 0, 1)])
def test_el1_permits_el0(text, bit, hcr, scr, target):
    sctlr = FREE["SCTLR_EL1"]
    registers = {"HCR_EL2": hcr, "SCR_EL3": scr}
    denied = make_cpu(el=0, SCTLR_EL1=sctlr & ~bit, **registers)
    assert (target, TRAPPED, iss(text)) == syndrome(denied, text)
    permitted = make_cpu(el=0, SCTLR_EL1=bit, **registers)
    permitted.unaligned_device_access = True
    permitted.set_x(1, RAM)
    assert syndrome(permitted, text) is None
    at_el1 = make_cpu(el=1, SCTLR_EL1=0, HCR_EL2=0, SCR_EL3=scr)
    at_el1.unaligned_device_access = True
    at_el1.set_x(1, RAM)
    assert syndrome(at_el1, text) is None


TO_EL2 = [
    *((text, HCR_TPCP) for text in ("dc cvac, x1", "dc cvap, x1", "dc cvadp, x1", "dc civac, x1", "dc ivac, x1")),
    *((text, HCR_TPU) for text in ("ic ivau, x1", "ic iallu", "ic ialluis", "dc cvau, x1")),
    *((text, HCR_TSW) for text in ("dc isw, x1", "dc csw, x1", "dc cisw, x1")),
    *((text, HCR_TTLB) for text in ("tlbi vmalle1", "tlbi vaae1is, x1", "tlbi rvae1os, x1", "tlbi aside1nxs, x1")),
    ("dc zva, x1", HCR_TDZ),
]


@pytest.mark.parametrize(("text", "bit"), TO_EL2)
@pytest.mark.parametrize(
    ("el", "scr", "is_trapped"), [(1, SCR_NS, True), (1, SCR_EEL2, True), (1, 0, False), (2, SCR_NS, False)]
)
def test_el2_traps_el1(text, bit, el, scr, is_trapped):
    cpu = make_cpu(el=el, **FREE | {"HCR_EL2": bit, "SCR_EL3": scr})
    cpu.unaligned_device_access = True
    cpu.set_x(1, RAM)
    assert ((2, TRAPPED, iss(text)) if is_trapped else None) == syndrome(cpu, text)


@pytest.mark.parametrize(("text", "bit"), [(text, bit) for text, bit in TO_EL2 if text in dict(FROM_EL0)])
def test_el2_traps_el0_after_el1_did(text, bit):
    cpu = make_cpu(el=0, **FREE | {"HCR_EL2": bit})
    assert (2, TRAPPED, iss(text)) == syndrome(cpu, text)
    cpu = make_cpu(el=0, **FREE | {"HCR_EL2": bit, "SCTLR_EL1": 0})
    assert (1, TRAPPED, iss(text)) == syndrome(cpu, text)


@pytest.mark.parametrize("text", ["sys #0, c11, c0, #0, x1", "sys #3, c15, c3, #7, x1", "sysl x1, #2, c11, c0, #0"])
def test_tidcp_traps_what_is_left_to_implementations(text):
    assert (2, TRAPPED, iss(text)) == syndrome(make_cpu(**FREE | {"HCR_EL2": HCR_TIDCP}), text)
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(el=0, **FREE | {"HCR_EL2": HCR_TIDCP}), text)
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(**FREE), text)


# --- what they do


@pytest.mark.parametrize("address", [RAM + 0x40, RAM + 0x41, RAM + 0x7F])
def test_dc_zva_zeroes_the_block_that_holds_the_address(address):
    cpu = make_cpu()
    cpu.unaligned_device_access = True
    cpu.memory.write_bytes(RAM, b"\xff" * 0x100)
    cpu.set_x(1, address)
    execute(cpu, "dc zva, x1")
    assert b"\xff" * 0x40 + bytes(0x40) + b"\xff" * 0x80 == cpu.memory.read_bytes(RAM, 0x100)


def test_dc_zva_faults_on_device_memory():
    cpu = make_cpu()
    cpu.set_x(1, RAM + 0x55)
    assert (1, ABORT_SAME, 1 << 6 | 0x21) == syndrome(cpu, "dc zva, x1")
    assert RAM + 0x55 == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize("unaligned", [True, False])
def test_dc_zva_beyond_the_physical_addresses(unaligned):
    cpu = make_cpu()
    cpu.unaligned_device_access = unaligned
    cpu.set_x(1, 1 << 48 | 0x55)
    assert (1, ABORT_SAME, 1 << 6) == syndrome(cpu, "dc zva, x1")
    assert 1 << 48 | 0x55 == cpu.sysregs["FAR_EL1"]


def test_dc_zva_where_nothing_answers():
    cpu = make_cpu()
    cpu.unaligned_device_access = True
    cpu.set_x(1, 0x7F)
    assert (1, ABORT_SAME, 1 << 6 | 0x10) == syndrome(cpu, "dc zva, x1")
    assert 0x40 == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize("text", ["ic ivau, x1", "dc ivac, x1", "dc civac, x1", "dc cvau, x1"])
@pytest.mark.parametrize(
    ("address", "tcr", "faults"),
    [
        (0, 0, False),
        (7, 0, False),
        (1 << 48, 0, True),
        (0x5A << 56, 0, True),
        (0x5A << 56, 1 << 37, False),
        (-1, 0, True),
    ],
)
def test_maintenance_by_address_checks_the_address(text, address, tcr, faults):
    address &= (1 << 64) - 1
    cpu = make_cpu(TCR_EL1=tcr)
    cpu.set_x(1, address)
    assert ((1, ABORT_SAME, 1 << 8 | 1 << 6) if faults else None) == syndrome(cpu, text)
    assert (address if faults else 0) == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize("text", ["dc csw, x1", "tlbi vae1, x1", "tlbi rvae1, x1", "cpp rctx, x1"])
def test_what_takes_no_address_checks_none(text):
    cpu = make_cpu(**FREE)
    cpu.set_x(1, (1 << 64) - 1)
    assert syndrome(cpu, text) is None


AT = [
    (1, "s1e1r"), (1, "s1e1w"), (1, "s1e0r"), (1, "s1e0w"), (1, "s1e1rp"), (1, "s1e1wp"),
    (2, "s12e1r"), (2, "s12e0w"), (2, "s1e2r"), (2, "s1e2w"), (3, "s1e3r"), (3, "s1e3w"),
]  # fmt: skip


@given(st.integers(0, (1 << 48) - 1), st.sampled_from(AT))
def test_the_map_is_flat_and_memory_is_device(address, row):
    el, name = row
    cpu = make_cpu(el=el, **FREE)
    cpu.set_x(1, address)
    execute(cpu, f"at {name}, x1")
    par = cpu.sysregs["PAR_EL1"]
    assert address & ~0xFFF == par & 0x000F_FFFF_FFFF_F000
    assert (0, 0b10, 0) == (par >> 56, par >> 7 & 3, par & 1)


@pytest.mark.parametrize(
    ("el", "name", "scr", "par"),
    [
        (1, "s1e1r", SCR_NS, 0x4000_1B00),
        (1, "s1e1r", 0, 0x4000_1900),
        (2, "s1e2r", SCR_NS, 0x4000_1B00),
        (2, "s1e2r", SCR_EEL2, 0x4000_1900),
        (3, "s1e1r", SCR_NS, 0x4000_1B00),
        (3, "s1e3r", SCR_NS, 0x4000_1900),
    ],
)
def test_par_says_which_address_space(el, name, scr, par):
    cpu = make_cpu(el=el, SCR_EL3=scr)
    cpu.set_x(1, PC + 0x123)
    execute(cpu, f"at {name}, x1")
    assert par == cpu.sysregs["PAR_EL1"]


@pytest.mark.parametrize(
    ("el", "name", "tcr", "address", "par"),
    [
        (1, "s1e1r", {}, 1 << 48, 0x801),
        (1, "s1e1r", {}, 0x5A << 56, 0x801),
        (1, "s1e1r", {"TCR_EL1": 1 << 37}, 0x5A << 56, 0xB00),
        (1, "s1e1r", {"TCR_EL1": 1 << 37 | 1 << 51}, 0x5A << 56, 0xB00),
        (1, "s1e1r", {"TCR_EL1": 1 << 38}, 0x5A << 56, 0x801),
        (2, "s1e2r", {"TCR_EL1": 1 << 37}, 0x5A << 56, 0x801),
        (2, "s1e2r", {"TCR_EL2": 1 << 20}, 0x5A << 56, 0xB00),
        (2, "s12e1r", {"TCR_EL2": 1 << 20}, 0x5A << 56, 0x801),
    ],
)
def test_a_translation_that_faults_says_so_in_par(el, name, tcr, address, par):
    cpu = make_cpu(el=el, SCR_EL3=SCR_NS, **tcr)
    cpu.set_x(1, address)
    execute(cpu, f"at {name}, x1")
    assert par == cpu.sysregs["PAR_EL1"]
