"""Jprobes: a handler that is called in place of a function, with its arguments, and then the function itself.

The handler does not run in the exception: the return from it leads there, with the registers and the stack of the
function (setjmp_pre_handler). It ends by `jprobe_return`, whose BRK #4 brings back all registers, and the kept part of
the stack; then the function's first instruction is executed as after any hit (longjmp_break_handler).

As in Linux, a handler of the guest that returns as a function does (RET) goes to the caller of the function probed,
which is not executed at all; and as nothing has ended the hit, all that is hit from then on is counted as missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.behaviour import Jprobes as Generation
from kprobes.control import JprobeContext
from kprobes.engine import WORD
from kprobes.errors import Errno, KprobesError, RegistrationError
from kprobes.host import MemoryFault
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.pt_regs import DAIF
from kprobes.stacks import FixedCopy, NoCopy, Skip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kprobes.engine import Engine
    from kprobes.pt_regs import PtRegs
    from kprobes.registry import Registry
    from kprobes.stacks import Stack, StackPolicy

Entry: TypeAlias = "Callable[[PtRegs], object] | GuestFunction"

RETURN_LABEL = "jprobe_return_break"
"""The symbol of the BRK #4 that ends a `jprobe_return` of the guest: `examples/programs/runtime/jprobe.s` is one."""
SAVED_SP = "jprobe_saved_sp"
"""The symbol of 64 bits in the guest that its `jprobe_return` loads the stack pointer from, if it does that."""


class StackMismatch(KprobesError):
    """jprobe_return was executed with another stack pointer than the handler began with: Linux stops there (BUG)."""


@attrs.define(eq=False)
class Jprobe:
    """A probe on the entry of a function.

    Attributes:
        entry: the handler: called with the registers at the function's entry, of which it may change any but SP: all
            are brought back. Or a function of the guest, with the signature of the one probed, that ends by
            `jprobe_return`.
        symbol, offset, address: where, as of `Kprobe`.
        stack: how much of the stack is kept; None for what the kernel does.
        kprobe: the probe it is made of.
    """

    entry: Entry
    symbol: str | None = None
    offset: int = 0
    address: int | None = None
    stack: StackPolicy | None = attrs.field(default=None, kw_only=True)
    flags: ProbeFlag = attrs.field(default=ProbeFlag.NONE, kw_only=True)
    kprobe: Kprobe = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.kprobe = Kprobe(self.symbol, self.offset, self.address, flags=self.flags)

    @property
    def nmissed(self) -> int:
        """How often the handler was not called."""
        return self.kprobe.nmissed


