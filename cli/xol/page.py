"""What is shown, as one page that needs nothing else: drawings and tables, and a script to go through the moments.

Whatever comes from a program (symbols can be any bytes) becomes text of elements and attributes, or data that is read
as JSON; the page's policy lets the browser run and style with nothing but what is written here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from cli.xol import data, sequence, svg
from cli.xol.bits import GROUPS, changes
from cli.xol.episode import Episode
from cli.xol.sequence import NARROW
from cli.xol.shapes import Drawing, add, element, printable
from cli.xol.text import facts, profile, shown
from kprobes.arch.code import instruction_of
from kprobes.engine import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

    from cli.xol.episode import CodeLine
    from cli.xol.performance import Comparison, Performance, Scene
    from kprobes.host import Strip
    from kprobes.story import StoryMoment

_PATHS = {"PSTATE": "pstate", "saved": "saved", "MDSCR_EL1": "mdscr"}
"""Where the JSON of a moment has the bits of a group."""


def as_html(performance: Performance) -> str:
    """The page, as a file."""
    page = ET.fromstring(_part("page.html"))  # noqa: S314  (this package's own)
    parts = {part.get("id"): part for part in page.iter()}
    title = _title(performance)
    _only(page, "title").text = printable(title)
    _introduce(parts["introduction"], performance, title)
    _list_scenes(parts["scenes"], performance.scenes)
    for number, scene in enumerate(performance.scenes, start=1):
        parts["performance"].append(_scene(number, scene, is_titled=bool(performance.name)))
    _compare(parts["comparison"], performance.comparison)
    _ask(parts["question"], performance)
    parts["data"].text = _data(performance)
    style, script = _part("page.css") + svg.style(), _part("page.js")
    _only(page, "style").text = style
    page.findall(".//script")[-1].text = script
    page.findall(".//meta[@http-equiv]")[0].set("content", _policy(style, script))
    return f"<!doctype html>\n{ET.tostring(page, encoding='unicode', method='html')}\n"


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _only(page: Element, tag: str) -> Element:
    (found,) = page.iter(tag)
    return found


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy: nothing from anywhere, and of what is in the page this style and this script."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


# --- the data of the script


def _data(performance: Performance) -> str:
    """The moments as JSON that cannot end the element it is in, nor begin another one."""
    groups = {
        name: [(bit.label, f"{_PATHS[name]}.{bit.label.lower()}") for bit in bits] for name, bits in GROUPS.items()
    }
    told = {"groups": groups, "scenes": [_scene_data(scene) for scene in performance.scenes]}
    text = json.dumps(told, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _scene_data(scene: Scene) -> dict[str, Any]:
    if not isinstance(scene, Episode):
        return data.scene_as_json(scene)
    moments = scene.story.moments
    return {
        **data.scene_as_json(scene),
        "places": {f"{address:#x}": name for address, name in scene.places.items()},
        "exceptions": [number for number, moment in enumerate(moments) if moment.is_exception],
        "slots": [list(_slot(moment)) for moment in moments],
    }


def _slot(moment: StoryMoment) -> Iterator[dict[str, str]]:
    for index, word in enumerate(moment.slot_words):
        address = (moment.slot or 0) + index * WORD
        yield {"address": f"{address:#x}", "word": f"{word:08x}", "text": instruction_of(word).text(address)}


# --- the page around the scenes


def _title(performance: Performance) -> str:
    if performance.name:
        return f"{performance.name}: {performance.title}"
    return svg.described(performance.scenes[0])[0]


def _introduce(header: Element, performance: Performance, title: str) -> None:
    if not performance.name:
        add(header, "h1", title)
        add(header, "p", profile(performance.scenes[0]), class_="profile")
        return
    add(header, "p", f"lesson {performance.name}", class_="profile")
    add(header, "h1", performance.title)
    for paragraph in performance.introduction:
        _prose(header, paragraph)
    if performance.source:
        program = add(header, "details")
        add(program, "summary", "The program")
        add(program, "pre", performance.source)


def _list_scenes(nav: Element, scenes: Sequence[Scene]) -> None:
    if len(scenes) == 1:
        nav.set("hidden", "hidden")
    for number, scene in enumerate(scenes, start=1):
        add(nav, "a", f"{number}. {scene.title}", href=f"#s{number}")


def _compare(section: Element, comparison: Comparison | None) -> None:
    if comparison is None:
        section.set("hidden", "hidden")
        return
    add(section, "h2", "Side by side")
    table = add(section, "table")
    head = add(add(table, "thead"), "tr")
    for name in ("", *comparison.columns):
        add(head, "th", name, scope="col")
    body = add(table, "tbody")
    for name, values in comparison.rows:
        row = add(body, "tr")
        add(row, "th", name, scope="row")
        for column, value in zip(comparison.columns, values, strict=True):
            add(row, "td", shown(value), data_label=column)


def _ask(section: Element, performance: Performance) -> None:
    if not performance.question:
        section.set("hidden", "hidden")
        return
    add(section, "h2", "Question")
    _prose(section, performance.question)
    answer = add(section, "details")
    add(answer, "summary", "Answer")
    _prose(answer, performance.answer)


def _prose(parent: Element, text: str) -> None:
    """A paragraph of a lesson: what is between backticks is what the page itself says."""
    said, *others = text.split("`")
    paragraph = add(parent, "p", said)
    for quoted, after in zip(others[::2], others[1::2], strict=True):
        add(paragraph, "code", quoted).tail = after


# --- a scene


def _scene(number: int, scene: Scene, *, is_titled: bool) -> Element:
    section = element("section", class_="scene", id=f"s{number}")
    if is_titled:
        add(section, "h2", f"{number}. {scene.title}")
        add(section, "p", svg.described(scene)[0], class_="heading")
        add(section, "p", profile(scene), class_="profile")
    if not isinstance(scene, Episode):
        box = add(section, "div", class_="refusal", role="note")
        for line in scene.reason.splitlines():
            add(box, "p", line)
        return section
    stage = add(section, "div", class_="stage")
    add(stage, "div", class_="left").append(_drawings(number, scene))
    add(stage, "div", class_="right").append(_code(scene.code))
    for remark in svg.remarks(scene):
        add(section, "p", remark, class_="outcome")
    section.append(_table(number, scene))
    return section


def _drawings(number: int, scene: Episode) -> Element:
    """The picture; for a phone, its two halves one below the other. The style shows what there is room for."""
    moments = scene.story.moments
    figure = element("figure", class_="drawings")
    spoken = svg.described(scene)
    for kind, drawing in (
        ("wide", sequence.beside(moments)),
        ("narrow sequence", sequence.diagram(moments, NARROW)),
        ("narrow strip", sequence.strip(moments)),
    ):
        figure.append(_linked(number, drawing, spoken, kind))
    meanings = add(figure, "figcaption")
    for meaning in svg.legend(scene):
        meanings.append(svg.framed(meaning))
    return figure


def _linked(number: int, drawing: Drawing, spoken: tuple[str, str], kind: str) -> Element:
    """A picture whose moments are links."""
    root = svg.framed(drawing, spoken)
    root.set("role", "group")
    root.set("class", f"xol {kind}")
    for row in root.iterfind(".//g[@data-moment]"):
        row.tag = "a"
        row.set("href", f"#s{number}m{row.get('data-moment')}")
    return root


def _code(lines: Sequence[CodeLine]) -> Element:
    section = element("section", class_="code", **{"aria-label": "Code"})
    add(section, "h4", "Code")
    listing = add(section, "ol")
    for line in lines:
        if line.label:
            add(listing, "li", f"{line.label}:", class_="label")
        item = add(listing, "li", class_="line probed" if line.probed else "line", data_address=f"{line.address:#x}")
        add(item, "span", f"{line.address:#x}", class_="address")
        add(item, "span", f"{line.word:08x}", class_="word")
        text = add(item, "span", line.text, class_="text")
        if line.probed:
            add(text, "small", f" for {line.probed}")
    return section


# --- the table: on paper, and without the script


_COLUMNS = ("", "cycle", "moment", *GROUPS, "state", "why")


def _table(number: int, episode: Episode) -> Element:
    around = element("div", class_="moments")
    table = add(around, "table")
    add(table, "caption", "All moments; bits that have changed are underlined")
    head = add(add(table, "thead"), "tr")
    for name in _COLUMNS:
        bits = " ".join(bit.label for bit in GROUPS.get(name, ()))
        cell = add(head, "th", name, scope="col")
        if bits:
            add(cell, "small", f" {bits}")
    body = add(table, "tbody")
    before: Strip | None = None
    for row, moment in enumerate(episode.story.moments, start=1):
        body.append(_row(f"s{number}m{row}", row, episode, moment, before))
        before = moment.strip
    return around


def _row(name: str, number: int, episode: Episode, moment: StoryMoment, before: Strip | None) -> Element:
    row = element("tr", id=name, class_=f"depth{moment.depth}", data_moment=number)
    add(add(row, "td"), "a", str(number), href=f"#{name}")
    add(row, "td", str(moment.cycle), data_label="cycle")
    add(row, "th", moment.title, scope="row")
    changed = changes(before, moment.strip)
    for group, bits in GROUPS.items():
        cell = add(row, "td", class_="bits", data_label=group)
        for bit in bits:
            value = bit.of(moment.strip)
            text = "\N{EN DASH}" if value is None else str(value)
            add(cell, "ins" if bit in changed else "span", text, title=bit.label)
    add(row, "td", facts(episode, moment), class_="facts", data_label="state")
    why = add(row, "td", f"{moment.why} ", class_="why")
    add(why, "cite", f"[{moment.source}]")
    return row
