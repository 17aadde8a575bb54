"""What is shown, as a picture: each hit as a sequence diagram with its bits; a refusal as a box."""

from __future__ import annotations

import textwrap
from importlib import resources
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from cli.xol import sequence
from cli.xol.episode import Episode
from cli.xol.sequence import Arrow
from cli.xol.shapes import GLYPH, Drawing, add, columns, element, printable, put, texts
from cli.xol.text import heading, profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

    from cli.xol.episode import Refusal
    from cli.xol.performance import Performance, Scene

NAMESPACE = "http://www.w3.org/2000/svg"
_MARGIN = 24
_HEADING, _TEXT, _SMALL = 18, 13, 11
_NARROWEST = 520
"""The width of text where no diagram is wider."""
_WIDEST = 1600
"""Two hits go side by side up to here, as a slide or a screen has."""
_WORDS = {
    Arrow.TAKEN: "exception taken",
    Arrow.RETURN: "exception return",
    Arrow.CALL: "call or branch",
}


def as_svg(performance: Performance) -> str:
    """The picture, as a file."""
    drawn = _performance(performance)
    root = framed(drawn, _spoken(performance), margin=_MARGIN)
    root.set("xmlns", NAMESPACE)
    root.insert(0, element("style", style()))
    ET.indent(root)
    return f"{ET.tostring(root, encoding='unicode')}\n"


def style() -> str:
    """How drawings look: light, dark, on paper."""
    return resources.files(__package__).joinpath("drawing.css").read_text(encoding="utf-8")


def framed(drawing: Drawing, spoken: tuple[str, str] | None = None, *, margin: int = 0) -> Element:
    """A picture of a drawing, with a title and a description for who does not see it."""
    width, height = drawing.width + 2 * margin, drawing.height + 2 * margin
    root = element(
        "svg", class_="xol", role="img", viewBox=f"0 0 {width:g} {height:g}", width=width, height=height,
        fill="#1f2328", font_family="system-ui, 'DejaVu Sans', sans-serif",
    )  # fmt: skip
    for tag, text in zip(("title", "desc"), spoken or (), strict=False):
        add(root, tag, text)
    if margin:
        add(root, "rect", width=width, height=height, fill="#ffffff", class_="ground")
    put(root, drawing, margin, margin)
    return root


def described(scene: Scene) -> tuple[str, str]:
    """A scene for who does not see it: what it is, and what is to be seen."""
    if not isinstance(scene, Episode):
        return f"{scene.spec} is refused", scene.reason
    moments = scene.story.moments
    told = "; ".join(f"cycle {moment.cycle}, {moment.lane.value}: {moment.title}" for moment in moments)
    return heading(scene), f"{len(moments)} moments. {told}."


def remarks(scene: Episode) -> list[str]:
    """What there is to be said at the end of a hit."""
    ended = scene.story.ended and f"The run ended before the hit was over: {scene.story.ended}"
    return [remark for remark in (ended, scene.outcome) if remark]


def legend(scene: Episode) -> list[Drawing]:
    """What the arrows of a hit and the marks of its bits mean, each by itself."""
    meanings = []
    for kind in sequence.arrows(scene.story.moments):
        root = element("g")
        sequence.draw_arrow(root, kind, 0, 26, 10)
        meanings.append(_meaning(root, _WORDS[kind], 34))
    root = element("g")
    add(root, "path", d="M10 5v10l-10 -10z", class_="mark")
    return [*meanings, _meaning(root, "bit has changed", 18)]


def _meaning(root: Element, text: str, x: float) -> Drawing:
    add(root, "text", text, x=x, y=14, font_size=_SMALL, class_="label")
    return Drawing(root, x + len(text) * _SMALL * GLYPH, 20)


# --- the parts of a picture


def _spoken(performance: Performance) -> tuple[str, str]:
    if not performance.name:
        return described(performance.scenes[0])
    scenes = " ".join(" ".join(described(scene)) for scene in performance.scenes)
    return f"{performance.name}: {performance.title}", scenes


