"""Hostile input: whatever the guest is made of, a run ends in a `Stop`, and a bad file is one explained error.

Never a Python traceback, never a hang. The amounts are those the project promises; the seed is fixed.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from aarch64.assembler import assemble_source
from aarch64.errors import AArch64Error
from aarch64.image import Image, Segment
from aarch64.loader import load_program
from aarch64.machine import Machine
from tests.programs.examples import PROGRAMS
from tests.translation.paging import HA, HD, Space

RAM = 0x40000000
RANDOM_PROGRAMS = 20_000
TRANSLATED_PROGRAMS = 4_000
CYCLES = 500
WORDS = 64
MUTATED_FILES = 2_000
SHARDS = 4
"""Parts the amounts are split into, so that the tests can run side by side."""


def random_words(source: random.Random) -> bytes:
    """A program: words uniformly random, or real instructions with a few bits flipped."""
    if source.random() < 0.5:
        return source.randbytes(4 * WORDS)
    code = bytearray(source.choice(CODE))
    start = 4 * source.randrange(len(code) // 4 - WORDS)
    program = code[start : start + 4 * WORDS]
    for _ in range(source.randrange(1, 40)):
        program[source.randrange(len(program))] ^= 1 << source.randrange(8)
    return bytes(program)


CODE = [
    segment.data[: len(segment.data) & ~3]
    for name in ("sha256.O2.elf", "lz.O3.elf", "vectors.elf", "el_tour.elf", "spinlock_lse.elf")
    for segment in load_program(PROGRAMS / name).segments
    if len(segment.data) > 8 * WORDS
]


VECTORS = RAM + 0x10000
"""A table of vectors for each level, from EL1 on."""


def vectors(level: int) -> Segment:
    """Handlers that go on after the instruction that was interrupted or at fault."""
    entry = f"mrs x30, elr_el{level}\nadd x30, x30, #4\nmsr elr_el{level}, x30\neret\n.balign 128\n"
    (segment,) = assemble_source(entry * 16, base=VECTORS + 0x1000 * level).segments
    return segment


HANDLERS = {level: vectors(level) for level in (1, 2, 3)}


TABLES = RAM + 0x18000
"""Within the reach of the programs, which may ruin them."""


def switch_translation_on(machine: Machine) -> None:
    """Map RAM as it is in one block, and the tables again in pages; half of the registers point at descriptors."""
    cpu = machine.cpu
    space = Space(cpu, iter(range(TABLES, TABLES + 0x8000, 0x1000)), cpu.pstate.el or 1)
    is_user = cpu.pstate.el == 0
    space.map(RAM, RAM, level=2, el0=is_user, ng=True)
    for page in range(TABLES, TABLES + 0x8000, 0x1000):
        space.map(page + (1 << 30), page, el0=is_user, ng=True, dbm=True, af=False)
    space.use(tcr=HA[space.regime] | HD[space.regime])
    for number in range(0, 31, 2):
        cpu.gpr[number] = space.descriptor_address(RAM, 2) + 8 * number


def run_bounded(program: bytes, el: int, max_el: int, *, has_handlers: bool, is_translated: bool = False) -> int:
    """Run for a bounded number of cycles; the machine must say why it stopped, and count exactly. Gives the cycles."""
    machine = Machine(el=el, max_el=max_el)
    handlers = HANDLERS.values() if has_handlers else ()
    machine.load(Image((Segment(RAM, program), *handlers), entry=RAM))
    for number in range(31):
        machine.cpu.gpr[number] = RAM + 0x1000 * number
    for level, segment in HANDLERS.items():
        machine.cpu.sysregs[f"VBAR_EL{level}"] = segment.address
    if is_translated:
        switch_translation_on(machine)
    stop = machine.run(max_cycles=CYCLES)
    assert stop.reason in type(stop.reason)
    assert machine.cpu.cycles <= CYCLES
    assert machine.cpu.retired <= machine.cpu.cycles
    assert all(0 <= value < 1 << 64 for value in [*machine.cpu.gpr, machine.cpu.pc, *machine.cpu.sp_el])
    return machine.cpu.cycles


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_words_never_break_the_machine(shard: int) -> None:
    source = random.Random(shard)
    cycles = 0
    for number in range(RANDOM_PROGRAMS // SHARDS):
        max_el = source.randint(1, 3)
        el = source.randint(0, max_el)
        cycles += run_bounded(random_words(source), el, max_el, has_handlers=number % 4 > 0)
    assert cycles > CYCLES * RANDOM_PROGRAMS // SHARDS // 4, "most programs should live long"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_words_never_break_a_machine_that_translates(shard: int) -> None:
    source = random.Random(2000 + shard)
    cycles = 0
    for number in range(TRANSLATED_PROGRAMS // SHARDS):
        max_el = source.randint(1, 3)
        el = source.randint(0, max_el)
        has_handlers = number % 4 > 0
        cycles += run_bounded(random_words(source), el, max_el, has_handlers=has_handlers, is_translated=True)
    assert cycles > CYCLES * TRANSLATED_PROGRAMS // SHARDS // 4, "most programs should live long"


def mutated(content: bytes, source: random.Random) -> bytes:
    """`content` with bytes changed, cut out, doubled or cut off; more often in the first kilobyte."""
    data = bytearray(content)
    for _ in range(source.choice((1, 1, 2, 5, 20))):
        reach = min(len(data), 1024) if source.random() < 0.7 else len(data)
        position = source.randrange(max(reach, 1))
        match source.randrange(5):
            case 0:
                data[position : position + 1] = bytes([source.randrange(256)])
            case 1:
                del data[position : position + source.randrange(64)]
            case 2:
                data[position:position] = data[position : position + source.randrange(64)]
            case 3:
                data[position : position + 8] = source.choice((b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7))
            case 4:
                del data[position + 1 :]
    return bytes(data)


def mutated_files(source: random.Random, amount: int, directory: Path) -> Iterator[Path]:
    """Files made from the example programs."""
    originals = [path for path in sorted(PROGRAMS.iterdir()) if path.suffix in {".s", ".elf"}]
    contents = {path: path.read_bytes() for path in originals}
    for _ in range(amount):
        original = source.choice(originals)
        path = directory / f"mutated{original.suffix}"
        path.write_bytes(mutated(contents[original], source))
        yield path


def loaded(path: Path) -> Machine | str:
    """A machine with the program in it, or why there is none."""
    machine = Machine()
    try:
        machine.load(load_program(path))
    except AArch64Error as error:
        return str(error)
    return machine


@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_files_run_or_are_refused_by_name(shard: int, tmp_path: Path) -> None:
    source = random.Random(1000 + shard)
    refusals, runs = [], 0
    for path in mutated_files(source, MUTATED_FILES // SHARDS, tmp_path):
        match loaded(path):
            case str(refusal):
                refusals.append(refusal)
            case machine:
                machine.run(max_cycles=CYCLES)
                runs += 1
    assert not [refusal for refusal in refusals if "mutated." not in refusal and "0x" not in refusal]
    assert len(refusals) > 50
    assert runs > 50
