"""`a64 run`: run a program on the machine."""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.loader import DEFAULT_BASE, load_program
from aarch64.machine import DEFAULT_RAM, RETURN_ADDRESS, Machine
from aarch64.stop import Stop, StopReason
from cli import report
from cli.console import InputError
from cli.host_console import HostConsole
from cli.numbers import parse_address, parse_integer, parse_place, parse_size
from cli.values import Assignment, parse_assignment, parse_features

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from aarch64.features import Feature

_STATUSES = {
    StopReason.RETURNED: 0,
    StopReason.MAX_CYCLES: 124,
    StopReason.UNSUPPORTED: 125,
    StopReason.STUCK: 125,
    StopReason.INTERRUPTED: 130,
}
_NO_OUTPUT = "standard output cannot be written to"
_NO_READER_STATUS = 141
"""As of a program that SIGPIPE ends."""

_QUIET_SECONDS = 2.0
_PROGRESS_SECONDS = 0.5
_PROGRESS = "progress"
"""The interruption by which the clock has progress shown; the run goes on."""


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine itself."""

    program: str
    arguments: tuple[str, ...]
    entry: int | str | None
    base: int
    registers: tuple[Assignment, ...]
    call: int | str | None
    max_cycles: int | None
    trace: str | None
    json: str | None


@click.command(no_args_is_help=True, context_settings={"show_default": True})
@click.argument("program")
@click.argument("arguments", nargs=-1, metavar="[ARG]...")
@click.option(
    "--entry",
    type=parse_place,
    metavar="PLACE",
    help="Address or symbol to start at, instead of where the program says.",
)
@click.option(
    "--base",
    type=parse_address,
    metavar="ADDRESS",
    default=f"{DEFAULT_BASE:#x}",
    help="Where a source or raw image is placed in memory.",
)
@click.option("--el", type=click.IntRange(0, 3), default=1, help="Exception level to start in.")
@click.option(
    "--max-el", type=click.IntRange(1, 3), help="Highest exception level there is.  [default: that of --el, at least 1]"
)
@click.option(
    "--ram",
    type=parse_size,
    metavar="SIZE",
    default=f"{DEFAULT_RAM >> 20}M",
    help="Size of RAM, which begins at 0x40000000.",
)
@click.option(
    "--reg",
    "registers",
    type=parse_assignment,
    metavar="NAME=VALUE",
    multiple=True,
    help="Set x0 to x30, w0 to w30, sp or pc before the start. Repeatable.",
)
@click.option("--call", type=parse_place, metavar="SYMBOL", help="Call a function with the ARGs, print X0 and stop.")
@click.option("--max-cycles", type=click.IntRange(min=0), help="Stop after this many cycles.")
@click.option("--trace", metavar="FILE", help="Write a line for each instruction and exception; - is stdout.")
@click.option("--json", metavar="FILE", help="Write the final state as JSON; - is stdout.")
@click.option(
    "--features",
    type=parse_features,
    metavar="LIST",
    default="default",
    help="Architecture features: default, all or none, then +name or -name, separated by commas.",
)
@click.option("--unaligned", is_flag=True, help="Allow unaligned data accesses while the MMU is off.")
@click.option(
    "--semihosting-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Let semihosting use the files in this directory. Without it, there are none.",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    el: int,
    max_el: int | None,
    ram: int,
    features: frozenset[Feature],
    unaligned: bool,
    semihosting_root: Path | None,
    **options: object,
) -> None:
    """Run PROGRAM: an ELF file, an assembly source (.s), or a raw image.

    The machine is laid out as QEMU's virt board: RAM at 0x40000000, a PL011 UART at 0x09000000 that is standard input
    and output, PSCI firmware, and semihosting by HLT #0xF000. The ARGs are the command line that semihosting tells the
    program; those that begin with a dash go after --. With --call they are the function's arguments, for X0 to X7, and
    SP is the end of RAM; otherwise all registers are zero at the start.

    A line of --trace is the cycle, the level and stack pointer in use, PC, word and text of an instruction and, after
    a bar, what it changed: registers, PSTATE, [address]:bytes=value. Exceptions have lines of their own. A run that
    Ctrl-C ends, between two instructions, tells its registers.

    \b
    a64 run hello.s
    a64 run --el 3 --max-cycles 1000000 boot.elf
    a64 run math.elf --call gcd 48 18
    a64 run loop.s --trace - --max-cycles 100

    \b
    Exit status:
      the program's own, when it exits through semihosting or PSCI (SYSTEM_OFF is 0)
      0    the function of --call returned
      2    wrong usage, or a file that cannot be used
      124  --max-cycles ended it
      125  it cannot go on: unsupported instruction, exception loop, breakpoint without handler, endless wait
      130  Ctrl-C ended it
      141  nobody reads its output any more
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    wanted = _Options(**options)  # type: ignore[arg-type]  # click gives what the options above say
    host = HostConsole()
    with _blaming(str(semihosting_root)):
        machine = Machine(
            features=features,
            el=el,
            max_el=max_el,
            ram=ram,
            unaligned=unaligned,
            console=host.console,
            semihosting_root=semihosting_root,
            command_line=" ".join((wanted.program, *(wanted.arguments if wanted.call is None else ()))),
        )
    with _blaming("standard output"):
        status = _run(machine, host, wanted)
    ctx.exit(status)


