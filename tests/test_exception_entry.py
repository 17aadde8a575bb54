"""Exception entry and return as laws: what is saved comes back, and nothing goes where it must not."""

from itertools import product

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aarch64 import exceptions as ex
from aarch64.errors import UnsupportedInstruction, UnsupportedState
from aarch64.exception_entry import exception_return, is_illegal_return
from aarch64.exceptions import ArchException, ExceptionClass, Fault, Vector
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.interpreter import Interpreter
from aarch64.isa.table import assemble
from aarch64.lines import Line
from aarch64.memory import Memory
from aarch64.pstate import PState

RAM, NOWHERE = 0x4000_0000, 0x6000_0000
PC = RAM + 0x1000
HCR_TRANSLATES = 1 << 0 | 1 << 12  # VM DC
HCR_TEA, SCR_EA = 1 << 37, 1 << 3
HCR_TGE, SCR_NS, SCR_HCE, SCR_EEL2 = 1 << 27, 1 << 0, 1 << 8, 1 << 18
SCTLR_SPAN, SCTLR_DSSBS = 1 << 23, 1 << 44
SPSR_BIT = {Feature.DIT: 24, Feature.UAO: 23, Feature.PAN: 22, Feature.SSBS: 12, Feature.BTI: 10}
"""The lowest bit in SPSR_ELx of the PSTATE field that each feature brings."""
EL0T, EL1T, EL1H, EL2T, EL2H, EL3T, EL3H = 0, 4, 5, 8, 9, 12, 13


def make_cpu(*, el: int = 1, max_el: int = 3, features: frozenset[Feature] = DEFAULT_FEATURES, **sysregs: int):
    cpu = Interpreter(Memory(RAM, 1 << 20), features, max_el=max_el, el=el)
    cpu.sysregs |= {f"VBAR_EL{level}": RAM + 0x800 * level for level in (1, 2, 3)}
    cpu.sysregs |= {"HCR_EL2": 0, "SCR_EL3": SCR_NS | SCR_HCE} | sysregs
    cpu.pc = PC
    return cpu


def put(cpu: Interpreter, *lines: str) -> None:
    """Write instructions to PC and on."""
    for number, line in enumerate(lines):
        cpu.memory.write(PC + 4 * number, 4, assemble(line, PC + 4 * number))


# --- a second statement of IllegalExceptionReturn

LEGAL_RETURNS = {
    # M[4:0]: the levels it may be returned to from, and whether EL2 must be enabled, or must not have TGE set
    0b00000: ((1, 2, 3), ""),
    0b00100: ((1, 2, 3), "no TGE"),
    0b00101: ((1, 2, 3), "no TGE"),
    0b01000: ((2, 3), "EL2"),
    0b01001: ((2, 3), "EL2"),
    0b01100: ((3,), ""),
    0b01101: ((3,), ""),
}
CONFIGURATIONS = [
    (max_el, ns, eel2, tge)
    for max_el, ns, eel2, tge in product((1, 2, 3), (0, 1), (0, 1), (0, 1))
    if max_el == 3 or (ns, eel2) == (0, 0)
]


@pytest.mark.parametrize(("max_el", "ns", "eel2", "tge"), CONFIGURATIONS)
def test_the_legal_returns_are_those_of_the_table(max_el, ns, eel2, tge):
    has_el2 = max_el == 2 or (max_el == 3 and bool(ns or eel2))
    fulfilled = {"": True, "EL2": has_el2, "no TGE": not (has_el2 and tge)}
    for el, mode in product([el for el in range(1, max_el + 1) if el != 2 or has_el2], range(32)):
        cpu = make_cpu(el=el, max_el=max_el, SCR_EL3=ns | eel2 * SCR_EEL2, HCR_EL2=tge * HCR_TGE)
        sources, condition = LEGAL_RETURNS.get(mode, ((), ""))
        is_legal = el in sources and fulfilled[condition]
        assert is_legal is not is_illegal_return(cpu, mode, PState.from_spsr(mode)), f"{mode:05b} from EL{el}"


