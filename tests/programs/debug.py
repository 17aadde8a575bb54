"""What the program of `debug.S` prints: the name of each case, and below it the exceptions it took, a line each."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

DIFFERENCES = Path(__file__).parent / "debug_differences.toml"

_INDENT = "  "
_TAKEN = re.compile(
    r"EL(?P<el>[123])\+(?P<vector>[0-7][08]0)(?: ec=(?P<ec>[0-9a-f]{2}) il=[01] iss=(?P<iss>[0-9a-f]{7}))? "
    r"elr=\S+ spsr=(?P<spsr>[0-9a-f]{8})(?: far=\S+)?(?: data=[0-9a-f]{16})?"
)

Events = tuple[str, ...]
"""What became of a case, line by line, in the order of the run."""


@attrs.frozen
class Taken:
    """Of an exception, what tells one kind from another. Interrupts have no syndrome."""

    el: int
    vector: int
    exception_class: int | None
    iss: int | None
    spsr: int


@attrs.frozen
class Demanded:
    """What the architecture says becomes of a case."""

    name: str
    events: Events


@attrs.frozen
class Difference:
    """Cases in which QEMU does not do what the Arm ARM says, and why."""

    reason: str
    cases: tuple[Demanded, ...]


def parse(stdout: str) -> dict[str, Events]:
    """Every case of a run, in the order of the run. Each has a name of its own."""
    cases: dict[str, list[str]] = {}
    events: list[str] = []
    for line in stdout.splitlines():
        if line.startswith(_INDENT):
            events.append(line.removeprefix(_INDENT))
            continue
        assert line not in cases, f"two cases have one name: {line!r}"
        events = cases[line] = []
    return {name: tuple(lines) for name, lines in cases.items()}


def taken(events: Events) -> Iterator[Taken]:
    """The exceptions among the lines of a case."""
    for event in events:
        match = _TAKEN.fullmatch(event)
        if match is not None:
            has_syndrome = match["ec"] is not None
            yield Taken(
                el=int(match["el"]),
                vector=int(match["vector"], 16),
                exception_class=int(match["ec"], 16) if has_syndrome else None,
                iss=int(match["iss"], 16) if has_syndrome else None,
                spsr=int(match["spsr"], 16),
            )


def load_differences() -> tuple[Difference, ...]:
    """The cases in which QEMU is not an oracle."""
    entries = tomllib.loads(DIFFERENCES.read_text())["difference"]
    return tuple(
        Difference(entry["reason"], tuple(Demanded(name, tuple(events)) for name, events in entry["cases"].items()))
        for entry in entries
    )
