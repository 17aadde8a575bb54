"""Timelines, and calls on them: whatever is told, slices nest, and what takes no time is an instant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobes import callstack
from kprobes.callstack import CallStack, Function
from kprobes.timeline import Mark, Phase, Sample, Timeline, Track

FUNCTIONS, SLOTS = Track.FUNCTIONS, Track.SLOTS


def text(event):
    if isinstance(event, Sample):
        return f"{event.cycle} {event.name} {dict(event.values)}"
    args = f" {dict(event.args)}" if event.args else ""
    return f"{event.cycle} {event.phase.name} {event.name}{args}"


@pytest.fixture
def seen():
    return []


@pytest.fixture
def timeline(seen):
    return Timeline(lambda event: seen.append(text(event)))


def test_a_slice_that_takes_time(timeline, seen):
    timeline.begin(SLOTS, 3, "nop", {"at": "here"})
    timeline.end(SLOTS, 4, {"to": "there"})
    assert ["3 BEGIN nop {'at': 'here'}", "4 END nop {'to': 'there'}"] == seen


def test_what_takes_no_time_is_an_instant_with_all_its_facts(timeline, seen):
    timeline.begin(SLOTS, 3, "nop", {"at": "here"})
    timeline.begin(FUNCTIONS, 3, "main")
    timeline.end(SLOTS, 3, {"to": "there"})
    timeline.close(9, "the end")
    assert ["3 INSTANT nop {'at': 'here', 'to': 'there'}", "3 BEGIN main", "9 END main {'ended by': 'the end'}"] == seen


def test_what_has_something_within_is_none(timeline, seen):
    timeline.begin(SLOTS, 3, "outer")
    timeline.instant(SLOTS, 3, "inner")
    timeline.end(SLOTS, 3)
    assert ["3 BEGIN outer", "3 INSTANT inner", "3 END outer"] == seen


def test_a_sample_is_told_when_it_changes(timeline, seen):
    for cycle, value in enumerate((0, 0, 1, 1, 0)):
        timeline.sample(cycle, "PSTATE", {"D": value})
    assert ["0 PSTATE {'D': 0}", "2 PSTATE {'D': 1}", "4 PSTATE {'D': 0}"] == seen


def test_a_full_timeline_ends_what_is_open_and_takes_no_more(seen):
    timeline = Timeline(lambda event: seen.append(text(event)), most=2)
    timeline.begin(FUNCTIONS, 0, "main")
    timeline.begin(FUNCTIONS, 2, "print")
    timeline.instant(SLOTS, 4, "nop")
    assert timeline.cut is None
    timeline.begin(FUNCTIONS, 6, "late")
    timeline.end(FUNCTIONS, 7)
    timeline.instant(SLOTS, 8, "late")
    timeline.sample(8, "PSTATE", {"D": 0})
    timeline.close(9, "the end")
    why = {"ended by": "the end of the timeline, which is full"}
    assert 6 == timeline.cut
    assert ["0 BEGIN main", "2 BEGIN print", "4 INSTANT nop", f"6 END print {why}", f"6 END main {why}"] == seen


# --- calls

NAMES = {0x100: "main", 0x200: "f", 0x300: "g", 0x400: "h"}


def function_at(address):
    """Functions of 256 bytes; what is below is code without a symbol, what is above is a slot."""
    if address >= 0x500:
        return None
    start = address & ~0xFF
    return Function(NAMES[start], start) if start in NAMES else Function(f"{address:#x}", None)


@pytest.fixture
def names(seen):
    """The functions that a timeline has begun and not ended."""
    found = []

    def take(event):
        assert isinstance(event, Mark)
        if event.phase is Phase.BEGIN:
            found.append(event.name)
        elif event.phase is Phase.END:
            assert found.pop() == event.name
        seen.append(event)

    return found, take


CALLS = {
    "a call": ([("call", 0x200, 0x110, 8)], ["main", "f"]),
    "a return": ([("call", 0x200, 0x110, 8), ("leave", 0x110, 8)], ["main"]),
    "a return on another stack": ([("call", 0x200, 0x110, 8), ("leave", 0x110, 80)], ["main"]),
    "recursion on another stack": (
        [("call", 0x200, 0x110, 8), ("call", 0x200, 0x210, 7), ("leave", 0x210, 80)],
        ["main", "f"],
    ),
    "recursion": ([("call", 0x200, 0x110, 8), ("call", 0x200, 0x210, 7), ("leave", 0x210, 7)], ["main", "f"]),
    "a call that reads the PC": ([("call", 0x120, 0x120, 8)], ["main"]),
    "a call of what comes next": ([("call", 0x200, 0x200, 8)], ["main", "f"]),
    "a tail call": ([("call", 0x200, 0x110, 8), ("leave", 0x300, 8)], ["main", "g"]),
    "a tail call returns": ([("call", 0x200, 0x110, 8), ("leave", 0x300, 8), ("leave", 0x110, 8)], ["main"]),
    "a jump within a function": ([("call", 0x200, 0x110, 8), ("leave", 0x220, 8)], ["main", "f"]),
    "a return from two calls": ([("call", 0x200, 0x110, 8), ("call", 0x300, 0x210, 7), ("leave", 0x110, 8)], ["main"]),
    "longjmp": ([("call", 0x200, 0x110, 8), ("call", 0x300, 0x210, 7), ("leave", 0x120, 4)], ["main"]),
    "longjmp not past a handler": (
        [("call", 0x200, 0x110, 8), ("enter", 0x300), ("leave", 0x120, 4)],
        ["main", "f", "main"],
    ),
    "a return past a handler": ([("call", 0x200, 0x110, 8), ("enter", 0x300), ("leave", 0x110, 8)], ["main"]),
    "a slot is in the function that is probed": ([("call", 0x200, 0x110, 8), ("move", 0x500)], ["main", "f"]),
    "code without a symbol": ([("call", 0x20, 0x110, 8), ("move", 0x80)], ["main", "0x20"]),
    "a jump to there": (
        [("call", 0x20, 0x110, 8), ("call", 0x200, 0x30, 8), ("leave", 0x80, 8)],
        ["main", "0x20", "0x80"],
    ),
    "a call from there": ([("call", 0x20, 0x110, 8), ("call", 0x90, 0x30, 8)], ["main", "0x20", "0x90"]),
    "the end of an exception": ([("call", 0x200, 0x110, 8), ("enter", 0x300), ("cut", 2)], ["main", "f"]),
}


@pytest.mark.parametrize(("told", "wanted"), CALLS.values(), ids=CALLS)
def test_calls(told, wanted, names):
    found, take = names
    stack = CallStack(Timeline(take), function_at)
    stack.enter(0x100, 0)
    for cycle, (name, *arguments) in enumerate(told, 1):
        getattr(stack, name)(*arguments, cycle)
    stack.call(0x400, 0, 0, 50)
    stack.call(0x400, 0, 0, 60)  # lets time pass, so that all that is open is told
    assert [*wanted, "h"] == found
    assert len(wanted) + 2 == stack.depth


def test_recursion_that_is_too_deep_to_be_shown_or_remembered(names, seen, monkeypatch):
    monkeypatch.setattr(callstack, "MOST_SHOWN", 4)
    monkeypatch.setattr(callstack, "MOST_FRAMES", 7)
    found, take = names
    stack = CallStack(Timeline(take), function_at)
    stack.enter(0x100, 0)
    depths = range(1, 21)
    for depth in depths:
        stack.call(0x200, 0x210, 1000 - depth, depth)
    assert 7 == stack.depth
    for count, depth in enumerate(reversed(depths), 1):
        stack.leave(0x210, 1000 - depth, 100 + count)
        assert min(20 - count + 1, 7) == stack.depth
    assert ["main"] == found
    assert 3 == sum(event.phase is Phase.END for event in seen)


addresses = st.sampled_from([0x100, 0x120, 0x200, 0x240, 0x300, 0x10, 0x20, 0x500])
stacks = st.integers(0, 2)
operations = st.one_of(
    st.tuples(st.just("enter"), addresses),
    st.tuples(st.just("call"), addresses, addresses, stacks),
    st.tuples(st.just("leave"), addresses, stacks),
    st.tuples(st.just("move"), addresses),
    st.tuples(st.just("cut"), st.integers(0, 3)),
)


@given(st.lists(st.tuples(operations, st.integers(0, 2)), max_size=30), st.integers(1, 40))
def test_whatever_is_told_slices_nest_and_time_passes(told, most):
    events = []
    timeline = Timeline(events.append, most)
    stack = CallStack(timeline, function_at)
    cycle = 0
    for (name, *arguments), passed in told:
        cycle += passed
        getattr(stack, name)(*arguments, cycle)
    timeline.close(cycle, "the end")
    found, now = [], 0
    for event in events:
        assert event.cycle >= now
        now = event.cycle
        if event.phase is Phase.BEGIN:
            found.append(event.name)
        elif event.phase is Phase.END:
            assert found.pop() == event.name
    assert not found
    assert sum(event.phase is not Phase.END for event in events) <= most + 1