ILLEGAL_TARGETS = [
    # from, SPSR_ELx.M, settings: each kind of illegal return
    (1, EL2H, {}),
    (2, EL3H, {}),
    (3, EL2H, {"SCR_EL3": 0}),
    (2, EL1H, {"HCR_EL2": HCR_TGE}),
    (3, EL1T, {"HCR_EL2": HCR_TGE}),
    (1, 0b00001, {}),
    (3, 0b00110, {}),
    (2, 0b10000, {}),
    (3, 0b10011, {}),
]


@pytest.mark.parametrize(("el", "mode", "settings"), ILLEGAL_TARGETS)
@pytest.mark.parametrize("sp", [0, 1])
def test_an_illegal_return_is_an_exception_where_it_would_have_gone(el, mode, settings, sp):
    cpu = make_cpu(el=el, **settings)
    put(cpu, "eret")
    cpu.pstate.sp = sp
    cpu.spsr[el], cpu.elr[el] = 0b1010 << 28 | 0b0110 << 6 | mode, RAM + 0x3000
    cpu.step()
    assert (RAM + 0x3000, el, sp, 1) == (cpu.pc, cpu.pstate.el, cpu.pstate.sp, cpu.pstate.il)
    cpu.step()
    assert (0x0E << 26 | 1 << 25, RAM + 0x3000) == (cpu.sysregs[f"ESR_EL{el}"], cpu.elr[el])
    assert 0b1010 << 28 | 1 << 20 | 0b0110 << 6 | el << 2 | sp == cpu.spsr[el]
    assert cpu.sysregs[f"VBAR_EL{el}"] + 0x200 * sp == cpu.pc
    assert (1, el, 0) == (cpu.pstate.sp, cpu.pstate.el, cpu.pstate.il)


@pytest.mark.parametrize(("scr", "is_illegal"), [(0, 1), (SCR_NS, 0), (SCR_EEL2, 0), (SCR_NS | SCR_EEL2, 0)])
def test_a_return_to_el2_asks_scr_el3_as_it_is_now(scr, is_illegal):
    cpu = make_cpu(el=3, SCR_EL3=0x430)
    put(cpu, "msr SCR_EL3, x0", "eret")
    cpu.gpr[0], cpu.spsr[3] = scr, EL2H
    cpu.step()
    cpu.step()
    assert (is_illegal, 3 if is_illegal else 2) == (cpu.pstate.il, cpu.pstate.el)


# --- stack pointers

MODES = [(EL0T, 0), (EL1T, 0), (EL1H, 1), (EL2T, 0), (EL2H, 2), (EL3T, 0), (EL3H, 3)]


@pytest.mark.parametrize(("mode", "bank"), MODES)
def test_a_return_selects_the_stack_pointer_and_an_exception_that_of_its_level(mode, bank):
    cpu = make_cpu(el=3)
    cpu.sp_el[:] = [0x1000, 0x1100, 0x1200, 0x1300]
    cpu.spsr[3], cpu.elr[3] = mode, PC + 4
    put(cpu, "eret", "mov x1, sp", "svc #0")
    cpu.step()
    cpu.step()
    assert 0x1000 + 0x100 * bank == cpu.gpr[1]
    cpu.step()
    target = max(mode >> 2, 1)
    assert (1, 0x1000 + 0x100 * target, mode) == (cpu.pstate.sp, cpu.sp, cpu.spsr[target] & 0x1F)


# --- what entry does to PSTATE

