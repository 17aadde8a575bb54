"""Campaigns: many cases, checked in shares by workers, until a budget is used up.

A share is known by its number, and its cases depend on that and on the seed alone. So a budget of examples gives the
same report for the same seed, however many workers there are.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import attrs

from aarch64.coverage import Coverage
from aarch64.fuzz.findings import Finding
from aarch64.fuzz.oracles import OracleError
from aarch64.fuzz.shrinking import shrink
from aarch64.fuzz.target import Agreement, Divergence, UnfinishedError
from aarch64.fuzz.workers import Death, perform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aarch64.fuzz.target import Key, Setup, Target, Verdict

Case = TypeVar("Case")


MOST = 100
"""So many findings are made small and told: an oracle that is wrong everywhere has thousands."""


@attrs.frozen
class Budget:
    """When a campaign ends: after so many examples, or so many seconds, whichever is first; None: no such limit."""

    examples: int | None = None
    seconds: float | None = None

    def shares(self, size: int) -> Iterator[Share]:
        """The shares of this budget, of `size` cases but for the last one. The clock runs from the first one on."""
        end = None if self.seconds is None else time.monotonic() + self.seconds
        for number in count():
            left = size if self.examples is None else min(size, self.examples - number * size)
            if left <= 0 or (end is not None and number and time.monotonic() >= end):
                return
            yield Share(number, number * size, left)


@attrs.frozen
class Share:
    """A share of a campaign: its number, and the examples it has."""

    number: int
    start: int
    size: int

    def __str__(self) -> str:
        return f"share {self.number} (examples {self.start} to {self.start + self.size - 1})"


@attrs.frozen
class First(Generic[Case]):
    """The first example of a finding: which one, and how it diverges."""

    example: int
    case: Case
    divergence: Divergence


@attrs.define
class Tally(Generic[Case]):
    """What has been found so far; of two tallies it does not matter which is added to which."""

    examples: int = 0
    not_compared: int = 0
    coverage: Coverage = attrs.field(factory=Coverage)
    """What the words of the cases have met of the table."""
    diverging: Counter[Key] = attrs.field(factory=Counter)
    known: Counter[str] = attrs.field(factory=Counter)
    """How many cases diverged for a known reason, by the reason."""
    firsts: dict[Key, First[Case]] = attrs.field(factory=dict)
    error: Exception | None = None
    """Why it is no use to go on."""

    def add(self, other: Tally[Case]) -> None:
        """Take in what a share has found."""
        self.examples += other.examples
        self.not_compared += other.not_compared
        self.coverage.update(other.coverage)
        self.diverging += other.diverging
        self.known += other.known
        self.error = self.error or other.error
        for key, first in other.firsts.items():
            self._note(key, first)

    def _note(self, key: Key, first: First[Case]) -> None:
        known = self.firsts.get(key)
        if known is None or first.example < known.example:
            self.firsts[key] = first

    def diverges(self, example: int, case: Case, divergence: Divergence) -> None:
        """Count a divergence, and keep it if it is the first one of its finding."""
        self.diverging[divergence.key] += 1
        if divergence.reason:
            self.known[divergence.reason] += 1
        self._note(divergence.key, First(example, case, divergence))


@attrs.frozen
class FuzzJob(Generic[Case]):
    """What the workers of a campaign do with shares."""

    setup: Setup[Case]
    seed: int

    @contextmanager
    def opened(self) -> Iterator[Callable[[Share], Tally[Case]]]:
        """The checking of shares, with a target open."""
        with self.setup.opened() as target:
            yield lambda share: self._checked(target, share)

    def _checked(self, target: Target[Case], share: Share) -> Tally[Case]:
        rng = random.Random(f"{self.seed} {share.number}")  # noqa: S311  (reproducible is what it has to be)
        cases = [target.draw(rng) for _ in range(share.size)]
        verdicts, error = _verdicts(target, cases)
        tally: Tally[Case] = Tally(examples=share.size, error=error)
        for offset, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
            for word in target.words(case):
                tally.coverage.add(word)
            if isinstance(verdict, Divergence):
                tally.diverges(share.start + offset, case, verdict)
            elif verdict is Agreement.NOT_COMPARED:
                tally.not_compared += 1
        return tally


def _verdicts(target: Target[Case], cases: Sequence[Case]) -> tuple[Sequence[Verdict], OracleError | None]:
    """The verdicts on cases, and what has ended their check if some of them diverge before that."""
    try:
        return target.check(cases), None
    except UnfinishedError as error:
        if not any(isinstance(verdict, Divergence) for verdict in error.verdicts):
            raise
        return error.verdicts, OracleError(str(error))


class Watcher(Protocol):
    """Who is told how a campaign goes on."""

    def progress(self, tally: Tally[Any], seconds: float) -> None:
        """A share is done."""

    def shrinking(self, findings: int) -> None:
        """All examples are checked; that many findings are being made small."""

    def died(self, death: Death[Share]) -> None:
        """A worker was killed, and its share is done again."""


class Silence:
    """A watcher who does not care."""

    def progress(self, tally: Tally[Any], seconds: float) -> None:
        """Nothing."""

    def shrinking(self, findings: int) -> None:
        """Nothing."""

    def died(self, death: Death[Share]) -> None:
        """Nothing."""


@attrs.frozen
class Report:
    """A campaign, told at its end."""

    setup: Setup[Any]
    seed: int
    workers: int
    examples: int
    not_compared: int
    seconds: float
    coverage: Coverage
    findings: tuple[Finding, ...]
    """What diverges, in the order in which it was found: the first MOST of it."""
    left_out: int
    """How many findings there are beyond those."""
    known: Counter[str]
    deaths: int
    """Workers that were killed; what they were at was done again."""
    is_interrupted: bool
    error: Exception | None
    """What has ended it early, if nobody did."""

    @property
    def unexplained(self) -> tuple[Finding, ...]:
        """The findings there is no known reason for."""
        return tuple(item for item in self.findings if not item.divergence.reason)


@attrs.define
class Campaign(Generic[Case]):
    """What is fuzzed, from which seed, until when, by how many processes, and who is told."""

    setup: Setup[Case]
    seed: int
    budget: Budget
    workers: int = 1
    watcher: Watcher = attrs.field(factory=Silence)
    includes_known: bool = False
    """Whether what diverges for a known reason is a finding, too."""
    ends_early: bool = False
    """Whether the share that has a finding is the last one."""
    _deaths: int = attrs.field(default=0, init=False)
    _is_interrupted: bool = attrs.field(default=False, init=False)

    def run(self) -> Report:
        """Fuzz until the budget is used up, or Ctrl-C; then findings are told as they are, not made small.

        Where it `ends_early`, what is found depends on the workers: who is the first to find something.
        An error once there is something to tell is in the report, and ends the campaign. Before that it is raised.

        Raises:
            OracleError: the other side is not there, or answers nothing.
            WorkerError: a share kills every worker.
        """
        start = time.monotonic()
        tally: Tally[Case] = Tally()
        try:
            job, shares = FuzzJob(self.setup, self.seed), self.budget.shares(self.setup.share)
            for done in perform(job, shares, self.workers, self._died):
                tally.add(done)
                self.watcher.progress(tally, time.monotonic() - start)
                if tally.error or (self.ends_early and any(map(self._is_finding, tally.firsts.values()))):
                    break
        except KeyboardInterrupt:
            self._is_interrupted = True
        except Exception as error:
            if not tally.examples:
                raise
            tally.error = error
        found = sorted(filter(self._is_finding, tally.firsts.values()), key=lambda first: first.example)
        seconds = time.monotonic() - start
        findings = self._findings(tally, found[:MOST]) if found else []
        return Report(
            self.setup, self.seed, self.workers, tally.examples, tally.not_compared, seconds, tally.coverage,
            tuple(findings), max(0, len(found) - MOST), tally.known, self._deaths, self._is_interrupted, tally.error,
        )  # fmt: skip

    def _is_finding(self, first: First[Case]) -> bool:
        return self.includes_known or not first.divergence.reason

    def _died(self, death: Death[Share]) -> None:
        self._deaths += 1
        self.watcher.died(death)

    def _findings(self, tally: Tally[Case], found: list[First[Case]]) -> list[Finding]:
        """The findings, made small unless there was or is Ctrl-C or an error."""
        smallest = [(first.case, first.divergence) for first in found]
        with self.setup.opened() as target:
            if not self._is_interrupted:
                self.watcher.shrinking(len(found))
                try:
                    smallest = shrink(target, smallest)
                except KeyboardInterrupt:
                    self._is_interrupted = True
                except Exception as error:  # noqa: BLE001  (whatever it is, what was found is told first)
                    tally.error = tally.error or error
            return [
                Finding(
                    self.setup.target,
                    self.setup.to_json(),
                    target.to_json(case),
                    tuple(target.lines(case)),
                    divergence,
                    self.seed,
                    first.example,
                    tally.diverging[divergence.key],
                    target.to_json(first.case),
                )
                for first, (case, divergence) in zip(found, smallest, strict=True)
            ]
