"""Files of Chrome's trace events: whether they are as viewers want them, and what they show, as text."""

import json
import re

import attrs

from kprobes.timeline import Track

TITLES = [track.value for track in Track]
_HEXADECIMAL = {"ELR", "SPSR", "ESR", "FAR", "slot"}
_SAMPLES = {"PSTATE": {"D", "I", "SS"}, "MDSCR_EL1": {"SS", "KDE", "MDE"}}


@attrs.frozen
class Shown:
    """A slice or an instant: how deep it is nested, when it begins and ends, its name, and all facts about it."""

    depth: int
    begin: int
    end: int | None
    name: str
    args: dict[str, str]

    def __str__(self):
        when = f"{self.begin}" if self.end is None else f"{self.begin}-{self.end}"
        return f"{'  ' * self.depth}{when} {self.name}"


@attrs.frozen
class TraceFile:
    """A file that has been found to be well formed: what is on each track, by its title, in the order of beginnings."""

    tracks: dict[str, list[Shown]]
    samples: list[tuple[int, str, dict[str, int]]]
    facts: dict[str, str]
    events: int

    def on(self, track: Track) -> list[Shown]:
        return self.tracks[track.value]

    def picture(self, track: Track) -> list[str]:
        return [str(item) for item in self.on(track)]

    def names(self, track: Track) -> list[str]:
        return [item.name for item in self.on(track)]


def read(text: str) -> TraceFile:
    """What a file shows; an AssertionError tells what viewers would not understand, or misunderstand."""
    document = json.loads(text)
    assert set(document) == {"traceEvents", "otherData"}, "other keys end a file for some readers"
    assert document["otherData"]["time"] == "1 cycle of the machine is shown as 1 us"
    events = document["traceEvents"]
    described = [event for event in events if event["ph"] == "M"]
    assert events[: len(described)] == described
    threads = _threads(described)
    reader = _Reader({thread: [] for thread in threads})
    for event in events[len(described) :]:
        reader.take(event)
    reader.finish()
    tracks = {threads[thread]: reader.shown[thread] for thread in threads}
    return TraceFile(tracks, reader.samples, document["otherData"], len(events) - len(described))


def _threads(described):
    named = {event["tid"]: event["args"]["name"] for event in described if event["name"] == "thread_name"}
    orders = {event["tid"]: event["args"]["sort_index"] for event in described if event["name"] == "thread_sort_index"}
    (process,) = [event["args"]["name"] for event in described if event["name"] == "process_name"]
    assert process
    assert 1 not in named, "viewers take a thread with the number of its process for the main thread"
    assert [named[thread] for thread in sorted(named, key=orders.__getitem__)] == TITLES
    return named


class _Reader:
    def __init__(self, shown):
        self.shown = shown
        self.samples = []
        self._open = {thread: [] for thread in shown}
        self._now = 0

    def take(self, event):
        assert isinstance(event["name"], str)
        assert event["name"]
        assert event["pid"] == 1
        assert isinstance(event["ts"], int)
        assert event["ts"] >= self._now, f"{event} is out of order"
        self._now = event["ts"]
        if event["ph"] == "C":
            self._sample(event)
        else:
            _check_args(event.get("args", {}))
            {"B": self._begin, "E": self._end, "i": self._instant}[event["ph"]](event)

    def _sample(self, event):
        assert event["args"].keys() == _SAMPLES[event["name"]]
        assert set(event["args"].values()) <= {0, 1}
        before = [values for _, name, values in self.samples if name == event["name"]]
        assert event["args"] not in before[-1:]
        self.samples.append((event["ts"], event["name"], event["args"]))

    def _add(self, event, end):
        thread, depth = event["tid"], len(self._open[event["tid"]])
        item = Shown(depth, event["ts"], end, event["name"], event.get("args", {}))
        self.shown[thread].append(item)

    def _begin(self, event):
        self._add(event, event["ts"])
        self._open[event["tid"]].append(len(self.shown[event["tid"]]) - 1)

    def _end(self, event):
        thread = event["tid"]
        assert self._open[thread], f"{event} ends nothing"
        index = self._open[thread].pop()
        item = self.shown[thread][index]
        assert item.name == event["name"], f"{event} ends {item}"
        is_last = index == len(self.shown[thread]) - 1
        assert event["ts"] > item.begin or not is_last, f"{item} takes no time, and should be an instant"
        self.shown[thread][index] = attrs.evolve(item, end=event["ts"], args=item.args | event.get("args", {}))

    def _instant(self, event):
        assert event["s"] == "t"
        self._add(event, None)

    def finish(self):
        assert not any(self._open.values()), f"{self._open} are never ended"


def _check_args(args):
    for name, value in args.items():
        assert isinstance(value, str), f"{name} is {value!r}"
        if name in _HEXADECIMAL:
            assert re.fullmatch(r"0x[0-9a-f]+", value), f"{name} is {value!r}"
        if name == "word":
            assert re.fullmatch(r"[0-9a-f]{8}", value)
