"""Running a sweep, and telling of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.fuzz.sweep.plan import UNALLOCATED
from aarch64.fuzz.sweep.sweeping import Sweep
from aarch64.isa import table
from cli import console
from cli.console import Span, Style, heading
from cli.fuzz.progress import Status
from cli.fuzz.running import FOUND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aarch64.fuzz.sweep.partition import Span as WordSpan
    from aarch64.fuzz.sweep.plan import Plan
    from aarch64.fuzz.sweep.results import SweepFinding, Tally
    from aarch64.fuzz.sweep.sweeping import Engine, Standing, SweepReport
    from aarch64.fuzz.workers import Death

_MOST = 50
"""So many findings are told; --json has all."""


def run_sweep(plan: Plan, state: Path, engine: Engine, *, is_json: bool) -> int:
    """Sweep as the command line asks for, tell of it, and give the exit status."""
    progress = _Progress()
    try:
        report = Sweep(plan, state, engine, progress).run()
    finally:
        progress.status.clear()
    if is_json:
        console.write_json(_as_json(report))
    else:
        console.write(_page(report))
    if report.is_interrupted:
        console.tell(f"a64: interrupted; the same command goes on: what is done is in {state}")
        return console.INTERRUPTED
    return FOUND if report.tally.findings else 0


class _Progress:
    """Tells how a sweep goes on."""

    def __init__(self) -> None:
        self.status = Status()

    def progress(self, standing: Standing) -> None:
        """Show how far it is."""
        left = standing.seconds_left
        self.status.show(
            f"{standing.spans} of {standing.all_spans} shards, {standing.rate:,.0f} words a second, "
            f"{_duration(left) if left is not None else '?'} left, {len(standing.tally.findings)} findings",
            standing.seconds,
        )

    def died(self, death: Death[WordSpan]) -> None:
        """Say that a worker was killed."""
        self.status.died(death)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


# --- numbers


@attrs.frozen
class _Row:
    """The numbers of some definitions, or of no definition."""

    name: str
    words: int
    asked: int
    differing: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The numbers as text."""
        return tuple(f"{number:,}" for number in (self.words, self.asked, self.differing))


def _rows(tally: Tally) -> list[_Row]:
    """A row for each group, for what is unallocated, and for everything."""
    groups: dict[str, set[int]] = {}
    for number, definition in enumerate(table.DECODER.definitions):
        groups.setdefault(definition.group, set()).add(number)
    groups["Unallocated"] = {UNALLOCATED}
    rows = [_row(name, tally, numbers) for name, numbers in groups.items()]
    return [*(row for row in rows if row.words), _row("all", tally, set(tally.words))]


def _row(name: str, tally: Tally, numbers: set[int]) -> _Row:
    counts = (sum(counter[number] for number in numbers) for counter in (tally.words, tally.asked, tally.differing))
    return _Row(name, *counts)


# --- text


def _page(report: SweepReport) -> Iterator[console.Line]:
    plan, standing = report.plan, report.standing
    seed = "every word" if plan.words is None else f"seed {plan.seed}"
    yield [heading(f"sweep ({plan.oracle}), {plan.region}, {seed}")]
    yield f"shards done: {standing.spans:,} of {standing.all_spans:,}, in {_duration(report.worked)} of work"
    yield f"sets of words: {report.survey.cubes:,}; words looked at: {standing.asked:,}"
    yield ""
    yield from _table_lines(report.tally)
    yield ""
    yield from _known_lines(report.tally)
    yield from _finding_lines(report.tally.sorted_findings())


def _table_lines(tally: Tally) -> Iterator[console.Line]:
    rows = [(row.name, *row.cells) for row in _rows(tally)]
    titles = ("group", "words", "asked", "differing")
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(len(titles))]
    yield [heading(_aligned(titles, widths))]
    yield from (_aligned(row, widths) for row in rows)


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *numbers = (f"{cell:{'>' if column else ''}{widths[column]}}" for column, cell in enumerate(cells))
    return "  ".join([name, *numbers])


def _known_lines(tally: Tally) -> Iterator[console.Line]:
    if tally.known:
        yield "known differences:"
    for reason, count in sorted(tally.known.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {count:,}: {reason}"


def _finding_lines(findings: list[SweepFinding]) -> Iterator[console.Line]:
    if not findings:
        yield [Span("nothing found", Style.GOOD)]
    for number, finding in enumerate(findings[:_MOST], start=1):
        yield [Span(f"{number}. {finding.kind}", Style.BAD), f"  {finding.place}  ({finding.count:,} words)"]
        for word in finding.examples:
            yield ["   ", Span(f"{word:08x}  {table.disassemble(word)}", Style.WORD)]
    if len(findings) > _MOST:
        yield f"and {len(findings) - _MOST:,} more: --json has them all"


# --- JSON


def _as_json(report: SweepReport) -> dict[str, Any]:
    tally = report.tally.to_json()
    definitions = table.DECODER.definitions
    return {
        **report.plan.identity(report.survey),
        "sets": report.survey.cubes,
        "shards": {"done": report.standing.spans, "all": report.standing.all_spans},
        "looked_at": report.standing.asked,
        "seconds": round(report.standing.seconds, 3),
        "seconds_of_work": round(report.worked, 3),
        "interrupted": report.is_interrupted,
        "workers_killed": report.deaths,
        "groups": [
            {"group": row.name, "words": row.words, "asked": row.asked, "differing": row.differing}
            for row in _rows(report.tally)
        ],
        "definitions": [
            {
                "title": definitions[number].title,
                "encoding": definitions[number].pattern.text,
                "implemented": definitions[number].unsupported is None,
                "words": count,
                "asked": report.tally.asked[number],
                "differing": report.tally.differing[number],
            }
            for number, count in sorted(report.tally.words.items())
            if number != UNALLOCATED
        ],
        "known": tally["known"],
        "findings": tally["findings"],
    }
