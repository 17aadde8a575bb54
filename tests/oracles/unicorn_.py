"""Unicorn (QEMU's translator as a library) as an oracle: one instruction on one state, against our semantics.

Both sides hold the same memory and keep it: what one case stores, the next one finds. The reasoned differences are in
`unicorn_differences.toml`.
"""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs
from unicorn import UC_ARCH_ARM64, UC_MODE_ARM, Uc, UcError
from unicorn import arm64_const as names

from aarch64.exceptions import ArchException, ExceptionClass, Fault
from aarch64.fast.block import compile_region
from aarch64.fast.region import discover
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.interpreter import NEVER, Interpreter
from aarch64.isa.definition import Definition, Trait
from aarch64.memory import PAGE_SIZE, Memory
from aarch64.sampling import State, draw_state
from tests.laws.machines import execute, set_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.isa.syntax import Fields

RAM = 0x4000_0000
RAM_SIZE = 0x2000_0000
CODE = 0x5000_0000
"""Where the instruction is; immediate branches stay in RAM from here."""
FILLED = range(CODE - 0x10_0000, CODE + 0x10_0000)
"""Random bytes, as far as PC-relative loads reach."""
DATA = CODE + 0x8_0000
DATA_SIZE = 0x2_0000
"""What is compared after a store. Base registers point to its middle, from where no immediate offset leaves it."""

FEATURES = DEFAULT_FEATURES - {Feature.PAUTH2}
"""QEMU 5.0 has the first version of pointer authentication, which places the PAC and marks a failure otherwise."""

_X = [names.UC_ARM64_REG_X0 + number for number in range(29)] + [names.UC_ARM64_REG_X29, names.UC_ARM64_REG_X30]
_SP, _PC, _NZCV = names.UC_ARM64_REG_SP, names.UC_ARM64_REG_PC, names.UC_ARM64_REG_NZCV
_REGISTERS = [*_X, _SP, _PC, _NZCV]
_ACCESSES = Trait.LOADS | Trait.STORES
_ALIGNED = Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE | Trait.ATOMIC
"""Always aligned here: unlike FEAT_LSE2, QEMU 5.0 refuses what is not, even within 16 bytes."""
_CLREX = 0xD503_3F5F

SYSTEM_REGISTERS = {
    "SCTLR_EL1": ((1, 0, 3, 0, 0), 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13),  # EnIA, EnIB, EnDA, EnDB
    "APIAKEYLO_EL1": ((2, 1, 3, 0, 0), 0x84BE_85CE_9804_E94B),
    "APIAKEYHI_EL1": ((2, 1, 3, 0, 1), 0xEC28_02D4_E0A4_88E9),
    "APIBKEYLO_EL1": ((2, 1, 3, 0, 2), 0x0123_4567_89AB_CDEF),
    "APIBKEYHI_EL1": ((2, 1, 3, 0, 3), 0xFEDC_BA98_7654_3210),
    "APDAKEYLO_EL1": ((2, 2, 3, 0, 0), 0x1111_2222_3333_4444),
    "APDAKEYHI_EL1": ((2, 2, 3, 0, 1), 0x5555_6666_7777_8888),
    "APDBKEYLO_EL1": ((2, 2, 3, 0, 2), 0x9999_AAAA_BBBB_CCCC),
    "APDBKEYHI_EL1": ((2, 2, 3, 0, 3), 0xDDDD_EEEE_FFFF_0000),
    "APGAKEYLO_EL1": ((2, 3, 3, 0, 0), 0x0F1E_2D3C_4B5A_6978),
    "APGAKEYHI_EL1": ((2, 3, 3, 0, 1), 0x8796_A5B4_C3D2_E1F0),
}
"""What both sides have in system registers: (CRn, CRm, op0, op1, op2) and the value."""

_SCR_EL3 = ((1, 1, 3, 6, 0), 1 << 17 | 1 << 16 | 1 << 10 | 1)  # API, APK, RW, NS
_HCR_EL2 = ((1, 1, 3, 4, 0), 1 << 41 | 1 << 40 | 1 << 31)  # API, APK, RW
"""Unicorn has EL2 and EL3: they trap nothing about pointer authentication."""


