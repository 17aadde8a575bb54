"""The exact tier: one cycle at a time.

`step()` retires one instruction, or takes one exception, or idles one cycle in WFI or WFE. The straight path below is
for the ordinary case; whenever anything else may be due (an interrupt, a wait, PSTATE.IL or BTYPE, an observer),
`attention_at` has come and `_careful_step` looks at everything in the architecture's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, SupportsIndex

import attrs

from aarch64.access import fetch
from aarch64.bits import mask
from aarch64.cpu import Cpu
from aarch64.debug import breakpoints, software_step
from aarch64.debug.software_step import Stepped
from aarch64.errors import UnsupportedInstruction
from aarch64.exceptions import ArchException, branch_target, illegal_state
from aarch64.features import Feature
from aarch64.interrupts import acknowledge, pending_exception, wakes
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode
from aarch64.memory import PAGE_OFFSET, PAGE_SHIFT
from aarch64.sysregs.fields import MDSCR_MDE, MDSCR_SS
from aarch64.sysregs.traps import check_fp_access
from aarch64.timers import next_deadline

if TYPE_CHECKING:
    from aarch64.hooks import Hooks
    from aarch64.isa.decoder import Decoded
    from aarch64.isa.definition import Definition, Semantics
    from aarch64.pstate import PState
    from aarch64.stop import Stop

COMPILED_AFTER = 200
"""Executions of an instruction word before it is compiled, where there is a compiler."""

NEVER = 1 << 200
"""A cycle that does not come."""

Operation = Callable[["Interpreter"], None]
"""What one instruction word does."""

Observer = Callable[[Cpu, int, int], None]
"""Called with (cpu, pc, word) before each instruction; it may read and change any state."""

_PC_MASK = mask(64)
_ELSEWHERE = ~(PAGE_OFFSET & ~3)
"""The bits of an address that must be those of a page's address, for a word of that page."""


class Observers(list[Observer]):
    """The instruction observers, called in their order; a change takes effect at the next instruction."""

    def __init__(self, request_attention: Callable[[], None]) -> None:
        super().__init__()
        self._request_attention = request_attention

    def insert(self, index: SupportsIndex, observer: Observer) -> None:
        """Add an observer before those from `index` on."""
        super().insert(index, observer)
        self._request_attention()

    def append(self, observer: Observer) -> None:
        """Add an observer after those already there."""
        self.insert(len(self), observer)

    def extend(self, observers: Iterable[Observer]) -> None:
        """Add observers after those already there."""
        for observer in observers:
            self.append(observer)

    def remove(self, observer: Observer) -> None:
        """Take an observer away."""
        super().remove(observer)
        self._request_attention()

    def pop(self, index: SupportsIndex = -1) -> Observer:
        """Take an observer away, by default the last one, and give it."""
        found = super().pop(index)
        self._request_attention()
        return found

    def clear(self) -> None:
        """Take all observers away."""
        super().clear()
        self._request_attention()

    def tell(self, cpu: Cpu, pc: int, word: int) -> None:
        """Call them all."""
        for observer in tuple(self):
            observer(cpu, pc, word)


