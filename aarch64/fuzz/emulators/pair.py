"""Two emulators in step: the same instruction in the same state and memory, on theirs and on ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from aarch64.fuzz.emulators.situation import CODE, DATA, DATA_SIZE
from aarch64.isa.definition import Trait

if TYPE_CHECKING:
    from aarch64.fuzz.oracles import ExecuteOracle, Outcome
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
        """Clear both sides' exclusive monitors."""
        self.theirs.forget_exclusive()
        self.ours.forget_exclusive()

    def compare(self, decoded: Decoded, state: State) -> tuple[Outcome, Outcome]:
        """(theirs, ours), with the data if the instruction stores."""
        ours = self.ours.execute(decoded.word, state)
        theirs = self.theirs.execute(decoded.word, state, CODE + 4 if ours.raised else ours.pc)
        if not decoded.definition.traits & Trait.STORES:
            return theirs, ours
        pair = tuple(self._with_memory(side, outcome) for side, outcome in ((self.theirs, theirs), (self.ours, ours)))
        return pair[0], pair[1]

    def _with_memory(self, side: ExecuteOracle | Ours, outcome: Outcome) -> Outcome:
        """An outcome with what is in memory now, which is then put back."""
        memory = side.read(DATA, DATA_SIZE)
        if memory != self._data:
            side.write(DATA, self._data)
        return outcome if outcome.raised else attrs.evolve(outcome, memory=memory)
