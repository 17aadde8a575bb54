"""What `a64 bench` measures: ways to run a workload, ours and others, each with a name and a share of the instructions.

The others are optional. Where one is not installed, or cannot run something, its column says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.devices import pl011
from aarch64.errors import AArch64Error
from aarch64.machine import DEFAULT_RAM, RAM_BASE, RETURN_ADDRESS, Machine
from aarch64.memory import PAGE_SIZE

if TYPE_CHECKING:
    from types import ModuleType

    from cli.kernels import Workload


@attrs.frozen
class Sample:
    """One run: the seconds it took, its result and, where it counts them, the instructions."""

    seconds: float
    result: int | str
    instructions: int | None = None


Run = Callable[[], Sample]
"""Runs a workload once in the size it was prepared for."""


class WrongResultError(AArch64Error):
    """Something did not compute what the twin in Python computes."""


class UnavailableError(Exception):
    """An engine is not here, or cannot run something; the message says why."""


@attrs.frozen
class Engine:
    """A way to run a workload.

    Attributes:
        name: what the tables, the ratios and JSON call it.
        heading: what stands above its column, in two lines.
        about: what is measured.
        prepare: everything that is not measured, for a workload and a size.
        share: a run of it has one instruction for so many of `--instructions`.
        package: the distribution's module it needs, if it is not ours.
    """

    name: str
    heading: tuple[str, str]
    about: str
    prepare: Callable[[Workload, int], Run]
    share: int = 1
    package: str = ""

    def missing(self) -> str:
        """Why it cannot be used at all; nothing if it can."""
        if not self.package:
            return ""
        try:
            load_module(self.package)
        except UnavailableError as error:
            return str(error)
        return ""


def load_module(name: str) -> ModuleType:
    """A module of another emulator's; UnavailableError, saying why, if it is not here."""
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError) and error.name == package
        raise UnavailableError(f"{package} is not installed" if is_absent else f"{package}: {error}") from error


# --- ours


def _machine(workload: Workload, *, exact: bool = False) -> Machine:
    machine = Machine(exact=exact)
    machine.load(workload.image)
    return machine


def _timed(machine: Machine, workload: Workload, size: int, go: Callable[[], object]) -> Sample:
    """Have `go` run a call that is prepared, to its return."""
    cpu, output = machine.cpu, machine.console.output
    retired, printed = cpu.retired, len(output)
    machine.prepare_call(workload.function, size)
    start = time.perf_counter()
    go()
    seconds = time.perf_counter() - start
    text = output[printed:].decode()
    if cpu.pc != RETURN_ADDRESS:
        raise WrongResultError(f"{workload.function}({size}) did not return: it is at {machine.locate(cpu.pc)}")
    return Sample(seconds, text or cpu.x(0), cpu.retired - retired)


def _timed_run(machine: Machine, workload: Workload, size: int) -> Sample:
    return _timed(machine, workload, size, lambda: machine.run(until=RETURN_ADDRESS))


def _prepare_fresh(workload: Workload, size: int, *, exact: bool) -> Run:
    return lambda: _timed_run(_machine(workload, exact=exact), workload, size)


def _prepare_warm(workload: Workload, size: int, *, watched: bool = False) -> Run:
    machine = _machine(workload)
    if watched:
        machine.cpu.observers.append(lambda _cpu, _pc, _word: None)
    _timed_run(machine, workload, size)
    return lambda: _timed_run(machine, workload, size)


def _prepare_steps(workload: Workload, size: int) -> Run:
    machine = _machine(workload)
    cpu, step = machine.cpu, machine.cpu.step

    def steps() -> None:
        while cpu.pc != RETURN_ADDRESS:
            step()

    return lambda: _timed(machine, workload, size, steps)


def _prepare_twin(workload: Workload, size: int) -> Run:
    def run() -> Sample:
        start = time.perf_counter()
        result = workload.twin(size)
        return Sample(time.perf_counter() - start, result)

    return run


def _contents(workload: Workload) -> list[tuple[int, bytes]]:
    """What other emulators have in their RAM at the start, which is zero otherwise."""
    return [(segment.address, bytes(segment.data)) for segment in workload.image.segments if segment.data]


# --- Unicorn

_UARTDR = 0


