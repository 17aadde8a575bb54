"""`a64 probe` on a program that runs: its hits as they come, then what they cost and what was missed."""

from __future__ import annotations

import re
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.stop import Stop, StopReason
from cli import console, report
from cli.console import InputError, Renderer, Span, Style
from cli.running import complaint, exit_status, output
from cli.specs import define, read_specs
from kprobes.arch.diagnosis import Diagnosis, Trouble
from kprobes.behaviour import Execution, Trampoline
from kprobes.costs import CostMeter
from kprobes.errors import KprobesError, RegistrationError
from kprobes.events import ProbeKind
from kprobes.events.limits import DEFAULT_GROUP
from kprobes.manager import Kprobes
from kprobes.reports import Message
from kprobes.tracing import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aarch64.machine import Machine
    from cli.host_console import HostConsole
    from cli.running import RunOptions
    from kprobes.probe import Kprobe
    from kprobes.profiles import Profile
    from kprobes.reports import Report
    from kprobes.tracing import Hit, TraceEvent

_DEBUG_MASK = 0b1000
"""PSTATE.D among D, A, I, F."""

_UNMASK = "; --unmask-debug has the program start so"

_HIT = re.compile(r"(?P<cycle>^ *\d+)  (?P<event>\S+:) ")


@attrs.frozen
class ProbeOptions:
    """What the command line asks about probes."""

    specs: tuple[str, ...]
    profile: Profile
    json: str | None
    unmask_debug: bool
    program: str
    perfetto: str | None = None


def prepare(machine: Machine, profile: Profile, *, unmask_debug: bool = False) -> Kprobes:
    """Kprobes on a machine that is about to start, with debug exceptions unmasked if they are to be."""
    if unmask_debug:
        machine.cpu.pstate.daif &= ~_DEBUG_MASK
        machine.cpu.context_changed()
    try:
        return Kprobes(machine, profile)
    except RegistrationError as error:
        raise InputError(str(error)) from error


def show_list(machine: Machine, options: ProbeOptions) -> None:
    """The probes, as /sys/kernel/debug/kprobes/list has them."""
    kprobes = prepare(machine, options.profile)
    define(Tracer(kprobes, lambda _hit: None), read_specs(options.specs))
    console.write(str(item) for item in kprobes.listed())


def show_blacklist(machine: Machine, options: ProbeOptions) -> None:
    """The addresses that no probe may be at and why, as /sys/kernel/debug/kprobes/blacklist has them."""
    ranges = sorted(prepare(machine, options.profile).blacklist, key=lambda item: item.addresses.start)
    console.write(str(item) for item in ranges)


# --- a run


def run_probed(machine: Machine, host: HostConsole, run_options: RunOptions, options: ProbeOptions) -> int:
    """Run a program with probes, tell of them, and give the exit status."""
    session = Session(machine, host, options)
    with ExitStack() as stack:
        results = stack.enter_context(output(options.json, host))
        stack.enter_context(session.recorded())
        stop = session.run(run_options)
        status = exit_status(stop)
        if stop.reason is StopReason.RETURNED:
            host.write_lines(f"x0 = {report.value_text(machine.cpu.gpr[0])}\n")
        session.show_table()
        if results is not None:
            results(console.json_lines(session.as_json(stop, status)))
    host.flush()
    if host.failure is not None:
        raise host.failure
    session.tell_notes()
    if told := complaint(machine, stop):
        host.tell(told)
    if session.failure:
        host.tell(report.as_text(machine, console.width(sys.stderr)))
    return status


