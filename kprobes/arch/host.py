"""The interpreter as a `Host`, and the hooks by which its exceptions get to the engine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from aarch64.access import Access, load, store
from aarch64.assembler import assemble_source
from aarch64.bits import mask
from aarch64.exceptions import ArchException, Fault
from aarch64.hooks import Answer, BreakHook, FaultHook, StepHook, SynchronousHook
from aarch64.machine import MachineError
from aarch64.memory import PAGE_SIZE
from aarch64.pointer_auth import strip
from aarch64.translation.permissions import Right
from kprobes.arch.code import check_landing, instruction_of, simulate
from kprobes.errors import KprobesError
from kprobes.host import Frame, Host, MemoryFault, Strip
from kprobes.monitors import MDSCR_KDE, MDSCR_MDE, MDSCR_SS
from kprobes.pt_regs import DAIF, GENERAL_REGISTERS, PT_REGS_SIZE, SS, USER_PT_REGS_SIZE, D, I

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aarch64.hooks import Hook, RegisterFrame
    from aarch64.machine import Machine
    from kprobes.arch.code import A64Instruction
    from kprobes.ports import Instruction
    from kprobes.rules import Defect

KERNEL = 1
"""The exception level of the kernel."""

_WORD = 4
_DOUBLE_WORD = 8
_DAIF_SHIFT = 6
_STACK_ALIGNMENT = 16
_LEVELS = 0b11
_UPPER = 1 << 55


class MachineHost:
    """A machine of one CPU, as `host.Host`."""

    def __init__(self, machine: Machine, exception_table: Mapping[int, int]) -> None:
        """Adapt `machine`."""
        self._machine = machine
        self._cpu = machine.cpu
        self._exception_table = exception_table
        self._handling = 0
        self._waiting: list[tuple[Callable[[], None], Callable[[], bool]]] = []

    @property
    def cpu(self) -> int:
        """There is one CPU."""
        return 0

    @property
    def cycle(self) -> int:
        """The cycle counter."""
        return self._cpu.cycles

    @property
    def nesting(self) -> int:
        """How many exceptions of the kernel are being handled, one within another."""
        return self._handling

    @property
    def mdscr(self) -> int:
        """MDSCR_EL1."""
        return self._cpu.sysregs["MDSCR_EL1"]

    @mdscr.setter
    def mdscr(self, value: int) -> None:
        self._cpu.sysregs["MDSCR_EL1"] = value
        self._cpu.context_changed()

    @property
    def masks(self) -> int:
        """PSTATE.DAIF as it is now."""
        return self._cpu.pstate.daif << _DAIF_SHIFT

    @masks.setter
    def masks(self, value: int) -> None:
        self._cpu.pstate.daif = (value & DAIF) >> _DAIF_SHIFT
        self._cpu.context_changed()

    def unlock(self) -> None:
        """Open the OS lock (clear_os_lock, debug-monitors.c)."""
        self._cpu.sysregs["OSLSR_EL1"] &= ~(1 << 1)
        self._cpu.context_changed()

    def strip(self, frame: Frame | None) -> Strip:
        """The bits of a step as they are now."""
        state, mdscr = self._cpu.pstate, self.mdscr
        saved = None if frame is None else frame.pstate

        def bit(mask: int) -> int | None:
            return None if saved is None else int(bool(saved & mask))

        return Strip(
            d=state.daif >> 3 & 1, i=state.daif >> 1 & 1, ss=state.ss,
            r_d=bit(D), r_i=bit(I), r_ss=bit(SS),
            mdscr_ss=int(bool(mdscr & MDSCR_SS)), kde=int(bool(mdscr & MDSCR_KDE)), mde=int(bool(mdscr & MDSCR_MDE)),
        )  # fmt: skip

    # --- code

    def physical(self, address: int) -> int | None:
        """Where an address of the kernel is; None where nothing is mapped, or there is no RAM."""
        found = self._machine.translate(address, Right.READ, el=KERNEL).physical
        return found if found is not None and self._machine.memory.is_ram(found) else None

    def read_word(self, address: int) -> int | None:
        """The instruction word at an address; None where there is no memory."""
        physical = self.physical(address)
        return None if physical is None else self._machine.memory.read(physical, _WORD)

    def write_text(self, address: int, *words: int) -> None:
        """Write instruction words; blocks of the hot path that were made of what was there are dropped by that."""
        for offset, word in enumerate(words):
            physical = self.physical(address + _WORD * offset)
            if physical is None:
                raise MemoryFault(address + _WORD * offset, "there is no RAM")
            self._machine.memory.write_bytes(physical, word.to_bytes(_WORD, "little"))

    def instruction(self, word: int) -> A64Instruction:
        """What a word is."""
        return instruction_of(word)

    def assemble(self, source: str, address: int) -> tuple[int, ...]:
        """The words of some assembly at an address."""
        (segment,) = assemble_source(source, filename="kprobes", base=address).segments
        data = segment.data
        return tuple(int.from_bytes(data[at : at + _WORD], "little") for at in range(0, len(data), _WORD))

    def check_landing(self, instruction: Instruction, address: int, frame: Frame) -> None:
        """Raise the branch target exception of an instruction at `address`, where PSTATE.BTYPE of `frame` makes one."""
        check_landing(self._cpu, instruction_of(instruction.word), address, frame)

    def simulate(self, instruction: Instruction, address: int, frame: Frame, defects: Defect) -> None:
        """Do to `frame` what an instruction does at `address`; an ArchException is the guest's."""
        simulate(self._cpu, instruction_of(instruction.word), address, frame, defects)

    # --- data

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the kernel's memory, as its instructions would load them."""
        try:
            pieces = [(at, load(self._cpu, at, length, Access.NORMAL), length) for at, length in _pieces(address, size)]
        except ArchException as fault:
            raise self._memory_fault(address, fault) from None
        return b"".join(value.to_bytes(length, "little") for _, value, length in pieces)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes of the kernel's memory, as its instructions would store them; all or nothing."""
        try:
            for content in (self.read(address, len(data)), data):  # what can be loaded, might not be stored to
                for at, length in _pieces(address, len(data)):
                    value = int.from_bytes(content[at - address : at - address + length], "little")
                    store(self._cpu, at, length, value, Access.NORMAL)
        except ArchException as fault:
            raise self._memory_fault(address, fault) from None

    def without_pac(self, address: int) -> int:
        """A code address without the authentication code that may be in it (XPACI)."""
        return int(strip(self._cpu, address, is_data=False))

    @staticmethod
    def _memory_fault(address: int, fault: ArchException) -> MemoryFault:
        where = address if fault.far is None else fault.far
        return MemoryFault(where, fault.fault.reason if fault.fault is not None else fault.ec.name)

    # --- control

    def call(self, function: int, *arguments: int) -> int:
        """Run a function of the guest as part of the handler."""
        return self._machine.call(function, *arguments)

    def call_with(self, frame: Frame, function: int, first: int, *others: int) -> int:
        """Run a handler of the guest; the frame is on its stack meanwhile, as kernel_entry puts it there.

        Raises:
            KprobesError: there is no stack for it.
            CallError: the handler did not return. It is not gone on with then: a run after that goes on inside it.
        """
        kept = self._cpu.sp
        place = max(kept - PT_REGS_SIZE, 0) & -_STACK_ALIGNMENT
        try:
            self.write(place, _packed(frame))
        except MemoryFault as fault:
            raise KprobesError(
                f"the handler at {self.locate(function)} needs a stack for the registers it is given, and SP_EL1 is "
                f"{kept:#x}: {fault}"
            ) from None
        self._cpu.sp = place
        result = self._machine.call(function, first, place, *others)
        self._cpu.sp = kept
        _unpack(frame, self.read(place, USER_PT_REGS_SIZE))
        return result

    def fixup(self, pc: int) -> int | None:
        """Where a fault at an address goes on by the exception table."""
        return self._exception_table.get(pc)

    def locate(self, address: int) -> str:
        """An address in hex, with the symbol it belongs to."""
        return self._machine.locate(address)

    def when_returned(self, action: Callable[[], None], is_possible: Callable[[], bool]) -> None:
        """Call a function once no exception is being handled and it is possible; at once if that is so now."""
        self._waiting.append((action, is_possible))
        self._do_what_waits()

    def _do_what_waits(self) -> None:
        if self._handling:
            return
        waiting, self._waiting = self._waiting, []
        for action, is_possible in waiting:
            if is_possible():
                action()
            else:
                self._waiting.append((action, is_possible))

    @contextmanager
    def handling(self) -> Iterator[None]:
        """While an exception is handled."""
        self._handling += 1
        try:
            yield
        finally:
            self._handling -= 1
        self._do_what_waits()


