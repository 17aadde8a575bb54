"""The lessons of `a64 xol`: each tells what its introduction promises, and its outcome is what the run came to."""

import json
import re
from functools import cache
from importlib import resources
from itertools import chain
from time import process_time

import pytest

from cli.lessons import LESSONS, stage
from cli.xol import text
from cli.xol.act import Act
from cli.xol.episode import Episode, Refusal
from cli.xol.performance import Performance
from kprobes.story import End
from tests.documentation import documented

NAMES = [
    "normal", "recursive", "masked", "branch", "literal", "exclusive", "fault-in-slot", "jprobe", "kretprobe",
    "step-vs-brk", "oslock", "pac-branch",
]  # fmt: skip

BEGUN = ["before", "brk_taken", "pre_handler"]
TO_STEP = ["context_set", "masked", "step_enabled", "slot_entered", "slot_reached"]
STEP_ENDS = ["step_taken", "unmasked", "step_disabled", "pc_restored"]
STEPPED = [*TO_STEP, "executed", *STEP_ENDS]
ENDED_BY_BRK = [
    "masked", "slot_entered", "slot_reached", "executed", "slot_brk_taken", "unmasked", "pc_restored",
]  # fmt: skip
NOTED = ["context_set"]
OVER = ["post_handler", "returned"]
INNER = ["other_code", "before", "brk_taken", "reentered"]
GOES_ON = ["returned", "other_code"]
INNER_STEPPED = [
    *INNER, "context_set", "debug_unmasked", *STEPPED[1:9], "debug_masked", "pc_restored", *GOES_ON,
]  # fmt: skip
DIES = ["other_exception"] * 3
JPROBE = [*BEGUN, "redirected", "other_code", "brk_taken", "break_handled", *STEPPED, "returned"]
FAULT = ["other_exception", "step_disabled", "rewound", "other_code"]
RETURN = ["return_handlers", "caller_reached"]

STORIES = {
    "normal": [[*BEGUN, *STEPPED, *OVER]],
    "recursive": [[*BEGUN, *INNER_STEPPED, *STEPPED, *OVER],
                  [*BEGUN, *INNER, *ENDED_BY_BRK, *GOES_ON, *ENDED_BY_BRK, *OVER]],
    "masked": [[*BEGUN, *INNER, *TO_STEP, "executed", "behind_slot", *DIES]],
    "branch": ["refused", [*BEGUN, "simulated", *OVER],
               [*BEGUN, *TO_STEP, "executed", "other_exception", "other_code", *DIES]],
    "literal": ["refused", [*BEGUN, "simulated", *OVER], [*BEGUN, *STEPPED, *OVER]],
    "exclusive": ["refused", [*BEGUN, *STEPPED, *OVER], [*BEGUN, *STEPPED, *OVER]],
    "fault-in-slot": [[*BEGUN, *TO_STEP, *FAULT, *BEGUN, *STEPPED, *OVER],
                      [*BEGUN, *ENDED_BY_BRK[:3], FAULT[0], "unmasked", *FAULT[2:], *BEGUN, *ENDED_BY_BRK, *OVER]],
    "jprobe": [JPROBE, [*BEGUN, *STEPPED, "returned"], JPROBE],
    "kretprobe": [[*BEGUN, *STEPPED, *OVER, "in_trampoline", RETURN[0], "in_trampoline", RETURN[1]],
                  [*BEGUN, *ENDED_BY_BRK, *OVER, "in_trampoline", *RETURN]],
    "step-vs-brk": [[*BEGUN, *STEPPED, *OVER], [*BEGUN, *NOTED, *ENDED_BY_BRK, *OVER]],
    "oslock": [[*BEGUN, *TO_STEP, "executed", "behind_slot", "behind_slot", *DIES], [*BEGUN, *STEPPED, *OVER],
               [*BEGUN, *NOTED, *ENDED_BY_BRK, *OVER]],
    "pac-branch": [[*BEGUN, *TO_STEP, "executed", *["other_exception", "other_code"] * 5, "other_exception", "before",
                    "brk_taken", "died"], "refused"],
}  # fmt: skip
"""What each act tells: the keys of its moments, or that the probe is refused."""

