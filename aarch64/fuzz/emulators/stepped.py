"""Our debug unit as an emulator of single instructions: software step goes through each.

What its exceptions have to tell is stated here once more, from the Arm ARM ("Software Step exceptions", "ESR_ELx, ISS
encoding for an exception from a Software Step exception"), as nobody else is asked for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.debug.software_step import Stepped as WasStepped
from aarch64.exceptions import ExceptionClass, Fault
from aarch64.fuzz.emulators.ours import Semantics, set_state
from aarch64.fuzz.emulators.situation import CODE
from aarch64.fuzz.oracles import Outcome
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode
from aarch64.pstate import PState
from aarch64.sysregs.debug import OSLK
from aarch64.sysregs.fields import MDSCR_KDE, MDSCR_SS

if TYPE_CHECKING:
    from aarch64.exceptions import Taken
    from aarch64.sampling import State

_STEP_OF_EL1 = 0b110011 << 26
_IL, _ISV, _EX, _IFSC = 1 << 25, 1 << 24, 1 << 6, 0b100010
_SPSR_SS = 1 << 21
_EL1 = 1


class WrongStep(Exception):
    """A step exception that is missing, or tells something else than it has to."""

    def __init__(self, taken: Taken | None, esr: int, elr: int) -> None:
        super().__init__(taken, esr, elr)
        self.taken = "none" if taken is None else _told(taken.esr, taken.elr, taken.spsr & _SPSR_SS)
        self.demanded = _told(esr, elr, 0)


def _told(esr: int, elr: int, ss: int) -> str:
    return f"ESR_EL1={esr:#x} ELR_EL1={elr:#x} SPSR_EL1.SS={int(bool(ss))}"


class Stepped(Semantics):
    """Instructions stepped through at EL1, debug exceptions being enabled there.

    Each is met twice: when a step is pending, which is taken before it; and when it is not, and is taken behind it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[Taken] = []
        self.cpu.exception_observers.append(self._taken.append)
        self.cpu.sysregs["OSLSR_EL1"] &= ~OSLK
        self.cpu.sysregs["MDSCR_EL1"] = MDSCR_SS | MDSCR_KDE

    def execute(self, word: int, state: State) -> Outcome:
        """An implemented instruction.

        Raises:
            WrongStep: a step exception is not as it has to be.
        """
        decoded = decode(word)
        assert decoded is not None
        self.cpu.memory.write(CODE, 4, word)
        self._enter(state, ss=0)
        self._take_step(0, CODE)
        self._enter(state, ss=1)
        raised = self._cycle()
        if raised is not None:
            return Outcome(raised=True, is_misaligned=_is_misaligned(raised))
        is_exclusive = bool(decoded.definition.traits & Trait.LOAD_EXCLUSIVE)
        x, sp, pc = tuple(self.cpu.gpr[:31]), self.cpu.sp, self.cpu.pc
        taken = self._take_step(_ISV | (_EX if is_exclusive else 0), pc)
        return Outcome(False, False, x, sp, pc, taken.spsr >> 28)

    def _enter(self, state: State, *, ss: int) -> None:
        cpu = self.cpu
        cpu.pstate, cpu.stepped = PState(el=_EL1, sp=1, d=0, ss=ss), WasStepped.NOTHING
        set_state(cpu, state, CODE)
        cpu.context_changed()
        cpu.request_attention()

    def _cycle(self) -> Taken | None:
        """One cycle, and the exception that is taken in it."""
        self._taken.clear()
        self.cpu.step()
        return self._taken[0] if self._taken else None

    def _take_step(self, iss: int, elr: int) -> Taken:
        """A cycle in which a step is taken."""
        taken, esr = self._cycle(), _STEP_OF_EL1 | _IL | _IFSC | iss
        if taken is None or (taken.esr, taken.elr, taken.spsr & _SPSR_SS) != (esr, elr, 0):
            raise WrongStep(taken, esr, elr)
        return taken


def _is_misaligned(taken: Taken) -> bool:
    return taken.ec is ExceptionClass.DATA_ABORT and taken.esr & 0x3F == Fault.ALIGNMENT
