"""The table of transitions (`kprobes/README.md`), row by row, each kernel on a real machine.

That each row is taken in its state, and leads to the one it says, is checked by the watcher of `guest.Guest`.
"""

from collections import Counter

import attrs
import pytest

from aarch64.hooks import Answer, BreakHook
from aarch64.stop import StopReason
from kprobes import V4_8, V5_10, V7_2, V15, RegistrationError, UnrecoverableReentry
from kprobes.engine import BRK_KPROBE
from kprobes.reports import Moment
from kprobes.transitions import Action, Event, State, Transition
from tests.kprobes.guest import BASE, KERNELS, MAPS_IT, STEPPING, TABLE, UNMAPPED, VECTORS, make, of

SOURCE = f"""
square: mul     x0, x0, x0
after:  add     x0, x0, #1
        ret
skips:  b       target
        nop
target: add     x0, x0, #2
        ret
helper: add     x0, x0, #1
        ret
second: add     x0, x0, #1
        ret
loads:  ldr     x0, [x0]
        ret
peeks:  ldr     x1, [x0]                // a function of a handler, and where its faults are fixed up
        ret
fixed:  mov     x0, #-14
        ret
entry:  mov     x0, #99                 // a handler as jprobes have them
ends:   brk     #4
        b       .
foreign: brk    #4
        ret
{VECTORS}
exception: mrs  x11, elr_el1
        mrs     x12, spsr_el1
handle: add     x13, x13, #1
        bic     x0, x0, #7              // what was not aligned is
        ldr     x9, ={TABLE}
        ldr     x10, ={MAPS_IT}
        str     x10, [x9, #16]          // what was not mapped is
        dsb     ish
        msr     elr_el1, x11
        msr     spsr_el1, x12
        eret
        .section __ex_table, "a"
        .word   peeks - ., fixed - .
"""

DATA = BASE + 0x1_0000
OLD = (V15, V4_8, V5_10)
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)


def start(kernel, **options):
    return make(kernel, SOURCE, **options)


class Redirection:
    """A pre-handler that has the probed function return at once, with 7."""

    def __call__(self, _probe, regs):
        regs.pc, regs.x[0] = regs.x[30], 7
        return 1


def calls(guest, symbol, *arguments):
    """A handler that calls a function of the guest."""

    def handler(_probe, _regs):
        guest.call(symbol, *arguments)

    return handler


# --- one hit


@each_kernel
def test_row_1_a_probe_is_hit(kernel):
    guest, seen = start(kernel), []
    probe = guest.probe("square", pre_handler=lambda probe, regs: seen.append((probe, regs.pc, regs.x[0], guest.state)))
    guest.begin("square", 5)
    report = guest.until(1)
    assert Transition(1, State.IDLE, Event.PROBE_HIT, Action.RUN_PRE_HANDLER, State.HIT_ACTIVE) == report.transition
    assert (probe, guest.at("square")) == (report.probe, report.pc)
    assert [(probe, guest.at("square"), 5, State.HIT_ACTIVE)] == seen
    assert 0 == probe.nmissed


@each_kernel
@pytest.mark.parametrize("pre_handler", [None, lambda _probe, _regs: 0, lambda _probe, _regs: None],
                         ids=["none", "gives 0", "gives None"])  # fmt: skip
def test_row_2_the_return_from_the_exception_goes_to_the_slot(kernel, pre_handler):
    guest = start(kernel)
    probe = guest.probe("square", pre_handler=pre_handler)
    guest.begin("square", 5)
    report = guest.until(2)
    assert Transition(2, State.HIT_ACTIVE, Event.SLOT, Action.EXECUTE_SLOT, State.HIT_SS) == report.transition
    assert ([1, 2], State.HIT_SS, probe.execution.slot) == (guest.rows, guest.state, guest.cpu.pc)
    assert guest.word(probe.execution.slot) == probe.opcode
    is_stepped = kernel in STEPPING
    assert is_stepped == guest.cpu.pstate.ss == guest.cpu.sysregs["MDSCR_EL1"] & 1


