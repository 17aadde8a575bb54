"""The tables of `kprobes/README.md`, made of what the package and its tests have. Run as a script, it writes them anew.

    python -m tests.kprobes.readme

A table is between `<!-- NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path

import attrs

from kprobes import Profile
from kprobes.audit.case import Case
from kprobes.audit.known import FINDINGS
from kprobes.audit.report import state_text
from kprobes.audit.search import Audit
from kprobes.pt_regs import A, D, F, I
from kprobes.rules import Verdict
from kprobes.transitions import State, Transition
from tests.kprobes.guest import KERNELS, of
from tests.kprobes.test_registry import ERRORS, LISTED
from tests.kprobes.test_strip import ENDED_BY_BRK, ENDED_BY_BRK_WITHIN, STEPPED, STEPPED_WITHIN

PAGE = Path(__file__).parents[2] / "kprobes" / "README.md"
NAMES = [kernel.name for kernel in KERNELS]


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    columns = lines[0].count("|") - 1
    return "\n".join((lines[0], "|---" * columns + "|", *lines[1:]))


def _code(table: str) -> str:
    return f"```\n{table.strip()}\n```"


# --- the table of transitions


def _states(states: Iterable[State]) -> str:
    found = list(states)
    if set(found) == set(State):
        return "any"
    if set(found) == set(State) - {State.IDLE}:
        return "any but IDLE"
    return ", ".join(state.name for state in found)


def _following(rows: list[Transition]) -> str:
    if all(row.following is row.state for row in rows):
        return "the same"
    (following,) = {row.following for row in rows}
    return "the interrupted one" if following is None else following.name


def _merged(groups: list[list[Transition]]) -> list[list[Transition]]:
    """Groups of rows that differ in the state and what follows, those that lead to their own state being one group."""
    staying = [group for group in groups if len(group) == 1 and group[0].following is group[0].state]
    if len(staying) < 2:
        return groups
    return [[row for group in staying for row in group], *(group for group in groups if group not in staying)]


def transitions() -> str:
    """Each row, with the kernels that have it so."""
    kernels: dict[Transition, list[str]] = {}
    for kernel in KERNELS:
        for row in kernel.engine.transitions.values():
            kernels.setdefault(row, []).append(kernel.name)
    groups: dict[tuple[object, ...], dict[State | None, list[Transition]]] = {}
    for row, names in sorted(kernels.items(), key=lambda item: (item[0].row, NAMES.index(item[1][0]))):
        alike = groups.setdefault((row.row, row.event, row.action, row.counter, tuple(names)), {})
        alike.setdefault(row.following, []).append(row)
    lines = [
        (
            str(rows[0].row),
            _states(row.state for row in rows),
            rows[0].event.name,
            rows[0].action.name,
            _following(rows),
            rows[0].counter or "-",
            "all" if list(names) == NAMES else ", ".join(names),
        )
        for (*_, names), alike in groups.items()
        for rows in _merged(list(alike.values()))
    ]
    return _table(("row", "state", "event", "action", "then", "misses of", "kernels"), lines)


# --- what kernels differ in


def _shown(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "any number" if value is None else str(value)


def _masks(value: int) -> str:
    return " ".join(name for name, mask in (("D", D), ("A", A), ("I", I), ("F", F)) if value & mask)


def _fields(of_kernels: Sequence[object], but: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for name in (field.name for field in attrs.fields(type(of_kernels[0])) if field.name not in but):
        show = _masks if name == "masks" else _shown
        yield f"`{name}`", *(show(getattr(rules, name)) for rules in of_kernels)


def differences() -> str:
    """The fields of the rules of the engine and of registration, but for what has a table of its own."""
    engines, registrations = [item.engine for item in KERNELS], [item.registration for item in KERNELS]
    rows = [
        *_fields(engines, ("transitions",)),
        ("`slot_words`", *(str(rules.slot_words) for rules in engines)),
        ("`has_fault_handlers`", *(_shown(rules.has_fault_handlers) for rules in engines)),
        ("`has_break_handlers`", *(_shown(rules.has_break_handlers) for rules in engines)),
        *_fields(registrations, ("sections", "unprepared")),
    ]
    return _table(("", *NAMES), (row for row in rows if len(set(row[1:])) > 1))


def errors() -> str:
    """What is refused, and by which kernels."""
    rows = [
        (name, f"-{errno.name}", "all" if len(kernels) == len(KERNELS) else ", ".join(map(of, kernels)))
        for name, _, errno, kernels, _ in ERRORS
        if kernels
    ]
    return _table(("what", "error", "kernels"), rows)


def findings() -> str:
    """What the kernels accept, and what it then does otherwise."""
    rows = [(item.name, ", ".join(item.kernels), f"`{item.shows[0]}`", item.why) for item in FINDINGS]
    return _table(("finding", "kernels", "such as", "what is wrong"), rows)


# --- what an audit finds, kernel by kernel


def _smallest(case: Case) -> str:
    state = state_text(case)
    return f"`{case.text}`, {state}" if state else f"`{case.text}`"


def _break_rows(audit: Audit) -> Iterator[tuple[str, ...]]:
    for name in dict.fromkeys(item.name for item in audit.breaks):
        group = [item for item in audit.breaks if item.name == name]
        definitions = ", ".join(dict.fromkeys(item.which for item in group))
        yield name, definitions, _smallest(group[0].case), group[0].what


def _engine_rows(audit: Audit) -> Iterator[tuple[str, ...]]:
    return ((item.effect.label, item.effect.value, _smallest(item.case), item.what) for item in audit.engine)


def _needless_rows(audit: Audit) -> Iterator[tuple[str, ...]]:
    for rule, verdict in dict.fromkeys((item.rule, item.verdict) for item in audit.needless):
        group = [item for item in audit.needless if (item.rule, item.verdict) == (rule, verdict)]
        way = "out of line" if verdict is Verdict.SLOT else "simulated"
        how = way if verdict is Verdict.SLOT or audit.simulates else f"{way}, but this kernel simulates nothing"
        yield rule.name, rule.source, ", ".join(item.which for item in group), how


AUDITS: dict[str, tuple[tuple[str, ...], Callable[[Audit], Iterable[tuple[str, ...]]]]] = {
    "audit": (("finding", "of", "smallest state, such as", "what goes wrong there"), _break_rows),
    "audit of engines": (("effect", "what it is", "smallest state", "what goes wrong there"), _engine_rows),
    "audit of refusals": (("rule", "function", "refuses", "would do the same"), _needless_rows),
}
"""The header, and the rows of one kernel, of each table; a column with the kernels comes first."""


def audit_of(kernel: Profile) -> Audit:
    """The directed cases alone: random ones are for what is not known yet."""
    return Audit(kernel, cases=0).run()


def _audit_tables() -> dict[str, str]:
    audits = {kernel.name: audit_of(kernel) for kernel in KERNELS}
    tables = {}
    for name, (header, rows_of) in AUDITS.items():
        kernels: dict[tuple[str, ...], list[str]] = {}
        for kernel, audit in audits.items():
            for row in rows_of(audit):
                kernels.setdefault(row, []).append(kernel)
        order = list(dict.fromkeys(row[0] for row in kernels))
        found = sorted(kernels.items(), key=lambda item, order=order: order.index(item[0][0]))
        tables[name] = _table(("kernels", *header), [(", ".join(names), *row) for row, names in found])
    return tables


def shown_rows(name: str, kernel: str) -> set[tuple[str, ...]]:
    """The rows that the page has of a kernel in a table of `AUDITS`."""
    rows = [tuple(line.strip("| ").split(" | ")) for line in shown()[name].splitlines()[2:]]
    return {row[1:] for row in rows if kernel in row[0].split(", ")}


TABLES: dict[str, Callable[[], str]] = {
    "transitions": transitions,
    "stepped": lambda: _code(STEPPED),
    "stepped within": lambda: _code(STEPPED_WITHIN),
    "ended by BRK": lambda: _code(ENDED_BY_BRK),
    "ended by BRK within": lambda: _code(ENDED_BY_BRK_WITHIN),
    "differences": differences,
    "findings": findings,
    "errors": errors,
    "blacklists": lambda: _code(LISTED),
}

_BLOCK = re.compile(r"<!-- ([^>]+?) -->\n(.*?)\n<!-- end -->", re.DOTALL)


def shown() -> dict[str, str]:
    """The tables of the page, by name."""
    return dict(_BLOCK.findall(PAGE.read_text()))


def record() -> None:
    """Write every table as it is now."""
    tables = {name: table() for name, table in TABLES.items()} | _audit_tables()
    page = _BLOCK.sub(lambda block: f"<!-- {block[1]} -->\n{tables[block[1]]}\n<!-- end -->", PAGE.read_text())
    PAGE.write_text(page)


if __name__ == "__main__":
    record()
