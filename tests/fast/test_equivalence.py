"""The hot path changes nothing that can be seen: whatever is run, and whatever is done to the machine meanwhile."""

import os
import random
import signal
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.image import Image, Segment
from aarch64.interpreter import Interpreter
from aarch64.lines import Line
from aarch64.memory import PAGE_SIZE
from aarch64.stop import StopReason
from aarch64.strategies import DrawnChoices
from aarch64.translation.permissions import Right
from tests.fast.driving import Driver, drive
from tests.fast.equivalence import Pair, check_program, make_machine, make_pair
from tests.fast.programs import (
    ALIAS,
    CODE,
    DATA,
    RAM,
    VECTORS,
    Program,
    programs,
    random_program,
    translation,
    word_of,
)
from tests.fast.soak import case
from tests.programs.examples import load_examples
from tests.translation.paging import Space

thresholds = st.sampled_from((1, 1, 2, 5))
small = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
"""Programs are large for what Hypothesis draws."""


# --- random programs


@small
@given(programs(), thresholds)
def test_a_run_to_its_budget(program, threshold):
    check_program(program, threshold=threshold)


@small
@given(programs(), st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_runs_that_end_inside_blocks(program, budgets):
    pair = make_pair(program)
    for budget in budgets:
        pair.run(budget)


@small
@given(programs(), st.data())
def test_runs_until_an_address(program, data):
    driver = Driver(make_pair(program), DrawnChoices(data.draw))
    for _ in range(data.draw(st.integers(1, 6))):
        driver.run_until_place()
        driver.run_until_symbol()


@small
@given(programs(), st.integers(0, 90), st.integers(0, 60), st.integers(0, 60))
def test_snapshots_in_the_middle(program, before, between, after):
    pair = make_pair(program)
    pair.run(before)
    fast, exact = pair.fast.snapshot(), pair.exact.snapshot()
    assert fast == exact
    pair.run(between)
    pair.fast.restore(exact)
    pair.exact.restore(fast)
    pair.check()
    pair.run(after)
    fresh = make_pair(program)
    fresh.run(0)  # what a reset returns to is what was there when it was first run
    fresh.fast.restore(fast)
    fresh.fast.run(between)
    pair.exact.restore(fast)
    pair.exact.run(between)
    for machine in (fresh.fast, pair.exact):
        machine.console.output.clear()  # what was printed stays printed
    Pair(fresh.fast, pair.exact, program).check()


@small
@given(programs(), st.data())
def test_observers_come_and_go(program, data):
    driver = Driver(make_pair(program), DrawnChoices(data.draw))
    driver.run_a_little()
    for _ in range(data.draw(st.integers(1, 4))):
        data.draw(st.sampled_from((driver.watch, driver.meddle, driver.meddle_with_exceptions)))()
        driver.run_a_little()
        driver.step()
        driver.run_a_little()


@small
@given(programs(), st.data())
def test_code_is_patched_from_outside(program, data):
    driver = Driver(make_pair(program), DrawnChoices(data.draw))
    for _ in range(data.draw(st.integers(1, 4))):
        driver.run_a_little()
        change, what = data.draw(st.sampled_from((driver._patch, driver._scribble)))()
        driver.pair.both(change, what)
    driver.pair.run(60)


@small
@given(programs(), st.data())
def test_interrupts_come_from_outside(program, data):
    driver = Driver(make_pair(program), DrawnChoices(data.draw))
    pair = driver.pair
    for machine in pair.machines:
        counts = []

        def observer(taken, cpu=machine.cpu, counts=counts):
            """Every third exception raises an interrupt, every other third lets it go."""
            counts.append(taken)
            if len(counts) % 3 == 0:
                cpu.lines = {Line.IRQ}
            elif len(counts) % 3 == 1:
                cpu.lines = set()

        machine.cpu.exception_observers.append(observer)
    for _ in range(data.draw(st.integers(1, 4))):
        driver.run_a_little()
        change, what = driver._lines()
        pair.both(change, what)
        pair.run(data.draw(st.integers(0, 40)))


@small
@given(programs(), thresholds, st.data())
def test_anything_at_any_time(program, threshold, data):
    drive(make_pair(program, threshold=threshold), DrawnChoices(data.draw))


# --- very many of them

PROGRAMS = 16_000 if os.environ.get("CI") else 2_000
"""Beside those that Hypothesis draws: more than 20,000 together."""
SHARDS = 8
"""Parts, so that they can run side by side."""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_many_programs(shard):
    """Half of them run through, half of them are driven."""
    for number in range(PROGRAMS // SHARDS):
        program, check = case(shard, number)
        check(program)


def test_the_programs_do_get_onto_the_hot_path(monkeypatch):
    """A good part of the cycles is not stepped through: else all this would prove nothing."""
    steps = []
    step = Interpreter.step
    monkeypatch.setattr(Interpreter, "step", lambda cpu: (steps.append(1), step(cpu)))
    cycles = 0
    for number in range(100):
        program = random_program(random.Random(number))
        machine = make_machine(**program.options)
        program.load(machine)
        machine.run(program.budget)
        cycles += machine.cpu.cycles
    assert len(steps) < 0.6 * cycles


# --- the examples


@pytest.mark.parametrize(
    ("example", "elf"),
    [(example, elf) for example in load_examples() for elf in example.elfs],
    ids=lambda value: getattr(value, "name", None),
)
def test_examples(example, elf):
    pair = Pair(*(make_loaded(elf, example.el, exact=exact) for exact in (False, True)), elf.name)
    for budget in (1, 997, 10_007):
        pair.run(budget)
    stop = pair.run(8_000_000)
    assert (StopReason.EXIT, example.exit_status) == (stop.reason, stop.status)
    assert example.stdout == pair.fast.console.output.decode()
    pair.check_devices()


def make_loaded(elf, el, *, exact):
    from aarch64.loader import load_program  # noqa: PLC0415  (elftools are not needed by the rest)

    machine = make_machine(exact=exact, el=el, threshold=50)
    machine.load(load_program(elf))
    return machine


# --- address spaces

PHYSICAL_B = RAM + 0x40000
"""Where the code of the second process is; its addresses are those of the first one."""
USER_CODE_PAGES = 2

SCHEDULER = """
        .space 0x400
        mrs     x16, esr_el1
        lsr     x17, x16, #26
        cmp     x17, #0x15
        b.ne    2f
        and     w16, w16, #0xffff
        cbz     w16, 1f                 // svc #0: the other process
        cmp     w16, #1
        b.ne    9f
        tlbi    vmalle1                 // svc #1: nothing is kept
        b       9f
1:      mrs     x16, ttbr0_el1
        mrs     x17, tpidr_el1
        msr     ttbr0_el1, x17
        msr     tpidr_el1, x16
        isb
        b       9f
2:      mrs     x16, elr_el1
        add     x16, x16, #4
        sub     x17, x17, #0x20
        cmp     x17, #1
        csel    x16, x29, x16, ls
        msr     elr_el1, x16
9:      eret
"""


def tables_b(root_b):
    """Tables as those of the first process, but for where the code's pages lead."""
    root, segments, table = translation(is_user=True)
    moved = []
    for segment in segments:
        data = bytearray(segment.data)
        for offset in range(0, PAGE_SIZE, 8):
            entry = int.from_bytes(data[offset : offset + 8], "little")
            target = entry & 0xFFFF_FFFF_F000
            if segment.address != table and entry & 3 == 3:
                entry += root_b - root
            elif segment.address == table and CODE <= target < CODE + USER_CODE_PAGES * PAGE_SIZE:
                entry += PHYSICAL_B - CODE
            data[offset : offset + 8] = entry.to_bytes(8, "little")
        moved.append(Segment(segment.address + root_b - root, bytes(data), executable=False))
    return moved


YIELDS = ("svc #0", "svc #0", "svc #1", "svc #2", "b _start", "ldr x1, [x22]", "str x0, [x23]")


@st.composite
def user_code(draw):
    """A loop of a process: something to compute, something to give way by."""
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        number = draw(st.integers(0, 5))
        lines.append(
            draw(
                st.sampled_from(
                    (
                        f"add x{number}, x{number}, #{number + 1}",
                        f"adcs x{number}, x{number}, x1",
                        f"str x{number}, [x19, #8]",
                        f"ldr x{number}, [x19, #8]",
                        f"cbz x{number}, 1f\n1:",
                        *YIELDS,
                    )
                )
            )
        )
    return "\n".join(["_start:", *lines, "svc #0", "b _start"]) + "\n"


def make_processes(first, second, *, asids=(1, 2)):
    """Two processes at EL0 with different code at the same addresses, that give way to each other by SVC #0."""
    program = Program(first, el=0, translates=True)
    root, tables, _ = translation(is_user=True)
    root_b = root + 0x10000
    code_a, code_b = assemble_source(first, base=CODE), assemble_source(second, base=CODE)
    (handlers,) = assemble_source(SCHEDULER, base=VECTORS + PAGE_SIZE).segments
    moved = [Segment(segment.address - CODE + PHYSICAL_B, segment.data) for segment in code_b.segments]
    segments = (*code_a.segments, *moved, handlers, *tables, *tables_b(root_b))
    image = Image(segments, CODE, code_a.symbols)
    pair = make_pair(program, image=image)
    pair.program = f"{first}\n// and at the same addresses\n{second}"
    for machine in pair.machines:
        machine.cpu.sysregs["TTBR0_EL1"] = root | asids[0] << 48
        machine.cpu.sysregs["TPIDR_EL1"] = root_b | asids[1] << 48
        machine.cpu.context_changed()
    return pair


@given(user_code(), user_code(), st.sampled_from(((1, 2), (1, 1))), st.lists(st.integers(1, 60), max_size=4))
def test_processes_at_the_same_addresses(first, second, asids, budgets):
    pair = make_processes(first, second, asids=asids)
    for budget in [*budgets, 150]:
        pair.run(budget)


def test_the_processes_of_this_test_do_take_turns():
    pair = make_processes("1: add x0, x0, #1\nsvc #0\nb 1b\n", "1: add x1, x1, #1\nsvc #0\nb 1b\n")
    pair.run(200)
    assert pair.exact.cpu.gpr[0] > 3
    assert pair.exact.cpu.gpr[1] > 3


COUNT = "_start:\n1: add x0, x0, #1\nadd x3, x3, x0\nb 1b\n"
COUNT_OTHERWISE = "_start:\n1: add x1, x1, #1\nsub x3, x3, x1\nb 1b\n"


def on_space(action):
    """Something done to the tables, as a lambda of a machine."""

    def act(machine):
        root = machine.cpu.sysregs["TTBR0_EL1"] & (1 << 48) - 1
        action(Space(machine.cpu, iter([root])))

    return act


CHANGES = {
    "to other code": lambda space: space.map(CODE, PHYSICAL_B, el0=True, ng=True),
    "and back": lambda space: space.map(CODE, CODE, el0=True, ng=True),
    "nowhere": lambda space: space.unmap(CODE),
    "not for execution": lambda space: space.map(CODE, CODE, el0=True, ng=True, uxn=True),
    "not for EL0": lambda space: space.map(CODE, CODE, ng=True),
    "guarded": lambda space: space.map(CODE, CODE, el0=True, ng=True, gp=True),
    "the data, to the code": lambda space: space.map(DATA, CODE, el0=True, ng=True),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.booleans(), st.integers(0, 20)), min_size=1, max_size=5))
