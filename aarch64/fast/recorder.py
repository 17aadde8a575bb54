"""Recording: a CPU whose registers are symbolic, so that running a semantic function on it notes what it would do.

Only what a block can do by itself is recorded: computing on registers and flags, plain accesses to memory, branches.
Everything else (system registers, exceptions, barriers that wait ...) raises `NotRecordable`, and the instruction is
executed by `step()`.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from aarch64.access import Access
from aarch64.bits import MASKS
from aarch64.cpu import Cpu
from aarch64.exceptions import ArchException
from aarch64.fast.expr import FULL, Expr, NotRecordable, Operand, variable
from aarch64.fast.flags import UNKNOWN, FlagState, state_of
from aarch64.features import Feature
from aarch64.registers import SP, ZR

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.isa.decoder import Decoded
    from aarch64.pseudocode import Flags

STACK_POINTER = "sp"


_REGISTERS = tuple(f"x{number}" for number in range(31))
REGISTERS = frozenset({*_REGISTERS, STACK_POINTER})
"""The variables that hold registers in generated source."""

_LEAST_ADDRESS, _GREATEST_ADDRESS = 1 << 12, FULL - (1 << 12)
"""What page maps hold lies between: an access that succeeded tells so much about its address."""


@unique
class AccessKind(Enum):
    """What is done to memory."""

    LOAD = "load"
    STORE = "store"
    LOAD_PAIR = "load pair"
    STORE_PAIR = "store pair"
    MODIFY = "read-modify-write"
    SWAP_IF_EQUAL = "compare and swap"


@attrs.frozen(eq=False)
class MemoryAccess:
    """The access of an instruction.

    Attributes:
        kind, size: what is done, to elements of how many bytes.
        address: where.
        values: what is stored; of SWAP_IF_EQUAL the expected and the new value; of MODIFY what becomes of `results[0]`.
        results: the variables that hold what was read.
    """

    kind: AccessKind
    size: int
    address: Operand
    values: tuple[Operand, ...] = ()
    results: tuple[Expr, ...] = ()


@attrs.define(eq=False)
class Recording:
    """What one instruction does, in this order.

    Attributes:
        guards: conditions under which it has to be executed by itself.
        access: its access to memory, if any.
        writes: the registers it writes, by variable.
        flags: what it sets the flags to, if it does.
        target: where it branches to: a number, a value, or a choice of two; None for the next instruction.
        btype: PSTATE.BTYPE of what follows.
        is_indirect: whether it branches by `branch_indirect`.
    """

    guards: list[Operand] = attrs.field(factory=list)
    access: MemoryAccess | None = None
    writes: dict[str, Operand] = attrs.field(factory=dict)
    flags: FlagState | None = None
    reads_unknown_flags: bool = False
    target: Operand | None = None
    btype: int = 0
    is_indirect: bool = False


class _Forbidden:
    """State that is not recorded."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise NotRecordable("it uses more than registers and memory")

    __getattr__ = __getitem__ = __contains__ = __iter__ = _refuse
    __setitem__ = __setattr__ = _refuse


class _Level(_Forbidden):
    """PSTATE, of which only the exception level and the stack pointer's selection are constants of a block."""

    def __init__(self, el: int, sp: int) -> None:
        object.__setattr__(self, "el", el)
        object.__setattr__(self, "sp", sp)


_OWN = frozenset({"pc", "next_pc", "next_btype", "registers", "state", "recording", "reads_flags"})
"""What a recorder may set while it records: everything else is state of the CPU."""

_PLAIN = frozenset({Access.NORMAL, Access.ORDERED})


FORBIDDEN: Any = _Forbidden()
"""Stands for state that is not recorded."""


def _check_plain(access: Access) -> None:
    if access not in _PLAIN:
        raise NotRecordable(access.value)