def _pieces(address: int, size: int) -> Iterator[tuple[int, int]]:
    """Places and lengths of aligned accesses that cover `size` bytes: double words, and bytes where they do not fit."""
    at, end = address, address + size
    while at < end:
        length = _DOUBLE_WORD if at % _DOUBLE_WORD == 0 and at + _DOUBLE_WORD <= end else 1
        yield at, length
        at += length


def _packed(frame: Frame) -> bytes:
    values = (*frame.x, frame.sp, frame.pc, frame.pstate)
    return b"".join((value & mask(64)).to_bytes(_DOUBLE_WORD, "little") for value in values)


def _unpack(frame: Frame, data: bytes) -> None:
    values = [int.from_bytes(data[at : at + _DOUBLE_WORD], "little") for at in range(0, len(data), _DOUBLE_WORD)]
    frame.x[:] = values[:GENERAL_REGISTERS]
    frame.sp, frame.pc, frame.pstate = values[GENERAL_REGISTERS:]


@attrs.define(eq=False)
class StoredFrame:
    """A `struct pt_regs` that code of the guest has stored in memory, as `host.Frame`; `put_back` writes it there."""

    x: list[int]
    sp: int
    pc: int
    pstate: int
    esr: int = 0
    far: int = 0
    el: int = KERNEL
    source_el: int = KERNEL

    @classmethod
    def at(cls, host: Host, address: int) -> StoredFrame:
        """That at an address; MemoryFault where there is none."""
        frame = cls([0] * GENERAL_REGISTERS, 0, 0, 0)
        _unpack(frame, host.read(address, USER_PT_REGS_SIZE))
        return frame

    def put_back(self, host: Host, address: int) -> None:
        """Write it to memory; MemoryFault where there is none."""
        host.write(address, _packed(self))


