"""A lesson: some probes on small programs, what to look out for, and a question at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from cli.lessons.stage import source
from cli.xol.episode import Episode, Refusal
from cli.xol.performance import Performance

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.xol.performance import Scene, Staged


@attrs.frozen
class Lesson:
    """A lesson.

    Attributes:
        name: what it is asked for by.
        title: what it is about, in a line.
        program: the program of this package that it is about.
        introduction: what to look out for, in paragraphs.
        stages: each sets up a machine anew, with a probe on it.
        question: to be answered by whoever has seen it.
        answer: to the question.
    """

    name: str
    title: str
    program: str
    introduction: tuple[str, ...]
    stages: tuple[Callable[[], Staged], ...]
    question: str
    answer: str

    def perform(self) -> Performance:
        """All that is to be seen."""
        scenes = tuple(_scene(stage()) for stage in self.stages)
        return Performance(
            scenes, self.name, self.title, self.introduction, self.question, self.answer, source(self.program)
        )


def _scene(staged: Staged) -> Scene:
    if isinstance(staged, Refusal):
        return staged
    scene = staged.hit(staged.first)
    assert isinstance(scene, Episode), "a lesson shows a hit that there is"
    return scene