class JprobeKeeper:
    """The jprobes of a machine."""

    def __init__(
        self,
        registry: Registry,
        engine: Engine,
        symbols: Mapping[str, int],
        stacks: Sequence[Stack],
        upcall: int,
    ) -> None:
        """Register with `registry`.

        Args:
            registry: where probes are.
            engine: what deals with their hits.
            symbols: of the guest.
            stacks: those that the guest is known to have.
            upcall: the address of code that calls `run_entry`, and then executes BRK #4.
        """
        self._registry = registry
        self._engine = engine
        self._symbols = symbols
        self._stacks = stacks
        self._upcall = upcall
        self._jprobes: dict[Kprobe, Jprobe] = {}

    def __contains__(self, probe: Kprobe) -> bool:
        return probe in self._jprobes

    def register(self, jprobe: Jprobe) -> None:
        """register_jprobe; RegistrationError as of any probe, and where the handler is not a function's start."""
        if self._engine.rules.jprobes is Generation.REMOVED:
            raise RegistrationError(Errno.EOPNOTSUPP, "this kernel has no jprobes any more: use a kprobe")
        if isinstance(jprobe.entry, GuestFunction):
            self._check_entry(jprobe.entry)
        self._registry.check_new(jprobe.kprobe)
        jprobe.kprobe.pre_handler = self._set_jump
        jprobe.kprobe.break_handler = self._long_jump
        self._jprobes[jprobe.kprobe] = jprobe
        try:
            self._registry.register(jprobe.kprobe)
        except RegistrationError:
            del self._jprobes[jprobe.kprobe]
            raise

    def _check_entry(self, entry: GuestFunction) -> None:
        target = entry.target
        handler = target if isinstance(target, str) else self._engine.host.locate(target)
        if self._address_of(entry) not in self._symbols.values():
            raise RegistrationError(Errno.EINVAL, f"the handler of a jprobe, {handler}, is not a function's start")
        if RETURN_LABEL not in self._symbols:
            raise RegistrationError(
                Errno.EINVAL,
                f"the handler of a jprobe, {handler}, has no jprobe_return to end by: there is no symbol "
                f"{RETURN_LABEL}; link examples/programs/runtime/jprobe.s",
            )

    def unregister(self, jprobe: Jprobe) -> None:
        """unregister_jprobe; RegistrationError if it is not registered."""
        self._registry.unregister(jprobe.kprobe)
        self._jprobes.pop(jprobe.kprobe, None)

    def _address_of(self, entry: GuestFunction) -> int:
        target = entry.target
        return target if isinstance(target, int) else self._symbols.get(target, -1)

    def _policy(self, jprobe: Jprobe) -> StackPolicy:
        if jprobe.stack is not None:
            return jprobe.stack
        return FixedCopy() if self._engine.rules.jprobes is Generation.COPIES_STACK else NoCopy()

    # --- a hit

    def _set_jump(self, probe: Kprobe, regs: PtRegs) -> int:
        """setjmp_pre_handler."""
        jprobe = self._jprobes[probe]
        size = self._policy(jprobe).size(regs, self._stacks)
        stack = size if isinstance(size, Skip) else self._copy(regs.sp, size)
        if isinstance(stack, Skip):
            probe.count_missed()
            self._engine.print(f"the jprobe at {self._engine.host.locate(probe.at)} is skipped: {stack.reason}")
            return 0
        self._publish(regs.sp)
        entry = None if isinstance(jprobe.entry, GuestFunction) else jprobe.entry
        self._engine.block.jprobe = JprobeContext(entry, tuple(regs.x), regs.sp, regs.pc, regs.pstate, stack)
        regs.pc = self._address_of(jprobe.entry) if isinstance(jprobe.entry, GuestFunction) else self._upcall
        return 1

    def _copy(self, sp: int, size: int) -> bytes | Skip:
        try:
            return self._engine.host.read(sp, size)
        except MemoryFault as fault:
            return Skip(str(fault))

    def _publish(self, sp: int) -> None:
        """Let a `jprobe_return` of the guest find the stack pointer (kprobe_ctlblk.jprobe_saved_regs.sp)."""
        if SAVED_SP in self._symbols:
            self._engine.host.write(self._symbols[SAVED_SP], sp.to_bytes(8, "little"))

    def run_entry(self, regs: PtRegs) -> bool:
        """Call a handler in Python, from the code at `upcall`; whether there was one to call."""
        context = self._engine.block.jprobe
        if context is None or context.entry is None:
            return False
        regs.pc, pstate = context.pc, regs.pstate
        self._engine.host.masks = pstate & DAIF  # as in the function: this is no exception to the handler
        context.entry(regs)
        regs.pc, regs.pstate = self._upcall + WORD, pstate
        return True

    def _long_jump(self, probe: Kprobe, regs: PtRegs) -> int:
        """longjmp_break_handler."""
        block = self._engine.block
        context = block.jprobe
        if context is None or regs.pc not in (self._upcall + WORD, self._symbols.get(RETURN_LABEL)):
            return 0
        if regs.sp != context.sp:
            where = self._engine.host.locate(probe.at)
            raise StackMismatch(
                f"jprobe_return with SP {regs.sp:#x}, where the handler of the jprobe at {where} began with "
                f"{context.sp:#x}: a jprobe's handler must return to where its stack pointer was"
            )
        regs.x[:], regs.pc, regs.pstate = context.x, context.pc, context.pstate
        self._engine.host.write(context.sp, context.stack)
        block.jprobe = None
        return 1
