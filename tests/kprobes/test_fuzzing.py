"""The transparency law, fuzzed: what is found, what is known of the kernels, cases as JSON and made smaller."""

import json
import pickle
import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64.fuzz.campaign import Budget, Campaign
from aarch64.fuzz.target import Agreement
from aarch64.isa.table import assemble, decode
from aarch64.sampling import IMPLEMENTED
from kprobes import STRICT, V4_8
from kprobes.audit import fuzzing
from kprobes.audit.case import CODE, EL1H, UNMAPPED, VECTORS, Case
from kprobes.audit.drawing import draw_case, is_comparable
from kprobes.audit.fuzzing import ANY_INSTRUCTION, ProbeSetup
from kprobes.audit.known import FINDINGS
from kprobes.audit.shrinking import complexity, simpler_cases
from kprobes.linux_rules import BL
from kprobes.pt_regs import D
from kprobes.rules import Clause, Rule, Verdict

FEW = 10
"""Cases, each of which has hundreds of simpler ones."""


def check(setup, case):
    with setup.opened() as target:
        (verdict,) = target.check([case])
    return verdict


def run(setup, examples, seed=1, **options):
    return Campaign(setup, seed, Budget(examples), **options).run()


# --- the verdict on a case

LANDS = {"pstate": EL1H | 0b10 << 10, "translates": True, "guarded": True}
FAULTS = {"translates": True, "x": (0, UNMAPPED, *(0,) * 29)}


@pytest.mark.parametrize(
    ("profile", "text", "state", "told"),
    [
        ("strict", "add x0, x0, #1", {}, None),
        ("strict", "ldr x0, [x1]", FAULTS, None),
        ("v7.2", "ldr x0, [x1]", FAULTS, None),
        ("v5.10", "ldr x0, [x1]", FAULTS, ("slot-masks", ANY_INSTRUCTION, "an instruction that ends with")),
        ("v15", "udf #0", {}, ("slot-address-slot-masks", ANY_INSTRUCTION, "an exception in the slot that is no")),
        ("v7.2", "add x0, x0, #1", LANDS, ("slot-landing", ANY_INSTRUCTION, "a branch target exception is missed")),
        ("v15", "mrs x0, elr_el1", {}, ("result", "MRS: ELR_EL1", "reads-elr_el1: ELR_EL1 is what the return")),
        ("v7.2", "nop", LANDS, ("missed-exception", "NOP", "simulated-nop-ignores-landing: NOP is simulated")),
    ],
)
def test_what_is_said_of_a_case(profile, text, state, told):
    verdict = check(ProbeSetup(profile), attrs.evolve(Case(assemble(text, CODE)), **state))
    if told is None:
        assert verdict is Agreement.SAME
        return
    assert (verdict.kind, verdict.place) == told[:2]
    assert verdict.reason.startswith(told[2])


@pytest.mark.parametrize(
    ("profile", "text", "state"),
    [
        ("strict", "mrs x0, elr_el1", {}),
        ("v15", "b #8", {}),
        ("v15", "nop", {"pstate": EL1H | D}),
        ("strict", "eret", {}),
    ],
    ids=["rejected", "rejected by a kernel", "its step is never taken", "raises"],
)
def test_what_cannot_be_probed_is_not_compared(profile, text, state):
    assert check(ProbeSetup(profile), attrs.evolve(Case(assemble(text, CODE)), **state)) is Agreement.NOT_COMPARED


@pytest.mark.parametrize("item", FINDINGS, ids=lambda item: item.name)
def test_what_is_known_of_a_kernel_has_its_name(item):
    for kernel in item.kernels:
        assert check(ProbeSetup(kernel), item.case).reason.startswith(f"{item.name}: ")


def test_both_outcomes_are_told():
    verdict = check(ProbeSetup("v15"), Case(assemble("mrs x0, elr_el1")))
    assert verdict.ours == "executed in the slot: x0 is 0x40101000 (the slot) instead of 0x0"
    assert verdict.theirs == "x0=0x0"


