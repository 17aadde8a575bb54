"""Running a machine while somebody watches: Ctrl-C ends it, and a run that takes time shows how far it is."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

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


def watch(machine: Machine, host: HostConsole, max_cycles: int | None, until: Until | None) -> Stop:
    """Run until something ends it: at most `max_cycles` in all, `until` as `Machine.run` has it, or Ctrl-C."""
    with interruptible(host), ticking(machine, host):
        stop = _run_on(machine, host, max_cycles, until)
        host.clear_status()
    return stop


def _run_on(machine: Machine, host: HostConsole, max_cycles: int | None, until: Until | None) -> Stop:
    started = time.monotonic()
    while True:
        stop = machine.run(None if max_cycles is None else max_cycles - machine.cpu.cycles, until)
        if stop.reason is not StopReason.INTERRUPTED or stop.message != _TICK:
            return stop
        if host.ended:  # in the same cycle as the tick
            return Stop(StopReason.INTERRUPTED, host.ended)
        host.flush()
        seconds = time.monotonic() - started
        if seconds >= _QUIET_SECONDS:
            host.show_status(f"{machine.cpu.cycles:,} cycles, {machine.cpu.cycles / seconds:,.0f} a second")