def _uc(workload: Workload, printed: bytearray) -> Any:
    """Unicorn with the same RAM and program, and of the UART as much as programs need."""
    unicorn = load_module("unicorn")
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    uc.mem_map(RAM_BASE, DEFAULT_RAM)
    uc.mem_map(RETURN_ADDRESS, PAGE_SIZE)

    def read(_uc: object, _offset: int, _size: int, _data: object) -> int:
        return 0

    def write(_uc: object, offset: int, _size: int, value: int, _data: object) -> None:
        if offset == _UARTDR:
            printed.append(value)

    uc.mmio_map(pl011.BASE, PAGE_SIZE, read, None, write, None)
    for address, data in _contents(workload):
        uc.mem_write(address, data)
    return uc


def _uc_start(uc: Any, _names: ModuleType, entry: int) -> None:
    uc.emu_start(entry, RETURN_ADDRESS)


def _uc_steps(uc: Any, names: ModuleType, entry: int) -> None:
    start, read, pc_name = uc.emu_start, uc.reg_read, names.UC_ARM64_REG_PC
    pc = entry
    while pc != RETURN_ADDRESS:
        start(pc, RETURN_ADDRESS, 0, 1)
        pc = read(pc_name)


def _prepare_unicorn(
    workload: Workload, size: int, *, go: Callable[[Any, ModuleType, int], None] = _uc_start, hooked: bool = False
) -> Run:
    unicorn, names = load_module("unicorn"), load_module("unicorn.arm64_const")
    printed = bytearray()
    uc = _uc(workload, printed)
    if hooked:
        uc.hook_add(unicorn.UC_HOOK_CODE, lambda _uc, _address, _size, _data: None)
    entry = workload.image.symbols[workload.function]

    def run() -> Sample:
        printed.clear()
        uc.reg_write(names.UC_ARM64_REG_X0, size)
        uc.reg_write(names.UC_ARM64_REG_SP, RAM_BASE + DEFAULT_RAM)
        uc.reg_write(names.UC_ARM64_REG_LR, RETURN_ADDRESS)
        start = time.perf_counter()
        go(uc, names, entry)
        seconds = time.perf_counter() - start
        return Sample(seconds, printed.decode() or uc.reg_read(names.UC_ARM64_REG_X0))

    run()
    return run


# --- manticore


def _prepare_manticore(workload: Workload, size: int) -> Run:
    cpu_module = load_module("manticore.native.cpu.aarch64")
    memory_module = load_module("manticore.native.memory")
    memory = memory_module.Memory64()
    memory.mmap(RAM_BASE, DEFAULT_RAM, "rwx")
    for address, data in _contents(workload):
        memory.write(address, data)
    cpu = cpu_module.Aarch64Cpu(memory)

    def run() -> Sample:
        cpu.X0, cpu.SP, cpu.X30 = size, RAM_BASE + DEFAULT_RAM, RETURN_ADDRESS
        cpu.PC = workload.image.symbols[workload.function]
        execute = cpu.execute
        start = time.perf_counter()
        while cpu.PC != RETURN_ADDRESS:
            execute()
        return Sample(time.perf_counter() - start, cpu.X0)

    return run


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("exact", ("", "exact"), "the exact tier", partial(_prepare_fresh, exact=True), 10),
        Engine("step()", ("", "step()"), "the exact tier, step() called from Python", _prepare_steps, 40),
        Engine("whole", ("hot", "whole"), "the hot path on a fresh machine", partial(_prepare_fresh, exact=False)),
        Engine("warm", ("hot", "warm"), "the hot path, when all code is compiled", _prepare_warm),
        Engine("watched", ("hot", "watched"), "warm, with an observer", partial(_prepare_warm, watched=True), 10),
        Engine("Python", ("", "Python"), "written by hand in Python", _prepare_twin),
        Engine("JIT", ("Unicorn", "JIT"), "Unicorn's emu_start()", _prepare_unicorn, 1, "unicorn"),
        Engine(
            "hook",
            ("Unicorn", "hook"),
            "Unicorn with a UC_HOOK_CODE in Python",
            partial(_prepare_unicorn, hooked=True),
            10,
            "unicorn",
        ),
        Engine(
            "count=1",
            ("Unicorn", "count=1"),
            "Unicorn's emu_start(count=1)",
            partial(_prepare_unicorn, go=_uc_steps),
            40,
            "unicorn",
        ),
        Engine(
            "manticore",
            ("manti-", "core"),
            "manticore's Aarch64Cpu.execute()",
            _prepare_manticore,
            1000,
            "manticore.native.cpu.aarch64",
        ),
    )
}
"""By name, in the order of the tables. Ours that count instructions come before those that do not, of each share."""
