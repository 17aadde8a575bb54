"""Random programs with probes at random places: they print and compute what they do without.

Ours (STRICT) by each way to execute, in both tiers; the engines of the kernels on programs that take no exceptions, as
those in slots are told of by their addresses (`told_by_kernel`).
"""

import os
import random
from collections import Counter

import attrs
import pytest

from aarch64.isa.branch import direct_target
from aarch64.isa.table import decode
from aarch64.loader import load_program
from aarch64.sampling import RandomChoices
from aarch64.stop import StopReason
from kprobes import STRICT, V5_10, V7_2, V15, Kprobe, Kprobes
from kprobes.analysis import Analysis
from kprobes.arch.code import ImageText
from kprobes.sequences import WORD
from tests.fast.equivalence import make_machine
from tests.kprobes.programs import BUDGET, TEXT, make_loaded, outcome, write_program
from tests.kprobes.test_transparency import BY_STEP
from tests.programs.examples import load_examples

PROGRAMS = 440 if os.environ.get("CI") else 24
SHARDS = 8
SETS = 4
"""Sets of probes that each program is run with, by each method."""
SLOWER = 60
"""How many times as many cycles a program with probes may take."""

OURS = ((STRICT, False), (STRICT, True), (BY_STEP, False))
KERNELS = tuple((attrs.evolve(STRICT, engine=profile.engine), False) for profile in (V15, V5_10, V7_2))
"""(profile, whether each instruction is stepped through, the hot path being off)."""


def legal_places(image, within):
    """Where probes may be; what branches to itself would be hit for ever, and is left out."""
    text = ImageText(image)
    code = Analysis(text, STRICT.decode)

    def is_legal(address):
        return text.is_code(address) and code.judge(address).is_legal and not _is_endless(text, address)

    places = [address for region in text.regions for address in region[::WORD]]
    return [address for address in places if address in within and is_legal(address)]


def _is_endless(text, address):
    decoded = decode(text.instruction(address).word)
    return decoded is not None and direct_target(decoded.fields, address) == address


def draw_probes(rng, places, executed, hits):
    """Up to eight probes, now and then two at a place, most where something is executed; `hits` counts theirs."""
    likely = [place for place in places if place in executed] or places
    chosen = [rng.choice(likely if rng.random() < 0.8 else places) for _ in range(rng.choice((1, 2, 3, 8)))]
    if rng.random() < 0.2:
        chosen.append(chosen[0])

    def count(probe, _regs):
        hits[probe.at] += 1

    def after(probe, _regs):
        assert hits[probe.at]

    return [Kprobe(address=address, pre_handler=count, post_handler=rng.choice((None, after))) for address in chosen]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_programs(shard):
    combinations = total = 0
    for number in range(PROGRAMS // SHARDS):
        rng = random.Random(f"probed {shard} {number}")
        calm = number % 3 == 0
        program, image, executed, wanted = ending_program(rng, calm=calm)
        places = legal_places(image, TEXT)
        for profile, exact in KERNELS if calm else OURS:
            machine = make_loaded(program, image, exact=exact)
            kprobes = Kprobes(machine, profile)
            before = machine.snapshot()
            for _ in range(SETS):
                machine.console.output.clear()
                hits = Counter()
                probes = draw_probes(rng, places, {pc for _, pc in executed}, hits)
                machine.run(max_cycles=rng.choice((0, 0, 20, 100)))  # so that what is probed may be compiled already
                begin = machine.cpu.cycles
                kprobes.register(*probes)
                stop = machine.run(max_cycles=SLOWER * BUDGET)
                kprobes.unregister(*probes)
                found = {name for name, value in outcome(machine).items() if wanted.get(name) != value}
                at = ", ".join(f"{probe.at:#x}" for probe in probes)
                assert not found, f"{profile.name}, exact={exact}, probes at {at}: {sorted(found)} {stop}\n{program!r}"
                expected = Counter(pc for cycle, pc in executed if cycle >= begin)
                for place, number_of in Counter(probe.at for probe in probes).items():
                    assert hits[place] == number_of * expected[place], f"{profile.name}, {place:#x}\n{program!r}"
                total += hits.total()
                machine.restore(before)
                machine.cpu.stop = None
                combinations += 1
    assert combinations == PROGRAMS // SHARDS * 3 * SETS
    assert total > 3 * combinations, "hardly a probe was hit"


def ending_program(rng, *, calm):
    """A program that comes to its end, its image, what it executes when, and what it then has done."""
    while True:
        program = write_program(RandomChoices(rng), calm=calm)
        image = program.image
        machine = make_loaded(program, image, exact=True)
        executed = []
        machine.cpu.observers.append(lambda cpu, pc, _word, log=executed: log.append((cpu.cycles, pc)))
        stop = machine.run(max_cycles=BUDGET)
        if stop.reason in (StopReason.EXIT, StopReason.STUCK) and not (calm and machine.exceptions):
            return program, image, executed, outcome(machine)


# --- programs that gcc has built

BUILT = ("sha256", "sort_search", "printf", "lz", "modpow")
"""Examples that take no exceptions and have the MMU off: slots are mapped, and no handler is probed."""
BUILDS = 2 if os.environ.get("CI") else 1
ENOUGH = 60
"""Hits after which a probe unregisters itself, so that loops come to an end."""


@pytest.mark.parametrize("profile", [STRICT, BY_STEP], ids=["by BRK", "by step"])
@pytest.mark.parametrize(
    ("example", "elf"),
    [(example, elf) for example in load_examples() if example.name in BUILT for elf in example.elfs[:BUILDS]],
    ids=lambda value: getattr(value, "name", None),
)
def test_examples(example, elf, profile):
    rng = random.Random(f"{elf.name} {profile.engine.execution}")
    image = load_program(elf)
    places = legal_places(image, range(1 << 64))
    machine = make_machine(threshold=50)
    machine.load(image)
    machine.cpu.pstate.d = 0
    kprobes = Kprobes(machine, profile)
    hits = Counter()

    def count(probe, _regs, hits=hits, kprobes=kprobes):
        hits[probe] += 1
        if hits[probe] == ENOUGH:
            kprobes.unregister(probe)

    kprobes.register(*(Kprobe(address=place, pre_handler=count) for place in rng.sample(places, 12)))
    stop = machine.run(max_cycles=8_000_000)
    assert (StopReason.EXIT, example.exit_status) == (stop.reason, stop.status)
    assert example.stdout == machine.console.output.decode()
    assert hits.total() > 3
    kprobes.close()
    text = [segment for segment in image.segments if segment.executable]
    assert all(machine.memory.read_bytes(part.address, len(part.data)) == part.data for part in text)