def test_what_raises_is_a_finding_and_the_next_case_finds_new_machines(monkeypatch):
    def fail(_law, _case):
        raise IndexError("x")

    case = Case(assemble("add x0, x0, #1"))
    with ProbeSetup().opened() as target:
        with monkeypatch.context() as patched:
            patched.setattr(fuzzing.Law, "check", fail)
            (verdict,) = target.check([case])
        assert (verdict.kind, verdict.place, verdict.ours) == (
            "raises",
            "ADD (immediate)",
            "IndexError('x')",
        )
        assert target.check([case]) == [Agreement.SAME]


# --- campaigns


@pytest.mark.parametrize("profile", ["strict", "v7.2"])
def test_nothing_is_found_that_is_not_known(profile):
    report = run(ProbeSetup(profile), 250)
    assert report.findings == report.unexplained == ()
    assert report.examples == 250 > report.not_compared > 0
    assert bool(report.known) is (profile != "strict")


def planted(verdict, words, kernel=STRICT):
    """A profile with a rule that is wrong."""
    rules = kernel.decode
    clause = Clause(verdict, Rule("planted", "nobody knows why", "nobody"), (words,))
    return attrs.evolve(kernel, decode=attrs.evolve(rules, clauses=(clause, *rules.clauses)))


def test_what_is_wrong_is_found_and_made_small(monkeypatch):
    monkeypatch.setattr(fuzzing, "IMPLEMENTED", [item for item in IMPLEMENTED if item.title in ("BL", "CLZ")])
    report = run(ProbeSetup(given=planted(Verdict.SLOT, BL)), 30)
    kinds = {"astray": "bl 0x40040000", "new-exception": "bl 0x40040008", "result": "bl 0x40040004"}
    assert report.findings
    for finding in report.findings:
        divergence = finding.divergence
        assert (divergence.place, divergence.reason) == ("BL", "")
        assert finding.case == {"word": finding.case["word"], "text": kinds[divergence.kind]}
        assert finding.setup == {"profile": "strict"}


# --- setups and cases


def test_a_setup_as_json_and_in_a_pickle():
    setup = ProbeSetup("v4.8")
    assert ProbeSetup.from_json(json.loads(json.dumps(setup.to_json()))) == setup
    assert pickle.loads(pickle.dumps(setup)) == setup  # noqa: S301  (our own, as workers get it)
    assert ProbeSetup(given=V4_8).to_json() == setup.to_json()
    with pytest.raises(ValueError, match=r"there is no profile 'v9': there are v15, v4\.8, v5\.10, v7\.2, strict"):
        ProbeSetup.from_json({"profile": "v9"})


drawn_cases = st.builds(
    lambda definition, seed: draw_case(random.Random(seed), definition), st.sampled_from(IMPLEMENTED), st.integers(0)
)


@settings(max_examples=FEW)
@given(drawn_cases)
def test_steps_are_simpler_and_keep_the_definition(case):
    definition = decode(case.word).definition
    for simpler in simpler_cases(case):
        assert complexity(simpler) < complexity(case)
        assert decode(simpler.word).definition is definition


def test_draws_depend_on_the_generator_alone():
    with ProbeSetup().opened() as target:
        one, other = random.Random(5), random.Random(5)
        drawn = [target.draw(one) for _ in range(50)]
        assert drawn == [target.draw(other) for _ in range(50)]
        assert all(target.words(case) == (case.word,) for case in drawn)
        assert [target.from_json(json.loads(json.dumps(target.to_json(case)))) for case in drawn] == drawn
        plain = Case(assemble("nop"))
        assert target.lines(plain) == ("d503201f  nop", "with nothing set in its state")


@pytest.mark.parametrize(
    ("text", "is_drawn"),
    [
        (f"b.ne {VECTORS:#x}", False),
        (f"bl {VECTORS + 0xFFC:#x}", False),
        (f"cbz x0, {VECTORS + 0x1000:#x}", True),
        (f"ldr x0, {VECTORS:#x}", True),
        (f"ldr x0, {CODE:#x}", False),
        ("mrs x0, cntpct_el0", False),
    ],
)
def test_what_cannot_be_compared_is_not_drawn(text, is_drawn):
    """A branch to the vectors would be taken for an exception."""
    decoded = decode(assemble(text, CODE))
    assert is_comparable(decoded.definition, decoded.fields) is is_drawn
