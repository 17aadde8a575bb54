"""`a64 xol`, as it is called."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.stop import Stop, StopReason
from cli import console, report
from cli.console import InputError, Renderer
from cli.machine_options import with_machine_options
from cli.numbers import parse_count
from cli.probe import profile_option, unmask_option
from cli.running import CANNOT_GO_ON, check_files, complaint, exit_status, output, with_run_options
from cli.watching import watching
from kprobes.profiles import PROFILES

if TYPE_CHECKING:
    from aarch64.interpreter import Interpreter
    from aarch64.machine import Machine
    from cli.host_console import HostConsole
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions
    from cli.watching import Watched
    from cli.xol.episode import Episode
    from kprobes.story import End


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine, the program and how it is run."""

    spec: str
    hit: int
    profile: str
    unmask_debug: bool
    json: str | None


@click.command(
    short_help="Tell of one hit of a probe, cycle by cycle.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 xol --unmask-debug sort.elf 'p quicksort'",
        "a64 xol --profile v7.2 sort.elf 'p quicksort+0x60' --hit 3",
        "a64 xol --profile v5.10 sort.elf 'r quicksort' --json -",
    ),
)
@with_machine_options
@click.argument("spec")
@with_run_options
@click.option(
    "--hit", type=parse_count, metavar="NUMBER", default="1", show_default=True, help="Which of its hits, from 1."
)
@profile_option
@unmask_option
@click.option("--json", metavar="FILE", help="Write the moments as JSON; - is stdout, instead of the text.")
@click.pass_context
def xol(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    run_options: RunOptions,
    **options: object,
) -> None:
    """Run PROGRAM as a64 run does, with a kprobe as SPEC says (a64 probe --help), and tell of one of its hits.

    From before the BRK to behind the instruction, each moment has: the cycle; D, I and SS of PSTATE as it is, and as
    the exception return will restore it; SS, KDE and MDE of MDSCR_EL1; the PC or, while an exception is handled, where
    the return leads (ELR_EL1), and the syndrome (ESR_EL1) in words; the slot and what is in it; the instruction; and
    why it is so, with the kernel function or the section of the Arm ARM that says so. What has changed is coloured on a
    terminal. Hits within the hit are indented. What the program prints is not shown.

    Of a return probe, the hit is told and then the return: the trampoline, up to where the caller goes on. A hit whose
    instruction faults is told to where the program has tried again.

    \b
    Exit status:
      0    the hit is told, whatever came of it; if the run ended before it was over, stderr tells
      2    wrong usage, a file that cannot be used, a probe that is refused, or there was no such hit
      124  --max-cycles ended the run before the hit
      125  the kernel would have died (BUG) before the hit
      130  Ctrl-C ended it
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    wanted = _Options(**options)  # type: ignore[arg-type]  # click gives what the options above say
    if wanted.hit == 0:
        raise click.UsageError("--hit counts from 1", ctx)
    with run_options.started(machine_options, is_heard=False) as (machine, host):
        check_files(machine_options, {"--json": wanted.json})
        ctx.exit(_tell(machine, host, run_options, wanted))


def _tell(machine: Machine, host: HostConsole, run_options: RunOptions, options: _Options) -> int:
    """Run to the hit, tell of it, and give the exit status."""
    from cli.probing import prepare  # noqa: PLC0415  (a wrong command line does without)
    from cli.specs import SpecLine, define  # noqa: PLC0415
    from cli.xol.act import Act  # noqa: PLC0415
    from kprobes.story import End  # noqa: PLC0415
    from kprobes.tracing import Tracer  # noqa: PLC0415

    kprobes = prepare(machine, PROFILES[options.profile], unmask_debug=options.unmask_debug)
    tracer = Tracer(kprobes, lambda _hit: None)
    define(tracer, [SpecLine(options.spec)])
    (event,) = tracer
    event.kprobe.post_handler = lambda *_: None  # so that there is something to be told of it

    with watching(machine, host) as watched:
        run = partial(_run, watched, run_options)
        act = Act(kprobes, event.probe, run, event=event.spec.event, spec=str(event.spec))
        found = act.hit(options.hit)
    if isinstance(found, End):
        return _say_there_was_none(machine, host, found, options)
    _show(host, found, options)
    if found.story.ended:
        ended = f"a64: the run ended before the hit was over: {found.story.ended}"
        host.tell("\n".join(report.fitted(ended, sys.stderr)))
    return console.INTERRUPTED if host.ended else 0


def _run(watched: Watched, run_options: RunOptions, until: int | None) -> Stop:
    """Run to an address, or to where the run ends by itself."""
    end = run_options.until
    if until is None or end is None:
        return watched.run(run_options.max_cycles, end if until is None else until)

    def is_there(cpu: Interpreter) -> bool:
        return cpu.pc in (until, end)

    stop = watched.run(run_options.max_cycles, is_there)
    if stop.reason is StopReason.UNTIL and watched.machine.cpu.pc == end:
        return Stop(StopReason.RETURNED, "the function returned")
    return stop


def _say_there_was_none(machine: Machine, host: HostConsole, end: End, options: _Options) -> int:
    stop = end.stop
    if end.died:
        host.tell("\n".join(report.fitted(f"a64: {stop.message}", sys.stderr)))
        host.tell(report.as_text(machine, console.width(sys.stderr)))
        return CANNOT_GO_ON
    count = f"{end.hits} hit{'s' if end.hits != 1 else ''}"
    if stop.reason in (StopReason.MAX_CYCLES, StopReason.INTERRUPTED):
        host.tell(f"a64: hit {options.hit} has not come: {count} until now")
        host.tell(complaint(machine, stop))
        return exit_status(stop)
    why = f" ({stop.message})" if stop.message else ""
    raise InputError(f"there is no hit {options.hit}: {count}, then the program ended{why}")


def _show(host: HostConsole, episode: Episode, options: _Options) -> None:
    from cli.xol import data, text  # noqa: PLC0415

    if options.json != "-":
        host.write_lines(Renderer()(text.lines(episode)))
    with output(options.json, host) as write:
        if write is not None:
            write(console.json_lines(data.as_json(episode)))
    host.flush()
    if host.failure is not None:
        raise host.failure
