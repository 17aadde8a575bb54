"""Hypothesis strategies, derived from the definitions: encodings, words, register states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from aarch64.sampling import IMPLEMENTED, INTERESTING, State, edges, is_encoding_of

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition


def definitions() -> st.SearchStrategy[Definition]:
    """Any implemented definition."""
    return st.sampled_from(IMPLEMENTED)


def fields_of(definition: Definition) -> st.SearchStrategy[dict[str, int]]:
    """Allocated field values of a definition."""
    values = {
        name: st.sampled_from(edges(field)) | st.integers(field.domain.start, field.domain.stop - 1)
        for name, field in definition.fields.items()
    }
    return st.fixed_dictionaries(values).filter(lambda fields: is_encoding_of(definition, fields))


@st.composite
def encodings(draw: st.DrawFn) -> tuple[Definition, dict[str, int]]:
    """An implemented definition with allocated field values."""
    definition = draw(definitions())
    return definition, draw(fields_of(definition))


def words() -> st.SearchStrategy[int]:
    """Any 32-bit word: uniformly, of a definition, or one bit away from that."""
    valid = encodings().map(lambda encoding: encoding[0].encode(encoding[1]))
    near = st.tuples(valid, st.integers(0, 31)).map(lambda pair: pair[0] ^ (1 << pair[1]))
    return st.integers(0, 0xFFFF_FFFF) | valid | near


def values() -> st.SearchStrategy[int]:
    """Any 64-bit value."""
    return st.sampled_from(INTERESTING) | st.integers(0, (1 << 64) - 1)


def states() -> st.SearchStrategy[State]:
    """Any state."""
    registers = st.lists(values(), min_size=31, max_size=31).map(tuple)
    return st.builds(State, registers, st.integers(0, (1 << 28) - 1).map(lambda n: n << 4), st.integers(0, 15))