@attrs.define(init=False, eq=False, repr=False)
class Interpreter(Cpu):
    """A CPU that fetches and executes.

    `compiler`, if there is one, makes a faster operation of an instruction that is often executed.
    """

    observers: Observers = attrs.field(
        default=attrs.Factory(lambda cpu: Observers(cpu.request_attention), takes_self=True)
    )
    stop: Stop | None = None
    compiler: Callable[[Decoded], Operation | None] | None = None
    _hooks: Hooks | None = None
    _operations: dict[int, Operation] = attrs.field(factory=dict)
    _code_address: int = -1
    _code: memoryview = attrs.field(factory=lambda: memoryview(b""))

    @property
    def hooks(self) -> Hooks:
        """Those that are asked about exceptions before the guest's handlers."""
        if self._hooks is None:
            from aarch64.hooks import Hooks  # noqa: PLC0415  (most runs have none)

            self._hooks = Hooks()
        return self._hooks

    def step(self) -> None:
        """One cycle.

        Raises:
            UnsupportedInstruction, UnsupportedState: the guest needs what is not modelled; the state is that
                before the instruction.
        """
        if self.cycles >= self.attention_at:
            self._careful_step()
            return
        pc = self.pc
        offset = pc ^ self._code_address
        try:
            word = self.fetch_word(pc) if offset & _ELSEWHERE else self._code[offset >> 2]
            try:
                operation = self._operations[word]
            except KeyError:
                operation = self._operation(word)
            self.next_pc = (pc + 4) & _PC_MASK
            operation(self)
        except ArchException as exception:
            self.take(exception)
            return
        self.pc = self.next_pc
        self.cycles += 1

    def context_changed(self) -> None:
        """As of any CPU; the page last fetched from is looked up again."""
        super().context_changed()
        self._code_address = -1

    def fetch_word(self, pc: int) -> int:
        """The word at `pc`; its page is kept for the fetches that follow (measured: 5 % of all run time)."""
        page = self.page_map.fetches.get(pc >> PAGE_SHIFT)
        if page is None or pc & 3:
            return fetch(self, pc)
        self._code_address, self._code = pc & ~PAGE_OFFSET, page.views[4]
        return page.views[4][(pc & PAGE_OFFSET) >> 2]

    # --- decoding to something that can be called

    def _operation(self, word: int) -> Operation:
        """What executing `word` does, remembered by word."""
        decoded = decode(word)
        operation = self.operation_of(decoded) if decoded else Cpu.undefined
        if operation is Cpu.undefined:
            return operation
        if decoded and decoded.definition.semantics and self.compiler:
            operation = self._warming(decoded, operation)
        self._operations[word] = operation
        return operation

    def operation_of(self, decoded: Decoded) -> Operation:
        """What an allocated word does: its semantic function, its fields given."""
        definition = decoded.definition
        if definition.semantics is None:
            return partial(_run_unsupported, definition=definition)
        if definition.feature is not None and not self.has(definition.feature):
            return Cpu.undefined
        return _bind(definition.semantics, definition.arguments(decoded.fields))

    def _warming(self, decoded: Decoded, operation: Operation) -> Operation:
        """`operation`, which makes room for a compiled one when it has been executed often."""
        left = COMPILED_AFTER

        def warming(cpu: Interpreter) -> None:
            nonlocal left
            left -= 1
            if left == 0 and cpu.compiler is not None:
                cpu._operations[decoded.word] = cpu.compiler(decoded) or operation
            operation(cpu)

        return warming

    # --- the careful path

    def _careful_step(self) -> None:
        """One cycle, everything considered: interrupts, waits, debug, illegal state, BTYPE, observers."""
        exception = pending_exception(self)
        if exception is not None:
            acknowledge(self, exception)
            self.take(exception)
        elif self._is_waiting():
            self.pass_cycles(1)
        else:
            self._execute_carefully()
        self.attention_at = self._next_attention()

    def take(self, exception: ArchException) -> None:
        """Spend a cycle on an exception (one that the instruction at the PC raised, or an interrupt); ask the hooks."""
        following: ArchException | None = exception
        while following is not None:
            taken = self.take_exception(following)
            self.pass_cycles(1)
            following = None if self._hooks is None else self._hooks.ask(self, taken)

    def _is_waiting(self) -> bool:
        """Whether WFI or WFE still holds the CPU; ends the wait when something wakes it."""
        if self.waiting is None:
            return False
        timed_out = self.wait_until is not None and self.cycles >= self.wait_until
        if timed_out or wakes(self) or software_step.is_pending(self):
            self.waiting = self.wait_until = None
        return self.waiting is not None

    def wake_cycle(self) -> int | None:
        """The cycle at which time alone may end a wait; None if it never does."""
        candidates = [cycle for cycle in (self.wait_until, next_deadline(self)) if cycle is not None]
        return min(candidates, default=None)

    def _execute_carefully(self) -> None:
        """Fetch, check, observe, execute: "Synchronous exception prioritization for AArch64 state"."""
        try:
            software_step.check(self)
            word = fetch(self, self.pc)
            if self.pstate.il:
                raise illegal_state()
            self._check_branch_target(word)
            word = self._observe(word)
            self.execute(word)
        except ArchException as exception:
            self.take(exception)

    def _check_branch_target(self, word: int) -> None:
        """BranchTargetCheck: in a guarded page, an indirect branch must have led to an instruction made for it."""
        btype = self.pstate.btype
        if btype and self.in_guarded_page:
            decoded = decode(word)
            if decoded is None or not decoded.definition.can_be_reached_by(self, decoded.fields):
                raise branch_target(btype)

    def _observe(self, word: int) -> int:
        """Tell the observers; the word to execute, which is another one if they moved the PC."""
        pc = self.pc
        self.observers.tell(self, pc, word)
        return word if self.pc == pc else fetch(self, self.pc)

    def execute(self, word: int) -> None:
        """Execute and retire the instruction at the PC, all that comes before having been considered."""
        operation = self._operations.get(word) or self._operation(word)
        self.next_pc = (self.pc + 4) & _PC_MASK
        self.next_btype = 0
        state = self.pstate
        operation(self)
        if state.ss:  # an exception return brings a PSTATE of its own, whose SS stays
            self._advance_step(word, state)
        self.pstate.btype = self.next_btype
        self.pc = self.next_pc
        self.cycles += 1

    def _advance_step(self, word: int, state: PState) -> None:
        """An instruction that may have been stepped, having begun in `state`, is complete."""
        software_step.advance(self, state)
        decoded = decode(word)
        is_exclusive = decoded is not None and decoded.definition.traits & Trait.LOAD_EXCLUSIVE
        if is_exclusive and self.stepped is Stepped.INSTRUCTION:
            self.stepped = Stepped.LOAD_EXCLUSIVE

    def execute_observed(self, pc: int, word: int) -> None:
        """The rest of a cycle of whose instruction, `word` at `pc`, the observers have been told."""
        try:
            self.execute(word if self.pc == pc else fetch(self, self.pc))
        except ArchException as exception:
            self.take(exception)
        self.request_attention()

    def pass_cycles(self, cycles: int) -> None:
        """Let time go by without an instruction that retires."""
        self.cycles += cycles
        self.unretired += cycles

    def _next_attention(self) -> int:
        """The cycle at which the careful path is needed next."""
        return 0 if self.observers else self.next_event()

    def next_event(self) -> int:
        """The cycle at which something other than an instruction and its observers may have to happen next."""
        state = self.pstate
        if state.il or state.btype or self.waiting or pending_exception(self) is not None:
            return 0
        if state.ss or self.stepped is not Stepped.NOTHING or self._debugs_each_instruction():
            return 0
        deadline = next_deadline(self)
        return NEVER if deadline is None else deadline

    def _debugs_each_instruction(self) -> bool:
        """Whether software step or a breakpoint may have something to say before the next instruction."""
        if not self.sysregs["MDSCR_EL1"] & (MDSCR_SS | MDSCR_MDE):
            return False
        return software_step.is_active(self) or breakpoints.are_active(self)


def _bind(semantics: Semantics, fields: tuple[int, ...]) -> Operation:
    """`semantics` with its fields given.

    It is a function with defaults and not a `partial`: one that CPython calls without leaving its loop (measured: 4 %
    of all run time).
    """
    return FunctionType(semantics.__code__, semantics.__globals__, semantics.__name__, fields, semantics.__closure__)


def _run_unsupported(cpu: Cpu, definition: Definition) -> None:
    """Stop at an instruction that is not implemented; the traps hardware would take first are taken."""
    if definition.feature is Feature.FP:
        check_fp_access(cpu)
    word = fetch(cpu, cpu.pc)
    raise UnsupportedInstruction(definition.title, definition.unsupported or "", word, cpu.pc)
