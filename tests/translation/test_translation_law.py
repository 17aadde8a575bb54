"""The law: through whatever tables, the machine reaches what the oracle says, or faults as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import given
from hypothesis import strategies as st

from aarch64.access import Access as Path
from aarch64.access import fetch
from aarch64.bits import mask
from aarch64.cpu import Cpu
from aarch64.exceptions import ArchException, ExceptionClass
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.memory import Memory
from tests.isa.running import execute
from tests.translation.oracle import ADDRESS_TRANSLATION, MAINTENANCE, WRITES, Access, Failure, Kind, Setup, translate
from tests.translation.tables import (
    HCR_TGE,
    RAM,
    RAM_SIZE,
    Tables,
    addresses_of,
    chance,
    feature_sets,
    permissions,
    tables,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.translation.oracle import Output

OWN_ADDRESSES = b"".join(address.to_bytes(8, "little") for address in range(RAM, RAM + RAM_SIZE, 8))
"""RAM in which each doubleword is its own address, which is no valid descriptor: what is read says where it was."""
STORED = 0x5A5A_5A5A_5A5A_5A58
PAGE = 0x1000
ZERO_BLOCK = 64

EXTERNAL = 0x10
WNR, CACHE_MAINTENANCE = 1 << 6, 1 << 8

INSTRUCTIONS = {
    Kind.ZERO: ("dc zva, x0",),
    Kind.INVALIDATE: ("dc ivac, x0",),
    Kind.CLEAN: ("dc cvac, x0", "dc civac, x0", "dc cvau, x0", "dc cvap, x0"),
    Kind.IC: ("ic ivau, x0",),
}
QUESTIONS = {
    0: {Kind.AT_READ: ("s1e0r", "s12e0r"), Kind.AT_WRITE: ("s1e0w", "s12e0w")},
    1: {
        Kind.AT_READ: ("s1e1r", "s12e1r"),
        Kind.AT_WRITE: ("s1e1w", "s12e1w"),
        Kind.AT_READ_PAN: ("s1e1rp",),
        Kind.AT_WRITE_PAN: ("s1e1wp",),
    },
    2: {Kind.AT_READ: ("s1e2r",), Kind.AT_WRITE: ("s1e2w",)},
    3: {Kind.AT_READ: ("s1e3r",), Kind.AT_WRITE: ("s1e3w",)},
}
"""The AT operations of each level, by what they ask."""


def _missing(features: frozenset[Feature]) -> str:
    names = " ".join(sorted(feature.name for feature in DEFAULT_FEATURES - features))
    return f"<all without {names}>" if names else "<all>"


@attrs.frozen
class Machine:
    """A CPU to make: tables, features, the exception level, PSTATE."""

    built: Tables
    features: frozenset[Feature] = attrs.field(repr=_missing)
    el: int
    pan: int = 0
    uao: int = 0

    def cpu(self) -> Cpu:
        memory = Memory(RAM, RAM_SIZE)
        memory.write_bytes(RAM, OWN_ADDRESSES)
        for address, descriptor in self.built.descriptors.items():
            memory.write(address, 8, descriptor)
        cpu = Cpu(memory, self.features, max_el=3, el=self.el)
        cpu.sysregs |= self.built.registers
        cpu.pstate.pan, cpu.pstate.uao = self.pan, self.uao
        cpu.context_changed()
        return cpu

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


@attrs.frozen
class Step:
    """One access to make: of 8 bytes, of 4 by a fetch."""

    kind: Kind
    address: int = attrs.field(repr=hex)
    is_unprivileged: bool = False
    instruction: str = ""

    @property
    def is_aligned(self) -> bool:
        return self.address % 8 == 0

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


def features_and_levels(built: Tables, *levels: int) -> st.SearchStrategy[Machine]:
    pstate = st.integers(0, 1)
    return st.builds(Machine, st.just(built), feature_sets(), st.sampled_from(levels), pstate, pstate)


def levels_of(built: Tables) -> tuple[int, ...]:
    """The levels whose accesses go through the tables."""
    if built.regime > 1:
        return (built.regime,)
    return (0,) if built.registers["HCR_EL2"] & HCR_TGE else (1, 0)


@st.composite
def machines(draw: st.DrawFn, *, is_consistent: bool = False) -> Machine:
    """A machine at a level whose accesses the tables translate; not at EL1 with HCR_EL2.TGE, where it cannot be."""
    built = draw(tables(is_consistent=is_consistent))
    return draw(features_and_levels(built, *levels_of(built)))


@st.composite
def steps_on(draw: st.DrawFn, machine: Machine) -> Step:
    """An access of any kind that instructions at the machine's level can make."""
    kinds = [Kind.READ, Kind.WRITE, Kind.FETCH, Kind.READ, Kind.WRITE, Kind.FETCH, Kind.ATOMIC]
    kinds += [Kind.ZERO, Kind.CLEAN, Kind.IC]
    if machine.el > 0:
        kinds.append(Kind.INVALIDATE)
    kind = draw(st.sampled_from(kinds))
    address = draw(addresses_of(machine.built))
    is_unprivileged = False
    if kind in (Kind.READ, Kind.WRITE):
        is_unprivileged = draw(chance(4))
        if address % PAGE <= PAGE - 16 and draw(chance(6)):
            address += draw(st.integers(1, 7))
    instruction = draw(st.sampled_from(INSTRUCTIONS[kind])) if kind in INSTRUCTIONS else ""
    return Step(kind, address, is_unprivileged, instruction)


