"""Records the story of a hit, from what the engine reports and from each instruction and exception in between.

An observer is called before each instruction, and so sees what the one before has left; where an exception comes first,
what it saved (SPSR_ELx, ELR_ELx) is what was there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.exceptions import ExceptionClass, Vector
from aarch64.notebook import Registers
from aarch64.pstate import PState
from aarch64.stop import Stop, StopReason
from aarch64.syndrome import describe, describe_taken
from kprobes.arch.code import instruction_of
from kprobes.arch.host import KERNEL
from kprobes.behaviour import Execution, Trampoline
from kprobes.engine import BRK_KPROBE, WORD
from kprobes.errors import KprobesError
from kprobes.explanations import Circumstances, explain
from kprobes.probe import kprobe_of
from kprobes.pt_regs import GENERAL_REGISTERS, SS, A, D, F, I
from kprobes.reports import Moment, MomentReport, TransitionReport
from kprobes.returns import Kretprobe
from kprobes.slots import PAGE_SIZE
from kprobes.story import Between, End, Executed, Story, StoryMoment
from kprobes.transitions import Action, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.exceptions import Taken
    from kprobes.host import Strip
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.pt_regs import PtRegs
    from kprobes.reports import Report
    from kprobes.returns import Instance

    Run = Callable[[int | None], Stop]
    """Runs the machine, to an address or to its end."""

PATIENCE = 1_000_000
"""Instructions of other code in a story, after which it is not waited for any longer."""

_TOLD = "the story is told"
_TOLD_TRANSITIONS = {
    Action.LEAVE: Between.REDIRECTED,
    Action.LEAVE_AND_RESET: Between.REDIRECTED,
    Action.EXECUTE_CURRENT: Between.BREAK_HANDLED,
}
_MASK_NAMES = {D: "D", A: "A", I: "I", F: "F"}
_IMM16 = 0xFFFF


def seek(kprobes: Kprobes, probe: Kprobe | Kretprobe, hit: int, run: Run) -> End | None:
    """Run to where the BRK of a hit is about to be executed.

    Args:
        kprobes: with the probe registered.
        probe: whose hit.
        hit: which one, from 1; those within other hits, whose handlers are missed, do not count.
        run: runs the machine.

    Returns:
        None at that hit; else what ended the run.
    """
    cpu, found = kprobes.machine.cpu, 0
    address = kprobe_of(probe).at
    while True:
        if cpu.pc == address and cpu.pstate.el == KERNEL and kprobes.engine.block.state is State.IDLE:
            found += 1
            if found == hit:
                return None
        try:
            stop = run(address)
        except KprobesError as error:
            return End(found, Stop(StopReason.STUCK, str(error)), died=True)
        if stop.reason is not StopReason.UNTIL:
            return End(found, stop)


def tell(kprobes: Kprobes, probe: Kprobe | Kretprobe, run: Run) -> Story:
    """The story of the hit that is about to begin, to the end; of a kretprobe, to where the caller goes on."""
    if not isinstance(probe, Kretprobe):
        return _Recorder(kprobes).record(run)
    before = _instances(kprobes)
    story = _Recorder(kprobes).record(run)
    begun = [item for item in _instances(kprobes) if item not in before and item.owner is probe]
    if story.ended or not begun:
        return story
    stop = _seek_return(kprobes, begun[-1], run)
    if stop is not None:
        return attrs.evolve(story, ended=stop.message or stop.reason.value)
    end = _ReturnRecorder(kprobes).record(run)
    return Story(story.moments + end.moments, end.ended)


def _instances(kprobes: Kprobes) -> list[Instance]:
    return [item for items in kprobes.kretprobes.instances.values() for item in items]


def _seek_return(kprobes: Kprobes, instance: Instance, run: Run) -> Stop | None:
    """Run to where a call returns into the trampoline, if it is not there; what ended the run if it never did."""
    start = kprobes.trampoline.start
    while not (kprobes.machine.cpu.pc == start and _is_returning(kprobes, instance)):
        stop = run(start)
        if stop.reason is not StopReason.UNTIL:
            return stop
    return None


def _is_returning(kprobes: Kprobes, instance: Instance) -> bool:
    """Whether a call is among those that end by a return into the trampoline now."""
    for newest in reversed(_instances(kprobes)):
        if newest is instance:
            return True
        if newest.return_address != kprobes.trampoline.start:
            return False
    return False


def _bits(spsr: int) -> tuple[int, ...]:
    """D, I and SS of a saved PSTATE."""
    return tuple(int(bool(spsr & bit)) for bit in (D, I, SS))


@attrs.define
class _Other:
    """Instructions that are told in one moment."""

    what: str
    first: StoryMoment
    count: int = 0


class _Recorder:
    """Records until the hit is over."""

    def __init__(self, kprobes: Kprobes) -> None:
        self._kprobes = kprobes
        self._engine = kprobes.engine
        self._machine = kprobes.machine
        self._cpu = kprobes.machine.cpu
        self._moments: list[StoryMoment] = []
        self._pending: Executed | None = None
        self._other: _Other | None = None
        self._regs: PtRegs | None = None
        self._runtime = range(kprobes.trampoline.start & -PAGE_SIZE, kprobes.trampoline.stop)
        self._is_over = False
        self._is_inner_over = False
        self._is_told = False

    def record(self, run: Run) -> Story:
        """Run, and record."""
        self._cpu.observers.append(self._see)
        self._cpu.exception_observers.append(self._take)
        self._engine.watchers.append(self._hear)
        ended = ""
        try:
            stop = run(None)
            ended = "" if self._is_told else stop.message or stop.reason.value
        except KprobesError as error:
            self._add(Between.DIED, what=str(error))
        finally:
            self._engine.watchers.remove(self._hear)
            self._cpu.exception_observers.remove(self._take)
            self._cpu.observers.remove(self._see)
        self._flush()
        return Story(tuple(self._moments), ended)

    def _finish(self) -> None:
        self._is_told = True
        self._machine.interrupt(_TOLD)

    def _has_finished(self) -> bool:
        """Whether all is told; then the run is to end, should another interruption have come first."""
        if self._is_told:
            self._machine.interrupt(_TOLD)
        return self._is_told

    @property
    def _handler_depth(self) -> int:
        """How deep the program is while no slot is executed: 1 in a handler of a hit."""
        return int(self._engine.block.state is not State.IDLE)

    def _leaked(self, strip: Strip) -> str:
        """The masks that are set behind the probe, and were not before it."""
        before = self._moments[0].strip
        return " and ".join(name.upper() for name in ("d", "i") if getattr(strip, name) > getattr(before, name))

    # --- before each instruction

    def _see(self, _cpu: Cpu, pc: int, word: int) -> None:
        if self._has_finished():
            return
        self._settle(None)
        if self._is_inner_over:
            self._is_inner_over = False
            self._add(Between.RETURNED, pc=pc, depth=1)
        if self._is_over and self._engine.block.state is State.IDLE:
            self._add(Between.RETURNED, pc=pc, what=self._leaked(self._engine.host.strip(None)))
            self._finish()
        elif word == BRK_KPROBE and (probe := self._kprobes.registry.lookup(pc)) is not None:
            self._before(pc, probe)
        elif pc in self._kprobes.slots:
            self._see_slot(pc, word)
        else:
            self._see_other(Between.OTHER_CODE, pc, self._machine.locate(pc))

    def _before(self, pc: int, probe: Kprobe) -> None:
        text = probe.execution.instruction.text(pc)
        executed = Executed(pc, probe.execution.instruction.word, text)
        self._add(Between.BEFORE, probe=probe, pc=pc, depth=self._handler_depth, instruction=executed, what=text)

    def _see_slot(self, pc: int, word: int) -> None:
        current = self._engine.block.current
        slot = None if current is None else current.execution.slot
        executed = Executed(pc, word, instruction_of(word).text(pc))
        if pc == slot:
            self._pending = executed
            self._add(Between.SLOT_REACHED, pc=pc, instruction=executed, what=executed.text)
        elif not (self._engine.rules.execution is Execution.BRK and slot is not None and pc == slot + WORD):
            self._add(Between.BEHIND_SLOT, pc=pc, instruction=executed, what=executed.text)

    def _see_other(self, moment: Between, pc: int, what: str) -> None:
        if self._other is None:
            self._other = _Other(what, self._moment(moment, pc=pc, depth=self._handler_depth))
        self._other.count += 1
        if self._other.count >= PATIENCE:
            self._add(Between.NOT_BACK, pc=pc, what=f"{PATIENCE:,} instructions later, the hit has not gone on.")
            self._finish()

    def _settle(self, taken: Taken | None) -> None:
        """An instruction of the slot, if there is one, has been executed: by an exception, `taken`, or the next one."""
        executed, self._pending = self._pending, None
        if executed is None:
            return
        if taken is None:
            self._add(Between.EXECUTED, pc=self._cpu.pc, instruction=executed, what=executed.text)
        elif taken.elr != executed.address or taken.ec is ExceptionClass.SOFTWARE_STEP:
            self._add_before(Between.EXECUTED, taken, executed, executed.text)

    # --- exceptions

    def _take(self, taken: Taken) -> None:
        if self._is_told:
            return
        self._settle(taken)
        if self._is_of_kprobes(taken):
            return
        if self._is_over and self._engine.block.state is State.IDLE:
            d, i, _ = _bits(taken.spsr)
            leaked = self._leaked(attrs.evolve(self._engine.host.strip(None), d=d, i=i))
            self._add_before(Between.RETURNED, taken, what=leaked)
            self._finish()
            return
        self._add_taken(Between.OTHER_EXCEPTION, taken)

    def _add_before(self, moment: Between, taken: Taken, executed: Executed | None = None, what: str = "") -> None:
        """A moment just before an exception was taken: it has saved what was there."""
        d, i, ss = _bits(taken.spsr)
        strip = attrs.evolve(self._engine.host.strip(None), d=d, i=i, ss=ss)
        told = self._moment(moment, pc=taken.elr, strip=strip, instruction=executed, what=what)
        registers = self._interrupted(taken)
        self._append(attrs.evolve(told, cycle=taken.cycle, el=taken.source_el, registers=registers))

    def _add_taken(self, moment: Between, taken: Taken, what: str = "") -> None:
        """A moment when an exception has been taken; its cycle is not counted yet."""
        r_d, r_i, r_ss = _bits(taken.spsr)
        strip = attrs.evolve(self._engine.host.strip(None), r_d=r_d, r_i=r_i, r_ss=r_ss)
        self._append(
            attrs.evolve(
                self._moment(moment, pc=taken.handler, strip=strip, what=what),
                cycle=taken.cycle + 1,
                registers=self._interrupted(taken),
                elr=taken.elr,
                spsr=taken.spsr,
                esr=taken.esr,
                esr_text=describe_taken(taken),
            )
        )

    def _is_of_kprobes(self, taken: Taken) -> bool:
        """Whether the engine will report it."""
        if not taken.source_el == taken.target_el == KERNEL or taken.vector is not Vector.SYNCHRONOUS:
            return False
        block = self._engine.block
        if taken.ec is ExceptionClass.SOFTWARE_STEP:
            return block.step_pending and taken.elr == block.step_end
        if taken.ec is not ExceptionClass.BRK:
            return False
        slot = None if block.current is None else block.current.execution.slot
        is_probe = taken.esr & _IMM16 == BRK_KPROBE >> 5 & _IMM16
        return is_probe or (slot is not None and taken.elr == slot + WORD) or taken.elr in self._runtime

    # --- what the engine reports

    def _hear(self, report: Report) -> None:
        if self._is_told:
            return
        if isinstance(report, MomentReport):
            self._regs = report.regs
            nested = report.moment is Moment.BRK_TAKEN and self._is_nested_hit(report)
            self._add(report.moment, probe=report.probe, regs=report.regs, depth=1 if nested else None)
        elif isinstance(report, TransitionReport):
            self._hear_transition(report)

    def _is_nested_hit(self, report: MomentReport) -> bool:
        return report.state is not State.IDLE and self._kprobes.registry.lookup(report.regs.pc) is not None

    def _hear_transition(self, report: TransitionReport) -> None:
        transition = report.transition
        if transition.action is Action.REENTER:
            self._add(Between.REENTERED, probe=report.probe, regs=self._regs, depth=1)
        elif transition.action in _TOLD_TRANSITIONS:
            self._add(_TOLD_TRANSITIONS[transition.action], regs=self._regs)
        if transition.action in (Action.FINISH, Action.LEAVE_AND_RESET):
            self._is_over = True
        elif transition.action is Action.RESUME_PREVIOUS:
            self._is_inner_over = True

    # --- records

    def _add(
        self,
        moment: Moment | Between,
        *,
        probe: Kprobe | None = None,
        pc: int | None = None,
        regs: PtRegs | None = None,
        depth: int | None = None,
        instruction: Executed | None = None,
        what: str = "",
    ) -> None:
        self._append(
            self._moment(moment, probe=probe, pc=pc, regs=regs, depth=depth, instruction=instruction, what=what)
        )

    def _append(self, moment: StoryMoment) -> None:
        self._flush()
        self._moments.append(moment)

    def _flush(self) -> None:
        """Tell of other code that has run until now."""
        other, self._other = self._other, None
        if other is None:
            return
        given = self._circumstances(other.first.strip, other.first.depth, what=other.what, count=other.count)
        explanation = explain(other.first.moment, given)
        self._moments.append(
            attrs.evolve(other.first, instructions=other.count, why=explanation.why, source=explanation.source)
        )

    def _moment(
        self,
        moment: Moment | Between,
        *,
        probe: Kprobe | None = None,
        pc: int | None = None,
        regs: PtRegs | None = None,
        depth: int | None = None,
        strip: Strip | None = None,
        instruction: Executed | None = None,
        what: str = "",
    ) -> StoryMoment:
        block, host = self._engine.block, self._engine.host
        about = probe or block.current
        bits = strip or host.strip(None if regs is None else regs.frame)
        nested = depth if depth is not None else int(block.state is State.REENTER)
        explanation = explain(moment, self._circumstances(bits, nested, what=what))
        slot = None if about is None else about.execution.slot
        return StoryMoment(
            moment=moment,
            cycle=host.cycle,
            depth=nested,
            probe=None if about is None else about.at,
            el=self._cpu.pstate.el,
            pc=pc,
            strip=bits,
            mdscr=host.mdscr,
            registers=self._registers(pc, regs),
            elr=None if regs is None else regs.pc,
            spsr=None if regs is None else regs.pstate,
            esr=None if regs is None else regs.frame.esr,
            esr_text="" if regs is None else describe(regs.frame.esr, regs.frame.far),
            slot=slot,
            slot_words=() if slot is None else self._words(slot),
            monitor=None if self._cpu.exclusive is None else self._cpu.exclusive[0],
            instruction=instruction,
            why=explanation.why,
            source=explanation.source,
        )

    def _registers(self, pc: int | None, regs: PtRegs | None) -> Registers:
        """The registers of the guest; `pc` is known better than the CPU's, which is not up to date within a cycle."""
        if regs is not None:
            return Registers(tuple(regs.x), regs.sp, regs.pc, regs.pstate)
        cpu = self._cpu
        return Registers(tuple(cpu.gpr[:GENERAL_REGISTERS]), cpu.sp, cpu.pc if pc is None else pc, cpu.pstate.to_spsr())

    def _interrupted(self, taken: Taken) -> Registers:
        """The registers that an exception has interrupted."""
        before = PState.from_spsr(taken.spsr)
        sp = self._cpu.sp_el[before.el if before.sp else 0]
        return Registers(tuple(self._cpu.gpr[:GENERAL_REGISTERS]), sp, taken.elr, taken.spsr)

    def _words(self, slot: int) -> tuple[int, ...]:
        addresses = range(slot, slot + WORD * self._engine.rules.slot_words, WORD)
        return tuple(self._engine.host.read_word(address) or 0 for address in addresses)

    def _circumstances(self, strip: Strip, depth: int, *, what: str = "", count: int = 0) -> Circumstances:
        rules = self._engine.rules
        names = [name for bit, name in _MASK_NAMES.items() if rules.masks & bit]
        masks = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return Circumstances(rules.execution is Execution.STEP, masks, strip, bool(depth), what, count)


class _ReturnRecorder(_Recorder):
    """Records from the trampoline to where the function was to return."""

    def _see(self, _cpu: Cpu, pc: int, _word: int) -> None:
        if self._has_finished():
            return
        if pc in self._kprobes.trampoline:
            is_assembly = self._engine.rules.trampoline is Trampoline.ASSEMBLY
            what = "Registers are kept, or put back" if is_assembly else "BRK #7 is there"
            self._see_other(Between.IN_TRAMPOLINE, pc, what)
            return
        self._add(Between.CALLER_REACHED, pc=pc)
        self._finish()

    def _take(self, taken: Taken) -> None:
        if self._is_told:
            return
        if self._is_of_kprobes(taken):
            is_assembly = self._engine.rules.trampoline is Trampoline.ASSEMBLY
            what = "A C function is called, by a BRK that is not in Linux" if is_assembly else "BRK #7 is taken"
            self._add_taken(Between.RETURN_HANDLERS, taken, what)
        else:
            super()._take(taken)
