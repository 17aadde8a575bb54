"""Where another decoder and the architecture part, each with its reason: the tables are the `.toml` files here."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.pattern import Pattern, parse_pattern
from aarch64.isa.table import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aarch64.isa.decoder import Decoded


def _patterns(texts: Iterable[str]) -> tuple[Pattern, ...]:
    return tuple(map(parse_pattern, texts))


@attrs.frozen
class Difference:
    """A reasoned difference between another decoder and us: for which words, and of what kind."""

    kind: str
    """`allocation`: one of us takes the word for unallocated; `text`: both allocate it and print it differently."""
    reason: str
    examples: tuple[int, ...]
    patterns: tuple[Pattern, ...] = attrs.field(default=(), converter=_patterns)
    """The words it is about have one of these patterns, or"""
    features: tuple[str, ...] = ()
    """belong to a definition of one of these features, or"""
    titles: tuple[str, ...] = ()
    """to a definition of one of these titles."""
    equal: tuple[str, ...] = ()
    """Only where these fields are equal."""
    ignored_bits: bool = False
    """Only where bits that are ignored are not as they should be."""

    def explains(self, word: int, kind: str | None) -> bool:
        """Whether it is about this word."""
        if kind != self.kind:
            return False
        decoded = decode(word)
        is_concerned = any(item.matches(word) for item in self.patterns) or self._has_definition(decoded)
        return is_concerned and self._holds(decoded)

    def _has_definition(self, decoded: Decoded | None) -> bool:
        if decoded is None:
            return False
        feature = decoded.definition.feature
        return decoded.definition.title in self.titles or (feature is not None and feature.name in self.features)

    def _holds(self, decoded: Decoded | None) -> bool:
        """Whether what is demanded of the fields and of the bits that are none is so."""
        if decoded is None:
            return not self.equal and not self.ignored_bits
        if self.ignored_bits and decoded.definition.encode(decoded.fields) == decoded.word:
            return False
        return len({decoded.fields.get(name) for name in self.equal}) <= 1


@cache
def read_differences(name: str) -> tuple[Difference, ...]:
    """The reasoned differences of `llvm` or `capstone`."""
    path = Path(__file__).with_name(f"{name}_differences.toml")
    return tuple(Difference(**entry) for entry in tomllib.loads(path.read_text())["difference"])
