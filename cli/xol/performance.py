"""What is shown from beginning to end: a hit by itself, or a lesson with all that is to be seen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from cli.xol.act import Act
from cli.xol.episode import Episode, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

Scene: TypeAlias = Episode | Refusal
Staged: TypeAlias = Act | Refusal
"""What can be played, or why it cannot."""


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
    """

    scenes: tuple[Scene, ...]
    name: str = ""
    title: str = ""
    introduction: tuple[str, ...] = ()
    question: str = ""
    answer: str = ""

    @property
    def episodes(self) -> Sequence[Episode]:
        """The hits among the scenes."""
        return [scene for scene in self.scenes if isinstance(scene, Episode)]
