"""Programs with probes, fuzzed: what ends otherwise, what is known, programs as JSON and made smaller."""

import json
import random

import attrs
import pytest

from aarch64.fuzz.campaign import Budget, Campaign
from aarch64.fuzz.target import Agreement
from aarch64.sampling import ProgramOptions
from kprobes import STRICT, V4_8
from kprobes.audit import programs
from kprobes.audit.programs import MARK, Probed, ProgramSetup
from kprobes.linux_rules import ADR, EXCLUSIVE
from kprobes.rules import Clause, Rule, Verdict

BODIES = {
    "adds": ["nop", "add x0, x0, #1"],
    "calls": ["bl f", "b done", "f: add x1, x1, #1", "ret"],
    "locks": ["adr x19, done", "ldxr w1, [x19]", "stxr w26, w1, [x19]"],
    "jumps": ["adr x1, done", "br x1"],
    "loops": ["mov x1, #3", "again: sub x1, x1, #1", "cbnz x1, again"],
    "goes on": ["b ."],
    "is none": ["adds up"],
}


def program(name, *marked, budget=40):
    """A program of this body, the instructions with these numbers being probed."""
    lines = [f" {line}" if ":" not in line else line for line in BODIES[name]]
    text = "\n".join(["_start:", *lines, "done:", " hvc #0"])
    return Probed(text, budget).with_marks(number + 1 for number in marked)


def wrong(words, kernel=STRICT):
    """A profile that accepts some words."""
    rules = kernel.decode
    clause = Clause(Verdict.SLOT, Rule("planted", "nobody knows why", "nobody"), (words,))
    return attrs.evolve(kernel, decode=attrs.evolve(rules, clauses=(clause, *rules.clauses)))


def check(case, profile=STRICT):
    with ProgramSetup(given=profile).opened() as target:
        (verdict,) = target.check([case])
    return verdict


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (program("adds", 0, 1), Agreement.SAME),
        (program("calls", 0, 2, 3), Agreement.SAME),
        (program("loops", 2), Agreement.SAME),
        (program("locks", 0), Agreement.SAME),
        (program("locks", 1, 2), Agreement.NOT_COMPARED),
        (program("goes on", 0), Agreement.NOT_COMPARED),
        (program("adds"), Agreement.NOT_COMPARED),
        (program("is none", 0), Agreement.NOT_COMPARED),
        (Probed(f"_start:\n nop{MARK}\n", 10), Agreement.NOT_COMPARED),
    ],
    ids=["two probes", "a call", "a loop", "before a lock", "refused", "no end", "no probe",
         "no program", "nowhere to end"],
)  # fmt: skip
def test_what_is_said_of_a_program(case, verdict):
    assert check(case) is verdict


def test_an_interrupted_sequence_ends_otherwise():
    verdict = check(program("locks", 0, 1, 2), wrong(EXCLUSIVE))
    assert (verdict.kind, verdict.place) == ("end", "LDXR")
    assert (verdict.ours, verdict.theirs) == ("x26=0x1", "x26=0x0")


def test_what_several_probes_do_is_told_of_the_one_that_does_it():
    verdict = check(program("jumps", 0, 1), wrong(ADR))
    assert verdict.place == "ADR"


def test_what_an_instruction_is_known_for_has_its_name():
    verdict = check(program("jumps", 1), V4_8)
    assert (verdict.kind, verdict.place) == ("end", "BR")
    assert verdict.reason.startswith("simulated-jump-sets-no-btype: ")
    assert verdict.ours == "PSTATE.btype=0x0"


def test_a_program_that_never_ends_with_probes(monkeypatch):
    monkeypatch.setattr(programs, "_SLOWER", 1)
    verdict = check(program("adds", 1, budget=2))
    assert (verdict.kind, verdict.ours, verdict.theirs) == ("endless", "no end in 2 cycles", "2 cycles")


def test_what_raises_is_a_finding(monkeypatch):
    def fail(_probe, _regs):
        raise IndexError("x")

    register = programs._registered

    def failing(kprobes, address):
        probe = register(kprobes, address)
        probe.pre_handler = fail
        return probe

    monkeypatch.setattr(programs, "_registered", failing)
    assert check(program("adds", 1)).kind == "raises"


@pytest.mark.parametrize("profile", ["strict", "v5.10"])
def test_nothing_is_found_that_is_not_known(profile):
    report = Campaign(ProgramSetup(profile), 1, Budget(20)).run()
    assert report.unexplained == ()
    assert report.examples == 20 > report.not_compared


def test_what_is_drawn():
    with ProgramSetup().opened() as target, ProgramSetup("v15").opened() as calm:
        drawn = [target.draw(random.Random(seed)) for seed in range(30)]
        assert target.options == ProgramOptions(with_faults=True)
        assert calm.options == ProgramOptions()
        for case in drawn:
            assert 1 <= len(case.marked) <= 4
            assert all(case.lines[index].startswith("        ") for index in case.marked)
            assert len(target.words(case)) == len(case.marked)
            assert target.from_json(json.loads(json.dumps(target.to_json(case)))) == case
            assert target.lines(case) == tuple(case.lines)
        assert drawn == [target.draw(random.Random(seed)) for seed in range(30)]


def test_no_handler_of_exceptions_is_probed():
    with ProgramSetup().opened() as target:
        drawn = [target.draw(random.Random(seed)) for seed in range(60)]
    with_handler = [case for case in drawn if "vectors:" in case.lines]
    assert with_handler
    assert all(max(case.marked) < case.lines.index("vectors:") for case in with_handler)


def test_steps_are_simpler_and_keep_what_is_probed():
    case = program("calls", 0, 3)
    with ProgramSetup().opened() as target:
        steps = list(target.simpler(case))
    assert all((len(step.lines), len(step.marked)) < (len(case.lines), 2) for step in steps)
    assert {step.marked for step in steps if len(step.marked) == 1} == {(1,), (4,)}
    probed = {line for line in case.lines if line.endswith(MARK)}
    assert all(probed <= set(step.lines) for step in steps if len(step.marked) == 2)


@pytest.mark.parametrize(
    "data", [{}, {"program": 1, "budget": 1}, {"program": "nop", "budget": "1"}, {"program": "nop", "budget": 1 << 40}]
)
def test_what_is_no_program(data):
    with ProgramSetup().opened() as target, pytest.raises((KeyError, TypeError, ValueError)):
        target.from_json(data)
