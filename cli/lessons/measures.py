"""What can be counted in the story of a hit, for the outcomes of lessons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprobes.story import Between

if TYPE_CHECKING:
    from kprobes.reports import Moment
    from kprobes.story import Story, StoryMoment


def cycles(story: Story) -> int:
    """From before the BRK to where the story ends."""
    return story.moments[-1].cycle - story.moments[0].cycle


def exceptions(story: Story) -> int:
    """Those that were taken."""
    return sum(moment.is_exception for moment in story.moments)


def count(story: Story, wanted: Moment | Between) -> int:
    """How often a moment comes."""
    return sum(moment.moment is wanted for moment in story.moments)


def first(story: Story, wanted: Moment | Between) -> StoryMoment:
    """A moment, where it comes first; ValueError if it does not come."""
    for moment in story.moments:
        if moment.moment is wanted:
            return moment
    raise ValueError(f"there is no moment {wanted.name}")


def ran_off(story: Story) -> list[str]:
    """The instructions that were executed behind the slot, or tried to be, as text."""
    return [
        moment.instruction.text
        for moment in story.moments
        if moment.moment is Between.BEHIND_SLOT and moment.instruction is not None
    ]


def times(number: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
