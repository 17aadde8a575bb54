"""Programs assemble from what they print, run by themselves, and end in the time they are given."""

import random
import re

import pytest

from aarch64 import Machine
from aarch64.isa.selection import NothingSelected
from aarch64.isa.table import decode
from aarch64.sampling import ProgramOptions, draw_program
from aarch64.stop import StopReason
from aarch64.strategies import programs

OPTIONS = {
    "any": ProgramOptions(),
    "with faults": ProgramOptions(with_faults=True),
    "long": ProgramOptions(length=40, with_faults=True),
    "of a group": ProgramOptions(group="Bitfield move"),
    "of a feature": ProgramOptions(feature="LSE"),
    "of the base": ProgramOptions(available=frozenset()),
    "straight": ProgramOptions(with_loops=False, with_calls=False),
}
PROGRAMS = 8


def run(program, *, exact=False):
    machine = Machine(ram=1 << 20, exact=exact)
    machine.load(program.image())
    return machine, machine.run(max_cycles=program.budget)


def drawn(options):
    return [draw_program(random.Random(number), options) for number in range(PROGRAMS)]


@pytest.mark.parametrize("name", OPTIONS)
def test_programs_end_within_their_budget(name):
    options = OPTIONS[name]
    exceptions = 0
    for program in drawn(options):
        machine, stop = run(program)
        assert (stop.reason, stop.status) == (StopReason.EXIT, 0), program
        exceptions += machine.cpu.sysregs["ESR_EL1"] != 0
    assert (exceptions > PROGRAMS // 3) == options.with_faults


@pytest.mark.parametrize("options", [ProgramOptions(terminating=False), ProgramOptions(terminating=False, length=3)])
def test_a_program_that_does_not_end_is_stopped_by_its_budget(options):
    for program in drawn(options):
        machine, stop = run(program)
        assert stop.reason is StopReason.MAX_CYCLES
        assert machine.cpu.cycles == program.budget


def instructions(program):
    image = program.image()
    for segment in image.segments:
        for offset in range(0, len(segment.data) - 3, 4):
            if image.is_code(segment.address + offset):
                yield decode(int.from_bytes(segment.data[offset : offset + 4], "little"))


def test_no_instruction_needs_a_feature_that_is_not_available():
    found = [item.definition for program in drawn(OPTIONS["of the base"]) for item in instructions(program) if item]
    assert len(found) > 10 * PROGRAMS
    assert {item.feature for item in found} == {None}


def test_the_instructions_of_a_group_are_there():
    found = [
        item.definition.group for program in drawn(OPTIONS["of a group"]) for item in instructions(program) if item
    ]
    assert found.count("Bitfield move") > 2 * PROGRAMS


@pytest.mark.parametrize(
    ("options", "absent", "present"),
    [
        (ProgramOptions(with_loops=False), r"mov x1[0-4], ", r"\bbl f"),
        (ProgramOptions(with_calls=False), r"\b(bl|blr|br) ", r"mov x1[0-4], "),
        (ProgramOptions(), r"\b(svc|brk|udf) |x22|x25|vectors", r"\bbl f"),
        (ProgramOptions(with_faults=True), r"\bx20\b", r"\b(svc|brk|udf) #"),
    ],
    ids=["no loops", "no calls", "no faults", "faults"],
)
def test_an_option_leaves_out_what_it_says(options, absent, present):
    text = "\n".join(program.text for program in drawn(options))
    assert not re.search(absent, text)
    assert re.search(present, text)


def test_the_same_seed_makes_the_same_program():
    assert draw_program(random.Random(3)) == draw_program(random.Random(3)) != draw_program(random.Random(4))


def test_instructions_that_programs_cannot_consist_of():
    with pytest.raises(NothingSelected, match="group 'Branches', feature None: every instruction branches"):
        programs(ProgramOptions(group="Branches"))
