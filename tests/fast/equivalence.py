"""Two machines, with the hot path and without it, that must never differ: driven side by side and compared.

    pair = make_pair(program)
    pair.run(100)
    pair.both(lambda machine: machine.memory.write_bytes(CODE, NOP))
    pair.run(100, until="L3")

Whatever is done is done to both; after each step everything that can be seen of them is compared. A difference is an
error that shows the program and what was done to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64 import state
from aarch64.devices.console import Console
from aarch64.errors import AArch64Error
from aarch64.machine import Machine
from aarch64.memory import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.cpu import Cpu
    from aarch64.image import Image
    from aarch64.machine import Until
    from aarch64.stop import Stop
    from tests.fast.programs import Program

INPUT = b"keys that somebody presses\n"


class Different(AssertionError):
    """The machines are not in the same state."""


def make_machine(*, exact: bool = False, threshold: int = 1, **options: Any) -> Machine:
    """A machine with the same input as any other; the hot path compiles what is branched to `threshold` times."""
    unread = [INPUT]
    console = Console(source=lambda: unread.pop() if unread else b"")
    machine = Machine(exact=exact, console=console, **options)
    if exact:
        assert machine.hot_path is None
    else:
        assert machine.hot_path is not None
        machine.hot_path.threshold = threshold
    return machine


# --- comparing

_NAMES = tuple(state.save(make_machine(ram=PAGE_SIZE).cpu))


def differences(fast: Machine, exact: Machine) -> list[str]:
    """Everything in which two machines differ, a line each; none if they are the same."""
    found = [
        line
        for name in _NAMES
        if getattr(fast.cpu, name) != getattr(exact.cpu, name)
        for line in _explain(name, getattr(fast.cpu, name), getattr(exact.cpu, name))
    ]
    found += _memory(fast, exact)
    if fast.exceptions != exact.exceptions:
        found.append(_line("exceptions", dict(fast.exceptions), dict(exact.exceptions)))
    if fast.console.output != exact.console.output:
        found.append(_line("output", bytes(fast.console.output), bytes(exact.console.output)))
    return found


def _line(name: str, fast: object, exact: object) -> str:
    show = hex if isinstance(fast, int) and isinstance(exact, int) else repr
    return f"{name}: {show(fast)}, exactly {show(exact)}"


def _explain(name: str, fast: Any, exact: Any) -> Iterator[str]:
    """Differences of one attribute of the CPU: by register, by field."""
    if isinstance(fast, list):
        prefix = {"gpr": "x"}.get(name, name)
        yield from (_line(f"{prefix}{n}", a, b) for n, (a, b) in enumerate(zip(fast, exact, strict=True)) if a != b)
    elif isinstance(fast, dict):
        yield from (_line(key, fast.get(key), exact.get(key)) for key in exact if fast.get(key) != exact.get(key))
    elif name == "pstate":
        for field in attrs.fields(type(fast)):
            a, b = getattr(fast, field.name), getattr(exact, field.name)
            if a != b:
                yield _line(f"pstate.{field.name}", a, b)
    elif name == "tlb":
        yield _line(name, [hex(entry.address) for entry in fast], [hex(entry.address) for entry in exact])
    else:
        yield _line(name, fast, exact)


_ZEROS = bytes(PAGE_SIZE)


def _memory(fast: Machine, exact: Machine) -> Iterator[str]:
    ours, theirs = fast.memory.pages, exact.memory.pages
    for number in sorted(ours.keys() | theirs.keys()):
        a = ours[number].data if number in ours else _ZEROS
        b = theirs[number].data if number in theirs else _ZEROS
        if a != b:
            for offset in range(0, PAGE_SIZE, 8):
                first, second = a[offset : offset + 8], b[offset : offset + 8]
                if first != second:
                    address = (number << 12) + offset
                    yield _line(f"[{address:#x}]", int.from_bytes(first, "little"), int.from_bytes(second, "little"))


# --- driving


@attrs.define(eq=False)
class Pair:
    """Two machines with the same program.

    Attributes:
        fast, exact: the machine with the hot path, and the one without.
        program: what is shown of the program if they differ.
        done: what was done so far, in words.
        events: by machine, what observers saw.
    """

    fast: Machine
    exact: Machine
    program: object = ""
    done: list[str] = attrs.field(factory=list)
    events: dict[int, list[object]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.events = {id(machine): [] for machine in self.machines}
        for machine in self.machines:
            events = self.events[id(machine)]
            machine.cpu.exception_observers.append(lambda taken, events=events: events.append(taken))

    @property
    def machines(self) -> tuple[Machine, Machine]:
        return self.fast, self.exact

    def both(self, action: Callable[[Machine], Any], what: str = "") -> Any:
        """Do something to both machines, and compare them and what it gave."""
        if what:
            self.done.append(what)
        fast, exact = (action(machine) for machine in self.machines)
        self.check(fast, exact)
        return exact

    def run(self, max_cycles: int | None = None, until: Until | None = None) -> Stop:
        """Run both."""
        where = f", until {until:#x}" if isinstance(until, int) else f", until {until}" if until else ""
        return self.both(lambda machine: machine.run(max_cycles, until), f"run {max_cycles}{where}")

    def step(self) -> Stop | None:
        """One cycle of both."""
        return self.both(lambda machine: machine.step(), "step")

    def events_of(self, machine: Machine) -> list[object]:
        """What observers of a machine saw; they may add to it."""
        return self.events[id(machine)]

    def watch(self, machine: Machine) -> Callable[[Cpu, int, int], None]:
        """An instruction observer that notes what it is told."""
        events = self.events[id(machine)]
        return lambda cpu, pc, word: events.append((cpu.cycles, pc, word, tuple(cpu.gpr), cpu.pstate.nzcv, cpu.sp))

    def check(self, fast: object = None, exact: object = None) -> None:
        """Compare; Different if anything is not the same."""
        found = differences(self.fast, self.exact)
        if fast != exact:
            found.insert(0, f"result: {fast}, exactly {exact}")
        ours, theirs = self.events.values()
        if ours != theirs:
            found += list(_first_difference(ours, theirs))
        if found:
            raise Different("\n".join([*found[:20], "after: " + "; ".join(self.done), repr(self.program)]))

    def check_devices(self) -> None:
        """Compare what snapshots hold of the devices, too."""
        ours, theirs = (
            (machine._uart.save(), machine.console.save(), machine._semihosting.save()) for machine in self.machines
        )
        if ours != theirs:
            raise Different(f"{_line('devices', ours, theirs)}\n{self.program!r}")


def _first_difference(ours: list[object], theirs: list[object]) -> Iterator[str]:
    for index in range(max(len(ours), len(theirs))):
        a = ours[index] if index < len(ours) else None
        b = theirs[index] if index < len(theirs) else None
        if a != b:
            yield _line(f"event {index}", a, b)
            return


def make_pair(program: Program, *, threshold: int = 1, image: Image | None = None) -> Pair:
    """Two machines that are about to begin a program."""
    image = image or program.image
    fast = make_machine(threshold=threshold, **program.options)
    exact = make_machine(exact=True, **program.options)
    for machine in (fast, exact):
        program.load(machine, image)
    return Pair(fast, exact, program)


def check_program(program: Program, *, threshold: int = 1) -> Pair:
    """Run a program to its budget on both machines, compare them, and give them."""
    pair = make_pair(program, threshold=threshold)
    pair.run(program.budget)
    pair.check_devices()
    return pair


def smaller(program: Program, check: Callable[[Program], object]) -> Program:
    """The program with fewer lines, as few as there can be while `check` finds machines that differ."""
    lines = program.text.splitlines()
    size = len(lines)
    while size:
        size //= 2
        start = 0
        while size and start < len(lines):
            kept = [*lines[:start], *lines[start + size :]]
            if _is_different(attrs.evolve(program, text="\n".join(kept) + "\n"), check):
                lines = kept
            else:
                start += size
    program = attrs.evolve(program, text="\n".join(lines) + "\n")
    plain = {"data": (0,) * 8, "nzcv": 0, "translates": False, "max_el": max(program.el, 1), "period": 0}
    for name, value in plain.items():
        change = {name: value}
        if _is_different(attrs.evolve(program, **change), check):
            program = attrs.evolve(program, **change)
    return program


def _is_different(program: Program, check: Callable[[Program], object]) -> bool:
    try:
        check(program)
    except AArch64Error:
        return False  # a label that is gone
    except Exception:  # noqa: BLE001  (whatever goes wrong is to be found again)
        return True
    return False
