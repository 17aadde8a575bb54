"""A line of progress on standard error, where somebody is watching."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aarch64.coverage import Kind
from cli import console

if TYPE_CHECKING:
    from aarch64.fuzz.campaign import Share, Tally
    from aarch64.fuzz.workers import Death

_ERASE_LINE = "\r\x1b[K"
_QUIET_SECONDS = 2.0


class Progress:
    """Tells how a campaign goes on."""

    def __init__(self) -> None:
        self._is_watched = sys.stderr.isatty()
        self._has_status = False

    def progress(self, tally: Tally[Any], seconds: float) -> None:
        """Show how far it is, once it takes long enough for somebody to wonder."""
        if seconds < _QUIET_SECONDS:
            return
        findings = sum(not first.divergence.reason for first in tally.firsts.values())
        rate = tally.examples / seconds
        met = sum(each.kind is Kind.DEFINITION for each in tally.coverage.counts)
        self._show(f"{tally.examples:,} examples, {rate:,.0f} a second, {met} definitions, {findings} findings")

    def shrinking(self, findings: int) -> None:
        """Show what is going on now."""
        if self._has_status:
            self._show(f"making {findings} findings small")

    def died(self, death: Death[Share]) -> None:
        """Say that a worker was killed."""
        self.clear()
        console.tell(f"a64: a worker was killed (exit code {death.exit_code}): {death.task} is done again")

    def _show(self, text: str) -> None:
        if self._is_watched:
            sys.stderr.write(f"{_ERASE_LINE}{text[: console.width(sys.stderr) - 1]}")
            sys.stderr.flush()
            self._has_status = True

    def clear(self) -> None:
        """Take the line away."""
        if self._has_status:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._has_status = False