ENTRY_ROWS = [
    # from, instruction, SCTLR_ELx of its target, field, before, after
    (0, "svc #0", 0, "pan", 0, 1),
    (1, "svc #0", 0, "pan", 0, 1),
    (0, "svc #0", SCTLR_SPAN, "pan", 0, 0),
    (0, "svc #0", SCTLR_SPAN, "pan", 1, 1),
    (1, "hvc #0", 0, "pan", 0, 0),
    (1, "hvc #0", 0, "pan", 1, 1),
    (1, "smc #0", 0, "pan", 0, 0),
    (2, "smc #0", 0, "pan", 1, 1),
    (0, "svc #0", SCTLR_DSSBS, "ssbs", 0, 1),
    (0, "svc #0", 0, "ssbs", 1, 0),
    (1, "hvc #0", SCTLR_DSSBS, "ssbs", 0, 1),
    (1, "hvc #0", 0, "ssbs", 1, 0),
    (2, "smc #0", SCTLR_DSSBS, "ssbs", 0, 1),
    (2, "smc #0", 0, "ssbs", 1, 0),
    (1, "svc #0", 0, "uao", 1, 0),
    (2, "smc #0", 0, "uao", 1, 0),
    (1, "svc #0", 0, "dit", 1, 1),
    (2, "smc #0", 0, "dit", 1, 1),
    (1, "svc #0", 0, "btype", 1, 0),
    (1, "brk #0", 0, "btype", 2, 0),
]
TARGETS = {"svc #0": 1, "brk #0": 1, "hvc #0": 2, "smc #0": 3}
FEATURE_OF = {
    "pan": Feature.PAN, "ssbs": Feature.SSBS, "uao": Feature.UAO, "dit": Feature.DIT, "btype": Feature.BTI,
}  # fmt: skip


@pytest.mark.parametrize(("el", "text", "sctlr", "field", "before", "after"), ENTRY_ROWS)
def test_a_field_on_entry(el, text, sctlr, field, before, after):
    cpu = make_cpu(el=el, **{f"SCTLR_EL{TARGETS[text]}": sctlr})
    put(cpu, text)
    setattr(cpu.pstate, field, before)
    cpu.step()
    assert after == getattr(cpu.pstate, field)
    kept = 0 if (text, field) == ("svc #0", "btype") else before  # an SVC has consumed BTYPE
    assert kept == getattr(PState.from_spsr(cpu.spsr[TARGETS[text]]), field)


ABSENCES = {feature.label: frozenset({feature}) for feature in SPSR_BIT} | {"all features": DEFAULT_FEATURES}


@pytest.mark.parametrize("missing", ABSENCES.values(), ids=ABSENCES)
def test_a_field_is_res0_without_its_feature(missing):
    """Neither a return nor an entry sets it, whatever SPSR_ELx and SCTLR_ELx hold."""
    present = sum(1 << bit for feature, bit in SPSR_BIT.items() if feature not in missing)
    cpu = make_cpu(max_el=1, features=DEFAULT_FEATURES - missing, SCTLR_EL1=SCTLR_DSSBS)
    put(cpu, "eret", "brk #0")
    cpu.spsr[1], cpu.elr[1] = sum(1 << bit for bit in SPSR_BIT.values()) | EL0T, PC + 4
    cpu.step()
    assert present == cpu.pstate.to_spsr()
    cpu.step()
    assert present == cpu.spsr[1]
    left_by_entry = {Feature.DIT, Feature.PAN, Feature.SSBS} - missing
    assert sum(1 << SPSR_BIT[feature] for feature in left_by_entry) | 0xF << 6 | EL1H == cpu.pstate.to_spsr()


# --- external aborts

EXTERNAL_ROWS = [
    # from, highest level, HCR_EL2, SCR_EL3: target (AArch64.SyncExternalAbortTarget)
    (0, 3, 0, SCR_NS, 1),
    (1, 3, 0, SCR_NS, 1),
    (2, 3, 0, SCR_NS, 2),
    (3, 3, 0, SCR_NS, 3),
    (0, 3, HCR_TEA, SCR_NS, 2),
    (1, 3, HCR_TEA, SCR_NS, 2),
    (0, 3, HCR_TGE, SCR_NS, 2),
    (0, 3, HCR_TEA | HCR_TGE, 0, 1),
    (1, 3, HCR_TEA, 0, 1),
    (1, 3, HCR_TEA, SCR_EEL2, 2),
    (1, 3, HCR_TEA, SCR_NS | SCR_EA, 3),
    (0, 3, HCR_TGE, SCR_NS | SCR_EA, 3),
    (2, 3, 0, SCR_NS | SCR_EA, 3),
    (1, 2, HCR_TEA, 0, 2),
    (1, 1, HCR_TEA, SCR_EA, 1),
    (0, 1, HCR_TGE, 0, 1),
]