def is_page_fault(esr: int, far: int) -> bool:
    """Whether an abort, by its ESR_EL1 and FAR_EL1, gets to do_page_fault, which asks kprobes.

    Translation faults of the upper levels on addresses of the kernel do not (do_translation_fault), nor do alignment
    faults and external aborts.
    """
    status = esr & 0x3F
    kind, level = status & ~_LEVELS, status & _LEVELS
    if kind == Fault.TRANSLATION:
        return level == _LEVELS or not far & _UPPER
    return kind in (Fault.ACCESS_FLAG, Fault.PERMISSION)


class KernelHooks:
    """Hooks for exceptions that are taken from the kernel to the kernel."""

    def __init__(self, machine: Machine, host: MachineHost) -> None:
        """Add hooks to `machine`."""
        self._hooks = machine.cpu.hooks
        self._host = host
        self._added: list[Hook] = []

    def on_break(self, imm: int, handle: Callable[[Frame], bool]) -> None:
        """Have BRK #`imm` handled."""
        self._add(BreakHook(self._of_kernel(handle), imm))

    def on_step(self, handle: Callable[[Frame], bool]) -> None:
        """Have software steps handled."""
        self._add(StepHook(self._of_kernel(handle)))

    def on_page_fault(self, handle: Callable[[Frame], bool]) -> None:
        """Have page faults handled."""
        handler = self._of_kernel(handle)
        self._add(FaultHook(lambda frame: handler(frame) if is_page_fault(frame.esr, frame.far) else Answer.NOT_MINE))

    def on_synchronous(self, handle: Callable[[Frame], bool]) -> None:
        """Have every synchronous exception that is taken from the kernel handled, those of higher levels included."""

        def handler(frame: RegisterFrame) -> Answer:
            return self._answer(handle, frame) if frame.source_el == KERNEL else Answer.NOT_MINE

        self._add(SynchronousHook(handler))

    def _of_kernel(self, handle: Callable[[Frame], bool]) -> Callable[[RegisterFrame], Answer]:
        def handler(frame: RegisterFrame) -> Answer:
            if not frame.el == frame.source_el == KERNEL:
                return Answer.NOT_MINE
            return self._answer(handle, frame)

        return handler

    def _answer(self, handle: Callable[[Frame], bool], frame: RegisterFrame) -> Answer:
        with self._host.handling():
            return Answer.HANDLED if handle(frame) else Answer.NOT_MINE

    def _add(self, hook: Hook) -> None:
        self._hooks.add(hook)
        self._added.append(hook)

    def remove(self) -> None:
        """Take them all away."""
        for hook in self._added:
            self._hooks.remove(hook)
        self._added.clear()


def page_allocator(machine: Machine) -> Callable[[], int | None]:
    """What gives pages behind all RAM that the guest knows of, and so outside of its text; None if there is no room."""

    def allocate() -> int | None:
        try:
            return machine.add_ram(PAGE_SIZE, "slots of kprobes")
        except MachineError:
            return None

    return allocate
