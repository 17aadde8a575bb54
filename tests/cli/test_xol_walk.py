"""The walk of `a64 xol`, without a terminal: whatever way leads somewhere, what is there is the same."""

import threading
from functools import cache

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from cli.lessons import LESSONS
from cli.lessons.normal import NORMAL
from cli.lessons.stage import probed
from cli.xol.act import Act
from cli.xol.episode import Episode, Refusal
from cli.xol.screen.walk import Interrupted, Opening, Question, Script, Walk
from kprobes.manager import Kprobes
from kprobes.probe import Kprobe
from kprobes.profiles import V7_2, V15
from kprobes.story import End

LESSON = attrs.evolve(
    NORMAL,
    stages=(
        lambda: probed("normal", "p square", V15, "stepped"),
        lambda: probed("normal", "p square+4", V15, "refused"),
        lambda: probed("normal", "p square", V7_2, "by BRK", hit=2),
    ),
)
STEPPED, BY_BRK, HITS = 15, 12, 3
"""Moments of a hit in the first and in the last act; hits in each."""

LESSON_SCRIPT = Script.of_lesson(LESSON)
PROGRAM_SCRIPT = Script("program", (LESSON.stages[0],))


def where(position):
    """(act, hit or what else is shown, moment), all from 1."""
    view = position.view
    if isinstance(view, Episode):
        return position.act + 1, view.hit, position.index + 1
    return position.act + 1, type(view).__name__


def walked(script, *moves):
    walk = Walk(script)
    position = walk.begin()
    for move in moves:
        position = getattr(walk, move)(position)
    return position


def to_the_end(script, move="forward", position=None):
    """Where one is on the way, until there is nothing more."""
    walk = Walk(script)
    position = position or walk.begin()
    while not position.notice:
        yield position
        position = getattr(walk, move)(position)


# --- the way


def test_a_lesson_goes_from_act_to_act_and_ends_with_the_question():
    assert [where(position) for position in to_the_end(LESSON_SCRIPT)] == [
        (1, "Opening"),
        *((1, 1, moment + 1) for moment in range(STEPPED)),
        (2, "Refusal"),
        *((3, 2, moment + 1) for moment in range(BY_BRK)),
        (3, "Question"),
    ]


def test_a_program_goes_from_hit_to_hit():
    assert [where(position) for position in to_the_end(PROGRAM_SCRIPT)] == [
        (1, "Opening"),
        *((1, hit + 1, moment + 1) for hit in range(HITS) for moment in range(STEPPED)),
        (1, "End"),
    ]


@pytest.mark.parametrize("script", [LESSON_SCRIPT, PROGRAM_SCRIPT], ids=["lesson", "program"])
def test_backwards_is_forwards_in_reverse(script):
    forwards = [*to_the_end(script)]
    assert [*to_the_end(script, "back", forwards[-1])] == forwards[::-1]


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_can_be_walked_to_its_end_and_back(name):
    script = Script.of_lesson(LESSONS[name])
    forwards = [*to_the_end(script)]
    assert (Opening, Question) == (type(forwards[0].view), type(forwards[-1].view))
    assert {*range(len(script.stages))} == {position.act for position in forwards}
    assert [*to_the_end(script, "back", forwards[-1])] == forwards[::-1]


