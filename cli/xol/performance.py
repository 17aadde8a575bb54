"""What is shown from beginning to end: a hit by itself, or a lesson with all that is to be seen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from cli.xol.act import Act
from cli.xol.episode import Episode, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.xol.episode import Fact

Scene: TypeAlias = Episode | Refusal
Staged: TypeAlias = Act | Refusal
"""What can be played, or why it cannot."""


@attrs.frozen
class Comparison:
    """Hits side by side.

    Attributes:
        columns: which hits: the number of the scene, and the kernel.
        rows: each fact that all of them have: what it is called, and its values.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Fact, ...]], ...]


@attrs.frozen
class Performance:
    """What is shown.

    Attributes:
        scenes: hits, or refusals, in the order they are to be seen.
        name: of the lesson; empty if it is none, as is all that follows.
        title: the lesson, in a line.
        introduction: what to look out for, in paragraphs.
        question: to be answered by whoever has seen it.
        answer: to the question.
        source: the program, in assembly.
    """

    scenes: tuple[Scene, ...]
    name: str = ""
    title: str = ""
    introduction: tuple[str, ...] = ()
    question: str = ""
    answer: str = ""
    source: str = ""

    @property
    def episodes(self) -> Sequence[Episode]:
        """The hits among the scenes."""
        return [scene for scene in self.scenes if isinstance(scene, Episode)]

    @property
    def comparison(self) -> Comparison | None:
        """The facts of the hits side by side; None where there are not two hits with facts of the same names."""
        hits = [(number, scene) for number, scene in enumerate(self.scenes, start=1) if isinstance(scene, Episode)]
        names = [name for name in hits[0][1].facts if all(name in hit.facts for _, hit in hits)] if hits else []
        if len(hits) < 2 or not names:
            return None
        rows = tuple((name, tuple(hit.facts[name] for _, hit in hits)) for name in names)
        return Comparison(tuple(f"{number}. {hit.profile}" for number, hit in hits), rows)
