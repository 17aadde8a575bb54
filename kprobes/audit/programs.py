"""Whole programs with probes in them: they have to come to the same end as without.

report = Campaign(ProgramSetup(), seed=1, budget=Budget(500)).run()

A case is the source of a program (`aarch64.sampling.programs`), the lines that are probed being marked. What the
profile refuses to probe is left alone. With loops, calls and exclusive sequences, it shows what no single instruction
can: a probe within what must not be interrupted, a slot that outlives its instruction, state that a hit leaves behind.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from aarch64 import state
from aarch64.assembler import assemble_source
from aarch64.errors import AArch64Error
from aarch64.fuzz.target import Agreement, Divergence
from aarch64.machine import RAM_BASE, Machine
from aarch64.memory import PAGE_SHIFT
from aarch64.pmu import COUNTER, SINCE
from aarch64.pstate import PState
from aarch64.sampling import ProgramOptions, draw_program
from aarch64.sampling.programs import DONE
from kprobes.audit.case import EL1H, Case
from kprobes.audit.fuzzing import ProfileSetup, place_of
from kprobes.audit.known import known
from kprobes.audit.telling import Symptom, shown_value
from kprobes.behaviour import SlotFault
from kprobes.errors import RegistrationError
from kprobes.manager import Kprobes
from kprobes.probe import Kprobe
from kprobes.pt_regs import BTYPE

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aarch64.fuzz.target import Json, Verdict
    from aarch64.image import Image
    from kprobes.profiles import Profile

MARK = "    // probed"
_INSTRUCTION = re.compile(r"\s+[a-z]")
_VECTORS = "vectors:"
_LABEL = "probed."
_RAM = 1 << 20
_SLOWER = 60
"""How many times as many cycles a program with probes may take."""
_LONGEST = 100_000
"""So many cycles a program may take that is read from a file."""
_MOST_PROBES = 4
_SHOWN = 4

_PSTATE = tuple(field.name for field in attrs.fields(PState))
_BTYPE = "PSTATE.btype"
_SEVERAL = "several instructions"
_NAMES = {"gpr": "x", "elr": "ELR_EL", "spsr": "SPSR_EL", "sp_el": "SP_EL"}
"""What banks of registers are called."""
_ASIDE = frozenset(
    {
        "cycles",
        "unretired",
        "exclusive",
        "event_register",
        "stepped",
        "tlb",
        "stop",
        "pc",
        "ELR_EL1",
        "SPSR_EL1",
        "ESR_EL1",
    }
    | {"pstate", COUNTER, SINCE}
)
"""What is not compared, for the reasons that `bench` gives; PSTATE is, by its fields."""


@attrs.frozen
class Probed:
    """A program, by its source, with marks on the lines that are probed; and the cycles it takes without them."""

    text: str
    budget: int

    @property
    def lines(self) -> list[str]:
        """The lines, marks included."""
        return self.text.splitlines()

    @property
    def marked(self) -> tuple[int, ...]:
        """The indexes of the lines that are probed."""
        return tuple(index for index, line in enumerate(self.lines) if line.endswith(MARK))

    def with_marks(self, marked: Iterable[int]) -> Probed:
        """The same with other lines probed."""
        chosen = frozenset(marked)
        lines = (line.removesuffix(MARK) + MARK * (index in chosen) for index, line in enumerate(self.lines))
        return attrs.evolve(self, text="\n".join(lines) + "\n")

    def without(self, lines: range) -> Probed:
        """The same without some lines."""
        kept = (line for index, line in enumerate(self.lines) if index not in lines)
        return attrs.evolve(self, text="\n".join(kept) + "\n")

    def addresses(self) -> dict[int, int]:
        """The address of each line that is probed, by its index.

        Raises:
            SourceError: it cannot be assembled.
        """
        chosen = set(self.marked)
        labelled = (f"{_LABEL}{index}: {line}" if index in chosen else line for index, line in enumerate(self.lines))
        symbols = assemble_source("\n".join(labelled) + "\n", base=RAM_BASE).symbols
        return {index: symbols[f"{_LABEL}{index}"] for index in self.marked}


@attrs.frozen
class ProgramSetup(ProfileSetup):
    """A profile, to be tried on programs."""

    target: str = attrs.field(default="probe-programs", init=False)
    share: int = attrs.field(default=20, init=False)

    @contextmanager
    def opened(self) -> Iterator[ProgramTarget]:
        """The target; ValueError if there is no such profile."""
        yield ProgramTarget(self.profile)


@attrs.frozen
class ProgramTarget:
    """Programs, each run with probes and without."""

    profile: Profile
    together: int = attrs.field(default=1, init=False)

    @property
    def options(self) -> ProgramOptions:
        """Programs take exceptions only where those in slots are told as if there was no slot."""
        return ProgramOptions(with_faults=self.profile.engine.slot_fault is SlotFault.CONCEALS_SLOT)

    def draw(self, rng: random.Random) -> Probed:
        """A program, probed in a few places; its exception handlers are not, as in a kernel."""
        program = draw_program(rng, self.options)
        case = Probed(program.text, program.budget)
        lines = case.lines
        end = lines.index(_VECTORS) if _VECTORS in lines else len(lines)
        places = [index for index in range(end) if _INSTRUCTION.match(lines[index])]
        return case.with_marks(rng.choices(places, k=rng.randint(1, _MOST_PROBES)))

    def check(self, cases: Sequence[Probed]) -> Sequence[Verdict]:
        """The verdict on each program; not compared is what comes to no end, or has nothing that can be probed."""
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: Probed) -> Verdict:
        try:
            image, addresses = assemble_source(case.text, base=RAM_BASE), case.addresses()
            wanted = _end(_machine(image), case.budget)
        except AArch64Error:
            return Agreement.NOT_COMPARED
        if wanted is None or not addresses:
            return Agreement.NOT_COMPARED
        verdict = self._compared(case, image, list(addresses.values()), wanted)
        if not isinstance(verdict, Divergence) or len(addresses) == 1:
            return verdict
        alone = (self._compared(case, image, [address], wanted) for address in addresses.values())
        return next((item for item in alone if isinstance(item, Divergence)), verdict)

    def _compared(self, case: Probed, image: Image, places: list[int], wanted: Mapping[str, Any]) -> Verdict:
        """The verdict for probes at some addresses."""
        machine = _machine(image)
        kprobes = Kprobes(machine, self.profile)
        probes = [probe for place in places if (probe := _registered(kprobes, place)) is not None]
        if not probes:
            return Agreement.NOT_COMPARED
        words = [_word(image, probe.at) for probe in probes]
        place = place_of(words[0]) if len(words) == 1 else _SEVERAL
        try:
            seen = _end(machine, _SLOWER * case.budget, kprobes, probes)
        except Exception as error:  # noqa: BLE001  (whatever is raised, that it is raised is the finding)
            return Divergence("raises", place, repr(error), "")
        if seen is None:
            return Divergence("endless", place, f"no end in {_SLOWER * case.budget} cycles", f"{case.budget} cycles")
        names = sorted(name for name in seen.keys() | wanted.keys() if seen.get(name) != wanted.get(name))
        if not names:
            return Agreement.SAME
        return Divergence("end", place, _values(names, seen), _values(names, wanted), self._reason(names, words))

    def _reason(self, names: list[str], words: list[int]) -> str:
        """What is known, of an instruction by itself, that leaves another BTYPE; that is all it can do here."""
        if names != [_BTYPE] or len(words) > 1:
            return ""
        finding = known(self.profile.name, Case(words[0], pstate=EL1H | BTYPE), Symptom.PSTATE)
        return f"{finding.name}: {finding.why}" if finding else ""

    def simpler(self, case: Probed) -> Iterator[Probed]:
        """Fewer probes; fewer lines."""
        marked = case.marked
        if len(marked) > 1:
            yield from (case.with_marks({index}) for index in marked)
            yield from (case.with_marks(set(marked) - {index}) for index in marked)
        count = len(case.lines)
        size = count // 2
        while size:
            for start in range(0, count, size):
                if not set(marked) & set(range(start, start + size)):
                    yield case.without(range(start, start + size))
            size //= 2

    def words(self, case: Probed) -> Sequence[int]:
        """The instructions that are probed."""
        image = assemble_source(case.text, base=RAM_BASE)
        return [_word(image, address) for address in case.addresses().values()]

    def lines(self, case: Probed) -> Sequence[str]:
        """The source."""
        return tuple(case.lines)

    def to_json(self, case: Probed) -> Json:
        """The source and the budget."""
        return {"program": case.text, "budget": case.budget}

    def from_json(self, data: Mapping[str, Any]) -> Probed:
        """The case that `to_json` wrote; KeyError, TypeError or ValueError if it is none."""
        text, budget = data["program"], data["budget"]
        if not isinstance(text, str) or not isinstance(budget, int):
            raise TypeError("a program is a text, its budget a number")
        if not 0 <= budget <= _LONGEST:
            raise ValueError(f"a program has up to {_LONGEST} cycles, not {budget}")
        return Probed(text, budget)


def _word(image: Image, address: int) -> int:
    segment = image.segment_at(address)
    assert segment is not None
    offset = address - segment.address
    return int.from_bytes(segment.data[offset : offset + 4], "little")


def _machine(image: Image) -> Machine:
    """A machine about to run a program, debug exceptions enabled, as a kernel's code runs."""
    machine = Machine(ram=_RAM, exact=True)
    machine.load(image)
    machine.cpu.pstate.d = 0
    machine.cpu.sysregs["OSLSR_EL1"] &= ~(1 << 1)
    machine.cpu.context_changed()
    return machine


