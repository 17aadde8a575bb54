"""A sweep from its plan to its report, whoever does the work, and however often it is interrupted."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs

from aarch64.fuzz.sweep.checking import SweepJob
from aarch64.fuzz.sweep.journal import opened
from aarch64.fuzz.sweep.results import Tally, total
from aarch64.fuzz.workers import Death, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from aarch64.fuzz.sweep.journal import Journal
    from aarch64.fuzz.sweep.partition import Span
    from aarch64.fuzz.sweep.plan import Plan, Survey
    from aarch64.fuzz.sweep.results import SpanResult

    OnDeath: TypeAlias = Callable[[Death[Span]], None]
    Engine: TypeAlias = Callable[[SweepJob, Iterable[Span], OnDeath], Generator[SpanResult, None, None]]
    """Who has spans checked: gives the results as they come, and has done again what a worker took with it."""


def workers(number: int) -> Engine:
    """Processes of this machine; a single one is this process itself."""

    def engine(job: SweepJob, spans: Iterable[Span], on_death: OnDeath) -> Generator[SpanResult, None, None]:
        yield from perform(job, spans, number, on_death)

    return engine


@attrs.frozen
class Standing:
    """How far a sweep is."""

    tally: Tally
    spans: int
    """How many are done, of"""
    all_spans: int
    asked_before: int
    """Words looked at in earlier runs of the same sweep."""
    asked: int
    """Words looked at so far, those included."""
    all_asked: int
    seconds: float
    """Since this run began."""

    @property
    def rate(self) -> float:
        """Words a second in this run."""
        return (self.asked - self.asked_before) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """If it goes on like this; None if nothing is known yet."""
        return (self.all_asked - self.asked) / self.rate if self.rate else None


class Watcher(Protocol):
    """Who is told how a sweep goes on."""

    def progress(self, standing: Standing) -> None:
        """A span is done."""

    def died(self, death: Death[Span]) -> None:
        """A worker was killed, and its span is done again."""


class Silence:
    """A watcher who does not care."""

    def progress(self, standing: Standing) -> None:
        """Nothing."""

    def died(self, death: Death[Span]) -> None:
        """Nothing."""


@attrs.frozen
class SweepReport:
    """A sweep, told when it ends or is interrupted."""

    plan: Plan
    survey: Survey
    standing: Standing
    worked: float
    """Seconds that all spans took, earlier runs and other processes included."""
    deaths: int
    """Workers that were killed in this run."""
    is_interrupted: bool

    @property
    def tally(self) -> Tally:
        """The numbers and the findings."""
        return self.standing.tally


@attrs.define
class Sweep:
    """What is swept, by whom, where its state is kept, and who is told."""

    plan: Plan
    state: Path
    engine: Engine = attrs.field(factory=lambda: workers(1))
    watcher: Watcher = attrs.field(factory=Silence)
    _deaths: int = attrs.field(default=0, init=False)

    def run(self) -> SweepReport:
        """Go on where the state is, until all is done, or Ctrl-C.

        Raises:
            JournalError: the state is of another sweep, in use, or damaged, or cannot be written.
            OracleError: the other decoder does not answer, or not as it should.
            WorkerError: a span kills every worker.
            ClusterError: there is no cluster, or no longer.
        """
        survey = self.plan.surveyed()
        with opened(self.state, self.plan.identity(survey)) as journal:
            return self._run(survey, journal)

    def _run(self, survey: Survey, journal: Journal) -> SweepReport:
        start = time.monotonic()
        spans = list(self.plan.spans())
        done = {result.span for result in journal.results}
        tally = total(journal.results)
        worked = sum(result.seconds for result in journal.results)
        before = looked_at(journal.results)
        standing = Standing(tally, len(done), len(spans), before, before, survey.asked, 0.0)
        job = SweepJob(self.plan.setup, survey.most, self.plan.seed)
        is_interrupted = False
        try:
            with closing(self.engine(job, (span for span in spans if span not in done), self._died)) as results:
                for result in results:
                    journal.add(result)
                    tally.add(result.tally)
                    worked += result.seconds
                    standing = attrs.evolve(
                        standing,
                        spans=standing.spans + 1,
                        asked=standing.asked + result.looked_at,
                        seconds=time.monotonic() - start,
                    )
                    self.watcher.progress(standing)
        except KeyboardInterrupt:
            is_interrupted = True
        return SweepReport(self.plan, survey, standing, worked, self._deaths, is_interrupted)

    def _died(self, death: Death[Span]) -> None:
        self._deaths += 1
        self.watcher.died(death)


def looked_at(results: Iterable[SpanResult]) -> int:
    """How many words were decoded for these results."""
    return sum(result.looked_at for result in results)
