"""What may happen to a machine between and during runs, drawn at random and done to both of a pair."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import attrs

from aarch64.lines import Line
from aarch64.machine import CallError
from aarch64.memory import PAGE_SIZE, BusError
from aarch64.sampling import INTERESTING
from tests.fast.programs import ALIAS, CODE, DATA, RAM, RAM_SIZE, TABLES, word_of
from tests.translation.paging import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.exceptions import Taken
    from aarch64.machine import Machine, Snapshot
    from aarch64.sampling import Choices
    from tests.fast.equivalence import Pair

_FRESH = ("add x0, x0, #1", "nop", "b .+8", "adcs x2, x2, x0", "b.ne .+8", "svc #2", "ret", "b .-8", "str x0, [x19]")
_EVENTUALLY = 40
"""Cycles after which an observer that waits for its moment does what it is there for, at most."""


@attrs.define
class Driver:
    """Drives a pair by decisions."""

    pair: Pair
    choices: Choices
    snapshots: list[tuple[Snapshot, Snapshot]] = attrs.field(factory=list)
    places: list[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        symbols = self.pair.exact.images[0].symbols
        self.places = sorted(set(symbols.values())) or [CODE]

    # --- runs

    def run_a_little(self) -> None:
        self.pair.run(self.choices.integer(0, 40))

    def run_until_place(self) -> None:
        self.pair.run(self.choices.integer(1, 90), until=self._place())

    def run_until_symbol(self) -> None:
        symbols = list(self.pair.exact.images[0].symbols)
        self.pair.run(self.choices.integer(1, 90), until=self.choices.choice(symbols or [CODE]))

    def run_until_condition(self) -> None:
        mask = self.choices.integer(0, 7)
        self.pair.run(self.choices.integer(1, 60), until=lambda cpu: (cpu.gpr[0] ^ cpu.pc >> 2) & 7 == mask)

    def step(self) -> None:
        for _ in range(self.choices.integer(1, 4)):
            self.pair.step()

    def call(self) -> None:
        """A function of the guest; most do not return to the host."""
        place, budget = self._place(), self.choices.integer(1, 40)

        def called(machine: Machine) -> object:
            try:
                return machine.call(place, 1, 2, max_cycles=budget)
            except CallError as error:
                return error.stop

        self.pair.both(called, f"call {place:#x}")

    # --- snapshots

    def snapshot(self) -> None:
        self.snapshots.append((self.pair.fast.snapshot(), self.pair.exact.snapshot()))
        self.pair.both(lambda _: None, "snapshot")

    def restore(self) -> None:
        """Go back; now and then each machine to what the other one was."""
        if self.snapshots:
            fast, exact = self.choices.choice(self.snapshots)
            if self.choices.integer(0, 1):
                fast, exact = exact, fast
            self.pair.fast.restore(fast)
            self.pair.exact.restore(exact)
            self.pair.both(lambda _: None, "restore")

    def reset(self) -> None:
        self.pair.both(lambda machine: machine.reset(), "reset")

    # --- observers

    def watch(self) -> None:
        """An observer that only looks, for a while."""
        most = self.choices.integer(1, _EVENTUALLY)

        def add(machine: Machine) -> None:
            note, seen = self.pair.watch(machine), []

            def observer(cpu: Cpu, pc: int, word: int) -> None:
                note(cpu, pc, word)
                seen.append(pc)
                if len(seen) == most:
                    cpu.observers.remove(observer)

            machine.cpu.observers.append(observer)

        self.pair.both(add, f"observe {most} instructions")

    def meddle(self) -> None:
        """An observer that changes something once, some instructions later."""
        when, change, what = self.choices.integer(1, _EVENTUALLY), *self._change()

        def add(machine: Machine) -> None:
            seen = []

            def observer(cpu: Cpu, pc: int, _word: int) -> None:
                seen.append(pc)
                if len(seen) == when:
                    cpu.observers.remove(observer)
                    change(machine)

            machine.cpu.observers.append(observer)

        self.pair.both(add, f"observer: after {when} {what}")

    def meddle_with_exceptions(self) -> None:
        """An exception observer that changes something when the next exception is taken."""
        change, what = self._change()

        def add(machine: Machine) -> None:
            def observer(_taken: Taken) -> None:
                machine.cpu.exception_observers.remove(observer)
                change(machine)

            machine.cpu.exception_observers.append(observer)

        self.pair.both(add, f"at the next exception {what}")

    def change(self) -> None:
        """The host changes something between runs."""
        change, what = self._change()
        self.pair.both(change, what)

    def _change(self) -> tuple[Callable[[Machine], None], str]:
        """Something done to a machine, and what it is called."""
        of_the_cpu = (self._set_register, self._set_flags, self._move, self._lines, self._stop)
        return self.choices.choice((*of_the_cpu, self._patch, self._scribble))()

    def _place(self) -> int:
        return self.choices.choice(self.places) + 4 * self.choices.choice((0, 0, 1, 2))

    def _set_register(self) -> tuple[Callable[[Machine], None], str]:
        number, value = self.choices.choice((0, 1, 2, 10, 11, 18)), self.choices.choice(INTERESTING)
        return lambda machine: machine.cpu.set_x(number, value), f"x{number}={value:#x}"

    def _set_flags(self) -> tuple[Callable[[Machine], None], str]:
        value = self.choices.integer(0, 15)
        return lambda machine: setattr(machine.cpu.pstate, "nzcv", value), f"nzcv={value}"

    def _move(self) -> tuple[Callable[[Machine], None], str]:
        place = self._place()
        return lambda machine: setattr(machine.cpu, "pc", place), f"pc={place:#x}"

    def _patch(self) -> tuple[Callable[[Machine], None], str]:
        """Code is written by the host, physically."""
        place, text = self._place(), self.choices.choice(_FRESH)
        data = word_of(text).to_bytes(4, "little")
        return lambda machine: machine.memory.write_bytes(place, data), f"{place:#x}: {text}"

    def _scribble(self) -> tuple[Callable[[Machine], None], str]:
        """A byte of code or data is written by the host."""
        address, value = self.choices.choice((self._place(), DATA + 0x800)), self.choices.integer(0, 255)
        return lambda machine: machine.memory.write(address, 1, value), f"[{address:#x}]={value:#x}"

    def _lines(self) -> tuple[Callable[[Machine], None], str]:
        lines = self.choices.choice(({Line.IRQ}, set(), {Line.FIQ}, {Line.SERROR}, {Line.IRQ, Line.FIQ}))
        return lambda machine: setattr(machine.cpu, "lines", lines), f"lines {sorted(line.name for line in lines)}"

    def _stop(self) -> tuple[Callable[[Machine], None], str]:
        return lambda machine: machine.interrupt("now"), "interrupt"

    # --- what is watched, and by whom

    def log_stores(self) -> None:
        """Stores are logged from now on, or no longer."""

        def toggle(machine: Machine) -> object:
            log = machine.cpu.store_log
            machine.cpu.store_log = [] if log is None else None
            return log

        self.pair.both(toggle, "store log")

    def jump_line(self) -> None:
        """A line is raised, some cycles pass, and it is let go."""
        self.pair.both(lambda machine: setattr(machine.cpu, "lines", {Line.IRQ}), "IRQ raised")
        self.pair.run(self.choices.integer(0, 5))
        self.pair.both(lambda machine: setattr(machine.cpu, "lines", set()), "IRQ let go")

    # --- translation

    def map_page(self) -> None:
        """A page of code or data is mapped otherwise, unmapped, or may not be executed any more; or no TLBI follows."""
        page = self.choices.choice((CODE, CODE, CODE + PAGE_SIZE, DATA, CODE + ALIAS))
        frame = self.choices.choice((CODE, CODE, CODE + PAGE_SIZE, DATA, DATA + PAGE_SIZE))
        bits = self.choices.choice(({}, {}, {"uxn": True, "pxn": True}, {"read_only": True}, {"af": False}))
        how = self.choices.choice(("map", "map", "unmap"))
        is_user = self.pair.exact.cpu.max_el == 1 and self.pair.exact.cpu.pstate.el == 0

        def change(machine: Machine) -> str:
            space = _space_of(machine)
            try:
                space.map(page, frame, el0=is_user, ng=True, **bits) if how == "map" else space.unmap(page)
            except BusError as error:  # the guest has ruined its tables
                return str(error)
            return how

        self.pair.both(change, f"{how} {page:#x} {frame:#x} {bits}")
        if self.choices.integer(0, 3):
            self.forget_translations()

    def forget_translations(self) -> None:
        def forget(machine: Machine) -> None:
            machine.cpu.drop_translations(machine.cpu.tlb)

        self.pair.both(forget, "tlbi")

    def change_space(self) -> None:
        """Another address space identifier, as a switch of processes has it."""
        asid = self.choices.integer(0, 3)

        def change(machine: Machine) -> None:
            space = _space_of(machine)
            space.set(TTBR0_EL1=space.root | asid << 48)

        self.pair.both(change, f"asid {asid}")

    def switch_translation(self) -> None:
        """The MMU is switched off, or on."""
        self.pair.both(
            lambda machine: _space_of(machine).set(SCTLR_EL1=machine.cpu.sysregs["SCTLR_EL1"] ^ 1), "SCTLR_EL1.M"
        )

    # --- all of it

    def do_something(self) -> None:
        """One of the above."""
        kinds = _RUNS if self.choices.integer(0, 2) < 2 else _EVENTS
        if kinds is _EVENTS and self.pair.exact.cpu.sysregs["TTBR0_EL1"] and self.choices.integer(0, 1):
            kinds = _TRANSLATION
        self.choices.choice(kinds)(self)


_RUNS = (
    Driver.run_a_little,
    Driver.run_a_little,
    Driver.run_until_place,
    Driver.run_until_symbol,
    Driver.run_until_condition,
    Driver.step,
)
_EVENTS = (
    Driver.change,
    Driver.change,
    Driver.watch,
    Driver.meddle,
    Driver.meddle_with_exceptions,
    Driver.snapshot,
    Driver.restore,
    Driver.log_stores,
    Driver.jump_line,
    Driver.call,
    Driver.reset,
)
_TRANSLATION = (
    Driver.map_page,
    Driver.map_page,
    Driver.forget_translations,
    Driver.change_space,
    Driver.switch_translation,
)


def _space_of(machine: Machine) -> Space:
    """The tables in use; new ones are made behind those that were loaded."""
    root = machine.cpu.sysregs["TTBR0_EL1"] & (1 << 48) - 1
    return Space(machine.cpu, chain([root], range(TABLES + 0x10000, RAM + RAM_SIZE, PAGE_SIZE)))


def drive(pair: Pair, choices: Choices, most: int = 12) -> None:
    """Do up to `most` things to a pair, and let it run to its end."""
    driver = Driver(pair, choices)
    for _ in range(choices.integer(1, most)):
        driver.do_something()
    pair.run(80)
    pair.check_devices()
