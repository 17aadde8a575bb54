"""`a64 bench`: how fast the interpreter is, beside Python written by hand and beside other emulators."""

from __future__ import annotations

import math
import platform
import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.errors import AArch64Error
from cli import console, probe_bench, report
from cli.console import InputError, Span, Style, heading
from cli.engines import ENGINES, Engine, Run, Sample, UnavailableError, WrongResultError
from cli.kernels import KERNELS, LOOPS, WORKLOADS, Workload
from cli.numbers import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_WRONG = 1
"""The exit status after a wrong result."""


@click.command(
    short_help="Measure how fast it is, beside others.",
    epilog=console.examples(
        "a64 bench",
        "a64 bench lcg fibonacci --rounds 9",
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
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    workloads = _named(names)
    with_probes = not names or probe_bench.SECTION in names
    engines, notes = _available(with_peers=not no_peers)
    results = Results(instructions, rounds, engines, notes)
    interruption = None
    try:
        for workload in workloads:
            results.measure(workload, console.progress)
        if with_probes:
            results.probes = probe_bench.measure(rounds, console.progress)
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
    known = [*WORKLOADS, probe_bench.SECTION]
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


# --- measuring


@attrs.define
class Cell:
    """One engine on one workload: the instructions of a run, and the seconds of each round."""

    engine: Engine
    size: int
    instructions: int = 0
    seconds: list[float] = attrs.field(factory=list)

    @property
    def speeds(self) -> list[float]:
        """Instructions per second, by round."""
        return [self.instructions / seconds for seconds in self.seconds]

    @property
    def speed(self) -> float:
        """Their median."""
        return statistics.median(self.speeds)


@attrs.define(eq=False)
class Row:
    """One workload, and the engines on it, by name."""

    workload: Workload
    cells: dict[str, Cell] = attrs.field(factory=dict)
    _runs: dict[str, Run] = attrs.field(factory=dict)
    _results: dict[int, int | str] = attrs.field(factory=dict)
    _instructions: dict[int, int] = attrs.field(factory=dict)

    def prepare(self, engine: Engine, instructions: int) -> None:
        """Have an engine ready for about so many instructions; UnavailableError if it cannot run the workload."""
        size = self.workload.size_for(instructions // max(engine.share, self.workload.share))
        self._runs[engine.name] = _asking(engine, lambda: engine.prepare(self.workload, size))
        self.cells[engine.name] = Cell(engine, size)

    def measure(self, cell: Cell) -> None:
        """One round of one engine; WrongResultError if it does not compute what the twin does."""
        sample: Sample = _asking(cell.engine, self._runs[cell.engine.name])
        size = cell.size
        if size not in self._results:
            self._results[size] = self.workload.twin(size)
        if sample.result != self._results[size]:
            raise WrongResultError(f"{_shown(sample.result)} instead of {_shown(self._results[size])}, size {size}")
        cell.instructions = self._count(size, sample)
        cell.seconds.append(sample.seconds)

    def _count(self, size: int, sample: Sample) -> int:
        """The instructions of a run, which all engines that count them agree on."""
        if size not in self._instructions:
            counting = sample if sample.instructions else ENGINES["exact"].prepare(self.workload, size)()
            assert counting.instructions is not None
            self._instructions[size] = counting.instructions
        known = self._instructions[size]
        if sample.instructions not in {None, known}:
            raise WrongResultError(f"{sample.instructions} instructions instead of {known}, size {size}")
        return known

    def drop(self, engine: Engine) -> None:
        """Leave out an engine."""
        self.cells.pop(engine.name, None)

    def finish(self) -> None:
        """Keep what was measured, and let go of the machines."""
        self._runs.clear()
        self.cells = {name: cell for name, cell in self.cells.items() if cell.seconds}

    def ratio(self, numerator: str, denominator: str) -> float | None:
        """How much faster one engine is than another; None if not both were measured."""
        speeds = [self.cells[name].speed for name in (numerator, denominator) if name in self.cells]
        return speeds[0] / speeds[1] if len(speeds) == 2 else None


def _asking(engine: Engine, question: Callable[[], Any]) -> Any:
    """What an engine answers: if it is not ours, whatever goes wrong makes it unavailable."""
    if not engine.package:
        return question()
    try:
        return question()
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise UnavailableError(reason) from error


def _shown(result: int | str) -> str:
    return f"{result:#x}" if isinstance(result, int) else repr(result)


@attrs.define
class Results:
    """What was measured.

    Attributes:
        notes: what is missing, and why.
        faults: wrong results.
    """

    instructions: int
    rounds: int
    engines: list[Engine]
    notes: list[str]
    rows: list[Row] = attrs.field(factory=list)
    probes: list[probe_bench.Cost] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)

    def measure(self, workload: Workload, progress: Callable[[str], None]) -> None:
        """Measure a workload, in rounds; a wrong result leaves a fault and no row."""
        row = Row(workload)
        self.rows.append(row)
        try:
            for action, engine in self._actions(row, progress):
                self._attempt(row, engine, action)
        except WrongResultError as error:
            self.faults.append(str(error))
            row.cells.clear()
        finally:
            row.finish()
            if not row.cells:
                self.rows.remove(row)

    def _actions(self, row: Row, progress: Callable[[str], None]) -> Iterator[tuple[Callable[[], None], Engine]]:
        """Everything to do for a row, in order."""
        name = row.workload.name
        for engine in self.engines:
            progress(f"{name}: preparing {engine.name}")
            yield partial(row.prepare, engine, self.instructions), engine
        for number in range(self.rounds):
            for cell in list(row.cells.values()):
                progress(f"{name}: round {number + 1} of {self.rounds}, {cell.engine.name}")
                yield partial(row.measure, cell), cell.engine

    def _attempt(self, row: Row, engine: Engine, action: Callable[[], None]) -> None:
        try:
            action()
        except UnavailableError as error:
            row.drop(engine)
            self.notes.append(f"{engine.name} cannot run {row.workload.name}: {error}")
        except AArch64Error as error:
            raise WrongResultError(f"{row.workload.name}, {engine.name}: {error}") from error

    def as_json(self) -> dict[str, Any]:
        """All of it, speeds in instructions per second."""
        return {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "instructions": self.instructions,
            "rounds": self.rounds,
            "columns": {engine.name: engine.about for engine in self.engines},
            "notes": self.notes,
            "workloads": [_row_as_json(row) for row in self.rows],
            "probes": [cost.as_json() for cost in self.probes],
            "promises": [promise.as_json(self.rows) for promise in PROMISES],
            "wrong_results": self.faults,
        }


def _row_as_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.workload.name,
        "about": row.workload.about,
        "speeds": {
            name: {
                "size": cell.size,
                "instructions": cell.instructions,
                "per_second": cell.speed,
                "rounds": cell.speeds,
            }
            for name, cell in row.cells.items()
        },
        "ratios": {
            f"{numerator} / {denominator}": ratio
            for numerator, denominator in RATIOS
            if (ratio := row.ratio(numerator, denominator)) is not None
        },
    }


# --- ratios and promises

RATIOS = (
    ("warm", "exact"),
    ("warm", "Python"),
    ("whole", "Python"),
    ("warm", "JIT"),
    ("watched", "hook"),
    ("step()", "count=1"),
    ("warm", "manticore"),
)
"""In the order of the table: the first over the second."""


@attrs.frozen
class Promise:
    """What the project promises of a ratio: of the geometric mean over some workloads, or of the least among them."""

    numerator: str
    denominator: str
    about: str
    workloads: tuple[str, ...]
    least: float
    of_each: bool = False

    @property
    def name(self) -> str:
        """The ratio and what it is over."""
        return f"{self.numerator} / {self.denominator}, {self.about}"

    def measured(self, rows: Sequence[Row]) -> tuple[float | None, list[str]]:
        """The value, and the workloads that it is over: those of `workloads` that were measured."""
        ratios = {
            row.workload.name: ratio
            for row in rows
            if row.workload.name in self.workloads
            if (ratio := row.ratio(self.numerator, self.denominator)) is not None
        }
        if not ratios:
            return None, []
        return (min if self.of_each else statistics.geometric_mean)(ratios.values()), list(ratios)

    def as_json(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The promise and what was measured."""
        value, over = self.measured(rows)
        return {"name": self.name, "promised": self.least, "measured": value, "workloads": over}


PROMISES = (
    Promise("warm", "exact", "kernels", KERNELS, 8),
    Promise("warm", "Python", "loops", LOOPS, 0.3),
    Promise("warm", "Python", "slowest loop", LOOPS, 0.15, of_each=True),
    Promise("warm", "Python", "fibonacci", ("fibonacci",), 0.04),
    Promise("whole", "Python", "loops", LOOPS, 0.2),
    Promise("watched", "hook", "kernels", KERNELS, 2),
    Promise("step()", "count=1", "kernels", KERNELS, 5),
    Promise("warm", "manticore", "kernels", KERNELS, 700),
)


# --- the page

_NOTHING = "-"


def _page(results: Results) -> Iterator[console.Line]:
    rows = results.rows
    if rows:
        yield [heading("Million instructions per second")]
        names = [engine.name for engine in results.engines]
        yield from _table(
            [engine.heading for engine in results.engines],
            [[row.workload.name, *(_speed(row, name) for name in names)] for row in rows],
        )
        yield ""
        yield [heading("Ratios")]
        ratios = [pair for pair in RATIOS if set(pair) <= set(names)]
        yield from _table(
            [(f"{numerator} /", denominator) for numerator, denominator in ratios],
            [[row.workload.name, *(_number(row.ratio(*pair)) for pair in ratios)] for row in rows],
        )
        yield ""
        yield from _promises(rows)
    if results.probes:
        yield from _probes(results.probes, is_first=not rows)
    for note in results.notes:
        for line in report.fitted(note, sys.stdout):
            yield [Span(line, Style.NOTE)]


def _speed(row: Row, name: str) -> str:
    cell = row.cells.get(name)
    return _number(None if cell is None else cell.speed / 1e6)


def _number(value: float | None) -> str:
    """Three significant digits without an exponent; two below 0.1, which keeps a column at five characters."""
    if value is None:
        return _NOTHING
    digits = 3 if value >= 0.1 else 2
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(rounded))
    return f"{rounded:.{max(0, decimals)}f}"


def _table(headings: list[tuple[str, str]], rows: list[list[str]]) -> Iterator[console.Line]:
    """Names to the left, numbers to the right, headings of two lines."""
    head = [["", *(first for first, _ in headings)], ["", *(second for _, second in headings)]]
    widths = [max(map(len, column)) for column in zip(*head, *rows, strict=True)]
    gap = " " * (2 if sum(widths) + 2 * len(headings) <= console.PLAIN_WIDTH else 1)

    def line(cells: list[str]) -> tuple[str, str]:
        first, *others = (
            f"{cell:<{width}}" if index == 0 else f"{cell:>{width}}"
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return first, "".join(gap + cell for cell in others)

    for cells in head:
        yield [heading("".join(line(cells)).rstrip())]
    for cells in rows:
        name, numbers = line(cells)
        yield [Span(name, Style.SYMBOL), numbers]


def _promises(rows: Sequence[Row]) -> Iterator[console.Line]:
    """Each promise beside what was measured."""
    width = max(len(promise.name) for promise in PROMISES)
    yield [heading(f"{'What is promised':<{width}}  measured  promised")]
    for promise in PROMISES:
        value, over = promise.measured(rows)
        partial = f"  {len(over)} of {len(promise.workloads)}" if 0 < len(over) < len(promise.workloads) else ""
        yield [f"{promise.name:<{width}}  {_number(value):>8}  {f'>= {promise.least:g}':>8}", Span(partial, Style.NOTE)]


def _probes(costs: Sequence[probe_bench.Cost], *, is_first: bool) -> Iterator[console.Line]:
    """What probes cost."""
    if not is_first:
        yield ""
    yield [heading("What a hit of a probe costs, and a loop hit once in 4,000 instructions")]
    yield from _table(
        [("cycles", "a hit"), ("exceptions", "a hit"), ("microseconds", "a hit"), ("loop", "M/s"), ("probed", "M/s")],
        [
            [
                cost.method.name,
                f"{cost.cycles:g}",
                f"{cost.exceptions:g}",
                f"{cost.seconds * 1e6:.0f}",
                _number(cost.unprobed / 1e6),
                _number(cost.probed / 1e6),
            ]
            for cost in costs
        ],
    )