@attrs.frozen
class Outcome:
    """What an instruction left; of one that raised an exception, only that (and, of ours, if it is about alignment)."""

    raised: bool
    is_misaligned: bool = False
    x: tuple[int, ...] = ()
    sp: int = 0
    pc: int = 0
    nzcv: int = 0
    memory: bytes = b""

    @property
    def comparable(self) -> object:
        """What both sides must agree on."""
        return self.raised, self.x, self.sp, self.pc, self.nzcv, self.memory

    def summary(self) -> str:
        """Registers and flags for a message."""
        if self.raised:
            return "exception" + " (misaligned)" * self.is_misaligned
        registers = " ".join(f"x{number}={value:#x}" for number, value in enumerate(self.x))
        return f"{registers} sp={self.sp:#x} pc={self.pc:#x} nzcv={self.nzcv:04b}"


def is_alignment_fault(exception: ArchException) -> bool:
    """Whether an exception is a data abort for misalignment."""
    return exception.ec is ExceptionClass.DATA_ABORT and exception.iss & 0x3F == Fault.ALIGNMENT


@attrs.define
class Rig:
    """A Uc and a Cpu in step."""

    uc: Uc
    cpu: Interpreter

    @classmethod
    def make(cls, seed: int = 0) -> Self:
        """Both sides, with the same memory and system registers, at EL1."""
        content = random.Random(seed).randbytes(len(FILLED))
        uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        uc.ctl_set_cpu_model(names.UC_CPU_ARM64_MAX)
        uc.mem_map(RAM, RAM_SIZE)
        uc.mem_write(FILLED.start, content)
        uc.ctl_exits_enabled(enable=True)
        memory = Memory(RAM, RAM_SIZE)
        memory.write_bytes(FILLED.start, content)
        cpu = Interpreter(memory, FEATURES, max_el=1, el=1)
        cpu.unaligned_device_access = True
        for encoding, value in (_SCR_EL3, _HCR_EL2):
            uc.reg_write(names.UC_ARM64_REG_CP_REG, (*encoding, value))
        for name, (encoding, value) in SYSTEM_REGISTERS.items():
            uc.reg_write(names.UC_ARM64_REG_CP_REG, (*encoding, value))
            cpu.sysregs[name] = value
        return cls(uc, cpu)

    def forget_exclusive(self) -> None:
        """Clear both sides' exclusive monitors."""
        self._load(_CLREX, CODE + 4)
        self.uc.emu_start(CODE, 0)
        self.cpu.clear_exclusive()

    def _load(self, word: int, target: int) -> None:
        """Put the instruction in place, and have Unicorn stop after it or at `target`, if it goes there."""
        self.uc.mem_write(CODE, word.to_bytes(4, "little"))
        exits = {CODE + 4, target} - {CODE}
        for address in (CODE, *exits):
            self.uc.ctl_remove_cache(address, address + 4)
        self.uc.ctl_set_exits(list(exits))

    def run_theirs(self, word: int, state: State, target: int, *, with_memory: bool) -> Outcome:
        """The instruction on Unicorn; where it branches to a bad address Unicorn fails, but there."""
        self._load(word, target)
        self.uc.reg_write_batch([*zip(_X, state.x, strict=True), (_SP, state.sp), (_NZCV, state.nzcv << 28)])
        try:
            self.uc.emu_start(CODE, 0, count=int(target == CODE))
        except UcError:
            if target == CODE + 4 or self.uc.reg_read(_PC) != target:
                return Outcome(raised=True)
        *x, sp, pc, nzcv = self.uc.reg_read_batch(_REGISTERS)
        memory = bytes(self.uc.mem_read(DATA, DATA_SIZE)) if with_memory else b""
        return Outcome(False, False, tuple(x), sp, pc, nzcv >> 28, memory)

    def run_ours(self, definition: Definition, fields: Fields, state: State, *, with_memory: bool) -> Outcome:
        """The instruction on our semantics."""
        cpu = self.cpu
        set_state(cpu, state, CODE)
        cpu.memory.write(CODE, 4, definition.encode(fields))
        try:
            execute(definition, fields, cpu)
        except ArchException as exception:
            return Outcome(raised=True, is_misaligned=is_alignment_fault(exception))
        memory = cpu.memory.read_bytes(DATA, DATA_SIZE) if with_memory else b""
        return Outcome(False, False, tuple(cpu.gpr[:31]), cpu.sp, cpu.next_pc, cpu.pstate.nzcv, memory)

    def restore_memory(self) -> None:
        """After a difference: make ours what theirs is, so that it is told once."""
        self.cpu.memory.write_bytes(DATA, bytes(self.uc.mem_read(DATA, DATA_SIZE)))

    def compare(self, definition: Definition, fields: Fields, state: State) -> tuple[Outcome, Outcome]:
        """(theirs, ours)."""
        stores = bool(definition.traits & Trait.STORES)
        ours = self.run_ours(definition, fields, state, with_memory=stores)
        target = CODE + 4 if ours.raised else ours.pc
        theirs = self.run_theirs(definition.encode(fields), state, target, with_memory=stores)
        if theirs.memory != ours.memory:
            self.restore_memory()
        return theirs, ours


