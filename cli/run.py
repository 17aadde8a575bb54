"""`a64 run`: run a program on the machine."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.stop import StopReason
from aarch64.translation.break_before_make import BreakBeforeMake
from cli import console, report
from cli.machine_options import with_machine_options
from cli.running import check_files, complaint, exit_status, output, with_run_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aarch64.machine import Machine
    from aarch64.translation.break_before_make import Violation
    from cli.host_console import HostConsole
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions

_VIOLATIONS_TOLD = 20
"""How many violations of break-before-make are told on stderr."""


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine, the program and how it is run."""

    trace: str | None
    json: str | None
    check_bbm: bool
    profile: bool


@click.command(no_args_is_help=True)
@with_machine_options
@with_run_options
@click.option("--trace", metavar="FILE", help="Write a line for each instruction and exception; - is stdout.")
@click.option("--json", metavar="FILE", help="Write the final state as JSON; - is stdout, after all that is printed.")
@click.option("--profile", is_flag=True, help="Tell where the cycles went, at the end and on stderr.")
@click.option(
    "--check-bbm",
    is_flag=True,
    help="Report translation table entries that were changed without break-before-make.",
)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    run_options: RunOptions,
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
    with run_options.started(machine_options) as (machine, host):
        check_files(machine_options, {"--trace": wanted.trace, "--json": wanted.json})
        status = _run(machine, host, run_options, wanted)
    ctx.exit(status)


def _run(machine: Machine, host: HostConsole, run_options: RunOptions, options: _Options) -> int:
    """Run as asked; the exit status."""
    checker = BreakBeforeMake(machine.cpu) if options.check_bbm else None
    if options.profile and machine.hot_path is not None:
        machine.hot_path.profile = Counter()
    with ExitStack() as stack:
        results = stack.enter_context(output(options.json, host))
        trace = stack.enter_context(output(options.trace, host))
        with _traced(machine, trace):
            stop = run_options.run(machine, host)
        violations = _violations(checker)
        status = exit_status(stop)
        if stop.reason is StopReason.RETURNED:
            host.write_lines(f"x0 = {report.value_text(machine.cpu.gpr[0])}\n")
        if results is not None:
            results(console.json_lines(report.as_json(machine, stop, status, violations)))
    host.flush()
    if host.failure is not None:
        raise host.failure
    for line in _told(machine, violations or ()):
        host.tell(line)
    if told := complaint(machine, stop):
        host.tell(told)
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
