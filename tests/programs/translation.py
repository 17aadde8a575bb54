"""What the program of `translation.c` prints: lines "name: what happened", most of them about one address.

The first part of a name says what the line is about:

    E1 S1 E2 E3     AT for a regime (S1: Secure EL1&0); the results are PAR_EL1 after each operation
    K R X W A D Z   accesses with the MMU on: every kind of page, random ones, across a boundary, with SCTLR_ELx.WXN,
                    with SCTLR_ELx.A, to Device memory, far from everything
    B T H           branch targets, TLB maintenance, hardware updates of descriptors
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import attrs

DIFFERENCES = Path(__file__).parent / "translation_differences.toml"

_AT = re.compile(r"[ES][123]\.[0-9a-f]{2}\.[0-9a-f]{2} [0-9a-f]{16}")
_FIELD = re.compile(r"([a-z0-9]+)=([0-9a-f]+)")


@attrs.frozen
class Line:
    """One line of a run. Its name is unique in the run."""

    name: str
    result: str

    @property
    def is_at(self) -> bool:
        """Whether the results are those of AT, rather than the heading of a set or something else."""
        return _AT.fullmatch(self.name) is not None

    @property
    def translations(self) -> tuple[str, ...]:
        """Of an AT line, the result of each operation: PAR_EL1 in hexadecimal, or `abort/` and ESR_ELx."""
        found: list[str] = []
        for word in self.result.split():
            found.append(found[-1] if word == "=" else word)
        return tuple(found)

    @property
    def fields(self) -> dict[str, int]:
        """Of other lines, the values that have names."""
        return {name: int(value, 16) for name, value in _FIELD.findall(self.result)}


@attrs.frozen
class Demanded:
    """What the architecture says of a line: PAR_EL1 after every operation, or the exception that is taken."""

    name: str
    par: int | None = None
    esr: int | None = None
    far: int | None = None

    def holds(self, line: Line) -> bool:
        """Whether the line says so."""
        if self.par is not None:
            return set(line.translations) == {f"{self.par:x}"}
        return (self.esr, self.far) == (line.fields.get("esr"), line.fields.get("far"))


@attrs.frozen
class Difference:
    """Lines in which QEMU does not do what the Arm ARM says, and why."""

    reason: str
    cases: tuple[Demanded, ...]


def parse(stdout: str) -> Iterator[Line]:
    """Every line of a run, in the order of the run."""
    for line in stdout.splitlines():
        name, colon, result = line.partition(":")
        assert colon, f"not a line of the translation program: {line!r}"
        yield Line(name, result.strip())


def fault_status(translation: str) -> int | None:
    """The fault status code, as in PAR_EL1.FST and in ESR_ELx.DFSC, of one operation's result."""
    if translation.startswith("abort/"):
        return int(translation.split("/")[1], 16) & 0x3F
    par = int(translation, 16)
    return par >> 1 & 0x3F if par & 1 else None


def abort_status(line: Line) -> int | None:
    """The fault status code of an access that was aborted."""
    esr = line.fields.get("esr", 0)
    return esr & 0x3F if esr >> 26 in {0x20, 0x21, 0x24, 0x25} else None


def load_differences() -> tuple[Difference, ...]:
    """The lines in which QEMU is not an oracle."""
    entries = tomllib.loads(DIFFERENCES.read_text())["difference"]
    return tuple(Difference(entry["reason"], tuple(Demanded(**case) for case in entry["cases"])) for entry in entries)
