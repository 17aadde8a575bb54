"""The functions that a guest is in, one within another, as its calls and returns tell.

Nothing says for sure what is a function: a call begins one, named after the symbol it leads to, and control that goes
to where a call was to return to ends it ("Procedure Call Standard", AAPCS64: with SP as it was). A jump to elsewhere
(a tail call, a label that has a symbol) goes on in another function in place of the one it leaves, which returns in its
stead. Whatever the guest does, slices nest: what never returns is ended by what it was called by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.timeline import Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.timeline import Timeline

MOST_SHOWN = 500
"""How deep calls are shown; Perfetto leaves out what is nested more than 512 deep."""
MOST_FRAMES = 1 << 16
"""How many calls under way are remembered, to know where they end."""


@attrs.frozen
class Function:
    """A piece of code: its name, and its first address; None where no symbol says what it belongs to."""

    name: str
    start: int | None


@attrs.frozen
class _Frame:
    """A call under way.

    Attributes:
        function: where it is now.
        back: the address that it returns to, None if it was not called.
        sp: the stack pointer when it began.
    """

    function: Function
    back: int | None
    sp: int


class CallStack:
    """The calls under way on a CPU, as slices of a timeline."""

    def __init__(self, timeline: Timeline, function_at: Callable[[int], Function | None]) -> None:
        """Begin outside of any function.

        Args:
            timeline: has a track of functions.
            function_at: what an address belongs to; None for code that stands for some of another function.
        """
        self._timeline = timeline
        self._function_at = function_at
        self._frames: list[_Frame] = []
        self._backs: dict[int | None, int] = {}

    @property
    def depth(self) -> int:
        """How many calls are under way."""
        return len(self._frames)

    def enter(self, pc: int, cycle: int) -> None:
        """Control is at `pc` without having been called: at the start, in a handler of an exception."""
        self._push(pc, None, 0, cycle)

    def call(self, pc: int, back: int, sp: int, cycle: int) -> None:
        """A call has led to `pc`, which is to return to `back`, with the stack pointer as it is now, `sp`.

        One that returns to where it leads is none, but how code learns its own address; unless a function begins there.
        """
        if pc != back or self._is_start(pc):
            self._push(pc, back, sp, cycle)

    def leave(self, pc: int, sp: int, cycle: int) -> None:
        """An indirect branch has led to `pc`: a return from the innermost call, or from several at once, or a jump."""
        depth = self._returning(pc, sp)
        if depth is None:
            self.move(pc, cycle)
        else:
            self.cut(depth, cycle)

    def move(self, pc: int, cycle: int) -> None:
        """Control has got to `pc`, and that is neither a call nor a return."""
        function = self._function_at(pc)
        if function is None:
            return
        if not self._frames:
            self.enter(pc, cycle)
        elif self._frames[-1].function.start != function.start:
            self._move_to(function, pc, cycle)

    def cut(self, depth: int, cycle: int) -> None:
        """All calls but the `depth` outermost ones are over."""
        while len(self._frames) > depth:
            self._pop(cycle)

    # ---

    def _is_start(self, pc: int) -> bool:
        function = self._function_at(pc)
        return function is not None and function.start == pc

    def _returning(self, pc: int, sp: int) -> int | None:
        """How many calls are left after a return to `pc`; None if no call under way is to return there.

        The innermost one may do so with another SP: it was called before the stack was another one. Not, though, where
        calls have been forgotten, of which it may be one that returns.
        """
        if pc not in self._backs:
            return None
        top = self._frames[-1]
        if top.back == pc and (top.sp == sp or len(self._frames) < MOST_FRAMES):
            return len(self._frames) - 1
        for depth in range(len(self._frames) - 1, -1, -1):
            frame = self._frames[depth]
            if frame.back == pc and frame.sp == sp:
                return depth
        return None

    def _move_to(self, function: Function, pc: int, cycle: int) -> None:
        """Back into the middle of a function that is under way (longjmp), or on in another one (a tail call)."""
        depth = None if function.start in (None, pc) else self._around(function)
        if depth is not None:
            self.cut(depth, cycle)
            return
        frame = self._pop(cycle)
        self._add(attrs.evolve(frame, function=function), cycle, pc)

    def _around(self, function: Function) -> int | None:
        """How many calls there are up to the innermost one of a function, not looking beyond what was not called."""
        for depth in range(len(self._frames), 0, -1):
            frame = self._frames[depth - 1]
            if frame.function.start == function.start:
                return depth
            if frame.back is None:
                return None
        return None

    def _push(self, pc: int, back: int | None, sp: int, cycle: int) -> None:
        function = self._function_at(pc)
        if function is not None and len(self._frames) < MOST_FRAMES:
            self._add(_Frame(function, back, sp), cycle, pc)

    def _add(self, frame: _Frame, cycle: int, pc: int) -> None:
        if len(self._frames) < MOST_SHOWN:
            args = {"at": f"{pc:#x}"} if frame.back is None else {"at": f"{pc:#x}", "returns to": f"{frame.back:#x}"}
            self._timeline.begin(Track.FUNCTIONS, cycle, frame.function.name, args)
        self._frames.append(frame)
        self._backs[frame.back] = self._backs.get(frame.back, 0) + 1

    def _pop(self, cycle: int) -> _Frame:
        frame = self._frames.pop()
        self._backs[frame.back] -= 1
        if not self._backs[frame.back]:
            del self._backs[frame.back]
        if len(self._frames) < MOST_SHOWN:
            self._timeline.end(Track.FUNCTIONS, cycle)
        return frame
