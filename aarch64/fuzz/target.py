"""What can be fuzzed: the protocols between a campaign and what it is about."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import attrs

from aarch64.fuzz.oracles import FailureKind, OracleError

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

Json: TypeAlias = dict[str, Any]
"""A JSON object."""

Key: TypeAlias = tuple[str, str, str]
"""Place, kind and reason of a divergence."""

Case = TypeVar("Case")


@unique
class Agreement(Enum):
    """What a check says of a case in which nothing diverges."""

    SAME = "same"
    NOT_COMPARED = "not compared"
    """One of both sides has nothing to say: the instruction is not implemented, the operand is UNKNOWN."""


@attrs.frozen
class Divergence:
    """A case in which two answers differ, or a law does not hold."""

    kind: str
    """What differs, in a word: `allocation`, `text`, `registers`, the name of a law; or the value of a FailureKind."""
    place: str
    """Where: the title of the instruction and its mnemonic. Divergences of one kind in one place are told once."""
    ours: str
    theirs: str
    reason: str = ""
    """Why, where this is known: theirs is wrong by the architecture's pseudocode."""

    @property
    def key(self) -> Key:
        """What makes two divergences the same finding."""
        return self.place, self.kind, self.reason

    @property
    def is_failure(self) -> bool:
        """Whether there is no answer that differs, but none."""
        return self.kind in _FAILURES


_FAILURES = frozenset(kind.value for kind in FailureKind)

Verdict: TypeAlias = Agreement | Divergence


class UnfinishedError(OracleError):
    """The other side does not answer any more; `verdicts` are those until then, one for each case."""

    def __init__(self, message: str, verdicts: Sequence[Verdict]) -> None:
        super().__init__(message, verdicts)
        self.message = message
        self.verdicts = verdicts

    def __str__(self) -> str:
        return self.message


class Target(Protocol[Case]):
    """Something that is fuzzed, open and ready. Checking cases is a pure function of the cases."""

    @property
    def together(self) -> int:
        """How many cases are checked in hardly more time than one."""

    def draw(self, rng: random.Random) -> Case:
        """A case; the same one for a generator in the same state."""

    def check(self, cases: Sequence[Case]) -> Sequence[Verdict]:
        """The verdict on each case.

        A case for which the other side fails diverges; what is like it may not be compared then.

        Raises:
            UnfinishedError: the other side fails for too many of them.
            OracleError: the other side answers nothing.
        """

    def simpler(self, case: Case) -> Iterator[Case]:
        """Cases that are one step simpler, the boldest first; no chain of such steps goes on for ever."""

    def words(self, case: Case) -> Sequence[int]:
        """The instruction words of a case, for coverage."""

    def lines(self, case: Case) -> Sequence[str]:
        """A case for people: assembly, and the state where it matters."""

    def to_json(self, case: Case) -> Json:
        """A case as JSON."""

    def from_json(self, data: Mapping[str, Any]) -> Case:
        """The case that `to_json` wrote.

        Raises:
            KeyError, ValueError, TypeError: it is none.
        """


class Setup(Protocol[Case]):
    """What to fuzz, and against whom. It can be pickled: each worker opens its own target.

    Its class has a class method `from_json`, which undoes `to_json` (KeyError, TypeError, ValueError otherwise).
    """

    @property
    def target(self) -> str:
        """The name of the target: `decode`, `execute`."""

    @property
    def share(self) -> int:
        """How many cases are worth checking together."""

    def opened(self) -> AbstractContextManager[Target[Case]]:
        """The target, until the end of the `with` statement.

        Raises:
            OracleError: the other side is not there.
        """

    def to_json(self) -> Json:
        """Against whom, and how, as JSON: what a replay has to know beside the case."""
