"""Kretprobes: handlers of the return from a function (kernel/kprobes.c, kprobes_trampoline.S).

At the function's entry the return address is replaced by that of a trampoline, and kept in an instance. The trampoline
calls the handlers, and goes on where the function was to return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.behaviour import Trampoline
from kprobes.errors import Errno, KprobesError, RegistrationError
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.transitions import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.behaviour import RegistrationRules
    from kprobes.engine import Engine
    from kprobes.layout import Layout
    from kprobes.pt_regs import PtRegs
    from kprobes.registry import Registry

LINK_REGISTER = 30
_DEFAULT_INSTANCES = 10
"""max(10, 2 * CPUs), of one CPU (register_kretprobe)."""

ReturnHandler: TypeAlias = "Callable[[Instance, PtRegs], object] | GuestFunction"

PT_REGS_SIZE = 336
_UPCALL_MARK = "upcall"


def trampoline_source(kind: Trampoline, upcall: int) -> str:
    """The assembly of a trampoline; in ASSEMBLY, where Linux calls a C function, BRK #`upcall` calls the host."""
    if kind is Trampoline.BRK:
        return "trampoline: brk #7\n"
    pairs = [f"{{}} x{n}, x{n + 1}, [sp, #{8 * n}]" for n in range(0, 30, 2)]
    stores, loads = ([pair.format(name) for pair in pairs] for name in ("stp", "ldp"))
    lines = [
        f"trampoline: sub sp, sp, #{PT_REGS_SIZE}",
        *stores,
        f"add x0, sp, #{PT_REGS_SIZE}",
        "stp x30, x0, [sp, #240]",
        "mrs x0, nzcv",
        *(line for name in ("daif", "CurrentEL", "SPSel") for line in (f"mrs x1, {name}", "orr x0, x0, x1")),
        "stp xzr, x0, [sp, #256]",
        "mov x0, sp",
        f"{_UPCALL_MARK}: brk #{upcall}",
        "mov x30, x0",
        "ldr x0, [sp, #264]",
        "and x0, x0, #0xf0000000",
        "msr nzcv, x0",
        *loads,
        f"add sp, sp, #{PT_REGS_SIZE}",
        "ret",
    ]
    return "\n".join(lines) + "\n"


class LostReturn(KprobesError):
    """A function returned into the trampoline, and no instance knows where it was to return: Linux stops (BUG)."""


@attrs.define(eq=False)
class Instance:
    """One call of a probed function that has not returned (`struct kretprobe_instance`).

    Attributes:
        owner: the kretprobe; None once that was unregistered.
        return_address: where the function returns to; the trampoline's, where that was probed, too.
        fp: the stack pointer at entry.
        data: the bytes that the kretprobe asked for.
        entry_cycle: the cycle counter at entry.
    """

    owner: Kretprobe | None
    return_address: int
    fp: int
    data: bytearray
    entry_cycle: int