def _performance(performance: Performance) -> Drawing:
    scenes = [_scene(number, scene) for number, scene in enumerate(performance.scenes, start=1)]
    below = _arranged(scenes, performance)
    if not performance.name:
        return below
    root = element("g")
    lines = _wrapped([f"{performance.name}: {performance.title}"], below.width, _HEADING)
    y = texts(root, lines, 0, _HEADING, _HEADING, "heading")
    put(root, below, 0, y)
    return Drawing(root, below.width, y + below.height)


def _arranged(scenes: Sequence[Drawing], performance: Performance) -> Drawing:
    """Scenes beneath one another; two hits side by side, to be compared."""
    root = element("g")
    width = sum(scene.width for scene in scenes) + _MARGIN * 2 * (len(scenes) - 1)
    if len(scenes) == len(performance.episodes) == 2 and width <= _WIDEST:
        first, second = scenes
        put(root, first, 0, 0)
        put(root, second, first.width + 2 * _MARGIN, 0)
        return Drawing(root, width, max(first.height, second.height))
    y = 0.0
    for scene in scenes:
        put(root, scene, 0, y)
        y += scene.height + _MARGIN * 1.5
    return Drawing(root, max(scene.width for scene in scenes), y - _MARGIN * 1.5)


def _in_a_row(drawings: Iterable[Drawing]) -> Drawing:
    root = element("g")
    x = height = 0.0
    for drawing in drawings:
        put(root, drawing, x, 0)
        x += drawing.width + _MARGIN
        height = max(height, drawing.height)
    return Drawing(root, x - _MARGIN, height)


def _scene(number: int, scene: Scene) -> Drawing:
    if not isinstance(scene, Episode):
        return _refusal(number, scene)
    drawn, meanings = sequence.beside(scene.story.moments), _in_a_row(legend(scene))
    width = max(drawn.width, meanings.width)
    root = element("g", class_="scene", data_scene=number)
    y = _head(root, number, scene, heading(scene), width)
    put(root, drawn, 0, y)
    y += drawn.height + 10
    put(root, meanings, 0, y)
    y += meanings.height
    for remark in remarks(scene):
        lines = _wrapped([remark], width, _TEXT)
        y = texts(root, lines, 0, y + _TEXT * 2, _TEXT, "said") - _TEXT
    return Drawing(root, width, y)


def _refusal(number: int, refusal: Refusal) -> Drawing:
    root = element("g", class_="scene", data_scene=number)
    width = _NARROWEST + 100
    y = _head(root, number, refusal, f"{refusal.spec} is refused", width)
    lines = _wrapped(refusal.reason.splitlines(), width - 2 * 16, _TEXT)
    height = len(lines) * round(_TEXT * 1.5) + 24
    add(root, "rect", x=0.5, y=y, width=width - 1, height=height, rx=6, fill="none", stroke="#57606a", class_="refused")
    texts(root, lines, 16, y + 12 + _TEXT, _TEXT, "said")
    return Drawing(root, width, y + height)


def _head(root: Element, number: int, scene: Scene, told: str, width: float) -> float:
    """The title of a scene, and where what is beneath it begins."""
    y = float(_TEXT)
    if scene.title:
        y = texts(root, _wrapped([f"{number}. {scene.title}"], width, 15), 0, y, 15, "heading")
    y = texts(root, _wrapped([told], width, _TEXT), 0, y, _TEXT, "subheading")
    return texts(root, _wrapped([profile(scene)], width, _SMALL), 0, y, _SMALL, "label")


def _wrapped(lines: Iterable[str], width: float, size: float) -> list[str]:
    """Lines of a font in so many pixels."""
    return [
        part for line in lines for part in textwrap.wrap(printable(line), columns(width, size), break_on_hyphens=False)
    ]
