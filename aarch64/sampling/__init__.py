"""What to try, derived from the definitions: encodings, words, register states, programs; biased towards the edges.

Functions of a `random.Random`, for those who try many thousands of cases:

    rng = random.Random(7)
    draw_encoding(rng, group="Bitfield move").text
    draw_word(rng)
    draw_program(rng, ProgramOptions(with_faults=True)).text

`aarch64.strategies` has the same for Hypothesis, which shrinks what fails. Both draw by the same functions
(`choose_...`), from what `Choices` decides.
"""

from aarch64.sampling.choices import Choices, RandomChoices
from aarch64.sampling.encodings import Encoding, choose_encoding, draw_encoding, encoding, encoding_of
from aarch64.sampling.fields import (
    IMPLEMENTED,
    UNSUPPORTED,
    choose_fields,
    draw_fields,
    edges,
    is_encoding_of,
    is_register,
    samples,
)
from aarch64.sampling.programs import Program, ProgramOptions, choose_program, draw_program
from aarch64.sampling.states import INTERESTING, State, choose_state, draw_state, draw_value, state
from aarch64.sampling.words import Word, WordKind, choose_word, draw_word

__all__ = [
    "IMPLEMENTED",
    "INTERESTING",
    "UNSUPPORTED",
    "Choices",
    "Encoding",
    "Program",
    "ProgramOptions",
    "RandomChoices",
    "State",
    "Word",
    "WordKind",
    "choose_encoding",
    "choose_fields",
    "choose_program",
    "choose_state",
    "choose_word",
    "draw_encoding",
    "draw_fields",
    "draw_program",
    "draw_state",
    "draw_value",
    "draw_word",
    "edges",
    "encoding",
    "encoding_of",
    "is_encoding_of",
    "is_register",
    "samples",
    "state",
]
