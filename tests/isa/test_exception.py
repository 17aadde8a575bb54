"""Exception generation and return: who takes it, with what syndrome, and the state it leaves."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.cpu import Conduit
from aarch64.features import Feature
from aarch64.pointer_auth import Key, add_pac
from tests.isa.running import PC, execute, make_cpu, syndrome, take

HCR_TGE, HCR_TSC, HCR_HCD = 1 << 27, 1 << 19, 1 << 29
SCR_NS, SCR_SMD, SCR_HCE, SCR_EEL2 = 1 << 0, 1 << 7, 1 << 8, 1 << 18
MDCR_TDE = 1 << 8

UNDEFINED = 0x00
SVC, HVC, SMC, BRK = 0x15, 0x16, 0x17, 0x3C


@attrs.define
class Host:
    """Firmware and a semihosting host that answer, or not, and note being asked."""

    answers: bool
    asked: list = attrs.field(factory=list)

    def firmware_call(self, conduit):
        self.asked.append(conduit)
        return self.answers

    def semihosting_call(self):
        self.asked.append("semihosting")
        return self.answers


# --- calls


@pytest.mark.parametrize(
    ("el", "hcr", "scr", "target"),
    [
        (0, 0, SCR_NS, 1),
        (0, HCR_TGE, SCR_NS, 2),
        (0, HCR_TGE, 0, 1),
        (0, HCR_TGE, SCR_EEL2, 2),
        (1, 0, SCR_NS, 1),
        (2, 0, SCR_NS, 2),
        (3, 0, 0, 3),
    ],
)
def test_svc(el, hcr, scr, target):
    cpu = make_cpu(el=el, HCR_EL2=hcr, SCR_EL3=scr)
    assert (target, SVC, 0x1234) == syndrome(cpu, "svc #0x1234")
    assert PC + 4 == cpu.elr[target]


@pytest.mark.parametrize(
    ("el", "max_el", "hcr", "scr", "expected"),
    [
        (0, 2, 0, 0, (1, UNDEFINED, 0)),
        (1, 1, 0, 0, (1, UNDEFINED, 0)),
        (1, 2, 0, 0, (2, HVC, 7)),
        (1, 2, HCR_HCD, 0, (1, UNDEFINED, 0)),
        (2, 2, 0, 0, (2, HVC, 7)),
        (2, 2, HCR_HCD, 0, (2, UNDEFINED, 0)),
        (1, 3, 0, SCR_NS, (1, UNDEFINED, 0)),
        (1, 3, 0, SCR_NS | SCR_HCE, (2, HVC, 7)),
        (1, 3, HCR_HCD, SCR_NS | SCR_HCE, (2, HVC, 7)),
        (1, 3, 0, SCR_HCE, (1, UNDEFINED, 0)),
        (1, 3, 0, SCR_HCE | SCR_EEL2, (2, HVC, 7)),
        (2, 3, 0, SCR_NS, (2, UNDEFINED, 0)),
        (3, 3, 0, SCR_HCE, (3, HVC, 7)),
        (3, 3, 0, 0, (3, UNDEFINED, 0)),
    ],
)
def test_hvc(el, max_el, hcr, scr, expected):
    cpu = make_cpu(el=el, max_el=max_el, HCR_EL2=hcr, SCR_EL3=scr)
    assert expected == syndrome(cpu, "hvc #7")
    assert (PC if expected[1] == UNDEFINED else PC + 4) == cpu.elr[expected[0]]


@pytest.mark.parametrize(
    ("el", "max_el", "hcr", "scr", "expected", "returns_to"),
    [
        (0, 3, 0, SCR_NS, (1, UNDEFINED, 0), PC),
        (1, 3, 0, SCR_NS, (3, SMC, 7), PC + 4),
        (1, 3, 0, 0, (3, SMC, 7), PC + 4),
        (1, 3, 0, SCR_NS | SCR_SMD, (1, UNDEFINED, 0), PC),
        (1, 3, HCR_TSC, SCR_NS, (2, SMC, 7), PC),
        (1, 3, HCR_TSC, SCR_NS | SCR_SMD, (2, SMC, 7), PC),
        (1, 3, HCR_TSC, 0, (3, SMC, 7), PC + 4),
        (2, 3, HCR_TSC, SCR_NS, (3, SMC, 7), PC + 4),
        (3, 3, 0, 0, (3, SMC, 7), PC + 4),
        (3, 3, 0, SCR_SMD, (3, UNDEFINED, 0), PC),
        (1, 1, 0, 0, (1, UNDEFINED, 0), PC),
        (2, 2, 0, 0, (2, UNDEFINED, 0), PC),
        (1, 2, HCR_TSC, 0, (2, SMC, 7), PC),
    ],
)
def test_smc(el, max_el, hcr, scr, expected, returns_to):
    cpu = make_cpu(el=el, max_el=max_el, HCR_EL2=hcr, SCR_EL3=scr)
    assert expected == syndrome(cpu, "smc #7")
    assert returns_to == cpu.elr[expected[0]]


@pytest.mark.parametrize(
    ("text", "el", "max_el", "asked"),
    [
        ("hvc #0", 1, 1, [Conduit.HVC]),
        ("smc #0", 1, 1, [Conduit.SMC]),
        ("smc #0", 1, 2, [Conduit.SMC]),
        ("smc #0", 2, 2, [Conduit.SMC]),
        ("hvc #0", 0, 1, []),
        ("smc #0", 0, 1, []),
        ("hvc #0", 1, 2, []),
        ("smc #0", 1, 3, []),
        ("hlt #0xf000", 0, 1, ["semihosting"]),
        ("hlt #0xf000", 3, 3, ["semihosting"]),
        ("hlt #0", 1, 1, []),
    ],
)
@pytest.mark.parametrize("answers", [True, False])
def test_who_is_asked(text, el, max_el, asked, answers):
    cpu = make_cpu(el=el, max_el=max_el, HCR_EL2=0, SCR_EL3=SCR_NS | SCR_HCE)
    cpu.services = Host(answers)
    taken = take(cpu, text)
    assert asked == cpu.services.asked
    assert bool(asked and answers) == (taken is None)


@pytest.mark.parametrize(
    ("el", "hcr", "mdcr", "scr", "target"),
    [
        (0, 0, 0, SCR_NS, 1),
        (1, 0, 0, SCR_NS, 1),
        (0, HCR_TGE, 0, SCR_NS, 2),
        (0, 0, MDCR_TDE, SCR_NS, 2),
        (1, 0, MDCR_TDE, SCR_NS, 2),
        (0, HCR_TGE, MDCR_TDE, 0, 1),
        (1, 0, MDCR_TDE, 0, 1),
        (1, 0, MDCR_TDE, SCR_EEL2, 2),
        (2, 0, 0, SCR_NS, 2),
        (2, 0, MDCR_TDE, SCR_NS, 2),
        (3, 0, 0, 0, 3),
        (3, HCR_TGE, MDCR_TDE, SCR_NS, 3),
    ],
)
def test_brk(el, hcr, mdcr, scr, target):
    cpu = make_cpu(el=el, HCR_EL2=hcr, MDCR_EL2=mdcr, SCR_EL3=scr)
    assert (target, BRK, 0xBEEF) == syndrome(cpu, "brk #0xbeef")
    assert PC == cpu.elr[target]


@pytest.mark.parametrize("text", ["dcps1", "dcps2 #1", "dcps3", "drps", "hlt #1", "hlt #0xf000"])
@pytest.mark.parametrize("el", range(4))
def test_what_needs_a_debugger_is_undefined(text, el):
    assert (el or 1, UNDEFINED, 0) == syndrome(make_cpu(el=el, SCR_EL3=SCR_NS), text)


# --- entry


@pytest.mark.parametrize(
    ("el", "sp", "text", "offset"),
    [
        (1, 0, "svc #0", 0x000),
        (1, 1, "svc #0", 0x200),
        (0, 0, "svc #0", 0x400),
        (1, 1, "hvc #0", 0x400),
        (2, 0, "hvc #0", 0x000),
    ],
)
def test_vector(el, sp, text, offset):
    bases = {f"VBAR_EL{level}": 0x4000_8000 for level in (1, 2, 3)}
    cpu = make_cpu(el=el, SCR_EL3=SCR_NS | SCR_HCE, HCR_EL2=0, **bases)
    cpu.pstate.sp = sp
    take(cpu, text)
    assert 0x4000_8000 + offset == cpu.pc


def test_entry_saves_pstate_and_masks():
    cpu = make_cpu(el=0, SCR_EL3=SCR_NS, SCTLR_EL1=1 << 44)
    state = cpu.pstate
    state.nzcv, state.daif, state.dit, state.uao, state.btype, state.ss = 0b1010, 0b0101, 1, 1, 0, 1
    saved = state.to_spsr()
    take(cpu, "svc #0")
    assert saved == cpu.spsr[1]
    state = cpu.pstate
    assert (1, 1, 0b1111, 1, 0b1010) == (state.el, state.sp, state.daif, state.dit, state.nzcv)
    assert (0, 0, 0, 1, 1) == (state.uao, state.ss, state.il, state.ssbs, state.pan)


@pytest.mark.parametrize(("sctlr", "before", "after"), [(0, 0, 1), (1 << 23, 0, 0), (1 << 23, 1, 1)])
def test_pan_is_set_at_el1_unless_span(sctlr, before, after):
    cpu = make_cpu(SCTLR_EL1=sctlr)
    cpu.pstate.pan = before
    take(cpu, "svc #0")
    assert after == cpu.pstate.pan


@pytest.mark.parametrize(("text", "btype"), [("brk #0", 0b10), ("svc #0", 0)])
def test_btype_is_saved_where_the_instruction_did_not_consume_it(text, btype):
    cpu = make_cpu()
    cpu.pstate.btype = 0b10
    take(cpu, text)
    assert btype == cpu.spsr[1] >> 10 & 3
    assert 0 == cpu.pstate.btype


# --- return


def return_from(el, spsr, *, max_el=3, **sysregs):
    cpu = make_cpu(el=el, max_el=max_el, **{"HCR_EL2": 0, "SCR_EL3": SCR_NS} | sysregs)
    cpu.spsr[el] = spsr
    cpu.elr[el] = 0x4000_2000
    execute(cpu, "eret")
    return cpu


EL0T, EL1T, EL1H, EL2T, EL2H, EL3T, EL3H = 0, 4, 5, 8, 9, 12, 13


@pytest.mark.parametrize(
    ("el", "mode", "expected"),
    [(1, EL0T, (0, 0)), (1, EL1T, (1, 0)), (1, EL1H, (1, 1)), (2, EL1H, (1, 1)), (3, EL2T, (2, 0)), (3, EL3H, (3, 1))],
)
def test_return_to_a_level(el, mode, expected):
    cpu = return_from(el, mode)
    assert (*expected, 0) == (cpu.pstate.el, cpu.pstate.sp, cpu.pstate.il)
    assert (0x4000_2000, True, None) == (cpu.next_pc, cpu.event_register, cpu.exclusive)


def test_return_restores_every_field():
    spsr = 0xF << 28 | 1 << 24 | 1 << 23 | 1 << 22 | 1 << 12 | 0b10 << 10 | 0b1010 << 6 | EL0T
    cpu = return_from(1, spsr | 1 << 20)
    assert spsr | 1 << 20 == cpu.pstate.to_spsr()
    assert 0b10 == cpu.next_btype


@pytest.mark.parametrize(
    "features", [{Feature.PAN}, {Feature.UAO}, {Feature.DIT}, {Feature.SSBS}, {Feature.BTI}], ids=str
)
def test_return_leaves_out_what_the_machine_has_not(features):
    cpu = make_cpu(without=features, max_el=1)
    fields = {Feature.PAN: 22, Feature.UAO: 23, Feature.DIT: 24, Feature.SSBS: 12, Feature.BTI: 11}
    cpu.spsr[1] = sum(1 << bit for bit in fields.values())
    execute(cpu, "eret")
    assert sum(1 << bit for feature, bit in fields.items() if feature not in features) == cpu.pstate.to_spsr()


ILLEGAL = [
    (1, EL2H, 3, {}),
    (1, EL3H, 3, {}),
    (2, EL3T, 3, {}),
    (1, 1, 3, {}),
    (1, 2, 3, {}),
    (1, 6, 3, {}),
    (1, 1 << 4, 3, {}),
    (1, 1 << 4 | 0x13, 3, {}),
    (2, EL1H, 3, {"HCR_EL2": HCR_TGE}),
    (2, EL1T, 2, {"HCR_EL2": HCR_TGE}),
    (3, EL2H, 3, {"SCR_EL3": 0}),
    (1, EL2H, 1, {}),
    (2, EL3H, 2, {}),
]


@pytest.mark.parametrize(("el", "mode", "max_el", "sysregs"), ILLEGAL)
def test_an_illegal_return_keeps_the_level_and_sets_il(el, mode, max_el, sysregs):
    spsr = 0b1010 << 28 | 1 << 22 | 0b0110 << 6 | mode
    cpu = return_from(el, spsr, max_el=max_el, **sysregs)
    state = cpu.pstate
    assert (el, 1, 1) == (state.el, state.sp, state.il)
    assert (0b1010, 1, 0b0110) == (state.nzcv, state.pan, state.daif)
    assert 0x4000_2000 == cpu.next_pc


@pytest.mark.parametrize(
    ("el", "mode", "sysregs"),
    [(3, EL2H, {"SCR_EL3": SCR_EEL2}), (3, EL1H, {"SCR_EL3": 0, "HCR_EL2": HCR_TGE}), (2, EL0T, {"HCR_EL2": HCR_TGE})],
)
def test_what_looks_illegal_and_is_not(el, mode, sysregs):
    assert 0 == return_from(el, mode, **sysregs).pstate.il


@given(st.integers(0, 15), st.integers(1, 3))
def test_a_return_never_raises_the_level(mode, el):
    assert el >= return_from(el, mode).pstate.el


def test_return_drops_a_tag_by_the_rules_of_the_level_returned_to():
    cpu = make_cpu(el=2, SCR_EL3=SCR_NS, HCR_EL2=0, TCR_EL1=1 << 37)
    cpu.elr[2] = 0x5A00_0000_4000_2000
    cpu.spsr[2] = EL1H
    execute(cpu, "eret")
    assert 0x4000_2000 == cpu.next_pc


@pytest.mark.parametrize("text", ["eret", "eretaa", "eretab"])
def test_undefined_at_el0(text):
    assert (1, UNDEFINED, 0) == syndrome(make_cpu(el=0, max_el=1), text)


@pytest.mark.parametrize(("text", "key"), [("eretaa", Key.IA), ("eretab", Key.IB)])
def test_an_authenticated_return(text, key):
    cpu = make_cpu(max_el=1, SCTLR_EL1=1 << 31 | 1 << 30, TCR_EL1=25, APIAKEYLO_EL1=3, APIBKEYHI_EL1=4)
    cpu.sp = 0x4000_8000
    cpu.spsr[1] = EL0T
    cpu.elr[1] = add_pac(cpu, 0x4000_2000, cpu.sp, key)
    execute(cpu, text)
    assert (0x4000_2000, 0) == (cpu.next_pc, cpu.pstate.el)


def test_an_authenticated_return_to_a_damaged_address():
    cpu = make_cpu(max_el=1, SCTLR_EL1=1 << 31, TCR_EL1=25)
    cpu.elr[1] = add_pac(cpu, 0x4000_2000, 0, Key.IA) ^ 1 << 45
    execute(cpu, "eretaa")
    assert cpu.next_pc >> 39
