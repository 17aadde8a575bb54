"""Who answers: other people's decoders and emulators, ours to compare with.

A decoder of your own takes part in three ways:

- as an object with the method of `DecodeOracle`, given to `decode.DecodeSetup` from Python (a sweep of all words is
  faster if it has that of `AllocationOracle`, too);
- by name, when your package has an entry point in the group `aarch64_kprobes.decoders` whose value is called without
  arguments and gives such an object (`aarch64_kprobes.emulators` and `ExecuteOracle` for emulators);
- as a program, in whatever language, that `a64 fuzz decode --oracle-cmd` runs: see `command`.

A case for which it raises, ends, hangs or answers nonsense is a finding (`FailureKind`). An OracleError that it raises
itself says that it cannot answer at all, and ends the campaign. An object that ends its process (a library in C) or
hangs takes the campaign with it, unless it is a decoder that is known by name and `isolated`.
"""

from __future__ import annotations

from enum import Enum, unique
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import attrs

from aarch64.errors import AArch64Error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.sampling import State

DECODERS = "aarch64_kprobes.decoders"
EMULATORS = "aarch64_kprobes.emulators"


class OracleError(AArch64Error):
    """Somebody else's decoder or emulator is not there, or does not answer as it should."""


Answer: TypeAlias = str | None
"""What a decoder makes of a word: its text, empty if it has none; None for an unallocated encoding."""


@unique
class FailureKind(Enum):
    """What becomes of a question that is not answered."""

    CRASH = "crash"
    """A program ends with another status than 0, or by a signal; an object raises."""
    HANG = "hang"
    """There is no answer in time."""
    NO_ANSWER = "no answer"
    """What comes is not an answer for each word, or no text."""


_LONGEST = 300


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@attrs.frozen
class Failure:
    """A question that is not answered: what there is instead of an answer."""

    kind: FailureKind
    what: str = attrs.field(converter=_shortened)
    """The exit status, the exception: for people."""


class FailureError(OracleError):
    """An oracle was asked, and has not answered: perhaps for the sake of one word.

    `answered` are the answers to the first words, as far as they are known: the next word may be the one.
    """

    def __init__(self, name: str, failure: Failure, answered: Sequence[Answer] = ()) -> None:
        super().__init__(name, failure, answered)
        self.name = name
        self.failure = failure
        self.answered = answered

    def __str__(self) -> str:
        return f"{self.name}: {self.failure.what}"


class DecodeOracle(Protocol):
    """Somebody else's decoder."""

    def decode(self, words: Sequence[int], /) -> Sequence[Answer]:
        """The answer for each of these 32-bit words, in their order."""


@runtime_checkable
class AllocationOracle(Protocol):
    """A decoder that tells without a text, and so faster, which words are allocated: `a64 fuzz sweep` asks so."""

    def verdicts(self, words: Sequence[int], /) -> bytes:
        """For each of these words, in their order, 1 if it is allocated, 0 if not."""


@attrs.frozen
class Outcome:
    """What an instruction left in the registers; of one that raised an exception, only that.

    `is_misaligned` says of ours that it is an alignment fault; others need not tell.
    """

    raised: bool
    is_misaligned: bool = False
    x: tuple[int, ...] = ()
    """X0 to X30."""
    sp: int = 0
    pc: int = 0
    """Where the next instruction is."""
    nzcv: int = 0
    """The flags, N in bit 3."""
    memory: bytes = b""
    """What `read` gives of the data, where it was asked for; filled in by who compares."""

    @property
    def comparable(self) -> object:
        """What both sides must agree on."""
        return self.raised, self.x, self.sp, self.pc, self.nzcv, self.memory

    def summary(self) -> str:
        """Registers and flags for a message."""
        if self.raised:
            return "exception" + " (misaligned)" * self.is_misaligned
        registers = " ".join(f"x{number}={value:#x}" for number, value in enumerate(self.x))
        return f"{registers} sp={self.sp:#x} pc={self.pc:#x} nzcv={self.nzcv:04b}"


class ExecuteOracle(Protocol):
    """Somebody else's emulator: a CPU at EL1 with the MMU off and RAM as `execute.RAM` says."""

    def write(self, address: int, data: bytes, /) -> None:
        """Put bytes into RAM."""

    def read(self, address: int, size: int, /) -> bytes:
        """Bytes of RAM."""

    def forget_exclusive(self) -> None:
        """Clear the exclusive monitor, as CLREX does."""

    def execute(self, word: int, state: State, end: int, /) -> Outcome:
        """One instruction at `execute.CODE`, in this state; whatever was executed before does not matter.

        `end` is where ours leads to, a hint for emulators that run from an address to another: an instruction that
        does not get there has raised an exception.
        """


def plugged_in(group: str, name: str) -> Any:
    """What the entry point `name` of a group makes.

    Raises:
        OracleError: there is none, or it does not work.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        names = ", ".join(sorted(item.name for item in entry_points(group=group)))
        raise OracleError(f"there is no oracle {name!r}: the entry points of {group} are {names or 'none'}")
    try:
        return found[0].load()()
    except Exception as error:
        raise OracleError(f"the oracle {name!r} ({found[0].value}) cannot be used: {error!r}") from error
