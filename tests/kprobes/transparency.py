"""One instruction, executed on a machine without probes and on machines that probe it: in what do they end differently?

    case = draw_case(rng, definition)
    for method in METHODS:
        assert not method.differences(case)

What is not compared, because by the architecture no probe could leave it as it was, or because it is time:

- cycles, what counts them, and the cycle counter of the performance monitors: a hit takes time.
- ELR_EL1, SPSR_EL1 and ESR_EL1 after an instruction that completes: the exceptions of a hit write them, and the return
  from the hit itself goes through the first two. So what reads them cannot be probed (READS_EXCEPTION_STATE), and code
  in which they are live (entry and exit of exception handlers) must not be: `.entry.text` is on the kernels' blacklist.
  After an instruction that ends with an exception they are compared: they have to tell of the probed address.
- The location marked for exclusive access, and the event register: each exception return clears the one and sets the
  other (AArch64.ExceptionReturn). So no probe may be in an exclusive sequence or on WFE; elsewhere a monitor may be
  cleared, and WFE may complete, at any time.
- What the TLB holds of the pages of slots: they have been fetched from, which no access can tell. All else it holds is
  compared.
- An instruction that reads time (a counter), or its own word as data, is not drawn: the one is what a hit takes, the
  other is where the BRK is.
- PSTATE.BTYPE and all other fields of PSTATE are compared, and so are MDSCR_EL1 and the rest of the debug registers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.image import Image, Segment, Symbol, SymbolTable
from aarch64.isa.definition import Trait
from aarch64.isa.table import disassemble
from aarch64.machine import Machine
from aarch64.memory import PAGE_SHIFT, PAGE_SIZE
from aarch64.pmu import COUNTER, SINCE
from aarch64.pstate import PState
from aarch64.sampling import draw_fields, draw_value, is_encoding_of
from aarch64.sysregs import names
from aarch64.sysregs.table import TABLE
from aarch64.system_operations import OPERATIONS
from kprobes import Kprobe, Kprobes
from kprobes.analysis import verdict
from kprobes.arch.code import A64Instruction
from kprobes.arch.host import KERNEL, is_page_fault
from kprobes.behaviour import Execution, SlotFault
from kprobes.pt_regs import BTYPE, SS
from kprobes.rules import Verdict
from kprobes.transitions import State
from tests.translation.paging import Space

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from aarch64.isa.definition import Definition
    from kprobes import Profile

RAM, RAM_SIZE = 0x4000_0000, 1 << 20
DATA = RAM + 0x8000
READ_ONLY, UNACCESSED, UNMAPPED, USER = (DATA + PAGE_SIZE * number for number in (2, 3, 4, 5))
"""With translation on, pages of these kinds; without it, more data."""
CODE, GUARDED = RAM + 0x4_0000, RAM + 0x4_1000
"""Where the instruction is: in a page of each kind."""
VECTORS, TABLES = RAM + 0x6_0000, RAM + 0x8_0000
UART, NOWHERE = 0x0900_0000, 0x2000_0000
UPPER = 0xFFFF_0000_0000_0000
"""The range of the kernel."""
UPPER_DATA, UPPER_UNMAPPED = UPPER + DATA - RAM, UPPER + UNMAPPED - RAM

GOOD_PLACES = (DATA + 0x800, DATA + 0x800, DATA + 0xFF8, DATA + 0x400, UPPER_DATA + 0x800)
BAD_PLACES = (
    READ_ONLY + 0x10,
    UNACCESSED + 0x10,
    UNMAPPED + 0x10,
    USER + 0x10,
    UPPER_UNMAPPED + 0x10,
    UPPER + (1 << 21),
    UPPER + (1 << 30),
    UPPER + (1 << 39),
    1 << 21,
    1 << 39,
    1 << 52,
    NOWHERE,
    UART,
    DATA + 0x101,
    DATA + PAGE_SIZE - 4,
    0x5A << 56 | DATA + 0x800,
)
"""Addresses that are not mapped, at each level and in each range, or may not be accessed so, or are not aligned."""

_ACCESSES = Trait.LOADS | Trait.STORES | Trait.ATOMIC | Trait.UNPRIVILEGED | Trait.PREFETCHES | Trait.MAINTAINS
SCTLR_EN_KEYS = 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13
_SCTLR_M, _SCTLR_A, _SCTLR_SA = 1 << 0, 1 << 1, 1 << 3
_HCR_RW = 1 << 31
NO_TRAPS = _HCR_RW | 3 << 40
_TRAPS = (20, 21, 16, 17, 18, 23, 24, 25, 26, 30, 40, 41)
"""Bits of HCR_EL2 that have EL2 take what EL1 executes; 40 and 41 do so where clear."""


@attrs.frozen
class Case:
    """An instruction and the state it is executed in, at EL1.

    Attributes:
        word: the instruction.
        x, sp: the registers; `sp` is the selected stack pointer.
        pstate: PSTATE as in SPSR_EL1.
        translates: whether the MMU is on.
        guarded: whether the instruction is in a guarded page; only with the MMU on that means something.
        sctlr: bits of SCTLR_EL1 to set besides.
        hcr: HCR_EL2.
        unaligned: whether unaligned accesses are allowed with the MMU off.
    """

    word: int
    x: tuple[int, ...] = (0,) * 31
    sp: int = DATA + 0x400
    pstate: int = 0x05
    translates: bool = False
    guarded: bool = False
    sctlr: int = 0
    hcr: int = NO_TRAPS
    unaligned: bool = True

    @property
    def pc(self) -> int:
        """The address of the instruction."""
        return GUARDED if self.guarded else CODE

    @property
    def masks_debug(self) -> bool:
        """Whether PSTATE.D is set."""
        return bool(self.pstate >> 9 & 1)

    def __str__(self) -> str:
        registers = ", ".join(f"x{number}={value:#x}" for number, value in enumerate(self.x) if value)
        others = {field.name: getattr(self, field.name) for field in attrs.fields(Case)[2:]}
        shown = ", ".join(f"{name}={value:#x}" for name, value in others.items())
        return f"{disassemble(self.word)} ({self.word:#010x}) with {registers}; {shown}"


# --- drawing


def draw_case(rng: random.Random, definition: Definition) -> Case:
    """Random fields in a random state, in which accesses are often to memory that can be accessed."""
    word = definition.encode(_draw_fields(rng, definition))
    is_access = bool(definition.traits & _ACCESSES)
    translates = rng.random() < 0.6
    guarded = translates and rng.random() < 0.3
    pstate = PState(el=1, sp=int(rng.random() < 0.8), pan=int(rng.random() < 0.3), uao=rng.getrandbits(1))
    pstate.daif, pstate.nzcv = rng.randrange(8) | 8 * (rng.random() < 0.2), rng.randrange(16)
    pstate.dit, pstate.ssbs = rng.getrandbits(1), rng.getrandbits(1)
    pstate.btype = rng.randrange(4) if guarded or rng.random() < 0.1 else 0
    return Case(
        word=word,
        x=tuple(_draw_register(rng, is_access=is_access) for _ in range(31)),
        sp=_draw_address(rng) & ~(15 if rng.random() < 0.9 else 0),
        pstate=pstate.to_spsr(),
        translates=translates,
        guarded=guarded,
        sctlr=rng.choice((0, 0, 0, _SCTLR_A, _SCTLR_SA)) | rng.choice((0, SCTLR_EN_KEYS)),
        hcr=NO_TRAPS ^ sum(1 << bit for bit in _TRAPS if rng.random() < 0.05),
        unaligned=rng.random() < 0.5,
    )


def _draw_fields(rng: random.Random, definition: Definition) -> dict[str, int]:
    """Random fields; of system registers and operations mostly those there are."""
    while True:
        fields = draw_fields(definition, rng)
        if definition.title == "MRS" and rng.random() < 0.9:
            op0, *others = names.decode(rng.choice(_REGISTERS))
            fields |= dict(zip(("o0", "op1", "crn", "crm", "op2"), (op0 - 2, *others), strict=True))
        elif definition.title in ("SYS", "SYSL") and rng.random() < 0.8:
            fields |= dict(zip(("op1", "crn", "crm", "op2"), rng.choice(_OPERATIONS), strict=True))
        if is_encoding_of(definition, fields) and not (
            reads_time(definition, fields) or reads_itself(definition, fields)
        ):
            return fields


def reads_itself(definition: Definition, fields: Mapping[str, int]) -> bool:
    """Whether it is a load of its own word: as data, a probe is seen."""
    return definition.title.endswith("(literal)") and fields["imm19"] in (0, -1)


def reads_time(definition: Definition, fields: Mapping[str, int]) -> bool:
    """Whether it is a move from a counter: what it reads is the time that a hit takes."""
    if definition.title != "MRS":
        return False
    encoding = names.encode(2 + fields["o0"], fields["op1"], fields["crn"], fields["crm"], fields["op2"])
    return names.name_of(encoding, names.Direction.READ).startswith(_CLOCKS)


_REGISTERS = tuple(encoding for encoding in TABLE if names.decode(encoding)[0] >= 2)
_OPERATIONS = tuple(OPERATIONS)
_CLOCKS = ("CNTPCT", "CNTVCT", "CNTP_TVAL", "CNTV_TVAL", "CNTPS_TVAL", "CNTHP_TVAL", "CNTHV_TVAL", "PMCCNTR")


def _draw_register(rng: random.Random, *, is_access: bool) -> int:
    return _draw_address(rng) if is_access and rng.random() < 0.8 else draw_value(rng)


def _draw_address(rng: random.Random) -> int:
    return rng.choice(GOOD_PLACES if rng.random() < 0.7 else BAD_PLACES) + 8 * rng.randrange(4)


# --- machines


@attrs.define(eq=False, slots=False)
class Bench:
    """A machine that executes cases, one after the other, each from the same state but for what the case says.

    Attributes:
        profile: by what it probes them; None for a machine without probes.
        guards_slots: whether the pages of slots are guarded.
        slot: where the instruction was executed last; None if it was simulated.
        hits: the handlers that were called.
    """

    profile: Profile | None = None
    guards_slots: bool = False
    machine: Machine = attrs.field(init=False)
    kprobes: Kprobes | None = attrs.field(default=None, init=False)
    slot: int | None = attrs.field(default=None, init=False)
    hits: list[str] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.machine = machine = Machine(
            features=DEFAULT_FEATURES | {Feature.FPAC}, el=1, max_el=2, ram=RAM_SIZE, exact=True
        )
        nops = (0xD503_201F).to_bytes(4, "little")
        symbols = SymbolTable([Symbol("plain", CODE), Symbol("guarded", GUARDED)])
        machine.load(Image(tuple(Segment(place, nops) for place in (CODE, GUARDED)), CODE, symbols))
        machine.place(DATA, bytes(range(256)) * (8 * PAGE_SIZE // 256), "data")
        self._map()
        machine.cpu.sysregs["VBAR_EL1"] = machine.cpu.sysregs["VBAR_EL2"] = VECTORS
        machine.cpu.sysregs["OSLSR_EL1"] &= ~(1 << 1)
        if self.profile is not None:
            self.kprobes = Kprobes(machine, self.profile)
        self._sysregs = dict(machine.cpu.sysregs)
        self._memory = {number: bytes(page.data) for number, page in machine.memory.pages.items()}

    def _map(self) -> None:
        cpu = self.machine.cpu
        frames = iter(range(TABLES, RAM + RAM_SIZE, PAGE_SIZE))
        lower, upper = (Space(cpu, frames, input_size=48, is_upper=is_upper) for is_upper in (False, True))
        bits: dict[int, dict[str, Any]] = {
            READ_ONLY: {"read_only": True},
            UNACCESSED: {"af": False},
            USER: {"el0": True, "pxn": True},
            GUARDED: {"gp": True},
        }
        for page in range(RAM, RAM + RAM_SIZE + 16 * PAGE_SIZE, PAGE_SIZE):  # slots are behind all RAM
            if page >= RAM + RAM_SIZE:
                bits[page] = {"gp": self.guards_slots}
            lower.map(page, page, **bits.get(page, {}))
            upper.map(UPPER + page - RAM, page, **bits.get(page, {}))
        for space, page in ((lower, UNMAPPED), (upper, UPPER_UNMAPPED)):
            space.unmap(page)
        lower.map(UART, UART, attribute=1)
        upper.use()
        lower.use(tcr=1 << 37)  # TBI0

    def put(self, case: Case) -> None:
        """The state before the case."""
        cpu, memory = self.machine.cpu, self.machine.memory
        for number, page in memory.pages.items():
            data = self._memory.get(number, _ZEROS)
            if number << PAGE_SHIFT < RAM + RAM_SIZE and page.data != data:
                memory.write_bytes(number << PAGE_SHIFT, data)
        memory.write(case.pc, 4, case.word)
        cpu.sysregs.update(self._sysregs)
        sctlr = self._sysregs["SCTLR_EL1"] | case.sctlr
        cpu.sysregs["SCTLR_EL1"] = sctlr if case.translates else sctlr & ~_SCTLR_M
        cpu.sysregs["HCR_EL2"] = case.hcr
        cpu.unaligned_device_access = case.unaligned
        cpu.gpr[:31] = case.x
        cpu.elr[:], cpu.spsr[:], cpu.sp_el[:] = [0] * 4, [0] * 4, [DATA + 0x200, DATA + 0x600, 0, 0]
        cpu.pstate, cpu.pc, cpu.stop = PState.from_spsr(case.pstate), case.pc, None
        cpu.sp = case.sp
        cpu.waiting = cpu.wait_until = cpu.exclusive = None
        cpu.event_register = False
        cpu.drop_translations(cpu.tlb)
        cpu.context_changed()
        cpu.request_attention()

    # --- the instruction

    def run(self, case: Case) -> dict[str, Any]:
        """Execute the instruction, probed or not, and give all that can be seen of the outcome by name."""
        self.put(case)
        if self.kprobes is None:
            self.machine.cpu.step()
            return self._seen()
        self.hits.clear()
        probe = Kprobe(
            address=case.pc,
            pre_handler=lambda _probe, _regs: self.hits.append("pre"),
            post_handler=lambda _probe, _regs, _flags=0: self.hits.append("post"),
        )
        self.kprobes.register(probe)
        self.slot = probe.execution.slot
        self._hit()
        self.kprobes.unregister(probe)
        seen = self._seen()
        self._forget_hit()
        return seen

    def _hit(self) -> None:
        """From the BRK to the end of the hit, or to the guest's handler."""
        assert self.kprobes is not None
        cpu = self.machine.cpu
        waiting = None
        for _ in range(_LONGEST_HIT):
            cpu.waiting, waiting = None, cpu.waiting or waiting  # what it waits for comes at once
            cpu.step()
            if self.kprobes.engine.block.state is State.IDLE or cpu.pc >> 12 == VECTORS >> 12:
                break
        cpu.waiting = cpu.waiting or waiting

    def _forget_hit(self) -> None:
        assert self.kprobes is not None
        engine = self.kprobes.engine
        engine.block.current, engine.block.step_pending = None, False
        while engine.monitors.is_stepping:
            engine.monitors.disable_single_step()

    def _seen(self) -> dict[str, Any]:
        cpu = self.machine.cpu
        seen: dict[str, Any] = {name: value for name, value in cpu.sysregs.items() if name not in (COUNTER, SINCE)}
        seen |= {f"x{number}": value for number, value in enumerate(cpu.gpr)}
        seen |= {"pc": cpu.pc, "waiting": cpu.waiting}
        seen |= {f"SP_EL{el}": value for el, value in enumerate(cpu.sp_el)}
        seen |= {f"ELR_EL{el}": value for el, value in enumerate(cpu.elr)}
        seen |= {f"SPSR_EL{el}": value for el, value in enumerate(cpu.spsr)}
        seen |= {f"PSTATE.{name}": value for name, value in attrs.asdict(cpu.pstate).items()}
        seen["tlb"] = {entry for entry in cpu.tlb if entry.leaf.output < RAM + RAM_SIZE}
        for number, page in self.machine.memory.pages.items():
            if number << PAGE_SHIFT < RAM + RAM_SIZE and page.data != self._memory.get(number, _ZEROS):
                seen[f"memory at {number << PAGE_SHIFT:#x}"] = bytes(page.data)
        if cpu.pc >> 12 != VECTORS >> 12 or cpu.pstate.el > 1:
            seen |= dict.fromkeys(_OF_THE_HIT)
        return seen


