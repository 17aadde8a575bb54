"""The panes of the interactive `a64 xol`, as text: functions of a hit, a moment and a width."""

import attrs
import pytest

from cli.console import plain
from cli.lessons import LESSONS
from cli.lessons.normal import NORMAL
from cli.lessons.stage import probed, source
from cli.xol.screen import panes
from cli.xol.screen.keys import foot, help_page
from cli.xol.screen.layout import Layout, layout
from cli.xol.screen.pages import head, notice, page, place
from cli.xol.screen.table import table
from cli.xol.screen.walk import Opening, Position, Question, Script, Walk
from kprobes.profiles import V4_8, V7_2, V15

SCRIPT = Script.of_lesson(NORMAL)
DRAWN = {"code": panes.code, "slot": panes.slot, "registers": panes.registers, "table": table,
         "sentence": panes.sentence}  # fmt: skip
WIDTHS = (20, 28, 38, 40, 47, 60, 72, 78, 80, 100, 160)


@pytest.fixture(scope="module")
def stepped():
    return probed("normal", "p square", V15, "").hit(1)


@pytest.fixture(scope="module")
def by_brk():
    return probed("normal", "p square", V7_2, "").hit(1)


@pytest.fixture(scope="module")
def returning():
    return probed("normal", "r square", V15, "").hit(1)


@pytest.fixture(scope="module")
def simulated():
    return probed("normal", "p square+4", V4_8, "").hit(1)


def at(episode, title):
    """The index of a moment."""
    return next(index for index, moment in enumerate(episode.story.moments) if moment.title == title)


def shown(pane):
    return [line.rstrip() for line in plain([*pane.head, *pane.lines]).splitlines()]


# --- each pane


@pytest.mark.parametrize(
    ("title", "seen"),
    [
        ("before the probe", "> 40000028  brk #0x4 for mul x0, x0, x0"),
        ("BRK taken", "< 40000028  brk #0x4 for mul x0, x0, x0"),
        ("step exception taken", "  40000028  brk #0x4 for mul x0, x0, x0"),
        ("PC set behind the probe", "< 4000002c  ret"),
        ("after the probe", "> 4000002c  ret"),
    ],
)
def test_the_code_has_where_one_is(stepped, title, seen):
    pane = panes.code(stepped, at(stepped, title), 40)
    assert seen == shown(pane)[pane.seen]
    assert "square:" in shown(pane)


def test_where_one_is_elsewhere_has_a_line_of_its_own(returning):
    pane = panes.code(returning, at(returning, "trampoline"), 40)
    assert shown(pane)[pane.seen].startswith("> 0x4800")


def test_wide_code_has_the_words(stepped):
    assert "> 40000028  d4200080  brk #0x4 for mul x0, x0, x0" in shown(panes.code(stepped, 0, 64))


@pytest.mark.parametrize(
    ("title", "rows"),
    [
        ("pre-handler", ["  48001000  mul x0, x0, x0", "  48001004  (behind the slot)"]),
        ("PC set to the slot", ["< 48001000  mul x0, x0, x0", "  48001004  (behind the slot)"]),
        ("returned to the slot", ["> 48001000  mul x0, x0, x0", "  48001004  (behind the slot)"]),
        ("step exception taken", ["  48001000  mul x0, x0, x0", "< 48001004  (behind the slot)"]),
    ],
)
def test_the_slot(stepped, title, rows):
    assert rows == shown(panes.slot(stepped, at(stepped, title), 40))


def test_a_slot_that_a_brk_ends(by_brk):
    assert ["  48001000  mul x0, x0, x0", "< 48001004  brk #0x6", "  48001008  (behind the slot)"] == shown(
        panes.slot(by_brk, at(by_brk, "BRK of the slot taken"), 40)
    )


def test_no_slot(simulated):
    assert ["none: the instruction is not", "executed out of line"] == shown(panes.slot(simulated, 0, 30))


def test_changed_registers_are_marked(stepped):
    pane = panes.registers(stepped, at(stepped, "instruction executed"), 40)
    assert "registers  * pc x0" == pane.title
    assert [
        "*pstate EL1h ---- -AIF ss",
        "* pc 48001004   sp 40100000",
        "* x0 9          x1 0",
        "  x2 0          x3 0",
    ] == shown(pane)[:4]  # fmt: skip
    assert "* x0 9" in shown(pane)[pane.seen]


