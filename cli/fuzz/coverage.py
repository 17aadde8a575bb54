"""What a campaign has met of the instruction table, as a table for people: a row for each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.coverage import Kind
from cli import report
from cli.bench_tables import table
from cli.console import Span, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.coverage import Coverage, Share
    from cli import console

_NOTHING = "-"


def coverage_lines(coverage: Coverage, columns: int | None) -> Iterator[console.Line]:
    """What was met of each group, of how much; some lines for each group where the columns are too few for one."""
    rows = [[group, *(_cell(shares.get(kind)) for kind in Kind)] for group, shares in coverage.groups().items()]
    lines = [[*line] for line in table([_heading(kind) for kind in Kind], rows)]
    width = max(sum(len(part.text if isinstance(part, Span) else part) for part in line) for line in lines)
    yield from lines if columns is None or width <= columns else _narrow(rows, columns)


def _heading(kind: Kind) -> tuple[str, str]:
    first, _, second = kind.value.rpartition(" ")
    return first, second


def _narrow(rows: list[list[str]], columns: int) -> Iterator[console.Line]:
    for group, *cells in rows:
        yield [Span(group, Style.SYMBOL)]
        met = (f"{cell} {kind.value}" for kind, cell in zip(Kind, cells, strict=True) if cell != _NOTHING)
        yield from report.wrapped(", ".join(met), columns, "  ")


def _cell(share: Share | None) -> str:
    return f"{share.met:,}/{share.all:,}" if share else _NOTHING
