"""The same programs on our machine, in the words of the QEMU oracle."""

from collections.abc import Iterable
from pathlib import Path

from aarch64 import state
from aarch64.devices.console import Console
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.loader import load_program
from aarch64.machine import Machine
from aarch64.stop import StopReason
from tests.oracles.qemu import QemuResult

CYCLES = 8_000_000
"""More than any of the programs needs."""


def run_ours(
    program: Path, *, el: int = 1, features: Iterable[Feature] = DEFAULT_FEATURES, stdin: str = ""
) -> QemuResult:
    """Run an ELF file or a source from its entry point at exception level `el`; it must end by itself.

    It does so on the hot path and on the exact tier: with one outcome, at the same cycle.
    """
    outcomes = []
    for exact in (False, True):
        unread = [stdin.encode()]
        console = Console(source=lambda unread=unread: unread.pop() if unread else b"")
        machine = Machine(el=el, features=features, console=console, exact=exact)
        machine.load(load_program(program))
        stop = machine.run(max_cycles=CYCLES)
        assert stop.reason is StopReason.EXIT, stop.message
        outcomes.append((machine.console.output.decode(), stop.status, state.save(machine.cpu)))
    hot, exactly = outcomes
    assert exactly == hot
    return QemuResult(*hot[:2])