def test_code_is_mapped_otherwise(changes):
    pair = make_processes(COUNT, COUNT_OTHERWISE)
    pair.run(40)
    for name, is_told, budget in changes:
        pair.both(on_space(CHANGES[name]), name)
        pair.run(7)
        if is_told:
            pair.both(lambda machine: machine.cpu.drop_translations(machine.cpu.tlb), "tlbi")
        pair.run(budget)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_change_of_the_map_is_seen_at_once_after_a_tlbi(name):
    pair = make_processes(COUNT, COUNT_OTHERWISE)
    pair.run(50)
    pair.both(on_space(CHANGES[name]), name)
    pair.run(10)
    pair.both(lambda machine: machine.cpu.drop_translations(machine.cpu.tlb), "tlbi")
    before = pair.exact.cpu.gpr[1]
    pair.run(10)
    assert (pair.exact.cpu.gpr[1] > before) == (name == "to other code")


def test_two_aliases_of_one_code_page():
    """Code that runs at one address is changed through the other one, and runs at both."""
    word = word_of("add x0, x0, #7")
    source = f"""
    _start: mov     x10, #4
    1:      adr     x28, there
            mov     x26, #{ALIAS}
            add     x28, x28, x26
            blr     x28                     // by the alias
            bl      there
            mov     w26, #{word & 0xFFFF}
            movk    w26, #{word >> 16}, lsl #16
            str     w26, [x28]
            bl      there
            subs    x10, x10, #1
            b.ne    1b
            b       .
    there:  add     x0, x0, #1
            ret
    """
    pair = make_pair(Program(source, translates=True))
    pair.run(300)
    assert 2 + 7 + 3 * 21 == pair.exact.cpu.gpr[0]


