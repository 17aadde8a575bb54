"""Pictures of hits: well-formed, complete, nothing on top of anything else."""

from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.xol.bits import BITS
from cli.xol.episode import Refusal
from cli.xol.performance import Performance
from cli.xol.svg import NAMESPACE, as_svg
from tests.cli.performances import HOSTILE, MAKERS, PAGING, performance, renamed

SVG = {"": NAMESPACE}


def drawn(shown):
    return parsed(as_svg(shown))


def parsed(text):
    return ET.fromstring(text)  # noqa: S314  (our own)


def scenes(root):
    return root.findall(".//g[@data-scene]", SVG)


def rows(scene, half):
    """The moments of a scene, in the diagram (sequence) or the bits (strip)."""
    return scene.findall(f".//g[@class='{half}']/g[@data-moment]", SVG)


def texts(element, kind):
    return [text.text for text in element.iterfind(".//text", SVG) if kind in text.get("class").split()]


def hits(root, shown):
    """Each hit with what is drawn of it."""
    drawings = scenes(root)
    assert len(shown.scenes) == len(drawings)
    return [
        (scene, drawing)
        for scene, drawing in zip(shown.scenes, drawings, strict=True)
        if not isinstance(scene, Refusal)
    ]  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_every_moment_is_there_in_its_order(name):
    shown = performance(name)
    for scene, drawing in hits(drawn(shown), shown):
        moments = scene.story.moments
        numbers = [str(number) for number in range(1, len(moments) + 1)]
        for half in ("sequence", "strip"):
            assert numbers == [row.get("data-moment") for row in rows(drawing, half)]
        told = [(texts(row, "cycle"), texts(row, "title")) for row in rows(drawing, "sequence")]
        assert [([str(moment.cycle)], [moment.title]) for moment in moments] == told
        sentences = [row.findtext("title", namespaces=SVG) for row in rows(drawing, "strip")]
        assert [f"{moment.title}: {moment.why}" for moment in moments] == sentences


@pytest.mark.parametrize("name", MAKERS)
def test_every_moment_is_in_its_lane(name):
    shown = performance(name)
    for scene, drawing in hits(drawn(shown), shown):
        moments = scene.story.moments
        heads = {text.text: float(text.get("x")) for text in drawing.iterfind(".//text[@class='label lane']", SVG)}
        assert {moment.lane.value for moment in moments} == set(heads)
        assert sorted(heads.values()) == list(heads.values())
        points = [row.find("circle", SVG) for row in rows(drawing, "sequence")]
        for moment, point in zip(moments, points, strict=True):
            assert point.get("class") == f"point {moment.lane.name.lower()}"
            assert 0 <= float(point.get("cx")) - heads[moment.lane.value] <= 8
        assert all(float(above.get("cy")) < float(below.get("cy")) for above, below in pairwise(points))


def arrows(drawing):
    """By the title of its moment, each arrow: its kind, and whether it goes to the right."""
    found = []
    for row in rows(drawing, "sequence"):
        for arrow in row.iterfind("g", SVG):
            shaft = arrow.find("path", SVG).get("d")
            start, end = float(shaft[1:].split()[0]), float(shaft.partition("H")[2].partition("m")[0])
            found.append((*texts(row, "title"), arrow.get("class"), "right" if end > start else "left"))
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a hit", [("BRK taken", "arrow taken", "right"), ("returned to the slot", "arrow return", "right"),
             ("step exception taken", "arrow taken", "left"), ("after the probe", "arrow return", "left")]),
        ("a hit within a hit", [("BRK taken", "arrow taken", "right"), ("before the probe", "arrow call", "right"),
             ("BRK taken", "arrow taken", "left"), ("returned to the slot", "arrow return", "right"),
             ("step exception taken", "arrow taken", "left"), ("after the probe", "arrow return", "right"),
             ("end of the slot noted", "arrow call", "left"), ("returned to the slot", "arrow return", "right"),
             ("step exception taken", "arrow taken", "left"), ("after the probe", "arrow return", "left")]),
        ("a return", [("BRK taken", "arrow taken", "right"), ("returned to the slot", "arrow return", "right"),
             ("BRK of the slot taken", "arrow taken", "left"), ("after the probe", "arrow return", "left"),
             ("trampoline", "arrow call", "right"), ("return handlers", "arrow taken", "left"),
             ("after the function", "arrow return", "left")]),
    ],
)  # fmt: skip
def test_an_arrow_wherever_the_lane_changes(name, expected):
    (drawing,) = scenes(drawn(performance(name)))
    assert expected == arrows(drawing)