FACTS = {
    "normal": [{"exceptions": 2, "cycles": 3, "X0": 9}],
    "recursive": [{"calls of count": 2, "calls of its handler": 1, "missed": 1}] * 2,
    "masked": [{"executed behind the slot": 1, "step exceptions": 0}],
    "branch": [{"went on at": "0x4000000c (again)"}, {"went on at": "0x48000ff8"}],
    "literal": [{"loaded": 42}, {"loaded": 0}],
    "exclusive": [{"hits": 8, "stores that failed": 8, "counter": 0},
                  {"hits": 1, "stores that failed": 0, "counter": 1}],
    "fault-in-slot": [{"BRKs taken": 2, "pre-handler": 2, "slot reached": 2, "post-handler": 1, "masks left set": mask}
                      for mask in ("I", "none")],
    "jprobe": [{"sum of 4": "10, right", "sum of 18": "136, not 171", "handler not called": 0},
               {"sum of 4": "10, right", "sum of 18": "171, right", "handler not called": 1},
               {"sum of 4": "0, not 10", "sum of 18": "0, not 171", "handler not called": 0}],
    "kretprobe": [{"calls": 3, "returns missed": 1, "instructions of the trampoline": 49},
                  {"calls": 3, "returns missed": 1, "instructions of the trampoline": 1}],
    "step-vs-brk": [{"cycles": 3, "exceptions": 2, "moments in the kernel": 11, "changes of MDSCR_EL1": 2,
                     "D in the slot": 0, "words in the slot": 1},
                    {"cycles": 3, "exceptions": 2, "moments in the kernel": 9, "changes of MDSCR_EL1": 0,
                     "D in the slot": 1, "words in the slot": 2}],
    "oslock": [{"executed behind the slot": behind, "X19 at the end": x19}
               for behind, x19 in ((2, 0), (0, 36), (0, 36))],
    "pac-branch": [{"steps that were nobody's": 6}],
}  # fmt: skip
"""What is measured in each act that is no refusal."""

REASONS = {
    "branch": "a branch sets the PC",
    "literal": "its address is relative to the PC",
    "exclusive": "a load-exclusive comes before it with no store-exclusive between",
    "pac-branch": "a branch sets the PC",
}
"""Why a probe is refused."""

OUTCOMES = {
    "masked": "Behind the slot the CPU came to: udf #0. The run ends: undefined instruction from 0x48001008, EL1; ",
    "literal": "X0 is 0: what happens to be at 0x48001008, 8 bytes behind the slot.",
    "exclusive": "At the end of the program the probe was hit 8 times. Stores that have failed: 8.",
    "oslock": "Behind the slot the CPU came to: mov x19, #0, then udf #0. The run ends with 0 in X19: undefined ",
    "jprobe": "This call has 144 bytes of arguments on the stack. The sum of 4 is 10, right, the sum of 18 is 136, ",
    "pac-branch": "RETAA left the slot for 0x40000024 (_start+0x24), not for the word behind it. 6 steps followed ",
}
"""How the outcome of an act begins, in words."""

MOST = {"paragraphs": 2, "introduction": 320, "question": 120, "answer": 330, "lines": 45, "seconds": 1.0}


@cache
def performed(name: str) -> Performance:
    return LESSONS[name].perform()


def outcomes(name):
    return [episode.outcome for episode in performed(name).episodes]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_the_lessons_and_their_order():
    assert list(LESSONS) == NAMES
    assert set(STORIES) == set(FACTS) == set(NAMES)


def test_each_tells_what_it_promises(name):
    told = [
        "refused" if isinstance(scene, Refusal) else [moment.key for moment in scene.story.moments]
        for scene in performed(name).scenes
    ]
    assert STORIES[name] == told


