"""What the engines of the kernels differ in, as data; the transitions that differ are in `transitions.py`."""

from __future__ import annotations

from enum import Enum, unique

import attrs

from kprobes.pt_regs import DAIF, I
from kprobes.transitions import V4_8_TABLE, V5_10_TABLE, V7_2_TABLE, V15_TABLE, Event, Table


@unique
class Execution(Enum):
    """How the end of a slot is recognised."""

    STEP = "by hardware single step: one word a slot"
    BRK = "by BRK #6 after the instruction: two words a slot"


@unique
class SlotEnd(Enum):
    """What says that the address behind an instruction in a slot has been reached."""

    CONTEXT = "a note of it, made when the slot is entered and taken away when its end is met (kprobe_ss_hit)"
    STATE = "the state, and the slot of the current probe (v7.2)"


@unique
class SlotFault(Enum):
    """What kprobe_fault_handler does about a fault while the instruction is executed."""

    LEAVES_MASKS = "the PC goes back to the probed address; what was masked for the slot stays so (before v5.12)"
    RESTORES_MASKS = "only if the PC is that of the slot; the masks are restored unless within another hit (v7.2)"
    CONCEALS_SLOT = "any exception that the instruction ends with becomes one of the probed address, masks included"


@unique
class Trampoline(Enum):
    """How a function that returns into a kretprobe's trampoline is noticed."""

    ASSEMBLY = "registers are stored by hand, and a function is called; there is no exception (before v6.9)"
    BRK = "by BRK #7, whose exception has the registers"


@unique
class FrameMatch(Enum):
    """How the calls under way that a return into the trampoline ends are told from those that will never return."""

    NONE = "not at all: the newest call is taken to be the one that returns (before v5.10)"
    STACK_POINTER = "by SP: newer calls that began with another one are passed over, and stay (v5.10)"
    FRAME_POINTER = "by X29, and too late: the newest call says where to go on, only its handler is not called (v7.2)"


@unique
class Jprobes(Enum):
    """What is done about the stack of a function that a jprobe's handler is called in place of."""

    COPIES_STACK = "128 bytes are kept and put back: arguments on the stack survive, if they are not more"
    LEAVES_STACK = "nothing is kept (v4.8)"
    REMOVED = "there are no jprobes (since v4.19)"


@attrs.frozen
class EngineRules:
    """How hits are dealt with.

    Attributes:
        transitions: the table.
        execution: how an instruction in a slot is ended.
        masks: the bits of PSTATE that are set while it is executed.
        clears_debug_mask: whether PSTATE.D is cleared for the step of a hit within a hit, and set after it.
        warns_of_debug_mask: whether a first hit with PSTATE.D set, whose step cannot happen, is warned of.
        nests_masks: whether what was masked is kept with the hit that another one interrupts.
        slot_end: how the end of a slot is told from other steps, or other BRKs.
        slot_fault: what is done about faults in the slot.
        checks_landing: whether an instruction is executed out of line only if PSTATE.BTYPE lets it be branched to.
        trampoline: how kretprobes work.
        frames: how they know which calls a return ends.
        jprobes: how jprobes work.
    """

    transitions: Table
    execution: Execution
    masks: int
    clears_debug_mask: bool = False
    warns_of_debug_mask: bool = False
    nests_masks: bool = False
    slot_end: SlotEnd = SlotEnd.CONTEXT
    slot_fault: SlotFault = SlotFault.LEAVES_MASKS
    checks_landing: bool = False
    trampoline: Trampoline = Trampoline.ASSEMBLY
    frames: FrameMatch = FrameMatch.NONE
    jprobes: Jprobes = Jprobes.REMOVED

    @property
    def slot_words(self) -> int:
        """MAX_INSN_SIZE: instruction words in a slot."""
        return 1 if self.execution is Execution.STEP else 2

    @property
    def has_fault_handlers(self) -> bool:
        """Whether probes have handlers of faults, and faults of handlers are counted (until v5.14, and v6.2)."""
        return self._knows(Event.HANDLER_ABORT)

    @property
    def has_break_handlers(self) -> bool:
        """Whether probes have handlers of a BRK that is no probe's, as jprobes need them (until v4.19)."""
        return self._knows(Event.BREAK_HANDLED)

    def _knows(self, wanted: Event) -> bool:
        return any(event is wanted for _, event in self.transitions)