def test_unchanged_registers_are_not_marked(stepped):
    pane = panes.registers(stepped, at(stepped, "pre-handler"), 40)
    assert ("registers", 0, False) == (pane.title, pane.seen, "*" in "".join(shown(pane)))


def test_a_register_with_many_digits_takes_the_room_of_two(stepped):
    first = stepped.story.moments[0]
    values = attrs.evolve(first.registers, x=(0xFFFF_8000_1234_5678, *first.registers.x[1:]))
    story = attrs.evolve(stepped.story, moments=(attrs.evolve(first, registers=values),))
    rows = shown(panes.registers(attrs.evolve(stepped, story=story), 0, 40))
    assert ["  x0 ffff800012345678", "  x1 0          x2 0"] == rows[2:4]


def test_the_table_grows_moment_by_moment(stepped):
    assert [
        "                                                   PSTATE  saved   MDSCR",
        " cycle  prog  exce  slot                           D I SS  D I SS  SS KDE MDE",
        "     6  o     |     |     before the probe         0 1  0  - -  -   0   0   0",
        "     7  +---->!     |     BRK taken                1*1  0  0*1* 0*  0   0   0",
        "     7  |     o     |     pre-handler              1 1  0  0 1  0   0   0   0",
        "     7  |     o     |     end of the slot noted    1 1  0  0 1  0   0   0   0",
        "     7  |     o     |     masks saved and set      1 1  0  0 1  0   0   0   0",
        "     7  |     o     |     step enabled             1 1  0  0 1  1*  1*  1*  1*",
        "     7  |     o     |     PC set to the slot       1 1  0  0 1  1   1   1   1",
        "     7  |     +---->o     returned to the slot     0*1  1* - -  -   1   1   1",
        "     8  |     |     o     instruction executed     0 1  0* - -  -   1   1   1",
        ">    9  |     !<----+     step exception taken     1*1  0  0*1* 0*  1   1   1",
    ] == shown(table(stepped, at(stepped, "step exception taken"), 80))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (60, [
            "                       PSTATE  saved   MDSCR",
            " cycle  prog exce slot D I SS  D I SS  SS KDE MDE",
            "     6  o    |    |    0 1  0  - -  -   0   0   0",
            ">    7  +--->!    |    1*1  0  0*1* 0*  0   0   0",
        ]),
        (40, [
            "             PSTATE  saved   MDSCR",
            " pro exc slo D I SS  D I SS  SS K M",
            " o   |   |   0 1  0  - -  -   0 0 0",
            ">+-->!   |   1*1  0  0*1* 0*  0 0 0",
        ]),
    ],
)  # fmt: skip
def test_a_narrow_table(stepped, columns, rows):
    assert rows == shown(table(stepped, 1, columns))


def test_a_table_has_the_tracks_that_are_used(returning):
    assert "prog  exce  slot  tram" in shown(table(returning, len(returning.story.moments) - 1, 100))[1]
    assert shown(table(returning, at(returning, "return handlers"), 100))[-1].startswith(
        ">   38  |     !<----------+     return handlers"
    )


def test_the_sentence_has_its_source(stepped):
    pane = panes.sentence(stepped, at(stepped, "returned to the slot"), 80)
    assert "returned to the slot" == pane.title
    assert [
        "The exception return was from where debug exceptions are masked to where they",
        "are not, so PSTATE.SS is that of SPSR_EL1, 1: active-not-pending. mul x0, x0, x0",
        "is about to be executed. [Entering the active-not-pending state]",
        "pc 0x48001000; mul x0, x0, x0",
    ] == shown(pane)


# --- all of them


@pytest.mark.parametrize("kind", ["stepped", "by_brk", "returning", "simulated"])
@pytest.mark.parametrize("name", DRAWN)
def test_nothing_is_wider_than_the_pane_from_40_columns_on(request, kind, name):
    episode = request.getfixturevalue(kind)
    for columns in [width for width in WIDTHS if width >= 40]:
        for index in range(len(episode.story.moments)):
            pane = DRAWN[name](episode, index, columns)
            assert max(map(len, shown(pane))) <= columns
            assert 0 <= pane.seen < len(pane.lines)


