"""Running a machine while somebody watches: Ctrl-C ends it, and a run that takes time shows how far it is."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from aarch64.stop import Stop, StopReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from aarch64.machine import Machine, Until
    from cli.host_console import HostConsole

_TICK_SECONDS = 0.5
_QUIET_SECONDS = 2.0
_TICK = "tick"
"""The interruption by which the clock has output and progress seen; the run goes on."""


@contextmanager
def interruptible(host: HostConsole) -> Iterator[None]:
    """Ctrl-C ends the run between two cycles; a second one, should the first not get through, ends the program."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, previous)
        host.interrupt()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def ticking(machine: Machine, host: HostConsole) -> Iterator[None]:
    """While somebody is watching, interrupt the run now and then."""
    if not host.is_watched:
        yield
        return
    previous = signal.signal(signal.SIGALRM, lambda _number, _frame: machine.interrupt(_TICK))
    signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def watching(machine: Machine, host: HostConsole) -> Iterator[Watched]:
    """Watch all runs until the end of the `with` statement: Ctrl-C ends the one that is going on, or the next one."""
    with interruptible(host), ticking(machine, host):
        yield Watched(machine, host, time.monotonic())
        host.clear_status()


def watch(machine: Machine, host: HostConsole, max_cycles: int | None, until: Until | None) -> Stop:
    """Run, watched, as `Watched.run` does."""
    with watching(machine, host) as watched:
        return watched.run(max_cycles, until)


@attrs.frozen
class Watched:
    """A machine that is watched, since a moment of the host's clock."""

    machine: Machine
    host: HostConsole
    since: float

    def run(self, max_cycles: int | None, until: Until | None) -> Stop:
        """Run until something ends it: at most `max_cycles` in all, `until` as `Machine.run` has it, or Ctrl-C."""
        machine, host = self.machine, self.host
        while True:
            stop = machine.run(None if max_cycles is None else max_cycles - machine.cpu.cycles, until)
            if stop.reason is not StopReason.INTERRUPTED or stop.message != _TICK:
                return stop
            if host.ended:  # in the same cycle as the tick
                return Stop(StopReason.INTERRUPTED, host.ended)
            host.flush()
            self._show_progress()

    def _show_progress(self) -> None:
        seconds = time.monotonic() - self.since
        if seconds >= _QUIET_SECONDS:
            cycles = self.machine.cpu.cycles
            self.host.show_status(f"{cycles:,} cycles, {cycles / seconds:,.0f} a second")
