"""The transparency law: a probe changes nothing but time.

Ours (STRICT) obeys it whatever the instruction and the state, by each way to execute. The kernels do not, in ways that
are listed: those of their engines, which concern any instruction (`told_by_kernel`), and those of single instructions
(FINDINGS). What is on no list obeys; what is on a list and does not differ any more fails.
"""

import os
import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.isa.table import assemble, decode
from aarch64.machine import Machine
from aarch64.sampling import IMPLEMENTED
from kprobes import STRICT, V4_8, V5_10, V7_2, V15, Kprobe, Kprobes, RegistrationError
from kprobes.audit.bench import Bench, is_fault
from kprobes.audit.case import DATA, EL1H, RAM, RAM_SIZE, UNMAPPED, UPPER, VECTORS, Case
from kprobes.audit.drawing import SCTLR_EN_KEYS, draw_case
from kprobes.audit.known import FINDINGS, known
from kprobes.audit.law import Law
from kprobes.audit.telling import symptoms_of
from kprobes.behaviour import Execution
from kprobes.pt_regs import A, D, F, I
from kprobes.rules import Verdict

BY_STEP = attrs.evolve(
    STRICT,
    engine=attrs.evolve(STRICT.engine, execution=Execution.STEP, masks=A | I | F, clears_debug_mask=True),
)
"""Our rules, executed by hardware step: so a probe must not be where PSTATE.D is set."""
OURS = {"by BRK": STRICT, "by step": BY_STEP}
KERNELS = {profile.name: profile for profile in (V15, V4_8, V5_10, V7_2)}
ENGINES = {
    f"strict, engine of {profile.name}": attrs.evolve(STRICT, engine=profile.engine) for profile in (V15, V5_10, V7_2)
}
PLAIN = Bench()
LAWS = {
    name: Law(profile, guards_slots=name == "by BRK", plain=PLAIN)
    for name, profile in (OURS | KERNELS | ENGINES).items()
}
"""For ours it does not matter whether slots are in guarded pages: one way to execute is tried so, the other not."""
SAMPLES = 6 if os.environ.get("CI") else 2


def shown(case, found):
    values = {
        name: tuple(hex(one) if isinstance(one, int) else one for one in both if not isinstance(one, bytes))
        for name, both in found.items()
    }
    return f"{case}\n{values}"


def cases(definition, count=SAMPLES):
    rng = random.Random(f"{definition.title} {definition.pattern.text}")
    return [draw_case(rng, definition) for _ in range(count)]


# --- ours


@pytest.mark.parametrize("name", OURS)
def test_a_probe_changes_nothing(name):
    law, checked = LAWS[name], set()
    for definition in IMPLEMENTED:
        for case in cases(definition):
            if not law.is_legal(case):
                continue
            outcome = law.check(case)
            assert not outcome.differences, shown(case, outcome.differences)
            completes = not is_fault(outcome.whole.wanted) and outcome.whole.wanted["PSTATE.el"] == 1
            assert "pre" in law.bench.hits
            assert ("post" in law.bench.hits) == completes, case
            checked.add((definition.title, completes))
    for outcome, least in ((True, 150), (False, 40)):
        assert len([title for title, completes in checked if completes is outcome]) > least, "hardly anything was tried"


@given(st.sampled_from(IMPLEMENTED), st.randoms(use_true_random=False), st.sampled_from(sorted(OURS)))
def test_a_probe_changes_nothing_in_any_state(definition, rng, name):
    law, case = LAWS[name], draw_case(rng, definition)
    if law.is_legal(case):
        found = law.check(case).differences
        assert not found, shown(case, found)


# --- the kernels