def _run(machine: Machine, host: HostConsole, options: _Options) -> int:
    """Run as asked; the exit status."""
    host.on_failure = lambda: machine.interrupt(_NO_OUTPUT)
    _prepare(machine, options)
    with ExitStack() as stack:
        results = stack.enter_context(_output(options.json, host)) if options.json else None
        trace = stack.enter_context(_output(options.trace, host)) if options.trace else None
        with _traced(machine, trace), _interruptible(machine, host), _clock(machine):
            stop = _watch(machine, host, options)
        status = _exit_status(stop)
        if stop.reason is StopReason.RETURNED:
            host.write_lines(f"x0 = {report.value_text(machine.cpu.gpr[0])}\n")
        if results is not None:
            results(json.dumps(report.as_json(machine, stop, status), indent=2) + "\n")
    host.flush()
    if isinstance(host.failure, BrokenPipeError):
        return _NO_READER_STATUS
    if host.failure is not None:
        raise host.failure
    _tell(machine, stop)
    return status


def _prepare(machine: Machine, options: _Options) -> None:
    """Load the program and set the registers."""
    machine.load(load_program(options.program, base=options.base, entry=options.entry))
    for assignment in options.registers:
        assignment.apply(machine.cpu)
    if options.call is not None:
        machine.prepare_call(options.call, *(_argument(machine, text) for text in options.arguments))


def _argument(machine: Machine, text: str) -> int:
    """An argument of --call: a number, or the address of a symbol."""
    number = parse_integer(text)
    return machine.resolve(text) if number is None else number


@contextmanager
def _output(path: str, host: HostConsole) -> Iterator[Callable[[str], object]]:
    """Where to write lines: a file, or stdout for `-`."""
    if path == "-":
        yield host.write_lines
        return
    with _blaming(path):
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  (closing it may fail, too)

    def write(text: str) -> None:
        with _blaming(path):
            file.write(text)

    try:
        yield write
    finally:
        with _blaming(path):
            file.close()


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    """What the host refuses is told with the name of the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error


# --- running, watched


@contextmanager
def _traced(machine: Machine, write: Callable[[str], object] | None) -> Iterator[None]:
    """Trace the run, if it is to be."""
    if write is None:
        yield
        return
    from aarch64.trace import Trace  # noqa: PLC0415  (only a traced run pays for it)

    trace = Trace(machine.cpu, write)
    trace.start()
    yield
    trace.stop()


@contextmanager
def _interruptible(machine: Machine, host: HostConsole) -> Iterator[None]:
    """Ctrl-C ends the run between two cycles; a second one, should the first not get through, ends the program."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, previous)
        host.interrupted = True
        machine.interrupt("Ctrl-C")

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _clock(machine: Machine) -> Iterator[None]:
    """On a terminal, interrupt a run that takes long now and then, so that progress can be shown."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    previous = signal.signal(signal.SIGALRM, lambda _number, _frame: machine.interrupt(_PROGRESS))
    signal.setitimer(signal.ITIMER_REAL, _QUIET_SECONDS, _PROGRESS_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _watch(machine: Machine, host: HostConsole, options: _Options) -> Stop:
    """Run to the end."""
    until = None if options.call is None else RETURN_ADDRESS
    started, budget = time.monotonic(), options.max_cycles
    while True:
        stop = machine.run(None if budget is None else budget - machine.cpu.cycles, until)
        if stop.reason is not StopReason.INTERRUPTED or stop.message != _PROGRESS:
            host.clear_status()
            return stop
        if not host.interrupted:
            rate = machine.cpu.cycles / (time.monotonic() - started)
            host.show_status(f"{machine.cpu.cycles:,} cycles, {rate:,.0f} a second")


# --- the end


def _exit_status(stop: Stop) -> int:
    if stop.reason is StopReason.EXIT:
        return stop.status & 0xFF
    return _STATUSES[stop.reason]


def _tell(machine: Machine, stop: Stop) -> None:
    """Say on stderr why a run ended that was not to end so."""
    cpu = machine.cpu
    where = f"cycle {cpu.cycles}, pc {machine.locate(cpu.pc)}"
    match stop.reason:
        case StopReason.MAX_CYCLES:
            click.echo(f"a64: --max-cycles is used up: {where}", err=True)
        case StopReason.UNSUPPORTED | StopReason.STUCK:
            click.echo(f"a64: {stop.message} [{where}]", err=True)
        case StopReason.INTERRUPTED:
            click.echo(f"a64: interrupted\n{report.as_text(machine)}", err=True)