@each_kernel
def test_row_3_what_is_simulated_is_done_in_one_exception(kernel):
    if kernel is V15:
        with pytest.raises(RegistrationError, match="a branch sets the PC"):
            start(kernel).probe("skips")
        kernel = attrs.evolve(V15, decode=V4_8.decode)  # its engine is the one that others simulate with
    guest, posts = start(kernel), []
    probe = guest.probe("skips", post_handler=lambda _probe, regs: posts.append(regs.pc))
    guest.begin("skips", 5)
    report = guest.until(3)
    assert Transition(3, State.HIT_ACTIVE, Event.SIMULATION, Action.SIMULATE, State.HIT_SS) == report.transition
    assert ([1, 3, 6], None, State.IDLE) == (guest.rows, probe.execution.slot, guest.state)
    assert (guest.at("target"), 1, [guest.at("target")]) == (guest.cpu.pc, guest.cpu.cycles, posts)
    assert 0 == guest.cpu.pstate.daif == guest.cpu.sysregs["MDSCR_EL1"]


@each_kernel
def test_row_4_a_pre_handler_redirects(kernel):
    guest, posts = start(kernel), []
    probe = guest.probe("square", pre_handler=Redirection(), post_handler=lambda *_: posts.append(1))
    assert 7 == guest.call("square", 5)
    is_old = kernel in STEPPING
    action, following = (Action.LEAVE, State.HIT_ACTIVE) if is_old else (Action.LEAVE_AND_RESET, State.IDLE)
    row = guest.watcher.rows[-1].transition
    assert Transition(4, State.HIT_ACTIVE, Event.REDIRECTION, action, following) == row
    assert ([1, 4], following, [], 0) == (guest.rows, guest.state, posts, probe.nmissed)


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
def test_pre_handler_that_redirects_leaks_the_current_probe_before_v4_19(kernel):
    """Every later hit counts as one within a hit, for ever: its handlers are missed, its instruction executed."""
    guest, hits = start(kernel), []
    leaking = guest.probe("square", pre_handler=Redirection())
    victim = guest.probe("helper", pre_handler=lambda *_: hits.append(1))
    guest.call("square", 5)
    assert (State.HIT_ACTIVE, leaking) == (guest.state, guest.kprobes.engine.block.current)
    for missed in range(1, 6):
        assert 11 == guest.call("helper", 10)
        assert 26 == guest.call("square", 5)
        assert (missed, missed, []) == (victim.nmissed, leaking.nmissed, hits)
        # The masks of debug exceptions, cleared for the step, are set after it, though nobody had set them.
        assert 8 == guest.cpu.pstate.daif & 8
    assert [1, 4] + [7, 8, 8] * 10 == guest.rows


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
def test_a_handler_that_clears_the_current_probe_itself_leaks_nothing(kernel):
    guest, hits = start(kernel), []

    def redirect(_probe, regs):
        regs.pc, regs.x[0] = regs.x[30], 7
        guest.kprobes.engine.block.reset()
        guest.watcher.expect(State.IDLE)
        return 1

    guest.probe("square", pre_handler=redirect)
    guest.probe("helper", pre_handler=lambda *_: hits.append(1))
    assert 7 == guest.call("square", 5)
    assert (11, [1], State.IDLE) == (guest.call("helper", 10), hits, guest.state)


@pytest.mark.parametrize("kernel", [V5_10, V7_2], ids=of)
def test_pre_handler_that_redirects_leaks_nothing_since_v4_19(kernel):
    guest, hits = start(kernel), []
    guest.probe("square", pre_handler=Redirection())
    victim = guest.probe("helper", pre_handler=lambda *_: hits.append(1))
    guest.call("square", 5)
    assert (11, [1], 0) == (guest.call("helper", 10), hits, victim.nmissed)


@each_kernel
def test_row_5_the_end_of_the_slot_is_met(kernel):
    guest = start(kernel)
    probe = guest.probe("square")
    guest.begin("square", 5)
    guest.until(2)
    guest.step()
    assert ([1, 2], probe.execution.slot + 4, 25) == (guest.rows, guest.cpu.pc, guest.cpu.gpr[0])
    guest.step()
    assert [1, 2, 5, 6] == guest.rows
    report = guest.watcher.rows[2]
    assert Transition(5, State.HIT_SS, Event.SLOT_DONE, Action.FINISH_SLOT, State.HIT_SS) == report.transition
    assert probe.execution.slot + 4 == report.pc
    assert ["BRK", "SOFTWARE_STEP" if kernel in STEPPING else "BRK"] == list(
        Counter(guest.machine.exceptions).elements()
    )
    assert 1 == len(guest.seen(Moment.STEP_TAKEN if kernel in STEPPING else Moment.SLOT_BRK_TAKEN))


