"""A CPU with translation tables that a test writes descriptor by descriptor.

    space = make_space(el=1)
    space.map(0x1000, PAGE_A, el0=True)
    space.cpu.load(0x1000, 8)

A `Space` is one range of addresses: a table tree, and the registers that point to it. Several may share a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.exceptions import ArchException
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.interpreter import Interpreter
from aarch64.memory import Memory
from aarch64.translation.parameters import Regime
from tests.isa.running import execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aarch64.translation.tlb import Entry

RAM = 0x4000_0000
RAM_SIZE = 16 << 20
TABLES = RAM + (12 << 20)
"""Where tables are made, one after the other."""

PAGE_A, PAGE_B, PAGE_C = RAM, RAM + 0x10000, RAM + 0x20000
"""Physical pages of any granule, each filled with its own letter by `make_space`."""
BLOCK_A, BLOCK_B = RAM + (2 << 20), RAM + (4 << 20)
"""Physical blocks of 2MB, likewise filled at their beginning."""
VALUES = {PAGE_A: 0xA, PAGE_B: 0xB, PAGE_C: 0xC, BLOCK_A: 0x2A, BLOCK_B: 0x2B}
"""What a doubleword there holds."""

NORMAL, DEVICE, NON_CACHEABLE, GATHERING = range(4)
"""Indices into MAIR_ELx."""
MAIR = 0xFF | 0x00 << 8 | 0x44 << 16 | 0x0C << 24

BITS = {
    "ns": 1 << 5,
    "el0": 1 << 6,
    "read_only": 1 << 7,
    "af": 1 << 10,
    "ng": 1 << 11,
    "gp": 1 << 50,
    "dbm": 1 << 51,
    "contiguous": 1 << 52,
    "pxn": 1 << 53,
    "uxn": 1 << 54,
}
"""What `map` may be told of a block or page, as bits of its descriptor."""

SCTLR_M, SCTLR_A, SCTLR_C, SCTLR_I = 1 << 0, 1 << 1, 1 << 2, 1 << 12
TCR_A1, TCR_AS = 1 << 22, 1 << 36
HA = {1: 1 << 39, 2: 1 << 21, 3: 1 << 21}
HD = {1: 1 << 40, 2: 1 << 22, 3: 1 << 22}
TBI = {1: 1 << 37, 2: 1 << 20, 3: 1 << 20}
SCR_NS, SCR_EEL2 = 1 << 0, 1 << 18

_TG0 = {12: 0b00, 14: 0b10, 16: 0b01}
_TG1 = {12: 0b10, 14: 0b01, 16: 0b11}
_IPS_48 = 0b101
_BLOCK, _TABLE_OR_PAGE = 0b01, 0b11


def bits_of(*, af: bool = True, attribute: int = NORMAL, **flags: bool) -> int:
    """The attributes of a block or page: its index into MAIR_ELx, and `BITS` by name."""
    chosen = {"af": af, **flags}
    return attribute << 2 | sum(BITS[name] for name, is_set in chosen.items() if is_set)


@attrs.define(eq=False)
class Space:
    """One range of addresses of one regime.

    Attributes:
        cpu: whose registers and memory are used.
        regime: the level that controls it, 1 to 3.
        granule: log2 of the granule in bytes. input_size: bits of address.
        is_upper: the range of TTBR1_EL1.
        root: the address of the first table.
    """

    cpu: Interpreter
    frames: Iterator[int]
    regime: int = 1
    granule: int = 12
    input_size: int = 39
    is_upper: bool = False
    root: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.root = self._new_table()

    def _new_table(self) -> int:
        return next(self.frames)

    @property
    def start_level(self) -> int:
        """The level of the first table."""
        return 3 - (self.input_size - 1 - self.granule) // (self.granule - 3)

    def low(self, level: int) -> int:
        """The lowest bit of an address that a level resolves; log2 of what its blocks or pages map."""
        return self.granule + (3 - level) * (self.granule - 3)

    def address(self, offset: int) -> int:
        """The virtual address at `offset` from the beginning of the range."""
        return ((1 << 64) - (1 << self.input_size) if self.is_upper else 0) + offset

    def another(self, **changes: int) -> Space:
        """A range with tables of its own, on the same CPU."""
        return attrs.evolve(self, **changes)

    # --- descriptors

    def _index(self, virtual: int, level: int) -> int:
        high = min(self.low(level) + self.granule - 3, self.input_size)
        return (virtual & (1 << high) - 1) >> self.low(level)

    def descriptor_address(self, virtual: int, level: int = 3) -> int:
        """Where the descriptor of a level for an address is; tables on the way there are made."""
        table = self.root
        for above in range(self.start_level, level):
            entry = table + 8 * self._index(virtual, above)
            if self.read(entry) & 0b11 != _TABLE_OR_PAGE:
                self.write(entry, self._new_table() | _TABLE_OR_PAGE)
            table = self.read(entry) & (1 << 48) - (1 << self.granule)
        return table + 8 * self._index(virtual, level)

    def read(self, entry: int) -> int:
        """The descriptor at a physical address."""
        return self.cpu.memory.read(entry, 8)

    def write(self, entry: int, descriptor: int) -> None:
        """Change the descriptor at a physical address, and nothing else."""
        self.cpu.memory.write(entry, 8, descriptor)

    def descriptor(self, virtual: int, level: int = 3) -> int:
        """The descriptor of a level for an address."""
        return self.read(self.descriptor_address(virtual, level))

    def map(self, virtual: int, physical: int, level: int = 3, **bits: int) -> int:
        """Map a page, or at a lower level a block; `bits` are those of `bits_of`. The descriptor is returned."""
        kind = _TABLE_OR_PAGE if level == 3 else _BLOCK
        descriptor = physical | kind | bits_of(**bits)
        self.write(self.descriptor_address(virtual, level), descriptor)
        return descriptor

    def map_group(self, virtual: int, physical: int, count: int = 16, level: int = 3, **bits: int) -> None:
        """Map `count` pages or blocks, one after the other, with the contiguous bit."""
        for offset in range(0, count << self.low(level), 1 << self.low(level)):
            self.map(virtual + offset, physical + offset, level, contiguous=True, **bits)

    def unmap(self, virtual: int, level: int = 3) -> None:
        """Make the descriptor of a level invalid."""
        self.write(self.descriptor_address(virtual, level), 0)

    # --- registers

    def set(self, **registers: int) -> None:
        """Write system registers, as MSR does but for checks."""
        self.cpu.sysregs.update(registers)
        self.cpu.context_changed()

    @property
    def ttbr(self) -> str:
        """The register that points to the tables."""
        return f"TTBR{int(self.is_upper)}_EL{self.regime}"

    def use(self, asid: int = 0, *, tcr: int = 0) -> Space:
        """Point the registers to the tables and switch translation on; `tcr` has bits to set besides."""
        registers = self.cpu.sysregs
        name = f"TCR_EL{self.regime}"
        size, tg = 64 - self.input_size, (_TG1 if self.is_upper else _TG0)[self.granule]
        shift, tg_shift = (16, 30) if self.is_upper else (0, 14)
        kept = registers[name] & ~(0x3F << shift | 0b11 << tg_shift)
        output = _IPS_48 << (32 if self.regime == 1 else 16)
        self.set(
            **{
                self.ttbr: self.root | asid << 48,
                name: kept | size << shift | tg << tg_shift | output | tcr,
                f"MAIR_EL{self.regime}": MAIR,
                f"SCTLR_EL{self.regime}": registers[f"SCTLR_EL{self.regime}"] | SCTLR_M | SCTLR_C | SCTLR_I,
            }
        )
        return self

    def at_level(self, el: int, **pstate: int) -> None:
        """Go to another exception level, by magic; `pstate` has other fields to set."""
        self.cpu.pstate.el = el
        self.cpu.pstate.sp = int(el > 0)
        for field, value in pstate.items():
            setattr(self.cpu.pstate, field, value)
        self.cpu.context_changed()

    # --- what happens

    def tlbi(self, operation: str = "", value: int = 0) -> None:
        """Execute TLBI; without an operation, the one for all of this regime, at the level that has it."""
        text = operation or {1: "vmalle1", 2: "alle2", 3: "alle3"}[self.regime]
        cpu, before = self.cpu, self.cpu.gpr[9]
        cpu.gpr[9] = value
        execute(cpu, f"tlbi {text}" if "all" in text else f"tlbi {text}, x9")
        cpu.gpr[9] = before

    def invalidate(self, virtual: int) -> None:
        """Execute TLBI for an address in any address space."""
        self.tlbi({1: "vaae1", 2: "vae2", 3: "vae3"}[self.regime], virtual >> 12 & (1 << 44) - 1)

    @property
    def entries(self) -> list[Entry]:
        """What the TLB holds of this regime."""
        return [entry for entry in self.cpu.tlb if entry.regime is Regime(self.regime)]


def make_space(
    *,
    el: int = 1,
    max_el: int = 3,
    regime: int | None = None,
    granule: int = 12,
    input_size: int = 39,
    is_upper: bool = False,
    without: Iterable[Feature] = (),
    tcr: int = 0,
    asid: int = 0,
) -> Space:
    """A CPU at level `el` whose `regime`, by default that of the level, translates by tables that map nothing yet."""
    cpu = Interpreter(Memory(RAM, RAM_SIZE), DEFAULT_FEATURES - frozenset(without), max_el=max_el, el=el)
    cpu.sysregs["VBAR_EL1"] = RAM
    for address, value in VALUES.items():
        cpu.memory.write_bytes(address, value.to_bytes(8, "little") * 512)
    frames = iter(range(TABLES, RAM + RAM_SIZE, 1 << 16))
    return Space(cpu, frames, regime or el or 1, granule, input_size, is_upper).use(asid, tcr=tcr)


def fault_of(action: Callable[[], object]) -> ArchException | None:
    """The exception that an action ends with, if any."""
    try:
        action()
    except ArchException as exception:
        return exception
    return None


def status_of(action: Callable[[], object]) -> int | None:
    """The fault status code of the abort that an action ends with; None without one."""
    fault = fault_of(action)
    return None if fault is None else fault.iss & 0x3F


ADDRESS_SIZE, TRANSLATION, ACCESS_FLAG, PERMISSION, EXTERNAL_ON_WALK, ALIGNMENT = 0x00, 0x04, 0x08, 0x0C, 0x14, 0x21
"""Fault status codes; the level is added to all but the last."""