@attrs.define(eq=False)
class Kretprobe:
    """A probe on the return from a function.

    Attributes:
        handler: called on return with the instance and the registers; `regs.return_value` is what the function gives.
        symbol, offset, address: the function's entry, as of `Kprobe`.
        entry_handler: called at entry; if it gives something other than 0 or None, the return is not probed.
        maxactive: how many calls may be under way at once; 0 for 10.
        data_size: bytes of its own that each instance has.
        nmissed: calls that were not probed for want of an instance.
        kprobe: the probe at the entry; its own misses are counted apart.
    """

    handler: ReturnHandler
    symbol: str | None = None
    offset: int = 0
    address: int | None = None
    entry_handler: ReturnHandler | None = attrs.field(default=None, kw_only=True)
    maxactive: int = attrs.field(default=0, kw_only=True)
    data_size: int = attrs.field(default=0, kw_only=True)
    flags: ProbeFlag = attrs.field(default=ProbeFlag.NONE, kw_only=True)
    nmissed: int = attrs.field(default=0, init=False)
    kprobe: Kprobe = attrs.field(init=False, repr=False)
    free: int = attrs.field(default=0, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.kprobe = Kprobe(self.symbol, self.offset, self.address, flags=self.flags)


class KretprobeKeeper:
    """The kretprobes of a machine.

    Attributes:
        instances: by task, the calls under way, the oldest first.
    """

    def __init__(
        self,
        registry: Registry,
        engine: Engine,
        layout: Layout,
        rules: RegistrationRules,
        trampoline: int,
        current_task: Callable[[], int],
    ) -> None:
        """Register with `registry`; functions return into the code at `trampoline`."""
        self._registry = registry
        self._engine = engine
        self._layout = layout
        self._rules = rules
        self._trampoline = trampoline
        self._current_task = current_task
        self._kretprobes: dict[Kprobe, Kretprobe] = {}
        self.instances: dict[int, list[Instance]] = {}

    def __contains__(self, probe: Kprobe) -> bool:
        return probe in self._kretprobes

    def register(self, kretprobe: Kretprobe) -> None:
        """register_kretprobe; RegistrationError as of any probe, and for what this kernel demands of kretprobes."""
        self._check(kretprobe)
        kretprobe.nmissed = 0
        kretprobe.maxactive = kretprobe.maxactive or _DEFAULT_INSTANCES
        kretprobe.free = kretprobe.maxactive
        kretprobe.kprobe.pre_handler = self._enter
        self._kretprobes[kretprobe.kprobe] = kretprobe
        try:
            self._registry.register(kretprobe.kprobe)
        except RegistrationError:
            del self._kretprobes[kretprobe.kprobe]
            raise

    def _check(self, kretprobe: Kretprobe) -> None:
        most = self._rules.most_data
        if most is not None and kretprobe.data_size > most:
            raise RegistrationError(
                Errno.E2BIG, f"{kretprobe.data_size} bytes an instance: this kernel has {most} at most"
            )
        if kretprobe.maxactive < 0 or kretprobe.data_size < 0:
            raise RegistrationError(Errno.EINVAL, "a kretprobe cannot have less than no instances, or no bytes")
        if self._rules.return_probes_at_entry and not self._is_entry(kretprobe.kprobe):
            raise RegistrationError(Errno.EINVAL, "a kretprobe is at a function's entry, and nowhere else")

    def _is_entry(self, probe: Kprobe) -> bool:
        """kprobe_on_func_entry."""
        if probe.symbol is not None:
            return probe.offset == 0
        return probe.address is not None and probe.address + probe.offset in self._layout.symbols.values()

    def unregister(self, kretprobe: Kretprobe) -> None:
        """unregister_kretprobe: calls under way return as they would, and no handler is called."""
        self._registry.unregister(kretprobe.kprobe)
        self._kretprobes.pop(kretprobe.kprobe, None)
        for instance in (item for items in self.instances.values() for item in items):
            if instance.owner is kretprobe:
                instance.owner = None

    # --- entry

    def _enter(self, probe: Kprobe, regs: PtRegs) -> int:
        """pre_handler_kretprobe."""
        kretprobe = self._kretprobes[probe]
        if kretprobe.free == 0:
            kretprobe.nmissed += 1
            return 0
        link = regs.x[LINK_REGISTER]
        instance = Instance(kretprobe, link, regs.sp, bytearray(kretprobe.data_size), self._engine.host.cycle)
        if kretprobe.entry_handler is not None and self._run(kretprobe.entry_handler, instance, regs):
            return 0
        kretprobe.free -= 1
        regs.x[LINK_REGISTER] = self._trampoline
        self.instances.setdefault(self._current_task(), []).append(instance)
        return 0

    def _run(self, handler: ReturnHandler, instance: Instance, regs: PtRegs) -> object:
        if not isinstance(handler, GuestFunction):
            return handler(instance, regs)
        assert instance.owner is not None
        return self._engine.run_handler(handler, instance.owner.kprobe, regs)

    # --- return

    def returns(self, regs: PtRegs) -> int:
        """The handlers of the function that has returned into the trampoline; where it was to return.

        (trampoline_probe_handler)

        Raises:
            LostReturn: no instance knows.
        """
        instances = self.instances.get(self._current_task(), [])
        chain: list[Instance] = []
        while instances and (not chain or chain[-1].return_address == self._trampoline):
            chain.append(instances.pop())
        if not chain or chain[-1].return_address == self._trampoline:
            raise LostReturn(
                f"a function returned to the trampoline at {self._trampoline:#x} that is not known to be under way"
            )
        address = chain[-1].return_address
        for instance in chain:
            instance.return_address = address
            self._run_handler(instance, regs)
        return address

    def _run_handler(self, instance: Instance, regs: PtRegs) -> None:
        owner, block = instance.owner, self._engine.block
        if owner is None:
            return
        kept = block.current, block.status
        block.set_current(owner.kprobe, Status.HIT_ACTIVE)
        self._run(owner.handler, instance, regs)
        if self._engine.rules.trampoline is Trampoline.BRK:
            block.current, block.status = kept
        else:
            block.reset()
        owner.free += 1

    def return_address(self, task: int | None = None) -> int | None:
        """Where the newest probed call of a task returns to, seen through the trampoline (kretprobe_find_ret_addr)."""
        for instance in reversed(self.instances.get(self._current_task() if task is None else task, [])):
            if instance.return_address != self._trampoline:
                return instance.return_address
        return None
