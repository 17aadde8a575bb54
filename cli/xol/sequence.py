"""A hit as a sequence diagram: down the page its moments, across it whose code they are in, and their bits beside."""

from __future__ import annotations

from enum import Enum, unique
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from cli.xol.bits import BITS, GROUPS, changes
from cli.xol.shapes import GLYPH, Drawing, add, element, put
from kprobes.story import Between, Lane

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from kprobes.host import Strip
    from kprobes.story import StoryMoment

ROW = 26
"""The height of a moment."""
_TITLE, _NUMBER, _LABEL = 13, 12, 11
"""Heights of fonts: of titles, of numbers, and of what stands above them."""
_CYCLE_END = 46
_INDENT = 12
_BAR, _POINT = 8, 5
_SHIFT = 5
"""How far the bar of a hit within the hit is off the middle of its lane."""
_CELL, _GAP = 26, 14
_SPACE = 10


@attrs.frozen
class Layout:
    """How far lanes are from one another, and how their names are written above them.

    Attributes:
        pitch: from lane to lane.
        head: the height of what is above the first moment.
        slant: the angle of the names, in degrees.
    """

    pitch: int
    head: int
    slant: int


WIDE = Layout(pitch=72, head=46, slant=0)
NARROW = Layout(pitch=30, head=66, slant=-45)
"""For a phone."""


@unique
class Arrow(Enum):
    """How the program gets from one lane to another; the value is the class of its arrow."""

    TAKEN = "taken"
    """An exception is taken."""
    RETURN = "return"
    """An exception return."""
    CALL = "call"
    """Any other way: a call, a branch."""


def arrow(before: StoryMoment, after: StoryMoment) -> Arrow | None:
    """The arrow from a moment to the next one; None where it is in the same lane."""
    if before.lane is after.lane:
        return None
    if after.is_exception:
        return Arrow.TAKEN
    if before.lane is Lane.KERNEL and after.moment is not Between.OTHER_CODE and before.depth >= after.depth:
        return Arrow.RETURN
    return Arrow.CALL


def lanes(moments: Sequence[StoryMoment]) -> list[Lane]:
    """The lanes that moments are in, from left to right."""
    used = {moment.lane for moment in moments}
    return [lane for lane in Lane if lane in used]


def diagram(moments: Sequence[StoryMoment], layout: Layout = WIDE) -> Drawing:
    """Lanes, the moments in them, and arrows."""
    return _Diagram(moments, layout).drawing()


def strip(moments: Sequence[StoryMoment], head: int = WIDE.head) -> Drawing:
    """A row of cells for each moment: the bits that decide whether a step is taken."""
    root = element("g", class_="strip")
    width = len(GROUPS) * 3 * _CELL + (len(GROUPS) - 1) * _GAP
    _strip_head(root, head)
    before: Strip | None = None
    for number, moment in enumerate(moments, start=1):
        group = _row(root, number, moment, head, width)
        _cells(group, moment.strip, before, head + (number - 1) * ROW)
        before = moment.strip
    return Drawing(root, width, head + len(moments) * ROW)


def beside(moments: Sequence[StoryMoment]) -> Drawing:
    """The diagram, and the strip to the right of it."""
    root = element("g")
    left, right = diagram(moments), strip(moments)
    put(root, left, 0, 0)
    put(root, right, left.width + _GAP, 0)
    return Drawing(root, left.width + _GAP + right.width, left.height)


# --- lanes


