"""Fuzzing emulators: what is wrong is found, made small, and told as far as it differs."""

import random

import attrs
import pytest
from hypothesis import given, settings

from aarch64.debug import software_step
from aarch64.fuzz.campaign import Budget, Campaign
from aarch64.fuzz.emulators import ours
from aarch64.fuzz.emulators.ours import Semantics
from aarch64.fuzz.emulators.situation import CODE, DATA
from aarch64.fuzz.execute import ExecuteCase, ExecuteSetup, Tier
from aarch64.fuzz.oracles import OracleError
from aarch64.fuzz.states import simpler_states, state_from_json, state_to_json
from aarch64.fuzz.target import Agreement
from aarch64.isa.table import assemble
from aarch64.sampling import state
from aarch64.strategies import states
from tests.fuzz.wrong import WrongEmulator

FEW = 20
"""States, each of which has hundreds of simpler ones."""


def check(text, before, make):
    with ExecuteSetup(make=make).opened() as target:
        (verdict,) = target.check([ExecuteCase(assemble(text), before)])
    return verdict


class Emulator(Semantics):
    """Ours, with something done to what it leaves."""

    def __init__(self, change, memory=None):
        super().__init__()
        self.change = change
        self.memory = memory

    def execute(self, word, before, _end):
        outcome = self.change(super().execute(word, before))
        if self.memory:
            self.write(*self.memory)
        return outcome


def change(**values):
    return lambda: Emulator(lambda outcome: attrs.evolve(outcome, **values))


BASE = state(x1=DATA + 64, x2=5, sp=DATA + 0x100)


@pytest.mark.parametrize(
    ("text", "make", "kind", "ours", "theirs"),
    [
        ("add x0, x2, #1", change(raised=True), "exception", "x0=0x6 pc=0x50000004", "exception"),
        ("b #8", change(pc=CODE + 4), "pc", "pc=0x50000008", "pc=0x50000004"),
        ("add x0, x2, #1", change(sp=0), "registers", "sp=0x50080100", "sp=0x0"),
        ("cmp x2, #5", change(nzcv=0), "flags", "nzcv=0110", "nzcv=0000"),
        (
            "str x2, [x1]",
            lambda: Emulator(lambda outcome: outcome, (DATA + 64, b"\7")),
            "memory",
            f"[{DATA + 64:#x}]=05",
            f"[{DATA + 64:#x}]=07",
        ),
        ("udf #0", change(raised=False, x=BASE.x, sp=BASE.sp, pc=CODE), "exception", "exception", ""),
    ],
    ids=["exception", "pc", "registers", "flags", "memory", "no exception"],
)
def test_what_differs(text, make, kind, ours, theirs):
    verdict = check(text, BASE, make)
    assert verdict.kind == kind
    assert verdict.ours.startswith(ours)
    assert verdict.theirs.startswith(theirs)


def test_no_case_changes_memory_for_the_next_one():
    with ExecuteSetup(make=change()).opened() as target:
        store, load = (ExecuteCase(assemble(text), BASE) for text in ("str x2, [x1]", "ldr x0, [x1]"))
        assert target.check([load, store, load]) == [Agreement.SAME] * 3
        before = target.pair.ours.execute(load.word, BASE)
        target.check([store])
        assert target.pair.ours.execute(load.word, BASE) == before


@pytest.mark.parametrize("text", ["mrs x0, nzcv", "wfi", "eret"])
def test_system_instructions_are_not_compared(text):
    assert check(text, BASE, change(x=())) is Agreement.NOT_COMPARED