def test_the_facts_are_those_of_the_run(name):
    assert FACTS[name] == [episode.facts for episode in performed(name).episodes]


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_outcome_in_words(name):
    assert any(outcome.startswith(OUTCOMES[name]) for outcome in outcomes(name))


def test_every_hit_has_an_outcome_that_is_a_sentence(name):
    assert all(outcome.endswith(".") for outcome in outcomes(name))


@pytest.mark.parametrize("name", REASONS)
def test_a_refusal_has_its_reason(name):
    (refusal,) = [scene for scene in performed(name).scenes if isinstance(scene, Refusal)]
    assert REASONS[name] in refusal.reason


def test_what_is_to_be_read_is_there_and_short(name):
    lesson = LESSONS[name]
    assert 1 <= len(lesson.introduction) <= MOST["paragraphs"]
    assert all(20 < len(paragraph) <= MOST["introduction"] for paragraph in lesson.introduction)
    assert lesson.question.endswith("?")
    assert 20 < len(lesson.question) <= MOST["question"]
    assert 20 < len(lesson.answer) <= MOST["answer"]
    assert 1 <= len(lesson.stages) <= 3
    assert all(scene.title for scene in performed(name).scenes)


def test_each_program_is_short_and_has_comments(name):
    lines = stage.source(LESSONS[name].program).splitlines()
    assert lines[0].startswith("// ")
    assert 8 <= len(lines) <= MOST["lines"]
    assert any("    // " in line for line in lines)


def test_every_program_is_used_and_is_the_one_that_is_shown(monkeypatch):
    loaded = []
    monkeypatch.setattr(stage, "source", lambda name, source=stage.source: loaded.append(name) or source(name))
    for lesson in LESSONS.values():
        loaded.clear()
        for set_up in lesson.stages:
            set_up()
        assert {lesson.program} == set(loaded)
    there = {item.name for item in resources.files("cli.lessons").iterdir() if item.name.endswith(".s")}
    assert {f"{lesson.program}.s" for lesson in LESSONS.values()} == there


def test_it_is_performed_in_a_second(name):
    performed(name)  # so that modules are there
    begun = process_time()
    LESSONS[name].perform()
    assert process_time() - begun < MOST["seconds"]


def test_it_is_the_same_every_time(name):
    assert performed(name) == LESSONS[name].perform()


def test_hits_can_be_gone_through_forwards_and_backwards(name):
    for act in filter(lambda staged: isinstance(staged, Act), (set_up() for set_up in LESSONS[name].stages)):
        numbers = range(1, act.first + 3)
        forwards = [act.hit(number) for number in numbers]
        backwards = [act.hit(number) for number in reversed(numbers)]
        assert forwards == backwards[::-1]
        assert isinstance(forwards[act.first - 1], Episode)
        assert act.finish() == act.finish()


# --- lessons whose point is a certain bit


def by_key(episode):
    return {moment.key: moment for moment in reversed(episode.story.moments)}


def test_recursive_d_is_cleared_for_the_inner_hit_only():
    episode = performed("recursive").episodes[0]
    depths = [moment.depth for moment in episode.story.moments if moment.key in ("debug_unmasked", "debug_masked")]
    assert [1, 1] == depths
    before = [moment.strip.d for moment in episode.story.moments if moment.key == "before"]
    assert [0, 1] == before


def test_masked_ss_is_lost_though_all_else_is_set():
    moments = by_key(performed("masked").episodes[0])
    entered, slot = moments["slot_entered"].strip, moments["slot_reached"].strip
    assert (1, 1, 1, 1, 1) == (entered.r_d, entered.r_ss, entered.mdscr_ss, entered.kde, entered.mde)
    assert (1, 0) == (slot.d, slot.ss)