class Session:
    """Events on a machine, what is shown of them while it runs, and what is known of them at the end.

    Attributes:
        failure: what the kernel would have died of, if it did.
    """

    def __init__(self, machine: Machine, host: HostConsole, options: ProbeOptions) -> None:
        """Define the events; InputError for one that cannot be."""
        self._machine = machine
        self._host = host
        self._options = options
        self._kprobes = prepare(machine, options.profile, unmask_debug=options.unmask_debug)
        self._hits: list[Hit] = []
        self._messages: Counter[str] = Counter()
        self._costs = CostMeter()
        self._render = Renderer()
        self._on_hit = self._sinks()
        self._tracer = Tracer(self._kprobes, self._take_hit)
        self._diagnosis = Diagnosis(self._kprobes)
        self._kprobes.engine.watchers += [self._costs, self._hear]
        self.failure = ""
        self._remark = ""
        define(self._tracer, read_specs(options.specs))

    @property
    def _is_shown(self) -> bool:
        """Whether stdout is for people: not where JSON goes there."""
        return "-" not in (self._options.json, self._options.perfetto)

    def _sinks(self) -> list[Callable[[Hit], None]]:
        """What is done with hits: they are shown, kept for JSON, or both."""
        wanted: list[Callable[[Hit], None]] = [self._show] if self._is_shown else []
        if self._options.json is not None:
            wanted.append(self._hits.append)
        return wanted

    def _take_hit(self, hit: Hit) -> None:
        for do in self._on_hit:
            do(hit)

    def _show(self, hit: Hit) -> None:
        lines = report.fitted(self._hit_text(hit), sys.stdout)
        self._host.write_lines(self._render(_styled(line) for line in lines))

    def _hit_text(self, hit: Hit) -> str:
        place = self._machine.locate(hit.pc)
        if hit.return_address is not None:
            place = f"{self._machine.locate(hit.return_address)} <- {place}"
        values = "".join(f" {name}={shown}" for name, shown in hit.args.items())
        return f"{hit.cycle:8}  {short_name(hit.event)}: {place}{values}"

    def _hear(self, told: Report) -> None:
        if isinstance(told, Message):
            self._messages[told.text] += 1

    def run(self, run_options: RunOptions) -> Stop:
        """Run the program to its end, or to where the kernel would have died."""
        try:
            return run_options.run(self._machine, self._host)
        except KprobesError as error:
            self._host.clear_status()
            self.failure = str(error)
            return Stop(StopReason.STUCK, self.failure)
        finally:
            self._diagnosis.stop()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """While the program runs, write its timeline, if it is asked for."""
        if self._options.perfetto is None:
            yield
            return
        from cli.perfetto import Recording, target  # noqa: PLC0415  (only who asks for it pays for it)

        with target(self._options.perfetto, self._host) as write:
            recording = Recording(self._kprobes, write, self._options.program, self._names_of)
            self._on_hit.append(lambda hit: recording.hit(hit, short_name(hit.event)))
            self._diagnosis.watchers.append(recording.recorder.find)
            try:
                yield
            finally:
                recording.finish()
                self._remark = recording.remark

    def _names_of(self, probe: Kprobe) -> str:
        """What the events of a probe are called, or those of its instruction, if it stands for them."""
        events = [event for event in self._tracer if event.kprobe is probe]
        events = events or [event for event in self._tracer if event.kprobe.address == probe.address]
        return ", ".join(map(short_name, events))

    # --- the end

    def show_table(self) -> None:
        """What was hit and missed, and what it cost."""
        if not self._is_shown:
            return
        rows = [self._row(event) for event in self._tracer]
        lines = _table(rows, console.width()) if sys.stdout.isatty() else _wide(rows)
        self._host.write_lines(self._render(lines))

    def tell_notes(self) -> None:
        """What the kernel printed, and why probes did not work, on stderr."""
        for text in (*self._notes(), *([self._remark] if self._remark else ())):
            self._host.tell("\n".join(report.fitted(f"a64: {text}", sys.stderr)))

    def _notes(self) -> Iterator[str]:
        for text, times in self._messages.items():
            yield f"the kernel says{_times(times)}: {text}"
        for finding, times in self._diagnosis.findings.values():
            where = self._machine.locate(finding.probe.at)
            option = "" if self._options.unmask_debug or finding.trouble is not Trouble.RAN_OFF else _UNMASK
            yield f"the probe at {where} {finding.trouble.value}{_times(times)}: {finding.advice}{option}"

    def _misses(self, event: TraceEvent) -> dict[str, int]:
        return event.misses | self._diagnosis.count(event.kprobe)

    def _row(self, event: TraceEvent) -> _Row:
        cost = self._costs.by_address[event.kprobe.at]
        exceptions, cycles = cost.exceptions, cost.cycles
        if event.spec.kind is ProbeKind.RETURN:
            cycles += event.hits * len(self._kprobes.trampoline[::4])
            exceptions += event.hits * (self._options.profile.engine.trampoline is Trampoline.BRK)
        return _Row(
            event=event,
            place=self._machine.locate(event.kprobe.at),
            method=_method(event, self._options.profile),
            misses={reason: count for reason, count in self._misses(event).items() if count},
            cycles=cycles,
            exceptions=exceptions,
            finished=cost.finished,
        )

    def as_json(self, stop: Stop, status: int) -> dict[str, Any]:
        """All of it: what `a64 run` tells of the end, and the events, hits and notes."""
        return {
            "profile": self._options.profile.name,
            **report.as_json(self._machine, stop, status),
            "events": [row.as_json() for row in map(self._row, self._tracer)],
            "hits": [self._hit_as_json(hit) for hit in self._hits],
            "notes": list(self._notes()),
        }

    @staticmethod
    def _hit_as_json(hit: Hit) -> dict[str, Any]:
        address = hit.return_address
        return {
            "cycle": hit.cycle,
            "event": hit.event.name,
            "pc": f"{hit.pc:#x}",
            "return_address": None if address is None else f"{address:#x}",
            "args": hit.args,
        }


