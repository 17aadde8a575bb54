"""A timeline as JSON of Chrome's trace events, which ui.perfetto.dev and chrome://tracing show ("Trace Event Format").

It is written as it comes, an event a line. One cycle is one microsecond, which is what the format counts in.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.running import output
from kprobes.arch.timeline_recorder import TimelineRecorder
from kprobes.timeline import MOST_EVENTS, Mark, Phase, Sample, Timeline, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.host_console import HostConsole
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.timeline import TimelineEvent
    from kprobes.tracing import Hit

_PROCESS = 1
_THREADS = {track: number for number, track in enumerate(Track, 1)}
_LETTERS = {Phase.BEGIN: "B", Phase.END: "E", Phase.INSTANT: "i"}
_TIME = "1 cycle of the machine is shown as 1 us"
_CHUNK = 1 << 20


class PerfettoWriter:
    """Writes a timeline; `finish` makes the file complete."""

    def __init__(self, write: Callable[[str], object], program: str) -> None:
        """Write the beginning with `write`: `program` is what runs."""
        self._write = write
        self._encode = json.JSONEncoder(separators=(",", ":")).encode
        self._write('{"traceEvents":[\n')
        self._write(self._encode(_metadata("process_name", 0, {"name": program})))
        for track, thread in _THREADS.items():
            self._put(_metadata("thread_name", thread, {"name": track.value}))
            self._put(_metadata("thread_sort_index", thread, {"sort_index": thread}))

    def __call__(self, event: TimelineEvent) -> None:
        """Write an event."""
        self._put(_sample(event) if isinstance(event, Sample) else _mark(event))

    def finish(self, facts: dict[str, str]) -> None:
        """Write the end, with what there is to say of the whole."""
        self._write(f'\n],"otherData":{self._encode({"time": _TIME, **facts})}}}\n')

    def _put(self, event: dict[str, Any]) -> None:
        self._write(",\n" + self._encode(event))


def _metadata(name: str, thread: int, args: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "ph": "M", "pid": _PROCESS, "tid": thread, "args": args}


def _mark(mark: Mark) -> dict[str, Any]:
    event: dict[str, Any] = {
        "name": mark.name,
        "ph": _LETTERS[mark.phase],
        "ts": mark.cycle,
        "pid": _PROCESS,
        "tid": _THREADS[mark.track],
    }
    if mark.phase is Phase.INSTANT:
        event["s"] = "t"  # of the thread, and not a line through all of them
    if mark.args:
        event["args"] = dict(mark.args)
    return event


def _sample(sample: Sample) -> dict[str, Any]:
    return {"name": sample.name, "ph": "C", "ts": sample.cycle, "pid": _PROCESS, "args": dict(sample.values)}


class Recording:
    """A timeline of a run that is being written."""

    def __init__(
        self, kprobes: Kprobes, write: Callable[[str], object], program: str, name_of: Callable[[Kprobe], str]
    ) -> None:
        """Begin; `name_of` gives what a probe is called."""
        self._machine = kprobes.machine
        self._writer = PerfettoWriter(write, program)
        self._timeline = Timeline(self._writer)
        self.recorder = TimelineRecorder(kprobes, self._timeline, name_of)
        self._profile = kprobes.profile.name
        self.recorder.start()

    def hit(self, hit: Hit, name: str) -> None:
        """Tell of a hit, with what was recorded."""
        args = {arg.name: shown for arg, shown in zip(hit.event.spec.args, hit.shown, strict=True)}
        args["at"] = self._machine.locate(hit.pc)
        if hit.return_address is not None:
            args["returns to"] = self._machine.locate(hit.return_address)
        self._timeline.instant(Track.HITS, hit.cycle, name, args)

    def finish(self) -> None:
        """Complete it."""
        self.recorder.stop()
        cycles, cut = self._machine.cpu.cycles, self._timeline.cut
        facts = {"profile": self._profile, "cycles": str(cycles), "shown until": str(cycles if cut is None else cut)}
        self._writer.finish(facts)

    @property
    def remark(self) -> str:
        """What is to be said of what is not in it; nothing if all is."""
        if self._timeline.cut is None:
            return ""
        return (
            f"--perfetto: the timeline ends at cycle {self._timeline.cut}, having {MOST_EVENTS:,} events: "
            "for what comes later, run less before it (--call)"
        )


@contextmanager
def target(path: str, host: HostConsole) -> Iterator[Callable[[str], object]]:
    """What to write with: into a file; for `-` to stdout, but all of it at the end, after what the program prints."""
    if path != "-":
        with output(path, host) as write:
            assert write is not None
            yield write
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
        try:
            yield kept.write
        finally:
            kept.seek(0)
            host.break_line()
            while chunk := kept.read(_CHUNK):
                host.write(chunk.encode())