@pytest.mark.parametrize(
    ("script", "moves", "expected"),
    [
        (LESSON_SCRIPT, ["next_hit"], (1, 1, 1)),
        (LESSON_SCRIPT, ["next_hit", "next_hit"], (1, 2, 1)),
        (LESSON_SCRIPT, ["next_hit", "next_hit", "back"], (1, 1, STEPPED)),
        (LESSON_SCRIPT, ["next_hit", "next_hit", "final", "forward"], (1, 3, 1)),
        (LESSON_SCRIPT, ["next_act", "back"], (1, "Opening")),
        (LESSON_SCRIPT, ["next_act", "next_act", "next_act"], (3, 2, 1)),
        (LESSON_SCRIPT, ["next_act", "next_act", "next_act", "previous_hit"], (3, 1, 1)),
        (LESSON_SCRIPT, ["next_act", "next_act", "next_act", "next_hit", "back"], (3, 2, BY_BRK)),
        (LESSON_SCRIPT, ["next_act", "next_act", "next_act", "next_act", "previous_act"], (3, 2, 1)),
        (LESSON_SCRIPT, ["run"], (1, "End")),
        (LESSON_SCRIPT, ["next_act", "run"], (1, "End")),
        (LESSON_SCRIPT, ["next_act", "run", "forward"], (2, "Refusal")),
        (LESSON_SCRIPT, ["next_act", "run", "back"], (1, HITS, STEPPED)),
        (LESSON_SCRIPT, ["next_act", "run", "previous_hit"], (1, HITS, 1)),
        (LESSON_SCRIPT, ["next_exception"], (1, 1, 2)),
        (LESSON_SCRIPT, ["next_exception", "next_exception"], (1, 1, 10)),
        (LESSON_SCRIPT, ["next_exception", "next_exception", "next_exception"], (2, "Refusal")),
        (PROGRAM_SCRIPT, ["next_exception", "next_exception", "next_exception"], (1, 2, 2)),
        (PROGRAM_SCRIPT, ["next_hit", "next_hit", "previous_exception"], (1, 1, 10)),
        (PROGRAM_SCRIPT, ["next_exception", "previous_exception"], (1, "Opening")),
        (PROGRAM_SCRIPT, ["next_hit", "final", "first"], (1, 1, 1)),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else None,
)
def test_moves(script, moves, expected):
    position = walked(script, *moves)
    assert (expected, "") == (where(position), position.notice)


def test_exceptions_are_where_they_are_taken():
    titles = [walked(PROGRAM_SCRIPT, *["next_exception"] * count).moment.title for count in (1, 2)]
    assert ["BRK taken", "step exception taken"] == titles


@pytest.mark.parametrize(
    ("script", "moves", "notice"),
    [
        (LESSON_SCRIPT, ["back"], "this is the beginning"),
        (LESSON_SCRIPT, ["previous_act"], "this is the beginning"),
        (LESSON_SCRIPT, ["next_act"] * 4 + ["run"], "nothing is running here"),
        (LESSON_SCRIPT, ["previous_hit"], "there is no hit here"),
        (LESSON_SCRIPT, ["next_act", "next_act", "next_hit"], "there is no hit here"),
        (LESSON_SCRIPT, ["next_act", "next_act", "run"], "nothing is running here"),
        (LESSON_SCRIPT, ["next_act", "previous_hit"], "this is the first hit"),
        (LESSON_SCRIPT, ["next_act"] * 4 + ["forward"], "this is the end"),
        (LESSON_SCRIPT, ["next_act"] * 5, "this is the end"),
        (PROGRAM_SCRIPT, ["next_hit"] * 4, "there is no hit 4: 3 hits, then the program ended (PSCI SYSTEM_OFF)"),
        (PROGRAM_SCRIPT, ["next_hit", "run", "next_hit"],
         "there is no other hit: 3 hits, then the program ended (PSCI SYSTEM_OFF)"),
        (PROGRAM_SCRIPT, ["next_hit", "next_act"], "this is the end"),
        (PROGRAM_SCRIPT, ["next_hit", "run", "forward"], "this is the end"),
    ],
)  # fmt: skip
def test_where_a_move_leads_nowhere_one_stays_and_is_told(script, moves, notice):
    before, position = walked(script, *moves[:-1]), walked(script, *moves)
    assert (before, notice) == (position, position.notice)


@pytest.mark.parametrize(
    ("moment", "hit", "expected"),
    [
        (5, None, (1, 1, 5)),
        (STEPPED, 3, (1, 3, STEPPED)),
        (1, 4, "there is no hit 4: 3 hits, then the program ended (PSCI SYSTEM_OFF)"),
        (STEPPED + 1, 2, "hit 2 has 15 moments"),
        (0, None, "hits and moments count from 1"),
        (1, 0, "hits and moments count from 1"),
    ],
)
def test_a_jump(moment, hit, expected):
    walk = Walk(PROGRAM_SCRIPT)
    position = walk.jump(walk.begin(), moment, hit=hit)
    assert expected == (position.notice or where(position))


def test_a_refusal_has_no_hits_to_jump_to():
    walk = Walk(LESSON_SCRIPT)
    refused = walk.next_act(walk.next_act(walk.begin()))
    assert isinstance(refused.view, Refusal)
    assert walk.jump(refused, 1, hit=1).notice == "there is no hit here"


# --- the law


@cache
def straight(script_name, act, hit):
    """A hit, as who comes straight there sees it; 0 for the end of the run."""
    script = {"lesson": LESSON_SCRIPT, "program": PROGRAM_SCRIPT}[script_name]
    act_by_itself = script.stages[act]()
    return act_by_itself.hit(hit) if hit else act_by_itself.finish()


MOVES = st.sampled_from([
    "forward", "back", "next_exception", "previous_exception", "first", "final", "next_hit", "previous_hit", "run",
    "next_act", "previous_act",
])  # fmt: skip
JUMPS = st.tuples(st.integers(1, STEPPED), st.none() | st.integers(1, HITS + 1))
"""(moment, hit)"""


@pytest.mark.parametrize("name", ["lesson", "program"])
@given(moves=st.lists(MOVES | JUMPS, max_size=20))
@settings(max_examples=40)
def test_whatever_way_leads_there_it_is_the_same(name, moves):
    walk = Walk({"lesson": LESSON_SCRIPT, "program": PROGRAM_SCRIPT}[name])
    position = walk.begin()
    for move in moves:
        position = getattr(walk, move)(position) if isinstance(move, str) else walk.jump(position, *move)
    assert 0 <= position.index <= position.last
    match position.view:
        case Episode():
            assert position.view == straight(name, position.act, position.view.hit)
        case End():
            assert position.view == straight(name, position.act, 0)


# --- a move that takes its time

ENDLESS = """
_start: msr     daifclr, #8
        mov     x19, #1
again:  mov     x0, x19
        bl      square
        add     x19, x19, #1
        b       again
square: mul     x0, x0, x0
        ret
"""


def endless(budget=None):
    machine = Machine()
    machine.load(assemble_source(ENDLESS))
    kprobes, probe = Kprobes(machine, V15), Kprobe("square", post_handler=lambda *_: None)
    kprobes.register(probe)

    def run(until):
        return machine.run(None if budget is None else budget - machine.cpu.cycles, until)

    return Act(kprobes, probe, run, event="square", spec="p square")


def test_a_move_that_is_given_up_leaves_nothing_behind():
    walk = Walk(Script("endless", (endless,)))
    here = walk.next_hit(walk.begin())
    given_up = []

    def look_for_the_end():
        try:
            walk.run(here)
        except Interrupted as error:
            given_up.append(error)

    looking = threading.Thread(target=look_for_the_end)
    looking.start()
    while looking.is_alive():
        walk.interrupt()
        looking.join(timeout=0.05)
    assert given_up
    walk.resume()
    fresh = endless()
    assert [walk.jump(here, 1, hit=hit).view for hit in (3, 1, 2)] == [fresh.hit(hit) for hit in (3, 1, 2)]


def test_an_interruption_that_comes_too_late_is_forgotten():
    walk = Walk(PROGRAM_SCRIPT)
    here = walk.next_hit(walk.begin())
    walk.interrupt()
    walk.resume()
    assert where(walk.next_hit(here)) == (1, 2, 1)


def test_a_run_that_ends_just_before_the_hit_has_no_moment():
    just_before = endless().hit(1).story.moments[0].cycle
    script = Script("program", (lambda: endless(just_before),))
    position = walked(script, "forward", "final", "first")
    assert (None, 0, "the cycle budget is used up") == (position.moment, position.last, position.view.story.ended)
