"""The life of a hit: what the exceptions of probes do (arch/arm64/kernel/probes/kprobes.c).

Each exception becomes an event; `transitions.py` says what is done about it in the present state. Nothing here knows
an interpreter: the machine is a `Host`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kprobes.behaviour import EngineRules, Execution, SlotEnd, SlotFault
from kprobes.control import ControlBlock
from kprobes.errors import UnrecoverableReentry
from kprobes.monitors import DebugMonitors
from kprobes.probe import GuestFunction
from kprobes.pt_regs import BTYPE, SS, D, PtRegs
from kprobes.reports import Message, Moment, MomentReport, Report, TransitionReport, Watcher
from kprobes.transitions import EXECUTING, Action, Event, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.host import Frame, Host
    from kprobes.probe import Handler, Kprobe
    from kprobes.rules import Defect

WORD = 4

BRK_KPROBE = 0xD420_0080
"""BRK #4: a probe, or the end of a jprobe's handler (BRK64_OPCODE_KPROBES)."""
BRK_SLOT = 0xD420_00C0
"""BRK #6: the end of a slot (BRK64_OPCODE_KPROBES_SS)."""


class Engine:
    """Deals with hits.

    Attributes:
        watchers: told of every moment, transition and message.
        monitors: debug exceptions, shared.
    """

    def __init__(
        self,
        host: Host,
        rules: EngineRules,
        defects: Defect,
        lookup: Callable[[int], Kprobe | None],
        resolve: Callable[[str | int], int],
    ) -> None:
        """Work on `host` by `rules`.

        Args:
            host: the machine.
            rules: what kernel.
            defects: in what its simulation is wrong.
            lookup: gives the probe at an address (get_kprobe).
            resolve: gives the address of a handler in the guest.
        """
        self.host = host
        self.rules = rules
        self.monitors = DebugMonitors(host)
        self.watchers: list[Watcher] = []
        self._defects = defects
        self._lookup = lookup
        self._resolve = resolve
        self._blocks: defaultdict[int, ControlBlock] = defaultdict(ControlBlock)
        self._actions: dict[Action, Callable[[PtRegs, Kprobe | None], bool]] = {
            Action.RUN_PRE_HANDLER: self._run_pre_handler,
            Action.EXECUTE_SLOT: self._execute_slot,
            Action.SIMULATE: self._simulate,
            Action.LEAVE: self._return,
            Action.LEAVE_AND_RESET: self._reset,
            Action.FINISH_SLOT: self._finish_slot,
            Action.SWALLOW: self._swallow,
            Action.FINISH: self._finish,
            Action.REENTER: self._reenter,
            Action.RESUME_PREVIOUS: self._resume_previous,
            Action.DIE: self._die,
            Action.REWIND: self._rewind,
            Action.REWIND_PREVIOUS: self._rewind,
            Action.COUNT_AND_ASK: self._count_and_ask,
            Action.EXECUTE_CURRENT: self._execute_current,
            Action.RETURN: self._return,
            Action.WARN: self._warn,
            Action.REFUSE: self._refuse,
        }

    @property
    def block(self) -> ControlBlock:
        """The control block of this CPU (get_kprobe_ctlblk)."""
        return self._blocks[self.host.cpu]

    def needs_slot(self, slot: int) -> bool:
        """Whether a hit is under way whose instruction is, or is to be, executed in a slot."""
        blocks = self._blocks.values()
        hits = [block.current for block in blocks] + [block.previous.probe for block in blocks if block.previous]
        return any(probe is not None and probe.execution.slot == slot for probe in hits)

    # --- the exceptions: each answers whether it has been dealt with

    def breakpoint(self, frame: Frame) -> bool:
        """BRK #4 from the kernel (kprobe_breakpoint_handler)."""
        regs = self._regs(frame)
        probe = self._lookup(regs.pc)
        self._note(Moment.BRK_TAKEN, regs, probe)
        if probe is not None:
            return self._fire(Event.PROBE_HIT, regs, probe)
        if self.host.read_word(regs.pc) != BRK_KPROBE:
            return self._fire(Event.BRK_GONE, regs)
        return self._fire(Event.BREAK_HANDLED if self._is_break_handled(regs) else Event.FOREIGN_BRK, regs)

    def _is_break_handled(self, regs: PtRegs) -> bool:
        current = self.block.current
        if current is None or current.break_handler is None or not self.rules.has_break_handlers:
            return False
        return bool(current.break_handler(current, regs))

    def step(self, frame: Frame) -> bool:
        """A software step exception from the kernel (kprobe_single_step_handler, single_step_handler)."""
        regs = self._regs(frame)
        if self._meets_slot_end(regs.pc):
            self._note(Moment.STEP_TAKEN, regs)
            return self._fire(Event.SLOT_DONE, regs)
        if not self.monitors.is_stepping:
            return False
        self.print(f"unexpected single step at {self.host.locate(regs.pc)}: stepping goes on")
        regs.set_bits(SS, to=True)
        return True

    def slot_breakpoint(self, frame: Frame) -> bool:
        """BRK #6 from the kernel (kprobe_breakpoint_ss_handler)."""
        regs = self._regs(frame)
        if not self._meets_slot_end(regs.pc):
            return False
        self._note(Moment.SLOT_BRK_TAKEN, regs)
        return self._fire(Event.SLOT_DONE, regs)

    def _meets_slot_end(self, pc: int) -> bool:
        """Whether an address is the one behind the instruction in a slot (kprobe_ss_hit): for once, if it was noted."""
        block = self.block
        if self.rules.slot_end is SlotEnd.STATE:
            return block.state in EXECUTING and pc == self._end_of_slot()
        if not block.step_pending or pc != block.step_end:
            return False
        block.step_pending = False
        return True

    def _end_of_slot(self) -> int | None:
        current = self.block.current
        slot = None if current is None else current.execution.slot
        return None if slot is None else slot + WORD

    def fault(self, frame: Frame) -> bool:
        """A page fault from the kernel (kprobe_fault_handler)."""
        regs, block = self._regs(frame), self.block
        if block.state in EXECUTING:
            return self._is_of_slot(regs) and self._fire(Event.SLOT_ABORT, regs)
        return (block.state, Event.HANDLER_ABORT) in self.rules.transitions and self._fire(Event.HANDLER_ABORT, regs)

    def slot_exception(self, frame: Frame) -> bool:
        """Any synchronous exception from the kernel, for those who conceal the slot."""
        regs = self._regs(frame)
        return self.block.state in EXECUTING and self._is_of_slot(regs) and self._fire(Event.SLOT_ABORT, regs)

    def _is_of_slot(self, regs: PtRegs) -> bool:
        """Whether a fault counts as one of the instruction that is executed."""
        if self.rules.slot_fault is SlotFault.LEAVES_MASKS:
            return True  # wherever it comes from
        current = self.block.current
        return current is not None and regs.pc == current.execution.slot

    # --- the table

    def _regs(self, frame: Frame) -> PtRegs:
        return PtRegs(frame, self.host)

    def _fire(self, event: Event, regs: PtRegs, probe: Kprobe | None = None) -> bool:
        """Do what the table says about an event."""
        block = self.block
        transition = self.rules.transitions[block.state, event]
        if self.watchers:
            about = probe or block.current
            self._tell(TransitionReport(transition, self.host.cycle, regs.pc, about, block.current))
        return self._actions[transition.action](regs, probe)

    def _run_pre_handler(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        assert probe is not None
        self.block.set_current(probe, Status.HIT_ACTIVE)
        self._note(Moment.PRE_HANDLER, regs)
        if probe.pre_handler is not None and self.run_handler(probe.pre_handler, probe, regs):
            return self._fire(Event.REDIRECTION, regs, probe)
        return self._fire(Event.SIMULATION if probe.execution.slot is None else Event.SLOT, regs, probe)

    def _execute_slot(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        assert probe is not None
        self.block.status = Status.HIT_SS
        return self._prepare_slot(regs, probe)

    def _execute_current(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        current = self.block.current
        assert current is not None
        return self._simulate(regs, current) if current.execution.slot is None else self._execute_slot(regs, current)

    def _reenter(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        """A hit within a hit: its handlers are missed, its instruction is executed."""
        assert probe is not None
        probe.count_missed()
        block = self.block
        block.save_previous()
        block.set_current(probe, Status.REENTER)
        return self._do_in_place(regs, probe) if probe.execution.slot is None else self._prepare_slot(regs, probe)

    def _prepare_slot(self, regs: PtRegs, probe: Kprobe) -> bool:
        """setup_singlestep: have the return from this exception execute the slot."""
        block, slot = self.block, probe.execution.slot
        assert slot is not None
        if self.rules.checks_landing:
            self._check_landing(regs, probe)
        if self.rules.slot_end is SlotEnd.CONTEXT:
            block.step_pending, block.step_end = True, slot + WORD
            self._note(Moment.CONTEXT_SET, regs)
        if self.rules.execution is Execution.STEP:
            self._prepare_step(regs)
        else:
            self._mask(regs)
        regs.pc = slot
        self._note(Moment.SLOT_ENTERED, regs)
        return True

    def _check_landing(self, regs: PtRegs, probe: Kprobe) -> None:
        """Whether the slot is in a guarded page does not matter then: there PSTATE.BTYPE is 0."""
        try:
            self.host.check_landing(probe.execution.instruction, probe.at, regs.frame)
        except Exception:  # the guest's: it is taken from the probed address, the hit being over
            self._abandon()
            raise
        regs.set_bits(BTYPE, to=False)

    def _prepare_step(self, regs: PtRegs) -> None:
        if self.block.status == Status.REENTER and self.rules.clears_debug_mask:
            regs.set_bits(D, to=False)
            self._note(Moment.DEBUG_UNMASKED, regs)
        elif regs.pstate & D and self.rules.warns_of_debug_mask:
            self.print(f"debug exceptions are masked at {self.host.locate(regs.pc)}: the step will not be taken")
        self._mask(regs)
        self.monitors.enable_single_step(regs)
        self._note(Moment.STEP_ENABLED, regs)

    def _mask(self, regs: PtRegs) -> None:
        """kprobes_save_local_irqflag."""
        self.block.saved_pstate = regs.pstate
        regs.set_bits(self.rules.masks, to=True)
        self._note(Moment.MASKED, regs)

    def _unmask(self, regs: PtRegs) -> None:
        """kprobes_restore_local_irqflag."""
        masks = self.rules.masks
        regs.pstate = regs.pstate & ~masks | self.block.saved_pstate & masks
        self._note(Moment.UNMASKED, regs)

    def _simulate(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        assert probe is not None
        self.block.status = Status.HIT_SS
        return self._do_in_place(regs, probe)

    def _do_in_place(self, regs: PtRegs, probe: Kprobe) -> bool:
        """arch_simulate_insn, and what follows it in the same exception."""
        try:
            self.host.simulate(probe.execution.instruction, probe.at, regs.frame, self._defects)
        except Exception:  # the guest's: it is taken from the probed address, the hit being over
            self._abandon()
            raise
        self._note(Moment.SIMULATED, regs)
        return self._fire(Event.DONE, regs, probe)

    def _finish_slot(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        """The instruction in the slot has been executed."""
        self._leave_slot(regs)
        return self._fire(Event.DONE, regs, self.block.current)

    def _swallow(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        """Somebody comes to where a slot was to end that a fault has left before: the note of it outlives the fault."""
        self._leave_slot(regs)
        return True

    def _leave_slot(self, regs: PtRegs) -> None:
        self._unmask(regs)
        if self.rules.execution is Execution.STEP:
            self._end_step(regs)

    def _end_step(self, regs: PtRegs) -> None:
        self.monitors.disable_single_step()
        self._note(Moment.STEP_DISABLED, regs)
        if self.block.status == Status.REENTER and self.rules.clears_debug_mask:
            regs.set_bits(D, to=True)
            self._note(Moment.DEBUG_MASKED, regs)

    def _restore_pc(self, regs: PtRegs, probe: Kprobe) -> None:
        restore = probe.execution.restore
        if restore is not None:
            regs.pc = restore
            self._note(Moment.PC_RESTORED, regs)

    def _finish(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        assert probe is not None
        block = self.block
        self._restore_pc(regs, probe)
        block.status = Status.HIT_SSDONE
        if probe.post_handler is not None:
            self.run_handler(probe.post_handler, probe, regs, 0)
            self._note(Moment.POST_HANDLER, regs)
        block.reset()
        return True

    def _resume_previous(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        """The instruction of a hit within a hit has been executed: the outer one goes on."""
        assert probe is not None
        self._restore_pc(regs, probe)
        self.block.restore_previous(with_masks=self.rules.nests_masks)
        return True

    def _rewind(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        """The instruction faults: as if it had done so at its own address; the fault itself is the guest's."""
        block = self.block
        assert block.current is not None
        regs.pc = block.current.at
        if self._restores_masks:
            self._unmask(regs)
            regs.set_bits(SS, to=False)
        if self.rules.execution is Execution.STEP:
            self._end_step(regs)
        self._note(Moment.REWOUND, regs)
        self._abandon()
        return False

    @property
    def _restores_masks(self) -> bool:
        """Whether PSTATE is given back as it was when the instruction in the slot faults."""
        if self.rules.slot_fault is SlotFault.RESTORES_MASKS:
            return self.block.status != Status.REENTER
        return self.rules.slot_fault is SlotFault.CONCEALS_SLOT

    def _abandon(self) -> None:
        """The current hit is over, though its instruction was not executed."""
        block = self.block
        if block.status == Status.REENTER:
            block.restore_previous(with_masks=self.rules.nests_masks)
        else:
            block.reset()

    def _count_and_ask(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        """A handler faults: its probe's fault handler may deal with that, or the exception table."""
        current = self.block.current
        assert current is not None
        current.count_missed()
        if current.fault_handler is not None and self.run_handler(current.fault_handler, current, regs, regs.frame.esr):
            return True
        fixup = self.host.fixup(regs.pc)
        if fixup is None:
            return False
        regs.pc = fixup
        return True

    def _die(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        current = self.block.current
        assert probe is not None
        assert current is not None
        where, other = self.host.locate(probe.at), self.host.locate(current.at)
        raise UnrecoverableReentry(
            probe,
            current,
            where,
            f"the probe at {where} was hit while the instruction of the one at {other} was executed "
            f"({self.block.state.name}, pc {regs.pc:#x}): this kernel has no way to go on (reenter_kprobe)",
        )

    def _reset(self, _regs: PtRegs, _probe: Kprobe | None) -> bool:
        self.block.reset()
        return True

    def _return(self, _regs: PtRegs, _probe: Kprobe | None) -> bool:
        return True

    def _warn(self, regs: PtRegs, _probe: Kprobe | None) -> bool:
        where, status = self.host.locate(regs.pc), self.block.status
        self.print(f"a probe is hit at {where} in the unknown state {status}: it is hit for ever")
        return True

    def _refuse(self, regs: PtRegs, probe: Kprobe | None) -> bool:
        where, status = self.host.locate(regs.pc), self.block.status
        why = "is no probe's" if probe is None else f"is met in the unknown state {status}"
        self.print(f"BRK at {where} {why}: it is left to the kernel")
        return False

    # --- handlers

    def run_handler(self, handler: Handler, probe: Kprobe, regs: PtRegs, *others: int) -> object:
        """Call a handler, in Python or in the guest."""
        if not isinstance(handler, GuestFunction):
            return handler(probe, regs)
        function = self._resolve(handler.target)
        return self.host.call_with(regs.frame, function, probe.at, *others) & 0xFFFF_FFFF

    # --- those who watch

    def print(self, text: str) -> None:
        """Print as the kernel (printk)."""
        self._tell(Message(self.host.cycle, text))

    def _note(self, moment: Moment, regs: PtRegs, probe: Kprobe | None = None) -> None:
        if not self.watchers:
            return
        block = self.block
        strip = self.host.strip(regs.frame)
        self._tell(MomentReport(moment, self.host.cycle, probe or block.current, regs, strip, block.state))

    def _tell(self, report: Report) -> None:
        for watch in tuple(self.watchers):
            watch(report)
