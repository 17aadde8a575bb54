"""Several probes on one instruction: a manager stands for them (aggr_pre_handler and its kin, kernel/kprobes.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.errors import Errno, RegistrationError
from kprobes.probe import Kprobe

if TYPE_CHECKING:
    from kprobes.engine import Engine
    from kprobes.pt_regs import PtRegs


@attrs.define(eq=False)
class Manager(Kprobe):
    """The probe that is hit for its children, newest first, a jprobe last."""

    engine: Engine = attrs.field(kw_only=True, repr=False)
    children: list[Kprobe] = attrs.field(factory=list, kw_only=True)

    @classmethod
    def of(cls, probe: Kprobe, engine: Engine) -> Manager:
        """One that takes over the breakpoint and the slot of `probe`, its first child (init_aggr_kprobe)."""
        manager = cls(address=probe.at, engine=engine, flags=probe.flags)
        manager.opcode, manager.ainsn = probe.opcode, probe.ainsn
        manager.pre_handler = manager.run_pre_handlers
        manager.fault_handler = manager.run_fault_handler
        manager.add(probe)
        if probe.is_gone:
            manager.post_handler = None
        return manager

    def add(self, probe: Kprobe) -> None:
        """add_new_kprobe; RegistrationError for a second jprobe."""
        if probe.break_handler is not None and self.break_handler is not None:
            raise RegistrationError(Errno.EEXIST, f"there is a jprobe at {self.at:#x} already, and only one may be")
        if probe.break_handler is not None:
            self.children.append(probe)
            self.break_handler = self.run_break_handler
        else:
            self.children.insert(0, probe)
        if probe.post_handler is not None:
            self.post_handler = self.run_post_handlers
        probe.opcode, probe.ainsn = self.opcode, self.ainsn

    def remove(self, probe: Kprobe) -> None:
        """Take a child away (__unregister_kprobe_top)."""
        self.children.remove(probe)
        if probe.break_handler is not None:
            self.break_handler = None
        if not any(child.post_handler for child in self.children):
            self.post_handler = None

    @property
    def wants_arming(self) -> bool:
        """Whether a child is enabled."""
        return any(not child.is_disabled for child in self.children)

    def kill(self) -> None:
        """Its code is no more (kill_kprobe)."""
        super().kill()
        for probe in self.children:
            probe.kill()
        self.post_handler = None

    def count_missed(self) -> None:
        """Every child has been missed, and never the manager."""
        for child in self.children:
            child.count_missed()

    # --- its handlers call those of the children that are not disabled

    def run_pre_handlers(self, _manager: Kprobe, regs: PtRegs) -> int:
        """aggr_pre_handler: the first that wants the instruction not executed is the last that is called."""
        block = self.engine.block
        for child in tuple(self.children):
            if child.pre_handler is not None and not child.is_disabled:
                block.child = child
                if self.engine.run_handler(child.pre_handler, child, regs):
                    return 1
            block.child = None
        return 0

    def run_post_handlers(self, _manager: Kprobe, regs: PtRegs) -> int:
        """aggr_post_handler."""
        block = self.engine.block
        for child in tuple(self.children):
            if child.post_handler is not None and not child.is_disabled:
                block.child = child
                self.engine.run_handler(child.post_handler, child, regs, 0)
                block.child = None
        return 0

    def run_fault_handler(self, _manager: Kprobe, regs: PtRegs) -> object:
        """aggr_fault_handler: that of the child whose handler runs."""
        child = self.engine.block.child
        if child is None or child.fault_handler is None:
            return 0
        return self.engine.run_handler(child.fault_handler, child, regs, regs.frame.esr)

    def run_break_handler(self, _manager: Kprobe, regs: PtRegs) -> object:
        """aggr_break_handler: that of the child whose pre-handler has set the PC."""
        block = self.engine.block
        child, block.child = block.child, None
        if child is None or child.break_handler is None:
            return 0
        return child.break_handler(child, regs)