def test_oslock_one_bit_differs_up_to_the_slot():
    closed, opened = (
        [moment.strip for moment in episode.story.moments[:8]] for episode in performed("oslock").episodes[:2]
    )
    assert closed[:7] == opened[:7]
    assert (0, 1) == (closed[7].ss, opened[7].ss)


def test_exclusive_the_return_clears_the_monitor():
    unseen, behind = performed("exclusive").episodes
    marked = [moment.key for moment in unseen.story.moments if moment.monitor is not None]
    assert [*BEGUN, *TO_STEP[:-1]] == marked
    assert not [moment for moment in behind.story.moments if moment.monitor is not None]


def test_kretprobe_the_function_runs_with_the_trampoline_in_x30():
    for episode in performed("kretprobe").episodes:
        moments = episode.story.moments
        within = by_key(episode)["returned"].registers.x[30]
        assert within != moments[0].registers.x[30] == moments[-1].pc
        assert within == by_key(episode)["in_trampoline"].pc


# --- as it is shown


def test_the_comparison_has_what_all_hits_have():
    comparison = performed("oslock").comparison
    assert ("1. v15", "2. v15", "3. v5.10") == comparison.columns
    assert (("executed behind the slot", (2, 0, 0)), ("X19 at the end", (0, 36, 36))) == comparison.rows
    assert ("2. v15, altered", "3. v15") == performed("exclusive").comparison.columns
    assert performed("normal").comparison is None
    assert performed("pac-branch").comparison is None


def test_the_text_has_it_all(name):
    lesson, shown = performed(name), "\n".join(plain_lines(performed(name), None))
    for part in (lesson.title, *lesson.introduction, lesson.source.rstrip("\n"), lesson.question, lesson.answer):
        assert part in shown
    for part in chain(outcomes(name), (scene.title for scene in lesson.scenes)):
        assert part in shown
    assert re.findall(r"^(\d)\. ", shown, re.MULTILINE) == [str(n) for n in range(1, len(lesson.scenes) + 1)]


TABLE = """\
                       1. v15  2. v5.10
cycles                      3         3
exceptions                  2         2
moments in the kernel      11         9
changes of MDSCR_EL1        2         0
D in the slot               0         1
words in the slot           1         2
"""


def test_the_table():
    assert TABLE in "\n".join(plain_lines(performed("step-vs-brk"), None))


@pytest.mark.parametrize("columns", [30, 60])
def test_on_a_narrow_page_everything_fits(name, columns):
    lines = plain_lines(performed(name), columns)
    longest = max(max(map(len, line.split()), default=0) for line in lines)
    assert max(map(len, lines)) <= max(columns, longest + 12)
    if columns == 30 and performed(name).comparison is not None:
        assert not [line for line in lines if re.match(r" +1\. v", line)]


def plain_lines(performance, columns):
    lines = text.lines(performance, columns)
    return ["".join(part if isinstance(part, str) else part.text for part in line) for line in lines]


def test_the_command(a64_command, name):
    status, shown, errors = a64_command("xol", name, "--json", "-")
    told = json.loads(shown)
    assert (None, "") == (status, errors)
    assert set(told) == documented("a lesson") - {"refused"}
    assert (name, STORIES[name]) == (told["lesson"], [keys_of(scene) for scene in told["scenes"]])
    assert FACTS[name] == [scene["facts"] for scene in told["scenes"] if "facts" in scene]


def keys_of(scene):
    return "refused" if "refused" in scene else [moment["moment"] for moment in scene["moments"]]


def test_the_list(a64_command):
    status, shown, errors = a64_command("xol", "--list")
    assert (None, "") == (status, errors)
    assert [(lesson.name, lesson.title) for lesson in LESSONS.values()] == [
        tuple(line.split(maxsplit=1)) for line in shown.splitlines()
    ]
    assert max(map(len, shown.splitlines())) <= 100


def test_behind_the_last_hit_is_the_end():
    (act,) = [set_up() for set_up in LESSONS["normal"].stages]
    assert isinstance(act.hit(4), End)
