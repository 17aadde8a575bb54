"""What the program of `exceptions.S` prints: one line for each case, either the exception it took or its result."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

DIFFERENCES = Path(__file__).parent / "qemu_differences.toml"

_LINE = re.compile(
    r"(?P<name>EL.*): (?:"
    r"vector=EL(?P<el>[123])\+(?P<vector>[0-7][08]0) "
    r"esr=(?P<esr>-|[0-9a-f]{16}) elr=(?P<elr>[0-9a-f]{16}) spsr=(?P<spsr>[0-9a-f]{16}) far=(?P<far>-|[0-9a-f]{16})"
    r"|no exception x0=(?P<x0>[0-9a-f]{16}))"
)


@attrs.frozen
class Taken:
    """An exception as its handler found it. `esr` and `far` are None where the exception leaves them unset."""

    el: int
    vector: int
    esr: int | None
    elr: int
    spsr: int
    far: int | None

    @property
    def exception_class(self) -> int | None:
        """ESR_ELx.EC, where there is a syndrome."""
        return None if self.esr is None else self.esr >> 26

    @property
    def iss(self) -> int | None:
        """ESR_ELx.ISS, where there is a syndrome."""
        return None if self.esr is None else self.esr & 0x1FF_FFFF


@attrs.frozen
class Completed:
    """The case ran to its end without an exception, and left this in x0."""

    x0: int


@attrs.frozen
class Demanded:
    """What the architecture says becomes of a case: the exception, as far as it is stated. `far` may be BUFFER."""

    name: str
    el: int
    ec: int
    iss: int
    far: int | str | None = None
    spsr: int | None = None


@attrs.frozen
class Difference:
    """Cases in which QEMU does not do what the Arm ARM says, and why."""

    reason: str
    cases: tuple[Demanded, ...]


def _value(text: str) -> int | None:
    return None if text == "-" else int(text, 16)


def parse_line(line: str) -> tuple[str, Taken | Completed]:
    """The name of the case, and what became of it."""
    match = _LINE.fullmatch(line)
    assert match is not None, f"not a line of the exceptions program: {line!r}"
    if match["x0"] is not None:
        return match["name"], Completed(int(match["x0"], 16))
    return match["name"], Taken(
        el=int(match["el"]),
        vector=int(match["vector"], 16),
        esr=_value(match["esr"]),
        elr=int(match["elr"], 16),
        spsr=int(match["spsr"], 16),
        far=_value(match["far"]),
    )


def parse(stdout: str) -> Iterator[tuple[str, Taken | Completed]]:
    """Every case of a run, in the order of the run."""
    return map(parse_line, stdout.splitlines())


def load_differences() -> tuple[Difference, ...]:
    """The cases in which QEMU is not an oracle."""
    entries = tomllib.loads(DIFFERENCES.read_text())["difference"]
    return tuple(Difference(entry["reason"], tuple(Demanded(**case) for case in entry["cases"])) for entry in entries)