@each_kernel
def test_row_6_the_post_handler_runs_and_the_hit_is_over(kernel):
    guest, seen = start(kernel), []
    probe = guest.probe(
        "square", post_handler=lambda probe, regs: seen.append((probe, regs.pc, regs.x[0], guest.state))
    )
    guest.begin("square", 5)
    report = guest.until(6)
    assert Transition(6, State.HIT_SS, Event.DONE, Action.FINISH, State.IDLE) == report.transition
    assert [(probe, guest.at("after"), 25, State.HIT_SSDONE)] == seen
    assert (guest.at("after"), State.IDLE, 0) == (guest.cpu.pc, guest.state, probe.nmissed)
    assert 26 == guest.call("square", 5)


# --- hits within hits


@each_kernel
@pytest.mark.parametrize("during", ["pre", "post"])
def test_row_7_a_hit_within_a_hit_is_missed(kernel, during):
    guest, hits = start(kernel), []
    guest.probe("square", **{f"{during}_handler": lambda *_: guest.call("helper", 10) and 0})
    inner = guest.probe("helper", pre_handler=lambda *_: hits.append(1), post_handler=lambda *_: hits.append(2))
    assert 26 == guest.call("square", 5)
    state = State.HIT_ACTIVE if during == "pre" else State.HIT_SSDONE
    report = next(report for report in guest.watcher.rows if report.transition.row == 7)
    assert Transition(7, state, Event.PROBE_HIT, Action.REENTER, State.REENTER, "the probe hit") == report.transition
    assert (inner, guest.at("helper")) == (report.probe, report.pc)
    assert ([], 1) == (hits, inner.nmissed)
    assert {"pre": [1, 7, 8, 8, 2, 5, 6], "post": [1, 2, 5, 6, 7, 8, 8]}[during] == guest.rows
    (entered,) = (seen for seen in guest.seen(Moment.SLOT_ENTERED) if seen.state is State.REENTER)
    assert inner.execution.slot == entered.pc


@each_kernel
def test_row_8_the_outer_hit_goes_on_where_it_was(kernel):
    guest = start(kernel)
    results, posts = [], []
    outer = guest.probe("square", pre_handler=lambda *_: results.append((guest.call("helper", 10), guest.state)))
    inner = guest.probe("helper", post_handler=lambda *_: posts.append(1))
    guest.call("square", 5)
    end, done = (report.transition for report in guest.watcher.rows if report.transition.row == 8)
    assert Transition(8, State.REENTER, Event.SLOT_DONE, Action.FINISH_SLOT, State.REENTER) == end
    assert Transition(8, State.REENTER, Event.DONE, Action.RESUME_PREVIOUS, None) == done
    assert ([(11, State.HIT_ACTIVE)], [], 0, 1) == (results, posts, outer.nmissed, inner.nmissed)
    restored = next(seen for seen in guest.seen(Moment.PC_RESTORED) if seen.probe is inner)
    assert guest.at("helper", 4) == restored.pc


@pytest.mark.parametrize("kernel", [V4_8, V5_10, V7_2], ids=of)
def test_row_8_of_what_is_simulated(kernel):
    guest = start(kernel)
    guest.probe("square", pre_handler=lambda *_: guest.call("skips", 10) and 0)
    inner = guest.probe("skips")
    assert 26 == guest.call("square", 5)
    assert ([1, 7, 8, 2, 5, 6], 1) == (guest.rows, inner.nmissed)


def in_the_slot_an_alignment_fault_leads_to_a_probe(kernel):
    """The fault is none that kprobes is asked about, and the handler that the guest has for it is probed."""
    guest, hits = start(kernel), []
    outer = guest.probe(
        "loads", pre_handler=lambda *_: hits.append("outer"), post_handler=lambda *_: hits.append("end")
    )
    inner = guest.probe("handle", pre_handler=lambda *_: hits.append("inner"))
    guest.machine.memory.write(DATA, 8, 1234)
    return guest, outer, inner, hits