@pytest.mark.parametrize("name", [*KERNELS, *ENGINES])
def test_the_kernels_obey_but_for_what_is_listed(name):
    """Whatever is not a finding ends as without a probe, or as `told_by_kernel` says of an exception in the slot."""
    law, checked = LAWS[name], 0
    for definition in IMPLEMENTED:
        listed = [item for item in FINDINGS if name in item.kernels and definition.title in item.titles]
        for case in cases(definition, SAMPLES // 2 + 1):
            if not law.is_legal(case) or any(item.when(case) for item in listed):
                continue
            checked += 1
            found = law.check(case).unexplained
            assert not found, shown(case, found)
    assert checked > 250 * (SAMPLES // 2 + 1)


@pytest.mark.parametrize(
    ("name", "item"),
    [(name, item) for item in FINDINGS for name in item.kernels],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_finding_is_one(name, item):
    """A finding that does not differ any more, or differs otherwise, is to be mended here."""
    law, case = LAWS[name], item.case
    definition = decode(case.word).definition
    assert definition.title in item.titles
    assert item.when(case)
    assert law.judge(case.word).verdict is not Verdict.REJECT
    outcome = law.check(case)
    assert set(outcome.differences) == item.differs, item.why
    assert known(name, case, symptoms_of(outcome.rest)[0]) is item


@pytest.mark.parametrize("item", FINDINGS, ids=lambda item: item.name)
def test_a_finding_of_the_kernels_is_none_of_ours(item):
    """It is rejected, or obeys."""
    for name in OURS:
        law = LAWS[name]
        if law.is_legal(item.case):
            assert not law.check(item.case).differences


# --- the kernels' engines: what they do about exceptions in the slot

LOAD = Case(assemble("ldr x0, [x1, #8]"), pstate=EL1H, translates=True)


AUTHENTICATION = Case(assemble("autiza x0"), x=(1, *LOAD.x[1:]), pstate=EL1H, sctlr=SCTLR_EN_KEYS)


def loading(address):
    return attrs.evolve(LOAD, x=(0, address, *LOAD.x[2:]))


@pytest.mark.parametrize(
    ("name", "case", "differs", "why"),
    [
        ("v15", loading(UNMAPPED), {"SPSR_EL1"}, "slot-masks: I stays masked, and SS set"),
        ("v4.8", loading(UNMAPPED), {"SPSR_EL1"}, "slot-masks"),
        ("v5.10", loading(UNMAPPED), {"SPSR_EL1"}, "slot-masks: D, A, I and F stay masked"),
        ("v7.2", loading(UNMAPPED), set(), "masks are restored (v5.12)"),
        ("v15", loading(UPPER + (1 << 30)), {"SPSR_EL1", "ELR_EL1", "MDSCR_EL1"}, "slot-address: no page fault"),
        ("v5.10", loading(UPPER + (1 << 30)), {"SPSR_EL1", "ELR_EL1"}, "slot-address"),
        ("v7.2", loading(UPPER + (1 << 30)), {"SPSR_EL1", "ELR_EL1"}, "slot-address"),
        ("v7.2", Case(assemble("udf #0"), pstate=EL1H), {"SPSR_EL1", "ELR_EL1"}, "slot-address: UNDEFINED"),
        ("v4.8", AUTHENTICATION, {"SPSR_EL1", "ELR_EL1", "MDSCR_EL1"},
         "slot-address: FPAC"),
        (
            "v7.2",
            Case(assemble("add x0, x0, #1"), pstate=EL1H | 0b10 << 10, translates=True, guarded=True),
            {"pc", "x0", "ELR_EL1", "SPSR_EL1", "ESR_EL1", "PSTATE.d", "PSTATE.a", "PSTATE.i", "PSTATE.f"},
            "slot-landing: the slot is in no guarded page",
        ),
    ],
)  # fmt: skip
def test_an_exception_in_the_slot(name, case, differs, why):
    outcome = LAWS[name].check(case)
    assert set(outcome.differences) == differs, why
    assert not outcome.unexplained


@pytest.mark.parametrize("name", ["v15", "v4.8", "by step"])
def test_a_step_with_debug_exceptions_masked_runs_off_the_slot(name):
    """The step is never taken: so who steps cannot be transparent where PSTATE.D is set, whatever the instruction."""
    case = Case(assemble("add x0, x0, #1"), pstate=EL1H | D)
    bench = LAWS[name].bench
    seen = bench.run(case)
    assert bench.hits == ["pre"]
    assert seen["pc"] >> 12 == (RAM + RAM_SIZE) >> 12 or seen["pc"] >> 12 == VECTORS >> 12


@pytest.mark.parametrize("name", ["by BRK", "v5.10", "v7.2"])
def test_a_breakpoint_ends_the_slot_whatever_is_masked(name):
    case = Case(assemble("add x0, x0, #1"), pstate=EL1H | D)
    assert not LAWS[name].check(case).differences
    assert LAWS[name].bench.hits == ["pre", "post"]


# --- exclusive sequences: the return from a hit clears the monitor, so the store fails, and its loop never ends

SEQUENCES = {
    "none": ("add w2, w2, #1", "probed: nop", "again: ldxr w1, [x0]", "stxr w3, w1, [x0]", "cbnz w3, again"),
    "hidden by STLR": ("again: ldxr w1, [x0]", "stlr w2, [x4]", "probed: nop", "stxr w3, w1, [x0]", "cbnz w3, again"),
    "hidden by CASP": (
        "again: ldxr w1, [x0]", "casp x6, x7, x8, x9, [x4]", "probed: nop", "stxr w3, w1, [x0]", "cbnz w3, again",
    ),
    "out of line": (
        "again: ldxr w1, [x0]", "b 1f", *["nop"] * 40, "1: nop", "probed: nop", "stxr w3, w1, [x0]",
        "cbnz w3, again",
    ),
}  # fmt: skip
LIVELOCKS = {
    "hidden by STLR": ("v15", "v4.8", "v5.10"),
    "hidden by CASP": ("v15", "v4.8", "v5.10", "v7.2"),
    "out of line": ("v15", "v4.8", "v5.10", "v7.2"),
}
"""Probes that the kernels' backward scan accepts, and that have the loop go on for ever."""


def ends(profile, name):
    """Whether a program with a sequence in it comes to its end, `probed` being so; None if it may not be."""
    machine = Machine(el=1)
    source = "\n".join(("start:", *SEQUENCES[name], "done: b ."))
    probed = assemble_source(source, base=RAM).symbols["probed"]
    source = source.replace("probed: ", "").replace("again: ", "9: ").replace("again", "9b")  # one symbol, one function
    machine.load(assemble_source(source, base=RAM))
    machine.cpu.gpr[0], machine.cpu.gpr[4], machine.cpu.pstate.d = DATA, DATA + 0x100, 0
    if profile is not None:
        try:
            Kprobes(machine, profile).register(Kprobe(address=probed))
        except RegistrationError:
            return None
    machine.run(max_cycles=2000, until="done")
    return machine.cpu.pc == machine.resolve("done")


@pytest.mark.parametrize("name", SEQUENCES)
def test_exclusive_sequences(name):
    assert ends(None, name)
    assert ends(STRICT, name) is (True if name == "none" else None)
    livelocks = tuple(kernel for kernel, profile in KERNELS.items() if ends(profile, name) is False)
    assert livelocks == LIVELOCKS.get(name, ())
