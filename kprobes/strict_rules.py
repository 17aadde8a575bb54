"""Our own decode rules: what they accept does out of line, or simulated, exactly what it does in place.

They are derived from what the instruction set says of each definition, by no mask of their own. Three things are asked
of who executes what they accept, and `behaviour.STRICT_ENGINE` does them: an exception in the slot becomes one of the
probed address; PSTATE.BTYPE is checked there, so that it does not matter whether the slot is in a guarded page; and the
slot is executed with the PSTATE that was interrupted, but for BTYPE, the masks D, A, I and F, and SS.

What no rule can hide, and what reads it is therefore refused: ELR_EL1, SPSR_EL1 and ESR_EL1 are written by the
exceptions of a hit; MDSCR_EL1 and DAIF are others while the slot is executed; the return from a hit clears the
exclusive monitor and sets the event register. Counters go on during a hit, and text that is read as data shows the BRK:
those can be read, as they are what time and text are.
"""

from __future__ import annotations

from kprobes.ports import Effect
from kprobes.rules import Clause, DecodeRules, Rule, Verdict
from kprobes.sequences import ControlFlow


def _clause(verdict: Verdict, effects: Effect, name: str, why: str, source: str) -> Clause:
    return Clause(verdict, Rule(name, why, source), effects=effects)


_CLAUSES = (
    _clause(
        Verdict.REJECT, Effect.UNALLOCATED,
        "unallocated", "it is no instruction: executing it is UNDEFINED", "A64 instruction set encoding",
    ),
    _clause(
        Verdict.REJECT, Effect.UNSUPPORTED,
        "unsupported", "the interpreter does not implement it, so nothing is known of what it does", "a64 isa",
    ),
    _clause(
        Verdict.REJECT, Effect.RAISES,
        "exception",
        "it generates an exception, which would tell the wrong address, or returns from one that is not the probe's",
        "Exception generation and return",
    ),
    _clause(
        Verdict.REJECT, Effect.LOAD_EXCLUSIVE | Effect.STORE_EXCLUSIVE,
        "exclusive", "the return from the probe's exception forgets the location marked for exclusive access",
        "AArch64.ExceptionReturn",
    ),
    _clause(
        Verdict.REJECT, Effect.WAITS,
        "wait", "the return from the probe's exception sets the event register, so it would not wait",
        "AArch64.ExceptionReturn",
    ),
    _clause(
        Verdict.REJECT, Effect.READS_EXCEPTION_STATE,
        "exception-state", "it reads what the probe's exceptions have changed", "Exception entry",
    ),
    _clause(
        Verdict.SLOT, Effect.MAINTAINS,
        "maintenance", "a system operation does the same wherever it is executed", "System instructions",
    ),
    _clause(
        Verdict.REJECT, Effect.WRITES_SYSREG,
        "system-register",
        "it writes a system register or PSTATE: the end of the probe would undo it, or depend on it",
        "System register moves",
    ),
    _clause(
        Verdict.SIMULATE, Effect.BRANCHES,
        "branch", "a branch sets the PC: it is done at its own address", "Branches",
    ),
    _clause(
        Verdict.SIMULATE, Effect.PC_RELATIVE,
        "pc-relative", "it is relative to the PC: it is done at its own address", "PC-relative addressing",
    ),
    _clause(
        Verdict.SIMULATE, Effect.LANDS,
        "landing", "PSTATE.BTYPE tells whether it may be branched to: that is checked at its own address",
        "BTypeCompatible",
    ),
)  # fmt: skip

_COPIED = Rule("copy", "it does the same wherever it is executed", "the traits of its definition")
_SEQUENCE = Rule(
    "exclusive-sequence",
    "control may come to it from a load-exclusive and go on to the store-exclusive, which would fail",
    "Load-Exclusive and Store-Exclusive instruction usage restrictions",
)

STRICT_RULES = DecodeRules(_CLAUSES, _COPIED, ControlFlow(_SEQUENCE))
