"""`a64 probe`: kprobes on a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import click

from cli import console
from cli.machine_options import with_optional_program
from cli.running import check_files, with_run_options
from cli.specs import spec_files
from kprobes.profiles import PROFILES, V15

if TYPE_CHECKING:
    from cli.machine_options import MachineOptions
    from cli.running import RunOptions

profile_option = click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    default=V15.name,
    show_default=True,
    help="Whose kprobes: a kernel's, or our own strict ones.",
)
unmask_option = click.option(
    "--unmask-debug",
    is_flag=True,
    help="Start with PSTATE.D clear, as the kernel's code runs: else no step is taken until the program clears it.",
)


@attrs.frozen
class _Options:
    """What the command line asks for, beyond the machine, the program and how it is run."""

    specs: tuple[str, ...]
    profile: str
    unmask_debug: bool
    json: str | None
    perfetto: str | None
    listed: bool
    blacklist: bool
    verdict: bool
    words: str | None
    audit: bool
    seed: int
    cases: int | None


_WITHOUT_RUN = {"listed": "--list", "blacklist": "--blacklist", "verdict": "--verdict", "audit": "--audit"}
"""What is told without running anything: one of these at a time."""


@click.command(
    short_help="Run a program with probes, or tell what can be probed.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 probe --unmask-debug sort.elf -p 'p quicksort low=$arg1 first=+0($arg1):u32'",
        "a64 probe --profile v7.2 sort.elf -p 'r16:back quicksort' --max-cycles 100000",
        "a64 probe --profile v5.10 kernel.elf -p @kprobe_events --json hits.json",
        "a64 probe --unmask-debug sort.elf -p 'p quicksort' --perfetto timeline.json",
        "a64 probe sort.elf -p 'p quicksort+8' --list",
        "a64 probe --verdict sort.elf --profile v4.8",
        "echo d503201f | a64 probe --verdict --words - --profile v7.2",
        "a64 probe --audit --profile v4.8",
        "a64 probe --audit --profile v7.2 --cases 50 --seed 1 --json audit.json",
    ),
)
@with_optional_program
@with_run_options
@click.option(
    "-p",
    "specs",
    multiple=True,
    metavar="SPEC",
    help="A probe, in the language of kprobe_events; @FILE has one a line. Repeatable.",
)
@profile_option
@unmask_option
@click.option(
    "--json",
    metavar="FILE",
    help="Write events and hits, the verdicts, or what --audit found, as JSON; - is stdout, where then nothing else is "
    "told of them.",
)
@click.option(
    "--perfetto",
    metavar="FILE",
    help="Write a timeline of the run for ui.perfetto.dev or chrome://tracing, 1 cycle as 1 us; - is stdout, likewise.",
)
@click.option("--list", "listed", is_flag=True, help="Print the probes as /sys/kernel/debug/kprobes/list; run nothing.")
@click.option("--blacklist", is_flag=True, help="Print where no probe may be, and why; run nothing.")
@click.option("--verdict", is_flag=True, help="Print the verdict on every instruction, with the reason; run nothing.")
@click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="With --verdict: read words in hexadecimal, one a line (- for standard input), and print reject, slot or "
    "simulate for each.",
)
@click.option(
    "--audit", is_flag=True, help="Search for what the profile accepts though it does something else when probed."
)
@click.option("--seed", type=int, default=0, show_default=True, help="With --audit: which random cases are drawn.")
@click.option(
    "--cases",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --audit: how many random cases are drawn of each definition.  [default: 8]",
)
@click.pass_context
def probe(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    run_options: RunOptions,
    **options: object,
) -> None:
    """Run PROGRAM as a64 run does, with kprobes on its code at EL1, which counts as the kernel.

    A SPEC is a line of Linux's kprobe_events:

    \b
    p[:[GROUP/]EVENT] SYMBOL[+OFFSET]|ADDRESS [FETCH]...   an instruction
    r[MAX][:[GROUP/]EVENT] SYMBOL [FETCH]...               returns from a function, MAX calls under way
    -:[GROUP/]EVENT                                        takes an event away again
    FETCH  [NAME=]WHAT[:TYPE]: a value to record
    WHAT   %REGISTER $argN $retval $stack $stackN @ADDRESS @SYMBOL[+-OFFSET] +-OFFSET(WHAT) \\NUMBER
    TYPE   u8-u64 s8-s64 x8-x64 char symbol string bWIDTH@OFFSET/SIZE; with [COUNT], an array in memory

    Each hit has a line: the cycle, the event, the PC and what is recorded; of a return, where the function returns to
    and which one it is. At the end, a table: how the instruction is executed (step, BRK, simulation), hits, what was
    missed and why, and what all hits of the instruction took in cycles and exceptions, its own execution included.
    Missed is a hit within a hit (re-entry), a call for which a return probe has no instance left, a hit that ran off
    its slot because no step was taken, or one that the kernel at EL1 does not see. What the kernel prints, and why a
    probe does not work, is on stderr.

    --perfetto writes Chrome's trace events: one cycle is shown as one microsecond. There are tracks for the functions
    the guest is in (as its calls and returns tell, 500 deep), for exceptions until they are returned from, for
    handlers, slots, hits and misses, and counters for the bits that decide whether a step is taken. What takes no
    cycle, as a handler that is not in the guest, is an instant. The file has 1,000,000 events at most: stderr tells at
    which cycle it ends, and the run goes on. The run is the same to the cycle, and takes 2 to 12 times as long.

    \b
    --verdict  tells of each instruction what would become of a probe on it: reject (it cannot be probed), slot (a copy
               is executed out of line) or simulate (the handler does what it does). With --words, of words by
               themselves; in a program, what is between a load-exclusive and its store-exclusive is refused.
    --audit    executes all that is implemented, in directed and in random states, with a probe by the rules of the
               profile and without: what is accepted and ends in another state, with the smallest state that shows it;
               and what is refused, though no state was found in which it would. It needs no PROGRAM.
    --list, --blacklist  show what /sys/kernel/debug/kprobes does.

    \b
    Exit status:
      the program's own, when it exits through semihosting or PSCI (SYSTEM_OFF is 0)
      0    the function of --call returned; or what was asked for without running is printed, whatever --audit found
      2    wrong usage, a file that cannot be used, or a probe that is refused: stderr tells the rule,
           and the nearest places that can be probed
      124  --max-cycles ended it
      125  it cannot go on; or the kernel would have died of a probe (BUG), which stderr tells, with the registers
      130  Ctrl-C ended it
      141  nobody reads its output any more
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    wanted = _Options(**options)  # type: ignore[arg-type]  # click gives what the options above say
    _check(ctx, machine_options, wanted)
    if wanted.audit:
        _audit(wanted)
        return
    if wanted.verdict:
        _show_verdicts(machine_options, wanted)
        return
    ctx.exit(_probe(machine_options, run_options, wanted))