_ZEROS = bytes(PAGE_SIZE)
_LONGEST_HIT = 4
_OF_THE_HIT = ("ELR_EL1", "SPSR_EL1", "ESR_EL1")


def is_fault(seen: Mapping[str, Any]) -> bool:
    """Whether the instruction ended with an exception that the kernel takes."""
    return bool(seen["pc"] >> PAGE_SHIFT == VECTORS >> PAGE_SHIFT and seen["PSTATE.el"] == KERNEL)


def differences(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By name, what was seen and what was wanted."""
    names_of_both = sorted(seen.keys() | wanted.keys())
    return {name: (seen.get(name), wanted.get(name)) for name in names_of_both if seen.get(name) != wanted.get(name)}


# --- what is known of the kernels' engines

_BTI = 0x0D
_ABORTS = (0x20, 0x21, 0x24, 0x25)
_STEPPING = 1 << 0 | 1 << 13 | 1 << 15


@attrs.frozen
class _Abort:
    esr: int
    far: int


def told_by_kernel(bench: Bench, plain: Bench, case: Case) -> dict[str, Any]:
    """What the kernels' engines make of a case, their known defects included, from what it does without a probe.

    Of an instruction that ends with an exception in the slot:
    - slot-masks: if it is a page fault, the PC goes back to the probed address, but what was masked for the slot stays
      masked (before v5.12), and PSTATE.SS set, if it was stepped;
    - slot-address: if it is any other exception, the kernel is told of the slot, and stepping goes on;
    - slot-landing: a branch target exception is missed, as a slot is in no guarded page.
    """
    seen = plain.run(case)
    assert bench.profile is not None
    rules = bench.profile.engine
    is_simulated = verdict(A64Instruction(case.word), bench.profile.decode).verdict is Verdict.SIMULATE
    if is_simulated or not is_fault(seen):
        return seen
    if seen["ESR_EL1"] >> 26 == _BTI:
        return told_by_kernel(bench, plain, attrs.evolve(case, pstate=case.pstate & ~BTYPE))
    is_stepped = rules.execution is Execution.STEP
    is_page = seen["ESR_EL1"] >> 26 in _ABORTS and is_page_fault(_Abort(seen["ESR_EL1"], seen["FAR_EL1"]))
    if not (is_page and rules.slot_fault is SlotFault.RESTORES_MASKS):
        seen["SPSR_EL1"] |= rules.masks | (SS if is_stepped else 0)
    if not is_page:
        seen["ELR_EL1"] = bench.slot
        seen["MDSCR_EL1"] |= _STEPPING if is_stepped else 0
    return seen