def _registered(kprobes: Kprobes, address: int) -> Kprobe | None:
    """A probe at an address; None if none may be there."""
    probe = Kprobe(address=address, pre_handler=lambda _probe, _regs: None)
    try:
        kprobes.register(probe)
    except RegistrationError:
        return None
    return probe


def _end(
    machine: Machine, budget: int, kprobes: Kprobes | None = None, probes: Sequence[Kprobe] = ()
) -> dict[str, Any] | None:
    """All that can be seen when a program has come to its end, probes taken away; None if it does not."""
    machine.run(max_cycles=budget, until=DONE)
    if machine.cpu.pc != machine.resolve(DONE):
        return None
    if kprobes is not None:
        kprobes.unregister(*probes)
    return _seen(machine)


def _seen(machine: Machine) -> dict[str, Any]:
    """The state of a machine by name, pages of RAM that have something in them included."""
    seen: dict[str, Any] = {f"PSTATE.{name}": getattr(machine.cpu.pstate, name) for name in _PSTATE}
    for name, value in state.save(machine.cpu).items():
        if isinstance(value, dict):
            seen |= value
        elif isinstance(value, list):
            seen |= {f"{_NAMES.get(name, name)}{number}": each for number, each in enumerate(value)}
        else:
            seen[name] = value
    for number, page in machine.memory.pages.items():
        if number << PAGE_SHIFT < RAM_BASE + _RAM and any(page.data):
            seen[f"memory at {number << PAGE_SHIFT:#x}"] = bytes(page.data)
    return {name: value for name, value in seen.items() if name not in _ASIDE}


def _values(names: Sequence[str], values: Mapping[str, Any]) -> str:
    """The first of what differs; of a page, that it does."""
    shown = [
        name if isinstance(value := values.get(name), bytes) else f"{name}={shown_value(value)}"
        for name in names[:_SHOWN]
    ]
    return " ".join([*shown, *(["..."] if len(names) > _SHOWN else [])])
