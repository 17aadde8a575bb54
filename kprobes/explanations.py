"""Why each moment of a hit is as it is: a sentence or two, and the kernel function or Arm ARM section that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.reports import Moment
from kprobes.story import Between

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.host import Strip


@attrs.frozen
class Circumstances:
    """What the sentences depend on.

    Attributes:
        steps: whether a hardware step ends the slot.
        masks: the names of the bits of PSTATE that are set for the slot.
        strip: the bits of a step.
        nested: whether it is a hit within a hit.
        what: what the sentence is about: the text of an instruction, a place, an exception in words.
        count: how many instructions.
    """

    steps: bool
    masks: str
    strip: Strip
    nested: bool
    what: str = ""
    count: int = 0


@attrs.frozen
class Explanation:
    """Why a moment is as it is, and who says so."""

    why: str
    source: str


def explain(moment: Moment | Between, given: Circumstances) -> Explanation:
    """The sentences for a moment, and their source."""
    if isinstance(moment, Moment):
        section = _SECTIONS.get(moment)
        return Explanation(
            _filled(_KERNEL[moment], given), moment.value if section is None else f"{moment.value}; {section}"
        )
    why, source = _BETWEEN[moment]
    return Explanation(_filled(why, given), _filled(source, given))


_Text: TypeAlias = "str | Callable[[Circumstances], str]"


def _filled(text: _Text, given: Circumstances) -> str:
    if callable(text):
        return text(given)
    instructions = "1 instruction" if given.count == 1 else f"{given.count} instructions"
    return text.format(what=given.what, masks=given.masks, instructions=instructions)


# --- what the kernel does


def _context_set(given: Circumstances) -> str:
    end = "a step exception" if given.steps else "a BRK #6"
    return f"The address behind the instruction in the slot is noted: {end} there is the probe's."


def _masked(given: Circumstances) -> str:
    end = "its step" if given.steps else "the BRK behind it"
    return (
        f"{given.masks} of the saved PSTATE: kept, then set. No interrupt may come between the instruction in the slot "
        f"and {end}."
    )


def _step_enabled(given: Circumstances) -> str:
    text = (
        "SS of the saved PSTATE and MDSCR_EL1.SS are set, and so are KDE and MDE: after the return, one instruction is "
        "executed, then a step exception taken."
    )
    return f"{text} But D of the saved PSTATE is set, which masks the step." if given.strip.r_d else text


def _rewound(given: Circumstances) -> str:
    step = " Stepping ends." if given.steps else ""
    return (
        f"The instruction in the slot has faulted: the saved PC is the probe's, as if that had faulted.{step} The hit "
        "is over, without its post-handler. The fault is the kernel's; if the code is to try again, it hits the probe "
        "again."
    )


_KERNEL: dict[Moment, _Text] = {
    Moment.BRK_TAKEN: (
        "BRK is taken whatever D, the OS lock, KDE and MDE say. The saved PC is that of the BRK itself; DAIF are set."
    ),
    Moment.PRE_HANDLER: "No hit is dealt with, so this one becomes current; its pre-handler runs, DAIF set.",
    Moment.CONTEXT_SET: _context_set,
    Moment.DEBUG_UNMASKED: (
        "The handler that was interrupted runs with D set, which would mask the step: D of the saved PSTATE is cleared."
    ),
    Moment.MASKED: _masked,
    Moment.STEP_ENABLED: _step_enabled,
    Moment.SLOT_ENTERED: "The saved PC is that of the slot: there the exception return leads.",
    Moment.SIMULATED: (
        "The instruction has been done to the saved registers, PC and flags included, as if at its own address: "
        "no slot, no step, no other exception."
    ),
    Moment.STEP_TAKEN: (
        "The step exception comes before the next instruction: the saved PC is the noted one, behind the slot, and SS "
        "of the saved PSTATE is 0."
    ),
    Moment.SLOT_BRK_TAKEN: (
        "BRK #6 stands behind the instruction in the slot: that has been executed. That DAIF are set does not mask BRK."
    ),
    Moment.UNMASKED: "{masks} of the saved PSTATE: again as in the probed code.",
    Moment.STEP_DISABLED: "MDSCR_EL1.SS is cleared, and KDE and MDE if nobody else wants them.",
    Moment.DEBUG_MASKED: "D of the saved PSTATE is set again, as the handler that goes on has it.",
    Moment.PC_RESTORED: "The saved PC is that of the instruction behind the probed one.",
    Moment.POST_HANDLER: "The post-handler has run; no hit is current any more.",
    Moment.REWOUND: _rewound,
}

_SECTIONS = {
    Moment.BRK_TAKEN: "Breakpoint Instruction exceptions",
    Moment.STEP_ENABLED: "Rules for setting MDSCR_EL1.SS to 1",
    Moment.STEP_TAKEN: "Behavior in the active-pending state",
    Moment.SLOT_BRK_TAKEN: "Breakpoint Instruction exceptions",
}
"""Where the architecture has a part in it."""


# --- what happens between


def _slot_reached(given: Circumstances) -> str:
    if not given.steps:
        return f"{given.what} is about to be executed at the slot's address, DAIF set; BRK #6 is behind it."
    if given.strip.ss:
        return (
            "The exception return was from where debug exceptions are masked to where they are not, so PSTATE.SS is "
            f"that of SPSR_EL1, 1: active-not-pending. {given.what} is about to be executed."
        )
    reason = "D is set" if given.strip.d else "debug exceptions are off"
    return f"PSTATE.SS is 0, as {reason} where the return leads: no step will end the slot. {given.what} is next."


def _slot_source(given: Circumstances) -> str:
    if not given.steps:
        return "Exception return"
    return "Entering the active-not-pending state" if given.strip.ss else "The software step state machine"


def _executed(given: Circumstances) -> str:
    text = f"{given.what} has been executed, with the registers of the probed code."
    if not given.steps:
        return f"{text} BRK #6 is next."
    if given.strip.mdscr_ss and not given.strip.d:
        return f"{text} PSTATE.SS is 0: active-pending, a step exception comes next."
    return f"{text} Nothing ends the slot."


def _executed_source(given: Circumstances) -> str:
    if not given.steps:
        return "arch_prepare_ss_slot"
    is_active = given.strip.mdscr_ss and not given.strip.d
    return "Behavior in the active-not-pending state" if is_active else "The software step state machine"


def _other_exception(given: Circumstances) -> str:
    text = (
        "This is no exception of the probe's: kprobes are asked about faults, then the program's own handler gets it."
    )
    if given.steps and given.strip.r_ss:
        return f"{text} That SS of the saved PSTATE is 1 tells that the instruction was not completed."
    return text


def _returned(given: Circumstances) -> str:
    if given.nested:
        return "The handler of the other hit goes on, masked as it was."
    if given.what:
        return f"The program goes on, but with {given.what} still set for the slot: the fault has left it so."
    return "The program goes on, as if there had been no probe."


_BETWEEN: dict[Between, tuple[_Text, _Text]] = {
    Between.BEFORE: ("BRK #4 stands for {what}, and is about to be executed.", "arch_arm_kprobe"),
    Between.SLOT_REACHED: (_slot_reached, _slot_source),
    Between.EXECUTED: (_executed, _executed_source),
    Between.BEHIND_SLOT: (
        "Nothing has ended the slot: {what} is behind it, is no part of the program, and is about to be executed.",
        "The software step state machine",
    ),
    Between.REENTERED: (
        (
            "Another hit is being dealt with: the handlers of this one are missed, which is counted (nmissed), and "
            "only its instruction is executed."
        ),
        "reenter_kprobe",
    ),
    Between.REDIRECTED: (
        "The pre-handler has set the saved PC and wants nothing executed: kprobes leave the exception as it is.",
        "kprobe_handler",
    ),
    Between.BREAK_HANDLED: (
        "This BRK #4 ends a jprobe's handler: the function's registers are back, and its instruction is executed next.",
        "longjmp_break_handler",
    ),
    Between.OTHER_EXCEPTION: (_other_exception, "Exception entry"),
    Between.OTHER_CODE: ("{instructions}, from {what} on.", "the program"),
    Between.RETURNED: (_returned, "Exception return"),
    Between.IN_TRAMPOLINE: (
        "The function has returned into the trampoline, not to its caller. {what}: {instructions}.",
        "kretprobe_trampoline",
    ),
    Between.RETURN_HANDLERS: (
        "{what}: the handlers of the return run, and the real return address is found.",
        "trampoline_probe_handler",
    ),
    Between.CALLER_REACHED: (
        "The caller goes on, as if the function had returned to it.",
        "trampoline_probe_handler",
    ),
    Between.DIED: ("{what}", "BUG"),
    Between.NOT_BACK: ("{what}", "the program"),
}
