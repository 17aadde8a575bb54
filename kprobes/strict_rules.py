"""Our own decode rules: what they accept does out of line, or simulated, exactly what it does in place.

They are derived from what the instruction set says of each definition, by no mask of their own. Three things are asked
of who executes what they accept: that an exception in the slot is one of the probed address; that the slot is in a
guarded page if the probed address is; and that the slot is executed with the PSTATE that was interrupted, but for the
masks D, A, I and F and for PSTATE.SS. What the exceptions of the probe change by themselves is not undone, and nothing
that reads it is accepted: ELR_ELx, SPSR_ELx, ESR_ELx and FAR_ELx, the event register, the exclusive monitor.
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
