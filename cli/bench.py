"""`a64 bench`: how fast the interpreter is, beside Python written by hand and beside other emulators."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cli import console, probe_bench, report
from cli.bench_results import PROMISES, RATIOS, Results, Row
from cli.bench_tables import number, table
from cli.console import InputError, Span, Style, heading
from cli.decode_bench import DECODING
from cli.engines import ENGINES, Engine
from cli.kernels import WORKLOADS, Workload
from cli.numbers import parse_count
from cli.program_bench import EXECUTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRONG = 1
"""The exit status after a wrong result."""

_RATED = {section.name: section for section in (DECODING, EXECUTION)}
"""What is measured in things per second, by name."""


@click.command(
    short_help="Measure how fast it is, beside others.",
    epilog=console.examples(
        "a64 bench",
        "a64 bench lcg fibonacci --rounds 9",
        "a64 bench decode programs",
        "a64 bench --no-peers --instructions 500000 --json",
    ),
)
@click.argument("names", nargs=-1, metavar="[WORKLOAD]...")
@click.option(
    "--instructions",
    type=parse_count,
    metavar="N",
    default="2000000",
    show_default=True,
    help="About how many instructions a run of a kernel has; slow ways have a part of them.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    show_default=True,
    help="How often each is measured; the median counts.",
)
@click.option("--no-peers", is_flag=True, help="Leave out other emulators.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the size and the speed in each round.")
@click.pass_context
def bench(
    ctx: click.Context, names: tuple[str, ...], instructions: int, rounds: int, no_peers: bool, as_json: bool
) -> None:
    """Run workloads in every way there is, and print instructions per second, ratios and what is promised of them.

    All in one process, one after the other, in rounds. Every result is compared with that of the same algorithm in
    Python: a wrong one is told on stderr instead of a row, and the exit status is 1. Speed is not judged: machines
    are noisy. Ctrl-C prints what there is.

    \b
    Workloads, all without names given:
      lcg         a 64-bit linear congruential generator
      strings     strlen and memcpy by bytes
      sieve       primes by Eratosthenes, a byte a number
      sha256      SHA-256's compression
      fibonacci   Fibonacci numbers by recursion
      sha256.elf  the example program sha256.O2.elf
      sort.elf    the example program sort_search.O2.elf
      bytecode    an interpreter: a jump table, BR
      chase       pointers followed around a linked list
      patching    a loop that rewrites its own code
      probes      what kprobes cost, in a table of its own: cycles, exceptions and
                  time that a hit adds, and a loop hit once in 4,000 instructions
      decode      words decoded per second, one for 100 of --instructions
      programs    small programs executed per second, one for 20,000

    The first five are the kernels. What is promised is of the geometric mean over them, or over those that are loops:
    all but fibonacci.

    \b
    Columns, with the part of --instructions that a run has:
      exact      1/10    the exact tier
      step()     1/40    the exact tier, step() called from Python
      whole      1       the hot path on a fresh machine, with all compiling
      warm       1       the hot path, when all code is compiled
      watched    1/10    the same with an observer of each instruction, in Python
      Python     1       the workload written by hand in Python
      JIT        1       Unicorn's emu_start()
      hook       1/10    the same with a UC_HOOK_CODE in Python
      count=1    1/40    Unicorn's emu_start(count=1), called from Python
      manticore  1/1000  manticore's CPU for AArch64

    Python does the same work: its instructions are those that the guest needs for it. Unicorn and manticore have
    columns if they are installed. The example programs always run as a whole, the last three workloads with 1/10 at
    most.

    What decode and programs measure, in tables of their own: words of all definitions, random ones and those of two
    programs, each decoded anew, to fields or to fields and text, beside capstone's Python binding without details
    and with them, and llvm-mc; random programs, each set up and executed once, beside Unicorn made anew or reused.
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    workloads = _named(names)
    with_probes = not names or probe_bench.SECTION in names
    rated = [section for name, section in _RATED.items() if not names or name in names]
    engines, notes = _available(with_peers=not no_peers) if workloads else ([], [])
    results = Results(instructions, rounds, engines, notes)
    interruption = None
    try:
        for workload in workloads:
            results.measure(workload, console.progress)
        if with_probes:
            results.probes = probe_bench.measure(rounds, console.progress)
        for section in rated:
            results.measure_rates(section, console.progress, with_peers=not no_peers)
    except KeyboardInterrupt as error:
        interruption = error
    console.progress("")
    if as_json:
        console.write_json(results.as_json())
    else:
        console.write(_page(results))
    for fault in results.faults:
        console.tell(f"a64: wrong result: {fault}")
    if interruption is not None:
        raise interruption
    if results.faults:
        ctx.exit(_WRONG)


