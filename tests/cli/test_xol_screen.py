"""The interactive `a64 xol`: keys and sizes as Textual's pilot sees them; then as a user at a terminal does."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import console
from cli.lessons.normal import NORMAL
from cli.lessons.stage import probed
from cli.xol.screen.app import XolApp
from cli.xol.screen.walk import Script
from kprobes.profiles import V15
from tests.cli.terminal import plain, typed_at_a_terminal
from tests.cli.test_xol_walk import ENDLESS, endless

ROOT = Path(__file__).parents[2]
A64 = [sys.executable, "-m", "cli"]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")},
    "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
}  # fmt: skip

LESSON = Script.of_lesson(NORMAL)
PROGRAM = Script("program: p square", (lambda: probed("normal", "p square", V15, "stepped"),))

EXECUTED = """\
normal  act 1 of 1  v15  hit 1  moment 9 of 15  cycle 8
─code  > PC  < return to  5-9/12─────── ─registers  * pc x0  1-8/18─────────────
  40000024  hvc #0                      *pstate EL1h ---- -AIF ss
square:                                 * pc 48001004   sp 40100000
  40000028  brk #0x4 for mul x0, x0, x0 * x0 9          x1 0
  4000002c  ret                           x2 0          x3 0
  40000030  .inst 0x84000008              x4 0          x5 0
─slot──────────────────────────────────   x6 0          x7 0
  48001000  mul x0, x0, x0                x8 0          x9 0
> 48001004  (behind the slot)            x10 0         x11 0
═timeline and bits  ! exception  * changed  5-9/9═══════════════════════════════
                                                   PSTATE  saved   MDSCR
 cycle  prog  exce  slot                           D I SS  D I SS  SS KDE MDE
     7  |     o     |     masks saved and set      1 1  0  0 1  0   0   0   0
     7  |     o     |     step enabled             1 1  0  0 1  1*  1*  1*  1*
     7  |     o     |     PC set to the slot       1 1  0  0 1  1   1   1   1
     7  |     +---->o     returned to the slot     0*1  1* - -  -   1   1   1
