"""The hot path changes nothing that can be seen of programs that use the debug unit, or whose exceptions are hooked."""

import random
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aarch64.hooks import Answer, BreakHook, FaultHook, RegisterFrame, StepHook
from aarch64.sampling import RandomChoices
from aarch64.strategies import DrawnChoices
from tests.fast.driving import Driver
from tests.fast.equivalence import check_program, make_pair
from tests.fast.programs import DEBUG, debugged_programs, write_program

small = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much])
D, SS = 1 << 9, 1 << 21


@small
@given(debugged_programs(), st.sampled_from((1, 1, 2, 5)))
def test_a_run_to_its_budget(program, threshold):
    check_program(program, threshold=threshold)


@small
@given(debugged_programs(), st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_runs_that_end_anywhere(program, budgets):
    pair = make_pair(program)
    for budget in budgets:
        pair.run(budget)


@small
@given(debugged_programs(), st.data())
def test_observers_come_and_go(program, data):
    driver = Driver(make_pair(program), DrawnChoices(data.draw))
    for _ in range(data.draw(st.integers(1, 3))):
        data.draw(st.sampled_from((driver.watch, driver.meddle)))()
        driver.run_a_little()
        driver.step()
        driver.run_a_little()


def going_on(seen: list) -> list:
    """Hooks that note what they are asked about, and mostly do something about it."""

    def note(frame: RegisterFrame) -> None:
        seen.append((tuple(frame.x), frame.sp, frame.pc, frame.pstate, frame.esr, frame.far, frame.el))

    def skip(frame: RegisterFrame) -> Answer:
        note(frame)
        if len(seen) % 5 == 0:
            return Answer.NOT_MINE
        frame.x[len(seen) % 8] ^= frame.pc
        frame.pc += 4
        return Answer.HANDLED

    def step_on(frame: RegisterFrame) -> Answer:
        note(frame)
        frame.pstate |= SS if len(seen) % 7 else D
        return Answer.HANDLED

    return [BreakHook(skip, 0, mask=0xFFFF), FaultHook(skip), StepHook(step_on)]


@small
@given(debugged_programs(), st.lists(st.integers(0, 60), min_size=1, max_size=5))
def test_hooked_exceptions(program, budgets):
    pair = make_pair(program)
    for machine in pair.machines:
        for hook in going_on(pair.events_of(machine)):
            machine.cpu.hooks.add(hook)
    for budget in budgets:
        pair.run(budget)


def test_these_programs_do_use_the_debug_unit():
    taken = Counter()
    for number in range(60):
        program = write_program(RandomChoices(random.Random(number)), (DEBUG,))
        taken.update(check_program(program).exact.exceptions)
    assert min(taken["SOFTWARE_STEP"], taken["BREAKPOINT"], taken["WATCHPOINT"], taken["BRK"]) > 0
