"""What a CPU remembers of the hit it deals with (`struct kprobe_ctlblk`, `current_kprobe`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.transitions import State, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.probe import Kprobe
    from kprobes.pt_regs import PtRegs


@attrs.frozen
class Previous:
    """The hit that another one interrupts (`struct prev_kprobe`); `saved_pstate` only where kernels keep it."""

    probe: Kprobe
    status: int
    saved_pstate: int


@attrs.frozen
class JprobeContext:
    """Registers, and bytes from the stack pointer on, of a function that a jprobe's handler is called in place of.

    `entry` is the handler, if it is one in Python.
    """

    entry: Callable[[PtRegs], object] | None
    x: tuple[int, ...]
    sp: int
    pc: int
    pstate: int
    stack: bytes


@attrs.define(eq=False)
class ControlBlock:
    """The control block of one CPU.

    Attributes:
        current: the probe whose hit is dealt with, None for none.
        status: how far it is, a `Status`; without a current probe it is whatever it was last.
        previous: the hit that this one interrupts.
        saved_pstate: PSTATE of the probed code, while its masks are set for the slot.
        step_pending, step_end: whether a step of a slot is to end, and the address behind the instruction.
        child: of a manager, the probe whose handler runs (kprobe_instance).
        jprobe: what is kept while the handler of a jprobe runs (jprobe_saved_regs, jprobes_stack).
    """

    current: Kprobe | None = None
    status: int = Status.NEVER_USED
    previous: Previous | None = None
    saved_pstate: int = 0
    step_pending: bool = False
    step_end: int = 0
    child: Kprobe | None = None
    jprobe: JprobeContext | None = None

    @property
    def state(self) -> State:
        """The state that the table knows."""
        return State.IDLE if self.current is None else State.of(self.status)

    def set_current(self, probe: Kprobe, status: Status) -> None:
        """set_current_kprobe."""
        self.current, self.status = probe, status

    def reset(self) -> None:
        """reset_current_kprobe."""
        self.current = None

    def save_previous(self) -> None:
        """save_previous_kprobe."""
        assert self.current is not None
        self.previous = Previous(self.current, self.status, self.saved_pstate)

    def restore_previous(self, *, with_masks: bool) -> None:
        """restore_previous_kprobe."""
        assert self.previous is not None
        self.current, self.status = self.previous.probe, self.previous.status
        if with_masks:
            self.saved_pstate = self.previous.saved_pstate
        self.previous = None
