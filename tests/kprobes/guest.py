"""A small guest with probes, and all that the engine reports of them: for the rows of the tables of kprobes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.assembler import assemble_source
from aarch64.machine import CallError, Machine
from kprobes import PROFILES, V4_8, V5_10, V7_2, V15, Kprobe, Kprobes, Profile
from kprobes.reports import Message, Moment, MomentReport, TransitionReport
from kprobes.transitions import Action, State

if TYPE_CHECKING:
    from kprobes.host import Strip
    from kprobes.reports import Report

BASE = 0x4000_0000
STACK = BASE + 0x20_0000
TABLE = BASE + 0x30_0000
"""The translation table of a guest with its MMU on: one entry a GiB."""
UNMAPPED = 0x8000_0000
"""An address in the GiB after RAM, whose entry is empty: an access is a translation fault of level 1."""

KERNELS = (V15, V4_8, V5_10, V7_2)
STEPPING = (V15, V4_8)
"""Those that end a slot by a hardware step."""

_NORMAL = 0xFF
_TCR = 25 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12
"""39 bits of address, 4 KiB pages, Inner Shareable, Write-Back."""
_BLOCK = 0b01 | 0b11 << 8 | 1 << 10
"""A valid block: Inner Shareable, accessed; read, written and executed at EL1."""
MAPS_IT = BASE | _BLOCK
"""The descriptor that has the GiB of `UNMAPPED` be that of RAM."""

VECTORS = """
        .balign 2048
vectors: .space 0x200
        b       exception               // synchronous, from EL1 with SP_EL1
        .balign 2048
"""

D, A, I, F = 8, 4, 2, 1  # noqa: E741  (they are called so)
"""The masks, as `PState.daif` has them."""


def of(value: object) -> str:
    """What a row with a profile is called."""
    return value.name if isinstance(value, Profile) else str(value)


@attrs.frozen
class Seen:
    """A moment, and what the registers to be returned to were then."""

    moment: Moment
    pc: int
    pstate: int
    strip: Strip
    state: State
    probe: Kprobe | None


@attrs.define(eq=False)
class Watcher:
    """Keeps what is reported, and checks that each row is taken in its state and leads to the one it says."""

    kprobes: Kprobes
    rows: list[TransitionReport] = attrs.field(factory=list)
    moments: list[Seen] = attrs.field(factory=list)
    messages: list[str] = attrs.field(factory=list)
    _expected: set[State] = attrs.field(factory=set)
    _interrupted: list[State] = attrs.field(factory=list)

    def __call__(self, report: Report) -> None:
        match report:
            case TransitionReport():
                self.rows.append(report)
                self._check(report)
            case MomentReport():
                self.moments.append(
                    Seen(report.moment, report.regs.pc, report.regs.pstate, report.strip, report.state, report.probe)
                )
            case Message():
                self.messages.append(report.text)

    def expect(self, state: State) -> None:
        """Let the next row be taken in a state that a handler has made by itself."""
        self._expected = {state}

    def _check(self, report: TransitionReport) -> None:
        row, state = report.transition, self.kprobes.engine.block.state
        assert state is row.state
        assert not self._expected or state in self._expected
        if row.action is Action.REENTER:
            self._interrupted.append(state)
        following = self._interrupted.pop() if row.following is None else row.following
        # A row that finishes a hit runs its post-handler first, in which others may be taken.
        self._expected = {State.IDLE, State.HIT_SSDONE} if row.action is Action.FINISH else {following}
        if following is State.HIT_SSDONE:
            self._expected.add(State.IDLE)


@attrs.define(eq=False)
class Guest:
    """A machine whose EL1 has all its masks clear, its probes, and what was reported."""

    machine: Machine
    kprobes: Kprobes
    watcher: Watcher

    @property
    def cpu(self):
        return self.machine.cpu

    @property
    def rows(self) -> list[int]:
        """The numbers of the rows that were taken."""
        return [report.transition.row for report in self.watcher.rows]

    @property
    def messages(self) -> list[str]:
        return self.watcher.messages

    @property
    def state(self) -> State:
        return self.kprobes.engine.block.state

    def at(self, symbol: str, offset: int = 0) -> int:
        return self.machine.resolve(symbol) + offset

    def word(self, address: int | str) -> int:
        return self.machine.memory.read(self.machine.resolve(address), 4)

    def probe(self, symbol: str, offset: int = 0, **handlers) -> Kprobe:
        """A probe that is registered."""
        probe = Kprobe(symbol, offset, **handlers)
        self.kprobes.register(probe)
        return probe

    def begin(self, symbol: str, *arguments: int) -> None:
        """Be about to call a function."""
        self.machine.prepare_call(symbol, *arguments)

    def step(self, cycles: int = 1) -> None:
        for _ in range(cycles):
            self.machine.step()

    def until(self, row: int) -> TransitionReport:
        """Go on, cycle by cycle, up to the end of the one in which a row is taken for the next time."""
        for _ in range(1000):
            before = len(self.watcher.rows)
            self.machine.step()
            for report in self.watcher.rows[before:]:
                if report.transition.row == row:
                    return report
        raise AssertionError(f"row {row} was not taken, but {self.rows}")

    def seen(self, moment: Moment) -> list[Seen]:
        return [seen for seen in self.watcher.moments if seen.moment is moment]

    def call(self, symbol: str, *arguments: int, max_cycles: int = 10_000) -> int:
        return self.machine.call(symbol, *arguments, max_cycles=max_cycles)

    def fails(self, symbol: str, *arguments: int) -> CallError:
        """Call a function that does not return."""
        try:
            self.call(symbol, *arguments, max_cycles=1000)
        except CallError as error:
            return error
        raise AssertionError(f"{symbol} returned")

    def turn_on_mmu(self) -> None:
        """Have RAM be where it is, and nothing in the next GiB, until `exception` maps it."""
        self.machine.memory.write(TABLE + 8, 8, BASE | _BLOCK)
        registers = self.cpu.sysregs
        registers["MAIR_EL1"], registers["TCR_EL1"], registers["TTBR0_EL1"] = _NORMAL, _TCR, TABLE
        registers["SCTLR_EL1"] |= 1
        self.cpu.context_changed()


def make(profile: Profile | str, source: str, *, daif: int = 0, unlock: bool = True, **options) -> Guest:
    """A guest of some source; if that has `vectors`, they are used."""
    machine = Machine(**options)
    image = assemble_source(source, base=BASE)
    machine.load(image)
    cpu = machine.cpu
    cpu.sp_el[1] = STACK
    cpu.pstate.daif = daif
    cpu.sysregs["VBAR_EL1"] = image.symbols.get("vectors", 0)
    cpu.context_changed()
    kprobes = Kprobes(machine, PROFILES[profile] if isinstance(profile, str) else profile, unlock=unlock)
    watcher = Watcher(kprobes)
    kprobes.engine.watchers.append(watcher)
    return Guest(machine, kprobes, watcher)
