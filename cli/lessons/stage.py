"""Sets up what a lesson shows: a program that is part of this package, on a machine with a probe."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from cli.xol.act import Act
from cli.xol.episode import Refusal
from kprobes.errors import RegistrationError
from kprobes.manager import Kprobes
from kprobes.tracing import Tracer

if TYPE_CHECKING:
    from aarch64.stop import Stop
    from cli.xol.performance import Staged
    from kprobes.profiles import Profile

MOST_CYCLES = 20_000
"""More than any program of a lesson takes that comes to an end."""


def load(name: str) -> Machine:
    """A machine with a program of this package."""
    file = f"{name}.s"
    source = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    machine = Machine()
    machine.load(assemble_source(source, filename=file))
    return machine


def probed(program: str, spec: str, profile: Profile, title: str, *, hit: int = 1) -> Staged:
    """A program with a probe as kprobe_events has it, of which a hit is to be seen; or why there cannot be one."""
    machine = load(program)
    kprobes = Kprobes(machine, profile)
    tracer = Tracer(kprobes, lambda _hit: None)
    try:
        event = tracer.define(spec)
    except RegistrationError as error:
        return Refusal(spec, profile.name, profile.summary, str(error), title)
    assert event is not None, "a lesson takes no event away"
    event.kprobe.post_handler = lambda *_: None  # so that there is something to be told of it

    def run(until: int | None) -> Stop:
        return machine.run(MOST_CYCLES - machine.cpu.cycles, until=until)

    return Act(kprobes, event.probe, run, event=event.spec.event, spec=spec, title=title, first=hit)