def _check(ctx: click.Context, machine_options: MachineOptions, options: _Options) -> None:
    """Refuse options that do not go together."""
    asked = [name for field, name in _WITHOUT_RUN.items() if getattr(options, field)]
    if len(asked) > 1:
        raise click.UsageError(f"{asked[0]} and {asked[1]} are two questions: give one of them", ctx)
    if options.audit:
        _check_audit(ctx, machine_options, options)
        return
    is_probed = not (options.verdict or options.blacklist)
    for is_wrong, why in (
        (options.cases is not None or options.seed, "--seed and --cases are for --audit"),
        (options.words is not None and not options.verdict, "--words is for --verdict"),
        (
            options.verdict and bool(machine_options.program) == (options.words is not None),
            "give a PROGRAM, or --words FILE",
        ),
        (not machine_options.program and not options.verdict, "give a PROGRAM"),
        (options.specs and not is_probed, f"{''.join(asked)} needs no probes: leave out -p"),
        (not options.specs and is_probed, "say what to do: -p SPEC, --list, --blacklist, --verdict or --audit"),
        (
            options.json is not None and (options.listed or options.blacklist),
            f"there is no --json of {''.join(asked)}",
        ),
        (options.perfetto is not None and asked, f"--perfetto is of a run, and {''.join(asked)} runs nothing"),
        (
            options.perfetto == options.json == "-",
            "--json and --perfetto cannot both be on stdout: give one of them a file",
        ),
    ):
        if is_wrong:
            raise click.UsageError(why, ctx)


def _check_audit(ctx: click.Context, machine_options: MachineOptions, options: _Options) -> None:
    if machine_options.program:
        raise click.UsageError("--audit is of a profile: leave out the PROGRAM", ctx)
    if options.specs or options.words is not None:
        raise click.UsageError("--audit needs neither probes nor words: leave out -p and --words", ctx)
    if options.perfetto is not None:
        raise click.UsageError("--perfetto is of a run, and --audit runs nothing", ctx)


def _audit(options: _Options) -> None:
    from cli.audit import show_audit  # noqa: PLC0415  (only who asks for it pays for it)

    show_audit(PROFILES[options.profile], options.seed, options.cases, options.json)


def _show_verdicts(machine_options: MachineOptions, options: _Options) -> None:
    from cli.verdicts import show_program, show_words  # noqa: PLC0415  (only who asks for it pays for it)

    profile = PROFILES[options.profile]
    if options.words is not None:
        show_words(options.words, profile, options.json)
    else:
        show_program(machine_options.program, machine_options.base, profile, options.json)


def _probe(machine_options: MachineOptions, run_options: RunOptions, options: _Options) -> int:
    from cli.probing import ProbeOptions, run_probed, show_blacklist, show_list  # noqa: PLC0415  (likewise)

    wanted = ProbeOptions(
        options.specs,
        PROFILES[options.profile],
        options.json,
        options.unmask_debug,
        program=machine_options.program,
        perfetto=options.perfetto,
    )
    with run_options.started(machine_options) as (machine, host):
        check_files(
            machine_options, {"--json": options.json, "--perfetto": options.perfetto}, spec_files(options.specs)
        )
        if options.listed:
            show_list(machine, wanted)
            return 0
        if options.blacklist:
            show_blacklist(machine, wanted)
            return 0
        return run_probed(machine, host, run_options, wanted)
