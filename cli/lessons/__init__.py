"""The lessons of `a64 xol`, by name, in the order they are to be taken."""

from cli.lessons.branch import BRANCH
from cli.lessons.exclusive import EXCLUSIVE
from cli.lessons.fault_in_slot import FAULT_IN_SLOT
from cli.lessons.jprobe import JPROBE
from cli.lessons.kretprobe import KRETPROBE
from cli.lessons.lesson import Lesson
from cli.lessons.literal import LITERAL
from cli.lessons.masked import MASKED
from cli.lessons.normal import NORMAL
from cli.lessons.oslock import OSLOCK
from cli.lessons.pac_branch import PAC_BRANCH
from cli.lessons.recursive import RECURSIVE
from cli.lessons.step_vs_brk import STEP_VS_BRK

LESSONS: dict[str, Lesson] = {
    lesson.name: lesson
    for lesson in (
        NORMAL, RECURSIVE, MASKED, BRANCH, LITERAL, EXCLUSIVE, FAULT_IN_SLOT, JPROBE, KRETPROBE, STEP_VS_BRK, OSLOCK,
        PAC_BRANCH,
    )
}  # fmt: skip
