"""`a64 probe --audit`: what a profile accepts and does otherwise, and what it refuses though it need not."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aarch64.sampling import UNSUPPORTED
from cli import console
from cli.console import InputError, Span, Style, blaming, heading
from cli.report import fitted
from kprobes.audit.report import state_text
from kprobes.audit.search import Audit
from kprobes.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kprobes.audit.case import Case
    from kprobes.audit.report import Break, EngineBreak, Needless
    from kprobes.profiles import Profile

_INDENT = "  "
_DEEPER = "      "
_HOW = {Verdict.SLOT: "out of line", Verdict.SIMULATE: "simulated"}
_CAUTION = (
    "The plain state is EL1 with SP_EL1, the MMU off, nothing masked, registers 0. This was a search: what it found is "
    "so; what it did not find is not proved. A case is one instruction: probes within exclusive sequences, and what "
    "the rules for those refuse, are not part of it."
)


def show_audit(profile: Profile, seed: int, cases: int | None, json: str | None) -> None:
    """Search, and tell what was found: as text, or as JSON into a file; Ctrl-C ends the search, not the telling."""
    audit = Audit(profile, seed=seed) if cases is None else Audit(profile, seed=seed, cases=cases)
    with _told_to(json) as tell:
        interruption = _search(audit)
        tell(audit)
    if interruption is not None:
        raise interruption


def _search(audit: Audit) -> KeyboardInterrupt | None:
    """Search, with progress, and give what ended it before its end, if anything."""
    name, count = audit.profile.name, len(audit.definitions)
    try:
        for done in audit.search():
            console.progress(f"{name}: {done} of {count} definitions, {len(audit.breaks)} findings")
    except KeyboardInterrupt as error:
        return error
    finally:
        console.progress("")
    return None


@contextmanager
def _told_to(json: str | None) -> Iterator[Callable[[Audit], None]]:
    """What tells of an audit, as text or as JSON; a file is opened at once, as the search takes long."""
    if json == "":
        raise InputError("--json: give a file, or - for standard output")
    if json is None:
        yield lambda audit: console.write(_page(audit))
        return
    if json == "-":
        yield lambda audit: console.write_json(as_json(audit))
        return
    with blaming(json), Path(json).open("w", encoding="utf-8") as file:
        yield lambda audit: print(console.json_lines(as_json(audit)), end="", file=file)


def as_json(audit: Audit) -> dict[str, Any]:
    """What an audit found; `searched` is less than `definitions` where it was interrupted."""
    return {
        "profile": audit.profile.name,
        "seed": audit.seed,
        "random_cases": audit.cases,
        "definitions": len(audit.definitions),
        "searched": audit.searched,
        "not_implemented": len(UNSUPPORTED),
        "tried": audit.tried,
        "accepted_but_breaks": [item.as_json() for item in audit.breaks],
        "engine": [item.as_json() for item in audit.engine],
        "refused_needlessly": [item.as_json() for item in audit.needless],
    }


# --- the page


def _page(audit: Audit) -> Iterator[console.Line]:
    profile = audit.profile
    yield from _titled("audit", f"profile {profile.name}, {profile.summary}")
    yield from fitted(_extent(audit), sys.stdout)
    yield ""
    yield from _breaks(audit.breaks)
    yield ""
    yield from _engine(audit.engine)
    yield ""
    yield from _needless(audit)
    yield ""
    yield from fitted(_CAUTION, sys.stdout)


def _extent(audit: Audit) -> str:
    definitions = f"{len(audit.definitions)} definitions"
    searched = definitions if audit.is_complete else f"{audit.searched} of {definitions}, then it was interrupted"
    return (
        f"{audit.tried} cases of {searched}; {len(UNSUPPORTED)} more are not implemented, and nothing is known of them"
    )


def _titled(title: str, text: str) -> Iterator[console.Line]:
    first, *others = fitted(f"{title}: {text}", sys.stdout)
    yield [heading(title), first.removeprefix(title)]
    yield from others


def _named(name: str, text: str, style: Style) -> Iterator[console.Line]:
    first, *others = fitted(f"{name}: {text}", sys.stdout, _INDENT)
    yield [_INDENT, Span(name, style), first.removeprefix(_INDENT + name)]
    yield from others


def _noted(text: str, style: Style) -> Iterator[console.Line]:
    for line in fitted(text, sys.stdout, _DEEPER):
        yield [Span(line, style)]


def _shown(case: Case) -> str:
    return f"{case.text}, {f'with {state}' if (state := state_text(case)) else 'in the plain state'}"


def _breaks(breaks: Sequence[Break]) -> Iterator[console.Line]:
    count = "nothing was found" if not breaks else f"{len(breaks)} found, each with the smallest state that shows it"
    yield from _titled("accepted, and does something else", count)
    for name in dict.fromkeys(item.name for item in breaks):
        group = [item for item in breaks if item.name == name]
        finding = group[0].finding
        yield from _named(name, "this has no name yet" if finding is None else finding.why, Style.BAD)
        for item in group:
            yield from _noted(f"{item.which}: {_shown(item.case)}", Style.TEXT)
            yield from _noted(f"  {item.what}", Style.NOTE)


def _engine(breaks: Sequence[EngineBreak]) -> Iterator[console.Line]:
    count = "nothing was found" if not breaks else f"{len(breaks)} found, whatever the instruction"
    yield from _titled("what the engine does to any instruction", count)
    for item in breaks:
        yield from _named(item.effect.label, item.effect.value, Style.BAD)
        yield from _noted(f"such as {_shown(item.case)}", Style.TEXT)
        yield from _noted(f"  {item.what}", Style.NOTE)


def _needless(audit: Audit) -> Iterator[console.Line]:
    found = audit.needless
    count = "nothing was found" if not found else f"{len(found)} found, without a counter-example"
    yield from _titled("refused, and would do the same", count)
    for rule, verdict in dict.fromkeys((item.rule, item.verdict) for item in found):
        group = [item for item in found if (item.rule, item.verdict) == (rule, verdict)]
        yield from _named(rule.name, f"{rule.why} [{rule.source}]", Style.SYMBOL)
        yield from _noted(f"{_HOW[verdict]}: {_counted(group)}", Style.TEXT)
        if verdict is Verdict.SIMULATE and not audit.simulates:
            yield from _noted("  this kernel simulates nothing: it would have to", Style.NOTE)
        if effects := sorted({effect.label for item in group for effect in item.effects}):
            yield from _noted(f"  with what the engine does to any instruction: {', '.join(effects)}", Style.NOTE)


def _counted(group: Iterable[Needless]) -> str:
    return ", ".join(f"{item.which} ({item.cases} cases)" for item in group)
