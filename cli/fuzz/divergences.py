"""A case that diverges, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import Span, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.target import Divergence
    from cli import console


def divergence_lines(case: Sequence[str], divergence: Divergence) -> Iterator[console.Line]:
    """A case, and what the two say of it."""
    for line in case:
        yield ["   ", Span(line, Style.WORD)]
    yield f"   ours:   {divergence.ours}"
    yield f"   theirs: {divergence.theirs}"
    if divergence.reason:
        yield [Span(f"   known: {divergence.reason}", Style.NOTE)]