@pytest.mark.parametrize("kernel", OLD, ids=of)
def test_row_9_a_hit_while_in_the_slot_is_the_end_until_v7_2(kernel):
    guest, outer, inner, hits = in_the_slot_an_alignment_fault_leads_to_a_probe(kernel)
    guest.begin("loads", DATA + 1)
    with pytest.raises(UnrecoverableReentry, match=r"handle.*loads") as raised:
        guest.until(99)
    report = guest.watcher.rows[-1]
    assert Transition(9, State.HIT_SS, Event.PROBE_HIT, Action.DIE, State.HIT_SS) == report.transition
    assert (inner, outer, guest.at("handle")) == (raised.value.probe, raised.value.current, report.pc)
    assert ([1, 2, 9], ["outer"], 0, 0) == (guest.rows, hits, outer.nmissed, inner.nmissed)


def test_row_9_a_hit_while_in_the_slot_is_missed_in_v7_2():
    guest, outer, inner, hits = in_the_slot_an_alignment_fault_leads_to_a_probe(V7_2)
    assert 1234 == guest.call("loads", DATA + 1)
    report = guest.watcher.rows[2]
    assert (
        Transition(9, State.HIT_SS, Event.PROBE_HIT, Action.REENTER, State.REENTER, "the probe hit")
        == report.transition
    )
    assert ([1, 2, 9, 8, 8, 5, 6], ["outer", "end"]) == (guest.rows, hits)
    assert (0, 1, 1, 0) == (outer.nmissed, inner.nmissed, guest.cpu.gpr[13], guest.cpu.pstate.daif)


@each_kernel
def test_row_10_a_hit_within_the_slot_of_a_hit_within_a_hit_is_the_end(kernel):
    guest, middle, inner, hits = in_the_slot_an_alignment_fault_leads_to_a_probe(kernel)
    guest.probe("square", pre_handler=calls(guest, "loads", DATA + 1))
    guest.begin("square", 5)
    with pytest.raises(UnrecoverableReentry, match=r"handle.*loads") as raised:
        guest.until(99)
    report = guest.watcher.rows[-1]
    assert Transition(10, State.REENTER, Event.PROBE_HIT, Action.DIE, State.REENTER) == report.transition
    assert (inner, middle) == (raised.value.probe, raised.value.current)
    assert ([1, 7, 10], [], 1, 0) == (guest.rows, hits, middle.nmissed, inner.nmissed)


@pytest.mark.parametrize("kernel", OLD, ids=of)
def test_row_11_a_hit_in_an_unknown_state_is_hit_for_ever_until_v7_2(kernel):
    guest = in_an_unknown_state(kernel)
    stop = guest.fails("square", 5).stop
    report = guest.watcher.rows[-1]
    assert Transition(11, State.OTHER, Event.PROBE_HIT, Action.WARN, State.OTHER) == report.transition
    assert (StopReason.STUCK, guest.at("helper")) == (stop.reason, guest.cpu.pc)
    assert {11} == set(guest.rows[1:])
    assert "the unknown state 3" in guest.messages[0]


def test_row_11_a_hit_in_an_unknown_state_is_left_to_the_kernel_in_v7_2():
    guest = in_an_unknown_state(V7_2)
    guest.cpu.sysregs["VBAR_EL1"] = 0  # nothing is there: the kernel dies
    stop = guest.fails("square", 5).stop
    report = guest.watcher.rows[-1]
    assert Transition(11, State.OTHER, Event.PROBE_HIT, Action.REFUSE, State.OTHER) == report.transition
    assert ([1, 11], StopReason.STUCK, 0x200) == (guest.rows, stop.reason, guest.cpu.pc)
    assert "the unknown state 3" in guest.messages[0]


def in_an_unknown_state(kernel):
    guest = start(kernel)

    def spoil(_probe, _regs):
        guest.kprobes.engine.block.status = 3
        guest.watcher.expect(State.OTHER)
        guest.call("helper", 10)

    guest.probe("square", pre_handler=spoil)
    guest.probe("helper")
    return guest


# --- faults


