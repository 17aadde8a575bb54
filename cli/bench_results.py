"""What `a64 bench` measured of workloads: rounds, ratios, and what is promised of them."""

from __future__ import annotations

import platform
import statistics
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.errors import AArch64Error
from cli.engines import ENGINES, Engine, Run, Sample, UnavailableError, WrongResultError
from cli.kernels import KERNELS, LOOPS, Workload
from cli.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cli import probe_bench
    from cli.rates import Section


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
    rates: list[Rates] = attrs.field(factory=list)
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

    def measure_rates(self, section: Section, progress: Callable[[str], None], *, with_peers: bool) -> None:
        """Measure a section of rates, row by row; a wrong result leaves a fault and no row."""
        rates = Rates(section)
        self.rates.append(rates)
        progress(f"{section.name}: preparing")
        for things in section.draw(self.instructions):
            try:
                rates.measure(things, self.rounds, progress, with_peers=with_peers)
            except WrongResultError as error:
                self.faults.append(f"{section.name}: {error}")

    def _actions(self, row: Row, progress: Callable[[str], None]) -> Iterator[tuple[Callable[[], None], Engine]]:
        """Everything to do for a row, in order."""
        name = row.workload.name
        for engine in self.engines:
            progress(f"{name}: preparing {engine.name}")
            yield partial(row.prepare, engine, self.instructions), engine
        for done in range(self.rounds):
            for cell in list(row.cells.values()):
                progress(f"{name}: round {done + 1} of {self.rounds}, {cell.engine.name}")
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
            **{rates.section.name: rates.as_json() for rates in self.rates},
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
