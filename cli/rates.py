"""How many things are done in a second: several ways beside one another, on the same things, in rounds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.errors import AArch64Error
from cli.bench_tables import number, table
from cli.console import heading
from cli.engines import UnavailableError, WrongResultError, load_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from cli.console import Line

Job = Callable[[], object]
"""Does all of the things once, and answers what has to be the same in every way; None where there is no such thing."""


def warm(job: Job) -> Job:
    """The job, done once: what is only made the first time is made, and what cannot be done has failed."""
    job()
    return job


def load_peer(name: str) -> ModuleType:
    """A module of the extra `test`; UnavailableError, saying how to get it, if it is not here."""
    try:
        return load_module(name)
    except UnavailableError as error:
        raise UnavailableError(f"{error}: pip install 'aarch64-kprobes[test]' has it") from error


@attrs.frozen
class Way:
    """A way to do things.

    Attributes:
        name: what the ratios and JSON call it.
        heading: what stands above its column, in two lines.
        about: what is measured.
        prepare: everything that is not measured, for some things; UnavailableError, saying why, if it cannot be used.
        is_peer: whether it is not ours.
    """

    name: str
    heading: tuple[str, str]
    about: str
    prepare: Callable[[Sequence[Any]], Job]
    is_peer: bool = False


@attrs.frozen
class Things:
    """What is done: a row of the table."""

    name: str
    about: str
    items: Sequence[Any]


@attrs.frozen
class Least:
    """A promise: that one way does at least `least` times as many things a second as another, in each row."""

    numerator: str
    denominator: str
    least: float

    @property
    def name(self) -> str:
        """The ratio and what it is over."""
        return f"{self.numerator} / {self.denominator}, slowest"


@attrs.frozen
class Section:
    """What is measured, and how it is shown.

    Attributes:
        name: what it is called among the workloads.
        title: what stands above the table.
        unit: so many things a second are 1 in the table.
        draw: the rows, of a size that goes with so many instructions.
        ways: the columns.
        ratios: the first over the second.
    """

    name: str
    title: str
    unit: float
    draw: Callable[[int], Iterator[Things]]
    ways: tuple[Way, ...]
    ratios: tuple[tuple[str, str], ...]
    promises: tuple[Least, ...] = ()


@attrs.frozen
class Row:
    """Some things, with the seconds that each way took in each round, by its name."""

    things: Things
    seconds: Mapping[str, list[float]]

    def speeds(self, way: str) -> list[float]:
        """Things per second, by round."""
        return [len(self.things.items) / seconds for seconds in self.seconds[way]]

    def speed(self, way: str) -> float | None:
        """Their median; None if it was not measured."""
        return statistics.median(self.speeds(way)) if way in self.seconds else None

    def ratio(self, numerator: str, denominator: str) -> float | None:
        """How much faster one way is than another; None if not both were measured."""
        speeds = [speed for way in (numerator, denominator) if (speed := self.speed(way)) is not None]
        return speeds[0] / speeds[1] if len(speeds) == 2 else None

    def as_json(self, ratios: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """All of it, speeds in things per second."""
        found = {f"{first} / {second}": self.ratio(first, second) for first, second in ratios}
        return {
            "name": self.things.name,
            "about": self.things.about,
            "count": len(self.things.items),
            "speeds": {way: {"per_second": self.speed(way), "rounds": self.speeds(way)} for way in self.seconds},
            "ratios": {name: ratio for name, ratio in found.items() if ratio is not None},
        }


@attrs.define
class Rates:
    """A section as far as it was measured; `notes` say what is missing, and why."""

    section: Section
    rows: list[Row] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)

    def measure(self, things: Things, rounds: int, progress: Callable[[str], None], *, with_peers: bool) -> None:
        """Measure a row in rounds; what a peer cannot do is a note.

        Raises:
            WrongResultError: two ways do not answer the same.
        """
        jobs: dict[str, Job] = {}
        for way in self.section.ways:
            if way.is_peer and not with_peers:
                continue
            progress(f"{things.name}: preparing {way.name}")
            try:
                jobs[way.name] = _asking(way, things)
            except UnavailableError as error:
                self._note(str(error))
        self.rows.append(_measured(things, jobs, rounds, progress))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def measured(self, promise: Least) -> float | None:
        """The least ratio among the rows; None if there is none."""
        ratios = (row.ratio(promise.numerator, promise.denominator) for row in self.rows)
        return min((ratio for ratio in ratios if ratio is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        section = self.section
        return {
            "columns": {way.name: way.about for way in section.ways},
            "notes": self.notes,
            "rows": [row.as_json(section.ratios) for row in self.rows],
            "promises": [
                {"name": promise.name, "promised": promise.least, "measured": self.measured(promise)}
                for promise in section.promises
            ],
        }

    def page(self) -> Iterator[Line]:
        """The tables: speeds, ratios, and what is promised of these."""
        section = self.section
        names = {name for row in self.rows for name in row.seconds}
        ways = [way for way in section.ways if way.name in names]
        ratios = [pair for pair in section.ratios if set(pair) <= names]
        yield [heading(section.title)]
        yield from table([way.heading for way in ways], [self._cells(row, ways) for row in self.rows])
        if ratios:
            yield ""
            yield from table(
                [(f"{numerator} /", denominator) for numerator, denominator in ratios],
                [[row.things.name, *(number(row.ratio(*pair)) for pair in ratios)] for row in self.rows],
            )
        for promise in section.promises:
            yield ""
            yield [f"{promise.name}: {number(self.measured(promise))}, promised: >= {promise.least:.2g}"]

    def _cells(self, row: Row, ways: Sequence[Way]) -> list[str]:
        speeds = (row.speed(way.name) for way in ways)
        return [row.things.name, *(number(speed and speed / self.section.unit) for speed in speeds)]


def _asking(way: Way, things: Things) -> Job:
    """What a way prepares: if it is not ours, whatever goes wrong makes it unavailable."""
    try:
        return way.prepare(things.items)
    except (AArch64Error, UnavailableError):
        raise
    except Exception as error:
        if not way.is_peer:
            raise
        raise UnavailableError(f"{way.name} cannot do {things.name}: {str(error) or type(error).__name__}") from error


def _measured(things: Things, jobs: Mapping[str, Job], rounds: int, progress: Callable[[str], None]) -> Row:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    answers: dict[str, object] = {}
    for done in range(rounds):
        for name, job in jobs.items():
            progress(f"{things.name}: round {done + 1} of {rounds}, {name}")
            start = time.perf_counter()
            answer = job()
            seconds[name].append(time.perf_counter() - start)
            if answer is not None:
                answers[name] = answer
    _check_same(things, answers)
    return Row(things, seconds)


def _check_same(things: Things, answers: Mapping[str, object]) -> None:
    if not answers:
        return
    (first, expected), *others = answers.items()
    wrong = [name for name, answer in others if answer != expected]
    if wrong:
        raise WrongResultError(f"{things.name}: {first} and {', '.join(wrong)} do not compute the same")
