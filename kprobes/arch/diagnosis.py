"""Why probes do not work in a program: what a kernel's users find out from an oops, told in words."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.exceptions import ExceptionClass, Vector
from kprobes.arch.host import KERNEL
from kprobes.behaviour import Execution
from kprobes.engine import BRK_KPROBE
from kprobes.pt_regs import D
from kprobes.transitions import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.exceptions import Taken
    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe

_IMM16 = 0xFFFF
_OVERWRITTEN_ADVICE = (
    "its BRK is there no more: the program has written over its own code, or was reset and loaded anew; put the probe "
    "into what runs in the end"
)
_OSLK = 1 << 1


@unique
class Trouble(Enum):
    """What keeps a probe from working."""

    RAN_OFF = "ran off its slot"
    """The step exception that was to end the slot did not come, and what is behind the slot was executed."""
    SLOT_NOT_MAPPED = "slot not executable"
    """The program's translation does not let EL1 execute the slots, or the trampoline."""
    NOT_AT_EL1 = "not at EL1"
    """The BRK was executed at, or taken to, a level that is not the kernel's."""
    OVERWRITTEN = "overwritten"
    """The BRK is not where it was put."""


@attrs.frozen
class Finding:
    """A trouble that a probe had: at which cycle, why, and what to do about it."""

    trouble: Trouble
    probe: Kprobe
    cycle: int
    advice: str


class Diagnosis:
    """Watches the exceptions of a machine for those that tell of troubles.

    Attributes:
        findings: the first of each trouble that each probe had, and how many there were.
        watchers: told of each trouble that comes while the machine runs.
    """

    def __init__(self, kprobes: Kprobes) -> None:
        """Watch from now on."""
        self._kprobes = kprobes
        self._cpu = kprobes.machine.cpu
        self.findings: dict[tuple[Trouble, int], tuple[Finding, int]] = {}
        self.watchers: list[Callable[[Finding], None]] = []
        self._cpu.exception_observers.append(self._look)

    def stop(self) -> None:
        """Watch no longer, and see which probes are in place."""
        self._cpu.exception_observers.remove(self._look)
        host = self._kprobes.engine.host
        for probe in self._kprobes.registry:
            if not probe.is_disabled and host.read_word(probe.at) not in (BRK_KPROBE, None):
                finding = Finding(Trouble.OVERWRITTEN, probe, host.cycle, _OVERWRITTEN_ADVICE)
                self.findings[Trouble.OVERWRITTEN, probe.at] = finding, 1

    def count(self, probe: Kprobe) -> dict[str, int]:
        """How often a probe had each trouble that it had, by the words for it."""
        return {
            trouble.value: times for (trouble, address), (_, times) in self.findings.items() if address == probe.address
        }

    def _look(self, taken: Taken) -> None:
        if taken.vector is not Vector.SYNCHRONOUS:
            return
        if taken.ec is ExceptionClass.BRK:
            self._look_at_brk(taken)
        elif taken.ec is ExceptionClass.INSTRUCTION_ABORT and self._is_ours(taken.elr):
            self._note(Trouble.SLOT_NOT_MAPPED, taken, self._kprobes.engine.block.current, self._mapping_advice(taken))
        elif taken.ec is not ExceptionClass.SOFTWARE_STEP and self._is_behind_slot(taken.elr):
            self._note(Trouble.RAN_OFF, taken, self._kprobes.engine.block.current, self._step_advice(taken))

    def _note(self, trouble: Trouble, taken: Taken, probe: Kprobe | None, advice: str) -> None:
        if probe is None:
            return
        finding = Finding(trouble, probe, taken.cycle, advice)
        first, times = self.findings.get((trouble, probe.at), (finding, 0))
        self.findings[trouble, probe.at] = first, times + 1
        for watch in self.watchers:
            watch(finding)

    # --- BRK

    def _look_at_brk(self, taken: Taken) -> None:
        kernel = taken.source_el == taken.target_el == KERNEL
        if kernel or taken.esr & _IMM16 != BRK_KPROBE >> 5 & _IMM16:
            return
        where = f"EL{taken.source_el}"
        if taken.target_el != taken.source_el:
            where += f", from where it goes to EL{taken.target_el}"
        advice = f"the probed code runs at {where}, and kprobes are of EL1: probe what runs there"
        self._note(Trouble.NOT_AT_EL1, taken, self._kprobes.registry.lookup(taken.elr), advice)

    # --- slots

    def _is_ours(self, address: int) -> bool:
        return address in self._kprobes.slots or address in self._kprobes.trampoline

    def _is_behind_slot(self, address: int) -> bool:
        block = self._kprobes.engine.block
        if self._kprobes.profile.engine.execution is not Execution.STEP or block.current is None:
            return False
        executing = block.state in (State.HIT_SS, State.REENTER)
        return executing and address in self._kprobes.slots and address != block.current.execution.slot

    def _mapping_advice(self, taken: Taken) -> str:
        return (
            f"the program's translation tables do not let EL1 execute {taken.elr:#x}, where the code of kprobes is: "
            "have them map what is behind the program's RAM, too, or probe what is simulated"
        )

    def _step_advice(self, taken: Taken) -> str:
        otherwise = "or follow a kernel that needs no step (v5.10, v7.2)"
        if taken.spsr & D:
            return (
                "PSTATE.D masks debug exceptions in the probed code, and so the step that is to end the slot: "
                f"have the program clear it before (msr daifclr, #8), {otherwise}"
            )
        if self._cpu.sysregs["OSLSR_EL1"] & _OSLK:
            return f"the OS lock is closed, which masks the step that is to end the slot: open it, {otherwise}"
        return f"the step that is to end the slot was not taken: the program has changed MDSCR_EL1, {otherwise}"
