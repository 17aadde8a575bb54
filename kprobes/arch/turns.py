"""What an instruction may do to the order in which others are executed, for those who follow a guest."""

from __future__ import annotations

from enum import Enum, unique

from aarch64.isa.definition import Trait
from aarch64.isa.table import decode


@unique
class Turn(Enum):
    """What an instruction may do that is to be looked at."""

    CONDITIONAL = "branches within a function"
    JUMP = "branches: to elsewhere, or back from a call"
    CALL = "branches, to be returned from"
    EXCEPTION_RETURN = "ERET"
    SERVICE = "has somebody outside of the CPU do something, if it is no exception"
    SYSTEM = "writes a system register, or a field of PSTATE"


def turn_of(word: int) -> Turn | None:
    """What a word may do so; None for what goes on at the next instruction, or ends with an exception."""
    decoded = decode(word)
    if decoded is None:
        return None
    traits = decoded.definition.traits_of(decoded.fields)
    if traits & Trait.RAISES:
        return Turn.EXCEPTION_RETURN if traits & Trait.BRANCHES else Turn.SERVICE
    if traits & Trait.BRANCHES:
        kind = Turn.CALL if traits & Trait.CALLS else Turn.JUMP
        return Turn.CONDITIONAL if traits & Trait.CONDITIONAL else kind
    return Turn.SYSTEM if traits & Trait.WRITES_SYSREG else None
