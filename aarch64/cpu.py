"""A processing element: its registers, and the vocabulary in which instruction semantics are written.

A semantic function sees the machine only through the methods of "The vocabulary" below. It reads registers, accesses
memory, writes registers and flags and branches, in that order; so a fault leaves the instruction without effect.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, NoReturn, Protocol

import attrs

from aarch64 import access as data_path
from aarch64.access import Access
from aarch64.bits import MASKS, Bits
from aarch64.debug import watchpoints
from aarch64.debug.software_step import Stepped
from aarch64.exception_entry import take_exception
from aarch64.exceptions import ArchException, Taken, sp_alignment, undefined
from aarch64.features import Feature
from aarch64.memory import PAGE_OFFSET, PAGE_SHIFT, PAGE_SIZE, Memory
from aarch64.pseudocode import Flags, condition_holds, shift_value
from aarch64.pstate import BranchType, PState
from aarch64.registers import SP, ZR
from aarch64.sysregs import read_register, reset_values, write_register
from aarch64.sysregs.fields import SCR_EEL2, SCR_NS, SCTLR_SA, SCTLR_SA0
from aarch64.translation.page_maps import KEYS, NO_VIEWS, PageMap, PageMaps, Views
from aarch64.translation.parameters import strip_tag
from aarch64.translation.tlb import Tlb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from aarch64.lines import Line
    from aarch64.translation.tlb import Entry


@unique
class Conduit(Enum):
    """The instruction by which software calls the firmware of a machine that has no such exception level."""

    HVC = "HVC"
    SMC = "SMC"


class Services(Protocol):
    """What surrounds the CPU and answers it outside the architecture: firmware and a semihosting host."""

    def firmware_call(self, conduit: Conduit) -> bool:
        """Answer a firmware call (PSCI) whose arguments are in X0 to X7; False if it is not one."""

    def semihosting_call(self) -> bool:
        """Answer HLT #0xF000, operation in W0, parameter in X1; False if semihosting is off."""


class NoServices:
    """A bare CPU: nobody answers."""

    def firmware_call(self, conduit: Conduit) -> bool:  # noqa: ARG002  (the protocol's signature)
        """Nothing is a firmware call."""
        return False

    def semihosting_call(self) -> bool:
        """Semihosting is off."""
        return False


@unique
class Wait(Enum):
    """What the CPU waits for, having executed WFI or WFE."""

    INTERRUPT = "wfi"
    EVENT = "wfe"


_NORMAL, _UNPRIVILEGED = Access.NORMAL, Access.UNPRIVILEGED
_JUMPS_TO_CALLS = (16, 17)
"""Registers by which a jump may lead to where calls may: those of procedure linkage veneers (IP0, IP1)."""


def _by_level() -> list[int]:
    return [0] * 4