@pytest.mark.parametrize("name", MAKERS)
def test_the_bits_and_what_has_changed(name):
    shown = performance(name)
    for scene, drawing in hits(drawn(shown), shown):
        before = None
        for moment, row in zip(scene.story.moments, rows(drawing, "strip"), strict=True):
            values = [bit.of(moment.strip) for bit in BITS]
            assert ["\N{EN DASH}" if value is None else str(value) for value in values] == texts(row, "value")
            changed = [
                value is not None and before is not None and value != bit.of(before)
                for bit, value in zip(BITS, values, strict=True)
            ]
            assert changed == ["changed" in text.get("class").split() for text in row.iterfind("text", SVG)]
            assert sum(changed) == len(row.findall("path", SVG)), "each is marked by more than its colour"
            before = moment.strip


# --- places


@attrs.frozen
class Box:
    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other):
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def boxes(element, x=0.0, y=0.0):
    """What texts take up, by a simple measure: a character is as wide as in a font that is wide."""
    if element.get("transform"):
        dx, dy = map(float, element.get("transform").removeprefix("translate(").removesuffix(")").split())
        x, y = x + dx, y + dy
    if element.tag == f"{{{NAMESPACE}}}text":
        size = float(element.get("font-size"))
        width = len(element.text) * size * 0.6
        left = x + float(element.get("x")) - {None: 0, "middle": width / 2, "end": width}[element.get("text-anchor")]
        base = y + float(element.get("y"))
        yield Box(element.text, left, base - size * 0.8, left + width, base + size * 0.2)
    for child in element:
        yield from boxes(child, x, y)


@pytest.mark.parametrize("name", MAKERS)
def test_no_text_is_on_top_of_another_or_outside(name):
    root = drawn(performance(name))
    found = list(boxes(root))
    assert not [(one.text, other.text) for one, other in combinations(found, 2) if one.overlaps(other)]
    _, _, width, height = map(float, root.get("viewBox").split())
    outside = [box for box in found if box.left < 0 or box.top < 0 or box.right > width or box.bottom > height]
    assert not outside


def test_two_hits_are_side_by_side_and_more_scenes_beneath_one_another():
    def corners(name):
        return [
            tuple(map(float, parent.get("transform")[len("translate(") : -1].split()))
            for parent in drawn(performance(name)).iter(f"{{{NAMESPACE}}}g")
            if parent.find("g[@data-scene]", SVG) is not None
        ]

    (left, top), (right, same) = corners("two hits")
    assert (left < right, top) == (True, same)
    below = corners("everything")
    assert {0.0} == {x for x, _ in below}
    assert below == sorted(below, key=lambda corner: corner[1])
    assert len(set(below)) == 4


# --- what else is said, and how it looks


def test_a_refusal_says_why():
    shown = performance("a refusal")
    (refusal,) = shown.scenes
    assert refusal.reason == " ".join(texts(drawn(shown), "said"))


def test_what_came_of_it():
    (nested,) = scenes(drawn(performance("a hit within a hit")))
    assert ["All is well."] == texts(nested, "said")


def test_it_can_be_read_aloud():
    root = drawn(performance("a hit"))
    described = root.findtext("desc", namespaces=SVG)
    assert ("img", "hit 1 of p_square_0 at 0x40000028 (square): mul x0, x0, x0") == (
        root.get("role"), root.findtext("title", namespaces=SVG),
    )  # fmt: skip
    assert described.startswith("15 moments. cycle 6, program: before the probe; cycle 7, exception: BRK taken; ")


def test_light_dark_and_paper():
    style = drawn(performance("a hit")).findtext("style", namespaces=SVG)
    for condition in ("@media screen and (prefers-color-scheme: dark)", "@media print"):
        assert condition in style


def test_it_can_be_read_without_style():
    root = drawn(performance("a hit"))
    assert ("#1f2328", "#ffffff") == (root.get("fill"), root.find("rect", SVG).get("fill"))
    filled = {rect.get("fill") for rect in root.iterfind(".//rect", SVG)}
    assert {"#ffffff", "none", "#8c959f"} == filled, "nothing dark behind text"


@settings(max_examples=40)
@given(reason=st.text(), title=st.text())
def test_any_text_can_be_drawn(reason, title):
    root = drawn(Performance((Refusal("p x", "v15", "a kernel", reason, title),)))
    assert {"rect", "text", "g"} >= {each.tag.partition("}")[2] for each in scenes(root)[0].iter()}


def test_symbols_can_be_any_bytes(a64_command, tmp_path):
    (tmp_path / "hostile.elf").write_bytes(renamed(PAGING, "write", HOSTILE.encode()))
    status, shown, errors = a64_command("xol", "hostile.elf", "p 0x40100054", "--svg", "-")
    assert (0, "") == (status, errors)
    assert any(HOSTILE in text for text in texts(parsed(shown), "subheading"))
    (tmp_path / "controls.elf").write_bytes(renamed(PAGING, "write", b"a\x01\x1b[31m\xffb"))
    _, shown, _ = a64_command("xol", "controls.elf", "p 0x40100054", "--svg", "-")
    assert "(a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31m" in shown
