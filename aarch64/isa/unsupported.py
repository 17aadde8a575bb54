"""Allocated encodings that are not implemented, each with its reason: coverage is a number, and each has a name.

The table is `unsupported.txt`, beside this module: sections `[FEATURE] reason`, titles, and indented encodings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aarch64.features import Feature
from aarch64.isa.definition import Group

if TYPE_CHECKING:
    from collections.abc import Iterable

_TABLE = Path(__file__).with_suffix(".txt")


def read_table(lines: Iterable[str]) -> Group:
    """The group that the lines of the table describe.

    Raises:
        DefinitionError: an encoding that is not a pattern of 32 bits.
        KeyError: a section of a feature that does not exist.
    """
    group = Group("Not implemented")
    title = reason = ""
    feature = None
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            name, _, reason = text[1:].partition("] ")
            feature = Feature[name]
        elif line[0] == " ":
            group.unsupported(title, text, reason, feature)
        else:
            title = text
    return group


def load() -> Group:
    """The group of everything that is not implemented."""
    return read_table(_TABLE.read_text().splitlines())
