"""The mutants that are known to survive, each with a judgement: `survivors.toml`, told without line numbers."""

from __future__ import annotations

import tomllib
from enum import Enum
from pathlib import Path

import attrs

LIST = Path(__file__).with_name("survivors.toml")


class Judgement(Enum):
    """Why no test tells a mutant from the program."""

    EQUIVALENT = "equivalent"
    """It does the same: no input, in the ranges that are allowed, tells them apart."""
    SPEED = "speed"
    """It gives the same answers, later or with more memory."""
    UNTESTED = "untested"
    """It does something else, and no test of ours sees it."""


@attrs.frozen
class Change:
    """What a mutant changes.

    Attributes:
        file: the file, from the root of the tree.
        where: the function or class around the change, such as `Field.insert`; empty outside of any.
        line: the lines that it changes, stripped and joined.
        becomes: what they become.
    """

    file: str
    where: str
    line: str
    becomes: str


@attrs.frozen
class Survivor:
    """A change that is known to survive, and why."""

    change: Change
    judgement: Judgement
    reason: str


def read_survivors(path: Path = LIST) -> tuple[Survivor, ...]:
    """The survivors of the list."""
    return tuple(
        Survivor(
            Change(entry["file"], entry["where"], entry["line"], entry["becomes"]),
            Judgement(entry["judgement"]),
            entry["reason"],
        )
        for entry in tomllib.loads(path.read_text())["survivor"]
    )