class Recorder(Cpu):
    """A CPU that records one instruction after the other; registers carry over from one to the next.

    `registers` has what is known of each variable: itself within bounds, or a number.
    """

    def __init__(self, model: Cpu) -> None:
        """Record as `model` would execute now: its features and levels count, the contents of its registers do not."""
        for field in attrs.fields(Cpu):
            setattr(self, field.name, FORBIDDEN)
        self.features = model.features
        self.max_el = model.max_el
        self.pstate = self._level_of(model)
        self.store_log = None
        self.pc = self.next_pc = self.next_btype = 0
        self._checks_stack = model.checks_stack_alignment
        self.registers: dict[str, Operand] = {}
        self.state = UNKNOWN
        self.recording = Recording()
        self.forget()
        self._is_sealed = True

    @staticmethod
    def _level_of(model: Cpu) -> Any:
        """What there is of PSTATE while recording."""
        return _Level(model.pstate.el, model.pstate.sp)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OWN and "_is_sealed" in self.__dict__:
            raise NotRecordable(f"it sets {name}")
        super().__setattr__(name, value)

    def forget(self) -> None:
        """Know nothing of the registers and flags any more."""
        self.registers = {}
        self.state = UNKNOWN

    def record(self, decoded: Decoded, pc: Operand) -> Recording:
        """What an instruction at `pc` does.

        Raises:
            NotRecordable: it has to be executed.
        """
        definition = decoded.definition
        if definition.semantics is None or (definition.feature and not self.has(definition.feature)):
            raise NotRecordable("it is not implemented here")
        self.recording = Recording()
        self.pc, self.next_pc = pc, self._after(pc)
        try:
            definition.semantics(self, *definition.arguments(decoded.fields))
        except (ArchException, AttributeError, TypeError, KeyError, IndexError) as error:  # not with these operands
            raise NotRecordable(str(error)) from error
        return self.recording

    @staticmethod
    def _after(pc: Operand) -> Operand:
        """The address of the next instruction."""
        return (pc + 4) & FULL

    # --- registers

    @property
    def in_guarded_page(self) -> bool:
        """Blocks are not made of guarded pages."""
        return False

    def x(self, number: int, width: int = 64) -> Operand:
        return 0 if number == ZR else self._known(_REGISTERS[number]) & MASKS[width]

    def _known(self, name: str) -> Operand:
        """What is known of a register."""
        value = self.registers.get(name)
        if value is None:
            value = self.registers[name] = variable(name)
        return value

    def set_x(self, number: int, value: Operand) -> None:
        if number != ZR:
            self.recording.writes[_REGISTERS[number]] = value

    def xsp(self, number: int, width: int = 64) -> Operand:
        return self.sp & MASKS[width] if number == SP else self.x(number, width)

    def set_xsp(self, number: int, value: Operand) -> None:
        if number == SP:
            self.recording.writes[STACK_POINTER] = value
        else:
            self.set_x(number, value)

    def base(self, number: int) -> Operand:
        if number != SP:
            return self.x(number)
        if self._checks_stack:
            self.recording.guards.append(self.sp & 15)
        return self.sp

    @property  # type: ignore[misc]  # it is written by set_xsp()
    def sp(self) -> Operand:
        return self._known(STACK_POINTER)

    # --- flags

    @property
    def flags(self) -> Flags:
        self._note_flags()
        return self.state.flags

    def set_flags(self, flags: Flags) -> None:
        self.recording.flags = state_of(flags)

    def holds(self, cond: int) -> Operand:
        if cond < 14:
            self._note_flags()
        return self.state.holds(cond)

    def _note_flags(self) -> None:
        if self.state.kind is None:
            self.recording.reads_unknown_flags = True

    # --- memory

    def _access(self, kind: AccessKind, size: int, address: Operand, *values: Operand, results: int = 1) -> Any:
        if size == 16:
            raise NotRecordable("an access of 16 bytes")
        if isinstance(address, Expr):  # what is recorded from here on happens only if the access succeeds
            address.low, address.high = max(address.low, _LEAST_ADDRESS), min(address.high, _GREATEST_ADDRESS)
        variables = tuple(variable(f"m{number}", 0, MASKS[8 * size]) for number in range(results))
        self.recording.access = MemoryAccess(kind, size, address, values, variables)
        return variables[0] if results == 1 else variables

    def load(self, address: Operand, size: int, access: Access = Access.NORMAL) -> Operand:
        _check_plain(access)
        return self._access(AccessKind.LOAD, size, address)

    def store(self, address: Operand, size: int, value: Operand, access: Access = Access.NORMAL) -> None:
        _check_plain(access)
        self._access(AccessKind.STORE, size, address, value, results=0)

    def load_pair(self, address: Operand, size: int, access: Access = Access.NORMAL) -> Any:
        _check_plain(access)
        return self._access(AccessKind.LOAD_PAIR, size, address, results=2)

    def store_pair(
        self, address: Operand, size: int, first: Operand, second: Operand, access: Access = Access.NORMAL
    ) -> None:
        _check_plain(access)
        self._access(AccessKind.STORE_PAIR, size, address, first, second, results=0)

    def load_exclusive(self, address: Operand, size: int) -> NoReturn:
        raise NotRecordable("the exclusive monitor")

    def store_exclusive(self, address: Operand, size: int, value: Operand) -> NoReturn:
        raise NotRecordable("the exclusive monitor")

    def atomic(self, address: Operand, size: int, operation: Callable[[Operand], Operand]) -> Operand:
        old = self._access(AccessKind.MODIFY, size, address)
        access = self.recording.access
        assert access is not None
        self.recording.access = attrs.evolve(access, values=(operation(old),))
        return old

    def compare_and_swap(self, address: Operand, size: int, expected: Operand, new: Operand) -> Operand:
        return self._access(AccessKind.SWAP_IF_EQUAL, size, address, expected, new)

    # --- control

    def branch(self, target: Operand) -> None:
        self.recording.target = target

    def branch_indirect(self, target: Operand, btype: int) -> None:
        self.recording.target = target
        self.recording.is_indirect = True
        self.set_btype(btype)

    def set_btype(self, btype: int) -> None:
        self.recording.btype = btype if self.has(Feature.BTI) else 0

    def request_attention(self) -> None:
        """Nothing a block does asks for it."""

    def context_changed(self) -> NoReturn:
        raise NotRecordable("it changes the context")

    def wait(self, *_: Any) -> NoReturn:
        raise NotRecordable("it waits")
