"""Encodings: a definition with allocated field values, printed as what makes it again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import attrs

from aarch64.errors import AArch64Error
from aarch64.isa.decoder import Decoded
from aarch64.isa.selection import NothingSelected, select
from aarch64.isa.table import DECODER
from aarch64.sampling.aliases import boundaries
from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.fields import IMPLEMENTED, choose_any_fields, choose_fields, is_encoding_of
from aarch64.sampling.printing import Expression

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from aarch64.features import Feature
    from aarch64.isa.definition import Definition
    from aarch64.sampling.choices import Choices


@attrs.frozen(repr=False)
class Encoding(Expression):
    """A definition with values of its fields. It is printed as an expression: `encoding(0x8b020020, 'add x0, ...')`."""

    definition: Definition
    fields: dict[str, int] = attrs.field(hash=False)

    @property
    def word(self) -> int:
        """The 32-bit word."""
        return self.definition.encode(self.fields)

    @property
    def text(self) -> str:
        """The assembly, by the definition alone: whatever the decoder says of the word."""
        return Decoded(self.definition, self.word, self.fields).text()

    def __repr__(self) -> str:
        if self._is_what_decodes():
            return f"encoding({self.word:#010x}, {self.text!r})"
        fields = "".join(f", {name}={value}" for name, value in self.fields.items())
        return f"encoding_of({self.definition.pattern.text!r}{fields})"

    def _is_what_decodes(self) -> bool:
        """Whether the word says it all; where the decoder is wrong, it does not."""
        decoded = DECODER.decode(self.word)
        return decoded is not None and (decoded.definition, decoded.fields) == (self.definition, self.fields)


def encoding(word: int, note: str = "") -> Encoding:
    """The encoding that `word` is. `note` is for the reader: its assembly when it was printed.

    Raises:
        AArch64Error: the word is unallocated.
    """
    decoded = DECODER.decode(word)
    if decoded is None:
        raise AArch64Error(f"{word:#010x}{f' ({note})' if note else ''} is unallocated: it is no encoding")
    return Encoding(decoded.definition, dict(decoded.fields))


def encoding_of(pattern: str, **fields: int) -> Encoding:
    """The encoding of the definition with a pattern, without asking the decoder: the proof that the decoder is wrong.

    Raises:
        AArch64Error: no definition has that pattern.
    """
    definition = next((item for item in DECODER.definitions if item.pattern.text == pattern), None)
    if definition is None:
        raise AArch64Error(f"no definition has the pattern {pattern!r}: a64 isa shows those that there are")
    return Encoding(definition, fields)


@cache
def candidates(
    definition: Definition | str | None = None, group: str | None = None, feature: str | Feature | None = None
) -> tuple[Definition, ...]:
    """The implemented definitions called so, the simplest ones first: those that compute on registers, and no more.

    Raises:
        NothingSelected: there are none; told is what there is.
    """
    if definition is None or isinstance(definition, str):
        found = select(IMPLEMENTED, definition, group=group, feature=feature)
    elif group or feature:
        raise NothingSelected("give a definition, or a group and a feature to choose one from: not both")
    else:
        found = (definition,)
    return tuple(sorted(found, key=lambda item: (bool(item.traits), item.feature is not None)))


def choose_encoding(choices: Choices, among: Sequence[Definition]) -> Encoding:
    """An encoding of one of several definitions, one in four of those with aliases where an alias begins to apply."""
    definition = choices.choice(among)
    special = boundaries(definition)
    if not special or not choices.one_in(4):
        return Encoding(definition, choose_fields(choices, definition))
    decisive = choices.choice(choices.choice(special))
    fields = choices.until(
        lambda choices: choose_any_fields(choices, definition) | decisive,
        lambda fields: is_encoding_of(definition, fields),
    )
    return Encoding(definition, fields)


def draw_encoding(
    rng: random.Random,
    definition: Definition | str | None = None,
    *,
    group: str | None = None,
    feature: str | Feature | None = None,
) -> Encoding:
    """A random encoding, of any implemented definition or of those called so, as `strategies.encodings` takes them.

    Raises:
        NothingSelected: no definition is called so; the message lists what there is.
    """
    return choose_encoding(RandomChoices(rng), candidates(definition, group, feature))
