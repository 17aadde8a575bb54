"""A line of progress on standard error, where somebody is watching."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aarch64.coverage import Kind
from cli import console

if TYPE_CHECKING:
    from aarch64.fuzz.campaign import Share, Tally
    from aarch64.fuzz.workers import Death

_QUIET_SECONDS = 2.0


class Status:
    """The line itself."""

    def __init__(self) -> None:
        self._is_watched = sys.stderr.isatty()
        self.is_shown = False

    def show(self, text: str, seconds: float) -> None:
        """Have the line say this, once it has taken so many seconds that somebody wonders."""
        if self._is_watched and seconds >= _QUIET_SECONDS:
            console.progress(text[: console.width(sys.stderr) - 1])
            self.is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self.is_shown:
            console.progress("")
            self.is_shown = False

    def died(self, death: Death[Any]) -> None:
        """Say that a worker was killed."""
        self.clear()
        console.tell(f"a64: a worker was killed (exit code {death.exit_code}): {death.task} is done again")


class Progress:
    """Tells how a campaign goes on."""

    def __init__(self) -> None:
        self.status = Status()

    def progress(self, tally: Tally[Any], seconds: float) -> None:
        """Show how far it is."""
        findings = sum(not first.divergence.reason for first in tally.firsts.values())
        rate = tally.examples / seconds if seconds else 0.0
        met = sum(each.kind is Kind.DEFINITION for each in tally.coverage.counts)
        self.status.show(
            f"{tally.examples:,} examples, {rate:,.0f} a second, {met} definitions, {findings} findings", seconds
        )

    def shrinking(self, findings: int) -> None:
        """Show what is going on now."""
        if self.status.is_shown:
            self.status.show(f"making {findings} findings small", _QUIET_SECONDS)

    def died(self, death: Death[Share]) -> None:
        """Say that a worker was killed."""
        self.status.died(death)
