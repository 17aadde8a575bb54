"""32-bit words, most of them near what matters to a decoder."""

from __future__ import annotations

from enum import Enum, unique
from functools import cache
from typing import TYPE_CHECKING, Self

from aarch64.isa.table import disassemble
from aarch64.sampling.aliases import boundaries
from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.encodings import candidates, choose_encoding
from aarch64.sampling.fields import IMPLEMENTED, UNSUPPORTED, choose_any_fields, edges, is_encoding_of

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from aarch64.isa.definition import Definition
    from aarch64.isa.pattern import Field
    from aarch64.sampling.choices import Choices

WORD_BITS = 32


class Word(int):
    """A 32-bit word. It is printed as an expression that shows its assembly: `Word(0x8b020020, 'add x0, x1, x2')`."""

    __slots__ = ()

    def __new__(cls, value: int, note: str = "") -> Self:  # noqa: ARG004  (the note is for the reader)
        """The word `value`; `note` is what it was when it was printed."""
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"Word({self:#010x}, {disassemble(self)!r})"


@unique
class WordKind(Enum):
    """What a word is made to be; the simplest kinds first."""

    ALLOCATED = "an encoding of an implemented definition"
    FIELD_LIMITS = "each field at an end of its range, allocated together or not"
    NEAR_ALIAS = "fields at which the condition of an alias begins or ceases to hold"
    IGNORED_BITS = "an encoding with should-be-one bits, and others that do not matter, set otherwise"
    ONE_BIT_OFF = "an encoding of any definition with one bit turned over"
    UNSUPPORTED = "an allocated encoding that is not implemented"
    UNIFORM = "any 32 bits"


_MORE_ATTEMPTS = 2
"""So often another word is drawn in the place of an unallocated one."""

MIX = (
    WordKind.ALLOCATED,
    WordKind.ALLOCATED,
    WordKind.FIELD_LIMITS,
    WordKind.NEAR_ALIAS,
    WordKind.IGNORED_BITS,
    WordKind.ONE_BIT_OFF,
    WordKind.ONE_BIT_OFF,
    WordKind.UNSUPPORTED,
    WordKind.UNIFORM,
    WordKind.UNIFORM,
)
"""The kinds that words are of by default, each as often as it is here."""


def _allocated(choices: Choices) -> int:
    return choose_encoding(choices, candidates()).word


def _any_allocated(choices: Choices) -> int:
    """Of a definition that is implemented, or, one time in four, of one that is not."""
    return _unsupported(choices) if choices.one_in(4) else _allocated(choices)


def _unsupported(choices: Choices) -> int:
    return choose_encoding(choices, UNSUPPORTED).word


def _field_limits(choices: Choices) -> int:
    definition = choices.choice(candidates())
    return definition.encode({name: choices.choice(_limits(field)) for name, field in definition.fields.items()})


def _limits(field: Field) -> tuple[int, ...]:
    near = edges(field)
    return tuple(dict.fromkeys((*near[:2], *near[-2:])))


def _near_alias(choices: Choices) -> int:
    """Most often an allocated one: only those have a text. Some conditions hold of none."""
    definition = choices.choice(_with_conditional_aliases())
    decisive = choices.choice(choices.choice(boundaries(definition)))
    fields = choose_any_fields(choices, definition) | decisive
    for _ in range(_MORE_ATTEMPTS):
        if is_encoding_of(definition, fields):
            break
        fields = choose_any_fields(choices, definition) | decisive
    return definition.encode(fields)


@cache
def _with_conditional_aliases() -> tuple[Definition, ...]:
    return tuple(definition for definition in candidates() if boundaries(definition))


def _one_bit_off(choices: Choices) -> int:
    return _any_allocated(choices) ^ 1 << choices.integer(0, WORD_BITS - 1)


def _uniform(choices: Choices) -> int:
    return choices.integer(0, (1 << WORD_BITS) - 1)


def _ignored_bits(choices: Choices) -> int:
    word = choose_encoding(choices, _with_ignored_bits())
    ignored = [bit for bit in range(WORD_BITS) if word.definition.pattern.ignored >> bit & 1]
    turned = choices.integer(1, (1 << len(ignored)) - 1)
    return word.word ^ sum(1 << bit for place, bit in enumerate(ignored) if turned >> place & 1)


@cache
def _with_ignored_bits() -> tuple[Definition, ...]:
    return tuple(definition for definition in IMPLEMENTED if definition.pattern.ignored)


_MAKERS: dict[WordKind, Callable[[Choices], int]] = {
    WordKind.ALLOCATED: _allocated,
    WordKind.FIELD_LIMITS: _field_limits,
    WordKind.NEAR_ALIAS: _near_alias,
    WordKind.IGNORED_BITS: _ignored_bits,
    WordKind.ONE_BIT_OFF: _one_bit_off,
    WordKind.UNSUPPORTED: _unsupported,
    WordKind.UNIFORM: _uniform,
}


def choose_word(choices: Choices, kind: WordKind | None = None) -> Word:
    """A word of a kind, or of one drawn from the mix."""
    return Word(_MAKERS[kind or choices.choice(MIX)](choices))


def draw_word(rng: random.Random, kind: WordKind | None = None) -> Word:
    """A random word of a kind, or of one drawn from the mix."""
    return choose_word(RandomChoices(rng), kind)
