"""The story of a hit: its moments, one after another, each with the state of the machine and with why it is so.

These are records, for those who print or teach. `arch.recorder` collects them, `explanations` has the sentences.
"""

from __future__ import annotations

from enum import Enum, unique
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from kprobes.host import STRIP
from kprobes.reports import Moment

if TYPE_CHECKING:
    from aarch64.notebook import Registers
    from aarch64.stop import Stop
    from kprobes.host import Strip

_TITLE_WIDTH = 26


@unique
class Between(Enum):
    """A moment that the kernel does not see, or of a hit that does not go well; in words."""

    BEFORE = "before the probe"
    """The probe's BRK is about to be executed."""
    SLOT_REACHED = "returned to the slot"
    """The exception return has led to the slot."""
    EXECUTED = "instruction executed"
    """The instruction in the slot has been executed."""
    BEHIND_SLOT = "ran off the slot"
    """No exception has ended the slot: what is behind it is about to be executed."""
    REENTERED = "hit within a hit"
    """A probe was hit while another hit was dealt with."""
    REDIRECTED = "PC set by the handler"
    """The pre-handler has set the PC itself, as a jprobe's does."""
    BREAK_HANDLED = "jprobe's handler done"
    """A jprobe's handler has come to its end: the function is to go on."""
    OTHER_EXCEPTION = "another exception"
    """An exception that is not of the probe."""
    OTHER_CODE = "other code"
    """Instructions that are not of the hit: handlers in the guest, of probes and of exceptions."""
    RETURNED = "after the probe"
    """The hit is over: the probed code goes on."""
    IN_TRAMPOLINE = "trampoline"
    """Instructions of the trampoline that a probed function returned to."""
    RETURN_HANDLERS = "return handlers"
    """The handlers of the return have run."""
    CALLER_REACHED = "after the function"
    """The trampoline has gone on to where the function was to return."""
    DIED = "the kernel dies"
    """The kernel does not go on."""
    NOT_BACK = "not back"
    """The program has not come back to the hit."""


_TITLES = {
    Moment.BRK_TAKEN: "BRK taken",
    Moment.PRE_HANDLER: "pre-handler",
    Moment.CONTEXT_SET: "end of the slot noted",
    Moment.DEBUG_UNMASKED: "D cleared",
    Moment.MASKED: "masks saved and set",
    Moment.STEP_ENABLED: "step enabled",
    Moment.SLOT_ENTERED: "PC set to the slot",
    Moment.SIMULATED: "instruction simulated",
    Moment.STEP_TAKEN: "step exception taken",
    Moment.SLOT_BRK_TAKEN: "BRK of the slot taken",
    Moment.UNMASKED: "masks restored",
    Moment.STEP_DISABLED: "step disabled",
    Moment.DEBUG_MASKED: "D set again",
    Moment.PC_RESTORED: "PC set behind the probe",
    Moment.POST_HANDLER: "post-handler",
    Moment.REWOUND: "PC set back to the probe",
}
"""What the moments that the kernel sees are called by people."""


@unique
class Lane(Enum):
    """Whose code it is, or what is done for it: the tracks of a sequence diagram."""

    GUEST = "program"
    """The program: the probed code, and what it calls."""
    KERNEL = "exception"
    """An exception is handled."""
    HANDLER = "handler"
    """Code of the guest within a hit: handlers of probes, or of exceptions."""
    SLOT = "slot"
    """The slot, and what is behind it."""
    TRAMPOLINE = "trampoline"
    """The code that a function with a return probe returns to."""


_LANES = {
    Between.SLOT_REACHED: Lane.SLOT,
    Between.EXECUTED: Lane.SLOT,
    Between.BEHIND_SLOT: Lane.SLOT,
    Between.REENTERED: Lane.KERNEL,
    Between.REDIRECTED: Lane.KERNEL,
    Between.BREAK_HANDLED: Lane.KERNEL,
    Between.OTHER_EXCEPTION: Lane.KERNEL,
    Between.RETURN_HANDLERS: Lane.KERNEL,
    Between.DIED: Lane.KERNEL,
    Between.IN_TRAMPOLINE: Lane.TRAMPOLINE,
}
"""Where a moment between is, unless it is in the program or, within a hit, in a handler."""

EXCEPTIONS = frozenset(
    {Moment.BRK_TAKEN, Moment.STEP_TAKEN, Moment.SLOT_BRK_TAKEN, Between.OTHER_EXCEPTION, Between.RETURN_HANDLERS}
)
"""The moments at which an exception has been taken."""


@attrs.frozen
class Executed:
    """An instruction: its address, its word and its text."""

    address: int
    word: int
    text: str