@each_kernel
def test_row_12_the_instruction_faults_and_is_executed_anew(kernel):
    """The page is mapped by the guest, and the probe hit again: the pre-handler runs twice, the post-handler once."""
    guest, hits = start(kernel), []
    guest.turn_on_mmu()
    probe = guest.probe("loads", pre_handler=lambda *_: hits.append("pre"), post_handler=lambda *_: hits.append("post"))
    guest.begin("loads", UNMAPPED)
    report = guest.until(12)
    assert Transition(12, State.HIT_SS, Event.SLOT_ABORT, Action.REWIND, State.IDLE) == report.transition
    assert (probe.execution.slot, State.IDLE) == (report.pc, guest.state)
    assert (guest.at("loads"), guest.at("vectors", 0x200)) == (guest.cpu.elr[1], guest.cpu.pc)
    assert 0 == guest.cpu.sysregs["MDSCR_EL1"]
    guest.until(6)
    assert ([1, 2, 12, 1, 2, 5, 6], ["pre", "pre", "post"], 0) == (guest.rows, hits, probe.nmissed)
    assert (guest.at("loads", 4), guest.machine.memory.read(guest.at("square"), 8)) == (guest.cpu.pc, guest.cpu.gpr[0])


@each_kernel
def test_row_13_the_instruction_of_a_hit_within_a_hit_faults(kernel):
    """The outer hit goes on; what faulted is then no probe's, so the handler of the page fault comes back to BRK."""
    guest, states = start(kernel), []
    guest.turn_on_mmu()
    guest.probe("square", pre_handler=lambda *_: states.append((guest.call("loads", UNMAPPED), guest.state)))
    inner = guest.probe("loads")
    assert 26 == guest.call("square", 5)
    report = next(report for report in guest.watcher.rows if report.transition.row == 13)
    assert Transition(13, State.REENTER, Event.SLOT_ABORT, Action.REWIND_PREVIOUS, None) == report.transition
    assert (inner.execution.slot, inner) == (report.pc, report.probe)
    assert ([1, 7, 13, 7, 8, 8, 2, 5, 6], 2) == (guest.rows, inner.nmissed)
    assert [(guest.machine.memory.read(guest.at("square"), 8), State.HIT_ACTIVE)] == states
    (rewound,) = guest.seen(Moment.REWOUND)
    assert (guest.at("loads"), 1) == (rewound.pc, rewound.strip.r_d)


@pytest.mark.parametrize("kernel", OLD, ids=of)
@pytest.mark.parametrize("during", ["pre", "post"])
@pytest.mark.parametrize("answer", [None, 1], ids=["exception table", "fault handler"])
def test_row_14_a_handler_faults(kernel, during, answer):
    guest, results, asked = start(kernel), [], []
    guest.turn_on_mmu()

    def handle_fault(probe, regs):
        asked.append((probe, regs.pc))
        if answer:
            regs.pc, regs.x[0] = regs.x[30], 5
        return answer

    handler = {f"{during}_handler": lambda *_: results.append(guest.call("peeks", UNMAPPED))}
    probe = guest.probe("square", fault_handler=handle_fault, **handler)
    assert 26 == guest.call("square", 5)
    state = State.HIT_ACTIVE if during == "pre" else State.HIT_SSDONE
    (row,) = (report.transition for report in guest.watcher.rows if report.transition.row == 14)
    assert Transition(14, state, Event.HANDLER_ABORT, Action.COUNT_AND_ASK, state, "the current probe") == row
    assert (1, [(probe, guest.at("peeks"))]) == (probe.nmissed, asked)
    assert 0 == guest.machine.memory.read(TABLE + 16, 8)  # the guest's own handler was not asked
    assert [5 if answer else (1 << 64) - 14] == results


@pytest.mark.parametrize("kernel", OLD, ids=of)
def test_row_14_a_fault_that_nobody_mends_is_the_guests(kernel):
    guest, results = start(kernel), []
    guest.turn_on_mmu()
    probe = guest.probe("square", pre_handler=lambda *_: results.append(guest.call("loads", UNMAPPED)))
    assert 26 == guest.call("square", 5)
    assert ([1, 14, 2, 5, 6], 1) == (guest.rows, probe.nmissed)
    assert [guest.machine.memory.read(guest.at("square"), 8)] == results  # what is there once the page is mapped


def test_no_row_14_in_v7_2_a_handlers_fault_is_like_any_other():
    guest, results = start(V7_2), []
    guest.turn_on_mmu()
    probe = guest.probe("square", pre_handler=lambda *_: results.append(guest.call("peeks", UNMAPPED)))
    assert 26 == guest.call("square", 5)
    assert ([1, 2, 5, 6], 0, 1) == (guest.rows, probe.nmissed, len(results))