>    8  |     |     o     instruction executed     0 1  0* - -  -   1   1   1
─instruction executed───────────────────────────────────────────────────────────
mul x0, x0, x0 has been executed, with the registers of the probed code.
PSTATE.SS is 0: active-pending, a step exception comes next. [Behavior in the
active-not-pending state]
pc 0x48001004; mul x0, x0, x0
n next p back e exception h hit r run g go [ ] act Tab pane ? help q quit"""


class Seen:
    """A screen, and who sits before it."""

    def __init__(self, pilot):
        self.pilot, self.app = pilot, pilot.app

    async def press(self, *keys):
        """Press keys, and wait for what comes of them."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self):
        """Wait until nothing is going on."""
        while not self.app.is_idle:
            await self.pilot.pause(0.01)
        await self.pilot.pause()
        await self.pilot.pause()

    def lines(self):
        """What is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def text(self):
        """All of it, as one text."""
        return "\n".join(self.lines())

    def head(self):
        """Its first line."""
        return self.lines()[0]


def sit_before(script, visit, size=(80, 24)):
    """Have somebody visit a script; gives the exit status."""

    async def run():
        app = XolApp(script)
        async with app.run_test(size=size) as pilot:
            seen = Seen(pilot)
            await seen.settle()
            await visit(seen)
        return app.return_value

    return asyncio.run(run())


# --- what is seen


def test_everything_is_seen_at_80_columns_and_24_rows():
    async def visit(seen):
        await seen.press(*"n" * 9)
        assert EXECUTED.splitlines() == seen.lines()

    sit_before(LESSON, visit)


def test_the_moment_is_seen_wherever_one_is():
    async def visit(seen):
        for _ in range(14):
            moment = seen.app.position.moment
            assert any(line.startswith(f">{moment.cycle:5}") and moment.title in line for line in seen.lines())
            assert any(line.startswith(f"─{moment.title}─") for line in seen.lines())
            await seen.press("n")

    sit_before(PROGRAM, visit)


def test_the_readme_shows_a_screen_as_it_is():
    assert f"```text\n{EXECUTED}\n```" in (ROOT / "README.md").read_text()


def test_a_lesson_from_its_introduction_to_its_answer_and_back():
    async def visit(seen):
        assert "MUL has to be executed somewhere else" in seen.text()
        await seen.press("space")
        assert "MUL is executed in the slot, and stepped (profile v15: " in seen.text()
        await seen.press("end", "right")
        assert NORMAL.question[:40] in seen.text()
        assert NORMAL.answer[:40] not in seen.text()
        await seen.press("a")
        assert NORMAL.answer[:40] in seen.text()
        await seen.press("left")
        assert "moment 15 of 15" in seen.head()
        await seen.press("home", "left")
        assert "MUL has to be executed somewhere else" in seen.text()

    sit_before(LESSON, visit)


def test_keys_lead_through_a_program():
    async def visit(seen):
        places = []
        for key in ("e", "e", "E", "h", "H", "p", "h", "h", "h", "r", "p"):
            await seen.press(key)
            places.append(re.sub(r"^program: p square  |v15  | of 15  cycle \d+$", "", seen.head()))
        assert [
            "hit 1  moment 2", "hit 1  moment 10", "hit 1  moment 2", "hit 2  moment 1", "hit 1  moment 1",
            "program: p square", "hit 1  moment 1", "hit 2  moment 1", "hit 3  moment 1", "program: p square",
            "hit 3  moment 15",
        ] == places  # fmt: skip

    sit_before(PROGRAM, visit)


def test_a_program_begins_with_the_hit_that_is_asked_for():
    async def visit(seen):
        assert "hit 2  moment 1 of 15" in seen.head()

    sit_before(Script("program", (lambda: probed("normal", "p square", V15, "", hit=2),)), visit)


def test_a_hit_that_does_not_come_is_told_on_the_screen():
    async def visit(seen):
        assert "The run had 3 hits, then the program ended (PSCI SYSTEM_OFF)." in seen.text()
        await seen.press("p")
        assert "hit 3  moment 15 of 15" in seen.head()
        await seen.press("h")
        assert "there is no hit 4: 3 hits, then the program ended (PSCI SYSTEM_OFF)" in seen.lines()

    sit_before(Script("program", (lambda: probed("normal", "p square", V15, "", hit=9),)), visit)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("3:5", "hit 3  moment 5 of 15"),
        ("7", "hit 1  moment 7 of 15"),
        ("99", "hit 1 has 15 moments"),
        ("q", "'q' is no place: write 5 for a moment, 3:5 for moment 5 of hit 3"),
        ("", "hit 1  moment 1 of 15"),
    ],
)
def test_going_to_a_moment(answer, expected):
    async def visit(seen):
        await seen.press("g")
        assert "Go to MOMENT, or HIT:MOMENT" in seen.text()
        await seen.press(*answer, "enter")
        assert expected in seen.text()

    sit_before(PROGRAM, visit)


def test_what_is_above_the_panes_has_the_keys():
    async def visit(seen):
        await seen.press("g", "h", "q", "escape")
        assert ("hit 1  moment 1", False) == (seen.head()[24:39], "Go to" in seen.text())
        await seen.press("question_mark", "n")
        assert "help  (Esc closes it)" in seen.head()
        await seen.press("q", "n")
        assert "moment 2 of 15" in seen.head()

    assert sit_before(PROGRAM, visit) is None


# --- sizes and colours


def test_a_resize_keeps_the_place():
    async def visit(seen):
        await seen.press("h", "e", "e")
        for columns, rows in ((60, 24), (40, 20), (40, 40), (160, 50), (20, 10), (80, 24)):
            await seen.pilot.resize_terminal(columns, rows)
            await seen.settle()
            assert "hit 2 moment 10 of 15 cycle 17" in " ".join(seen.text().split())
            assert max(map(len, seen.lines())) <= columns
            assert re.search(r">.* *\|.*[!<]", seen.text())
        assert ">   17  |     !<----+     step exception taken" in seen.text()

    sit_before(PROGRAM, visit)


def test_all_panes_can_be_had_one_at_a_time_and_scrolled():
    async def visit(seen):
        titles = []
        for _ in range(4):
            titles.append(seen.lines()[2].split()[0].strip("─═"))
            await seen.press("shift+tab")
        assert ["timeline", "registers", "code", "code"] == titles
        await seen.press("tab", "tab", "tab")
        assert "x30" not in seen.text()
        await seen.press("pagedown", "pagedown", "pagedown")
        assert "x30" in seen.text()

    sit_before(PROGRAM, visit, size=(40, 20))


# --- a run that takes time


def test_a_search_shows_how_far_it_is_and_can_be_given_up():
    async def visit(seen):
        await seen.pilot.press("r")
        while "looking: cycle " not in seen.text():
            await seen.pilot.pause(0.05)
        await seen.press("escape")
        assert "given up" in seen.lines()
        await seen.press("n")
        assert "moment 2 of 15" in seen.head()

    sit_before(Script("endless", (endless,)), visit)


@pytest.mark.parametrize(("key", "status"), [("q", 0), ("ctrl+c", console.INTERRUPTED)])
def test_a_search_does_not_keep_anybody(key, status):
    async def visit(seen):
        await seen.pilot.press("r")
        while seen.app.is_idle:
            await seen.pilot.pause(0.01)
        await seen.pilot.press(key)

    assert status == sit_before(Script("endless", (endless,)), visit)


@pytest.mark.parametrize("key", ["g", "question_mark"])
def test_ctrl_c_leaves_from_everywhere(key):
    async def visit(seen):
        await seen.press(key, "ctrl+c")

    assert console.INTERRUPTED == sit_before(LESSON, visit)


# --- at a terminal


def colours(output):
    """The parameters of escape sequences (SGR) that set a colour; 39 and 49 take one away."""
    parameters = {int(item) for found in re.findall(r"\x1b\[([\d;]+)m", output) for item in found.split(";")}
    return parameters & ({*range(30, 49), *range(90, 108)} - {39})


def test_a_lesson_at_a_terminal(tmp_path):
    status, shown, is_restored = typed_at_a_terminal(
        [*A64, "xol", "normal"], 80, 24, cwd=tmp_path, environment=ENVIRONMENT,
        typing=[(b"MUL has to be", b"n"), (b"moment 1 of 15", b"ee"), (b"moment 10 of 15", b"q")],
    )  # fmt: skip
    assert (0, True) == (status, is_restored)
    assert shown.rindex("\x1b[?1049l") > shown.rindex("moment")
    assert 31 in colours(shown)


def test_without_colours(tmp_path):
    status, shown, _ = typed_at_a_terminal(
        [*A64, "xol", "normal"], 80, 24, cwd=tmp_path, environment={**ENVIRONMENT, "NO_COLOR": "1"},
        typing=[(b"MUL has to be", b"n"), (b"moment 1 of 15", b"ee"), (b"moment 10 of 15", b"q")],
    )  # fmt: skip
    assert (0, set()) == (status, colours(shown))


@pytest.mark.parametrize("how", [b"\x03", None], ids=["key", "signal"])
def test_ctrl_c_at_a_terminal_says_where_it_was(tmp_path, how):
    (tmp_path / "program.s").write_text(ENDLESS)
    status, shown, is_restored = typed_at_a_terminal(
        [*A64, "xol", "program.s", "p square", "--hit", "2"], 80, 24, cwd=tmp_path, environment=ENVIRONMENT,
        typing=[(b"moment 1 of 15", b"r"), (b"looking: cycle", how)],
    )  # fmt: skip
    assert (130, True) == (status, is_restored)
    assert re.search(
        r"a64: interrupted at program.s: p square  v15  hit 2  moment 1 of 15  cycle 12:\s+before the probe, pc",
        " ".join(plain(shown).splitlines()),
    )


@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"TERM": ""}], ids=["dumb", "none"])
def test_a_terminal_that_has_lines_only_gets_text(tmp_path, changes):
    status, shown, _ = typed_at_a_terminal(
        [*A64, "xol", "normal"], 80, 24, cwd=tmp_path, environment={**ENVIRONMENT, **changes}, typing=[]
    )
    assert status == 0
    assert "\x1b[?1049h" not in shown
    assert "Answer: " in shown


def test_who_does_not_walk_does_without_textual():
    code = (
        "import sys; from cli.main import main\n"
        "try: main(['xol', 'normal'])\n"
        "finally: print('textual' in sys.modules, 'rich' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT, check=True
    )
    assert done.stdout.endswith(b"\nFalse False\n")