@attrs.define
class BlockRig(Rig):
    """The same with what the hot path makes of the instruction, where it makes something of it; `ran` counts that."""

    ran: int = 0
    _word: int | None = None
    _function: Callable[[Interpreter, int], int] | None = None

    def run_ours(self, definition: Definition, fields: Fields, state: State, *, with_memory: bool) -> Outcome:
        """The instruction as a block; if that gives up before it, our semantics."""
        cpu = self.cpu
        set_state(cpu, state, CODE)
        cpu.pstate.btype, cpu.attention_at = 0, NEVER
        function = self._block(definition.encode(fields))
        try:
            executed = function(cpu, 1) if function else -1
        except ArchException as exception:
            return Outcome(raised=True, is_misaligned=is_alignment_fault(exception))
        if executed != 1:
            return super().run_ours(definition, fields, state, with_memory=with_memory)
        self.ran += 1
        memory = cpu.memory.read_bytes(DATA, DATA_SIZE) if with_memory else b""
        return Outcome(False, False, tuple(cpu.gpr[:31]), cpu.sp, cpu.pc, cpu.pstate.nzcv, memory)

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


def draw_case_state(definition: Definition, fields: Fields, rng: random.Random) -> State:
    """A state for the instruction: its base and index registers reach the data, its branch target is in RAM."""
    state = draw_state(rng)
    x, middle = list(state.x), DATA + DATA_SIZE // 2
    wanted: dict[str, int] = {}
    if definition.traits & _ACCESSES:
        wanted["rm"] = rng.randrange(-64, 64) * 16 & (1 << rng.choice((32, 64))) - 1
        wanted["rn"] = middle + rng.randrange(-64, 64) * 16
        if not definition.traits & _ALIGNED:
            wanted["rn"] += rng.choice((0, 0, 0, 1, 4, 8))
    elif definition.traits & Trait.BRANCHES:
        wanted["rn"] = RAM + rng.randrange(RAM_SIZE // 4) * 4
    for name, value in wanted.items():
        if fields.get(name, 31) != 31:
            x[fields[name]] = value
    return State(tuple(x), middle + rng.randrange(-64, 64) * 16, state.nzcv)


@attrs.frozen
class Difference:
    """A reasoned difference: of which definitions, and in which cases."""

    reason: str
    titles: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Names of features, all of whose definitions are concerned."""
    equal: tuple[str, ...] = ()
    """Only where these fields are equal."""
    outcome: str = "any"
    """Only where ours is a fault for misalignment (`misaligned`), or theirs is an exception (`unknown`)."""

    register_xor: int = 0
    """Only where the registers that differ do so in exactly these bits."""

    def concerns(self, definition: Definition) -> bool:
        """Whether it is about this definition."""
        name = definition.feature.name if definition.feature else None
        return definition.title in self.titles or name in self.features

    def explains(self, definition: Definition, fields: Fields, theirs: Outcome, ours: Outcome) -> bool:
        """Whether it is about this case."""
        if not self.concerns(definition) or len({fields.get(name) for name in self.equal}) > 1:
            return False
        if self.register_xor and {a ^ b for a, b in zip(theirs.x, ours.x, strict=False)} - {0} != {self.register_xor}:
            return False
        return {"any": True, "misaligned": ours.is_misaligned, "unknown": theirs.raised}[self.outcome]


def read_differences() -> tuple[Difference, ...]:
    """The reasoned differences."""
    path = Path(__file__).with_name("unicorn_differences.toml")
    entries = tomllib.loads(path.read_text())["difference"]
    return tuple(Difference(**{key: tuple(v) if isinstance(v, list) else v for key, v in e.items()}) for e in entries)
