"""A case that diverges, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import Span, Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.target import Divergence
    from cli import console


_SIDES = dict.fromkeys(("probe", "probe-programs"), ("probed", "unprobed"))
"""What the two are called, where they are not ours and theirs."""


def divergence_lines(target: str, case: Sequence[str], divergence: Divergence) -> Iterator[console.Line]:
    """A case of a target, and what the two say of it."""
    for line in case:
        yield ["   ", Span(line, Style.WORD)]
    ours, theirs = _SIDES.get(target, ("ours", "theirs"))
    yield f"   {f'{ours}:':{len(theirs) + 1}} {divergence.ours}"
    yield f"   {theirs}: {divergence.theirs}"
    if divergence.reason:
        yield [Span(f"   known: {divergence.reason}", Style.NOTE)]
