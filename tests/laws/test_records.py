"""Every definition can be recorded, and what is recorded is what is executed."""

import random

import pytest

from aarch64.fuzz.emulators.ours import execute
from aarch64.isa.branch import direct_target
from aarch64.isa.definition import Definition, Trait
from aarch64.sampling import IMPLEMENTED, draw_state, samples
from tests.laws.machines import RAM, draw_addressed_state, make_cpu, outcome, set_state
from tests.laws.symbolic import ContractBroken, Value, record, replay

FIELD_SAMPLES = 24
STATES = 3

STEPPED = Trait.RAISES | Trait.WRITES_SYSREG | Trait.WAITS
"""What ends a straight run of instructions and is executed by itself: it changes what other instructions mean."""

RECORDED = [definition for definition in IMPLEMENTED if not definition.traits & STEPPED]
MEMORY = Trait.LOADS | Trait.STORES


def identify(definition: Definition) -> str:
    return f"{definition.title} {definition.pattern.text}"


@pytest.mark.parametrize("definition", RECORDED, ids=identify)
def test_recording_does_what_executing_does(definition: Definition) -> None:
    rng = random.Random(definition.pattern.text)
    draw = draw_addressed_state if definition.traits & MEMORY else draw_state
    recorded, executed = make_cpu(random.Random(0)), make_cpu(random.Random(0))
    for fields in samples(definition, FIELD_SAMPLES):
        for state in [draw(rng) for _ in range(STATES)]:
            set_state(recorded, state)
            set_state(executed, state)
            recording = record(definition, fields, recorded)
            expected = outcome(executed, lambda fields=fields: execute(definition, fields, executed))
            actual = outcome(recorded, lambda recording=recording: replay(recording, recorded))
            assert expected == actual, (fields, state)


@pytest.mark.parametrize("definition", RECORDED, ids=identify)
def test_values_at_rest_are_masked_to_their_width(definition: Definition) -> None:
    rng = random.Random(definition.pattern.text)
    draw = draw_addressed_state if definition.traits & MEMORY else draw_state
    cpu = make_cpu(rng)
    for fields in samples(definition, FIELD_SAMPLES):
        set_state(cpu, draw(rng))
        left = outcome(cpu, lambda fields=fields: execute(definition, fields, cpu))
        assert all(0 <= value < 1 << 64 for value in [*left["x"], *left["sp"], left["next_pc"]]), fields
        assert all(flag in (0, 1) for flag in cpu.flags), fields
        assert left["zr"] == 0, fields


# --- the recorder itself refuses what it must


def semantics_that_tests_a_register(cpu, rd):
    cpu.set_x(rd, 1 if cpu.x(rd) == 0 else 2)


def semantics_that_indexes_by_a_register(cpu, rd):
    cpu.set_x(rd, (1, 2)[cpu.x(rd)])


def semantics_that_reads_after_writing(cpu, rd):
    cpu.set_x(rd, 0)
    cpu.set_x(rd, cpu.x(0))


def semantics_that_writes_before_a_store(cpu, rd):
    address = cpu.base(rd)
    cpu.set_xsp(rd, address + 8)
    cpu.store(address, 8, 0)


def semantics_that_stores_twice(cpu, rd):
    address = cpu.base(rd)
    cpu.store(address, 8, 0)
    cpu.store(address + 8, 8, 0)


def semantics_that_faults_late(cpu, rd):
    cpu.set_x(rd, 0)
    cpu.undefined()


def semantics_that_writes_after_a_branch(cpu, rd):
    cpu.branch(0)
    cpu.set_x(rd, 0)


def semantics_that_goes_round_the_vocabulary(cpu, rd):
    cpu.gpr[rd] = 0


def semantics_that_reads_a_flag_from_pstate(cpu, rd):
    cpu.set_x(rd, cpu.pstate.nzcv)


@pytest.mark.parametrize(
    ("semantics", "message"),
    [
        (semantics_that_tests_a_register, "data-dependent if"),
        (semantics_that_indexes_by_a_register, "data-dependent if"),
        (semantics_that_reads_after_writing, "x() after set_x(): READ comes earlier"),
        (semantics_that_writes_before_a_store, "store() after set_xsp(): MEMORY comes earlier"),
        (semantics_that_stores_twice, "store() after store(): one access an instruction"),
        (semantics_that_faults_late, "an exception after an effect"),
        (semantics_that_writes_after_a_branch, "set_x() after branch(): WRITE comes earlier"),
        (semantics_that_goes_round_the_vocabulary, "cpu.gpr used directly; use x() and set_x()"),
        (semantics_that_reads_a_flag_from_pstate, "pstate.nzcv: read flags, and write them by set_flags()"),
    ],
)
def test_recorder_refuses(semantics, message) -> None:
    definition = Definition("Broken", "Tests", IMPLEMENTED[0].pattern, semantics=semantics)
    with pytest.raises(ContractBroken) as caught:
        record(definition, {"rd": 3}, make_cpu(random.Random(0)))
    assert message in str(caught.value)


@pytest.mark.parametrize("look", [bool, int, float, list, len, [0].__getitem__], ids=lambda look: look.__name__)
def test_value_refuses_to_be_looked_at(look) -> None:
    with pytest.raises(ContractBroken, match="data-dependent"):
        look(Value())


