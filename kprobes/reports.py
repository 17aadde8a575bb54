"""What the engine tells those who watch it: moments of a hit, rows of the table, messages of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from kprobes.host import Strip
    from kprobes.probe import Kprobe
    from kprobes.pt_regs import PtRegs
    from kprobes.transitions import State, Transition


@unique
class Moment(Enum):
    """A point in a hit, after what its name says has been done; with the kernel function that does it."""

    BRK_TAKEN = "el1_dbg"
    PRE_HANDLER = "kprobe_handler"
    CONTEXT_SET = "set_ss_context"
    DEBUG_UNMASKED = "spsr_set_debug_flag(regs, 0)"
    MASKED = "kprobes_save_local_irqflag"
    STEP_ENABLED = "kernel_enable_single_step"
    SLOT_ENTERED = "instruction_pointer_set"
    SIMULATED = "arch_simulate_insn"
    STEP_TAKEN = "single_step_handler"
    SLOT_BRK_TAKEN = "kprobe_breakpoint_ss_handler"
    UNMASKED = "kprobes_restore_local_irqflag"
    STEP_DISABLED = "kernel_disable_single_step"
    DEBUG_MASKED = "spsr_set_debug_flag(regs, 1)"
    PC_RESTORED = "post_kprobe_handler"
    POST_HANDLER = "post_kprobe_handler: post_handler"
    REWOUND = "kprobe_fault_handler"


@attrs.frozen
class MomentReport:
    """A moment, the probe it is about, the registers that will be returned to, and the bits of a step."""

    moment: Moment
    cycle: int
    probe: Kprobe | None
    regs: PtRegs
    strip: Strip
    state: State


@attrs.frozen
class TransitionReport:
    """A row of the table that is taken. `probe` is the one it is about: the one hit, else the current one."""

    transition: Transition
    cycle: int
    pc: int
    probe: Kprobe | None
    current: Kprobe | None


@attrs.frozen
class Message:
    """What the kernel prints."""

    cycle: int
    text: str


Report: TypeAlias = MomentReport | TransitionReport | Message
Watcher: TypeAlias = Callable[[Report], None]
