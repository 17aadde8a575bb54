"""The page of `a64 xol --html` in a real browser: every moment reached, nothing fetched, nothing complained about."""

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.lessons import LESSONS
from cli.xol.episode import Episode, Refusal
from cli.xol.page import as_html
from cli.xol.performance import Performance
from tests.cli.browser import DESKTOP, PHONE
from tests.cli.performances import HOSTILE, PAGING, performance, renamed, stops

STOPS = list(stops())
FIRST, LAST = STOPS[0], STOPS[-1]

SHOWN = """(() => {
    const shown = (id) => document.getElementById(id).checkVisibility() ? document.getElementById(id).textContent : "";
    const current = [...document.querySelectorAll(".scene.shown svg .current")];
    const rows = new Set(current.map((row) => row.dataset.moment));
    return [location.hash, document.querySelector(".scene.shown").id, shown("title"), shown("why"), [...rows].join()];
})()"""


def exceptions():
    """The stops at which an exception was taken."""
    flags = [
        moment.is_exception
        for scene in performance("everything").scenes
        for moment in (scene.story.moments if isinstance(scene, Episode) else [])
    ]
    moments = [stop for stop in STOPS if stop[2]]
    return [stop for stop, flag in zip(moments, flags, strict=True) if flag]


# --- every moment


def test_every_moment_is_reached_by_keys(page):
    seen = [page.run(SHOWN)]
    for _ in STOPS[1:]:
        page.press("ArrowRight")
        seen.append(page.run(SHOWN))
    assert STOPS == seen
    page.press("ArrowRight")
    assert LAST == page.run(SHOWN), "there is nothing behind the last one"
    for stop in reversed(STOPS[:-1]):
        page.press("ArrowLeft")
        assert stop == page.run(SHOWN)
    page.press("ArrowLeft")
    assert FIRST == page.run(SHOWN)


def go_by_clicks(page, stops, drawing):
    for stop in stops:
        scene, _, number = stop[0][1:].partition("m")
        if page.run(SHOWN)[1] != scene:
            page.click(f"#scenes a[href='#{scene}']")
        if number:
            page.click(f".scene.shown .{drawing} [data-moment='{number}']")
        assert stop == page.run(SHOWN)


def test_every_moment_is_reached_by_clicks(page):
    go_by_clicks(page, reversed(STOPS), "wide")


def test_moments_are_reached_by_fingers(page):
    page.shape(*PHONE, mobile=True)
    go_by_clicks(page, STOPS[15::-3], "narrow.sequence")
    go_by_clicks(page, STOPS[41::4], "narrow.strip")


def test_every_exception_is_reached(page):
    seen = []
    for _ in exceptions():
        page.press("e")
        seen.append(page.run(SHOWN))
    assert exceptions() == seen
    page.press("e")
    assert seen[-1] == page.run(SHOWN)


@pytest.mark.parametrize(
    ("keys", "fragment"),
    [
        ("n", "#s1m2"), ("Space", "#s1m2"), ("n p", "#s1m1"), ("End", "#s4m15"), ("End Home", "#s1m1"), ("2", "#s2m1"),
        ("3", "#s3"), ("3 n", "#s4m1"), ("3 p", "#s2m26"), ("9", "#s1m1"), ("x", "#s1m1"), ("? n Escape", "#s1m1"),
        ("? Escape n", "#s1m2"),
    ],
)  # fmt: skip
def test_keys(page, keys, fragment):
    for key in keys.split():
        page.press({"Space": " "}.get(key, key))
    assert fragment == page.run(SHOWN)[0]


