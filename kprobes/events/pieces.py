"""Parts of a spec that know where in it they stand, so that every error has its column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from kprobes.events.errors import SpecError

if TYPE_CHECKING:
    from kprobes.events.errors import Conflict, Problem

_WORD = re.compile(r"\S+")


@attrs.frozen
class Piece:
    """The characters `start` to `end` (not included) of a spec."""

    spec: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters."""
        return self.spec[self.start : self.end]

    @property
    def length(self) -> int:
        """How many characters."""
        return self.end - self.start

    def part(self, start: int, end: int | None = None) -> Piece:
        """The characters `start` to `end` of this piece, counted from 0; to its end without `end`."""
        return Piece(self.spec, self.start + start, self.end if end is None else self.start + end)

    def split(self, separator: str) -> tuple[Piece, Piece | None]:
        """What is before the first `separator` and what is after it: None if there is no such character."""
        position = self.text.find(separator)
        if position < 0:
            return self, None
        return self.part(0, position), self.part(position + 1)

    def error(self, problem: Problem | Conflict, offset: int = 0) -> SpecError:
        """The error for a problem that shows at a character of this piece."""
        return SpecError(problem, self.spec, self.start + offset)


def words(spec: str) -> list[Piece]:
    """What white space separates."""
    return [Piece(spec, *match.span()) for match in _WORD.finditer(spec)]
