"""Why a run ended."""

from __future__ import annotations

from enum import Enum, unique

import attrs


@unique
class StopReason(Enum):
    """What ended a run."""

    MAX_CYCLES = "the cycle budget is used up"
    EXIT = "the guest ended itself"
    UNTIL = "the condition asked for holds"
    RETURNED = "the called function returned"
    UNSUPPORTED = "the guest needs something that is not modelled"
    STUCK = "the guest cannot go on"
    INTERRUPTED = "interrupted by the user"


@attrs.frozen
class Stop:
    """The end of a run: the reason, what to tell the user, and the guest's exit status where it gave one.

    `details` are lines that explain the message: the translation table walk of an abort.
    """

    reason: StopReason
    message: str = ""
    status: int = 0
    details: tuple[str, ...] = ()
