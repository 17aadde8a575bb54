"""Two emulators in step: the same instruction in the same state and memory, on theirs and on ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import attrs

from aarch64.fuzz.asking import CONTROLS
from aarch64.fuzz.emulators.situation import CODE, DATA, DATA_SIZE
from aarch64.fuzz.oracles import Failure, FailureError, FailureKind, OracleError, Outcome
from aarch64.isa.definition import Trait
from aarch64.sampling import state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.fuzz.oracles import ExecuteOracle
    from aarch64.isa.decoder import Decoded
    from aarch64.sampling import State


class Ours(Protocol):
    """What is compared with it: `ours.Semantics` or `ours.Blocks`."""

    def write(self, address: int, data: bytes, /) -> None:
        """Put bytes into RAM."""

    def read(self, address: int, size: int, /) -> bytes:
        """Bytes of RAM."""

    def forget_exclusive(self) -> None:
        """Clear the exclusive monitor."""

    def execute(self, word: int, state: State, /) -> Outcome:
        """One instruction at CODE."""


@attrs.frozen
class Pair:
    """Theirs and ours. Both hold the same memory, which no case changes for the next one."""

    theirs: ExecuteOracle
    ours: Ours
    _data: bytes = attrs.field(init=False)

    @_data.default
    def _read_data(self) -> bytes:
        return self.ours.read(DATA, DATA_SIZE)

    def forget_exclusive(self) -> None:
        """Clear both sides' exclusive monitors; FailureError as for `compare`."""
        with self._failing():
            self.theirs.forget_exclusive()
        self.ours.forget_exclusive()

    def compare(self, decoded: Decoded, state: State) -> tuple[Outcome, Outcome]:
        """(theirs, ours), with the data if the instruction stores.

        Raises:
            FailureError: theirs raises something, or gives no outcome.
            OracleError: it does so for the simplest of instructions, too, or says itself that it cannot go on.
        """
        ours = self.execute_ours(decoded, state)
        with self._failing():
            theirs = self._answer(decoded.word, state, CODE + 4 if ours.raised else ours.pc)
            if decoded.definition.traits & Trait.STORES:
                theirs = self._with_memory(self.theirs, theirs)
        return theirs, ours

    def execute_ours(self, decoded: Decoded, state: State) -> Outcome:
        """Ours alone, with the data if the instruction stores."""
        ours = self.ours.execute(decoded.word, state)
        return self._with_memory(self.ours, ours) if decoded.definition.traits & Trait.STORES else ours

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Whatever theirs raises is a FailureError, and what it has done to memory is undone."""
        try:
            with _failing(self.theirs):
                yield
        except FailureError as error:
            self._check_life(error)
            with _failing(self.theirs):
                self.theirs.write(DATA, self._data)
            raise

    def _check_life(self, error: FailureError) -> None:
        """Refuse an emulator that executes nothing: what it fails over is no instruction then."""
        for word in CONTROLS:
            try:
                with _failing(self.theirs):
                    self._answer(word, state(), CODE + 4)
            except FailureError:
                continue
            return
        raise OracleError(f"{error} (nor does it execute {CONTROLS[0]:08x})") from error

    def _answer(self, word: int, before: State, end: int) -> Outcome:
        outcome = self.theirs.execute(word, before, end)
        if not _is_outcome(outcome):
            raise _no_answer(self.theirs, f"{outcome!r} is no outcome")
        return outcome

    def _with_memory(self, side: ExecuteOracle | Ours, outcome: Outcome) -> Outcome:
        """An outcome with what is in memory now, which is then put back."""
        memory = side.read(DATA, DATA_SIZE)
        if not isinstance(memory, bytes) or len(memory) != DATA_SIZE:
            raise _no_answer(side, f"{type(memory).__name__} read, and not {DATA_SIZE} bytes")
        if memory != self._data:
            side.write(DATA, self._data)
        return outcome if outcome.raised else attrs.evolve(outcome, memory=memory)


def _is_outcome(outcome: object) -> bool:
    """Whether it has a value for each register, if it has any."""
    if not isinstance(outcome, Outcome):
        return False
    values = (*outcome.x, outcome.sp, outcome.pc, outcome.nzcv)
    return outcome.raised or (len(outcome.x) == len(state().x) and all(isinstance(value, int) for value in values))


def _no_answer(side: object, what: str) -> FailureError:
    return FailureError(type(side).__name__, Failure(FailureKind.NO_ANSWER, what))


@contextmanager
def _failing(oracle: ExecuteOracle) -> Iterator[None]:
    try:
        yield
    except OracleError:
        raise
    except (Exception, SystemExit) as error:
        raise FailureError(type(oracle).__name__, Failure(FailureKind.CRASH, repr(error))) from error