def short_name(event: TraceEvent) -> str:
    """The event's name, with its group unless that goes without saying."""
    return event.spec.event if event.spec.group == DEFAULT_GROUP else event.name


def _times(times: int) -> str:
    return f" ({times} times)" if times > 1 else ""


def _method(event: TraceEvent, profile: Profile) -> str:
    """How the instruction is executed."""
    if event.kprobe.execution.slot is None:
        return "simulation"
    return "step" if profile.engine.execution is Execution.STEP else "BRK"


def _styled(line: str) -> console.Line:
    found = _HIT.match(line)
    if found is None:
        return line
    return [
        Span(found["cycle"], Style.ADDRESS),
        "  ",
        Span(found["event"], Style.SYMBOL),
        line[found.end() - 1 :],
    ]


# --- the table


@attrs.frozen
class _Row:
    """What there is to say of an event at the end."""

    event: TraceEvent
    place: str
    method: str
    misses: dict[str, int]
    cycles: int
    exceptions: int
    finished: int

    def _each(self, amount: int) -> str:
        return f"{amount / self.finished:.3g}" if self.finished else "-"

    @property
    def missed(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in self.misses.items()) or "0"

    @property
    def cells(self) -> tuple[str, ...]:
        """As the columns of the table."""
        return (
            short_name(self.event),
            self.place,
            self.method,
            str(self.event.hits),
            self.missed,
            str(self.cycles),
            self._each(self.cycles),
            self._each(self.exceptions),
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON: 64-bit values in hexadecimal strings, the rest as numbers."""
        return {
            "event": self.event.name,
            "spec": str(self.event.spec),
            "address": f"{self.event.kprobe.at:#x}",
            "method": self.method,
            "hits": self.event.hits,
            "misses": self.misses,
            "cycles": self.cycles,
            "exceptions": self.exceptions,
            "finished": self.finished,
        }


_COLUMNS = ("event", "where", "by", "hits", "missed", "cycles", "a hit", "exceptions a hit")
_NUMBERS = frozenset({"hits", "cycles", "a hit", "exceptions a hit"})


def _table(rows: Sequence[_Row], width: int) -> Iterator[console.Line]:
    """A table, or where the terminal is too narrow for it, some lines for each event."""
    widths = _widths(rows)
    if sum(widths) + 2 * (len(widths) - 1) <= width:
        return _wide(rows)
    return _narrow(rows)


def _widths(rows: Sequence[_Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(_COLUMNS, *(row.cells for row in rows), strict=True)]


def _wide(rows: Sequence[_Row]) -> Iterator[console.Line]:
    widths = _widths(rows)

    def line(cells: Iterable[str]) -> str:
        parts = (
            cell.rjust(size) if name in _NUMBERS else cell.ljust(size)
            for name, cell, size in zip(_COLUMNS, cells, widths, strict=True)
        )
        return "  ".join(parts).rstrip()

    yield [console.heading(line(_COLUMNS))]
    for row in rows:
        yield line(row.cells)


def _narrow(rows: Sequence[_Row]) -> Iterator[console.Line]:
    for row in rows:
        name, *cells = row.cells
        yield [console.heading(name)]
        for column, cell in zip(_COLUMNS[1:], cells, strict=True):
            yield from report.fitted(f"{column}: {cell}", sys.stdout, "  ")
