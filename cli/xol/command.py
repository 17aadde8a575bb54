"""`a64 xol`, as it is called."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.devices.console import Console
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
    from aarch64.machine import Machine, Until
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions
    from cli.xol.act import Act
    from cli.xol.performance import Performance
    from kprobes.manager import Kprobes
    from kprobes.story import End
    from kprobes.tracing import TraceEvent


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
    svg: str | None
    html: str | None

    @property
    def exports(self) -> dict[str, str | None]:
        """The options that name a file to be written."""
        return {"--text": self.text, "--json": self.json, "--svg": self.svg, "--html": self.html}

    @property
    def opens_screen(self) -> bool:
        """Whether it is to be walked through at a terminal."""
        return not any(self.exports.values()) and console.has_screen()


@click.command(
    short_help="See one hit of a probe, moment by moment; lessons on how it works.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 xol --list                            what lessons there are",
        "a64 xol normal                            one of them, to be walked through at a terminal",
        "a64 xol normal --text -                   the same as text",
        "a64 xol normal --html normal.html         a page to be handed out",
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
@click.option("--svg", metavar="FILE", help="Draw a sequence diagram with the bits of each moment; - is stdout.")
@click.option("--html", metavar="FILE", help="Write a page to go through the moments in a browser; - is stdout.")
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
    a64 xol LESSON         one of the lessons of --list: a program, hits of it, what came of them, and a question
    a64 xol PROGRAM SPEC   runs PROGRAM as a64 run does, with a kprobe as SPEC says (a64 probe --help)

    At a terminal, it is walked through, forwards and backwards:

    \b
    n, right, space      the next moment           p, left    the moment before
    e, E                 to an exception           h, H       the next hit, the hit before
    r                    run to the end            g          go to a moment: 5, or 3:5 (of hit 3)
    [ ]                  the acts of a lesson      Home, End  the first and last moment of the hit
    ?                    all keys, and the marks   q          leave

    From before the BRK to behind the instruction, each moment has: the cycle; D, I and SS of PSTATE as it is, and as
    the exception return will restore it; SS, KDE and MDE of MDSCR_EL1; the PC or, while an exception is handled, where
    the return leads (ELR_EL1), and the syndrome (ESR_EL1) in words; the slot and what is in it; the instruction; and
    why it is so, with the kernel function or the section of the Arm ARM that says so. What has changed is coloured on a
    terminal. Hits within the hit are indented. What the program prints is not shown.

    Of a return probe, the hit is told and then the return: the trampoline, up to where the caller goes on. A hit whose
    instruction faults is told to where the program has tried again.

    The page of --html needs nothing but a browser: keys, clicks and buttons go through the moments, ? there tells
    which; it can be printed, and #s1m7 behind its address leads to moment 7 of scene 1. The picture of --svg is its
    diagram.

    Into a pipe, with TERM=dumb, or with --text -, all moments are printed as text. At a terminal, a program that is
    walked through has no input.

    \b
    Exit status:
      0    all is shown, whatever came of the hit; if the run ended before it was over, stderr tells
      2    wrong usage, a file that cannot be used, a probe that is refused, or there was no such hit
      124  --max-cycles ended the run before the hit
      125  the kernel would have died (BUG) before the hit
      130  Ctrl-C ended it

    Walking through it, what is not there is told on the screen, and q leaves with 0.
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
    with run_options.started(machine_options, _silent if wanted.opens_screen else _unheard) as (machine, host):
        check_files(machine_options, wanted.exports)
        event = _probed(machine, wanted)
        if wanted.opens_screen:
            ctx.exit(_walk_through(machine, event, run_options, machine_options.program, wanted))
        ctx.exit(_tell(machine, host, event, run_options, wanted))


def _unheard(host: HostConsole) -> Console:
    """Input for the program; what it prints is not shown."""
    return Console(lambda _data: None, host.console.source)


def _silent(_host: HostConsole) -> Console:
    """Neither: the keys are for what is on the screen."""
    return Console(lambda _data: None)


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
    if options.opens_screen:
        from cli.xol.screen.app import open_screen  # noqa: PLC0415  (it takes a quarter of a second)
        from cli.xol.screen.walk import Script  # noqa: PLC0415

        ctx.exit(open_screen(Script.of_lesson(LESSONS[name])))
    host = HostConsole()
    with interruptible(host):
        performance = LESSONS[name].perform()
    _show(host, performance, options)


# --- a program


def _probed(machine: Machine, options: _Options) -> tuple[Kprobes, TraceEvent]:
    """The machine, with the probe."""
    from cli.probing import prepare  # noqa: PLC0415  (a wrong command line does without)
    from cli.specs import SpecLine, define  # noqa: PLC0415
    from kprobes.tracing import Tracer  # noqa: PLC0415

    kprobes = prepare(machine, PROFILES[options.profile], unmask_debug=options.unmask_debug)
    tracer = Tracer(kprobes, lambda _hit: None)
    define(tracer, [SpecLine(options.spec)])
    (event,) = tracer
    event.kprobe.post_handler = lambda *_: None  # so that there is something to be told of it
    return kprobes, event


def _act(probed: tuple[Kprobes, TraceEvent], run: Callable[[int | None], Stop], options: _Options) -> Act:
    from cli.xol.act import Act  # noqa: PLC0415  (likewise)

    kprobes, event = probed
    return Act(kprobes, event.probe, run, event=event.spec.event, spec=str(event.spec), first=options.hit)


def _tell(
    machine: Machine,
    host: HostConsole,
    probed: tuple[Kprobes, TraceEvent],
    run_options: RunOptions,
    options: _Options,
) -> int:
    """Run to the hit, tell of it, and give the exit status."""
    from cli.xol.performance import Performance  # noqa: PLC0415  (likewise)
    from kprobes.story import End  # noqa: PLC0415

    with watching(machine, host) as watched:
        found = _act(probed, partial(_run, machine, watched.run, run_options), options).hit(options.hit)
    if isinstance(found, End):
        return _say_there_was_none(machine, host, found, options)
    _show(host, Performance((found,)), options)
    if found.story.ended:
        ended = f"a64: the run ended before the hit was over: {found.story.ended}"
        host.tell("\n".join(report.fitted(ended, sys.stderr)))
    return console.INTERRUPTED if host.ended else 0


def _walk_through(
    machine: Machine,
    probed: tuple[Kprobes, TraceEvent],
    run_options: RunOptions,
    program: str,
    options: _Options,
) -> int:
    """Open the screen, and give the exit status."""
    from cli.xol.screen.app import open_screen  # noqa: PLC0415  (it takes a quarter of a second)
    from cli.xol.screen.walk import Script  # noqa: PLC0415

    def run(max_cycles: int | None, until: Until | None) -> Stop:
        return machine.run(None if max_cycles is None else max_cycles - machine.cpu.cycles, until)

    act = _act(probed, partial(_run, machine, run, run_options), options)
    return open_screen(Script(f"{Path(program).name}: {options.spec}", (lambda: act,)))


def _run(
    machine: Machine,
    run: Callable[[int | None, Until | None], Stop],
    run_options: RunOptions,
    until: int | None,
) -> Stop:
    """Run to an address, or to where the run ends by itself."""
    end = run_options.until
    if until is None or end is None:
        return run(run_options.max_cycles, end if until is None else until)

    def is_there(cpu: Interpreter) -> bool:
        return cpu.pc in (until, end)

    stop = run(run_options.max_cycles, is_there)
    if stop.reason is StopReason.UNTIL and machine.cpu.pc == end:
        return Stop(StopReason.RETURNED, "the function returned")
    return stop


def _say_there_was_none(machine: Machine, host: HostConsole, end: End, options: _Options) -> int:
    from cli.xol.text import count, ending  # noqa: PLC0415  (likewise)

    stop = end.stop
    if end.died:
        host.tell("\n".join(report.fitted(f"a64: {stop.message}", sys.stderr)))
        host.tell(report.as_text(machine, console.width(sys.stderr)))
        return CANNOT_GO_ON
    if stop.reason in (StopReason.MAX_CYCLES, StopReason.INTERRUPTED):
        host.tell(f"a64: hit {options.hit} has not come: {count(end)} until now")
        host.tell(complaint(machine, stop))
        return exit_status(stop)
    raise InputError(f"there is no hit {options.hit}: {ending(end)}")


# --- what is written


def _show(host: HostConsole, performance: Performance, options: _Options) -> None:
    from cli.xol import data, text  # noqa: PLC0415  (a wrong command line does without)

    def shown() -> str:
        return Renderer()(text.lines(performance, console.width() if sys.stdout.isatty() else None))

    if not any(options.exports.values()):
        host.write_lines(shown())
    renderers: dict[str, Callable[[], str]] = {
        "--text": shown if options.text == "-" else lambda: console.plain(text.lines(performance, None)),
        "--json": lambda: console.json_lines(data.as_json(performance)),
        "--svg": lambda: _picture(performance),
        "--html": lambda: _page(performance),
    }
    for name, file in options.exports.items():
        with output(file, host) as write:
            if write is not None:
                write(renderers[name]())
    host.flush()
    if host.failure is not None:
        raise host.failure


def _picture(performance: Performance) -> str:
    from cli.xol.svg import as_svg  # noqa: PLC0415  (only who asks for it pays for it)

    return as_svg(performance)


def _page(performance: Performance) -> str:
    from cli.xol.page import as_html  # noqa: PLC0415  (likewise)

    return as_html(performance)
