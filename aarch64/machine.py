"""A board: CPU, RAM, UART, semihosting and firmware, and the ways to run a program on it.

    machine = Machine()
    machine.load(load_program("hello.elf"))
    machine.place(0x4400_0000, Path("virt.dtb").read_bytes())
    stop = machine.run(max_cycles=1_000_000)

Its memory map is that of QEMU's virt board: RAM at 0x40000000, a PL011 at 0x09000000, nothing else. A machine that is
given a directory of the host keeps it open until `close()`, or to the end of a `with` statement.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import attrs

from aarch64 import state
from aarch64.bits import mask
from aarch64.devices import pl011
from aarch64.devices.console import Console
from aarch64.devices.host_directory import HostDirectory
from aarch64.devices.pl011 import Pl011
from aarch64.devices.psci import Power, Psci
from aarch64.devices.semihosting import Semihosting
from aarch64.errors import AArch64Error, UnsupportedInstruction, UnsupportedState
from aarch64.fast.hot_path import HotPath
from aarch64.features import DEFAULT_FEATURES
from aarch64.image import Segment
from aarch64.interpreter import NEVER, Interpreter
from aarch64.memory import PAGE_SHIFT, PAGE_SIZE, Memory
from aarch64.progress import Progress, wake_up
from aarch64.registers import LINK_REGISTER, ZR
from aarch64.stop import Stop, StopReason
from aarch64.syndrome import class_name
from aarch64.translation.explanation import explain
from aarch64.translation.parameters import regime_of
from aarch64.translation.permissions import Right, request_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from aarch64.cpu import Conduit
    from aarch64.exceptions import Taken
    from aarch64.features import Feature
    from aarch64.image import Image
    from aarch64.interpreter import Operation
    from aarch64.isa.decoder import Decoded
    from aarch64.notebook import Registers
    from aarch64.translation.explanation import Explanation

    Until = int | str | Callable[[Interpreter], bool]

RAM_BASE = 0x4000_0000
DEFAULT_RAM = 128 << 20
LARGEST_RAM = (1 << 48) - RAM_BASE

RETURN_ADDRESS = 0xFFFF_FFFF_F000
"""Where a called function returns to: nothing is there, and being a canonical address it can be signed."""

ARGUMENT_REGISTERS = 8


class MachineError(AArch64Error):
    """A machine that cannot be built so, a program that does not fit, a name that is not known."""


class CallError(AArch64Error):
    """A function called from outside did not return; `stop` says what happened instead."""

    def __init__(self, target: str, stop: Stop) -> None:
        super().__init__(f"{target} did not return: {stop.reason.value}{f': {stop.message}' if stop.message else ''}")
        self.stop = stop


@attrs.frozen
class Placed:
    """Something in RAM, and what messages call it."""

    name: str
    segment: Segment

    def __str__(self) -> str:
        return f"{self.name} at {self.segment.address:#x}..{self.segment.end:#x}"


@attrs.frozen
class Snapshot:
    """Everything that decides what a machine does next, but for files of the host. What was printed stays printed."""

    cpu: Mapping[str, Any]
    memory: Mapping[int, bytes]
    devices: tuple[Any, ...]
    exceptions: Mapping[str, int]


class _Services:
    """Who answers the CPU: implements `cpu.Services`."""

    def __init__(self, psci: Psci, semihosting: Semihosting) -> None:
        self._psci = psci
        self._semihosting = semihosting

    def firmware_call(self, conduit: Conduit) -> bool:
        return self._psci.call(conduit)

    def semihosting_call(self) -> bool:
        self._semihosting.call()
        return True


_RESET = Stop(StopReason.EXIT, "the guest resets the machine")
"""Ends the cycle in which the guest asks for a reset; it never leaves `Machine.run`."""

_POWER = {
    Power.OFF: Stop(StopReason.EXIT, "PSCI SYSTEM_OFF"),
    Power.RESET: _RESET,
    Power.CPU_OFF: Stop(StopReason.STUCK, "PSCI CPU_OFF: the guest switched off its only CPU"),
}


class Machine:
    """One CPU on a board.

    Attributes:
        cpu: the CPU; `cpu.observers` and `cpu.exception_observers` may be added to and taken from at any time. Its
            counters are `cpu.cycles` and `cpu.retired`.
        memory: physical memory: `read_bytes` and `write_bytes` reach RAM without the CPU.
        console: what the guest prints and reads.
        images: the programs loaded, in the order of loading.
        placed: the data placed beside them, in the order of placing.
        exceptions: how many exceptions were taken, by the name of their class.
        hot_path: what compiles and runs hot code; None on a machine that is `exact`.
    """

    def __init__(
        self,
        *,
        features: Iterable[Feature] = DEFAULT_FEATURES,
        el: int = 1,
        max_el: int | None = None,
        ram: int = DEFAULT_RAM,
        unaligned: bool = False,
        console: Console | None = None,
        semihosting_root: Path | None = None,
        command_line: str = "",
        exact: bool = False,
        dump_blocks: Path | None = None,
    ) -> None:
        """Build a machine and switch it on.

        Args:
            features: the architecture features it has.
            el: the exception level it starts in, 0 to 3.
            max_el: the highest level implemented, 1 to 3; by default `el`, at least 1.
            ram: bytes of RAM, a multiple of 4 KiB.
            unaligned: whether unaligned data accesses are allowed while the MMU is off.
            console: where output goes and input comes from; by default output is kept in `console.output`.
            semihosting_root: a directory of the host that semihosting may use files in.
            command_line: what semihosting tells the guest it was called with.
            exact: whether to execute everything one instruction at a time, without the hot path. The outcome is the
                same.
            dump_blocks: a directory to write what the hot path compiles to, as Python source.

        Raises:
            MachineError: there is no such machine.
            OSError: `semihosting_root` cannot be opened.
        """
        highest = max(el, 1) if max_el is None else max_el
        if not (1 <= highest <= 3 and 0 <= el <= highest):
            raise MachineError(f"no machine starts at EL{el} with EL{highest} as its highest level")
        if ram <= 0 or ram % PAGE_SIZE or ram > LARGEST_RAM:
            raise MachineError(f"{ram:#x} bytes of RAM: want a multiple of {PAGE_SIZE:#x}, at most {LARGEST_RAM:#x}")
        self.memory = Memory(RAM_BASE, ram)
        self.cpu = Interpreter(self.memory, features, max_el=highest, el=el)
        self.cpu.unaligned_device_access = unaligned
        self.cpu.compiler = partial(_compile_word, self.cpu)
        self.console = console or Console()
        self.images: list[Image] = []
        self.placed: list[Placed] = []
        self.exceptions: Counter[str] = Counter()
        self._uart = Pl011(self.console)
        self.memory.attach(pl011.BASE, self._uart)
        directory = HostDirectory(semihosting_root) if semihosting_root else None
        self._semihosting = Semihosting(self.cpu, self.console, self._end, directory, command_line)
        self.cpu.services = _Services(Psci(self.cpu, lambda power: self._end(_POWER[power])), self._semihosting)
        self.cpu.exception_observers.append(self._count)
        self._progress = Progress(self.cpu, self.locate)
        self._power_on: state.CpuState | None = None
        self._limits: list[int] = []
        self._interruption: Stop | None = None
        self.hot_path = None if exact else HotPath(self.cpu, dump=dump_blocks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of the host that semihosting has open, and its directory. A second time does nothing.

        The machine can still be looked at, and even run: its guest finds no files any more.
        """
        self._semihosting.close()

    def _end(self, stop: Stop) -> None:
        self.cpu.stop = stop
        self.cpu.request_attention()

    def _count(self, taken: Taken) -> None:
        self.exceptions[class_name(taken)] += 1

    @property
    def registers(self) -> Registers:
        """The CPU's registers as they are now, to be looked at: what happens later does not change them."""
        from aarch64.notebook import Registers  # noqa: PLC0415  (only who looks needs it)

        cpu = self.cpu
        return Registers(tuple(cpu.gpr[:ZR]), cpu.sp, cpu.pc, cpu.pstate.to_spsr())

    @property
    def ram_end(self) -> int:
        """The address after the last byte of RAM."""
        return self.memory.ram_base + self.memory.ram_size

    # --- programs

    def load(self, image: Image) -> None:
        """Put a program into RAM, and its entry into the PC. Several may be loaded; the first to have a symbol counts.

        Raises:
            MachineError: it does not fit, or lies over data that was placed; nothing is written.
        """
        for segment in image.segments:
            self._check(Placed("program", segment), self.placed, "link it for these addresses, or have more RAM")
        self._write(image.segments)
        self.images.append(image)
        self.cpu.pc = image.entry
        self._power_on = None
        self._semihosting.heap = self._free_ram()

    def place(self, address: int, data: bytes, name: str = "data") -> None:
        """Put bytes into RAM as they are, beside the programs: a device tree, an initrd, something to work on.

        Like the programs, they are there again after a reset. `address` is a physical one, of any alignment.

        Raises:
            MachineError: they do not fit, or lie over a program or other such data; nothing is written.
        """
        new = Placed(name, Segment(address, bytes(data), executable=False))
        programs = [Placed("the program", segment) for image in self.images for segment in image.segments]
        self._check(new, [*programs, *self.placed], "place it elsewhere, or have more RAM")
        self._write((new.segment,))
        self.placed.append(new)
        self._semihosting.heap = self._free_ram()

    def add_ram(self, size: int, name: str) -> int:
        """Have more RAM, behind all there is, for something that no program knows of; the physical address it is at.

        Args:
            size: bytes, rounded up to a multiple of 4 KiB.
            name: what messages call it.

        Raises:
            MachineError: there would be too much.
        """
        address, pages = self.ram_end, -(-size // PAGE_SIZE)
        if self.memory.ram_size + pages * PAGE_SIZE > LARGEST_RAM:
            raise MachineError(f"no room for {name} behind RAM, which ends at {address:#x}: have less RAM")
        self.memory.ram_size += pages * PAGE_SIZE
        self.placed.append(Placed(name, Segment(address, b"", pages * PAGE_SIZE)))
        return address

    def _check(self, new: Placed, others: Iterable[Placed], advice: str) -> None:
        """Refuse what is not inside RAM, or has a byte where another one is."""
        address, end = new.segment.address, new.segment.end
        if address < RAM_BASE or end > self.ram_end:
            raise MachineError(f"{new} does not fit into RAM at {RAM_BASE:#x}..{self.ram_end:#x}: {advice}")
        for other in others:
            if max(address, other.segment.address) < min(end, other.segment.end):
                raise MachineError(f"{new} overlaps {other}: place one of them elsewhere")

    def _free_ram(self) -> tuple[int, int]:
        """Start and end, multiples of 16, of the largest part of RAM above the programs that holds nothing."""
        start = max((segment.end for image in self.images for segment in image.segments), default=RAM_BASE)
        gaps = []
        for segment in sorted((item.segment for item in self.placed), key=lambda segment: segment.address):
            gaps.append((start, segment.address))
            start = max(start, segment.end)
        gaps.append((start, self.ram_end))
        return max((((first + 15) & ~15, last & ~15) for first, last in gaps), key=lambda gap: gap[1] - gap[0])

    def _write(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self._clear(segment.address + len(segment.data), segment.end)
            self.memory.write_bytes(segment.address, segment.data)

    def _clear(self, start: int, end: int) -> None:
        """Zero a range of RAM; pages never touched are zero already."""
        for page in [number << PAGE_SHIFT for number in self.memory.pages]:
            first, last = max(start, page), min(end, page + PAGE_SIZE)
            if first < last:
                self.memory.write_bytes(first, bytes(last - first))

    def resolve(self, target: str | int) -> int:
        """The 64-bit address of a symbol, or an address itself; MachineError for an unknown symbol."""
        if isinstance(target, int):
            return target
        for image in self.images:
            if target in image.symbols:
                return image.symbols[target]
        raise MachineError(f"no symbol {target!r} in the program")

    def locate(self, address: int) -> str:
        """An address in hex, with the symbol it belongs to: `0x40000010 (main+0x10)`."""
        for image in self.images:
            if found := image.locate(address):
                symbol, offset = found
                return f"{address:#x} ({symbol}{f'+{offset:#x}' if offset else ''})"
        return f"{address:#x}"

    # --- addresses

    def translate(self, target: str | int, right: Right = Right.READ, *, el: int | None = None) -> Explanation:
        """What an access to a virtual address would come to now, explained; nothing is changed by asking.

        Args:
            target: a 64-bit address, or a symbol.
            right: what the access would need: to read, to write, or to execute.
            el: the level it would be made from, 0 to 3; by default the current one.

        Raises:
            MachineError: unknown symbol, or no such level.
        """
        level = self.cpu.pstate.el if el is None else el
        if not (0 <= level <= 3 and self.cpu.has_level(level)):
            raise MachineError(f"the machine has no EL{level}: its highest level is EL{self.cpu.max_el}")
        address = self.resolve(target) & mask(64)
        access = f"{right.value} from EL{level}"
        return explain(self.cpu, address, request_for(right, level), access, regime=regime_of(level))

    # --- running

    def run(self, max_cycles: int | None = None, until: Until | None = None) -> Stop:
        """Run until something ends it, and say what.

        Args:
            max_cycles: how many cycles at most; None for any number.
            until: an address or symbol at which to stop, or a condition to stop on; looked at after each cycle, so
                that a run from that address goes on.

        Returns:
            The reason, with a message and an exit status where there are any. After EXIT the guest has ended, and a
            further run ends at once in the same way; after any other reason it goes on from where it stopped.

        A hook or observer may run the machine in its turn, best by `call`. Such a run gets at most the cycles that are
        left of those around it. Where a call does not return and nobody catches its CallError, the outermost run ends
        for the reason that the call did, the state being what it was at that moment. An interruption ends them all.

        Raises:
            MachineError: unknown symbol.
            CallError: in a run within a run only: a function that a hook or observer called did not return.
        """
        cpu = self.cpu
        limit = NEVER if max_cycles is None else cpu.cycles + max_cycles
        wanted = self.resolve(until) if isinstance(until, str) else until
        if self._power_on is None:
            self._power_on = state.save(cpu, with_counters=False)
        self._limits.append(min(limit, *self._limits) if self._limits else limit)
        try:
            return self._run_within(wanted) if self._is_nested else self._run_alone(wanted)
        finally:
            self._limits.pop()

    @property
    def _is_nested(self) -> bool:
        """Whether the run that is going on was started within another one, by a hook or an observer."""
        return len(self._limits) > 1

    def _run_alone(self, until: int | Callable[[Interpreter], bool] | None) -> Stop:
        """A run that is not within another one: a call within it that does not return ends it, a reset is done here."""
        cpu = self.cpu
        self._interruption = None
        while True:
            try:
                self._run_to(self._limits[-1], until)
            except CallError as error:
                cpu.stop = cpu.stop or error.stop
            if cpu.stop is not _RESET:
                return self._stopped(cpu.stop)
            self.reset()

    def _run_within(self, until: int | Callable[[Interpreter], bool] | None) -> Stop:
        """A run within another one, which an interruption is to end, too, even if this one has come to its own end."""
        self._run_to(self._limits[-1], until)
        stop = self._stopped(self.cpu.stop)
        self.cpu.stop = self.cpu.stop or self._interruption
        return stop

    def _run_to(self, limit: int, until: int | Callable[[Interpreter], bool] | None) -> None:
        try:
            self._cycle_to(limit, until)
        except (UnsupportedInstruction, UnsupportedState) as error:
            self.cpu.stop = Stop(StopReason.UNSUPPORTED, str(error))

    def _cycle_to(self, limit: int, until: int | Callable[[Interpreter], bool] | None) -> None:
        cpu, reached = self.cpu, _condition(until)

        def look() -> None:
            if reached is not None and not self._has_ended:
                cpu.stop = reached(cpu) or cpu.stop

        if self.hot_path is not None and not callable(until):
            self.hot_path.run(limit, until, lambda: self._linger(limit), look)
            return
        step = cpu.step
        while cpu.stop is None and cpu.cycles < limit:
            pc = cpu.pc
            step()
            if cpu.pc == pc:
                self._linger(limit)
            look()

    @property
    def _has_ended(self) -> bool:
        """Whether the run is over by itself: an interruption from outside may come in the very cycle that ends it."""
        stop = self.cpu.stop
        return stop is not None and stop.reason is not StopReason.INTERRUPTED

    def _linger(self, limit: int) -> None:
        """The PC did not move: stop if it never will, and pass over the cycles in which a wait goes on."""
        cpu = self.cpu
        if self._progress.is_lost():
            cpu.stop = Stop(StopReason.STUCK, self._progress.explain(), details=self._progress.details())
        elif cpu.waiting and (awake := wake_up(cpu)) is not None:
            cpu.pass_cycles(max(min(awake, limit) - cpu.cycles, 0))

    def _stopped(self, stop: Stop | None) -> Stop:
        """What a run ended with; only a guest that ended itself stays ended."""
        if stop is None:
            return Stop(StopReason.MAX_CYCLES)
        if stop.reason is not StopReason.EXIT:
            self.cpu.stop = None
        return stop

    def step(self) -> Stop | None:
        """One cycle; what it ended the run with, if it did."""
        stop = self.run(max_cycles=1)
        return None if stop.reason is StopReason.MAX_CYCLES else stop

    def interrupt(self, message: str = "") -> None:
        """Have the run end before the next cycle; may be called from a signal handler or an observer."""
        stop = Stop(StopReason.INTERRUPTED, message)
        if self._is_nested:
            self._interruption = stop
        if self.cpu.stop is None:
            self._end(stop)

    def reset(self) -> None:
        """Reset CPU and devices, and load all again, as PSCI SYSTEM_RESET does; the cycle counter goes on.

        Registers are then what they were when the machine was first run.
        """
        if self._power_on is not None:
            state.restore(self.cpu, self._power_on)
        self.cpu.stop = None
        self.memory.restore({})
        for image in self.images:
            self._write(image.segments)
        self._write(item.segment for item in self.placed)
        self._uart.reset()
        self._semihosting.reset()
        self._progress.forget()

    # --- calling functions of the guest

    def call(self, target: str | int, *args: int, max_cycles: int | None = None) -> int:
        """Call a function at the current exception level, and return X0 ("Procedure Call Standard", AAPCS64).

        PC and LR are afterwards what they were; the other registers are as the function left them. A hook may call,
        too: the function then runs as part of the handler, exceptions masked as they are there, and the interrupted
        registers, which are in the hook's frame, are safe from it.

        Args:
            target: a symbol or an address.
            args: up to eight arguments of 64 bits, for X0 to X7; negative ones in two's complement.
            max_cycles: how many cycles it may take; None for any number.

        Returns:
            X0, 64 bits, unsigned.

        Raises:
            CallError: it did not return; what it did until then remains.
            MachineError: unknown symbol, or too many arguments.
        """
        cpu = self.cpu
        resume, link = cpu.pc, cpu.x(LINK_REGISTER)
        self.prepare_call(target, *args)
        stop = self.run(max_cycles, until=RETURN_ADDRESS)
        if stop.reason is not StopReason.RETURNED:
            raise CallError(str(target) if isinstance(target, str) else f"{target:#x}", stop)
        cpu.pc = resume
        cpu.set_x(LINK_REGISTER, link)
        return cpu.x(0)

    def prepare_call(self, target: str | int, *args: int) -> None:
        """Set PC, arguments and LR for a call, and SP if it is zero; raises as `call` does.

        SP becomes the end of RAM or, where data is placed, of the largest part of RAM that is left free.
        """
        if len(args) > ARGUMENT_REGISTERS:
            raise MachineError(f"{len(args)} arguments: only {ARGUMENT_REGISTERS} are passed in registers")
        cpu = self.cpu
        cpu.pc = self.resolve(target)
        for number, value in enumerate(args):
            cpu.set_x(number, value & mask(64))
        cpu.set_x(LINK_REGISTER, RETURN_ADDRESS)
        cpu.sp = cpu.sp or self._free_ram()[1]

    # --- snapshots

    def snapshot(self) -> Snapshot:
        """The state of the machine between two cycles, exact to the bit."""
        return Snapshot(
            state.save(self.cpu),
            self.memory.save(),
            (self._uart.save(), self.console.save(), self._semihosting.save()),
            dict(self.exceptions),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a state that `snapshot` gave."""
        state.restore(self.cpu, snapshot.cpu)
        self.memory.restore(dict(snapshot.memory))
        uart, console, semihosting = snapshot.devices
        self._uart.restore(uart)
        self.console.restore(console)
        self._semihosting.restore(semihosting)
        self.exceptions = Counter(snapshot.exceptions)
        self._progress.forget()


def _compile_word(cpu: Interpreter, decoded: Decoded) -> Operation | None:
    from aarch64.fast.word import compile_word  # noqa: PLC0415  (short runs do without)

    return compile_word(cpu, decoded)


def _condition(until: int | Callable[[Interpreter], bool] | None) -> Callable[[Interpreter], Stop | None] | None:
    """A function that gives the stop once `until` holds."""
    if until is None:
        return None
    if callable(until):
        reached = Stop(StopReason.UNTIL)
        return lambda cpu: reached if until(cpu) else None
    if until == RETURN_ADDRESS:
        returned = Stop(StopReason.RETURNED)
        return lambda cpu: returned if cpu.pc == RETURN_ADDRESS else None
    arrived = Stop(StopReason.UNTIL, f"at {until:#x}")
    return lambda cpu: arrived if cpu.pc == until else None
