"""How the page of `a64 xol --html` looks in a real browser: on a phone, on paper, dark, and without its script."""

import re

import pytest

from tests.cli.browser import DESKTOP, PHONE
from tests.cli.page_structure import VIEWS, gaps, leaves, lines, recorded, seen
from tests.cli.performances import performance, stops
from tests.cli.png import Picture

STOPS = list(stops())

# --- the table, paper, and no script


TABLE_ROWS = (
    "[...document.querySelectorAll('tr[id]')].filter((row) => row.checkVisibility()).map((row) => '#' + row.id)"
)
MOMENTS = [stop[0] for stop in STOPS if stop[2]]


def test_the_table_of_a_scene(page):
    assert page.run(TABLE_ROWS) == []
    page.press("t")
    assert [name for name in MOMENTS if name.startswith("#s1m")] == page.run(TABLE_ROWS)
    cells = page.run("[...document.querySelectorAll('#s1m8 > *')].map((cell) => [...cell.childNodes].map((each) => "
                     "each.textContent))")  # fmt: skip
    none = "\N{EN DASH}"
    assert [["8"], ["7"], ["returned to the slot"], ["0", "1", "1"], [none] * 3, ["1", "1", "1"]] == cells[:6]
    assert "[Entering the active-not-pending state]" == cells[7][1]
    assert ["D", "SS"] == page.run("[...document.querySelectorAll('#s1m8 ins')].map((bit) => bit.title)")
    page.press("t")
    assert page.run(TABLE_ROWS) == []


def test_without_a_script_everything_can_be_read(tab, everything):
    tab.scripts(run=False)
    for shape in (DESKTOP, PHONE):
        tab.shape(*shape)
        tab.open(everything)
        assert tab.run(TABLE_ROWS) == MOMENTS
        assert tab.run("document.getElementById('controls').checkVisibility()") is False
        assert tab.run("document.documentElement.scrollWidth <= innerWidth") is True
        told = tab.run("document.body.innerText")
        for scene in performance("everything").scenes:
            sentences = [moment.why for moment in scene.story.moments] if hasattr(scene, "story") else [scene.reason]
            assert not [sentence for sentence in sentences if sentence not in told]


def test_on_paper_there_is_every_moment(page):
    page.press("n")
    printed = page.pdf()
    assert printed.startswith(b"%PDF-")
    # The number of each row is a link to that row: a place that the paper has.
    places = set(re.findall(rb"/(s\d+m\d+) \[", printed))
    assert {name[1:].encode() for name in MOMENTS} == places
    page.media("dark", "print")
    assert page.run(TABLE_ROWS) == MOMENTS
    for gone in ("controls", "told", "registers", "scenes"):
        assert page.run(f"document.getElementById('{gone}').checkVisibility()") is False
    page.shape(700, 1000)  # A4 without its margins
    assert max(page.run("[...document.querySelectorAll('tbody tr')].map((row) => row.offsetHeight)")) < 200
    assert page.run("document.documentElement.scrollWidth <= innerWidth") is True
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


# --- how it looks


@pytest.mark.parametrize("shape", [PHONE, (320, 600), (768, 1024), DESKTOP], ids=lambda shape: str(shape[0]))
def test_nothing_is_wider_than_the_window(page, shape):
    page.shape(*shape, mobile=shape[0] < 700)
    for stop in range(0, len(STOPS), 5):
        page.run(f"show({stop})")
        assert page.run("document.documentElement.scrollWidth <= innerWidth") is True
    page.press("t")
    assert page.run("document.documentElement.scrollWidth <= innerWidth") is True


IS_SEEN = """((selector) => {
    const {top, bottom} = document.querySelector(selector).getBoundingClientRect();
    return 0 <= top && bottom <= document.getElementById("controls").getBoundingClientRect().top;
})"""


def test_what_is_told_of_stays_in_the_window(page):
    page.shape(1280, 500)
    for key in ("2", "End", "2", "p", "Home"):
        page.press(key)
        assert page.run(f"{IS_SEEN}('.scene.shown .wide .current')") is True
    page.shape(*PHONE, mobile=True)
    page.click(".scene.shown .narrow.strip [data-moment='14']")
    assert page.run("document.getElementById('title').textContent") == "post-handler"
    assert page.run(f"{IS_SEEN}('#told')") is True


def test_fingers_can_hit_the_buttons(page):
    page.shape(*PHONE, mobile=True)
    boxes = page.run("""[...document.querySelectorAll('#controls button')].filter((each) => each.checkVisibility())
        .map((each) => each.getBoundingClientRect()).map(({left, right, top, bottom}) => [left, top, right, bottom])""")
    assert len(boxes) >= 6
    for left, top, right, bottom in boxes:
        assert left >= 0 <= top
        assert right <= PHONE[0]
        assert bottom <= PHONE[1]
        assert min(right - left, bottom - top) >= 40


CONTRASTS = """(() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
    const opaque = (colour) => { const [r, g, b, a = 1] = channels(colour); return a === 1 ? [r, g, b] : null; };
    const ground = (element) => {
        const cell = element.previousElementSibling;
        if (element.matches("text.value") && cell?.tagName === "rect") return opaque(getComputedStyle(cell).fill);
        for (let each = element; each; each = each.parentElement) {
            const found = opaque(getComputedStyle(each).backgroundColor);
            if (found) return found;
        }
    };
    const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return [...document.body.querySelectorAll("*")].filter((each) => each.checkVisibility() && own(each) &&
        !each.matches("title, desc, script")).map((each) => {
        const style = getComputedStyle(each);
        const ink = channels(each.matches("text") ? style.fill : style.color);
        const [dark, light] = [luminance(ink), luminance(ground(each))].sort((a, b) => a - b);
        return [(light + 0.05) / (dark + 0.05), each.textContent];
    });
})()"""


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)], ids=["light", "dark"])
def test_text_can_be_told_from_its_ground(page, scheme, is_dark):
    page.media(scheme)
    ground = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(ground) < 64) == is_dark
    for fragment in ("#s1m8", "#s3"):
        page.go(fragment)
        contrasts = page.run(CONTRASTS)
        assert len(contrasts) > 15
        assert not [each for each in contrasts if each[0] < 4.5], "WCAG 2, AA: 4.5 to 1"


def test_what_has_the_focus_can_be_seen(page):
    page.press("Tab")
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


# --- the structure of what is seen: the browser's layout, then its picture


SCALE = 0.25
"""Of the pictures: enough to see that something is there."""


def scaled(box):
    return tuple(edge * SCALE for edge in box)


@pytest.mark.parametrize(
    ("scheme", "width", "fragment"),
    [(scheme, *view) for scheme, view in zip(("light", "dark", "dark", "light"), VIEWS, strict=True)],
)
def test_the_structure_of_what_is_seen(page, scheme, width, fragment):
    page.media(scheme)
    size, layout = seen(page, width, fragment)
    assert recorded(width, fragment) == "\n".join(lines(layout))

    picture = Picture(page.screenshot(scale=SCALE, size=size))
    for region in leaves(layout):
        assert picture.ink(*scaled(region["box"])) > 0.003, f"{region['name']} can be seen"
    between = [(0, 0, 12, size[1] - 100), *gaps(layout)]
    assert len(between) >= 5
    assert {0} == {picture.ink(*scaled(box)) for box in between}, "nothing in the margin and between"
