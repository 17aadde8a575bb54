"""Exclusive sequences: from a load-exclusive to its store-exclusive no exception may come between, so no probe may be.

The return from a probe's exception forgets the location that is marked (AArch64.ExceptionReturn), so the
store-exclusive would fail, and its loop never end. There are two ways to find the sequences:

- `BackwardScan` is what the kernels do (is_probed_address_atomic): they look at the words before the probed one, up to
  a bound, until one is a load-exclusive (refused) or a store-exclusive (accepted). It follows addresses, not control.
- `ControlFlow` is ours: see there.
"""

from __future__ import annotations

from enum import Enum, unique
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import attrs

from kprobes.ports import Effect

if TYPE_CHECKING:
    from kprobes.ports import Text
    from kprobes.rules import Rule, Words

WORD = 4
WINDOW = 32
"""MAX_ATOMIC_CONTEXT_SIZE, in instructions: the Arm ARM's 128 bytes from a load-exclusive to its store-exclusive."""

_ENDS = Effect.LOAD_EXCLUSIVE | Effect.STORE_EXCLUSIVE | Effect.CLEARS_EXCLUSIVE


class SequenceFinder(Protocol):
    """Knows the exclusive sequences of a text."""

    def opened_by(self, address: int) -> int | None:
        """The address of the load-exclusive whose sequence `address` is taken to be in, None if it is in none."""


class SequenceRule(Protocol):
    """How exclusive sequences are found."""

    @property
    def rule(self) -> Rule:
        """Why what is in one is refused."""

    def over(self, text: Text) -> SequenceFinder:
        """What finds them in a text; it remembers what it has seen, so the text must not change."""


@unique
class Bound(Enum):
    """Where a backward scan ends before its window does."""

    TEXT = "the base of the text; the word at the limit is not looked at, so the window is of 31 words"
    SYMBOL = "the start of the symbol, which is looked at; without a symbol nothing is scanned"


@attrs.frozen
class BackwardScan:
    """The kernels' scan: `loads` and `stores` are what they take for load- and store-exclusive."""

    rule: Rule
    loads: Words
    stores: Words
    bound: Bound

    def over(self, text: Text) -> SequenceFinder:
        """The scan, which remembers nothing."""
        return _Scanner(self, text)


@attrs.frozen
class _Scanner:
    scan: BackwardScan
    text: Text

    def opened_by(self, address: int) -> int | None:
        for position in self._positions(address):
            instruction = self.text.instruction(position)
            if instruction is None or instruction.word in self.scan.stores:
                return None
            if instruction.word in self.scan.loads:
                return position
        return None

    def _positions(self, address: int) -> range:
        """The addresses looked at, the nearest first."""
        limit = address - WINDOW * WORD
        if self.scan.bound is Bound.SYMBOL:
            symbol = self.text.symbol(address)
            last = address if symbol is None else max(limit, symbol.start)
            return range(address - WORD, last - WORD, -WORD)
        base = next((region.start for region in self.text.regions if address in region), limit)
        return range(address - WORD, max(limit, base), -WORD)


@attrs.frozen
class ControlFlow:
    """Our rule: in a sequence is what control may get to from a load-exclusive, and from there to a store-exclusive.

    Another load- or store-exclusive, or CLREX, on the way ends the sequence.

    Control is followed along direct branches, both ways where there are two, into functions that are called and past
    the call, through all of the text. It is not followed through BR, BRA*, RET and ERET: of a sequence with an indirect
    branch or an exception return in it the architecture does not promise that it ever succeeds ("Load-Exclusive and
    Store-Exclusive instruction usage restrictions"). Paths that are never taken count, so the rule refuses too much
    rather than too little; code before the load-exclusive, after the store-exclusive (its retry branch), and on the way
    out without storing is legal.
    """

    rule: Rule

    def over(self, text: Text) -> SequenceFinder:
        """The finder, which looks through all of the text when it is first asked."""
        return _FlowFinder(text)


@attrs.define(slots=False, eq=False)
class _FlowFinder:
    text: Text

    def opened_by(self, address: int) -> int | None:
        return self._inside.get(address)

    @cached_property
    def _inside(self) -> dict[int, int]:
        """What is in a sequence, with the load-exclusive that opens it."""
        opened: dict[int, int] = {}
        predecessors: dict[int, list[int]] = {}
        for load in self._loads():
            self._open(load, opened, predecessors)
        waiting = [address for address in opened if self._has(address, Effect.STORE_EXCLUSIVE)]
        inside: dict[int, int] = {}
        while waiting:
            for before in predecessors.get(waiting.pop(), ()):
                if before not in inside:
                    inside[before] = opened[before]
                    waiting.append(before)
        return inside

    def _loads(self) -> list[int]:
        places = (address for region in self.text.regions for address in range(region.start, region.stop, WORD))
        return [address for address in places if self._has(address, Effect.LOAD_EXCLUSIVE)]

    def _open(self, load: int, opened: dict[int, int], predecessors: dict[int, list[int]]) -> None:
        """Follow control from a load-exclusive to where its sequence ends, noting how it got there."""
        waiting = list(self._successors(load))
        for address in waiting:
            opened.setdefault(address, load)
        while waiting:
            address = waiting.pop()
            if self._has(address, _ENDS):
                continue
            for following in self._successors(address):
                known = predecessors.setdefault(following, [])
                if address not in known:
                    known.append(address)
                if following not in opened:
                    opened[following] = load
                    waiting.append(following)

    def _successors(self, address: int) -> tuple[int, ...]:
        instruction = self.text.instruction(address)
        return () if instruction is None else instruction.successors(address)

    def _has(self, address: int, effects: Effect) -> bool:
        instruction = self.text.instruction(address)
        return instruction is not None and bool(instruction.effects & effects)
