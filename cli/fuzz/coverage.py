"""What a campaign has met, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.isa.table import DECODER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.fuzz.campaign import Report
    from aarch64.isa.definition import Definition
    from cli import console


def _counts(report: Report) -> dict[str, tuple[int, int]]:
    """How many definitions were met, and how many there are, of those implemented and of those not."""
    kinds: dict[str, list[tuple[int, Definition]]] = {"implemented": [], "not implemented": []}
    for place, definition in enumerate(DECODER.definitions):
        kinds["not implemented" if definition.unsupported else "implemented"].append((place, definition))
    return {
        kind: (sum(report.hits[place] > 0 for place, _ in definitions), len(definitions))
        for kind, definitions in kinds.items()
    }


def coverage_lines(report: Report) -> Iterator[console.Line]:
    """A line."""
    counts = (f"{met} of {number} {kind}" for kind, (met, number) in _counts(report).items())
    yield f"definitions: {', '.join(counts)}"


def coverage_json(report: Report) -> dict[str, Any]:
    """The definitions met, with how often, and how many there are."""
    definitions = DECODER.definitions
    return {
        "definitions": {kind: {"met": met, "all": number} for kind, (met, number) in _counts(report).items()},
        "hits": [
            {
                "title": definitions[place].title,
                "encoding": definitions[place].pattern.text,
                "count": report.hits[place],
            }
            for place in sorted(report.hits)
        ],
    }
