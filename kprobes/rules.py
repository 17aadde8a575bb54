"""The vocabulary that decode rules are written in: what is decided of an instruction, and why."""

from __future__ import annotations

from enum import Enum, Flag, auto, unique
from typing import TYPE_CHECKING

import attrs

from kprobes.ports import Effect

if TYPE_CHECKING:
    from kprobes.ports import Instruction
    from kprobes.sequences import SequenceRule


@unique
class Verdict(Enum):
    """What becomes of an instruction that is to be probed (`enum probe_insn`)."""

    REJECT = "reject"
    """INSN_REJECTED: it cannot be probed."""
    SLOT = "slot"
    """INSN_GOOD: a copy of it is executed out of line."""
    SIMULATE = "simulate"
    """INSN_GOOD_NO_SLOT: the handler does what it would do at its own address."""


@attrs.frozen
class Rule:
    """Why a verdict is what it is: a short name, one sentence, and the kernel function or Arm ARM title it is from."""

    name: str
    why: str
    source: str

    def __str__(self) -> str:
        return f"{self.why} [{self.source}]"


@attrs.frozen
class Words:
    """The instruction words that have `value` in the bits of `mask`."""

    mask: int
    value: int

    def __contains__(self, word: int) -> bool:
        return word & self.mask == self.value


@attrs.frozen
class Clause:
    """A verdict for instructions: those among `words`, and those that have any of `effects`."""

    verdict: Verdict
    rule: Rule
    words: tuple[Words, ...] = ()
    effects: Effect = Effect.NONE

    def applies(self, instruction: Instruction) -> bool:
        """Whether the instruction is one of them."""
        if self.effects and instruction.effects & self.effects:
            return True
        return any(instruction.word in words for words in self.words)


class Defect(Flag):
    """In what a kernel's simulation differs from the instruction; each is reproduced on request."""

    NONE = 0
    WIDE_LITERAL = auto()
    """LDR of a W register from a literal reads 8 bytes and drops the upper four, which may be in the next page
    (simulate_ldr_literal, before v6.12)."""
    IGNORES_BTYPE = auto()
    """PSTATE.BTYPE is neither checked nor changed by what is simulated; but NOP clears it, as it is skipped like a
    faulting instruction (simulate_nop, since v6.13)."""


@attrs.frozen
class DecodeRules:
    """How instructions are judged.

    Attributes:
        clauses: the first one that applies decides.
        otherwise: the rule by which all others are executed in a slot.
        sequences: how the exclusive sequences are found that no probe may be in.
        defects: in what the simulation is wrong.
    """

    clauses: tuple[Clause, ...]
    otherwise: Rule
    sequences: SequenceRule
    defects: Defect = Defect.NONE