# --- traits say what was seen

METHODS = {
    Trait.LOADS: {"load", "load_pair", "load_exclusive", "atomic", "compare_and_swap"},
    Trait.STORES: {"store", "store_pair", "store_exclusive", "atomic", "compare_and_swap"},
    Trait.BRANCHES: {"branch", "branch_indirect"},
    Trait.LOAD_EXCLUSIVE: {"load_exclusive"},
    Trait.STORE_EXCLUSIVE: {"store_exclusive"},
    Trait.ATOMIC: {"atomic", "compare_and_swap"},
    Trait.CLEARS_EXCLUSIVE: {"clear_exclusive"},
}


@pytest.mark.parametrize("definition", RECORDED, ids=identify)
def test_traits_are_what_is_recorded(definition: Definition) -> None:
    cpu = make_cpu(random.Random(0))
    set_state(cpu, draw_addressed_state(random.Random(0)))
    used = set()
    for fields in samples(definition, FIELD_SAMPLES):
        used |= {effect.method for effect in record(definition, fields, cpu).effects}
    for trait, methods in METHODS.items():
        assert bool(definition.traits & trait) == bool(used & methods), f"{trait}: {sorted(used)}"


@pytest.mark.parametrize("definition", RECORDED, ids=identify)
def test_pc_relative_is_what_depends_on_the_address(definition: Definition) -> None:
    """Registers and memory only: every branch and every link depends on the address by its nature."""
    rng = random.Random(0)
    differs = False
    here, there = make_cpu(random.Random(0)), make_cpu(random.Random(0))
    for fields in samples(definition, FIELD_SAMPLES):
        state = draw_addressed_state(rng)
        left = []
        for cpu, pc in ((here, RAM + 0x1000), (there, RAM + 0x3000)):
            set_state(cpu, state, pc)
            left.append(outcome(cpu, lambda fields=fields, cpu=cpu: execute(definition, fields, cpu)))
            left[-1]["next_pc"] -= pc
        differs |= left[0] != left[1]
    if not definition.traits & (Trait.BRANCHES | Trait.PREFETCHES):  # a prefetch leaves nothing to see
        assert differs == bool(definition.traits & Trait.PC_RELATIVE)


BRANCHING = [item for item in RECORDED if item.traits & Trait.BRANCHES]


def branches_of(definition: Definition) -> list[tuple[object, bool]]:
    """(target, whether X30 is written) of what is recorded for many field values."""
    cpu = make_cpu(random.Random(0))
    set_state(cpu, draw_addressed_state(random.Random(0)))
    found = []
    for fields in samples(definition, FIELD_SAMPLES):
        effects = record(definition, fields, cpu).effects
        target = next(effect.args[0] for effect in effects if effect.method.startswith("branch"))
        found.append((target, any(effect.method == "set_x" and effect.args[0] == 30 for effect in effects)))
    return found


@pytest.mark.parametrize("definition", BRANCHING, ids=identify)
def test_a_conditional_branch_is_one_whose_target_is_decided_when_it_runs(definition: Definition) -> None:
    known = all(isinstance(target, int) for target, _ in branches_of(definition))
    if definition.traits & Trait.PC_RELATIVE:
        assert known != bool(definition.traits & Trait.CONDITIONAL)
    else:
        assert not known
        assert not definition.traits & Trait.CONDITIONAL


@pytest.mark.parametrize("definition", BRANCHING, ids=identify)
def test_a_call_is_a_branch_that_writes_the_link_register(definition: Definition) -> None:
    assert {links for _, links in branches_of(definition)} == {bool(definition.traits & Trait.CALLS)}


@pytest.mark.parametrize("definition", BRANCHING, ids=identify)
def test_the_target_of_a_direct_branch_is_where_it_branches_to(definition: Definition) -> None:
    rng = random.Random(definition.pattern.text)
    cpu = make_cpu(random.Random(0))
    taken = 0
    for fields in samples(definition, FIELD_SAMPLES):
        set_state(cpu, draw_addressed_state(rng))
        target = direct_target(fields, cpu.pc)
        assert (target is not None) == bool(definition.traits & Trait.PC_RELATIVE)
        if target is None:
            continue
        execute(definition, fields, cpu)
        assert cpu.next_pc in (target, cpu.pc + 4)
        taken += cpu.next_pc == target
    assert bool(taken) == bool(definition.traits & Trait.PC_RELATIVE)


# --- what is executed by itself

LOOKS_AT_DATA = {
    "DC": "which of its operations writes memory, and where, is decided when it runs",
    "WFET": "whether the time is over is known when it runs",
    "WFIT": "whether the time is over is known when it runs",
}


@pytest.mark.parametrize("definition", [item for item in IMPLEMENTED if item.traits & STEPPED], ids=identify)
def test_stepped_definitions_keep_the_contract_but_for_those_listed(definition: Definition) -> None:
    cpu = make_cpu(random.Random(0))
    set_state(cpu, draw_state(random.Random(0)))
    broken = set()
    for fields in samples(definition, FIELD_SAMPLES):
        try:
            record(definition, fields, cpu)
        except ContractBroken as problem:
            broken.add(str(problem))
    assert broken == ({"data-dependent if; use select()"} if definition.title in LOOKS_AT_DATA else set())
