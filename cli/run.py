"""`a64 run`: run a program on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.machine import RETURN_ADDRESS, MachineError
from aarch64.stop import StopReason
from aarch64.translation.break_before_make import BreakBeforeMake
from cli import console, report
from cli.console import InputError, blaming
from cli.host_console import HostConsole
from cli.machine_options import with_machine_options
from cli.numbers import parse_count, parse_integer, parse_place
from cli.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aarch64.machine import Machine
    from aarch64.stop import Stop
    from aarch64.translation.break_before_make import Violation
    from cli.machine_options import MachineOptions

_STATUSES = {
    StopReason.RETURNED: 0,
    StopReason.MAX_CYCLES: 124,
    StopReason.UNSUPPORTED: 125,
    StopReason.STUCK: 125,
    StopReason.INTERRUPTED: console.INTERRUPTED,
}

_VIOLATIONS_TOLD = 20
"""How many violations of break-before-make are told on stderr."""


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine and the program."""

    arguments: tuple[str, ...]
    call: int | str | None
    max_cycles: int | None
    trace: str | None
    json: str | None
    check_bbm: bool
    profile: bool


@click.command(no_args_is_help=True)
@with_machine_options
@click.argument("arguments", nargs=-1, metavar="[ARG]...")
@click.option("--call", type=parse_place, metavar="SYMBOL", help="Call a function with the ARGs, print X0 and stop.")
@click.option("--max-cycles", type=parse_count, metavar="CYCLES", help="Stop after this many cycles.")
@click.option("--trace", metavar="FILE", help="Write a line for each instruction and exception; - is stdout.")
@click.option("--json", metavar="FILE", help="Write the final state as JSON; - is stdout, after all that is printed.")
@click.option("--profile", is_flag=True, help="Tell where the cycles went, at the end and on stderr.")
@click.option(
    "--check-bbm",
    is_flag=True,
    help="Report translation table entries that were changed without break-before-make.",
)
@click.option(
    "--semihosting-root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Let semihosting use the files in this directory. Without it, there are none.",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    semihosting_root: Path | None,
    **options: object,
) -> None:
    """Run PROGRAM: an ELF file, an assembly source (.s), or a raw image.

    The machine is laid out as QEMU's virt board: RAM at 0x40000000, a PL011 UART at 0x09000000 that is standard input
    and output, PSCI firmware, and semihosting by HLT #0xF000. The ARGs are the command line that semihosting tells the
    program; those that begin with a dash go after --. With --call they are the function's arguments, for X0 to X7, and
    SP is the end of RAM, or of the largest part that --load leaves free; otherwise all registers are zero at the start.

    What --load puts into RAM (a device tree, an initrd, data to work on) is the file as it is, even if that is an ELF
    file; where to start, the program says. Nothing may overlap. After a reset by the guest, all is there again.

    When an abort ends the run, the walk of the translation tables that led to it is told, down to the bit; a64 walk
    tells that of any address. --check-bbm reports, at the end and on stderr, each translation table entry that was
    changed while the TLB could hold it; the exit status does not depend on it.

    Code that is often executed is compiled to Python functions, with the same outcome to the bit. --profile tells which
    took most cycles, with their instructions; --exact does without; A64_DUMP_BLOCKS=DIR writes their source to DIR.

    A line of --trace is the cycle, the level and stack pointer in use, PC, word and text of an instruction and, after
    a bar, what it changed: registers, PSTATE, [address]:bytes=value. Exceptions have lines of their own. A run that
    Ctrl-C ends, between two instructions, tells its registers.

    \b
    a64 run hello.s
    a64 run --el 3 --max-cycles 1000000 boot.elf
    a64 run math.elf --call gcd 48 18
    a64 run loop.s --trace - --max-cycles 100
    a64 run kernel.elf --load virt.dtb@0x44000000 --reg x0=0x44000000

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
    with machine_options.machine(
        console=host.console,
        semihosting_root=semihosting_root,
        arguments=wanted.arguments if wanted.call is None else (),
    ) as machine:
        host.on_end = machine.interrupt
        if wanted.call is not None:
            machine.prepare_call(wanted.call, *(_argument(machine, text) for text in wanted.arguments))
        _check_files(machine_options, wanted)
        status = _run(machine, host, wanted)
    ctx.exit(status)


def _run(machine: Machine, host: HostConsole, options: _Options) -> int:
    """Run as asked; the exit status."""
    checker = BreakBeforeMake(machine.cpu) if options.check_bbm else None
    if options.profile and machine.hot_path is not None:
        machine.hot_path.profile = Counter()
    with ExitStack() as stack:
        results = stack.enter_context(_output(options.json, host))
        trace = stack.enter_context(_output(options.trace, host))
        with _traced(machine, trace):
            stop = watch(machine, host, options.max_cycles, None if options.call is None else RETURN_ADDRESS)
        violations = _violations(checker)
        status = _exit_status(stop)
        if stop.reason is StopReason.RETURNED:
            host.write_lines(f"x0 = {report.value_text(machine.cpu.gpr[0])}\n")
        if results is not None:
            results(console.json_lines(report.as_json(machine, stop, status, violations)))
    host.flush()
    if host.failure is not None:
        raise host.failure
    for line in _told(machine, violations or ()):
        host.tell(line)
    if complaint := _complaint(machine, stop):
        host.tell(complaint)
    if options.profile:
        host.tell("\n".join(report.profile_lines(machine)))
    return status


def _violations(checker: BreakBeforeMake | None) -> list[Violation] | None:
    """What --check-bbm found; None where it was not asked."""
    if checker is None:
        return None
    checker.check()
    return checker.violations


def _told(machine: Machine, violations: Sequence[Violation]) -> Iterator[str]:
    """What --check-bbm says on stderr."""
    for item in violations[:_VIOLATIONS_TOLD]:
        text = f"a64: {item} [noticed at cycle {item.cycle}, pc {machine.locate(item.pc)}]"
        yield "\n".join(report.fitted(text, sys.stderr))
    more = len(violations) - _VIOLATIONS_TOLD
    if more > 0:
        yield f"a64: break-before-make: {more} more: --json has them all"


def _argument(machine: Machine, text: str) -> int:
    """An argument of --call: a number, or the address of a symbol."""
    number = parse_integer(text)
    if number is not None:
        return number
    try:
        return machine.resolve(text)
    except MachineError as error:
        raise InputError(f"{text!r} is neither a 64-bit number nor a symbol of the program") from error


def _check_files(machine_options: MachineOptions, options: _Options) -> None:
    """Refuse to write into one file twice, or over one that is read."""
    if "" in (options.trace, options.json):
        raise InputError(f"{'--trace' if options.trace == '' else '--json'}: give a file, or - for standard output")
    taken = {Path(machine_options.program).resolve(): "the program"}
    for placement in machine_options.placements:
        taken.setdefault(Path(placement.file).resolve(), "the file of --load")
    for name, file in (("--trace", options.trace), ("--json", options.json)):
        if file is None or file == "-":
            continue
        path = Path(file).resolve()
        if path in taken and (path.is_file() or not path.exists()):
            raise InputError(f"{file}: {name} would overwrite {taken[path]}: give another file")
        taken[path] = name


@contextmanager
def _output(path: str | None, host: HostConsole) -> Iterator[Callable[[str], object] | None]:
    """What to write lines with: into a file, or for `-` to stdout; None where nothing is asked for."""
    if path is None:
        yield None
        return
    if path == "-":
        yield host.write_lines
        return
    with blaming(path):
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  (closing it may fail, too)

    def write(text: str) -> None:
        with blaming(path):
            file.write(text)

    try:
        yield write
    finally:
        with blaming(path):
            file.close()


@contextmanager
def _traced(machine: Machine, write: Callable[[str], object] | None) -> Iterator[None]:
    """Trace the run, if it is to be."""
    if write is None:
        yield
        return
    from aarch64.trace import Trace  # noqa: PLC0415  (only a traced run pays for it)

    trace = Trace(machine.cpu, write)
    trace.start()
    try:
        yield
    finally:
        trace.stop()


# --- the end


def _exit_status(stop: Stop) -> int:
    if stop.reason is StopReason.EXIT:
        return stop.status & 0xFF
    return _STATUSES[stop.reason]


def _complaint(machine: Machine, stop: Stop) -> str:
    """What to say on stderr of a run that was not to end so; nothing of any other."""
    cpu = machine.cpu
    where = f"cycle {cpu.cycles}, pc {machine.locate(cpu.pc)}"
    match stop.reason:
        case StopReason.MAX_CYCLES:
            return f"a64: --max-cycles is used up: {where}"
        case StopReason.UNSUPPORTED | StopReason.STUCK:
            message = report.fitted(f"a64: {stop.message} [{where}]", sys.stderr)
            details = [line for item in stop.details for line in report.fitted(item, sys.stderr, "  ")]
            return "\n".join((*message, *details))
        case StopReason.INTERRUPTED:
            return f"a64: interrupted\n{report.as_text(machine, console.width(sys.stderr))}"
    return ""