# --- what is expected


def reader(memory: Memory) -> Callable[[int], int | None]:
    return lambda address: memory.read(address, 8) if memory.is_ram(address) else None


def level_of(machine: Machine, step: Step) -> int:
    """The level whose permissions an access has: LDTR and STTR at EL1 are as from EL0, unless PSTATE.UAO says no."""
    is_overridden = machine.uao and Feature.UAO in machine.features
    return 0 if step.is_unprivileged and machine.el == 1 and not is_overridden else machine.el


def ask_oracle(machine: Machine, cpu: Cpu, access: Access) -> Output | Failure:
    return translate(reader(cpu.memory), Setup(cpu.sysregs, machine.features, machine.pan), access)


def expect(machine: Machine, cpu: Cpu, step: Step) -> Output | Failure:
    return ask_oracle(machine, cpu, Access(step.address, step.kind, level_of(machine, step), step.is_aligned))


def syndrome(kind: Kind, failure: Failure) -> tuple[ExceptionClass, int]:
    """AArch64.FaultSyndrome: exception class and ISS."""
    if kind is Kind.FETCH:
        return ExceptionClass.INSTRUCTION_ABORT, failure.status
    maintenance = CACHE_MAINTENANCE if kind in MAINTENANCE | ADDRESS_TRANSLATION else 0
    return ExceptionClass.DATA_ABORT, failure.status | (WNR if failure.is_write else 0) | maintenance


def assert_aborted(exception: ArchException, kind: Kind, failure: Failure, address: int) -> None:
    ec, iss = syndrome(kind, failure)
    is_external = failure.status & 0x38 == EXTERNAL
    unknown = WNR if kind is Kind.ATOMIC and is_external else 0
    assert (ec, hex(iss & ~unknown)) == (exception.ec, hex(exception.iss & ~unknown))
    if kind is Kind.ZERO and failure.status == EXTERNAL:  # where in the block it is found is not said
        assert address // ZERO_BLOCK == exception.far // ZERO_BLOCK
    else:
        assert hex(address) == hex(exception.far)


class Content:
    """What RAM should hold."""

    def __init__(self, cpu: Cpu) -> None:
        self.memory = cpu.memory
        self.data = bytearray(cpu.memory.read_bytes(RAM, RAM_SIZE))

    def read(self, physical: int, size: int) -> int:
        return int.from_bytes(self.data[physical - RAM : physical - RAM + size], "little")

    def write(self, physical: int, size: int, value: int) -> None:
        self.data[physical - RAM : physical - RAM + size] = value.to_bytes(size, "little")

    def update(self, output: Output) -> None:
        for entry, descriptor in output.updates:
            self.write(entry, 8, descriptor)

    def verify(self) -> None:
        actual = self.memory.read_bytes(RAM, RAM_SIZE)
        if actual != self.data:
            entries = [RAM + at for at in range(0, RAM_SIZE, 8) if actual[at : at + 8] != self.data[at : at + 8]]
            expected = {hex(entry): hex(self.read(entry, 8)) for entry in entries}
            assert expected == {hex(entry): hex(self.memory.read(entry, 8)) for entry in entries}


# --- what happens


def perform(cpu: Cpu, step: Step) -> int | None:
    """Make an access; what was read, if anything."""
    path = Path.UNPRIVILEGED if step.is_unprivileged else Path.NORMAL
    if step.kind is Kind.READ:
        return cpu.load(step.address, 8, path)
    if step.kind is Kind.WRITE:
        return cpu.store(step.address, 8, STORED, path)
    if step.kind is Kind.ATOMIC:
        return cpu.atomic(step.address, 8, lambda _old: STORED)
    if step.kind is Kind.FETCH:
        return fetch(cpu, step.address)
    cpu.gpr[0] = step.address
    return execute(cpu, step.instruction)


