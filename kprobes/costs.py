"""What hits cost: exceptions and cycles, from what the engine reports."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs

from kprobes.reports import Message, Moment, MomentReport, TransitionReport
from kprobes.transitions import Event, State

if TYPE_CHECKING:
    from kprobes.reports import Report

_ENDINGS = frozenset({Event.DONE, Event.REDIRECTION, Event.SLOT_ABORT})
"""A hit is over when its instruction has been executed, or will not be."""
_EXCEPTIONS = frozenset({Moment.STEP_TAKEN, Moment.SLOT_BRK_TAKEN})


@attrs.define
class Cost:
    """What the hits of one address have cost, those within a hit included.

    Attributes:
        exceptions: taken for them.
        cycles: from the BRK to the return behind the instruction, with that and with handlers in the guest.
        finished: how many hits have been over.
    """

    exceptions: int = 0
    cycles: int = 0
    finished: int = 0


@attrs.define
class _Span:
    address: int
    begun: int


class CostMeter:
    """A watcher of an engine that adds up.

    Attributes:
        by_address: what was spent, by the address probed. What a hit within a hit costs is part of the outer one, too.
    """

    def __init__(self) -> None:
        self.by_address: defaultdict[int, Cost] = defaultdict(Cost)
        self._open: list[_Span] = []
        self._last: _Span | None = None

    def __call__(self, report: Report) -> None:
        """Take a report into account."""
        if isinstance(report, MomentReport):
            self._note(report)
        elif not isinstance(report, Message) and report.transition.event in _ENDINGS:
            self._end(report)

    def _note(self, report: MomentReport) -> None:
        if report.moment is Moment.BRK_TAKEN and report.probe is not None:
            self._begin(report, report.probe.at)
        elif report.moment in _EXCEPTIONS and self._open:
            self.by_address[self._open[-1].address].exceptions += 1
        elif report.moment is Moment.POST_HANDLER and self._last is not None:
            self.by_address[self._last.address].cycles += report.cycle - self._last.begun

    def _begin(self, report: MomentReport, address: int) -> None:
        if report.state is State.IDLE:
            self._open.clear()  # what is there did not end: its simulation took an exception, or it ran off its slot
        self.by_address[address].exceptions += 1
        self._open.append(_Span(address, report.cycle - 1))  # the exception itself was a cycle

    def _end(self, report: TransitionReport) -> None:
        if not self._open:
            return
        span = self._open.pop()
        cost = self.by_address[span.address]
        cost.cycles += report.cycle - span.begun
        cost.finished += 1
        if report.transition.event is Event.SLOT_ABORT:
            cost.exceptions += 1
        self._last = _Span(span.address, report.cycle)
