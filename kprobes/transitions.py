"""The state machine of a hit, as a table: state and event decide what is done.

Row numbers are those of `kprobes/README.md`, which tells each in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, unique
from types import MappingProxyType

import attrs


@unique
class Status(IntEnum):
    """`kprobe_ctlblk.kprobe_status`: the values of Linux."""

    NEVER_USED = 0
    HIT_ACTIVE = 1
    HIT_SS = 2
    REENTER = 4
    HIT_SSDONE = 8


@unique
class State(Enum):
    """What a CPU is doing about probes: its status if there is a current probe."""

    IDLE = "no probe is current"
    HIT_ACTIVE = "a handler runs before the instruction"
    HIT_SS = "the instruction is executed"
    REENTER = "the instruction of a probe that was hit within a hit is executed"
    HIT_SSDONE = "a handler runs after the instruction"
    OTHER = "a probe is current, and the status is none of these"

    @classmethod
    def of(cls, status: int) -> State:
        """The state while a probe is current."""
        return _BY_STATUS.get(status, cls.OTHER)


_BY_STATUS: dict[int, State] = {
    Status.HIT_ACTIVE: State.HIT_ACTIVE,
    Status.HIT_SS: State.HIT_SS,
    Status.REENTER: State.REENTER,
    Status.HIT_SSDONE: State.HIT_SSDONE,
}


@unique
class Event(Enum):
    """What may happen."""

    PROBE_HIT = "BRK of a probe"
    SLOT = "the pre-handler wants the instruction executed, which has a slot"
    SIMULATION = "the pre-handler wants the instruction executed, which is simulated"
    REDIRECTION = "the pre-handler has set the PC itself"
    SLOT_DONE = "the end of a slot is reached"
    DONE = "the instruction has been executed"
    SLOT_ABORT = "the instruction faults"
    HANDLER_ABORT = "a handler faults"
    BRK_GONE = "BRK without a probe, and the word is no BRK of kprobes any more"
    BREAK_HANDLED = "BRK without a probe, which the current probe's break handler knows"
    FOREIGN_BRK = "BRK without a probe that nobody knows"


@unique
class Action(Enum):
    """What is done, with the kernel function that does it."""

    RUN_PRE_HANDLER = "kprobe_handler"
    EXECUTE_SLOT = "setup_singlestep"
    SIMULATE = "arch_simulate_insn"
    LEAVE = "kprobe_handler: leave it to who has set the PC"
    LEAVE_AND_RESET = "reset_current_kprobe"
    FINISH_SLOT = "kprobe_single_step_handler"
    SWALLOW = "kprobe_single_step_handler: there is no current probe"
    FINISH = "post_kprobe_handler"
    REENTER = "reenter_kprobe: save_previous_kprobe"
    RESUME_PREVIOUS = "post_kprobe_handler: restore_previous_kprobe"
    DIE = "reenter_kprobe: BUG"
    REWIND = "kprobe_fault_handler: reset_current_kprobe"
    REWIND_PREVIOUS = "kprobe_fault_handler: restore_previous_kprobe"
    COUNT_AND_ASK = "kprobe_fault_handler: kprobes_inc_nmissed_count"
    EXECUTE_CURRENT = "kprobe_handler: break_handler"
    RETURN = "kprobe_handler: the PC stays"
    WARN = "reenter_kprobe: WARN_ON, and the PC stays"
    REFUSE = "DBG_HOOK_ERROR"


@attrs.frozen
class Transition:
    """A row of the table.

    Attributes:
        row: its number.
        state, event: where it applies.
        action: what is done.
        following: the state then; None for the one before the hit within a hit.
        counter: whose misses are counted.
    """

    row: int
    state: State
    event: Event
    action: Action
    following: State | None
    counter: str = ""


Table = Mapping[tuple[State, Event], Transition]


def _table(*transitions: Transition) -> dict[tuple[State, Event], Transition]:
    return {(item.state, item.event): item for item in transitions}


def _in_any_state(row: int, event: Event, action: Action) -> list[Transition]:
    return [Transition(row, state, event, action, state) for state in State]


EXECUTING = (State.HIT_SS, State.REENTER)
"""The states in which an instruction is in its slot, or being simulated."""
_CURRENT = tuple(state for state in State if state is not State.IDLE)
_ASIDE = tuple(state for state in _CURRENT if state not in EXECUTING)
"""Those in which a probe is current, and its instruction is not being executed."""


_SINCE_V4_8 = _table(
    Transition(1, State.IDLE, Event.PROBE_HIT, Action.RUN_PRE_HANDLER, State.HIT_ACTIVE),
    *(Transition(2, state, Event.SLOT, Action.EXECUTE_SLOT, State.HIT_SS) for state in _CURRENT),
    Transition(2, State.IDLE, Event.SLOT, Action.EXECUTE_SLOT, State.IDLE),
    *(Transition(3, state, Event.SIMULATION, Action.SIMULATE, State.HIT_SS) for state in _CURRENT),
    Transition(3, State.IDLE, Event.SIMULATION, Action.SIMULATE, State.IDLE),
    *_in_any_state(4, Event.REDIRECTION, Action.LEAVE),
    Transition(5, State.HIT_SS, Event.SLOT_DONE, Action.FINISH_SLOT, State.HIT_SS),
    Transition(5, State.IDLE, Event.SLOT_DONE, Action.SWALLOW, State.IDLE),
    *(Transition(5, state, Event.SLOT_DONE, Action.FINISH_SLOT, state) for state in _ASIDE),
    *(Transition(6, state, Event.DONE, Action.FINISH, State.IDLE) for state in (State.HIT_SS, *_ASIDE)),
    Transition(6, State.IDLE, Event.DONE, Action.RETURN, State.IDLE),
    Transition(7, State.HIT_ACTIVE, Event.PROBE_HIT, Action.REENTER, State.REENTER, "the probe hit"),
    Transition(7, State.HIT_SSDONE, Event.PROBE_HIT, Action.REENTER, State.REENTER, "the probe hit"),
    Transition(8, State.REENTER, Event.SLOT_DONE, Action.FINISH_SLOT, State.REENTER),
    Transition(8, State.REENTER, Event.DONE, Action.RESUME_PREVIOUS, None),
    Transition(9, State.HIT_SS, Event.PROBE_HIT, Action.DIE, State.HIT_SS),
    Transition(10, State.REENTER, Event.PROBE_HIT, Action.DIE, State.REENTER),
    Transition(11, State.OTHER, Event.PROBE_HIT, Action.WARN, State.OTHER),
    Transition(12, State.HIT_SS, Event.SLOT_ABORT, Action.REWIND, State.IDLE),
    Transition(13, State.REENTER, Event.SLOT_ABORT, Action.REWIND_PREVIOUS, None),
    Transition(14, State.HIT_ACTIVE, Event.HANDLER_ABORT, Action.COUNT_AND_ASK, State.HIT_ACTIVE, "the current probe"),
    Transition(14, State.HIT_SSDONE, Event.HANDLER_ABORT, Action.COUNT_AND_ASK, State.HIT_SSDONE, "the current probe"),
    *_in_any_state(15, Event.BRK_GONE, Action.RETURN),
    *(Transition(16, state, Event.BREAK_HANDLED, Action.EXECUTE_CURRENT, State.HIT_SS) for state in _CURRENT),
    *_in_any_state(17, Event.FOREIGN_BRK, Action.RETURN),
)

_SINCE_V4_19 = _SINCE_V4_8 | _table(
    *(Transition(4, state, Event.REDIRECTION, Action.LEAVE_AND_RESET, State.IDLE) for state in State),
)

_SINCE_V7_2 = _SINCE_V4_19 | _table(
    Transition(6, State.IDLE, Event.DONE, Action.FINISH, State.IDLE),
    Transition(9, State.HIT_SS, Event.PROBE_HIT, Action.REENTER, State.REENTER, "the probe hit"),
    Transition(11, State.OTHER, Event.PROBE_HIT, Action.REFUSE, State.OTHER),
    *_in_any_state(15, Event.BRK_GONE, Action.REFUSE),
    *_in_any_state(15, Event.FOREIGN_BRK, Action.REFUSE),
)

V15_TABLE: Table = MappingProxyType(_SINCE_V4_8)
V4_8_TABLE: Table = MappingProxyType(_SINCE_V4_8)
V5_10_TABLE: Table = MappingProxyType(
    {key: row for key, row in _SINCE_V4_19.items() if row.event is not Event.BREAK_HANDLED}
)
_NOT_IN_V7_2 = {
    *((state, event) for state in State for event in (Event.BREAK_HANDLED, Event.HANDLER_ABORT)),
    *((state, Event.SLOT_DONE) for state in State if state not in EXECUTING),
    *((state, Event.DONE) for state in _ASIDE),
}
"""The last two: where the state tells the end of a slot, it is met in no other."""
V7_2_TABLE: Table = MappingProxyType({key: row for key, row in _SINCE_V7_2.items() if key not in _NOT_IN_V7_2})
