"""What goes wrong in a case, in a word and in a sentence, from what a probe changes."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any

from aarch64.syndrome import describe
from kprobes.audit.bench import exception_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprobes.audit.case import Case
    from kprobes.audit.law import Differences, Outcome


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
    def label(self) -> str:
        """What it is called."""
        return self.name.lower().replace("_", "-")


_LEVELS = ("EL1", "EL2", "EL3")
_OF_EXCEPTIONS = frozenset(f"{name}_{level}" for name in ("ELR", "SPSR", "ESR", "FAR") for level in _LEVELS)
_MDSCR = "MDSCR_EL1"
_MDSCR_SS = 1 << 0
_WORD = 4
_SHOWN = 2
_CLAUSES = 3


def symptoms_of(outcome: Outcome) -> list[Symptom]:
    """All that apply, the first one first; none of an outcome without unexplained differences."""
    found = outcome.unexplained
    return [symptom for symptom, applies in _APPLIES.items() if found and applies(outcome, found)]


def sentence(outcome: Outcome) -> str:
    """What the probe changes, the engine's effects on any instruction left out; empty where there is nothing else."""
    found = outcome.unexplained
    clauses = [clause for symptom in symptoms_of(outcome) for clause in _CLAUSE[symptom](outcome, found)]
    if not clauses:
        return ""
    how = "simulated" if outcome.slot is None else "executed in the slot"
    return f"{how}: {'; '.join(clauses[:_CLAUSES])}"


def place(address: int, case: Case, slot: int | None) -> str:
    """An address in hexadecimal, and what is there."""
    known = {case.pc: "the probed address", case.pc + _WORD: "the next instruction"}
    if slot is not None:
        known |= {slot: "the slot", slot + _WORD: "behind the slot"}
    return f"{address:#x} ({known[address]})" if address in known else f"{address:#x}"


# --- which symptoms


def _ends_with_exception(seen: dict[str, Any]) -> bool:
    return exception_level(seen) is not None


def _both_end_with_exceptions(outcome: Outcome) -> bool:
    return _ends_with_exception(outcome.seen) and _ends_with_exception(outcome.told.seen)


_APPLIES: dict[Symptom, Callable[[Outcome, Differences], bool]] = {
    Symptom.MISSED_EXCEPTION: lambda outcome, _: (
        _ends_with_exception(outcome.told.seen) and not _ends_with_exception(outcome.seen)
    ),
    Symptom.NEW_EXCEPTION: lambda outcome, _: (
        _ends_with_exception(outcome.seen) and not _ends_with_exception(outcome.told.seen)
    ),
    Symptom.OTHER_EXCEPTION: lambda outcome, found: (
        _both_end_with_exceptions(outcome) and bool(_OF_EXCEPTIONS & found.keys() or "PSTATE.el" in found)
    ),
    Symptom.ASTRAY: lambda outcome, found: (
        "pc" in found and not _ends_with_exception(outcome.seen) and not _ends_with_exception(outcome.told.seen)
    ),
    Symptom.WAITING: lambda _, found: "waiting" in found,
    Symptom.STEPPING: lambda _, found: _MDSCR in found,
    Symptom.RESULT: lambda outcome, found: bool(_results(outcome, found)),
    Symptom.MEMORY: lambda _, found: any(name.startswith("memory") for name in found),
    Symptom.PSTATE: lambda outcome, found: bool(_pstate(outcome, found)),
    Symptom.SYSTEM: lambda outcome, found: bool(_others(outcome, found)),
}


def _results(_outcome: Outcome, found: Differences) -> list[str]:
    general = (name for name in found if name[0] == "x" and name[1:].isdecimal())
    stacks = (name for name in found if name.startswith("SP_"))
    return [*sorted(general, key=lambda name: int(name[1:])), *stacks]


def _pstate(outcome: Outcome, found: Differences) -> list[str]:
    """The fields of PSTATE that differ; those that an exception sets differ wherever one is missed."""
    by_exception = _ends_with_exception(outcome.seen) != _ends_with_exception(outcome.told.seen)
    return [] if by_exception else [name for name in found if name.startswith("PSTATE.")]


