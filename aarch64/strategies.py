"""Hypothesis strategies, derived from the definitions: encodings, words, register states, programs.

    from hypothesis import given
    from aarch64.strategies import encoding, encodings

    @given(encodings(group="Bitfield move"))
    def test_my_decoder(found):
        assert my_decoder(found.word) == found.text

What fails shrinks to the simplest readable case (the lowest registers, the smallest immediates, no shift) and is
printed as an expression with its assembly, which can be pasted into an `@example` where the names of this module are
imported. They come with the extra `fuzz` of this package. `aarch64.sampling` has the same for a `random.Random`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hypothesis import strategies as st

from aarch64.sampling.encodings import Encoding, candidates, choose_encoding, encoding, encoding_of
from aarch64.sampling.fields import choose_fields
from aarch64.sampling.programs import DEFAULTS, Program, ProgramOptions, choose_program, straight_definitions
from aarch64.sampling.states import State, choose_state, choose_value, state
from aarch64.sampling.words import Word, WordKind, choose_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aarch64.features import Feature
    from aarch64.isa.definition import Definition
    from aarch64.sampling.choices import Choices

__all__ = [
    "DrawnChoices",
    "Encoding",
    "Program",
    "ProgramOptions",
    "State",
    "Word",
    "WordKind",
    "definitions",
    "encoding",
    "encoding_of",
    "encodings",
    "fields_of",
    "programs",
    "state",
    "states",
    "values",
    "words",
]

T = TypeVar("T")


class DrawnChoices:
    """Decisions of Hypothesis, which it can shrink: `Choices` for a function decorated with `composite`."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._drawn = 0

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""
        self._drawn += 1
        return self._draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, the first one the simplest."""
        if len(options) == 1:  # of which Hypothesis makes no decision
            return options[self.integer(0, 0)]
        self._drawn += 1
        return self._draw(st.sampled_from(options))

    def near(self, edges: Sequence[int], low: int, high: int, simplest: int = 0) -> int:
        """A number from `low` to `high`, half of the time one of `edges`."""
        edge = self.choice((None,) * len(edges) + tuple(edges))
        # An edge is drawn a second time, as a number, so that it can be shrunk to one that is none.
        return self.integer(low, high) ^ simplest if edge is None else self.integer(edge, edge)

    def one_in(self, count: int) -> bool:
        """True one time in `count`; False is the simpler."""
        return self.integer(0, count - 1) == count - 1

    def until(self, make: Callable[[Choices], T], accept: Callable[[T], bool]) -> T:
        """What `make` makes, if it is accepted; else Hypothesis tries anew."""
        made, drawn = self._draw(_counted(make).filter(lambda found: accept(found[0])))
        self._drawn += drawn
        return made

    def part(self, make: Callable[[Choices], T]) -> T:
        """What `make` makes, in a span of its own."""
        made, drawn = self._draw(_counted(make))
        self._drawn += drawn
        return made

    def fill(self, length: int) -> int:
        """Draw until `length` decisions were made; how many were."""
        for _ in range(length - self._drawn):
            self.integer(0, 0)
        return self._drawn


@st.composite
def _counted(draw: st.DrawFn, make: Callable[[Choices], T]) -> tuple[T, int]:
    choices = DrawnChoices(draw)
    return make(choices), choices.fill(0)


@st.composite
def _drawn(draw: st.DrawFn, make: Callable[[Choices], T], length: int = 0) -> T:
    """What `make` makes; with `length`, of so many decisions, for Hypothesis thinks that fewer of them are simpler."""
    choices = DrawnChoices(draw)
    made = make(choices)
    choices.fill(length)
    return made


_MOST_DECISIONS = 24
"""No word takes more."""


def definitions() -> st.SearchStrategy[Definition]:
    """Any implemented definition."""
    return st.sampled_from(candidates())


def fields_of(definition: Definition) -> st.SearchStrategy[dict[str, int]]:
    """Allocated field values of a definition, half of them at the edges."""
    return _drawn(lambda choices: choose_fields(choices, definition))


def encodings(
    definition: Definition | str | None = None, *, group: str | None = None, feature: str | Feature | None = None
) -> st.SearchStrategy[Encoding]:
    """Encodings of implemented definitions: all, or those of a title, a group, a feature.

    Args:
        definition: a definition, or its title ("ADD (immediate)"), or part of titles, or one with * and ?.
        group: part of the title of a group of the Arm ARM, such as "Add and subtract": `a64 isa --totals` lists them.
        feature: `FEAT_LSE` or `LSE`.

    Raises:
        NothingSelected: no implemented definition is called so; the message lists what there is.
    """
    among = candidates(definition, group, feature)
    return _drawn(lambda choices: choose_encoding(choices, among), _MOST_DECISIONS)


def words(kind: WordKind | None = None) -> st.SearchStrategy[Word]:
    """32-bit words (they are ints) of a kind, or of all kinds as `aarch64.sampling.words.MIX` has them."""
    return _drawn(lambda choices: choose_word(choices, kind), _MOST_DECISIONS)


def values() -> st.SearchStrategy[int]:
    """Any 64-bit value, half of the time one at which arithmetic changes its behaviour."""
    return _drawn(choose_value)


def states(around: int | None = None) -> st.SearchStrategy[State]:
    """Any state of the registers; with `around`, most hold addresses within 1KB of it, and SP an aligned one."""
    return _drawn(lambda choices: choose_state(choices, around))


def programs(options: ProgramOptions = DEFAULTS) -> st.SearchStrategy[Program]:
    """Programs that run by themselves, and end (see `aarch64.sampling.programs`).

    Raises:
        NothingSelected: no instruction is of that group, feature and machine.
    """
    straight_definitions(options.group, options.feature, options.available)  # now, and not when one is drawn
    return _drawn(lambda choices: choose_program(choices, options))