@pytest.mark.parametrize(("el", "max_el", "hcr", "scr", "target"), EXTERNAL_ROWS)
@pytest.mark.parametrize(("text", "cycles", "ec"), [("ldr x0, [x1]", 1, 0x24), ("br x1", 2, 0x20)])
def test_where_an_external_abort_is_taken(el, max_el, hcr, scr, target, text, cycles, ec):
    cpu = make_cpu(el=el, max_el=max_el, HCR_EL2=hcr, SCR_EL3=scr)
    put(cpu, text)
    cpu.gpr[1] = NOWHERE
    for _ in range(cycles):
        cpu.step()
    assert target == cpu.pstate.el
    assert (ec | (el == target)) << 26 | 1 << 25 | 0x10 == cpu.sysregs[f"ESR_EL{target}"]
    assert NOWHERE == cpu.sysregs[f"FAR_EL{target}"]


# --- laws

SYNCHRONOUS = [
    ex.undefined(),
    ex.illegal_state(),
    ex.pc_alignment(PC),
    ex.sp_alignment(),
    ex.supervisor_call(1),
    ex.secure_monitor_call(1),
    ex.software_breakpoint(1),
    ex.instruction_abort(Fault.EXTERNAL, PC),
    ex.data_abort(Fault.EXTERNAL, PC, is_write=True),
    ex.data_abort(Fault.ALIGNMENT, PC, is_write=False),
]
INTERRUPTS = [ex.interrupt(vector, 3) for vector in (Vector.IRQ, Vector.FIQ, Vector.SERROR)]
KEEPS_BTYPE = {0x0E, 0x20, 0x22, 0x2F, 0x3C}
"""Classes reported before the instruction could consume PSTATE.BTYPE (AArch64.TakeException); interrupts too."""


@attrs.frozen
class Setting:
    """A state in which software can be: the level exists, and was legally entered."""

    features: frozenset[Feature]
    state: PState
    max_el: int
    hcr: int
    scr: int

    @property
    def has_el2(self) -> bool:
        return self.max_el == 2 or (self.max_el == 3 and bool(self.scr & (SCR_NS | SCR_EEL2)))

    @property
    def is_legal(self) -> bool:
        el = self.state.el
        return el <= self.max_el and (self.has_el2 or el != 2) and not (self.has_el2 and el == 1 and self.hcr & HCR_TGE)


@st.composite
def settings_of_a_machine(draw: st.DrawFn) -> Setting:
    features = DEFAULT_FEATURES - draw(st.sets(st.sampled_from(sorted(SPSR_BIT, key=lambda item: item.name))))
    bit, seldom = st.integers(0, 1), st.integers(0, 7).map(lambda value: value == 7).map(int)
    state = PState(**{name: draw(bit) for name in "daif"})
    state.nzcv = draw(st.integers(0, 15))
    state.il = draw(seldom)
    state.el = draw(st.integers(0, 3))
    state.sp = draw(bit) if state.el else 0
    for name, feature in FEATURE_OF.items():
        if feature in features:
            setattr(state, name, draw(st.integers(0, 3) if name == "btype" else bit))
    hcr = draw(st.integers(0, (1 << 42) - 1)) & ~HCR_TRANSLATES
    scr = draw(st.integers(0, (1 << 19) - 1)) & ~draw(st.sampled_from((0, SCR_NS | SCR_EEL2)))
    return Setting(features, state, draw(st.sampled_from((1, 2, 3, 3))), hcr, scr)


SETTINGS = settings_of_a_machine().filter(lambda setting: setting.is_legal)


