"""Running a campaign, telling of it, and keeping what it found."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from zlib import crc32

from aarch64.fuzz.campaign import Budget, Campaign, Report
from aarch64.fuzz.findings import Finding, save
from cli import console
from cli.console import Span, Style, heading
from cli.fuzz.coverage import coverage_lines
from cli.fuzz.divergences import divergence_lines
from cli.fuzz.progress import Progress
from cli.report import fitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aarch64.fuzz.target import Setup
    from cli.fuzz.options import CampaignOptions

FOUND = 1
"""The exit status when something was found."""


def run_campaign(setup: Setup[Any], options: CampaignOptions) -> int:
    """Run a campaign as the command line asks for, tell of it, and give the exit status."""
    budget = Budget(options.examples, options.seconds)
    progress = Progress()
    try:
        report = Campaign(
            setup, _seed(options), budget, options.workers, progress, options.shows_known, options.ends_early
        ).run()
    finally:
        progress.status.clear()
    files = _saved(report, options.save)
    if options.is_json:
        console.write_json(_as_json(report, files))
    else:
        console.write(_page(report, files))
        if options.shows_coverage:
            columns = console.width() if sys.stdout.isatty() else None
            console.write(["", *coverage_lines(report.coverage, columns)])
    if report.error:
        raise report.error
    if report.is_interrupted:
        console.tell("a64: interrupted")
        return console.INTERRUPTED
    return FOUND if report.unexplained else 0


def _seed(options: CampaignOptions) -> int:
    if options.seed is not None:
        return options.seed
    import secrets  # noqa: PLC0415  (heavy, and for this only)

    return secrets.randbits(32)


# --- files


def _saved(report: Report, directory: Path) -> list[Path]:
    """Where the findings are now; the directory is made when there are any."""
    if not report.findings:
        return []
    with console.blaming(str(directory)):
        directory.mkdir(parents=True, exist_ok=True)
    files = []
    for finding in report.findings:
        path = directory / _file_name(finding)
        with console.blaming(str(path)):
            save(finding, path)
        files.append(path)
    return files


def _file_name(finding: Finding) -> str:
    """By the word of the case; of one that is more than a word, by a checksum of it."""
    case, kind = finding.case, finding.divergence.kind.replace(" ", "-")
    name = case["word"].removeprefix("0x") if "word" in case else f"{crc32(json.dumps(case).encode()):08x}"
    return f"{finding.target}-{kind}-{name}.json"


# --- text


def _page(report: Report, files: list[Path]) -> Iterator[console.Line]:
    setup = ", ".join(f"{name} {value}" for name, value in report.setup.to_json().items() if value)
    compared = f", {report.not_compared:,} of them not compared" if report.not_compared else ""
    title = f"{report.setup.target} ({setup}), seed {report.seed}: {report.examples:,} examples{compared}"
    yield from ([heading(line)] for line in fitted(title, sys.stdout))
    shares = report.coverage.totals().items()
    met = ", ".join(f"{share.met:,} of {share.all:,} {kind.value}" for kind, share in shares)
    yield from fitted(f"met: {met}", sys.stdout)
    if report.known:
        cases = sum(report.known.values())
        yield from fitted(
            f"known differences: {cases:,} examples, {len(report.known)} reasons (--all shows them)", sys.stdout
        )
    if not report.findings:
        yield [Span("nothing found", Style.GOOD)]
    for number, (finding, path) in enumerate(zip(report.findings, files, strict=True), start=1):
        yield ""
        yield from _finding_lines(number, finding, path)
    if report.left_out:
        yield ""
        yield f"and {report.left_out:,} more, which are neither told nor saved: mend these first"


def _finding_lines(number: int, finding: Finding, path: Path) -> Iterator[console.Line]:
    divergence = finding.divergence
    count = f"{finding.count:,} example{'s' if finding.count != 1 else ''}"
    yield [Span(f"{number}. {divergence.kind}", Style.BAD), f"  {divergence.place}  ({count})"]
    yield from divergence_lines(finding.target, finding.lines, divergence)
    yield [Span(f"   saved: {path}", Style.NOTE)]


# --- JSON


def _as_json(report: Report, files: list[Path]) -> dict[str, Any]:
    findings = ({"file": str(path), **finding.to_json()} for finding, path in zip(report.findings, files, strict=True))
    return {
        "target": report.setup.target,
        "setup": report.setup.to_json(),
        "seed": report.seed,
        "workers": report.workers,
        "examples": report.examples,
        "not_compared": report.not_compared,
        "seconds": round(report.seconds, 3),
        "interrupted": report.is_interrupted,
        "error": str(report.error) if report.error else None,
        "workers_killed": report.deaths,
        "coverage": report.coverage.to_json(),
        "known": dict(sorted(report.known.items())),
        "findings": list(findings),
        "left_out": report.left_out,
    }