# With slots: of a plain object, CPython 3.11 keeps only the first 30 attributes fast, and none of them once its
# __dict__ was asked for (measured: instructions then take twice as long).
@attrs.define(init=False, eq=False, repr=False)
class Cpu:
    """The architectural state of one processing element.

    `gpr[31]` stays zero: it is the zero register. `sp_el`, `elr` and `spsr` are indexed by exception level.
    `exclusive` is the physical address and the size marked for exclusive access. `stepped` is what the software step
    state machine let be executed last. While an instruction executes,
    `next_pc` is where the next one is and `next_btype` the PSTATE.BTYPE it will see. `attention_at` is the cycle at
    which something other than the next instruction may have to happen. `unretired` counts the cycles in which no
    instruction retired. `store_log`, if there is one, is told each store: address, size, value. `page_map` has the
    pages of RAM that the current context has used, `read_views` and `write_views` are its views for data, or nothing
    while watchpoints are to look at each access.
    `tlb_observers` are told of entries that the TLB is about to drop.
    """

    memory: Memory
    features: frozenset[Feature]
    max_el: int
    pstate: PState
    sysregs: dict[str, int]
    gpr: list[int] = attrs.field(factory=lambda: [0] * 32)
    pc: int = 0
    next_pc: int = 0
    next_btype: int = 0
    sp_el: list[int] = attrs.field(factory=_by_level)
    elr: list[int] = attrs.field(factory=_by_level)
    spsr: list[int] = attrs.field(factory=_by_level)
    event_register: bool = False
    waiting: Wait | None = None
    wait_until: int | None = None
    _lines: frozenset[Line] = frozenset()
    exclusive: tuple[int, int] | None = None
    stepped: Stepped = Stepped.NOTHING
    cycles: int = 0
    unretired: int = 0
    attention_at: int = 0
    services: Services = attrs.field(factory=NoServices)
    unaligned_device_access: bool = False
    exception_observers: list[Callable[[Taken], None]] = attrs.field(factory=list)
    store_log: list[tuple[int, int, int]] | None = None
    tlb: Tlb = attrs.field(factory=Tlb)
    tlb_observers: list[Callable[[Iterable[Entry]], None]] = attrs.field(factory=list)
    page_maps: PageMaps = attrs.field(factory=PageMaps)
    page_map: PageMap = attrs.field(factory=PageMap)
    read_views: Views = ()
    write_views: Views = ()

    def __init__(self, memory: Memory, features: Iterable[Feature], *, max_el: int = 1, el: int = 1) -> None:
        """Reset the CPU into level `el`; the levels up to `max_el` (1 to 3) exist."""
        present = frozenset(features)
        state = PState(el=el, sp=1 if el else 0)
        self.__attrs_init__(memory, present, max_el, state, reset_values(present, max_el, el))
        self.context_changed()

    # --- what the machine is

    def has(self, feature: Feature) -> bool:
        """Whether the machine has `feature`."""
        return feature in self.features

    def has_level(self, el: int) -> bool:
        """Whether exception level `el` is implemented."""
        return el <= self.max_el

    @property
    def is_secure(self) -> bool:
        """Whether the current level is in Secure state."""
        return self.max_el == 3 and (self.pstate.el == 3 or not self.sysregs["SCR_EL3"] & SCR_NS)

    @property
    def el2_enabled(self) -> bool:
        """EL2Enabled: EL2 exists and is not switched off by being in Secure state without EEL2."""
        if self.max_el < 2:
            return False
        return self.max_el == 2 or bool(self.sysregs["SCR_EL3"] & (SCR_NS | SCR_EEL2))

    @property
    def sctlr(self) -> int:
        """SCTLR_ELx of the current translation regime."""
        return self.sysregs[f"SCTLR_EL{self.pstate.el or 1}"]

    @property
    def retired(self) -> int:
        """How many instructions have retired: one in each cycle, but for those of exceptions and of waiting."""
        return self.cycles - self.unretired

    @property
    def in_guarded_page(self) -> bool:
        """InGuardedPage: whether the instruction being executed, once fetched, is in a guarded page (GP)."""
        return self.pc >> PAGE_SHIFT in self.page_map.guarded

    @property
    def lines(self) -> frozenset[Line]:
        """The interrupt inputs that are asserted. Assign to change them: `cpu.lines |= {Line.IRQ}`."""
        return self._lines

    @lines.setter
    def lines(self, asserted: AbstractSet[Line]) -> None:
        self._lines = frozenset(asserted)
        self.request_attention()

    def request_attention(self) -> None:
        """Have interrupts, waits, PSTATE.IL and BTYPE looked at before the next instruction."""
        self.attention_at = 0

    def context_changed(self) -> None:
        """To be called when a system register or PSTATE has changed other than in what every instruction changes."""
        self.page_map = self.page_maps.select(self)
        if watchpoints.may_match(self):
            self.read_views = self.write_views = NO_VIEWS
        else:
            self.read_views, self.write_views = self.page_map.reads, self.page_map.writes
        self.request_attention()

    def drop_translations(self, entries: Iterable[Entry]) -> None:
        """Take entries out of the TLB, having told those who watch it."""
        gone = tuple(entries)
        for observe in tuple(self.tlb_observers):
            observe(gone)
        self.tlb.drop(gone)
        self.forget_page_maps()

    def forget_page_maps(self) -> None:
        """To be called when translations that were found may no longer hold."""
        self.page_maps.forget()
        self.context_changed()

    # --- The vocabulary: registers

    def x(self, number: int, width: int = 64) -> Bits:
        """General-purpose register `number`, its low `width` bits; 31 is the zero register."""
        return self.gpr[number] & MASKS[width]

    def shifted_x(self, number: int, kind: int, amount: int, width: int) -> Bits:
        """ShiftReg: `x` shifted by fields: `amount` (0 to `width` - 1) and `kind` (LSL, LSR, ASR or ROR)."""
        value = self.x(number, width)
        # Most operands are not shifted (measured: 3 % of all run time).
        return shift_value(value, kind, amount, width) if amount else value

    def set_x(self, number: int, value: Bits) -> None:
        """Write a value of at most 64 bits, upper bits zero; 31 discards it."""
        if number != ZR:
            self.gpr[number] = value

    def xsp(self, number: int, width: int = 64) -> Bits:
        """As `x`, but 31 is the current stack pointer."""
        return (self.sp if number == SP else self.gpr[number]) & MASKS[width]

    def set_xsp(self, number: int, value: Bits) -> None:
        """As `set_x`, but 31 is the current stack pointer."""
        if number == SP:
            self.sp = value
        else:
            self.gpr[number] = value

    def base(self, number: int) -> Bits:
        """The base address of a load or store: `xsp`, with the SP alignment check."""
        if number != SP:
            return self.gpr[number]
        value = self.sp
        if value & 15 and self.checks_stack_alignment:
            raise sp_alignment()
        return value

    @property
    def checks_stack_alignment(self) -> bool:
        """Whether loads and stores based on SP need it to be a multiple of 16 (CheckSPAlignment)."""
        return bool(self.sctlr & (SCTLR_SA if self.pstate.el else SCTLR_SA0))

    @property
    def sp(self) -> Bits:
        """The stack pointer that PSTATE.SP and PSTATE.EL select."""
        state = self.pstate
        return self.sp_el[state.el if state.sp else 0]

    @sp.setter
    def sp(self, value: Bits) -> None:
        state = self.pstate
        self.sp_el[state.el if state.sp else 0] = value

    @property
    def flags(self) -> Flags:
        """N, Z, C, V: each 0 or 1."""
        return self.pstate.flags

    def set_flags(self, flags: Flags) -> None:
        """Write N, Z, C, V."""
        self.pstate.flags = flags

    def holds(self, cond: int) -> Bits:
        """1 where condition `cond` (0 to 15) holds, else 0."""
        return condition_holds(cond, self.flags)

    # --- The vocabulary: memory

    def load(self, address: Bits, size: int, access: Access = _NORMAL) -> Bits:
        """`size` bytes (1, 2, 4, 8, or 16 for exclusives and atomics) at a virtual address."""
        view = self.read_views[size].get(address & KEYS[size])
        if view is None or access is _UNPRIVILEGED:
            return data_path.load(self, address, size, access)
        return view[(address & PAGE_OFFSET) // size]

    def store(self, address: Bits, size: int, value: Bits, access: Access = _NORMAL) -> None:
        """Write `size` bytes (1, 2, 4, 8, or 16 for exclusives and atomics) at a virtual address."""
        view = self.write_views[size].get(address & KEYS[size])
        try:
            if view is None or access is _UNPRIVILEGED:
                raise KeyError  # noqa: TRY301  (a view that protects code raises it likewise)
            view[(address & PAGE_OFFSET) // size] = value
        except KeyError:
            data_path.store(self, address, size, value, access)
        if self.store_log is not None:
            self.store_log.append((address, size, value))

    def load_pair(self, address: Bits, size: int, access: Access = _NORMAL) -> tuple[Bits, Bits]:
        """Two elements of `size` bytes (4 or 8), one after the other."""
        view = self.read_views[size].get(address & KEYS[size])
        offset = address & PAGE_OFFSET
        if view is None or offset > PAGE_SIZE - 2 * size:
            return data_path.load_pair(self, address, size, access)
        index = offset // size
        return view[index], view[index + 1]

    def store_pair(self, address: Bits, size: int, first: Bits, second: Bits, access: Access = _NORMAL) -> None:
        """Write two elements of `size` bytes (4 or 8); nothing is written if either faults."""
        view = self.write_views[size].get(address & KEYS[size])
        offset = address & PAGE_OFFSET
        try:
            if view is None or offset > PAGE_SIZE - 2 * size:
                raise KeyError  # noqa: TRY301  (a view that protects code raises it likewise)
            index = offset // size
            view[index] = first
            view[index + 1] = second
        except KeyError:
            data_path.store_pair(self, address, size, first, second, access)
        if self.store_log is not None:
            self.store_log += [(address, size, first), ((address + size) & MASKS[64], size, second)]

    def load_exclusive(self, address: Bits, size: int) -> Bits:
        """Load `size` bytes (1 to 16) and mark the location for exclusive access."""
        view = self.read_views[size].get(address & KEYS[size])
        if view is None:
            value, physical = data_path.load_exclusive(self, address, size)
        else:
            offset = address & PAGE_OFFSET
            value, physical = view[offset // size], self.page_map.readable[address - offset].address + offset
        self.exclusive = physical, size
        return value

    def store_exclusive(self, address: Bits, size: int, value: Bits) -> Bits:
        """Store if the location is still marked: 0 when it was, 1 when nothing was written. The mark is cleared.

        The mark is for a physical address and a size, both of which must agree; other stores by this PE leave it.
        """
        if address & KEYS[size] in self.write_views[size]:
            offset = address & PAGE_OFFSET
            physical = self.page_map.writable[address - offset].address + offset
        else:
            physical = data_path.resolve(self, address, size, Access.EXCLUSIVE, is_write=True)
        passes = self.exclusive == (physical, size)
        if passes:
            self.store(address, size, value, Access.EXCLUSIVE)
        self.exclusive = None
        return 0 if passes else 1

    def clear_exclusive(self) -> None:
        """Forget the location marked for exclusive access."""
        self.exclusive = None

    def atomic(self, address: Bits, size: int, operation: Callable[[Bits], Bits]) -> Bits:
        """Replace `size` bytes (1 to 16) by `operation` of them, as one access; the old value is returned."""
        return self._modify(address, size, operation)

    def compare_and_swap(self, address: Bits, size: int, expected: Bits, new: Bits) -> Bits:
        """Write `new` if `size` bytes (1 to 16) are as `expected`, as one access; the old value is returned."""
        return self._modify(address, size, lambda old: new if old == expected else None)

    def _modify(self, address: int, size: int, operation: Callable[[int], int | None]) -> int:
        """One access that reads, and writes what `operation` makes of that unless it is None."""
        view = self.write_views[size].get(address & KEYS[size])
        index = (address & PAGE_OFFSET) // size
        try:
            if view is None:
                raise KeyError  # noqa: TRY301  (a view that protects code raises it likewise)
            old = view[index]
            new = operation(old)
            if new is not None:
                view[index] = new
        except KeyError:
            old, new = data_path.modify(self, address, size, operation)
        if self.store_log is not None and new is not None:
            self.store_log.append((address, size, new))
        return old

    # --- The vocabulary: system registers

    def system_register(self, encoding: int, rt: int) -> Bits:
        """The register that MRS names by `encoding` (16 bits, op0 first), read into `rt`; or the trap it takes."""
        return read_register(self, encoding, rt)

    def set_system_register(self, encoding: int, rt: int, value: Bits) -> None:
        """Write the register that MSR names by `encoding` (16 bits, op0 first) from `rt`; or take its trap."""
        write_register(self, encoding, rt, value)

    # --- The vocabulary: control

    def branch(self, target: Bits) -> None:
        """Continue at `target`."""
        self.next_pc = target
        if target == self.pc:
            self.request_attention()

    def branch_indirect(self, target: Bits, btype: int) -> None:
        """Continue at an address from a register, with PSTATE.BTYPE (0 to 3) for the instruction there."""
        self.branch(strip_tag(self, target, is_fetch=True) if target >> 56 else target)
        self.set_btype(btype)

    def jump(self, target: Bits, rn: int) -> None:
        """Continue at an address from register `rn`, as BR does: the instruction there sees how it was reached."""
        is_free = rn not in _JUMPS_TO_CALLS and self.in_guarded_page
        self.branch_indirect(target, BranchType.JUMP_FROM_GUARDED_PAGE if is_free else BranchType.JUMP)

    def set_btype(self, btype: int) -> None:
        """Have PSTATE.BTYPE (0 to 3) be seen by the next instruction executed; 0 is what any instruction leaves."""
        self.pstate.btype = self.next_btype = btype if self.has(Feature.BTI) else 0
        if btype:
            self.request_attention()

    def raise_exception(self, exception: ArchException) -> NoReturn:
        """End the instruction with an exception."""
        raise exception

    def undefined(self) -> NoReturn:
        """End the instruction: it is UNDEFINED here."""
        raise undefined()

    def require_privilege(self) -> None:
        """End the instruction if it is executed at EL0, where it is UNDEFINED."""
        if self.pstate.el == 0:
            self.undefined()

    def wait(self, wait: Wait, until: int | None = None) -> None:
        """Stop executing until an interrupt or event, or cycle `until`, ends the wait."""
        self.waiting = wait
        self.wait_until = until
        self.request_attention()

    # --- exceptions

    def take_exception(self, exception: ArchException) -> Taken:
        """Enter the exception's handler, and tell the observers; what happened."""
        self.waiting = None
        taken = take_exception(self, exception)
        for observe in tuple(self.exception_observers):
            observe(taken)
        return taken
