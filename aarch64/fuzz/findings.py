"""Findings as records and as files: what a replay needs, and nothing that depends on the machine it was found on.

A file is one JSON object: `schema`; `target` and `setup`, what was fuzzed against whom; `case`, made small; `text`, the
case for people; `divergence` (`kind`, `place`, `ours`, `theirs`, `reason`); `found`: the `seed`, the number of the
`example`, the `count` of those that diverged so, and the `case` as it was drawn. Words and registers are hexadecimal.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import attrs

from aarch64.errors import AArch64Error
from aarch64.fuzz.target import Divergence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aarch64.fuzz.target import Json

SCHEMA = "a64-fuzz-1"
"""Says what a file is. A file of another schema is refused, never guessed at."""


class FindingError(AArch64Error):
    """A file that is no finding."""


@attrs.frozen
class Finding:
    """A case in which two answers differ, made small."""

    target: str
    """What was fuzzed: `decode`, `execute`."""
    setup: Json
    """Against whom, and how."""
    case: Json
    lines: tuple[str, ...]
    """The case for people: assembly, and the state where it matters."""
    divergence: Divergence
    seed: int
    example: int
    """Where it was found first: the number of the example, from 0."""
    count: int
    """How many examples diverged in this way."""
    original: Json
    """That example as it was drawn."""

    def to_json(self) -> Json:
        """All of it as JSON."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "setup": self.setup,
            "case": self.case,
            "text": list(self.lines),
            "divergence": attrs.asdict(self.divergence),
            "found": {"seed": self.seed, "example": self.example, "count": self.count, "case": self.original},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The finding that `to_json` wrote.

        Raises:
            KeyError, TypeError: it is none.
        """
        found = data["found"]
        return cls(
            data["target"],
            data["setup"],
            data["case"],
            tuple(data["text"]),
            Divergence(**data["divergence"]),
            found["seed"],
            found["example"],
            found["count"],
            found["case"],
        )


def save(finding: Finding, path: Path) -> None:
    """Write a finding to a file; OSError if that cannot be done."""
    path.write_text(json.dumps(finding.to_json(), indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> Finding:
    """The finding of a file.

    Raises:
        FindingError: it is none, or of another version of this program.
        OSError: the file cannot be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FindingError(f"{path} is no finding: it is not JSON") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise FindingError(f'{path} is no finding: want "schema": "{SCHEMA}"')
    try:
        return Finding.from_json(data)
    except (KeyError, TypeError) as error:
        raise FindingError(f"{path} is no finding: {error!r}") from error
