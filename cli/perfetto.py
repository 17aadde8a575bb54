"""A timeline as JSON of Chrome's trace events, which ui.perfetto.dev and chrome://tracing show ("Trace Event Format").

It is written as it comes, an event a line. One cycle is one microsecond, which is what the format counts in.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING

from cli.running import output
from kprobes.arch.timeline_recorder import TimelineRecorder
from kprobes.timeline import MOST_EVENTS, Mark, Phase, Sample, Timeline, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cli.host_console import HostConsole
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.timeline import TimelineEvent
    from kprobes.tracing import Hit

_PROCESS = 1
_THREADS = {track: number for number, track in enumerate(Track, _PROCESS + 1)}
"""Not that of the process, which viewers take for its main thread."""
_TIME = "1 cycle of the machine is shown as 1 us"
_PHASES = {
    Phase.BEGIN: '"ph":"B"',
    Phase.END: '"ph":"E"',
    Phase.INSTANT: '"ph":"i","s":"t"',  # of its thread, and not a line through all of them
}
_EVENTS_AT_ONCE = 512
_CHUNK = 1 << 20


class PerfettoWriter:
    """Writes a timeline, many events at once; `finish` makes the file complete."""

    def __init__(self, write: Callable[[str], object], program: str) -> None:
        """Write with `write`; `program` is what runs."""
        self._write = write
        self._parts = ['{"traceEvents":[\n', _metadata("process_name", 0, f'"name":{quote(program)}')]
        for track, thread in _THREADS.items():
            self._put(_metadata("thread_name", thread, f'"name":{quote(track.value)}'))
            self._put(_metadata("thread_sort_index", thread, f'"sort_index":{thread}'))

    def __call__(self, event: TimelineEvent) -> None:
        """Write an event."""
        self._put(_sample(event) if isinstance(event, Sample) else _mark(event))

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write the end, with what there is to say of the whole."""
        self._parts.append(f'\n],"otherData":{{{_strings({"time": _TIME, **facts})}}}}}\n')
        self._flush()

    def _put(self, event: str) -> None:
        self._parts.append(f",\n{event}")
        if len(self._parts) >= _EVENTS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._write("".join(self._parts))
        self._parts.clear()


def _strings(values: Mapping[str, str]) -> str:
    """What is between the braces of an object; a `JSONEncoder` takes longer for it than a run for an event."""
    return ",".join(f"{quote(name)}:{quote(value)}" for name, value in values.items())


def _metadata(name: str, thread: int, args: str) -> str:
    return f'{{"name":"{name}","ph":"M","pid":{_PROCESS},"tid":{thread},"args":{{{args}}}}}'


def _mark(mark: Mark) -> str:
    args = f',"args":{{{_strings(mark.args)}}}' if mark.args else ""
    place = f'"ts":{mark.cycle},"pid":{_PROCESS},"tid":{_THREADS[mark.track]}'
    return f'{{"name":{quote(mark.name)},{_PHASES[mark.phase]},{place}{args}}}'


def _sample(sample: Sample) -> str:
    values = ",".join(f"{quote(name)}:{value}" for name, value in sample.values.items())
    place = f'"ts":{sample.cycle},"pid":{_PROCESS}'
    return f'{{"name":{quote(sample.name)},"cat":"bits","ph":"C",{place},"args":{{{values}}}}}'


class Recording:
    """A timeline of a run that is being written."""

    def __init__(
        self, kprobes: Kprobes, write: Callable[[str], object], program: str, name_of: Callable[[Kprobe], str]
    ) -> None:
        """Begin; `name_of` gives what a probe is called."""
        self._machine = kprobes.machine
        self._writer = PerfettoWriter(write, program)
        self._timeline = Timeline(self._writer, MOST_EVENTS)
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
            f"--perfetto: the timeline ends at cycle {self._timeline.cut}: it has {MOST_EVENTS:,} events, and no room "
            "for more; for what comes later, have less run before it (--call)"
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
