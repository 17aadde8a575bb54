"""Events: probes made from specs, and what is recorded at their hits (kernel/trace/trace_kprobe.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.errors import Errno, RegistrationError
from kprobes.events import AddressPlace, ClearSpec, Conflict, ProbeKind, ProbeSpec, SpecError, parse
from kprobes.events.pieces import words
from kprobes.fetching import HitContext
from kprobes.probe import Kprobe, kprobe_of
from kprobes.returns import Kretprobe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprobes.events import Value
    from kprobes.manager import Kprobes
    from kprobes.pt_regs import PtRegs
    from kprobes.returns import Instance


@attrs.define(eq=False)
class TraceEvent:
    """An event: a spec, how often it was recorded, and the probe it became."""

    spec: ProbeSpec
    hits: int = 0
    probe: Kprobe | Kretprobe = attrs.field(init=False, repr=False)

    @property
    def kprobe(self) -> Kprobe:
        """The probe on the instruction."""
        return kprobe_of(self.probe)

    @property
    def name(self) -> str:
        """`GROUP/EVENT`."""
        return f"{self.spec.group}/{self.spec.event}"

    @property
    def misses(self) -> dict[str, int]:
        """How often it was hit and not recorded, by the reason."""
        found = {"re-entry": self.kprobe.nmissed}
        return found | {"no instance": self.probe.nmissed} if isinstance(self.probe, Kretprobe) else found


@attrs.frozen
class Hit:
    """What was recorded of a hit.

    Attributes:
        event: whose.
        cycle: the cycle counter when the exception had been taken.
        pc: the address of the probe; of a return probe, of the function.
        return_address: of a return probe, where the function returns to.
        values: of the spec's arguments, in their order.
        shown: the same as text, as Linux's trace shows them.
    """

    event: TraceEvent
    cycle: int
    pc: int
    return_address: int | None
    values: tuple[Value, ...]
    shown: tuple[str, ...]

    def __repr__(self) -> str:
        returns = "" if self.return_address is None else f"{self.return_address:#x} <- "
        args = "".join(f" {name}={shown}" for name, shown in self.args.items())
        return f"<Hit {self.cycle} {self.event.name} {returns}{self.pc:#x}{args}>"

    def _repr_html_(self) -> str:
        from aarch64.notebook import table  # noqa: PLC0415  (only a notebook needs it)

        facts: dict[str, object] = {"event": self.event.name, "cycle": self.cycle, "pc": f"{self.pc:#x}"}
        if self.return_address is not None:
            facts["returns to"] = f"{self.return_address:#x}"
        return table((), [*facts.items(), *self.args.items()])

    @property
    def args(self) -> dict[str, str]:
        """The values as text, by the names of the arguments."""
        return {arg.name: shown for arg, shown in zip(self.event.spec.args, self.shown, strict=True)}


class Tracer:
    """The events of a machine.

    Attributes:
        events: those defined, in order.
        on_hit: called at every hit.
    """

    def __init__(self, kprobes: Kprobes, on_hit: Callable[[Hit], None]) -> None:
        """Make probes of `kprobes`."""
        self._kprobes = kprobes
        self.events: list[TraceEvent] = []
        self.on_hit = on_hit

    def __iter__(self) -> Iterator[TraceEvent]:
        return iter(self.events)

    def define(self, text: str) -> TraceEvent | None:
        """Do what a line of kprobe_events says; the event that it defines, if it defines one.

        Raises:
            SpecError: it says nothing, or what other events contradict.
            RegistrationError: there can be no such probe, or no such event is there to be cleared.
        """
        spec = parse(text, self._kprobes.count_symbols)
        if isinstance(spec, ClearSpec):
            self._clear(spec)
            return None
        self._check(spec, text)
        event = self._event(spec)
        self._kprobes.register(event.probe)
        self.events.append(event)
        return event

    def _check(self, spec: ProbeSpec, text: str) -> None:
        """append_trace_kprobe: probes may share an event if they record the same; ERRORS of trace_probe.h."""
        name = (spec.group, spec.event)
        same = [event.spec for event in self.events if (event.spec.group, event.spec.event) == name]
        if not same:
            return
        first = same[0]
        if first.kind is not spec.kind:
            raise _at_word(Conflict.DIFF_PROBE_TYPE, text, 0)
        different = _first_difference(spec, first)
        if different is not None:
            raise _at_word(Conflict.DIFF_ARG_TYPE, text, 2 + different)
        if any((other.place, other.args) == (spec.place, spec.args) for other in same):
            raise _at_word(Conflict.SAME_PROBE, text, 0)

    def _clear(self, spec: ClearSpec) -> None:
        """dyn_event_release."""
        cleared = [
            event for event in self.events if event.spec.event == spec.event and spec.group in (None, event.spec.group)
        ]
        if not cleared:
            raise RegistrationError(Errno.ENOENT, f"there is no event to clear: {spec}")
        for event in cleared:
            self._kprobes.unregister(event.probe)
            self.events.remove(event)

    # --- probes

    def _event(self, spec: ProbeSpec) -> TraceEvent:
        if isinstance(spec.place, AddressPlace):
            symbol, offset, address = None, 0, spec.place.address
        else:
            symbol, offset, address = spec.place.symbol, spec.place.offset, None
        event = TraceEvent(spec)
        if spec.kind is ProbeKind.RETURN:
            event.probe = Kretprobe(
                lambda instance, regs: self._returned(event, instance, regs),
                symbol, offset, address,
                maxactive=spec.maxactive,
            )  # fmt: skip
        else:
            event.probe = Kprobe(symbol, offset, address, pre_handler=lambda _probe, regs: self._hit(event, regs))
        return event

    def _hit(self, event: TraceEvent, regs: PtRegs) -> None:
        """kprobe_trace_func."""
        self._record(event, regs, None)

    def _returned(self, event: TraceEvent, instance: Instance, regs: PtRegs) -> None:
        """kretprobe_trace_func."""
        self._record(event, regs, instance.return_address)

    def _record(self, event: TraceEvent, regs: PtRegs, return_address: int | None) -> None:
        kprobes = self._kprobes
        context = HitContext(regs, kprobes.engine.host, kprobes.symbols, kprobes.name)
        values = tuple(arg.evaluate(context) for arg in event.spec.args)
        shown = tuple(arg.format(value, kprobes.name) for arg, value in zip(event.spec.args, values, strict=True))
        event.hits += 1
        self.on_hit(Hit(event, kprobes.engine.host.cycle, event.kprobe.at, return_address, values, shown))


def _first_difference(spec: ProbeSpec, other: ProbeSpec) -> int | None:
    """The first argument, from 0, of another name or type, or more or less than there were; None if there is none.

    (trace_probe_compare_arg_type)
    """
    mine, others = ([(arg.name, arg.type) for arg in item.args] for item in (spec, other))
    if len(mine) != len(others):
        return min(len(mine), len(others))
    return next((index for index, pair in enumerate(zip(mine, others, strict=True)) if pair[0] != pair[1]), None)


def _at_word(problem: Conflict, text: str, index: int) -> SpecError:
    """A problem with a word of a spec; behind the last one, at its end."""
    found = words(text)
    return found[index].error(problem) if index < len(found) else SpecError(problem, text, len(text))
