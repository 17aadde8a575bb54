"""The structure of a page as it is seen, in lines that people can read. Run as a script, it is recorded anew.

    python -m tests.cli.page_structure

`page_structure.txt` has it: what is in a region from top to bottom, a bar before what is beside the one above it.
"""

import tempfile
from itertools import pairwise
from pathlib import Path

from cli.xol.page import as_html
from tests.cli.browser import chromium
from tests.cli.performances import performance

RECORD = Path(__file__).with_suffix(".txt")
_EDGE = 6
"""What of a gap is left out at its edges, in pixels: outlines, and what is between two pixels."""
VIEWS = ((1280, "#s1m8"), (1280, "#s3"), (360, "#s1m8"), (360, "#s3"))
"""The width of a window, and what of the page is shown: a moment, a refusal."""

LAYOUT = """(() => {
    const containers = "body, main, .scene, .stage, .left, .right, .drawings";
    const name = (each) => each.id || [...each.classList].at(-1) || each.tagName.toLowerCase();
    const flat = (element) => [...element.children].flatMap((each) => {
        if (getComputedStyle(each).display === "contents") return flat(each);
        const {x, y, width, height} = each.getBoundingClientRect();
        return each.checkVisibility() && width && height ? [{each, x, y, width, height}] : [];
    });
    const described = ({each, x, y, width, height}) => ({
        name: name(each), box: [x, y, x + width, y + height],
        parts: each.matches(containers) ? flat(each).map(described) : [],
    });
    const {x, y, width, height} = document.body.getBoundingClientRect();
    return described({each: document.body, x, y, width, height});
})()"""


def lines(region, depth=0):
    """A region as lines: what is in it from top to bottom, a bar before what is beside the one above it."""
    before = None
    for part in _in_order(region):
        is_beside = before is not None and part["box"][1] < before[3] - 1
        assert not is_beside or part["box"][0] >= before[2], "nothing overlaps"
        yield f"{'  ' * depth}{'| ' if is_beside else '- '}{part['name']}"
        yield from lines(part, depth + 1)
        before = part["box"]


def _in_order(region):
    return sorted(region["parts"], key=lambda part: (round(part["box"][1]), part["box"][0]))


def leaves(region):
    """The regions that have no others."""
    if not region["parts"]:
        yield region
    for part in region["parts"]:
        yield from leaves(part)


def gaps(region):
    """The boxes between regions that are beside or beneath one another, as far as they are wide enough to be seen."""
    for before, after in pairwise(_in_order(region)):
        (left, top, right, bottom), (left2, top2, right2, bottom2) = before["box"], after["box"]
        beside = right + _EDGE, max(top, top2), left2 - _EDGE, min(bottom, bottom2)
        beneath = max(left, left2), bottom + _EDGE, min(right, right2), top2 - _EDGE
        gap = beside if top2 < bottom - 1 else beneath
        if min(gap[2] - gap[0], gap[3] - gap[1]) >= _EDGE:
            yield gap
    for part in region["parts"]:
        yield from gaps(part)


def seen(tab, width, fragment):
    """The size and the regions of the page that is open, in a window as high as it is."""
    tab.shape(width, 740)
    tab.go(fragment)
    size = width, tab.run("document.documentElement.scrollHeight")
    tab.shape(*size)
    return size, tab.run(LAYOUT)


def _heading(width, fragment):
    return f"{fragment} at {width}:\n"


def recorded(width, fragment):
    """The lines that were recorded of a view."""
    return RECORD.read_text().partition(_heading(width, fragment))[2].partition("\n\n")[0].rstrip("\n")


def _record():
    with tempfile.TemporaryDirectory() as directory, chromium() as browser:
        page = Path(directory) / "page.html"
        page.write_text(as_html(performance("everything")))
        tab = browser.tab()
        tab.open(page.as_uri())
        views = [_heading(*view) + "\n".join(lines(seen(tab, *view)[1])) + "\n" for view in VIEWS]
    RECORD.write_text("\n".join(views))


if __name__ == "__main__":
    _record()
