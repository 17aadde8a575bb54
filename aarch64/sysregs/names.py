"""The names of system registers: what LLVM prints for MRS and for MSR, and what an assembler accepts.

The table is `names.txt`, beside this module. A register without a name is written S<op0>_<op1>_C<n>_C<m>_<op2>
("Generic system register syntax").
"""

from __future__ import annotations

import re
from enum import Enum, unique
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TABLE = Path(__file__).with_suffix(".txt")
_GENERIC = re.compile(r"s([0-3])_([0-7])_c([0-9]|1[0-5])_c([0-9]|1[0-5])_([0-7])", re.IGNORECASE)


@unique
class Direction(Enum):
    """Which way a move goes."""

    READ = "MRS"
    WRITE = "MSR"


def encode(op0: int, op1: int, crn: int, crm: int, op2: int) -> int:
    """The encoding of a system register as one 16-bit number: bits 20 to 5 of the MRS or MSR instruction."""
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


def decode(encoding: int) -> tuple[int, int, int, int, int]:
    """(op0, op1, CRn, CRm, op2) of an encoding."""
    return encoding >> 14, encoding >> 11 & 7, encoding >> 7 & 15, encoding >> 3 & 15, encoding & 7


def generic_name(encoding: int) -> str:
    """The name of a register that has none, such as S3_0_C15_C2_0."""
    return "S{}_{}_C{}_C{}_{}".format(*decode(encoding))


def read_table(lines: Iterable[str]) -> Iterator[tuple[int, Direction, str]]:
    """(encoding, direction, name) for every move that the lines of the table name."""
    for line in lines:
        if line.startswith("#"):
            continue
        op0, op1, crn, crm, *slots = line.split()
        first = encode(int(op0), int(op1), int(crn), int(crm), 0)
        for op2, slot in enumerate(slots):
            for item in slot.split("/"):
                name, _, access = item.partition(":")
                if "r" in (access or "rw") and name != "-":
                    yield first + op2, Direction.READ, name
                if "w" in (access or "rw") and name != "-":
                    yield first + op2, Direction.WRITE, name


@cache
def _names() -> Mapping[Direction, Mapping[int, str]]:
    names: dict[Direction, dict[int, str]] = {Direction.READ: {}, Direction.WRITE: {}}
    for encoding, direction, name in read_table(_TABLE.read_text().splitlines()):
        names[direction][encoding] = name
    return names


@cache
def _encodings() -> Mapping[str, int]:
    return {name.upper(): encoding for table in _names().values() for encoding, name in table.items()}


def name_of(encoding: int, direction: Direction) -> str:
    """The register's name in a move of this direction; the generic name where it has none."""
    return _names()[direction].get(encoding) or generic_name(encoding)


def encoding_of(name: str) -> int | None:
    """The encoding a name (in any case; generic ones included) stands for; None if there is no such register."""
    found = _encodings().get(name.upper())
    if found is None and (parts := _GENERIC.fullmatch(name)):
        found = encode(*(int(part) for part in parts.groups()))
    return found


def moves(name: str) -> frozenset[Direction]:
    """The directions in which a name can be moved; both for a generic name."""
    encoding = _encodings().get(name.upper())
    if encoding is None:
        return frozenset(Direction)
    return frozenset(direction for direction in Direction if name_of(encoding, direction).upper() == name.upper())


def all_names() -> Mapping[str, int]:
    """Every named register, in LLVM's spelling, with its encoding."""
    return {name: encoding for table in _names().values() for encoding, name in table.items()}