V15_ENGINE = EngineRules(
    V15_TABLE, Execution.STEP, masks=I, clears_debug_mask=True, jprobes=Jprobes.COPIES_STACK
)  # fmt: skip

V4_8_ENGINE = attrs.evolve(
    V15_ENGINE, transitions=V4_8_TABLE, warns_of_debug_mask=True, jprobes=Jprobes.LEAVES_STACK
)  # fmt: skip

V5_10_ENGINE = EngineRules(V5_10_TABLE, Execution.BRK, masks=DAIF, frames=FrameMatch.STACK_POINTER)

V7_2_ENGINE = EngineRules(
    V7_2_TABLE,
    Execution.BRK,
    masks=DAIF,
    nests_masks=True,
    slot_end=SlotEnd.STATE,
    slot_fault=SlotFault.RESTORES_MASKS,
    trampoline=Trampoline.BRK,
    frames=FrameMatch.FRAME_POINTER,
)


STRICT_ENGINE = attrs.evolve(
    V15_ENGINE,
    execution=Execution.BRK,
    masks=DAIF,
    clears_debug_mask=False,
    nests_masks=True,
    slot_end=SlotEnd.STATE,
    slot_fault=SlotFault.CONCEALS_SLOT,
    checks_landing=True,
    frames=FrameMatch.STACK_POINTER,
)
"""Ours: BRK ends a slot whatever PSTATE.D is, and nothing but time tells the slot from the probed address."""


@unique
class ExceptionTable(Enum):
    """What is done about a probe on an instruction that has an entry in the exception table."""

    ACCEPTED = "it is registered"
    BLACKLISTED = "it is on the blacklist, which is looked at first (v4.8)"
    REFUSED = "it is refused when the probe is prepared (arch_prepare_kprobe, since v5.1)"


@attrs.frozen
class RegistrationRules:
    """What may be registered, besides what `decode` says of the instruction.

    Attributes:
        sections: those of `layout.SECTIONS` that are on the blacklist.
        unprepared: those of `layout.SECTIONS` that are refused later, when a probe is prepared (arch_prepare_kprobe).
        exception_table: what is done about instructions with an entry in it.
        suffixes: whether a function is on the blacklist, too, if the one it is a clone of is: `f.isra.0` of `f`.
        needs_symbol: whether there must be a symbol at or before the address.
        cfi_preambles: whether what is named `__cfi_*` or `__pfx_*`, data before a function's entry, is accepted.
        return_probes_at_entry: whether a kretprobe must be at the start of a symbol.
        most_data: the bytes of an instance's own data a kretprobe may ask for; None for any number.
    """

    sections: frozenset[str]
    unprepared: frozenset[str] = frozenset()
    exception_table: ExceptionTable = ExceptionTable.REFUSED
    suffixes: bool = True
    needs_symbol: bool = False
    cfi_preambles: bool = True
    return_probes_at_entry: bool = False
    most_data: int | None = None


V15_REGISTRATION = RegistrationRules(
    frozenset({".kprobes.text"}),
    unprepared=frozenset({".exception.text", ".rodata"}),
    exception_table=ExceptionTable.ACCEPTED,
    suffixes=False,
)

V4_8_REGISTRATION = attrs.evolve(
    V15_REGISTRATION,
    sections=V15_REGISTRATION.sections | {".entry.text", ".idmap.text", ".hyp.text", ".hyp.idmap.text"},
    exception_table=ExceptionTable.BLACKLISTED,
)

V5_10_REGISTRATION = RegistrationRules(
    V4_8_REGISTRATION.sections | {".irqentry.text", ".noinstr.text"}, return_probes_at_entry=True
)
"""That a kretprobe is at an entry is demanded since v4.12."""

V7_2_REGISTRATION = RegistrationRules(
    V5_10_REGISTRATION.sections - {".idmap.text"},
    needs_symbol=True,
    cfi_preambles=False,
    return_probes_at_entry=True,
    most_data=4096,
)