def test_asking_for_a_translation_changes_nothing():
    pair = make_processes(COUNT, COUNT_OTHERWISE)
    pair.run(33)
    pair.both(lambda machine: str(machine.translate(CODE, Right.EXECUTE)))
    pair.run(33)


# --- an impatient user

ENDLESS = {
    "two instructions": "1: add x0, x0, #1\nb 1b",
    "nested": "1: mov x1, #50\n2: subs x1, x1, #1\nb.ne 2b\nb 1b",
    "calls": "1: bl f\nb 1b\nf: add x0, x0, #1\nret",
    "memory": "1: ldr x0, [x19]\nadd x0, x0, #1\nstr x0, [x19]\nb 1b",
    "exceptions": "1: svc #0\nb 1b",
    "waits": "1: sevl\nwfe\nb 1b",
    "code that changes": "adr x28, 2f\n1: ldr w1, [x28]\neor w1, w1, #0x400\nstr w1, [x28]\n2: add x0, x0, #1\nb 1b",
    "a page's end": ".space 0xff4\n_start: 1: add x0, x0, #1\nadd x1, x1, x0\nadd x2, x2, x1\nb 1b",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_interruption_is_prompt_and_leaves_a_whole_state(name):
    pair = make_pair(Program(f"{ENDLESS[name]}\n"))
    timer = threading.Timer(0.1, pair.fast.interrupt, ["enough"])
    begin = time.monotonic()
    timer.start()
    stop = pair.fast.run()
    taken = time.monotonic() - begin
    timer.join()
    assert (StopReason.INTERRUPTED, "enough") == (stop.reason, stop.message)
    assert taken < 1
    pair.exact.run(max_cycles=pair.fast.cpu.cycles)
    pair.check()
    pair.run(50)


def test_a_signal_interrupts():
    pair = make_pair(Program("1: add x0, x0, #1\nb 1b\n"))
    previous = signal.signal(signal.SIGALRM, lambda *_: pair.fast.interrupt("alarm"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        begin = time.monotonic()
        stop = pair.fast.run()
        assert time.monotonic() - begin < 1
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert (StopReason.INTERRUPTED, "alarm") == (stop.reason, stop.message)
    pair.exact.run(max_cycles=pair.fast.cpu.cycles)
    pair.check()