def _named(names: Sequence[str]) -> list[Workload]:
    known = [*WORKLOADS, probe_bench.SECTION, *_RATED]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no workload {unknown[0]!r}: there are {', '.join(known)}")
    return [workload for name, workload in WORKLOADS.items() if not names or name in names]


def _available(*, with_peers: bool) -> tuple[list[Engine], list[str]]:
    """The engines there are and, of each package that is missing, why."""
    candidates = [engine for engine in ENGINES.values() if with_peers or not engine.package]
    reasons = {engine.name: engine.missing() for engine in candidates}
    engines = [engine for engine in candidates if not reasons[engine.name]]
    return engines, list(dict.fromkeys(reason for reason in reasons.values() if reason))


# --- the page


def _page(results: Results) -> Iterator[console.Line]:
    rows = results.rows
    if rows:
        yield [heading("Million instructions per second")]
        names = [engine.name for engine in results.engines]
        yield from table(
            [engine.heading for engine in results.engines],
            [[row.workload.name, *(_speed(row, name) for name in names)] for row in rows],
        )
        yield ""
        yield [heading("Ratios")]
        ratios = [pair for pair in RATIOS if set(pair) <= set(names)]
        yield from table(
            [(f"{numerator} /", denominator) for numerator, denominator in ratios],
            [[row.workload.name, *(number(row.ratio(*pair)) for pair in ratios)] for row in rows],
        )
        yield ""
        yield from _promises(rows)
    if results.probes:
        yield from _probes(results.probes, is_first=not rows)
    for index, rates in enumerate(shown := [rates for rates in results.rates if rates.rows]):
        if index or rows or results.probes:
            yield ""
        yield from rates.page()
    notes = [*results.notes, *(note for rates in shown for note in rates.notes)]
    for note in dict.fromkeys(notes):
        for line in report.fitted(note, sys.stdout):
            yield [Span(line, Style.NOTE)]


def _speed(row: Row, name: str) -> str:
    cell = row.cells.get(name)
    return number(None if cell is None else cell.speed / 1e6)


def _promises(rows: Sequence[Row]) -> Iterator[console.Line]:
    """Each promise beside what was measured."""
    width = max(len(promise.name) for promise in PROMISES)
    yield [heading(f"{'What is promised':<{width}}  measured  promised")]
    for promise in PROMISES:
        value, over = promise.measured(rows)
        partial = f"  {len(over)} of {len(promise.workloads)}" if 0 < len(over) < len(promise.workloads) else ""
        yield [f"{promise.name:<{width}}  {number(value):>8}  {f'>= {promise.least:g}':>8}", Span(partial, Style.NOTE)]


def _probes(costs: Sequence[probe_bench.Cost], *, is_first: bool) -> Iterator[console.Line]:
    """What probes cost."""
    if not is_first:
        yield ""
    yield [heading("What a hit of a probe costs, and a loop hit once in 4,000 instructions")]
    yield from table(
        [("cycles", "a hit"), ("exceptions", "a hit"), ("microseconds", "a hit"), ("loop", "M/s"), ("probed", "M/s")],
        [
            [
                cost.method.name,
                f"{cost.cycles:g}",
                f"{cost.exceptions:g}",
                f"{cost.seconds * 1e6:.0f}",
                number(cost.unprobed / 1e6),
                number(cost.probed / 1e6),
            ]
            for cost in costs
        ],
    )