# --- BRKs that are no probe's


@each_kernel
def test_row_15_a_probe_goes_between_its_brk_and_the_lookup(kernel):
    guest = start(kernel)
    probe = guest.probe("square")

    def unregister(_frame):
        guest.kprobes.unregister(probe)
        return Answer.NOT_MINE

    hooks = guest.cpu.hooks
    later = list(hooks)
    for hook in later:
        hooks.remove(hook)
    for hook in (BreakHook(unregister, 4), *later):
        hooks.add(hook)
    guest.begin("square", 5)
    report = guest.until(15)
    action = Action.REFUSE if kernel is V7_2 else Action.RETURN
    assert Transition(15, State.IDLE, Event.BRK_GONE, action, State.IDLE) == report.transition
    if kernel is V7_2:
        assert guest.at("vectors", 0x200) == guest.cpu.pc
        assert "no probe's" in guest.messages[0]
        return
    assert guest.at("square") == guest.cpu.pc
    guest.step()
    assert ([15], 25, guest.at("after")) == (guest.rows, guest.cpu.gpr[0], guest.cpu.pc)


def with_a_break_handler(kernel, answer):
    """A probe whose pre-handler goes to `entry`, which ends with a BRK #4 that is no probe's."""
    guest, hits = start(kernel), []

    def go(_probe, regs):
        hits.append(regs.x[0])
        regs.pc = guest.at("entry")
        return 1

    def come_back(probe, regs):
        hits.append("back")
        if answer:
            regs.pc, regs.x[0] = probe.at, hits[0]
        return answer

    handler = {} if answer is None else {"break_handler": come_back}
    return guest, guest.probe("square", pre_handler=go, **handler), hits


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
def test_row_16_a_break_handler_has_the_instruction_executed(kernel):
    guest, probe, hits = with_a_break_handler(kernel, 1)
    guest.begin("square", 5)
    report = guest.until(16)
    assert (
        Transition(16, State.HIT_ACTIVE, Event.BREAK_HANDLED, Action.EXECUTE_CURRENT, State.HIT_SS) == report.transition
    )
    assert (State.HIT_SS, probe.execution.slot, [5, "back"]) == (guest.state, guest.cpu.pc, hits)
    guest.until(6)
    assert ([1, 4, 16, 5, 6], 25, guest.at("after"), 0) == (
        guest.rows, guest.cpu.gpr[0], guest.cpu.pc, probe.nmissed,
    )  # fmt: skip


@pytest.mark.parametrize("kernel", [V5_10, V7_2], ids=of)
def test_no_row_16_since_v4_19_break_handlers_are_not_asked(kernel):
    guest, _, hits = with_a_break_handler(kernel, 1)
    guest.cpu.sysregs["VBAR_EL1"] = 0
    assert StopReason.STUCK is guest.fails("square", 5).stop.reason
    assert ([5], {1, 4, 17 if kernel is V5_10 else 15}) == (hits, set(guest.rows))


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
@pytest.mark.parametrize("answer", [0, None], ids=["break handler gives 0", "no break handler"])
def test_row_17_a_brk_that_nobody_knows_is_taken_for_ever(kernel, answer):
    guest, _, hits = with_a_break_handler(kernel, answer)
    stop = guest.fails("square", 5).stop
    row = guest.watcher.rows[-1].transition
    assert Transition(17, State.HIT_ACTIVE, Event.FOREIGN_BRK, Action.RETURN, State.HIT_ACTIVE) == row
    assert (StopReason.STUCK, guest.at("ends")) == (stop.reason, guest.cpu.pc)
    assert {17} == set(guest.rows[2:])
    assert 5 == hits[0]


@each_kernel
def test_row_17_a_brk_of_nobody_while_idle(kernel):
    guest = start(kernel)
    guest.cpu.sysregs["VBAR_EL1"] = 0
    stop = guest.fails("foreign").stop
    row = guest.watcher.rows[-1].transition
    number, action = (15, Action.REFUSE) if kernel is V7_2 else (17, Action.RETURN)
    assert Transition(number, State.IDLE, Event.FOREIGN_BRK, action, State.IDLE) == row
    assert (StopReason.STUCK, 0x200 if kernel is V7_2 else guest.at("foreign")) == (stop.reason, guest.cpu.pc)
    assert BRK_KPROBE == guest.word("foreign")
