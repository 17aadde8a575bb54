"""Records a run as a timeline: functions, exceptions and slots from what the CPU does, the rest from the engine.

An observer is called before each instruction. What it does by itself is next to nothing as long as control goes on at
the next address: it looks closer at where branches lead to, and after exceptions.

Where an exception goes is seen only by what comes next. If that is the guest's vector, it lasts until the exception
return; if hooks have dealt with it, it lasts a cycle, and as long as functions of the guest take that they call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from aarch64.exceptions import ExceptionClass, Vector
from aarch64.pstate import PState
from aarch64.registers import LINK_REGISTER
from aarch64.syndrome import describe_taken
from kprobes.arch.code import instruction_of
from kprobes.arch.timeline_facts import facts_of, facts_of_slot
from kprobes.arch.turns import Turn, turn_of
from kprobes.callstack import CallStack, Function
from kprobes.engine import WORD
from kprobes.hit_tracks import HitTracks
from kprobes.monitors import MDSCR_KDE, MDSCR_MDE, MDSCR_SS
from kprobes.reports import Moment, MomentReport, TransitionReport
from kprobes.slots import PAGE_SIZE
from kprobes.timeline import Track
from kprobes.transitions import Action, Transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu
    from aarch64.exceptions import Taken
    from kprobes.arch.diagnosis import Finding
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.reports import Report
    from kprobes.returns import Instance
    from kprobes.timeline import Timeline

MOST_NESTED = 500
"""Exceptions without a return, one within another, after which they are taken never to return."""

_MDSCR_BITS = {"SS": MDSCR_SS, "KDE": MDSCR_KDE, "MDE": MDSCR_MDE}
_ANYWHERE = -1
"""No address: what comes next is looked at, wherever it is."""
_NO_WORD = -1
_ADDRESSES_KEPT = 1 << 14


@attrs.define
class _Open:
    """An exception that has been taken, and has not been returned from.

    Attributes:
        taken: which.
        nesting: how many were being handled by hooks.
        calls, handlers: how many calls were under way then, and how many handlers.
        service: what of kprobes it is to call, if it comes from code that kprobes has put beside the program.
        instances: the calls with a kretprobe that were under way.
        simulated: the probe whose instruction hooks have simulated.
        behind: the address behind the instruction of a slot, which control goes on at.
        resumed: the address probed by a jprobe whose handler has come to its end.
        is_guests: whether the guest handles it.
        is_entered: whether its handler calls functions of the guest.
    """

    taken: Taken
    nesting: int
    calls: int
    handlers: int
    service: str
    instances: tuple[Instance, ...]
    simulated: Kprobe | None = None
    behind: int | None = None
    resumed: int | None = None
    is_guests: bool = False
    is_entered: bool = False


class TimelineRecorder:
    """Records from `start` to `stop`, or until the timeline is full; the execution is not affected."""

    def __init__(self, kprobes: Kprobes, timeline: Timeline, name_of: Callable[[Kprobe], str] | None = None) -> None:
        """Tell `timeline` what becomes of a machine.

        Args:
            kprobes: on the machine.
            timeline: is told.
            name_of: gives what a probe is called; by default its address and symbol.
        """
        self._kprobes = kprobes
        self._machine = kprobes.machine
        self._cpu = kprobes.machine.cpu
        self._host = kprobes.engine.host
        self._timeline = timeline
        self._name_of = name_of or (lambda probe: kprobes.machine.locate(probe.at))
        self._hits = HitTracks(timeline, kprobes.kretprobes, self._name_of)
        self._stack = CallStack(timeline, self._function_at)
        self._symbol_at = lru_cache(maxsize=_ADDRESSES_KEPT)(self._find_symbol)
        self._runtime = range(kprobes.trampoline.start & -PAGE_SIZE, kprobes.trampoline.stop)
        self._open: list[_Open] = []
        self._quiet: set[int] = set()
        self._turns: dict[int, Turn] = {}
        self._conditional: set[int] = set()
        self._word = _NO_WORD
        self._next = _ANYWHERE
        self._turned_at = _ANYWHERE
        self._sampled = (-1, -1, -1)
        self._is_recording = False

    def start(self) -> None:
        """Begin with the next instruction."""
        self._cpu.observers.append(self._see)
        self._cpu.exception_observers.append(self._take)
        self._kprobes.engine.watchers.append(self._hear)
        self._is_recording = True

    def stop(self) -> None:
        """End what is open, and leave the machine alone. A second time does nothing."""
        if not self._is_recording:
            return
        self._is_recording = False
        self._look_at_the_end()
        self._kprobes.engine.watchers.remove(self._hear)
        self._cpu.exception_observers.remove(self._take)
        self._cpu.observers.remove(self._see)
        self._timeline.close(self._cpu.cycles, "the end of the run")

    def _look_at_the_end(self) -> None:
        """The last exception may have been returned from, though nothing was executed after it."""
        top = self._open[-1] if self._open else None
        if top is None or top.is_guests or top.is_entered or self._cpu.pc == top.taken.handler:
            return
        self._end_handled(top, self._cpu.pc, self._cpu.cycles)

    def find(self, finding: Finding) -> None:
        """Tell of a trouble that a probe had, as a watcher of `Diagnosis`."""
        self._hits.miss(finding.probe, finding.cycle, finding.trouble.value)

    # --- before each instruction

    def _see(self, cpu: Cpu, pc: int, word: int) -> None:
        if pc != self._next and self._word not in self._conditional:
            self._land(pc, cpu.cycles, cpu.sp)
        self._word = word
        self._next = pc + WORD if word in self._quiet else self._expect(pc, word)

    def _expect(self, pc: int, word: int) -> int:
        """Where control gets to without any notice being taken after a word that has not been seen to be quiet."""
        turn = self._turns.get(word) or turn_of(word)
        if turn is None or turn is Turn.CONDITIONAL:
            self._quiet.add(word)
            if turn is not None:
                self._conditional.add(word)
            return pc + WORD
        self._turns[word] = turn
        self._turned_at = pc
        return _ANYWHERE

    # --- where control gets to

    def _land(self, pc: int, cycle: int, sp: int, following: Taken | None = None) -> None:
        """Control has got to `pc`, of which it is not known how; `following` is an exception that is taken there."""
        turn = self._turns.get(self._word)
        self._word = _NO_WORD
        is_slot = pc >= self._runtime.start and pc in self._kprobes.slots
        if self._timeline.depth(Track.SLOTS) and not is_slot:
            self._timeline.end(Track.SLOTS, cycle, {"ended by": "a branch", "to": self._machine.locate(pc)})
        top = self._open[-1] if self._open else None
        if top is None or top.is_guests:
            self._follow(turn, pc, cycle, sp)
        elif self._host.nesting > top.nesting:
            self._run_handler(top, turn, pc, cycle, sp)
        else:
            self._settle(top, pc, cycle, sp, following)
        self._abandon(cycle)
        if is_slot:
            self._enter_slot(pc, cycle)
        if following is None:
            self._sample(cycle, self._cpu.pstate)
        if self._timeline.cut is not None:
            self.stop()

    def _follow(self, turn: Turn | None, pc: int, cycle: int, sp: int) -> None:
        """An instruction has led to `pc`; none, if somebody outside of the CPU has."""
        if turn is Turn.CALL:
            self._stack.call(pc, self._cpu.gpr[LINK_REGISTER], sp, cycle)
        elif turn is Turn.JUMP:
            self._stack.leave(pc, sp, cycle)
        elif turn is Turn.EXCEPTION_RETURN:
            self._return(pc, cycle)
        elif turn is Turn.SERVICE and pc != self._turned_at + WORD:
            self._begin_anew(pc, cycle)
        elif turn is None:
            self._stack.move(pc, cycle)

    def _begin_anew(self, pc: int, cycle: int) -> None:
        """The machine has been reset."""
        self._open.clear()
        self._timeline.end_to(0, Track.EXCEPTIONS, cycle, {"ended by": "a reset"})
        self._stack.cut(0, cycle)
        self._stack.enter(pc, cycle)

    def _return(self, pc: int, cycle: int) -> None:
        """ERET, from the exception taken last, or from none: to a lower level for the first time."""
        if self._open:
            self._close(self._open.pop(), cycle, {"ended by": "ERET", "to": self._machine.locate(pc)})
        self._stack.move(pc, cycle)

    def _close(self, ended: _Open, cycle: int, args: dict[str, str]) -> None:
        self._stack.cut(ended.calls, cycle)
        self._timeline.end(Track.EXCEPTIONS, cycle, args)

    def _abandon(self, cycle: int) -> None:
        """Exceptions that control has left, for the functions they interrupted, without an exception return."""
        while self._open and self._open[-1].calls > self._stack.depth:
            self._open.pop()
            self._timeline.end(Track.EXCEPTIONS, cycle, {"ended by": "a return without ERET"})

    # --- exceptions that hooks may handle

    def _run_handler(self, top: _Open, turn: Turn | None, pc: int, cycle: int, sp: int) -> None:
        """A hook, which handles an exception, calls a function of the guest, which is under way from now on."""
        if top.is_entered:
            self._follow(turn, pc, cycle, sp)
            return
        top.is_entered = True
        if top.service:
            self._timeline.begin(Track.HANDLERS, cycle, top.service)
        self._stack.enter(pc, cycle)

    def _settle(self, top: _Open, pc: int, cycle: int, sp: int, following: Taken | None) -> None:
        """The hooks have been asked: the exception is the guest's, or has been returned from."""
        if self._is_the_guests(top.taken, pc, following):
            top.is_guests = True
            self._stack.enter(pc, cycle)
            return
        self._end_handled(top, pc, cycle)
        if top.resumed is not None:
            self._stack.move(top.resumed, cycle)
        if top.simulated is not None:
            self._follow_simulated(top.simulated, pc, cycle, sp)
        elif top.service and pc not in self._runtime:
            self._stack.leave(pc, sp, cycle)
        elif pc != top.behind:
            self._stack.move(pc, cycle)

    def _follow_simulated(self, probe: Kprobe, pc: int, cycle: int, sp: int) -> None:
        turn = turn_of(probe.execution.instruction.word)
        if turn in (Turn.JUMP, Turn.CALL):
            self._follow(turn, pc, cycle, sp)

    def _is_the_guests(self, taken: Taken, pc: int, following: Taken | None) -> bool:
        """Whether the guest's vector comes next. A hook may return to that, too: then ELR_ELx says so."""
        if pc != taken.handler:
            return False
        return following is not None or self._cpu.elr[taken.target_el] != pc

    def _end_handled(self, top: _Open, pc: int, cycle: int) -> None:
        self._end_service(top, cycle)
        self._timeline.end_to(top.handlers, Track.HANDLERS, cycle)
        self._close(self._open.pop(), cycle, {"ended by": "kprobes", "to": self._machine.locate(pc)})

    def _end_service(self, top: _Open, cycle: int) -> None:
        if not top.service:
            return
        if not top.is_entered:
            self._timeline.begin(Track.HANDLERS, cycle, top.service)
        under_way = self._instances()
        owners = [item.owner for item in top.instances if item not in under_way and item.owner is not None]
        args = {"probe": ", ".join(self._name_of(owner.kprobe) for owner in owners)} if owners else {}
        self._timeline.end(Track.HANDLERS, cycle, args)

    def _instances(self) -> tuple[Instance, ...]:
        return tuple(item for items in self._kprobes.kretprobes.instances.values() for item in items)

    # --- exceptions

    def _take(self, taken: Taken) -> None:
        if self._has_got_to(taken):
            self._land(taken.elr, taken.cycle, self._interrupted_sp(taken), taken)
        if not self._is_recording:
            return
        self._leave_slot(taken)
        self._sample(taken.cycle, PState.from_spsr(taken.spsr))
        if len(self._open) >= MOST_NESTED:
            self._forget_exceptions(taken.cycle)
        self._timeline.begin(Track.EXCEPTIONS, taken.cycle, describe_taken(taken), facts_of(taken, self._machine))
        service = self._service(taken)
        self._open.append(
            _Open(
                taken,
                nesting=self._host.nesting,
                calls=self._stack.depth,
                handlers=self._timeline.depth(Track.HANDLERS),
                service=service,
                instances=self._instances() if service else (),
            )
        )
        self._word, self._next = _NO_WORD, _ANYWHERE

    def _has_got_to(self, taken: Taken) -> bool:
        """Whether control has got to where an exception is taken in a way that has not been looked at."""
        if self._word == _NO_WORD:
            return bool(self._open) or not self._stack.depth
        turn = self._turns.get(self._word)
        own = (self._turned_at, self._turned_at + WORD) if turn is Turn.SERVICE else (self._turned_at,)
        return turn is not None and not (taken.vector is Vector.SYNCHRONOUS and taken.elr in own)

    def _interrupted_sp(self, taken: Taken) -> int:
        """The stack pointer that was in use ("SPSR_EL1": M[0])."""
        return self._cpu.sp_el[taken.source_el if taken.spsr & 1 else 0]

    def _forget_exceptions(self, cycle: int) -> None:
        self._stack.cut(self._open[0].calls, cycle)
        self._open.clear()
        self._timeline.end_to(0, Track.EXCEPTIONS, cycle, {"ended by": f"{MOST_NESTED} others that did not return"})

    def _service(self, taken: Taken) -> str:
        """What code that kprobes has put beside the program calls by a BRK."""
        if taken.ec is not ExceptionClass.BRK:
            return ""
        if taken.elr in self._kprobes.trampoline:
            return "return handlers"
        return "jprobe" if taken.elr == self._runtime.start else ""

    # --- slots

    def _enter_slot(self, pc: int, cycle: int) -> None:
        if self._timeline.depth(Track.SLOTS):
            return
        current = self._kprobes.engine.block.current
        if current is None or current.execution.slot != pc:
            text = instruction_of(self._host.read_word(pc) or 0).text(pc)
            self._timeline.begin(Track.SLOTS, cycle, text, {"probe": "none", "slot": f"{pc:#x}"})
            return
        args = {"probe": self._name_of(current), **facts_of_slot(current, self._machine)}
        self._timeline.begin(Track.SLOTS, cycle, current.execution.instruction.text(current.at), args)

    def _leave_slot(self, taken: Taken) -> None:
        if self._timeline.depth(Track.SLOTS):
            args = {"ended by": describe_taken(taken), "to": f"{taken.elr:#x}"}
            self._timeline.end(Track.SLOTS, taken.cycle, args)

    # --- the rest

    def _hear(self, report: Report) -> None:
        if self._open:
            self._note(report, self._open[-1])
        self._hits(report)

    def _note(self, report: Report, handled: _Open) -> None:
        """Where the exception that is being handled leads to."""
        match report:
            case MomentReport(moment=Moment.SIMULATED, probe=probe):
                handled.simulated = probe
            case MomentReport(moment=Moment.PC_RESTORED, regs=regs):
                handled.behind = regs.pc
            case TransitionReport(transition=Transition(action=Action.EXECUTE_CURRENT), probe=probe) if probe:
                handled.resumed = probe.at

    def _sample(self, cycle: int, state: PState) -> None:
        """The bits that decide whether a step is taken, as they are between two instructions."""
        mdscr = self._host.mdscr
        bits = (state.daif, state.ss, mdscr)
        if bits == self._sampled:
            return
        self._sampled = bits
        self._timeline.sample(cycle, "PSTATE", {"D": state.daif >> 3 & 1, "I": state.daif >> 1 & 1, "SS": state.ss})
        self._timeline.sample(cycle, "MDSCR_EL1", {name: int(bool(mdscr & bit)) for name, bit in _MDSCR_BITS.items()})

    def _function_at(self, address: int) -> Function | None:
        """What an address belongs to; a slot belongs to the function that was probed, and so to none of its own."""
        if address < self._runtime.start:
            return self._symbol_at(address)
        if address in self._kprobes.slots:
            return None
        if address in self._kprobes.trampoline:
            return Function("kretprobe trampoline", self._kprobes.trampoline.start)
        return Function("jprobe", self._runtime.start) if address in self._runtime else self._symbol_at(address)

    def _find_symbol(self, address: int) -> Function:
        for image in self._machine.images:
            if found := image.locate(address):
                symbol, offset = found
                return Function(symbol, address - offset)
        return Function(f"{address:#x}", None)
