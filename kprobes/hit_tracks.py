"""What the engine reports, on the tracks of a timeline: handlers, what is simulated, misses, what the kernel prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprobes.reports import Message, Moment, MomentReport, TransitionReport
from kprobes.timeline import Track
from kprobes.transitions import Action, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.probe import Kprobe
    from kprobes.reports import Report
    from kprobes.returns import Kretprobe, KretprobeKeeper
    from kprobes.timeline import Timeline

_PRE_HANDLED = frozenset({Event.SLOT, Event.SIMULATION, Event.REDIRECTION})
"""What comes when the pre-handler has answered."""

_INSTANTS = {
    Action.LEAVE: "PC set by the handler",
    Action.LEAVE_AND_RESET: "PC set by the handler",
    Action.EXECUTE_CURRENT: "break handler",
    Action.COUNT_AND_ASK: "fault handler",
    Action.DIE: "the kernel dies",
    Action.WARN: "hit in an unknown state",
    Action.REFUSE: "left to the kernel",
}
"""Rows of the table that are told of by themselves."""


class HitTracks:
    """A watcher of an engine, which tells a timeline."""

    def __init__(self, timeline: Timeline, kretprobes: KretprobeKeeper, name_of: Callable[[Kprobe], str]) -> None:
        """Tell `timeline`; `name_of` gives what a probe is called."""
        self._timeline = timeline
        self._kretprobes = kretprobes
        self._name_of = name_of
        self._unserved: list[tuple[Kretprobe, int]] = []

    def __call__(self, report: Report) -> None:
        """Tell of a report."""
        if isinstance(report, MomentReport):
            self._tell_moment(report)
        elif isinstance(report, TransitionReport):
            self._tell_transition(report)
        else:
            self._tell_message(report)

    def miss(self, probe: Kprobe, cycle: int, why: str) -> None:
        """A probe was hit, and its handlers were not called, or its instruction not executed."""
        args = {"reason": why, "at": f"{probe.at:#x}"}
        self._timeline.instant(Track.HITS, cycle, f"missed: {self._name_of(probe)}", args)

    # ---

    def _args(self, probe: Kprobe, source: str) -> dict[str, str]:
        return {"probe": self._name_of(probe), "at": f"{probe.at:#x}", "source": source}

    def _tell_moment(self, report: MomentReport) -> None:
        probe, cycle = report.probe, report.cycle
        if probe is None:
            return
        if report.moment is Moment.PRE_HANDLER:
            self._unserved = self._count_unserved(probe)
            self._timeline.begin(Track.HANDLERS, cycle, "pre-handler", self._args(probe, report.moment.value))
        elif report.moment is Moment.POST_HANDLER:
            self._timeline.end(Track.HANDLERS, cycle)
        elif report.moment is Moment.SIMULATED:
            instruction = probe.execution.instruction
            args = self._args(probe, report.moment.value) | {"word": f"{instruction.word:08x}"}
            self._timeline.instant(Track.SLOTS, cycle, f"simulated: {instruction.text(probe.at)}", args)

    def _tell_transition(self, report: TransitionReport) -> None:
        transition, probe, cycle = report.transition, report.probe, report.cycle
        if probe is None:
            return
        if transition.event in _PRE_HANDLED:
            self._end_pre_handler(cycle)
        if transition.action is Action.FINISH and probe.post_handler is not None:
            self._timeline.begin(Track.HANDLERS, cycle, "post-handler", self._args(probe, transition.action.value))
        if transition.action is Action.REENTER:
            self.miss(probe, cycle, "re-entry")
        if transition.action in _INSTANTS:
            args = self._args(probe, transition.action.value)
            self._timeline.instant(Track.HANDLERS, cycle, _INSTANTS[transition.action], args)

    def _end_pre_handler(self, cycle: int) -> None:
        self._timeline.end(Track.HANDLERS, cycle)
        for kretprobe, before in self._unserved:
            if kretprobe.nmissed > before:
                self.miss(kretprobe.kprobe, cycle, "no instance")

    def _count_unserved(self, probe: Kprobe) -> list[tuple[Kretprobe, int]]:
        """The kretprobes of a function, and how many calls of it they had no instance for."""
        return [(item, item.nmissed) for item in self._kretprobes.at(probe.at)]

    def _tell_message(self, message: Message) -> None:
        self._timeline.instant(Track.HANDLERS, message.cycle, "the kernel prints", {"text": message.text})
