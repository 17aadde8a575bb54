"""What goes wrong in a case, in a word and in a sentence, from what a probe changes."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any

from aarch64.syndrome import describe
from kprobes.audit.bench import exception_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kprobes.audit.case import Case
    from kprobes.audit.law import Comparison


@unique
class Symptom(Enum):
    """In what the outcome is another one: the first of these that applies."""

    MISSED_EXCEPTION = "it does not end with the exception that it ends with"
    NEW_EXCEPTION = "it ends with an exception that it does not end with"
    OTHER_EXCEPTION = "it ends with another exception, or the exception tells something else"
    ASTRAY = "it goes on elsewhere"
    WAITING = "it waits, or does not wait"
    STEPPING = "stepping stays on"
    RESULT = "a register has another value"
    MEMORY = "memory has another content"
    PSTATE = "PSTATE is another one"
    SYSTEM = "a system register, or the TLB, is another one"

    @property
    def rank(self) -> int:
        """Its place among them: lower is plainer to see."""
        return list(Symptom).index(self)

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name.lower().replace("_", "-")


_LEVELS = ("EL1", "EL2", "EL3")
_OF_EXCEPTIONS = frozenset(f"{name}_{level}" for name in ("ELR", "SPSR", "ESR", "FAR") for level in _LEVELS)
_ENDED_OTHERWISE = _OF_EXCEPTIONS | {"pc", "PSTATE.el"}
_MDSCR = "MDSCR_EL1"
_MDSCR_SS = 1 << 0
_WORD = 4
_SHOWN = 2
_CLAUSES = 3


def symptoms_of(compared: Comparison) -> list[Symptom]:
    """All that apply, the first one first; none where nothing differs."""
    return [symptom for symptom, applies in _APPLIES.items() if compared.differences and applies(compared)]


def sentence(compared: Comparison) -> str:
    """What goes wrong; empty where nothing differs."""
    clauses = [clause for symptom in symptoms_of(compared) for clause in _CLAUSE[symptom](compared)]
    if not clauses:
        return ""
    how = "simulated" if compared.slot is None else "executed in the slot"
    return f"{how}: {'; '.join(clauses[:_CLAUSES])}"


def place(address: int, case: Case, slot: int | None) -> str:
    """An address in hexadecimal, and what is there."""
    known = {case.pc: "the probed address", case.pc + _WORD: "the next instruction"}
    if slot is not None:
        known |= {slot: "the slot", slot + _WORD: "behind the slot"}
    return f"{address:#x} ({known[address]})" if address in known else f"{address:#x}"


# --- which symptoms


def _ends_with_exception(seen: Mapping[str, Any]) -> bool:
    return exception_level(seen) is not None


def _both_end_with_exceptions(compared: Comparison) -> bool:
    return _ends_with_exception(compared.seen) and _ends_with_exception(compared.wanted)


_APPLIES: dict[Symptom, Callable[[Comparison], bool]] = {
    Symptom.MISSED_EXCEPTION: lambda compared: (
        _ends_with_exception(compared.wanted) and not _ends_with_exception(compared.seen)
    ),
    Symptom.NEW_EXCEPTION: lambda compared: (
        _ends_with_exception(compared.seen) and not _ends_with_exception(compared.wanted)
    ),
    Symptom.OTHER_EXCEPTION: lambda compared: (
        _both_end_with_exceptions(compared) and bool(_ENDED_OTHERWISE & compared.differences.keys())
    ),
    Symptom.ASTRAY: lambda compared: (
        "pc" in compared.differences
        and not _ends_with_exception(compared.seen)
        and not _ends_with_exception(compared.wanted)
    ),
    Symptom.WAITING: lambda compared: "waiting" in compared.differences,
    Symptom.STEPPING: lambda compared: _MDSCR in compared.differences,
    Symptom.RESULT: lambda compared: bool(_results(compared)),
    Symptom.MEMORY: lambda compared: any(name.startswith("memory") for name in compared.differences),
    Symptom.PSTATE: lambda compared: bool(_pstate(compared)),
    Symptom.SYSTEM: lambda compared: bool(_others(compared)),
}


def _results(compared: Comparison) -> list[str]:
    general = (name for name in compared.differences if name[0] == "x" and name[1:].isdecimal())
    stacks = (name for name in compared.differences if name.startswith("SP_"))
    return [*sorted(general, key=lambda name: int(name[1:])), *stacks]


def _pstate(compared: Comparison) -> list[str]:
    """The fields of PSTATE that differ; those that an exception sets differ wherever one is missed."""
    by_exception = _ends_with_exception(compared.seen) != _ends_with_exception(compared.wanted)
    return [] if by_exception else [name for name in compared.differences if name.startswith("PSTATE.")]


def _others(compared: Comparison) -> list[str]:
    told = {"pc", "waiting", _MDSCR, *_results(compared)}
    if _ends_with_exception(compared.seen) or _ends_with_exception(compared.wanted):
        told |= _OF_EXCEPTIONS
    return [name for name in compared.differences if name not in told and not name.startswith(("PSTATE.", "memory"))]


# --- their words


def _exception(seen: Mapping[str, Any]) -> str:
    level = seen["PSTATE.el"]
    text = describe(seen[f"ESR_EL{level}"], seen[f"FAR_EL{level}"])
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def _missed(compared: Comparison) -> Iterator[str]:
    yield f"it goes on at {_goes_on(compared, compared.seen)} instead of ending with {_exception(compared.wanted)}"


def _new(compared: Comparison) -> Iterator[str]:
    elr = f"ELR_EL{compared.seen['PSTATE.el']}"
    told = f"{elr} {place(compared.seen[elr], compared.case, compared.slot)}"
    wanted = _goes_on(compared, compared.wanted)
    yield f"it ends with {_exception(compared.seen)}, {told}, instead of going on at {wanted}"


def _other(compared: Comparison) -> Iterator[str]:
    seen, wanted = _exception(compared.seen), _exception(compared.wanted)
    if seen != wanted:
        yield f"it ends with {seen} instead of {wanted}"
        return
    names = sorted(_ENDED_OTHERWISE & compared.differences.keys())
    yield f"it ends with {seen}"
    yield from _values(compared, names)


def _astray(compared: Comparison) -> Iterator[str]:
    yield f"it goes on at {_goes_on(compared, compared.seen)} instead of {_goes_on(compared, compared.wanted)}"


def _goes_on(compared: Comparison, seen: Mapping[str, Any]) -> str:
    return place(seen["pc"], compared.case, compared.slot)


def _waiting(compared: Comparison) -> Iterator[str]:
    yield "it waits" if compared.seen["waiting"] else "it does not wait"


def _stepping(compared: Comparison) -> Iterator[str]:
    seen, wanted = compared.differences[_MDSCR]
    if seen & ~wanted & _MDSCR_SS:
        yield "stepping stays on (MDSCR_EL1.SS)"
    else:
        yield from _values(compared, [_MDSCR])


def _values(compared: Comparison, names: list[str]) -> Iterator[str]:
    for name in names[:_SHOWN]:
        seen, wanted = (_value(value, compared) for value in compared.differences[name])
        yield f"{name.upper() if name.startswith('PSTATE.') else name} is {seen} instead of {wanted}"
    if len(names) > _SHOWN:
        yield f"{', '.join(names[_SHOWN:])} differ, too"


def _value(value: Any, compared: Comparison) -> str:
    return place(value, compared.case, compared.slot) if isinstance(value, int) else shown_value(value)


def _memory(compared: Comparison) -> Iterator[str]:
    yield from (f"{name} is another one" for name in compared.differences if name.startswith("memory"))


_CLAUSE: dict[Symptom, Callable[[Comparison], Iterator[str]]] = {
    Symptom.MISSED_EXCEPTION: _missed,
    Symptom.NEW_EXCEPTION: _new,
    Symptom.OTHER_EXCEPTION: _other,
    Symptom.ASTRAY: _astray,
    Symptom.WAITING: _waiting,
    Symptom.STEPPING: _stepping,
    Symptom.RESULT: lambda compared: _values(compared, _results(compared)),
    Symptom.MEMORY: _memory,
    Symptom.PSTATE: lambda compared: _values(compared, _pstate(compared)),
    Symptom.SYSTEM: lambda compared: _values(compared, _others(compared)),
}


def shown_value(value: Any) -> str:
    """What was seen, as text: numbers in hexadecimal, of much only how much there is."""
    if isinstance(value, bool) or value is None:
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:#x}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, set | frozenset):
        return f"{len(value)} entries"
    return str(getattr(value, "name", value)).lower()
