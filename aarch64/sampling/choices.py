"""Where the decisions of a generator come from: a `random.Random`, or Hypothesis (see `aarch64.strategies`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_ATTEMPTS = 2000


class Choices(Protocol):
    """Decisions, one after the other. The first option and the number nearest to zero are the simplest."""

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`."""

    def near(self, edges: Sequence[int], low: int, high: int, simplest: int = 0) -> int:
        """A number from `low` to `high`, half of the time one of `edges`; the nearer to `simplest`, the simpler."""

    def one_in(self, count: int) -> bool:
        """True one time in `count`."""

    def until(self, make: Callable[[Choices], T], accept: Callable[[T], bool]) -> T:
        """What `make` makes of these decisions, made anew until it is accepted."""

    def part(self, make: Callable[[Choices], T]) -> T:
        """What `make` makes of these decisions, which belong together: it may be left out as a whole."""


class RandomChoices:
    """Decisions of a `random.Random`: the same for the same seed."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self.integer = source.randint

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return self._source.choice(options)

    def near(self, edges: Sequence[int], low: int, high: int, simplest: int = 0) -> int:  # noqa: ARG002  (not shrunk)
        """One of `edges`, or any number from `low` to `high`."""
        return self._source.choice(edges) if self._source.random() < 0.5 else self._source.randint(low, high)

    def one_in(self, count: int) -> bool:
        """True one time in `count`."""
        return self._source.random() * count < 1

    def until(self, make: Callable[[Choices], T], accept: Callable[[T], bool]) -> T:
        """What `make` makes, again and again until it is accepted."""
        for _ in range(_ATTEMPTS):
            made = make(self)
            if accept(made):
                return made
        raise AssertionError(f"nothing that is accepted in {_ATTEMPTS} attempts")

    def part(self, make: Callable[[Choices], T]) -> T:
        """What `make` makes."""
        return make(self)
