"""The lessons of `a64 xol`, by name, in the order they are to be taken."""

from cli.lessons.lesson import Lesson
from cli.lessons.normal import NORMAL

LESSONS: dict[str, Lesson] = {lesson.name: lesson for lesson in (NORMAL,)}
