"""Sets up what a lesson shows: a program that is part of this package, on a machine with probes."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import attrs

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from cli.xol.act import Act
from cli.xol.episode import Outcome, Refusal
from kprobes.errors import RegistrationError
from kprobes.manager import Kprobes
from kprobes.tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.stop import Stop
    from cli.xol.performance import Staged
    from kprobes.arch.player import Player
    from kprobes.behaviour import EngineRules
    from kprobes.jprobes import Jprobe
    from kprobes.manager import AnyProbe
    from kprobes.probe import Handler
    from kprobes.profiles import Profile
    from kprobes.rules import DecodeRules
    from kprobes.story import Story

MOST_CYCLES = 20_000
"""More than any program of a lesson takes that comes to an end."""

_DOUBLE_WORD = 8


def source(name: str) -> str:
    """A program of this package, in assembly."""
    return resources.files(__package__).joinpath(f"{name}.s").read_text(encoding="utf-8")


def load(name: str) -> Machine:
    """A machine with a program of this package."""
    machine = Machine()
    machine.load(assemble_source(source(name), filename=f"{name}.s"))
    return machine


def unprobed(name: str) -> Machine:
    """A machine on which a program of this package has run to its end, without any probe."""
    machine = load(name)
    machine.run(MOST_CYCLES)
    return machine


def double_word(machine: Machine, symbol: str) -> int:
    """The 64-bit number at a symbol."""
    return int.from_bytes(machine.memory.read_bytes(machine.resolve(symbol), _DOUBLE_WORD), "little")


def altered(
    profile: Profile, summary: str, *, decode: DecodeRules | None = None, engine: EngineRules | None = None
) -> Profile:
    """A kernel that never was: as `profile`, but with other rules."""
    return attrs.evolve(
        profile,
        name=f"{profile.name}, altered",
        summary=summary,
        decode=decode or profile.decode,
        engine=engine or profile.engine,
    )


def _nothing(_player: Player, _story: Story) -> Outcome:
    return Outcome()


def probed(
    program: str,
    spec: str,
    profile: Profile,
    title: str,
    *,
    hit: int = 1,
    others: tuple[AnyProbe, ...] = (),
    pre_handler: Handler | None = None,
    unlock: bool = True,
    outcome: Callable[[Player, Story], Outcome] = _nothing,
) -> Staged:
    """A program with a probe as kprobe_events has it, of which a hit is to be seen; or why there cannot be one.

    Args:
        program: of this package.
        spec: the probe.
        profile: the kernel.
        title: what there is to be seen, in a line.
        hit: which hit, from 1.
        others: probes that are registered after it.
        pre_handler: a handler instead of the one that records.
        unlock: whether the kernel has opened the OS lock.
        outcome: tells what becomes of the program.
    """
    machine = load(program)
    kprobes = Kprobes(machine, profile, unlock=unlock)
    tracer = Tracer(kprobes, lambda _hit: None)
    try:
        event = tracer.define(spec)
    except RegistrationError as error:
        return Refusal(spec, profile.name, profile.summary, str(error), title)
    assert event is not None, "a lesson takes no event away"
    event.kprobe.post_handler = lambda *_: None  # so that there is something to be told of it
    if pre_handler is not None:
        event.kprobe.pre_handler = pre_handler
    for probe in others:
        kprobes.register(probe)
    return Act(
        kprobes, event.probe, _runner(machine), event=event.spec.event, spec=spec, title=title, first=hit,
        outcome=outcome,
    )  # fmt: skip


def jprobed(
    program: str,
    jprobe: Jprobe,
    profile: Profile,
    title: str,
    *,
    hit: int = 1,
    outcome: Callable[[Player, Story], Outcome] = _nothing,
) -> Act:
    """A program with a jprobe, of which a hit is to be seen; kprobe_events has no words for it."""
    machine = load(program)
    kprobes = Kprobes(machine, profile)
    kprobes.register(jprobe)
    event = f"jprobe_{jprobe.symbol}"
    spec = f"jprobe {jprobe.symbol}"
    return Act(
        kprobes, jprobe.kprobe, _runner(machine), event=event, spec=spec, title=title, first=hit, outcome=outcome
    )


def _runner(machine: Machine) -> Callable[[int | None], Stop]:
    def run(until: int | None) -> Stop:
        return machine.run(MOST_CYCLES - machine.cpu.cycles, until=until)

    return run
