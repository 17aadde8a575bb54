"""`a64 xol`, as it is called."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.stop import Stop, StopReason
from cli import console, report
from cli.console import InputError, Renderer, Span, Style
from cli.host_console import HostConsole
from cli.machine_options import with_optional_program
from cli.numbers import parse_count
from cli.probe import profile_option, unmask_option
from cli.running import CANNOT_GO_ON, check_files, complaint, exit_status, output, with_run_options
from cli.watching import interruptible, watching
from kprobes.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.interpreter import Interpreter
    from aarch64.machine import Machine
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions
    from cli.watching import Watched
    from cli.xol.performance import Performance
    from kprobes.story import End


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine, the program and how it is run."""

    spec: str
    hit: int
    profile: str
    unmask_debug: bool
    listed: bool
    text: str | None
    json: str | None

    @property
    def exports(self) -> dict[str, str | None]:
        """The options that name a file to be written."""
        return {"--text": self.text, "--json": self.json}


@click.command(
    short_help="See one hit of a probe, moment by moment; lessons on how it works.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 xol normal                            a lesson",
        "a64 xol --unmask-debug sort.elf 'p quicksort'",
        "a64 xol --profile v7.2 sort.elf 'p quicksort+0x60' --hit 3",
        "a64 xol --profile v5.10 sort.elf 'r quicksort' --json -",
    ),
)
@with_optional_program
@click.argument("spec", required=False, default="")
@with_run_options
@click.option(
    "--hit", type=parse_count, metavar="NUMBER", default="1", show_default=True, help="Which of its hits, from 1."
)
@profile_option
@unmask_option
@click.option("--list", "listed", is_flag=True, help="Print which lessons there are.")
@click.option("--text", metavar="FILE", help="Write all moments as text; - is stdout.")
@click.option("--json", metavar="FILE", help="Write all moments as JSON; - is stdout.")
@click.pass_context
def xol(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    run_options: RunOptions,
    **options: object,
) -> None:
    """See how the instruction of a probe is executed out of line: a lesson, or one hit in a program of yours.

    \b
    a64 xol LESSON         one of the lessons of --list, which ends with a question
    a64 xol PROGRAM SPEC   runs PROGRAM as a64 run does, with a kprobe as SPEC says (a64 probe --help)

    From before the BRK to behind the instruction, each moment has: the cycle; D, I and SS of PSTATE as it is, and as
    the exception return will restore it; SS, KDE and MDE of MDSCR_EL1; the PC or, while an exception is handled, where
    the return leads (ELR_EL1), and the syndrome (ESR_EL1) in words; the slot and what is in it; the instruction; and
    why it is so, with the kernel function or the section of the Arm ARM that says so. What has changed is coloured on a
    terminal. Hits within the hit are indented. What the program prints is not shown.

    Of a return probe, the hit is told and then the return: the trampoline, up to where the caller goes on. A hit whose
    instruction faults is told to where the program has tried again.

    Without an option that names a FILE, all moments are printed as text.

    \b
    Exit status:
      0    all is shown, whatever came of the hit; if the run ended before it was over, stderr tells
      2    wrong usage, a file that cannot be used, a probe that is refused, or there was no such hit
      124  --max-cycles ended the run before the hit
      125  the kernel would have died (BUG) before the hit
      130  Ctrl-C ended it
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    wanted = _Options(**options)  # type: ignore[arg-type]  # click gives what the options above say
    if wanted.listed:
        _show_list()
        return
    if wanted.hit == 0:
        raise click.UsageError("--hit counts from 1", ctx)
    if [*wanted.exports.values()].count("-") > 1:
        raise click.UsageError("standard output can be written to by one option only", ctx)
    if not wanted.spec:
        _teach(ctx, machine_options.program, wanted)
        return
    with run_options.started(machine_options, is_heard=False) as (machine, host):
        check_files(machine_options, wanted.exports)
        ctx.exit(_tell(machine, host, run_options, wanted))


# --- lessons


def _show_list() -> None:
    from cli.lessons import LESSONS  # noqa: PLC0415  (only who asks for it pays for it)

    size = max(map(len, LESSONS))
    columns = console.width() if sys.stdout.isatty() else None
    for lesson in LESSONS.values():
        first, *others = report.wrapped(lesson.title, columns and columns - size - 2) or [""]
        console.write([[Span(lesson.name.ljust(size), Style.SYMBOL), f"  {first}"]])
        console.write(" " * (size + 2) + line for line in others)


def _teach(ctx: click.Context, name: str, options: _Options) -> None:
    from cli.lessons import LESSONS  # noqa: PLC0415  (likewise)

    if name not in LESSONS:
        raise click.UsageError(
            f"there is no lesson {name!r}: a64 xol --list has them; of a program, give a SPEC, too", ctx
        )
    for given in ("profile", "unmask_debug", "hit"):
        if ctx.get_parameter_source(given) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"a lesson has its own --{given.replace('_', '-')}", ctx)
    check_files(None, options.exports)
    host = HostConsole()
    with interruptible(host):
        performance = LESSONS[name].perform()
    _show(host, performance, options)


# --- a program


def _tell(machine: Machine, host: HostConsole, run_options: RunOptions, options: _Options) -> int:
    """Run to the hit, tell of it, and give the exit status."""
    from cli.probing import prepare  # noqa: PLC0415  (a wrong command line does without)
    from cli.specs import SpecLine, define  # noqa: PLC0415
    from cli.xol.act import Act  # noqa: PLC0415
    from cli.xol.performance import Performance  # noqa: PLC0415
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
    _show(host, Performance((found,)), options)
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


# --- what is written


def _show(host: HostConsole, performance: Performance, options: _Options) -> None:
    from cli.xol import data, text  # noqa: PLC0415  (a wrong command line does without)

    if not any(options.exports.values()):
        columns = console.width() if sys.stdout.isatty() else None
        host.write_lines(Renderer()(text.lines(performance, columns)))
    renderers: dict[str, Callable[[], str]] = {
        "--text": lambda: console.plain(text.lines(performance, None)),
        "--json": lambda: console.json_lines(data.as_json(performance)),
    }
    for name, file in options.exports.items():
        with output(file, host) as write:
            if write is not None:
                write(renderers[name]())
    host.flush()
    if host.failure is not None:
        raise host.failure
