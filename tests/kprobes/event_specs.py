"""Strategies that draw specs: any probe and any clear that the language can say."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from kprobes.events import AddressPlace, ClearSpec, FetchArg, FetchType, ProbeKind, ProbeSpec, SymbolPlace
from kprobes.events.expressions import (
    REGISTERS,
    Argument,
    AtAddress,
    AtSymbol,
    Dereference,
    Immediate,
    ImmediateText,
    Register,
    ReturnValue,
    Space,
    StackEntry,
    StackPointer,
)
from kprobes.events.limits import MAX_ARG_TEXT, RESERVED_NAMES
from kprobes.events.types import TEXT_TYPE, TYPES, Bitfield, String

_WORD = string.ascii_letters + string.digits + "_"
_U64 = st.integers(0, (1 << 64) - 1)
_S64 = st.integers(-1 << 63, (1 << 63) - 1)


def _near_zero(numbers):
    return st.integers(0, 64) | numbers


def identifiers(longest):
    """Names of events and arguments."""
    return st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True).map(lambda name: name[:longest])


def symbols():
    """Names that linkers accept, with what C++ and compilers put into them; and some that are odder."""
    return st.text(_WORD + '.$@"=[]ü', min_size=1, max_size=12).filter(lambda name: name[0] not in string.digits)


def places():
    """Where a probe can be."""
    return st.builds(SymbolPlace, symbols(), _near_zero(st.integers(0, 0xFFFF_FFFF))) | st.builds(AddressPlace, _U64)


def _leaves(kind, place):
    leaves = [
        st.sampled_from(sorted(REGISTERS)).map(Register),
        st.just(StackPointer()),
        st.integers(0, 2048).map(StackEntry),
        _U64.map(Immediate),
        _U64.map(AtAddress),
        st.builds(AtSymbol, symbols(), _near_zero(_S64)),
    ]
    if kind is ProbeKind.RETURN:
        return st.one_of(*leaves, st.just(ReturnValue()))
    if isinstance(place, SymbolPlace) and place.offset == 0:
        return st.one_of(*leaves, st.integers(1, 8).map(Argument))
    return st.one_of(*leaves)


def _dereferences(base):
    return st.builds(Dereference, _near_zero(_S64), base, st.sampled_from(Space))


def _numbers():
    return st.sampled_from([item for item in TYPES.values() if not isinstance(item, String)]) | bitfields()


@st.composite
def bitfields(draw):
    """Fields of 1 bit up to the whole container."""
    container = draw(st.sampled_from([8, 16, 32, 64]))
    offset = draw(st.integers(0, container - 1))
    return Bitfield(draw(st.integers(1, container - offset)), offset, container)


def _typed(base):
    """Expressions with types they can have."""
    pointers = st.recursive(base, _dereferences, max_leaves=4)
    elements = st.one_of(_numbers(), st.sampled_from(String))
    memory = _dereferences(pointers) | _U64.map(AtAddress)
    texts = st.text(_WORD + "\"\\=+%[](),'ü", max_size=20).map(ImmediateText)
    return st.one_of(
        st.tuples(pointers, st.builds(FetchType, _numbers())),
        st.tuples(memory, st.builds(FetchType, elements, st.integers(0, 64))),
        st.tuples(texts, st.just(TEXT_TYPE)),
    )


def _args(kind, place):
    arg = st.builds(lambda name, typed: FetchArg(name, *typed), identifiers(32), _typed(_leaves(kind, place)))
    fitting = arg.filter(lambda item: len(item.body) <= MAX_ARG_TEXT and item.name not in RESERVED_NAMES)
    return st.lists(fitting, max_size=5, unique_by=lambda item: item.name).map(tuple)


@st.composite
def probes(draw):
    """Probes with arguments that they can have."""
    kind = draw(st.sampled_from(ProbeKind))
    place = draw(places())
    maxactive = 0
    if kind is ProbeKind.RETURN:
        maxactive = draw(st.integers(0, 4096))
        place = SymbolPlace(place.symbol) if isinstance(place, SymbolPlace) else place
    group = draw(st.from_regex(r"[A-Za-z_-][A-Za-z0-9_-]*", fullmatch=True))[:63]
    return ProbeSpec(kind, group, draw(identifiers(63)), place, maxactive, draw(_args(kind, place)))


def specs():
    """Anything `parse` can return."""
    return probes() | st.builds(ClearSpec, st.none() | identifiers(63), identifiers(63))
