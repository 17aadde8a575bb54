"""Where another emulator and the architecture part, each with its reason: the tables are the `.toml` files here."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from aarch64.fuzz.oracles import Outcome
    from aarch64.isa.definition import Definition
    from aarch64.isa.syntax import Fields


@attrs.frozen
class Difference:
    """A reasoned difference: of which definitions, and in which cases."""

    reason: str
    titles: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    features: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    """Names of features, all of whose definitions are concerned."""
    equal: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    """Only where these fields are equal."""
    outcome: str = "any"
    """Only where ours is a fault for misalignment (`misaligned`), or theirs is an exception (`unknown`)."""

    register_xor: int = 0
    """Only where the registers that differ do so in exactly these bits."""

    def concerns(self, definition: Definition) -> bool:
        """Whether it is about this definition."""
        name = definition.feature.name if definition.feature else None
        return definition.title in self.titles or name in self.features

    def explains(self, definition: Definition, fields: Fields, theirs: Outcome, ours: Outcome) -> bool:
        """Whether it is about this case."""
        if not self.concerns(definition) or len({fields.get(name) for name in self.equal}) > 1:
            return False
        if self.register_xor and {a ^ b for a, b in zip(theirs.x, ours.x, strict=False)} - {0} != {self.register_xor}:
            return False
        return {"any": True, "misaligned": ours.is_misaligned, "unknown": theirs.raised}[self.outcome]


@cache
def read_differences(name: str) -> tuple[Difference, ...]:
    """The reasoned differences of `unicorn`."""
    path = Path(__file__).with_name(f"{name}_differences.toml")
    return tuple(Difference(**entry) for entry in tomllib.loads(path.read_text())["difference"])