@pytest.mark.parametrize("name", ["code", "slot", "registers", "sentence"])
def test_nothing_is_lost_where_it_is_narrow(stepped, name):
    def letters(columns):
        return sorted("".join(shown(DRAWN[name](stepped, 8, columns))).replace(" ", ""))

    without_words = [columns for columns in WIDTHS if columns < 64]
    assert {tuple(letters(columns)) for columns in without_words} == {tuple(letters(40))}


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        (80, 24, Layout.FULL),
        (160, 50, Layout.WIDE),
        (160, 20, Layout.SINGLE),
        (60, 24, Layout.SINGLE),
        (40, 20, Layout.SINGLE),
        (60, 40, Layout.STACKED),
        (72, 22, Layout.FULL),
        (71, 22, Layout.SINGLE),
    ],
)
def test_the_layout(columns, rows, expected):
    assert expected is layout(columns, rows)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (100, "n next  p back  e exception  h hit  r run  g go  [ ] act  Tab pane  ? help  q quit"),
        (80, "n next p back e exception h hit r run g go [ ] act Tab pane ? help q quit"),
        (60, "n p e h r g [ ] Tab pane ? help q quit"),
        (40, "n p e h r g [ ] Tab pane ? help q quit"),
    ],
)
def test_the_foot_has_the_keys(columns, expected):
    assert f"{expected}\n" == plain([foot(columns)])


def test_the_help_has_all_keys():
    lines = shown(help_page(80))
    assert "g                go to a moment: 5, or 3:5 for moment 5 of hit 3" in lines
    assert "Ctrl-C           leave at once, with status 130" in lines
    assert max(map(len, shown(help_page(40)))) <= 40


# --- pages


def walked(*moves, script=SCRIPT):
    walk = Walk(script)
    position = walk.begin()
    for move in moves:
        position = getattr(walk, move)(position)
    return position


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], "normal"),
        (["next_act"], "normal  act 1 of 1  v15  hit 1  moment 1 of 15  cycle 6"),
        (["next_act", "next_hit", "next_exception"], "normal  act 1 of 1  v15  hit 2  moment 2 of 15  cycle 15"),
        (["next_act", "run"], "normal  act 1 of 1"),
        (["next_act", "next_act"], "normal"),
    ],
)
def test_the_head(moves, expected):
    assert expected == head(SCRIPT, walked(*moves))


def test_the_place_is_told_when_the_screen_is_gone():
    assert place(SCRIPT, walked("next_exception")) == (
        "normal  act 1 of 1  v15  hit 1  moment 2 of 15  cycle 7: BRK taken, elr 0x40000028 (square)"
    )
    assert "normal" == place(SCRIPT, walked())


def test_where_a_hit_begins_one_is_told_what_there_is_to_be_seen():
    assert notice(walked("next_act")) == (
        "MUL is executed in the slot, and stepped "
        "(profile v15: version 15 of the arm64 series, 04/10 alone: no simulation)"
    )
    assert "" == notice(walked("next_act", "forward"))
    assert "this is the beginning" == notice(walked("back"))


def paged(position, *, is_answered=False):
    pane = page(SCRIPT, position, 80, is_answered=is_answered)
    return pane.title, " ".join(" ".join(shown(pane)).split())


def test_the_pages_of_a_lesson():
    title, text = paged(Position(0, Opening()))
    assert ("normal", True) == (title, text.startswith("a hit, from the BRK to the instruction behind it A breakpoint"))
    assert ("question", f"{NORMAL.question} Press a for the answer.") == paged(Position(0, Question(None)))
    assert ("question", f"{NORMAL.question} {NORMAL.answer}") == paged(Position(0, Question(None)), is_answered=True)
    assert ("the end of the run", "The run had 3 hits, then the program ended (PSCI SYSTEM_OFF).") == paged(
        walked("next_act", "run")
    )


def test_a_lesson_begins_with_its_program_and_ends_with_its_hits_side_by_side():
    lesson = LESSONS["step-vs-brk"]
    script = Script.of_lesson(lesson)
    begin = shown(page(script, walked(script=script), 80, is_answered=False))
    assert [line for line in source(lesson.program).splitlines() if len(line) <= 80][-1] == begin[-1]
    end = page(script, walked("next_act", "next_act", "next_act", script=script), 80, is_answered=False)
    assert "                       1. v15  2. v5.10" == shown(end)[0]


def test_the_page_of_a_refusal():
    refused = probed("normal", "p square+4", V15, "it is refused")
    title, text = paged(Position(0, refused))
    assert "p square+4 is refused" == title
    assert text.startswith("it is refused profile v15: version 15 of the arm64 series")
    assert text.endswith(refused.reason)
