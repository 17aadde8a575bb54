"""Kretprobes: handlers of the return from a function (kernel/kprobes.c, kprobes_trampoline.S).

At the function's entry the return address is replaced by that of a trampoline, and kept in an instance. The trampoline
calls the handlers, and goes on where the function was to return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.behaviour import FrameMatch, Trampoline
from kprobes.errors import Errno, KprobesError, RegistrationError
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.pt_regs import FRAME_POINTER, LINK_REGISTER, PT_REGS_SIZE
from kprobes.transitions import Status
from kprobes.unwind import frame_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprobes.behaviour import RegistrationRules
    from kprobes.engine import Engine
    from kprobes.layout import Layout
    from kprobes.pt_regs import PtRegs
    from kprobes.registry import Registry

_DEFAULT_INSTANCES = 10
"""max(10, 2 * CPUs), of one CPU (register_kretprobe)."""

ReturnHandler: TypeAlias = "Callable[[Instance, PtRegs], object] | GuestFunction"


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
        f"brk #{upcall}",
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
        return_address: where the function returns to; the trampoline's, where that was probed, too. In a handler of the
            return it is where the function does return to.
        sp, fp: the stack pointer and X29 at entry.
        data: the bytes that the kretprobe asked for.
        entry_cycle: the cycle counter at entry.
    """

    owner: Kretprobe | None
    return_address: int
    sp: int
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
        maxactive: how many calls may be under way at once; 0 or less for 10.
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

    def at(self, address: int) -> list[Kretprobe]:
        """Those of the function at an address."""
        return [item for probe, item in self._kretprobes.items() if probe.address == address]

    def register(self, kretprobe: Kretprobe) -> None:
        """register_kretprobe; RegistrationError as of any probe, and for what this kernel demands of kretprobes."""
        self._check(kretprobe)
        kretprobe.nmissed = 0
        kretprobe.maxactive = kretprobe.maxactive if kretprobe.maxactive > 0 else _DEFAULT_INSTANCES
        kretprobe.free = kretprobe.maxactive
        probe = kretprobe.kprobe
        probe.pre_handler, probe.post_handler, probe.fault_handler, probe.break_handler = self._enter, None, None, None
        self._kretprobes[probe] = kretprobe
        try:
            self._registry.register(probe)
        except RegistrationError:
            del self._kretprobes[probe]
            raise

    def _check(self, kretprobe: Kretprobe) -> None:
        self._registry.check_new(kretprobe.kprobe)
        address = self._registry.address_of(kretprobe.kprobe)
        if self._rules.return_probes_at_entry and address not in self._layout.symbols.values():
            raise RegistrationError(
                Errno.EINVAL,
                f"a kretprobe is at a function's entry, and {self._engine.host.locate(address)} is not: this kernel "
                f"wants a symbol without an offset (kprobe_on_func_entry)",
            )
        most = self._rules.most_data
        if most is not None and kretprobe.data_size > most:
            raise RegistrationError(
                Errno.E2BIG, f"{kretprobe.data_size} bytes an instance: this kernel has {most} at most"
            )
        if kretprobe.data_size < 0:
            raise RegistrationError(Errno.EINVAL, f"{kretprobe.data_size} bytes an instance: want 0 or more")

    def unregister(self, kretprobe: Kretprobe) -> None:
        """unregister_kretprobe: calls under way return as they would, and no handler is called."""
        self._registry.unregister(kretprobe.kprobe)
        self._kretprobes.pop(kretprobe.kprobe, None)
        for instance in (item for items in self.instances.values() for item in items):
            if instance.owner is kretprobe:
                instance.owner = None

    def forget(self, task: int) -> None:
        """A task is no more: its calls under way will not return (kprobe_flush_task)."""
        for instance in self.instances.pop(task, []):
            self._recycle(instance)

    # --- entry

    def _enter(self, probe: Kprobe, regs: PtRegs) -> int:
        """pre_handler_kretprobe."""
        kretprobe = self._kretprobes[probe]
        if kretprobe.free == 0:
            kretprobe.nmissed += 1
            return 0
        instance = Instance(
            kretprobe,
            return_address=regs.x[LINK_REGISTER],
            sp=regs.sp,
            fp=regs.x[FRAME_POINTER],
            data=bytearray(kretprobe.data_size),
            entry_cycle=self._engine.host.cycle,
        )
        if kretprobe.entry_handler is not None and self._run(kretprobe.entry_handler, instance, kretprobe, regs):
            return 0
        kretprobe.free -= 1
        instance.return_address = regs.x[LINK_REGISTER]
        regs.x[LINK_REGISTER] = self._trampoline
        self.instances.setdefault(self._current_task(), []).append(instance)
        return 0

    def _run(self, handler: ReturnHandler, instance: Instance, owner: Kretprobe, regs: PtRegs) -> object:
        if not isinstance(handler, GuestFunction):
            return handler(instance, regs)
        return self._engine.run_handler(handler, owner.kprobe, regs, instance.return_address)

    # --- return

    def returns(self, regs: PtRegs) -> int:
        """The handlers of the function that has returned into the trampoline; where it was to return.

        (__kretprobe_trampoline_handler)

        Raises:
            LostReturn: no instance knows.
        """
        chain = self._returning(regs)
        address = chain[-1].return_address
        if self._engine.rules.trampoline is Trampoline.BRK:
            regs.pc = address
        for instance in chain:
            if self._is_foreign(instance, regs):
                self._engine.print(
                    f"the newest call under way began with X29 {instance.fp:#x}, and the one that returns has "
                    f"{regs.x[FRAME_POINTER]:#x}: its handler is not called, and where it was to return is guessed"
                )
                break
            self._run_handler(instance, address, regs)
        instances = self.instances[self._current_task()]
        for instance in chain:
            instances.remove(instance)
            self._recycle(instance)
        return address

    def _returning(self, regs: PtRegs) -> list[Instance]:
        """The calls that end by this return, the newest first: the last one knows where it leads."""
        newest_first = self.instances.get(self._current_task(), [])[::-1]
        candidates = newest_first
        if self._engine.rules.frames is FrameMatch.STACK_POINTER:
            candidates = [instance for instance in newest_first if instance.sp == regs.sp]
        for count, instance in enumerate(candidates, 1):
            if instance.return_address != self._trampoline:
                if candidates[0] is not newest_first[0]:
                    self._engine.print(
                        f"a newer call than the one that returns is under way, with SP {newest_first[0].sp:#x}: "
                        f"kretprobe is stacked incorrectly"
                    )
                return candidates[:count]
        raise LostReturn(
            f"a function returned to the trampoline at {self._trampoline:#x} with SP {regs.sp:#x}, and no call under "
            f"way knows where it was to return: something has run twice, or with another stack, what a kretprobe is at"
        )

    def _is_foreign(self, instance: Instance, regs: PtRegs) -> bool:
        """Whether a call is seen not to be the one that returns, though it was taken for it."""
        return self._engine.rules.frames is FrameMatch.FRAME_POINTER and instance.fp != regs.x[FRAME_POINTER]

    def _run_handler(self, instance: Instance, address: int, regs: PtRegs) -> None:
        """A handler has its probe be the current one, so that what is hit meanwhile is missed."""
        owner, block = instance.owner, self._engine.block
        if owner is None:
            return
        instance.return_address = address
        block.set_current(owner.kprobe, Status.HIT_ACTIVE)
        self._run(owner.handler, instance, owner, regs)
        block.reset()

    @staticmethod
    def _recycle(instance: Instance) -> None:
        """recycle_rp_inst."""
        if instance.owner is not None:
            instance.owner.free += 1

    # --- looking through the trampoline

    def return_address(self, task: int | None = None) -> int | None:
        """Where the newest probed call of a task returns to, seen through the trampoline; None if there is none.

        The kernel has this since v5.16 (kretprobe_find_ret_addr); here it is there with every kernel.
        """
        known = self._with_address(self._current_task() if task is None else task)
        return next((instance.return_address for instance in known), None)

    def stack_trace(self, regs: PtRegs) -> list[int]:
        """The PC and then where each call returns to, by the frame records from X29 on (arch_stack_walk).

        Where that is the trampoline, the address is the one that it stands for, as in the kernel since v5.16. A PC of
        0, which a trampoline in assembly makes up, is left out.
        """
        known = self._with_address(self._current_task())
        trace = [regs.pc] if regs.pc else []
        for fp, address in frame_records(regs.x[FRAME_POINTER], self._engine.host):
            real = address if address != self._trampoline else self._first_with(fp, known)
            trace.append(address if real is None else real)
        return trace

    def _with_address(self, task: int) -> Iterator[Instance]:
        """The calls under way whose return address is a real one, the newest first."""
        instances = self.instances.get(task, [])
        return (instance for instance in reversed(instances) if instance.return_address != self._trampoline)

    @staticmethod
    def _first_with(fp: int, instances: Iterator[Instance]) -> int | None:
        """Where the first of some calls that began with this X29 returns to; those before it are used up."""
        return next((instance.return_address for instance in instances if instance.fp == fp), None)
