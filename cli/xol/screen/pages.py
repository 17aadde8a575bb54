"""What surrounds the moments: the head, and the pages before, between and behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import Style
from cli.lessons.stage import source
from cli.xol.episode import Episode, Refusal
from cli.xol.screen.pane import Pane, wrapped
from cli.xol.screen.panes import ended
from cli.xol.screen.walk import Opening, Question
from cli.xol.text import ending, profile, side_by_side
from kprobes.story import End

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.console import Line
    from cli.lessons.lesson import Lesson
    from cli.xol.screen.walk import Position, Script


def head(script: Script, position: Position) -> str:
    """Where one is, in a line."""
    parts = [script.name]
    if not isinstance(position.view, Opening | Question) and script.lesson is not None:
        parts.append(f"act {position.act + 1} of {len(script.stages)}")
    if isinstance(position.view, Episode | Refusal):
        parts.append(position.view.profile)
    if position.episode is not None:
        parts.append(f"hit {position.episode.hit}")
    if position.moment is not None:
        parts += [f"moment {position.index + 1} of {position.last + 1}", f"cycle {position.moment.cycle}"]
    return "  ".join(parts)


def place(script: Script, position: Position) -> str:
    """Where one is, in a sentence that is read when the screen is gone."""
    moment, episode = position.moment, position.episode
    if moment is None or episode is None:
        return head(script, position)
    where = f"{moment.title}, pc" if moment.elr is None else f"{moment.title}, elr"
    return f"{head(script, position)}: {where} {episode.place(moment.registers.pc)}"


def notice(position: Position) -> str:
    """Why a move has not led anywhere; else, where a hit begins, what there is to be seen of it."""
    episode = position.episode
    if position.notice or episode is None or position.index > 0 or not episode.title:
        return position.notice
    return f"{episode.title} ({profile(episode)})"


def page(script: Script, position: Position, columns: int, *, is_answered: bool) -> Pane:
    """What is shown where there is no moment."""
    view = position.view
    if isinstance(view, Opening):
        return _opening(script, columns)
    if isinstance(view, Question):
        assert script.lesson is not None
        return _question(script.lesson, view, columns, is_answered=is_answered)
    if isinstance(view, Refusal):
        texts = [view.title, profile(view), view.reason]
        return Pane(f"{view.spec} is refused", [*_paragraphs(texts, columns)])
    if isinstance(view, End):
        return Pane("the end of the run", [*_paragraphs([f"The run had {ending(view)}.", *view.stop.details], columns)])
    return Pane("the end of the run", [*_paragraphs([ended(view)], columns)])


_BEGINNING = "The beginning of the run. n goes on to the hit that is asked for, g 1:1 to the first one."


def _opening(script: Script, columns: int) -> Pane:
    if script.lesson is None:
        return Pane(script.name, [*_paragraphs([_BEGINNING], columns)])
    lesson = script.lesson
    program = [line for text in source(lesson.program).splitlines() for line in wrapped(text, columns) or [""]]
    return Pane(script.name, [*_paragraphs([lesson.title, *lesson.introduction], columns), *program])


def _question(lesson: Lesson, question: Question, columns: int, *, is_answered: bool) -> Pane:
    answer = lesson.answer if is_answered else "Press a for the answer."
    asked = [*_paragraphs([lesson.question, answer], columns)]
    if question.comparison is None:
        return Pane("question", asked)
    return Pane("question", [*side_by_side(question.comparison, columns), "", *asked])


def _paragraphs(texts: list[str], columns: int) -> Iterator[Line]:
    """Texts one below the other, the first one as a heading."""
    style = Style.HEADING
    for text in texts:
        yield from wrapped(text, columns, style)
        yield ""
        style = Style.TEXT