def attempt(action: Callable[[], int | None]) -> int | ArchException | None:
    try:
        return action()
    except ArchException as exception:
        return exception


def check(machine: Machine, cpu: Cpu, step: Step) -> set[int]:
    """Make one access, and hold it against the oracle; the doublewords that the program has written."""
    expected = expect(machine, cpu, step)
    content = Content(cpu)
    actual = attempt(lambda: perform(cpu, step))
    if isinstance(expected, Failure):
        assert isinstance(actual, ArchException), (expected, actual)
        assert_aborted(actual, step.kind, expected, step.address)
        content.verify()
        return set()
    content.update(expected)
    if step.kind in MAINTENANCE:
        assert actual is None, (expected, actual)
        written = set()
    elif not RAM <= expected.physical < RAM + RAM_SIZE:
        assert isinstance(actual, ArchException), (expected, actual)
        assert_aborted(actual, step.kind, Failure(EXTERNAL, step.kind in WRITES), step.address)
        written = set()
    else:
        assert not isinstance(actual, ArchException), (expected, actual, getattr(actual, "iss", None))
        written = reach(content, step.kind, expected.physical, actual)
    content.verify()
    return written


def reach(content: Content, kind: Kind, physical: int, actual: int | None) -> set[int]:
    """An access that gets to RAM: what it reads is right; what it writes is expected of memory, and is returned."""
    if kind is Kind.FETCH:
        assert hex(content.read(physical, 4)) == hex(actual)
    elif kind in (Kind.READ, Kind.ATOMIC):
        assert hex(content.read(physical, 8)) == hex(actual)
    if kind is Kind.ZERO:
        first, size, value = physical // ZERO_BLOCK * ZERO_BLOCK, ZERO_BLOCK, 0
    elif kind in WRITES:
        first, size, value = physical, 8, STORED
    else:
        return set()
    content.write(first, size, value)
    return {address // 8 * 8 for address in range(first, first + size)}


# --- the laws


@given(st.data())
def test_accesses_reach_what_the_oracle_says_or_fault_as_it_says(data) -> None:
    """Some accesses one after the other, so that what was found is also remembered; until tables are overwritten."""
    count = data.draw(st.integers(1, 4), label="steps")
    machine = data.draw(machines(is_consistent=count > 1), label="machine")
    cpu = machine.cpu()
    for _ in range(count):
        step = data.draw(steps_on(machine), label="step")
        if check(machine, cpu, step) & machine.built.descriptors.keys():
            break


@given(permissions().flatmap(lambda built: features_and_levels(built, *levels_of(built))), st.booleans())
def test_each_kind_of_access_has_the_permissions_the_oracle_says(machine, is_unprivileged) -> None:
    """In both orders, for what one access leaves remembered must not let another one through."""
    steps = [Step(Kind.FETCH, 0), Step(Kind.READ, 0, is_unprivileged), Step(Kind.IC, 0, instruction="ic ivau, x0")]
    steps += [Step(Kind.CLEAN, 0, instruction="dc cvac, x0")]
    steps += [Step(Kind.INVALIDATE, 0, instruction="dc ivac, x0")] if machine.el else []
    steps += [Step(Kind.ATOMIC, 0), Step(Kind.WRITE, 8, is_unprivileged), Step(Kind.ZERO, 0, instruction="dc zva, x0")]
    for order in (steps, steps[::-1]):
        cpu = machine.cpu()
        for step in order:
            check(machine, cpu, step)


@given(st.data())
def test_unaligned_accesses_may_lie_in_two_pages(data) -> None:
    """Either of which may fault; then nothing is stored."""
    machine = data.draw(machines(is_consistent=True), label="machine")
    cpu = machine.cpu()
    boundary = data.draw(addresses_of(machine.built), label="address") // PAGE * PAGE
    first = (boundary - data.draw(st.integers(1, 7), label="bytes before the page")) & mask(64)
    step = Step(data.draw(st.sampled_from((Kind.READ, Kind.WRITE))), first)
    content = Content(cpu)
    before = bytes(content.data)
    halves = [Step(step.kind, first), Step(step.kind, boundary)]
    results = [
        ask_oracle(machine, cpu, Access(half.address, half.kind, machine.el, is_aligned=False)) for half in halves
    ]
    actual = attempt(lambda: perform(cpu, step))
    for half, result in zip(halves, results, strict=True):
        if isinstance(result, Failure):
            assert isinstance(actual, ArchException), (results, actual)
            assert_aborted(actual, step.kind, result, half.address)
            if half is halves[0]:
                assert before == cpu.memory.read_bytes(RAM, RAM_SIZE)
            return
    for result in results:
        content.update(result)
    if any(not RAM <= result.physical < RAM + RAM_SIZE for result in results):
        assert isinstance(actual, ArchException), (results, actual)
        assert EXTERNAL | (WNR if step.kind is Kind.WRITE else 0) == actual.iss
    elif step.kind is Kind.READ:
        room = boundary - first & 7
        pair = content.read(results[0].physical, room) | content.read(results[1].physical, 8 - room) << 8 * room
        assert hex(pair) == hex(actual)
    else:
        room = boundary - first & 7
        content.write(results[0].physical, room, STORED & mask(8 * room))
        content.write(results[1].physical, 8 - room, STORED >> 8 * room)
    content.verify()


@given(st.data())
def test_address_translation_instructions_report_what_the_oracle_says(data) -> None:
    count = data.draw(st.integers(1, 3), label="questions")
    built = data.draw(tables(is_consistent=count > 1), label="tables")
    is_hosted = built.registers["HCR_EL2"] & HCR_TGE
    machine = data.draw(features_and_levels(built, *([3] if is_hosted else {3, built.regime})), label="machine")
    cpu = machine.cpu()
    for _ in range(count):
        el = data.draw(st.sampled_from((1, 0) if built.regime == 1 else (built.regime,)), label="level asked for")
        kind = data.draw(st.sampled_from(list(QUESTIONS[el])), label="kind")
        names = [name for name in QUESTIONS[el][kind] if machine.el > 1 or name.startswith("s1e")]
        name = data.draw(st.sampled_from(names), label="operation")
        address = data.draw(addresses_of(built), label="address")
        ask(machine, cpu, name, Access(address, kind, el))


def ask(machine: Machine, cpu: Cpu, name: str, access: Access) -> None:
    """Execute one AT, and hold PAR_EL1 against the oracle."""
    expected = ask_oracle(machine, cpu, access)
    content = Content(cpu)
    cpu.gpr[0] = access.address
    actual = attempt(lambda: execute(cpu, f"at {name}, x0"))
    if isinstance(expected, Failure) and expected.status & 0x3C == 0x14:
        assert isinstance(actual, ArchException), (expected, actual)
        assert_aborted(actual, access.kind, expected, access.address)
    else:
        assert actual is None, (expected, actual)
        value, known = par(expected, is_secure=access.el == 3 or not cpu.sysregs["SCR_EL3"] & 1)
        assert hex(value) == hex(cpu.sysregs["PAR_EL1"] & known), expected
    if not isinstance(expected, Failure):
        content.update(expected)
    content.verify()


def par(result: Output | Failure, *, is_secure: bool) -> tuple[int, int]:
    """AArch64.EncodePAR: the value of PAR_EL1, and which of its bits are known; NS is to Secure regimes only."""
    if isinstance(result, Failure):
        return 1 << 11 | result.status << 1 | 1, mask(16)
    address = result.physical & mask(48) & ~mask(12)
    value = result.attributes << 56 | address | 1 << 11 | result.shareability << 7
    unknown = 1 << 10 | (0 if is_secure else 1 << 9)
    return value | (0 if result.is_secure or not is_secure else 1 << 9), mask(64) & ~unknown


FORGET = {1: "tlbi vmalle1", 2: "tlbi alle2", 3: "tlbi alle3"}
"""What makes a level forget all that it knows of its own translations."""


@given(st.data())
def test_after_tlb_maintenance_changed_tables_are_seen(data) -> None:
    machine = data.draw(machines().filter(lambda machine: machine.el > 0), label="machine")
    cpu = machine.cpu()
    address = data.draw(addresses_of(machine.built), label="address")
    kind = data.draw(st.sampled_from((Kind.READ, Kind.WRITE, Kind.FETCH)), label="kind")
    step = Step(kind, address)
    if check(machine, cpu, step) & machine.built.descriptors.keys():
        return
    entry = data.draw(st.sampled_from(sorted(machine.built.descriptors)), label="descriptor")
    cpu.memory.write(entry, 8, cpu.memory.read(entry, 8) ^ 1 << data.draw(st.integers(0, 63), label="bit"))
    execute(cpu, FORGET[machine.el])
    check(machine, cpu, step)
