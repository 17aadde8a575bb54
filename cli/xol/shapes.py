"""Pieces of a drawing: elements of SVG and HTML, into which any text may go, and what a text takes up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

GLYPH = 0.62
"""How wide a character is at most, on average, in heights of its font: DejaVu Sans, which is wide, has less."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may have, and controls, which nobody sees. The symbols of a program can be any bytes."""


@attrs.frozen
class Drawing:
    """What was drawn, from (0, 0) on, in units of a pixel."""

    element: Element
    width: float
    height: float


def printable(text: str) -> str:
    """The text, with a mark for each character that cannot be shown."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def element(tag: str, text: str = "", **attributes: float | str) -> Element:
    """An element; `_` in the name of an attribute stands for `-`, at the end for nothing (`class_`)."""
    made = Element(tag, {_named(name): _written(value) for name, value in attributes.items()})
    made.text = printable(text) or None
    return made


def add(parent: Element, tag: str, text: str = "", **attributes: float | str) -> Element:
    """An element at the end of another one."""
    made = element(tag, text, **attributes)
    parent.append(made)
    return made


def put(parent: Element, drawing: Drawing, x: float, y: float) -> None:
    """A drawing at a place in another one."""
    moved = SubElement(parent, "g", transform=f"translate({x:g} {y:g})")
    moved.append(drawing.element)


def texts(parent: Element, lines: Iterable[str], x: float, y: float, size: float, kind: str) -> float:
    """Lines of text beneath one another; y is the baseline of the first one, and the result that of one more."""
    for line in lines:
        add(parent, "text", line, x=x, y=y, font_size=size, class_=kind)
        y += round(size * 1.5)
    return y


def columns(width: float, size: float) -> int:
    """How many characters of a font go into so many pixels."""
    return int(width / (size * GLYPH))


def _named(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _written(value: float | str) -> str:
    return printable(value) if isinstance(value, str) else f"{value:g}"
