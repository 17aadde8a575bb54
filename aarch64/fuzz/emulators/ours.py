"""Our two tiers as emulators of single instructions: the semantic functions, and what the hot path makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import ArchException, ExceptionClass, Fault
from aarch64.fast.block import compile_region
from aarch64.fast.region import discover
from aarch64.fuzz.emulators.situation import (
    CODE,
    DATA,
    DATA_SIZE,
    FEATURES,
    FILLED,
    RAM,
    RAM_SIZE,
    SYSTEM_REGISTERS,
    content,
)
from aarch64.fuzz.oracles import Outcome
from aarch64.interpreter import NEVER, Interpreter
from aarch64.isa.table import decode
from aarch64.memory import PAGE_SIZE, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.isa.definition import Definition
    from aarch64.isa.syntax import Fields
    from aarch64.sampling import State


def set_state(cpu: Cpu, state: State, pc: int) -> None:
    """Put registers and flags into `cpu`, about to execute at `pc`."""
    cpu.gpr[:31] = state.x
    cpu.sp = state.sp
    cpu.pstate.nzcv = state.nzcv
    cpu.pc, cpu.next_pc = pc, pc + 4
    cpu.next_btype = 0


def execute(definition: Definition, fields: Fields, cpu: Cpu) -> None:
    """Run the semantics on plain values; ArchException if they end with one."""
    assert definition.semantics is not None
    definition.semantics(cpu, *definition.arguments(fields))


def _is_alignment_fault(exception: ArchException) -> bool:
    return exception.ec is ExceptionClass.DATA_ABORT and exception.iss & 0x3F == Fault.ALIGNMENT


class Semantics:
    """Instructions by their semantic functions."""

    def __init__(self) -> None:
        memory = Memory(RAM, RAM_SIZE)
        memory.write_bytes(FILLED.start, content())
        self.cpu = Interpreter(memory, FEATURES, max_el=1, el=1)
        self.cpu.unaligned_device_access = True
        for name, (_, value) in SYSTEM_REGISTERS.items():
            self.cpu.sysregs[name] = value

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into RAM."""
        self.cpu.memory.write_bytes(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of RAM."""
        return self.cpu.memory.read_bytes(address, size)

    def forget_exclusive(self) -> None:
        """Clear the exclusive monitor."""
        self.cpu.clear_exclusive()

    def execute(self, word: int, state: State) -> Outcome:
        """An implemented instruction."""
        cpu = self.cpu
        decoded = decode(word)
        assert decoded is not None
        set_state(cpu, state, CODE)
        cpu.memory.write(CODE, 4, word)
        try:
            execute(decoded.definition, decoded.fields, cpu)
        except ArchException as exception:
            return Outcome(raised=True, is_misaligned=_is_alignment_fault(exception))
        return Outcome(False, False, tuple(cpu.gpr[:31]), cpu.sp, cpu.next_pc, cpu.pstate.nzcv)


class Blocks(Semantics):
    """Instructions as the hot path compiles them, each by itself, where it makes something of it; `ran` counts that."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = 0
        self._word: int | None = None
        self._function: Callable[[Interpreter, int], int] | None = None

    def execute(self, word: int, state: State) -> Outcome:
        """The instruction as a block; if that gives up before it, by its semantic function."""
        cpu = self.cpu
        set_state(cpu, state, CODE)
        cpu.pstate.btype, cpu.attention_at = 0, NEVER
        function = self._block(word)
        try:
            executed = function(cpu, 1) if function else -1
        except ArchException as exception:
            return Outcome(raised=True, is_misaligned=_is_alignment_fault(exception))
        if executed != 1:
            return super().execute(word, state)
        self.ran += 1
        return Outcome(False, False, tuple(cpu.gpr[:31]), cpu.sp, cpu.pc, cpu.pstate.nzcv)

    def _block(self, word: int) -> Callable[[Interpreter, int], int] | None:
        """The block of one instruction, with all pages of data known."""
        if word != self._word:
            cpu = self.cpu
            cpu.memory.write(CODE, 4, word)
            cpu.fetch_word(CODE)
            for page in range(DATA, DATA + DATA_SIZE, PAGE_SIZE):
                cpu.store(page, 1, cpu.load(page, 1))
            region = discover(cpu.page_map, CODE, lambda _pc: False)
            block = compile_region(cpu, region) if region else None
            self._word, self._function = word, block.function if block else None
        return self._function
