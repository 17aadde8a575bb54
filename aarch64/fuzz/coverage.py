"""What a campaign has met: the definitions of the table that its words belong to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aarch64.isa.table import DECODER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from aarch64.isa.definition import Definition


@cache
def _places() -> Mapping[Definition, int]:
    return {definition: place for place, definition in enumerate(DECODER.definitions)}


def instructions_hit(words: Sequence[int]) -> Iterator[int]:
    """The places in the table of the definitions that words belong to."""
    places = _places()
    for word in words:
        decoded = DECODER.decode(word)
        if decoded is not None:
            yield places[decoded.definition]