class _Diagram:
    """A diagram while it is drawn."""

    def __init__(self, moments: Sequence[StoryMoment], layout: Layout) -> None:
        self._moments, self._layout = moments, layout
        self._lanes = lanes(moments)
        self._root = element("g", class_="sequence")
        self._titles_at = _CYCLE_END + _SPACE + len(self._lanes) * layout.pitch + _SPACE
        self._width = self._titles_at + max(
            moment.depth * _INDENT + len(moment.title) * _TITLE * GLYPH for moment in moments
        )

    def drawing(self) -> Drawing:
        """All of it."""
        bottom = self._layout.head + len(self._moments) * ROW
        self._heads(bottom)
        for index in range(len(self._moments) - 1):
            self._bar(index)
        for index in range(len(self._moments)):
            self._moment(index)
        return Drawing(self._root, self._width, bottom)

    def _middle(self, lane: Lane) -> float:
        return _CYCLE_END + _SPACE + (self._lanes.index(lane) + 0.5) * self._layout.pitch

    def _x(self, moment: StoryMoment) -> float:
        return self._middle(moment.lane) + moment.depth * _SHIFT

    def _y(self, index: int) -> float:
        return self._layout.head + (index + 0.5) * ROW

    def _heads(self, bottom: float) -> None:
        base = self._layout.head - _SPACE
        add(self._root, "text", "cycle", x=_CYCLE_END, y=base, font_size=_LABEL, text_anchor="end", class_="label")
        for lane in self._lanes:
            x = self._middle(lane)
            add(self._root, "path", d=f"M{x:g} {base + 8}V{bottom:g}", stroke="#8c959f", fill="none", class_="lifeline")
            where = {"text_anchor": "middle"} if not self._layout.slant else {
                "transform": f"rotate({self._layout.slant} {x + 4:g} {base})"
            }  # fmt: skip
            left = x if not self._layout.slant else x + 4
            add(self._root, "text", lane.value, x=left, y=base, font_size=_LABEL, class_="label lane", **where)

    def _bar(self, index: int) -> None:
        """In its lane, up to the next moment, which leaves it or goes on there."""
        moment = self._moments[index]
        kind = f"bar {moment.lane.name.lower()}"
        x = self._x(moment) - _BAR / 2
        add(self._root, "rect", x=x, y=self._y(index), width=_BAR, height=ROW, fill="#8c959f", class_=kind)

    def _moment(self, index: int) -> None:
        moment, y = self._moments[index], self._y(index)
        group = _row(self._root, index + 1, moment, self._layout.head, self._width)
        base = y + _NUMBER / 2 - 2
        add(
            group, "text", str(moment.cycle), x=_CYCLE_END, y=base, font_size=_NUMBER, text_anchor="end",
            class_="cycle",
        )  # fmt: skip
        if index:
            self._arrow(group, self._moments[index - 1], moment, y)
        kind = f"point {moment.lane.name.lower()}"
        add(group, "circle", cx=self._x(moment), cy=y, r=_POINT, stroke="#ffffff", class_=kind)
        x = self._titles_at + moment.depth * _INDENT
        add(group, "text", moment.title, x=x, y=base, font_size=_TITLE, class_="title")

    def _arrow(self, group: Element, before: StoryMoment, after: StoryMoment, y: float) -> None:
        kind = arrow(before, after)
        if kind is None:
            return
        start, end = self._x(before), self._x(after)
        way = 1 if end > start else -1
        draw_arrow(group, kind, start + way * _BAR / 2, end - way * (_POINT + 1), y)


def draw_arrow(parent: Element, kind: Arrow, begin: float, tip: float, y: float) -> None:
    """An arrow of a kind, to the left or right, with its tip at (tip, y)."""
    way = 1 if tip > begin else -1
    drawn = add(parent, "g", class_=f"arrow {kind.value}", stroke="#57606a", fill="none")
    if kind is Arrow.CALL:
        add(drawn, "path", d=f"M{begin:g} {y:g}H{tip:g}m{-way * 6} -4l{way * 6} 4l{-way * 6} 4", class_="shaft")
        return
    dashes = {"stroke_dasharray": "4 3"} if kind is Arrow.RETURN else {}
    add(drawn, "path", d=f"M{begin:g} {y:g}H{tip - way * 4:g}", class_="shaft", **dashes)
    add(drawn, "path", d=f"M{tip:g} {y:g}l{-way * 7} -4v8z", fill="#57606a", class_="tip")


def _row(parent: Element, number: int, moment: StoryMoment, head: int, width: float) -> Element:
    """What a moment is drawn into, the whole of its row."""
    group = add(parent, "g", class_="moment", data_moment=number)
    add(group, "title", f"{moment.title}: {moment.why}")
    y = head + (number - 1) * ROW
    add(group, "rect", x=0, y=y, width=width, height=ROW, rx=4, fill="none", class_="row")
    return group


# --- bits


def _column(index: int) -> float:
    return index * _CELL + index // 3 * _GAP


def _strip_head(root: Element, head: int) -> None:
    base = head - _SPACE
    for number, (name, bits) in enumerate(GROUPS.items()):
        middle = _column(3 * number + 1) + _CELL / 2
        add(root, "text", name, x=middle, y=base - 17, font_size=_LABEL, text_anchor="middle", class_="label group")
        for index, bit in enumerate(bits, start=3 * number):
            x = _column(index) + _CELL / 2
            add(root, "text", bit.label, x=x, y=base, font_size=_LABEL, text_anchor="middle", class_="label bit")


def _cells(group: Element, values: Strip, before: Strip | None, top: float) -> None:
    changed = changes(before, values)
    for index, bit in enumerate(BITS):
        value = bit.of(values)
        kind = "none" if value is None else f"is{value}"
        if bit in changed:
            kind += " changed"
        x, y = _column(index), top + 2
        if value is not None:
            add(
                group, "rect", x=x + 1, y=y, width=_CELL - 2, height=ROW - 4, rx=3, fill="#ffffff", stroke="#8c959f",
                class_=f"cell {kind}",
            )  # fmt: skip
        if bit in changed:
            corner = x + _CELL - 1
            add(group, "path", d=f"M{corner:g} {y:g}v8l-8 -8z", class_="mark")
        text = "\N{EN DASH}" if value is None else str(value)
        add(
            group, "text", text, x=x + _CELL / 2, y=y + ROW / 2 + 2, font_size=_NUMBER, text_anchor="middle",
            class_=f"value {kind}",
        )  # fmt: skip


def arrows(moments: Sequence[StoryMoment]) -> list[Arrow]:
    """The kinds of arrows that the diagram has."""
    used = {arrow(before, after) for before, after in pairwise(moments)}
    return [kind for kind in Arrow if kind in used]