@attrs.frozen
class StoryMoment:
    """A moment of a hit.

    Attributes:
        moment: which.
        cycle: the cycle counter.
        depth: 0, or 1 in a hit within the hit.
        probe: the address of the probe it is about, None if of none.
        el: the exception level.
        pc: the PC; while the kernel handles an exception, None: that is no code of the guest.
        strip: the bits of a step, live and saved.
        mdscr: MDSCR_EL1.
        registers: the registers; while an exception is handled, those that the exception return restores.
        elr: where the exception return leads, None outside of an exception.
        spsr: the PSTATE that it restores, likewise.
        esr: the syndrome, None outside of an exception.
        esr_text: the same in words; empty outside of an exception.
        slot: the address of the slot of the current probe, None without a slot.
        slot_words: what is in it.
        monitor: the physical address that is marked for exclusive access, None if none is.
        instruction: what has been executed, or is about to be.
        instructions: how many have been executed, where the moment stands for some.
        why: what happens, and why, in a sentence or two.
        source: the kernel function, or the title of the section of the Arm ARM, that says so.
    """

    moment: Moment | Between
    cycle: int
    depth: int
    probe: int | None
    el: int
    pc: int | None
    strip: Strip
    mdscr: int
    registers: Registers
    elr: int | None = None
    spsr: int | None = None
    esr: int | None = None
    esr_text: str = ""
    slot: int | None = None
    slot_words: tuple[int, ...] = ()
    monitor: int | None = None
    instruction: Executed | None = None
    instructions: int = 0
    why: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return f"{self.cycle:6}  {self.indented:{_TITLE_WIDTH}}  {self.strip}"

    def _repr_html_(self) -> str:
        from aarch64.notebook import table  # noqa: PLC0415  (only a notebook needs it)

        facts = {
            "cycle": self.cycle,
            "moment": self.title,
            "bits": self.strip,
            "at": self.place,
            "syndrome": self.esr_text,
            "instruction": "" if self.instruction is None else self.instruction.text,
            "why": self.why,
            "source": self.source,
        }
        return table((), [(name, value) for name, value in facts.items() if value != ""])

    @property
    def indented(self) -> str:
        """The title, moved to the right in a hit within the hit."""
        return f"{'  ' * self.depth}{self.title}"

    @property
    def place(self) -> str:
        """The PC or, while an exception is handled, where the return leads, in hex; empty where that is not known."""
        address = self.pc if self.elr is None else self.elr
        return "" if address is None else f"{address:#x}"

    @property
    def key(self) -> str:
        """What the moment is called in data."""
        return self.moment.name.lower()

    @property
    def lane(self) -> Lane:
        """Whose code it is."""
        if isinstance(self.moment, Moment):
            return Lane.KERNEL
        return _LANES.get(self.moment, Lane.HANDLER if self.depth else Lane.GUEST)

    @property
    def is_exception(self) -> bool:
        """Whether an exception has just been taken."""
        return self.moment in EXCEPTIONS

    @property
    def title(self) -> str:
        """What it is called by people."""
        return self.moment.value if isinstance(self.moment, Between) else _TITLES[self.moment]


def _cells(moment: StoryMoment, before: StoryMoment | None) -> list[object]:
    """A row of a table; bits that are not what they were stand out."""
    from aarch64.notebook import Strong  # noqa: PLC0415  (only a notebook needs it)

    bits: list[object] = []
    for name in chain.from_iterable(STRIP.values()):
        value = getattr(moment.strip, name)
        is_changed = before is not None and value not in (None, getattr(before.strip, name))
        bits.append("-" if value is None else Strong(value) if is_changed else value)
    return [moment.cycle, moment.indented, *bits, moment.place, moment.why]


@attrs.frozen
class Story:
    """A hit: the moments, and whether it was told to its end.

    `ended` tells what ended the run before the hit was over, empty where nothing did.
    """

    moments: tuple[StoryMoment, ...]
    ended: str = ""

    def __repr__(self) -> str:
        lines = [repr(moment) for moment in self.moments]
        return "\n".join([*lines, f"the run ended: {self.ended}"] if self.ended else lines)

    def _repr_html_(self) -> str:
        from aarch64.notebook import table  # noqa: PLC0415  (only a notebook needs it)

        bits = [f"{group} {bit}" for group, names in STRIP.items() for bit in names.values()]
        rows = (_cells(moment, before) for moment, before in zip(self.moments, (None, *self.moments), strict=False))
        caption = f"the run ended: {self.ended}" if self.ended else ""
        return table(("cycle", "moment", *bits, "at", "why"), rows, caption)


@attrs.frozen
class End:
    """The run has ended, and the hit has not come.

    Attributes:
        hits: how many there were.
        stop: what ended the run.
        died: whether the kernel would have died of a probe (BUG).
    """

    hits: int
    stop: Stop
    died: bool = False