class Failing(Semantics):
    """Ours, but for what it does when it is to store."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def execute(self, word, before, _end):
        outcome = super().execute(word, before)
        return self.what(outcome) if word == assemble("str x2, [x1]") else outcome


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize(
    ("what", "kind", "theirs"),
    [
        (raising(IndexError("x")), "crash", "IndexError('x')"),
        (raising(SystemExit(3)), "crash", "SystemExit(3)"),
        (lambda _: None, "no answer", "None is no outcome"),
        (lambda outcome: attrs.evolve(outcome, x=outcome.x[1:]), "no answer", "Outcome(raised=False,"),
        (lambda outcome: attrs.evolve(outcome, pc=None), "no answer", "Outcome(raised=False,"),
    ],
    ids=["raises", "exits", "nothing", "too few registers", "no PC"],
)
def test_an_emulator_that_fails_over_an_instruction(what, kind, theirs):
    store, load = (ExecuteCase(assemble(text), BASE) for text in ("str x2, [x1]", "ldr x0, [x1]"))
    with ExecuteSetup(make=lambda: Failing(what)).opened() as target:
        failed, same = target.check([store, load])
    assert (failed.kind, failed.place) == (kind, "STR (immediate)")
    assert (failed.ours, failed.theirs[: len(theirs)]) == ("pc=0x50000004", theirs)
    assert same is Agreement.SAME, "what the store has done to memory is undone on both sides"


def test_an_emulator_that_executes_nothing():
    with pytest.raises(OracleError, match=r"^Emulator: IndexError\('x'\) \(nor does it execute d503201f\)$"):
        check("nop", BASE, lambda: Emulator(raising(IndexError("x"))))


def test_what_ours_raises_is_a_finding(monkeypatch):
    monkeypatch.setattr(ours, "execute", raising(IndexError("x")))
    verdict = check("nop", BASE, WrongEmulator)
    assert (verdict.kind, verdict.ours) == ("raises", "IndexError('x')")


def test_what_is_wrong_is_found_and_made_small():
    report = Campaign(ExecuteSetup(make=WrongEmulator), seed=1, budget=Budget(2000)).run()
    assert [(item.divergence.kind, item.divergence.place) for item in report.findings] == [
        ("flags", "CCMP (immediate): ccmp"),
        ("registers", "UMULH: umulh"),
    ]
    flags, registers = report.findings
    assert flags.lines[0] == "7a400800  ccmp w0, #0, #0, eq"
    assert registers.lines[0] == "9bc07c00  umulh x0, x0, x0"
    assert [finding.case["state"].keys() for finding in report.findings] == [{"x0", "sp", "nzcv"}] * 2


@pytest.mark.parametrize("tier", Tier)
def test_ours_is_like_unicorn(tier):
    report = Campaign(ExecuteSetup(tier=tier), seed=1, budget=Budget(500)).run()
    assert report.findings == ()
    assert report.examples == 500
    assert report.known


@pytest.mark.parametrize(
    ("text", "is_behind", "told"),
    [
        ("add x0, x0, #1", False, "ESR_EL1=0xce000022 ELR_EL1=0x50000000 SPSR_EL1.SS=0"),
        ("add x0, x0, #1", True, "ESR_EL1=0xcf000022 ELR_EL1=0x50000004 SPSR_EL1.SS=0"),
        ("ldxr x0, [x1]", True, "ESR_EL1=0xcf000062 ELR_EL1=0x50000004 SPSR_EL1.SS=0"),
        ("b #16", True, "ESR_EL1=0xcf000022 ELR_EL1=0x50000010 SPSR_EL1.SS=0"),
    ],
    ids=["before it", "behind it", "a load-exclusive", "a branch"],
)
def test_what_a_step_exception_has_to_tell(monkeypatch, text, is_behind, told):
    """Where none is taken, be it before the instruction or behind it, that is the finding, or what comes instead."""
    check_step, right = software_step.check, ExecuteSetup(tier=Tier.STEPPED)
    case = ExecuteCase(assemble(text), BASE)
    with right.opened() as target:
        assert target.check([case]) == [Agreement.SAME]
        is_right = iter((is_behind, False, False))
        monkeypatch.setattr(software_step, "check", lambda cpu: check_step(cpu) if next(is_right) else None)
        (verdict,) = target.check([case])
    assert (verdict.kind, verdict.theirs) == ("step exception", told)
    assert not verdict.ours.startswith("ESR_EL1=0xc")


@settings(max_examples=FEW)
@given(states())
def test_states_as_json(before):
    assert state_from_json(state_to_json(before)) == before


@settings(max_examples=FEW)
@given(states())
def test_simpler_states_hold_less(before):
    for simpler in simpler_states(before, {1, 2}):
        assert simpler != before
        now, then = (*simpler.x, simpler.sp, simpler.nzcv), (*before.x, before.sp, before.nzcv)
        assert all(a <= b for a, b in zip(now, then, strict=True))


@pytest.mark.parametrize("change", [{"x0": "0x10000000000000000"}, {"sp": "-0x1"}, {"nzcv": "10000"}])
def test_what_is_no_state(change):
    with pytest.raises(ValueError, match="64 bits"):
        state_from_json({"sp": "0x0", "nzcv": "0000"} | change)


def test_draws_depend_on_the_generator_alone():
    with ExecuteSetup(make=change()).opened() as target:
        one, other = random.Random(5), random.Random(5)
        assert [target.draw(one) for _ in range(50)] == [target.draw(other) for _ in range(50)]


def test_unicorn_may_be_absent(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "unicorn", None)
    with pytest.raises(OracleError, match=r"pip install 'aarch64-kprobes\[oracles\]'"), ExecuteSetup().opened():
        pass
