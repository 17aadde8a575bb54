"""Specs as text: a line of kprobe_events (trace_kprobe_create_internal in trace_kprobe.c, dyn_event_release).

    p[:[GRP/][EVENT]] SYMBOL[+OFFSET]|ADDRESS [ARGUMENTS]     a probe
    r[MAX][:[GRP/][EVENT]] SYMBOL|ADDRESS [ARGUMENTS]         a return probe
    p[:[GRP/][EVENT]] SYMBOL%return [ARGUMENTS]               likewise
    -:[GRP/]EVENT                                             clear an event

There are no modules, so no MOD:SYMBOL. A dot separates the group as a slash does.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from kprobes.events.errors import Problem, SpecError
from kprobes.events.fetch_syntax import IDENTIFIER, Scope, parse_args, split_symbol
from kprobes.events.limits import DEFAULT_GROUP, MAX_MAXACTIVE, MAX_NAME, MAX_PLACE_OFFSET
from kprobes.events.numbers import parse_unsigned
from kprobes.events.pieces import words
from kprobes.events.spec import AddressPlace, ClearSpec, ProbeKind, ProbeSpec, SymbolPlace, default_event

if TYPE_CHECKING:
    from kprobes.events.fetch_syntax import CountSymbols
    from kprobes.events.pieces import Piece
    from kprobes.events.spec import Place, Spec

_GROUP = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*")
_KINDS = {kind.value: kind for kind in ProbeKind}
_CLEAR = "-:"
_RETURN_SUFFIX = "return"


def _any_symbol(name: str) -> int:  # noqa: ARG001  # one of every name
    return 1


def parse(text: str, count_symbols: CountSymbols = _any_symbol) -> Spec:
    """A spec; `count_symbols` tells how many symbols have a name, and by default one has any.

    Raises:
        SpecError: the text is no spec, or names a symbol that does not exist or is not unique.
    """
    found = words(text)
    if not found:
        raise SpecError(Problem.BAD_COMMAND, text, len(text))
    if found[0].text.startswith(_CLEAR):
        return _parse_clear(found)
    return _parse_probe(found, count_symbols)


def _parse_clear(found: list[Piece]) -> ClearSpec:
    if len(found) > 1:
        raise found[1].error(Problem.EXTRA_WORD)
    names = found[0].part(len(_CLEAR))
    group, event = _parse_names(names)
    if event is None:
        raise names.error(Problem.NO_EVENT_NAME, names.length)
    return ClearSpec(group, event)


def _parse_probe(found: list[Piece], count_symbols: CountSymbols) -> ProbeSpec:
    command, *rest = found
    kind, maxactive, names = _parse_command(command)
    if not rest:
        raise command.error(Problem.NO_PLACE, command.length)
    kind, place = _parse_place(rest[0], kind, count_symbols)
    group, event = _parse_names(names) if names is not None else (None, None)
    at_entry = isinstance(place, SymbolPlace) and place.offset == 0
    args = parse_args(rest[1:], Scope(kind, at_entry, count_symbols))
    return ProbeSpec(kind, group or DEFAULT_GROUP, event or default_event(kind, place), place, maxactive, args)


def _parse_command(command: Piece) -> tuple[ProbeKind, int, Piece | None]:
    """The first word: the kind, the number of instances, and what is after the colon."""
    kind = _KINDS.get(command.text[0])
    if kind is None:
        raise command.error(Problem.BAD_COMMAND)
    number, names = command.part(1).split(":")
    if not number.text:
        return kind, 0, names
    if number.text[0] not in string.digits:
        raise number.error(Problem.BAD_COMMAND)
    if kind is not ProbeKind.RETURN:
        raise number.error(Problem.BAD_MAXACT_TYPE)
    return kind, _parse_maxactive(number), names


def _parse_maxactive(number: Piece) -> int:
    maxactive = parse_unsigned(number.text)
    if not maxactive:
        raise number.error(Problem.BAD_MAXACT)
    if maxactive > MAX_MAXACTIVE:
        raise number.error(Problem.MAXACT_TOO_BIG)
    return maxactive


def _parse_place(word: Piece, kind: ProbeKind, count_symbols: CountSymbols) -> tuple[ProbeKind, Place]:
    """The second word, which can make a probe a return probe."""
    address = parse_unsigned(word.text)
    if address is not None:
        return kind, AddressPlace(address)
    symbol, suffix = word.split("%")
    if suffix is None:
        return kind, _parse_symbol(symbol, kind, count_symbols)
    if suffix.text != _RETURN_SUFFIX:
        raise symbol.error(Problem.BAD_ADDR_SUFFIX, symbol.length)
    return ProbeKind.RETURN, _parse_symbol(symbol, ProbeKind.RETURN, count_symbols)


def _parse_symbol(word: Piece, kind: ProbeKind, count_symbols: CountSymbols) -> SymbolPlace:
    found = split_symbol(word.text)
    if found is None or not 0 <= found[1] <= MAX_PLACE_OFFSET:
        raise word.error(Problem.BAD_PROBE_ADDR)
    symbol, offset = found
    count = count_symbols(symbol)
    if count != 1:
        raise word.error(Problem.NON_UNIQ_SYMBOL if count else Problem.NO_SYMBOL)
    if kind is ProbeKind.RETURN and offset:
        raise word.error(Problem.BAD_RETPROBE)
    return SymbolPlace(symbol, offset)


def _parse_names(names: Piece) -> tuple[str | None, str | None]:
    """The group and the event, None for what is not given (traceprobe_parse_event_name)."""
    group, event = names.split("/")
    if event is None:
        group, event = names.split(".")
    if event is None:
        return None, _parse_event(names)
    if not group.text:
        raise group.error(Problem.NO_GROUP_NAME)
    if group.length > MAX_NAME:
        raise group.error(Problem.GROUP_TOO_LONG)
    if not _GROUP.fullmatch(group.text):
        raise group.error(Problem.BAD_GROUP_NAME)
    return group.text, _parse_event(event) if event.text else None


def _parse_event(event: Piece) -> str:
    if not event.text:
        raise event.error(Problem.NO_EVENT_NAME)
    if event.length > MAX_NAME:
        raise event.error(Problem.EVENT_TOO_LONG)
    if not IDENTIFIER.fullmatch(event.text):
        raise event.error(Problem.BAD_EVENT_NAME)
    return event.text
