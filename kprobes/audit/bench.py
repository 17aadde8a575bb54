"""A machine that executes cases, with or without a probe on the instruction, and what is seen of the outcome.

What is not seen, because by the architecture no probe could leave it as it was, or because it is time:

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
from aarch64.machine import Machine
from aarch64.memory import PAGE_SHIFT, PAGE_SIZE
from aarch64.pmu import COUNTER, SINCE
from aarch64.pstate import PState
from kprobes.arch.host import KERNEL
from kprobes.audit import paging
from kprobes.audit.case import (
    CODE,
    DATA,
    GUARDED,
    RAM,
    RAM_SIZE,
    READ_ONLY,
    REGISTERS,
    TABLES,
    UART,
    UNACCESSED,
    UNMAPPED,
    UPPER,
    UPPER_UNMAPPED,
    USER,
    VECTORS,
    Case,
)
from kprobes.manager import Kprobes
from kprobes.probe import Kprobe
from kprobes.transitions import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprobes.profiles import Profile

_SCTLR_M = 1 << 0
_SLOT_PAGES = 16
_ZEROS = bytes(PAGE_SIZE)
_LONGEST_HIT = 4
_GENERAL = tuple(f"x{number}" for number in range(REGISTERS + 1))
_PSTATE = tuple(field.name for field in attrs.fields(PState))
_BEGINNING = 1_000_000
"""The cycle at which every case begins. No number that is drawn is shortly after it, where WFET and WFIT would tell how
long a hit takes."""
_OF_THE_HIT = ("ELR_EL1", "SPSR_EL1", "ESR_EL1")


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
        frames = iter(range(TABLES, RAM + RAM_SIZE, PAGE_SIZE))
        lower, upper = paging.Range(self.machine, frames), paging.Range(self.machine, frames)
        bits = {
            READ_ONLY: paging.ACCESSED | paging.READ_ONLY,
            UNACCESSED: paging.UNACCESSED,
            USER: paging.ACCESSED | paging.EL0,
            GUARDED: paging.ACCESSED | paging.GUARDED,
        }
        of_slots = paging.ACCESSED | (paging.GUARDED if self.guards_slots else 0)
        behind_ram = RAM + RAM_SIZE
        for page in range(RAM, behind_ram + _SLOT_PAGES * PAGE_SIZE, PAGE_SIZE):
            chosen = bits.get(page, paging.ACCESSED) if page < behind_ram else of_slots
            lower.map(page, page, chosen)
            upper.map(UPPER + page - RAM, page, chosen)
        lower.unmap(UNMAPPED)
        upper.unmap(UPPER_UNMAPPED)
        lower.map(UART, UART, paging.ACCESSED | paging.DEVICE)
        paging.use(self.machine, lower, upper)

    # --- the state before a case

    def put(self, case: Case) -> None:
        """The state before the case."""
        self._put_memory(case)
        self._put_registers(case)

    def _put_memory(self, case: Case) -> None:
        memory = self.machine.memory
        for number, page in memory.pages.items():
            data = self._memory.get(number, _ZEROS)
            if number << PAGE_SHIFT < RAM + RAM_SIZE and page.data != data:
                memory.write_bytes(number << PAGE_SHIFT, data)
        memory.write(case.pc, 4, case.word)

    def _put_registers(self, case: Case) -> None:
        cpu = self.machine.cpu
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
        cpu.event_register, cpu.cycles = False, _BEGINNING
        cpu.drop_translations(cpu.tlb)
        cpu.context_changed()
        cpu.request_attention()

    def _stop_translating(self) -> None:
        """What the host writes is where it says: slots and code are at their physical addresses."""
        cpu = self.machine.cpu
        cpu.pstate, cpu.sysregs["SCTLR_EL1"] = PState(el=KERNEL), self._sysregs["SCTLR_EL1"] & ~_SCTLR_M
        cpu.context_changed()

    # --- the instruction

    def run(self, case: Case) -> dict[str, Any]:
        """Execute the instruction, probed or not, and give all that can be seen of the outcome by name.

        Raises:
            RegistrationError: the profile refuses it.
        """
        if self.kprobes is None:
            self.put(case)
            self.machine.cpu.step()
            return self._seen()
        self.hits.clear()
        probe = Kprobe(
            address=case.pc,
            pre_handler=lambda _probe, _regs: self.hits.append("pre"),
            post_handler=lambda _probe, _regs, _flags=0: self.hits.append("post"),
        )
        self._put_memory(case)
        self._stop_translating()
        self.kprobes.register(probe)
        self.slot = probe.execution.slot
        self._put_registers(case)
        self._hit()
        registers = self._seen_registers()
        self._forget_hit()
        self._stop_translating()
        self.kprobes.unregister(probe)
        return registers | self._seen_memory()

    def _hit(self) -> None:
        """From the BRK to the end of the hit, or to the guest's handler."""
        assert self.kprobes is not None
        cpu = self.machine.cpu
        waiting = None
        for _ in range(_LONGEST_HIT):
            cpu.waiting, waiting = None, cpu.waiting or waiting  # what it waits for comes at once
            cpu.step()
            if self.kprobes.engine.block.state is State.IDLE or cpu.pc >> PAGE_SHIFT == VECTORS >> PAGE_SHIFT:
                break
        cpu.waiting = cpu.waiting or waiting

    def _forget_hit(self) -> None:
        assert self.kprobes is not None
        engine = self.kprobes.engine
        engine.block.current, engine.block.step_pending = None, False
        while engine.monitors.is_stepping:
            engine.monitors.disable_single_step()

    # --- what is seen of it

    def _seen(self) -> dict[str, Any]:
        return self._seen_registers() | self._seen_memory()

    def _seen_registers(self) -> dict[str, Any]:
        cpu = self.machine.cpu
        seen: dict[str, Any] = dict(cpu.sysregs)
        for of_time in (COUNTER, SINCE):
            seen.pop(of_time, None)
        seen.update(zip(_GENERAL, cpu.gpr, strict=True))
        seen |= {"pc": cpu.pc, "waiting": cpu.waiting}
        for banked, values in (("SP", cpu.sp_el), ("ELR", cpu.elr), ("SPSR", cpu.spsr)):
            seen |= {f"{banked}_EL{el}": value for el, value in enumerate(values)}
        seen |= {f"PSTATE.{name}": getattr(cpu.pstate, name) for name in _PSTATE}
        seen["tlb"] = {entry for entry in cpu.tlb if entry.leaf.output < RAM + RAM_SIZE}
        if cpu.pc >> PAGE_SHIFT != VECTORS >> PAGE_SHIFT or cpu.pstate.el > KERNEL:
            seen |= dict.fromkeys(_OF_THE_HIT)
        return seen

    def _seen_memory(self) -> dict[str, bytes]:
        return {
            f"memory at {number << PAGE_SHIFT:#x}": bytes(page.data)
            for number, page in self.machine.memory.pages.items()
            if number << PAGE_SHIFT < RAM + RAM_SIZE and page.data != self._memory.get(number, _ZEROS)
        }


def is_fault(seen: Mapping[str, Any]) -> bool:
    """Whether the instruction ended with an exception that the kernel takes."""
    return exception_level(seen) == KERNEL


def exception_level(seen: Mapping[str, Any]) -> int | None:
    """The level that takes the exception that the instruction ended with; None if it completed."""
    return seen["PSTATE.el"] if seen["pc"] >> PAGE_SHIFT == VECTORS >> PAGE_SHIFT else None


def differences(seen: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """By name, what was seen and what was wanted."""
    if seen == wanted:
        return {}
    names = sorted(name for name in seen.keys() | wanted.keys() if seen.get(name) != wanted.get(name))
    return {name: (seen.get(name), wanted.get(name)) for name in names}