def _others(outcome: Outcome, found: Differences) -> list[str]:
    told = {"pc", "waiting", _MDSCR, *_results(outcome, found)}
    if _ends_with_exception(outcome.seen) or _ends_with_exception(outcome.told.seen):
        told |= _OF_EXCEPTIONS
    return [name for name in found if name not in told and not name.startswith(("PSTATE.", "memory"))]


# --- their words


def _exception(seen: dict[str, Any]) -> str:
    level = seen["PSTATE.el"]
    text = describe(seen[f"ESR_EL{level}"], seen[f"FAR_EL{level}"])
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def _missed(outcome: Outcome, _found: Differences) -> Iterator[str]:
    yield f"it goes on at {_goes_on(outcome, outcome.seen)} instead of ending with {_exception(outcome.told.seen)}"


def _new(outcome: Outcome, _found: Differences) -> Iterator[str]:
    elr = f"ELR_EL{outcome.seen['PSTATE.el']}"
    told = f"{elr} {place(outcome.seen[elr], outcome.case, outcome.slot)}"
    wanted = _goes_on(outcome, outcome.told.seen)
    yield f"it ends with {_exception(outcome.seen)}, {told}, instead of going on at {wanted}"


def _other(outcome: Outcome, found: Differences) -> Iterator[str]:
    seen, wanted = _exception(outcome.seen), _exception(outcome.told.seen)
    if seen != wanted:
        yield f"it ends with {seen} instead of {wanted}"
        return
    names = sorted(_OF_EXCEPTIONS & found.keys())
    yield f"it ends with {seen}"
    yield from _values(outcome, found, names)


def _astray(outcome: Outcome, _found: Differences) -> Iterator[str]:
    yield f"it goes on at {_goes_on(outcome, outcome.seen)} instead of {_goes_on(outcome, outcome.told.seen)}"


def _goes_on(outcome: Outcome, seen: dict[str, Any]) -> str:
    return place(seen["pc"], outcome.case, outcome.slot)


def _waiting(outcome: Outcome, _found: Differences) -> Iterator[str]:
    yield "it waits" if outcome.seen["waiting"] else "it does not wait"


def _stepping(outcome: Outcome, found: Differences) -> Iterator[str]:
    seen, wanted = found[_MDSCR]
    if seen & ~wanted & _MDSCR_SS:
        yield "stepping stays on (MDSCR_EL1.SS)"
    else:
        yield from _values(outcome, found, [_MDSCR])


def _values(outcome: Outcome, found: Differences, names: list[str]) -> Iterator[str]:
    for name in names[:_SHOWN]:
        seen, wanted = (_value(value, outcome) for value in found[name])
        yield f"{name.upper() if name.startswith('PSTATE.') else name} is {seen} instead of {wanted}"
    if len(names) > _SHOWN:
        yield f"{', '.join(names[_SHOWN:])} differ, too"


def _value(value: Any, outcome: Outcome) -> str:
    return place(value, outcome.case, outcome.slot) if isinstance(value, int) else shown_value(value)


def _memory(_outcome: Outcome, found: Differences) -> Iterator[str]:
    yield from (f"{name} is another one" for name in found if name.startswith("memory"))


_CLAUSE: dict[Symptom, Callable[[Outcome, Differences], Iterator[str]]] = {
    Symptom.MISSED_EXCEPTION: _missed,
    Symptom.NEW_EXCEPTION: _new,
    Symptom.OTHER_EXCEPTION: _other,
    Symptom.ASTRAY: _astray,
    Symptom.WAITING: _waiting,
    Symptom.STEPPING: _stepping,
    Symptom.RESULT: lambda outcome, found: _values(outcome, found, _results(outcome, found)),
    Symptom.MEMORY: _memory,
    Symptom.PSTATE: lambda outcome, found: _values(outcome, found, _pstate(outcome, found)),
    Symptom.SYSTEM: lambda outcome, found: _values(outcome, found, _others(outcome, found)),
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
