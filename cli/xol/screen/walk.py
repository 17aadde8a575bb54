"""Where one is in what is shown, and how one goes on from there; no terminal is needed for it.

A `Position` is a value; a `Walk` answers where a move leads from one. Whatever way has led there, it is the same: hits
are told anew from saved states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from cli.xol.act import Act
from cli.xol.episode import Episode, Refusal
from cli.xol.performance import Performance
from cli.xol.text import ending
from kprobes.story import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.machine import Machine
    from cli.lessons.lesson import Lesson
    from cli.xol.performance import Comparison, Staged
    from kprobes.story import StoryMoment


@attrs.frozen
class Opening:
    """What is about to be shown: the introduction of a lesson."""


@attrs.frozen
class Question:
    """The question at the end of a lesson.

    Attributes:
        comparison: the facts of its hits side by side, if they can be compared.
    """

    comparison: Comparison | None


View: TypeAlias = Opening | Episode | Refusal | End | Question
"""What is shown: a hit, why there is none, the end of a run; what is before and behind them."""


@attrs.frozen
class Script:
    """What there is to be walked through.

    Attributes:
        name: of the lesson, or of the program.
        stages: each gives what can be played.
        lesson: the lesson; None of a program, which goes on to its next hit where a lesson goes on to its next act.
    """

    name: str
    stages: tuple[Callable[[], Staged], ...]
    lesson: Lesson | None = None

    @classmethod
    def of_lesson(cls, lesson: Lesson) -> Script:
        """A lesson, to be walked through."""
        return cls(lesson.name, lesson.stages, lesson=lesson)


@attrs.frozen
class Position:
    """Where one is.

    Attributes:
        act: which act, from 0; before the first and behind the last, that.
        view: what is shown.
        index: which moment of a hit, from 0.
        notice: why a move has not led anywhere else; empty if it has.
    """

    act: int
    view: View
    index: int = 0
    notice: str = attrs.field(default="", eq=False)

    @property
    def episode(self) -> Episode | None:
        """The hit that is shown, if it is one."""
        return self.view if isinstance(self.view, Episode) else None

    @property
    def moment(self) -> StoryMoment | None:
        """The moment of the hit, if it is one and has any: the run may end just before it."""
        moments = () if self.episode is None else self.episode.story.moments
        return moments[self.index] if moments else None

    @property
    def last(self) -> int:
        """The index of the last moment of what is shown."""
        return 0 if self.episode is None else max(len(self.episode.story.moments) - 1, 0)

    def stay(self, notice: str) -> Position:
        """The same place, and why."""
        return attrs.evolve(self, notice=notice)

    def at(self, index: int) -> Position:
        """Another moment of the same hit."""
        return attrs.evolve(self, index=index, notice="")


class Interrupted(Exception):
    """A move was given up: one is where one was."""


@attrs.define
class Walk:
    """Answers where moves lead. One at a time: they run the machines of the acts.

    `interrupt`, `machine` may be used from another thread meanwhile.
    """

    script: Script
    _staged: dict[int, Staged] = attrs.field(factory=dict, init=False)
    _act: Act | None = attrs.field(default=None, init=False)
    _is_interrupted: bool = attrs.field(default=False, init=False)

    # --- moment by moment

    def begin(self) -> Position:
        """Where a walk begins."""
        return Position(0, Opening())

    def forward(self, position: Position) -> Position:
        """To the next moment: of the hit, or the first one of what follows."""
        if position.index < position.last:
            return position.at(position.index + 1)
        if isinstance(position.view, Opening):
            return self._open(0)
        if isinstance(position.view, Question):
            return position.stay("this is the end")
        if isinstance(position.view, Episode) and not self._leads_on(position.act, position.view.hit):
            return self._hit(position.act, position.view.hit + 1)
        return self.next_act(position)

    def back(self, position: Position) -> Position:
        """To the moment before: of the hit, or the last one of what came before."""
        if position.index > 0:
            return position.at(position.index - 1)
        if isinstance(position.view, Opening):
            return position.stay("this is the beginning")
        if isinstance(position.view, Question):
            return self._at_end(self._open(position.act))
        if isinstance(position.view, End) and position.view.hits:
            return self._at_end(self._hit(position.act, position.view.hits))
        if isinstance(position.view, Episode) and self._begins_before(position.act, position.view.hit):
            return self._at_end(self._hit(position.act, position.view.hit - 1))
        return self.begin() if position.act == 0 else self._at_end(self._open(position.act - 1))

    def next_exception(self, position: Position) -> Position:
        """Forward to where an exception has been taken, or to what is no hit."""
        return self._to_exception(position, self.forward)

    def previous_exception(self, position: Position) -> Position:
        """Back to where an exception has been taken, or to what is no hit."""
        return self._to_exception(position, self.back)

    def first(self, position: Position) -> Position:
        """To the first moment of the hit."""
        return position.at(0)

    def final(self, position: Position) -> Position:
        """To the last moment of the hit."""
        return position.at(position.last)

    # --- from hit to hit

    def next_hit(self, position: Position) -> Position:
        """To the first moment of the next hit of the act."""
        if isinstance(position.view, Opening):
            return self._open(0)
        if isinstance(position.view, End):
            return position.stay(f"there is no other hit: {ending(position.view)}")
        if not isinstance(position.view, Episode):
            return position.stay("there is no hit here")
        return self.jump(position, 1, position.view.hit + 1)

    def previous_hit(self, position: Position) -> Position:
        """To the first moment of the hit before; from the end of the run, of the last one."""
        if isinstance(position.view, End):
            return self._hit(position.act, position.view.hits) if position.view.hits else position.stay("no hit came")
        if not isinstance(position.view, Episode):
            return position.stay("there is no hit here")
        if position.view.hit == 1:
            return position.stay("this is the first hit")
        return self._hit(position.act, position.view.hit - 1)

    def run(self, position: Position) -> Position:
        """Run the act to its end."""
        staged = self._stage(position.act)
        if isinstance(position.view, Question) or isinstance(staged, Refusal):
            return position.stay("nothing is running here")
        return Position(position.act, self._finish(staged))

    def jump(self, position: Position, moment: int, hit: int | None = None) -> Position:
        """To a moment, from 1, of the hit that is shown, or of another one of the act, from 1."""
        if hit is None:
            hit = position.episode.hit if position.episode is not None else self._first_hit(position.act)
        if moment < 1 or hit < 1:
            return position.stay("hits and moments count from 1")
        there = self._hit(position.act, hit)
        if isinstance(there.view, End):
            return position.stay(f"there is no hit {hit}: {ending(there.view)}")
        if there.episode is None:
            return position.stay("there is no hit here")
        if moment - 1 > there.last:
            return position.stay(f"hit {hit} has {there.last + 1} moments")
        return there.at(moment - 1)

    # --- from act to act

    def next_act(self, position: Position) -> Position:
        """To the first moment of the next act; behind the last one, to the question."""
        if isinstance(position.view, Opening):
            return self._open(0)
        if position.act + 1 < len(self.script.stages):
            return self._open(position.act + 1)
        if self.script.lesson is None or isinstance(position.view, Question):
            return position.stay("this is the end")
        return Position(position.act, self._question())

    def previous_act(self, position: Position) -> Position:
        """To the first moment of the act before; before the first one, to the opening."""
        if isinstance(position.view, Opening):
            return position.stay("this is the beginning")
        if isinstance(position.view, Question):
            return self._open(position.act)
        return self.begin() if position.act == 0 else self._open(position.act - 1)

    def _question(self) -> Question:
        views = (self._open(act).view for act in range(len(self.script.stages)))
        return Question(Performance(tuple(view for view in views if isinstance(view, Episode | Refusal))).comparison)

    # --- while a move takes its time

    @property
    def machine(self) -> Machine | None:
        """The machine that ran last."""
        return None if self._act is None else self._act.player.kprobes.machine

    def interrupt(self) -> None:
        """Have the move that is going on raise `Interrupted`. Should it be just between two runs: once more, please."""
        self._is_interrupted = True
        if self.machine is not None:
            self.machine.interrupt("given up")

    def resume(self) -> None:
        """Forget an interruption that came too late; to be called while no move is going on."""
        self._is_interrupted = False
        if self.machine is not None:
            self.machine.run(max_cycles=0)

    # --- the acts

    def _open(self, act: int) -> Position:
        return self._hit(act, self._first_hit(act))

    def _at_end(self, position: Position) -> Position:
        return position.at(position.last)

    def _first_hit(self, act: int) -> int:
        staged = self._stage(act)
        return staged.first if isinstance(staged, Act) else 1

    def _leads_on(self, act: int, hit: int) -> bool:
        """Whether a lesson has shown what it has to show in an act."""
        return self.script.lesson is not None and hit == self._first_hit(act)

    def _begins_before(self, act: int, hit: int) -> bool:
        """Whether one comes to a hit from the hit before it."""
        return hit > 1 and not self._leads_on(act, hit)

    def _to_exception(self, position: Position, move: Callable[[Position], Position]) -> Position:
        while True:
            position = move(position)
            if position.notice or position.moment is None or position.moment.is_exception:
                return position

    def _stage(self, act: int) -> Staged:
        if act not in self._staged:
            self._staged[act] = self.script.stages[act]()
        return self._staged[act]

    def _hit(self, act: int, number: int) -> Position:
        staged = self._stage(act)
        if isinstance(staged, Refusal):
            return Position(act, staged)
        self._act = staged
        found = staged.hit(number)
        self._raise_if_interrupted()
        return Position(act, found)

    def _finish(self, act: Act) -> End:
        self._act = act
        end = act.finish()
        self._raise_if_interrupted()
        return end

    def _raise_if_interrupted(self) -> None:
        if self._is_interrupted:
            raise Interrupted
