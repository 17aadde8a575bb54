"""`a64 xol`: a hit of a probe, moment by moment: how its instruction is executed out of line."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.stop import Stop, StopReason
from cli import console, report
from cli.console import InputError, Renderer, Span, Style
from cli.machine_options import with_machine_options
from cli.numbers import parse_count
from cli.probe import profile_option, unmask_option
from cli.running import CANNOT_GO_ON, check_files, complaint, exit_status, output, with_run_options
from cli.watching import watching
from kprobes.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aarch64.interpreter import Interpreter
    from aarch64.machine import Machine
    from cli.host_console import HostConsole
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions
    from cli.watching import Watched
    from kprobes.host import Strip
    from kprobes.manager import Kprobes
    from kprobes.story import Story, StoryMoment
    from kprobes.tracing import TraceEvent


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
    from kprobes.arch.recorder import seek, tell  # noqa: PLC0415
    from kprobes.errors import KprobesError  # noqa: PLC0415
    from kprobes.tracing import Tracer  # noqa: PLC0415

    kprobes = prepare(machine, PROFILES[options.profile], unmask_debug=options.unmask_debug)
    tracer = Tracer(kprobes, lambda _hit: None)
    define(tracer, [SpecLine(options.spec)])
    (event,) = tracer
    event.kprobe.post_handler = lambda *_: None  # so that there is something to be told of it

    try:
        with watching(machine, host) as watched:
            run = partial(_run, watched, run_options)
            hits, stop = seek(kprobes, event.kprobe, options.hit, run)
            story = tell(kprobes, event.probe, run) if stop is None else None
    except KprobesError as error:
        host.clear_status()
        host.tell("\n".join(report.fitted(f"a64: {error}", sys.stderr)))
        host.tell(report.as_text(machine, console.width(sys.stderr)))
        return CANNOT_GO_ON
    if stop is not None:
        return _say_there_was_none(machine, host, stop, hits, options)
    assert story is not None
    _show(host, kprobes, event, story, options)
    if story.ended:
        host.tell("\n".join(report.fitted(f"a64: the run ended before the hit was over: {story.ended}", sys.stderr)))
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


def _say_there_was_none(machine: Machine, host: HostConsole, stop: Stop, hits: int, options: _Options) -> int:
    count = f"{hits} hit{'s' if hits != 1 else ''}"
    if stop.reason in (StopReason.MAX_CYCLES, StopReason.INTERRUPTED):
        host.tell(f"a64: hit {options.hit} has not come: {count} until now")
        host.tell(complaint(machine, stop))
        return exit_status(stop)
    why = f" ({stop.message})" if stop.message else ""
    raise InputError(f"there is no hit {options.hit}: {count}, then the program ended{why}")


def _show(host: HostConsole, kprobes: Kprobes, event: TraceEvent, story: Story, options: _Options) -> None:
    if options.json != "-":
        page = _Page(kprobes).lines(_title(kprobes, event, options), story.moments)
        host.write_lines(Renderer()(page))
    with output(options.json, host) as write:
        if write is not None:
            write(console.json_lines(_as_json(kprobes, event, story, options)))
    host.flush()
    if host.failure is not None:
        raise host.failure


# --- text


def _title(kprobes: Kprobes, event: TraceEvent, options: _Options) -> Iterator[console.Line]:
    where = kprobes.machine.locate(event.kprobe.at)
    text = event.kprobe.execution.instruction.text(event.kprobe.at)
    profile = kprobes.profile
    yield [console.heading(f"hit {options.hit} of {event.spec.event} at {where}: {text}")]
    yield f"profile {profile.name}: {profile.summary}"


_TITLE_WIDTH = 26
_HEAD = (
    f"{'':8}{'':{_TITLE_WIDTH}}  PSTATE   saved    MDSCR",
    f"{'cycle':>6}  {'moment':{_TITLE_WIDTH}}  D I SS   D I SS   SS KDE MDE",
)
_BITS = (("d", 1), ("i", 2), ("ss", 3), ("r_d", 4), ("r_i", 2), ("r_ss", 3), ("mdscr_ss", 5), ("kde", 4), ("mde", 4))
"""The bits of a row, and how wide each is."""
_GROUPS = {"PSTATE": ("d", "i", "ss"), "saved": ("r_d", "r_i", "r_ss"), "MDSCR_EL1": ("mdscr_ss", "kde", "mde")}
_INDENT = " " * 8


class _Page:
    """The moments as text: a row of bits each, then where it is, then why."""

    def __init__(self, kprobes: Kprobes) -> None:
        self._machine = kprobes.machine
        is_terminal = sys.stdout.isatty()
        self._is_narrow = is_terminal and console.width() < max(map(len, _HEAD))

    def lines(self, title: Iterable[console.Line], moments: Sequence[StoryMoment]) -> Iterator[console.Line]:
        """The whole page."""
        for line in title:
            yield from self._fitted(line)
        yield ""
        if not self._is_narrow:
            yield from ([Span(line, Style.NOTE)] for line in _HEAD)
        before: Strip | None = None
        for moment in moments:
            yield from self._moment_lines(moment, before)
            before = moment.strip

    def _fitted(self, line: console.Line) -> Iterator[console.Line]:
        if isinstance(line, str):
            yield from report.fitted(line, sys.stdout)
            return
        for span in line:
            assert isinstance(span, Span)
            yield from ([Span(part, span.style)] for part in report.fitted(span.text, sys.stdout))

    def _moment_lines(self, moment: StoryMoment, before: Strip | None) -> Iterator[console.Line]:
        title = f"{'  ' * moment.depth}{moment.title}"
        if self._is_narrow:
            yield [Span(f"{moment.cycle:6}", Style.ADDRESS), "  ", console.heading(title)]
            yield from report.fitted(_bits_in_words(moment.strip), sys.stdout, _INDENT)
        else:
            yield [
                Span(f"{moment.cycle:6}", Style.ADDRESS),
                "  ",
                console.heading(f"{title:{_TITLE_WIDTH}}"),
                "  ",
                *_row(moment.strip, before),
            ]
        indent = _INDENT + "  " * moment.depth
        yield from report.fitted(self._facts(moment), sys.stdout, indent)
        for line in report.fitted(f"{moment.why} [{moment.source}]", sys.stdout, indent):
            yield [Span(line, Style.NOTE)]

    def _facts(self, moment: StoryMoment) -> str:
        """Where it is: PC or ELR and ESR, the slot, the instruction."""
        facts = []
        if moment.elr is not None:
            facts.append(f"elr {self._machine.locate(moment.elr)}")
            facts.append(f"esr {moment.esr:#x}: {moment.esr_text}")
        elif moment.pc is not None:
            facts.append(f"pc {self._machine.locate(moment.pc)}")
        if moment.slot is not None:
            words = " ".join(f"{word:08x}" for word in moment.slot_words)
            facts.append(f"slot {moment.slot:#x}: {words}")
        if moment.instruction is not None:
            facts.append(moment.instruction.text)
        return "; ".join(facts)


def _row(strip: Strip, before: Strip | None) -> Iterator[str | Span]:
    """The bits in their columns; what has changed since the moment before is made visible."""
    for name, size in _BITS:
        value = getattr(strip, name)
        text = "-" if value is None else str(value)
        changed = before is not None and value is not None and value != getattr(before, name)
        yield " " * (size - 1)
        yield Span(text, Style.BAD) if changed else text


def _bits_in_words(strip: Strip) -> str:
    groups = []
    for group, names in _GROUPS.items():
        values = {name: getattr(strip, name) for name in names}
        if None not in values.values():
            bits = " ".join(
                f"{name.removeprefix('r_').removeprefix('mdscr_').upper()}={values[name]}" for name in names
            )
            groups.append(f"{group} {bits}")
    return "; ".join(groups)


# --- JSON


def _as_json(kprobes: Kprobes, event: TraceEvent, story: Story, options: _Options) -> dict[str, Any]:
    """The hit as JSON: 64-bit values in hexadecimal strings, words of code as 8 digits, bits as numbers."""
    instruction, slot = event.kprobe.execution.instruction, event.kprobe.execution.slot
    return {
        "profile": kprobes.profile.name,
        "spec": str(event.spec),
        "hit": options.hit,
        "probe": {
            "address": _hex(event.kprobe.at),
            "symbol": kprobes.name(event.kprobe.at),
            "word": f"{instruction.word:08x}",
            "text": instruction.text(event.kprobe.at),
            "slot": _hex(slot),
        },
        "ended": story.ended,
        "moments": [_moment_as_json(moment) for moment in story.moments],
    }


def _moment_as_json(moment: StoryMoment) -> dict[str, Any]:
    strip, executed = moment.strip, moment.instruction
    saved = None if strip.r_d is None else {"d": strip.r_d, "i": strip.r_i, "ss": strip.r_ss}
    return {
        "moment": moment.key,
        "title": moment.title,
        "cycle": moment.cycle,
        "depth": moment.depth,
        "probe": _hex(moment.probe),
        "el": moment.el,
        "pc": _hex(moment.pc),
        "pstate": {"d": strip.d, "i": strip.i, "ss": strip.ss},
        "saved": saved,
        "mdscr": {"value": _hex(moment.mdscr), "ss": strip.mdscr_ss, "kde": strip.kde, "mde": strip.mde},
        "elr": _hex(moment.elr),
        "spsr": _hex(moment.spsr),
        "esr": _hex(moment.esr),
        "syndrome": moment.esr_text,
        "slot": _hex(moment.slot),
        "slot_words": [f"{word:08x}" for word in moment.slot_words],
        "instruction": None
        if executed is None
        else {"address": _hex(executed.address), "word": f"{executed.word:08x}", "text": executed.text},
        "instructions": moment.instructions,
        "why": moment.why,
        "source": moment.source,
    }


def _hex(value: int | None) -> str | None:
    return None if value is None else f"{value:#x}"