def cpu_in(setting: Setting) -> Interpreter:
    cpu = make_cpu(
        el=setting.state.el, max_el=setting.max_el, features=setting.features, HCR_EL2=setting.hcr, SCR_EL3=setting.scr
    )
    cpu.pstate = attrs.evolve(setting.state)
    return cpu


@given(SETTINGS, st.sampled_from(SYNCHRONOUS + INTERRUPTS))
def test_a_return_restores_what_an_exception_saved(setting: Setting, exception: ArchException) -> None:
    cpu = cpu_in(setting)
    assume(exception.target is None or exception.target <= setting.max_el)
    cpu.take_exception(exception)
    el = cpu.pstate.el
    exception_return(cpu, cpu.elr[el], cpu.spsr[el])
    keeps_btype = exception.ec in KEEPS_BTYPE
    assert attrs.evolve(setting.state, btype=setting.state.btype if keeps_btype else 0) == cpu.pstate
    assert PC + (4 if exception.ec in (ExceptionClass.SVC, ExceptionClass.SMC) else 0) == cpu.next_pc


INSTRUCTIONS = [
    "nop", "svc #1", "hvc #1", "smc #1", "brk #1", "udf #1", "hlt #1", "eret", "wfi", "wfe", "wfit x0", "esb",
    "ldr x0, [x1]", "str x0, [x1, #1]", "ldr x0, [sp, #1]", "ldxr x0, [x1]", "br x1", "msr DAIFSet, #15",
    "mrs x0, SCTLR_EL1", "msr VBAR_EL2, x0", "mrs x0, CNTPCT_EL0", "mrs x0, PMCCNTR_EL0", "mrs x0, MDSCR_EL1",
    "mrs x0, ID_AA64PFR0_EL1", "mrs x0, CTR_EL0", "mrs x0, CPACR_EL1", "mrs x0, FPCR", "mrs x0, APIAKeyLo_EL1",
    "mrs x0, S3_0_C15_C0_0", "dc zva, x1", "ic iallu", "tlbi vmalle1", "at s1e1r, x1", "cfp rctx, x0", "paciasp",
]  # fmt: skip

REPORTED = ("ESR", "FAR")


def saved_state(cpu: Interpreter) -> dict[int, tuple[int, ...]]:
    """ESR, FAR, ELR and SPSR of each level."""
    return {el: (*(cpu.sysregs[f"{name}_EL{el}"] for name in REPORTED), cpu.elr[el], cpu.spsr[el]) for el in (1, 2, 3)}


@given(
    setting=SETTINGS,
    text=st.sampled_from(INSTRUCTIONS),
    lines=st.just(set()) | st.sets(st.sampled_from(list(Line))),
    controls=st.fixed_dictionaries(
        {
            name: st.integers(0, (1 << 32) - 1)
            for name in ("SCTLR_EL1", "CPACR_EL1", "MDCR_EL2", "MDCR_EL3", "CPTR_EL2", "CPTR_EL3", "CNTHCTL_EL2")
        }
    ),
)
def test_an_exception_is_taken_upwards_to_a_level_that_is_there_and_leaves_the_others_alone(
    setting, text, lines, controls
):
    cpu = cpu_in(setting)
    cpu.sysregs |= controls
    cpu.gpr[1] = NOWHERE
    cpu.lines = lines
    put(cpu, text)
    before, observed = saved_state(cpu), []
    cpu.exception_observers.append(observed.append)
    try:
        cpu.step()
    except (UnsupportedInstruction, UnsupportedState):
        return  # floating point that nothing traps
    for taken in observed:
        target = taken.target_el
        assert max(setting.state.el, 1) <= target <= setting.max_el
        assert target != 2 or setting.has_el2
        after = saved_state(cpu)
        assert {el: before[el] for el in before if el != target} == {el: after[el] for el in after if el != target}
        state = cpu.pstate
        assert (target, 1, 0xF, 0, 0, 0, 0) == (
            state.el, state.sp, state.daif, state.il, state.ss, state.btype, state.uao
        )  # fmt: skip
        assert setting.state.nzcv == state.nzcv
