"""Kprobes on a machine: the public face.

kprobes = Kprobes(machine, V15)
probe = Kprobe("square", pre_handler=lambda probe, regs: print(regs.argument(0)))
kprobes.register(probe)
machine.run()
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self, TypeAlias

import attrs

from kprobes import checkpoint
from kprobes.analysis import Analysis
from kprobes.arch.host import KernelHooks, MachineHost, StoredFrame, page_allocator
from kprobes.arch.text import TextReader, layout_of, symbolic
from kprobes.behaviour import Execution, SlotFault, Trampoline
from kprobes.engine import BRK_KPROBE, WORD, Engine
from kprobes.errors import Errno, RegistrationError
from kprobes.jprobes import Jprobe, JprobeKeeper
from kprobes.probe import Kprobe, kprobe_of
from kprobes.profiles import V15
from kprobes.pt_regs import DAIF, I, PtRegs
from kprobes.registry import Listed, Registry
from kprobes.returns import Kretprobe, KretprobeKeeper, trampoline_source
from kprobes.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aarch64.machine import Machine, Snapshot
    from kprobes.checkpoint import Checkpoint
    from kprobes.host import Frame
    from kprobes.layout import Forbidden
    from kprobes.patching import Patch
    from kprobes.profiles import Profile
    from kprobes.stacks import Stack

AnyProbe: TypeAlias = Kprobe | Jprobe | Kretprobe

UPCALL = 0xA64
"""The BRK by which code that stands for C functions of the kernel calls the host."""
_BRK_UPCALL = 0xD420_0000 | UPCALL << 5
_KPROBE, _SLOT, _KRETPROBE = 4, 6, 7


@attrs.frozen
class Saved:
    """The state of a machine and of its kprobes."""

    machine: Snapshot
    kprobes: Checkpoint


class Kprobes:
    """The kprobes of one machine, whose EL1 is the kernel.

    Attributes:
        machine: the machine.
        profile: the kernel that is followed.
        engine: what deals with hits; its `watchers` are told of everything.
        registry: which probes there are.
        slots: where instructions are executed out of line.
        kretprobes, jprobes: what those are made of.
    """

    def __init__(
        self,
        machine: Machine,
        profile: Profile = V15,
        *,
        stacks: Sequence[Stack] = (),
        current_task: Callable[[], int] = lambda: 0,
        unlock: bool = True,
    ) -> None:
        """Begin to deal with the BRKs of probes on `machine`, whose programs have been loaded.

        Args:
            machine: the machine.
            profile: the kernel to be followed.
            stacks: the stacks that the guest has; others are taken for 16 KiB long, and so aligned.
            current_task: what kretprobes tell tasks apart by; a guest without tasks needs none.
            unlock: whether the OS lock is opened, as the kernel does when it starts: while it is closed, no step is
                taken.

        Raises:
            RegistrationError: there is no room for a page behind the machine's RAM.
        """
        self.machine = machine
        self.profile = profile
        layout = layout_of(machine, profile.registration.sections, profile.registration.unprepared)
        self._layout = layout
        self._host = host = MachineHost(machine, layout.exception_table)
        self.engine = Engine(host, profile.engine, profile.decode.defects, self._lookup, machine.resolve)
        allocate = page_allocator(machine)
        self.slots = Slots(profile.engine.slot_words, allocate)
        text = TextReader(machine, host, lambda: self.registry.original_words)
        analysis = lru_cache(maxsize=1)(lambda text: Analysis(text, profile.decode))  # while the text does not change
        self.registry = Registry(
            host, self.engine, self.slots, layout, lambda: analysis(text.now()), profile.registration
        )
        runtime = allocate()
        if runtime is None:
            raise RegistrationError(Errno.ENOMEM, "there is no room behind RAM for what kprobes needs: have less RAM")
        self._trampoline = runtime + 2 * WORD
        trampoline = host.assemble(trampoline_source(profile.engine.trampoline, UPCALL), self._trampoline)
        host.write_text(runtime, _BRK_UPCALL, BRK_KPROBE, *trampoline)
        self._upcalls: dict[int, Callable[[PtRegs], bool]] = {runtime: self._jprobe_entry}
        if _BRK_UPCALL in trampoline:
            self._upcalls[self._trampoline + WORD * trampoline.index(_BRK_UPCALL)] = self._trampoline_handler
        self.jprobes = JprobeKeeper(self.registry, self.engine, layout.symbols, stacks, runtime)
        self.kretprobes = KretprobeKeeper(
            self.registry, self.engine, layout, profile.registration, self._trampoline, current_task
        )
        self._hooks = KernelHooks(machine, host)
        self._add_hooks()
        if unlock:
            host.unlock()

    def _add_hooks(self) -> None:
        hooks, rules = self._hooks, self.profile.engine
        hooks.on_break(_KPROBE, self.engine.breakpoint)
        hooks.on_break(UPCALL, self._upcall)
        if rules.execution is Execution.STEP:
            hooks.on_step(self.engine.step)
        else:
            hooks.on_break(_SLOT, self.engine.slot_breakpoint)
        if rules.trampoline is Trampoline.BRK:
            hooks.on_break(_KRETPROBE, self._return_breakpoint)
        hooks.on_page_fault(self.engine.fault)
        if rules.slot_fault is SlotFault.CONCEALS_SLOT:
            hooks.on_synchronous(self.engine.slot_exception)

    def _lookup(self, address: int) -> Kprobe | None:
        return self.registry.lookup(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unregister all probes, and let exceptions be the guest's again. A second time does nothing.

        Let calls that are under way with a kretprobe return before: nobody will know where their trampoline leads.
        """
        for probe in tuple(self.registry):
            self.registry.unregister(probe)
        self._hooks.remove()

    # --- registering

    def register(self, *probes: AnyProbe) -> None:
        """Register probes: all of them or, if one cannot be, none.

        Raises:
            RegistrationError: why one cannot be, with Linux's error number.
        """
        if not probes:
            raise RegistrationError(Errno.EINVAL, "there are no probes to register")
        done: list[AnyProbe] = []
        try:
            for probe in probes:
                self._register(probe)
                done.append(probe)
        except RegistrationError:
            self.unregister(*done)
            raise

    def _register(self, probe: AnyProbe) -> None:
        if isinstance(probe, Jprobe):
            self.jprobes.register(probe)
        elif isinstance(probe, Kretprobe):
            self.kretprobes.register(probe)
        else:
            self.registry.register(probe)

    def unregister(self, *probes: AnyProbe) -> None:
        """Unregister probes; a hit that is under way is finished. RegistrationError for one that is not registered."""
        for probe in probes:
            if isinstance(probe, Jprobe):
                self.jprobes.unregister(probe)
            elif isinstance(probe, Kretprobe):
                self.kretprobes.unregister(probe)
            else:
                self.registry.unregister(probe)

    def disable(self, probe: AnyProbe) -> None:
        """Have a probe not be hit; RegistrationError if it is not registered."""
        self.registry.disable(kprobe_of(probe))

    def enable(self, probe: AnyProbe) -> None:
        """Have a probe be hit again; RegistrationError if it is not registered, or its code is no more."""
        self.registry.enable(kprobe_of(probe))

    @property
    def enabled(self) -> bool:
        """Whether probes that are not disabled are armed; may be set."""
        return self.registry.enabled

    @enabled.setter
    def enabled(self, wanted: bool) -> None:
        self.registry.enabled = wanted

    # --- going back

    def save(self) -> Saved:
        """The state of the machine and of its kprobes, between two cycles; no handler may be running."""
        parts = (self.engine, self.registry, self.slots, self.kretprobes, self.jprobes, self._host)
        return Saved(self.machine.snapshot(), checkpoint.save(parts))

    def restore(self, saved: Saved) -> None:
        """Return to a state: `checkpoint` says what that does not undo."""
        self.machine.restore(saved.machine)
        checkpoint.restore(saved.kprobes)

    # --- what there is

    def listed(self) -> list[Listed]:
        """The probes, as /sys/kernel/debug/kprobes/list has them."""
        return [
            Listed(probe.at, self._kind(probe), symbolic(self.machine, probe.at, sized=False), probe.flags)
            for probe in self.registry
        ]

    def _kind(self, probe: Kprobe) -> str:
        if probe in self.jprobes:
            return "j"
        return "r" if probe in self.kretprobes else "k"

    @property
    def blacklist(self) -> tuple[Forbidden, ...]:
        """Where no probe may be, as /sys/kernel/debug/kprobes/blacklist has it."""
        return self._layout.forbidden

    @cached_property
    def trampoline(self) -> range:
        """The addresses of the code that functions with a kretprobe return to, by bytes."""
        source = trampoline_source(self.profile.engine.trampoline, UPCALL)
        return range(self._trampoline, self._trampoline + WORD * len(self._host.assemble(source, self._trampoline)))

    @property
    def symbols(self) -> Mapping[str, int]:
        """The addresses of the programs' symbols."""
        return self._layout.symbols

    def count_symbols(self, name: str) -> int:
        """How many symbols have a name: a spec can be about one only."""
        return sum(image.symbols.count(name) for image in self.machine.images)

    def name(self, address: int) -> str:
        """An address as `symbol+0x10/0x40`, as kallsyms has it."""
        return symbolic(self.machine, address)

    @property
    def patches(self) -> Sequence[Patch]:
        """What was written into the text, in order."""
        return self.registry.patches

    # --- calls by code that stands for functions of the kernel

    def _upcall(self, frame: Frame) -> bool:
        regs = PtRegs(frame, self._host)
        function = self._upcalls.get(regs.pc)
        return function is not None and function(regs)

    def _jprobe_entry(self, regs: PtRegs) -> bool:
        return self.jprobes.run_entry(regs)

    def _trampoline_handler(self, regs: PtRegs) -> bool:
        """trampoline_probe_handler, which is called, and not by an exception: masks are those of the caller.

        It keeps interrupts out by a lock (kretprobe_hash_lock). What it leaves PSTATE.D at, which a hit within its
        handlers may have set, stays.
        """
        host, place = self._host, regs.x[0]
        stored = StoredFrame.at(host, place)
        host.masks = regs.pstate & DAIF | I
        address = self.kretprobes.returns(PtRegs(stored, host))
        regs.pstate = regs.pstate & (I | ~DAIF) | host.masks & (DAIF & ~I)
        stored.put_back(host, place)
        regs.x[0] = address
        regs.pc += WORD
        return True

    def _return_breakpoint(self, frame: Frame) -> bool:
        """kretprobe_brk_handler."""
        regs = PtRegs(frame, self._host)
        if regs.pc != self._trampoline:
            return False
        regs.pc = self.kretprobes.returns(regs)
        return True