@pytest.mark.parametrize("shape", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_buttons(page, shape):
    page.shape(*shape)
    seen = []
    for action in ("next", "previous", "previous", "exception", "last", "next", "first"):
        page.click(f"[data-do={action}]")
        seen.append(page.run(SHOWN))
    assert [STOPS[stop] for stop in (1, 0, 0, 1, -1, -1, 0)] == seen


@pytest.mark.parametrize("stop", [0, 7, 30, 41, -1], ids=lambda stop: STOPS[stop][0])
def test_the_address_leads_to_a_moment(page, everything, stop):
    page.go(STOPS[stop][0])
    assert STOPS[stop] == page.run(SHOWN)
    page.open(everything + STOPS[stop][0])
    assert STOPS[stop] == page.run(SHOWN)


def test_an_address_of_nothing(page, everything):
    page.press("n")
    for fragment in ("#s9", "#s1m99", "#s0m0", "#nothing"):
        page.go(fragment)
        assert STOPS[1] == page.run(SHOWN)
    page.open(f"{everything}#s1m99")
    assert FIRST == page.run(SHOWN)


# --- what is told of a moment


def test_what_is_shown_of_a_moment(page):
    moment = performance("everything").scenes[0].story.moments[7]
    page.go("#s1m8")
    text = page.run(
        "Object.fromEntries(['told', 'facts', 'slot', 'registers']"
        ".map((id) => [id, document.getElementById(id).innerText]))"
    )
    assert moment.source in text["told"]
    assert ["cycle", "7", "level", "EL1", "lane", "slot", "PC", "0x48001000", "executes", "mul x0, x0, x0"] == [
        line for line in text["facts"].splitlines() if line
    ]
    assert ["Slot", "0x48001000", "9b007c00", "mul x0, x0, x0"] == text["slot"].split("\n")
    values = text["registers"].split()[1:]
    shown = dict(zip(values[::2], values[1::2], strict=True))
    assert {
        **{f"x{n}": f"{x:#x}" for n, x in enumerate(moment.registers.x)},
        "pc": "0x48001000",
    }.items() <= shown.items()


def test_what_has_changed_is_marked(page):
    def changed():
        return page.run(
            "[...document.querySelectorAll('#registers .changed')].map((each) => [each.innerText, each.title])"
        )

    assert changed() == []
    page.go("#s1m9")
    assert [["0x9", "was 0x3"], ["0x48001004", "was 0x48001000"]] == changed()[:2]
    marks = page.run("getComputedStyle(document.querySelector('#registers .changed')).textDecorationLine")
    assert marks == "underline", "not by colour alone"


def test_where_the_program_is_is_marked_in_the_code(page):
    def marked():
        return page.run("""[...document.querySelectorAll('.scene.shown .line:is(.pc, .elr)')].map((line) =>
            [line.className, line.dataset.address])""")

    assert [["line probed pc", "0x40000028"]] == marked()
    page.press("n")
    assert [["line probed elr", "0x40000028"]] == marked()
    page.go("#s1m8")
    assert [["line pc", "0x48001000"]] == marked()


def test_the_sentence_is_announced(page):
    assert ["polite", "true"] == page.run(
        "['ariaLive', 'ariaAtomic'].map((name) => document.getElementById('told')[name])"
    )


def test_the_answer_waits_to_be_asked_for(page):
    answer = "document.querySelector('#question details p').checkVisibility()"
    assert page.run(answer) is False
    page.click("#question summary")
    assert page.run(answer) is True


def test_a_lesson_has_its_program_and_a_comparison(tab, tmp_path):
    lesson = performance("the lesson step-vs-brk")
    (tmp_path / "page.html").write_text(as_html(lesson))
    tab.open((tmp_path / "page.html").as_uri())
    tab.click("#introduction summary")
    assert lesson.source == tab.run("document.querySelector('pre').textContent")
    rows = tab.run("document.querySelector('#comparison table').innerText").split("\n")
    assert ["", "1. v15", "2. v5.10"] == rows[0].split("\t")
    assert [[name, *map(str, values)] for name, values in lesson.comparison.rows] == [
        row.split("\t") for row in rows[1:]
    ]  # fmt: skip
    assert not tab.complaints()


def test_help(page):
    page.press("?")
    assert page.run("document.getElementById('help').open") is True
    page.press("Escape")
    assert page.run("document.getElementById('help').open") is False


# --- whatever a program calls its symbols


def test_symbols_can_be_any_bytes(tab, a64_command, tmp_path):
    hostile = tmp_path / "hostile.elf"
    hostile.write_bytes(renamed(PAGING, "write", HOSTILE.encode()))
    hostile.write_bytes(renamed(hostile, "vectors", f"{HOSTILE}2".encode()))
    written = a64_command("xol", "hostile.elf", "p 0x40100054", "--html", "page.html")
    assert (0, "", "") == written
    tab.open((tmp_path / "page.html").as_uri())
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert HOSTILE in tab.run("document.querySelector('h1').textContent")
    assert HOSTILE in tab.run("document.title")
    assert f"{HOSTILE}:" in tab.run("[...document.querySelectorAll('.code .label')].map((each) => each.textContent)")
    shown = "document.querySelector('{}').textContent.includes('onerror')"
    assert tab.run(shown.format("#facts")) is True
    while tab.run("document.getElementById('title').textContent") != "other code":
        tab.press("n")
    assert tab.run(shown.format("#why")) is True
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert not tab.happened("Page.javascriptDialogOpening")
    assert not tab.complaints()
    assert [(tmp_path / "page.html").as_uri()] == tab.requests()


def data_of(shown):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', as_html(shown), re.DOTALL)
    assert not set("<>&") & set(found), "it cannot end its element, nor begin another one"
    return json.loads(found)


def test_the_data_can_be_read_by_others():
    assert [scene.title for scene in performance("everything").scenes] == [
        scene["title"] for scene in data_of(performance("everything"))["scenes"]
    ]  # fmt: skip


@settings(max_examples=40)
@given(st.text() | st.text("<>&/!-script ") | st.just(HOSTILE))
def test_any_text_can_be_data(text):
    refusal = Refusal("p x", "v15", "a kernel", reason=text)
    assert text == data_of(Performance((refusal,)))["scenes"][0]["refused"]


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_is_a_page(name):
    lesson = performance(f"the lesson {name}")
    text = as_html(lesson)
    numbers = [
        f"s{number}m{row}"
        for number, scene in enumerate(lesson.scenes, start=1)
        for row in range(1, len(scene.story.moments if isinstance(scene, Episode) else ()) + 1)
    ]
    assert numbers == re.findall(r'<tr id="(s\d+m\d+)"', text)
    for paragraph in (*lesson.introduction, lesson.question, lesson.answer):
        assert not [part for part in paragraph.split("`") if html.escape(part, quote=False) not in text]


def test_the_policy_of_the_page_lets_nothing_else_run(tab, everything):
    tab.open(everything)
    tab.run(
        """document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 1"}))"""
    )
    assert tab.run("window.ran === undefined") is True
    outcome = "fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused')"
    assert tab.run(outcome) == "refused"
    assert tab.requests() == [everything]
    assert all("Content Security Policy" in json.dumps(each) for each in tab.complaints())
    assert len(tab.complaints()) >= 2
