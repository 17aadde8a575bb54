"""What old kernels do wrong about hits, each by a name, with what comes of it; and what they need to do right.

Those that are rows of the table of transitions are in `test_transitions.py`.
"""

import attrs
import pytest

from aarch64.hooks import Answer, FaultHook
from aarch64.stop import StopReason
from kprobes import V4_8, V5_10, V7_2, V15, RegistrationError
from kprobes.engine import BRK_SLOT
from kprobes.monitors import MDSCR_KDE, MDSCR_MDE, MDSCR_SS, Monitor
from kprobes.reports import Moment
from kprobes.transitions import Action, State
from tests.kprobes.guest import BASE, KERNELS, MAPS_IT, STEPPING, TABLE, UNMAPPED, VECTORS, A, D, F, I, make, of

DATA = BASE + 0x1_0000
OLD = (V15, V4_8, V5_10)
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)
stepping = pytest.mark.parametrize("kernel", STEPPING, ids=of)

SOURCE = f"""
square: mul     x0, x0, x0
after:  add     x0, x0, #1
        ret
helper: add     x0, x0, #1
        ret
loads:  ldr     x0, [x0]
        ret
loads_and_goes_on: ldr x1, [x0]
        add     x1, x1, #1
        mov     x0, x1
        ret
signed: paciasp
        nop
leaves: retaa
jumps:  b       square
foreign: brk    #6
        ret
{VECTORS}
exception: mrs  x11, elr_el1
        mrs     x12, spsr_el1
"""
MAPS = f"""
maps:   ldr     x9, ={TABLE}
        ldr     x10, ={MAPS_IT}
        str     x10, [x9, #16]
        dsb     ish
"""
ALIGNS = """
aligns: bic     x0, x0, #7
"""
RETURNS = """
        msr     elr_el1, x11
        msr     spsr_el1, x12
        eret
"""


def start(kernel, handler=MAPS + RETURNS, **options):
    return make(kernel, SOURCE + handler, **options)


def fault_in_the_slot(kernel, daif=0, **handlers):
    """A guest that is at its vector, for the page fault of `loads`, which was in a slot."""
    guest = start(kernel, daif=daif)
    guest.turn_on_mmu()
    probe = guest.probe("loads", **handlers)
    guest.begin("loads", UNMAPPED)
    guest.until(12)
    return guest, probe


# --- faults in the slot

LEAKED = [(V15, I), (V4_8, I), (V5_10, D | A | I | F), (V7_2, 0)]


@pytest.mark.parametrize(("kernel", "leaked"), LEAKED, ids=of)
def test_masks_of_the_slot_outlive_a_fault_and_are_taken_for_the_probed_codes_until_v5_12(kernel, leaked):
    """The registers that the fault is returned to still have them; the next hit keeps them as what was before."""
    guest, _ = fault_in_the_slot(kernel)
    assert leaked == guest.cpu.spsr[1] >> 6 & 0b1111
    guest.until(6)
    assert guest.at("loads", 4) == guest.cpu.pc
    assert leaked == guest.cpu.pstate.daif
    guest.call("helper", 1)
    assert leaked == guest.cpu.pstate.daif


@pytest.mark.parametrize(("kernel", "leaked"), [(V15, D | I), (V4_8, D | I), (V5_10, 0b1111), (V7_2, 0b1111)], ids=of)
def test_masks_outlive_a_fault_of_a_hit_within_a_hit_in_all_kernels(kernel, leaked):
    """Within a handler they are set anyway; seen here with a handler that had them cleared."""
    guest = start(kernel)
    guest.turn_on_mmu()
    guest.probe("loads")

    def call_unmasked(_probe, _regs):
        guest.cpu.pstate.daif = 0
        guest.cpu.context_changed()
        guest.begin("loads", UNMAPPED)
        guest.until(13)
        masks.append(guest.cpu.spsr[1] >> 6 & 0b1111)

    masks: list[int] = []
    guest.probe("square", pre_handler=call_unmasked)
    guest.call("square", 5)
    assert [leaked] == masks


@stepping
@pytest.mark.parametrize("hit", [True, False], ids=["again", "no more"])
def test_a_note_of_a_step_outlives_a_fault_and_swallows_a_foreign_step(kernel, hit):
    """`ss_pending` is not cleared: whoever steps to that very address has the step taken away, and the stepping ended.

    A hit that ends regularly clears it.
    """
    guest, probe = fault_in_the_slot(kernel, daif=0)
    block, slot = guest.kprobes.engine.block, probe.execution.slot
    assert (True, slot + 4) == (block.step_pending, block.step_end)
    if hit:
        guest.until(6)
    steps_one_instruction_at(guest, slot, DATA)
    taken = guest.watcher.rows[-1].transition
    if hit:
        assert (6, False) == (taken.row, block.step_pending)
        assert guest.at("vectors", 0x200) == guest.cpu.pc  # a step of the guest's own is the guest's
        return
    assert (5, Action.SWALLOW, State.IDLE) == (taken.row, taken.action, guest.state)
    assert (slot + 4, 0) == (guest.cpu.pc, guest.cpu.sysregs["MDSCR_EL1"] & MDSCR_SS)
    assert not block.step_pending


def steps_one_instruction_at(guest, address, x0):
    """As a debugger of the guest's own would."""
    cpu = guest.cpu
    cpu.pc, cpu.gpr[0] = address, x0
    cpu.pstate.daif, cpu.pstate.ss = 0, 1
    cpu.sysregs["MDSCR_EL1"] |= MDSCR_SS | MDSCR_KDE
    cpu.context_changed()
    guest.step(2)


@stepping
def test_a_note_of_a_step_outlives_a_fault_and_ends_the_hit_of_another_probe(kernel):
    """A handler steps to that address: the hit it belongs to is taken to be over, and its PC goes on behind it.

    When the handler returns, no probe is current: the instruction is stepped all the same, and nobody then sets the PC.
    """
    guest, faulty = fault_in_the_slot(kernel)
    guest.kprobes.disable(faulty)
    slot, posts = faulty.execution.slot, []

    def steps_there(_probe, _regs):
        steps_one_instruction_at(guest, slot, DATA)
        places.append(guest.cpu.pc)

    places: list[int] = []
    other = guest.probe("square", pre_handler=steps_there, post_handler=lambda *_: posts.append(guest.state))
    guest.machine.prepare_call("square", 5)
    guest.cpu.pstate.daif = 0
    guest.cpu.context_changed()
    before = len(guest.rows)
    guest.machine.run(max_cycles=6)
    assert [1, 5, 6, 2, 5] == guest.rows[before:][:5]
    assert ([guest.at("after")], [State.HIT_SSDONE], State.IDLE) == (places, posts, guest.state)
    assert Action.SWALLOW is guest.watcher.rows[before + 4].transition.action
    assert other.execution.slot + 4 == guest.watcher.rows[before + 4].pc


@pytest.mark.parametrize("kernel", KERNELS, ids=of)
@pytest.mark.parametrize("symbol", ["square", "jumps"])
def test_a_handler_that_clears_the_current_probe_and_wants_the_instruction_executed(kernel, symbol):
    """In a slot, nobody sets the PC behind it; v7.2 even leaves its end to the kernel. What is simulated goes well."""
    if kernel is V15 and symbol == "jumps":
        kernel = attrs.evolve(V15, decode=V4_8.decode)
    guest, posts = start(kernel), []

    def clear(_probe, _regs):
        guest.kprobes.engine.block.reset()
        guest.watcher.expect(State.IDLE)

    probe = guest.probe(symbol, pre_handler=clear, post_handler=lambda *_: posts.append(1))
    guest.begin(symbol, 5)
    guest.until(3 if symbol == "jumps" else 2)
    if symbol == "jumps":
        assert ([1, 3, 6], guest.at("square")) == (guest.rows, guest.cpu.pc)
        assert ([1] if kernel is V7_2 else []) == posts
        return
    guest.step(2)
    end = probe.execution.slot + 4
    if kernel is V7_2:
        assert ([1, 2], guest.at("vectors", 0x200), end) == (guest.rows, guest.cpu.pc, guest.cpu.elr[1])
    else:
        assert ([1, 2, 5], end) == (guest.rows, guest.cpu.pc)
    assert [] == posts


@each_kernel
@pytest.mark.parametrize("status", [0, 2, 3, 4, 8])
@pytest.mark.parametrize("answer", [0, 1])
def test_the_status_that_a_pre_handler_leaves_is_not_asked_about(kernel, status, answer):
    guest, posts = start(kernel), []

    def spoil(_probe, regs):
        guest.kprobes.engine.block.status = status
        guest.watcher.expect(guest.state)
        regs.pc = regs.x[30] if answer else regs.pc
        return answer

    guest.probe("square", pre_handler=spoil, post_handler=lambda *_: posts.append(1))
    assert (5 if answer else 26) == guest.call("square", 5)
    assert ([1, 4] if answer else [1, 2, 5, 6]) == guest.rows
    assert ([] if answer else [1]) == posts


def test_a_note_of_a_slots_end_outlives_a_fault_and_a_foreign_brk_is_met_for_ever_in_v5_10():
    """The first BRK #6 there is swallowed, and the PC stays: so the second one is no kprobes' any more."""
    guest, probe = fault_in_the_slot(V5_10)
    guest.kprobes.disable(probe)
    end = probe.execution.slot + 4
    assert BRK_SLOT == guest.word(end)
    guest.cpu.pc = end
    guest.step()
    assert (5, Action.SWALLOW, end) == (guest.rows[-1], guest.watcher.rows[-1].transition.action, guest.cpu.pc)
    guest.step()
    assert guest.at("vectors", 0x200) == guest.cpu.pc


def test_the_state_tells_the_end_of_a_slot_in_v7_2():
    guest, probe = fault_in_the_slot(V7_2)
    guest.kprobes.disable(probe)
    guest.cpu.pc = probe.execution.slot + 4
    guest.step()
    assert (12, guest.at("vectors", 0x200)) == (guest.rows[-1], guest.cpu.pc)


@pytest.mark.parametrize("kernel", [V5_10, V7_2], ids=of)
def test_a_brk_of_a_slot_in_a_handler_of_a_fault_of_the_slot_is_no_end_of_it(kernel):
    guest = start(kernel, "strange: brk #6\n")
    guest.probe("loads")
    guest.begin("loads", DATA + 1)
    guest.until(2)
    guest.step(5)
    assert ([1, 2], guest.at("strange"), State.HIT_SS) == (guest.rows, guest.cpu.elr[1], guest.state)


def test_the_end_of_a_slot_is_none_while_its_pre_handler_runs_in_v7_2():
    guest, places = start(V7_2), []

    def goes_there(probe, _regs):
        guest.cpu.pc = probe.execution.slot + 4
        guest.step()
        places.append((guest.cpu.pc, list(guest.rows)))

    guest.probe("square", pre_handler=goes_there)
    assert 26 == guest.call("square", 5)
    assert [(guest.at("vectors", 0x200), [1])] == places


@pytest.mark.parametrize("kernel", OLD, ids=of)
def test_a_page_fault_elsewhere_is_taken_for_the_slots_until_v7_2(kernel):
    """In the handler of another fault of the slot: its PC becomes the probed address, where it has no business."""
    guest = page_fault_in_a_handler_of_an_alignment_fault(kernel)
    guest.begin("loads_and_goes_on", DATA + 1)
    report = guest.until(12)
    assert guest.at("aligns") == report.pc
    assert (guest.at("loads_and_goes_on"), State.IDLE) == (guest.cpu.elr[1], guest.state)


def test_a_page_fault_elsewhere_is_left_alone_in_v7_2():
    guest = page_fault_in_a_handler_of_an_alignment_fault(V7_2)
    faults = []
    guest.cpu.hooks.add(FaultHook(lambda frame: faults.append(frame.pc) or Answer.NOT_MINE))
    guest.begin("loads_and_goes_on", DATA + 1)
    guest.step(20)
    assert [1, 2] == guest.rows
    assert (guest.at("aligns"), State.HIT_SS) == (faults[-1], guest.state)


def page_fault_in_a_handler_of_an_alignment_fault(kernel):
    guest = start(kernel, f"        ldr     x9, ={UNMAPPED}\naligns: ldr x9, [x9]\n" + RETURNS)
    guest.turn_on_mmu()
    guest.cpu.sysregs["SCTLR_EL1"] |= 1 << 1  # A: alignment is checked
    guest.cpu.context_changed()
    guest.probe("loads_and_goes_on")
    return guest


@each_kernel
def test_an_alignment_fault_in_the_slot_is_nothing_that_kprobes_is_asked_about(kernel):
    """The guest's handler finds a PC in the slot; what it returns to is stepped, or ended by BRK, all the same."""
    guest = start(kernel, ALIGNS + RETURNS)
    probe = guest.probe("loads")
    guest.begin("loads", DATA + 1)
    guest.until(2)
    guest.step()
    assert (probe.execution.slot, State.HIT_SS) == (guest.cpu.elr[1], guest.state)
    guest.until(6)
    assert (guest.at("loads", 4), 0) == (guest.cpu.pc, guest.cpu.pstate.daif)


@stepping
def test_a_fault_handler_that_unmasks_debug_exceptions_is_stepped_itself(kernel):
    """MDSCR_EL1.SS is still set: each of its instructions ends with a step that nobody expects."""
    guest = start(kernel, "        msr daifclr, #8\nunmasked: nop\n" + ALIGNS + "        msr daifset, #8\n" + RETURNS)
    guest.probe("loads")
    guest.begin("loads", DATA + 1)
    guest.until(6)
    assert guest.at("loads", 4) == guest.cpu.pc
    places = [guest.machine.locate(guest.at("unmasked", offset)) for offset in (0, 4, 8)]
    assert [f"unexpected single step at {place}: stepping goes on" for place in places] == guest.messages


SIMULATING = pytest.mark.parametrize("kernel", [V4_8, V5_10, V7_2], ids=of)
LITERAL = """
literal: ldr    x0, misaligned
        ret
        .balign 8
        .word   0
misaligned: .quad 7
"""


@SIMULATING
def test_an_instruction_that_faults_while_it_is_simulated_ends_the_hit(kernel):
    """The literal is not aligned, and the MMU is off: the fault is one of the probed address, and nobody's hit."""
    guest, posts = start(kernel, LITERAL), []
    guest.probe("literal", post_handler=lambda *_: posts.append(1))
    guest.begin("literal")
    guest.step()
    assert ([1, 3], State.IDLE, []) == (guest.rows, guest.state, posts)
    assert (guest.at("literal"), guest.at("vectors", 0x200)) == (guest.cpu.elr[1], guest.cpu.pc)


@SIMULATING
def test_likewise_within_a_hit(kernel):
    guest, states = start(kernel, LITERAL), []

    def call(_probe, _regs):
        guest.begin("literal")
        guest.step()
        states.append((guest.state, guest.cpu.elr[1], guest.cpu.pc))
        guest.watcher.expect(State.HIT_ACTIVE)

    guest.probe("square", pre_handler=call)
    inner = guest.probe("literal")
    assert 26 == guest.call("square", 5)
    assert [(State.HIT_ACTIVE, guest.at("literal"), guest.at("vectors", 0x200))] == states
    assert ([1, 7, 2, 5, 6], 1) == (guest.rows, inner.nmissed)


# --- the exception table

WITH_TABLE = """
fixed:  mov     x0, #-14
        ret
        .section __ex_table, "a"
        .word   loads - ., fixed - .
"""


def test_v15_has_probes_on_what_is_in_the_exception_table_and_finds_the_fixup_by_the_rewound_pc():
    guest = start(V15, MAPS + RETURNS + WITH_TABLE)
    guest.turn_on_mmu()
    guest.probe("loads")
    guest.begin("loads", UNMAPPED)
    guest.until(12)
    assert guest.cpu.elr[1] in guest.kprobes._layout.exception_table


@pytest.mark.parametrize("kernel", [V4_8, V5_10, V7_2], ids=of)
def test_what_is_in_the_exception_table_is_refused_since_v4_8(kernel):
    with pytest.raises(RegistrationError, match="__ex_table"):
        start(kernel, MAPS + RETURNS + WITH_TABLE).probe("loads")


# --- steps that do not come, and steps that nobody expects


@stepping
@pytest.mark.parametrize("cause", ["nodebugmon", "OS lock", "debug exceptions masked"])
def test_without_a_step_execution_runs_off_into_the_next_slot(kernel, cause):
    guest = start(kernel, unlock=cause != "OS lock", daif=D if cause == "debug exceptions masked" else 0)
    guest.kprobes.engine.monitors.is_enabled = cause != "nodebugmon"
    first, second = guest.probe("square"), guest.probe("helper")
    assert first.execution.slot + 4 == second.execution.slot
    guest.begin("square", 5)
    guest.step(2)
    assert (25, second.execution.slot) == (guest.cpu.gpr[0], guest.cpu.pc)
    guest.step()
    assert 26 == guest.cpu.gpr[0]  # what helper does
    guest.step()
    assert (guest.at("vectors", 0x200), second.execution.slot + 4) == (guest.cpu.pc, guest.cpu.elr[1])
    assert ["BRK", "UNKNOWN"] == list(guest.machine.exceptions)
    assert State.HIT_SS is guest.state
    warned = kernel is V4_8 and cause == "debug exceptions masked"
    assert warned == any("the step will not be taken" in text for text in guest.messages)


@pytest.mark.parametrize("kernel", [V5_10, V7_2], ids=of)
@pytest.mark.parametrize("cause", ["nodebugmon", "OS lock", "debug exceptions masked"])
def test_nothing_keeps_brk_from_ending_a_slot_since_v5_10(kernel, cause):
    guest = start(kernel, unlock=cause != "OS lock", daif=D if cause == "debug exceptions masked" else 0)
    guest.kprobes.engine.monitors.is_enabled = cause != "nodebugmon"
    guest.probe("square")
    guest.probe("helper")
    assert 26 == guest.call("square", 5)
    assert [1, 2, 5, 6] == guest.rows


@stepping
def test_an_instruction_that_leaves_the_slot_is_stepped_for_ever(kernel):
    """RETAA is taken for no branch until v5.10: no step ends where it should, and stepping goes on in the caller."""
    guest = start(kernel)
    probe = guest.probe("leaves")
    guest.begin("signed")
    guest.cpu.gpr[30] = guest.at("square")
    guest.until(2)
    guest.step(8)
    assert (State.HIT_SS, probe) == (guest.state, guest.kprobes.engine.block.current)
    places = [guest.machine.locate(guest.at("square", offset)) for offset in (0, 4, 8)]
    assert [f"unexpected single step at {place}: stepping goes on" for place in places] == guest.messages[:3]
    assert guest.cpu.sysregs["MDSCR_EL1"] & MDSCR_SS
    assert I == guest.cpu.pstate.daif & I
    assert [1, 2] == guest.rows


@pytest.mark.parametrize("kernel", [V5_10, V7_2], ids=of)
def test_an_instruction_that_would_leave_the_slot_is_refused_since_v5_10(kernel):
    with pytest.raises(RegistrationError, match="branch"):
        start(kernel).probe("leaves")


@stepping
def test_a_step_of_the_guests_own_is_the_guests(kernel):
    guest = start(kernel)
    guest.probe("helper")
    steps_one_instruction_at(guest, guest.at("square"), 5)
    assert ([], [], guest.at("vectors", 0x200)) == (guest.rows, guest.messages, guest.cpu.pc)


# --- debug exceptions, shared


@stepping
@pytest.mark.parametrize("own", [0, MDSCR_KDE, MDSCR_MDE, MDSCR_KDE | MDSCR_MDE])
def test_the_guests_own_use_of_debug_exceptions_is_left_as_it_was(kernel, own):
    guest = start(kernel)
    guest.cpu.sysregs["MDSCR_EL1"] = own
    guest.probe("square")
    guest.begin("square", 5)
    guest.until(2)
    assert MDSCR_SS | MDSCR_KDE | MDSCR_MDE == guest.cpu.sysregs["MDSCR_EL1"]
    guest.until(6)
    assert own == guest.cpu.sysregs["MDSCR_EL1"]


def test_bits_are_set_for_the_first_user_and_cleared_after_the_last():
    guest = start(V15)
    monitors, host = guest.kprobes.engine.monitors, guest.kprobes.engine.host
    steps = [
        (monitors.enable, Monitor.EL0, MDSCR_MDE, (1, 0)),
        (monitors.enable, Monitor.EL1, MDSCR_MDE | MDSCR_KDE, (2, 1)),
        (monitors.enable, Monitor.EL1, MDSCR_MDE | MDSCR_KDE, (3, 2)),
        (monitors.disable, Monitor.EL1, MDSCR_MDE | MDSCR_KDE, (2, 1)),
        (monitors.disable, Monitor.EL1, MDSCR_MDE, (1, 0)),
        (monitors.disable, Monitor.EL0, 0, (0, 0)),
        (monitors.disable, Monitor.EL1, 0, (0, 0)),
    ]
    for change, level, mdscr, users in steps:
        change(level)
        assert (mdscr, users) == (host.mdscr, (monitors.users(Monitor.EL0), monitors.users(Monitor.EL1)))


def test_while_somebody_else_uses_them_a_hit_changes_but_the_step():
    guest = start(V15)
    guest.kprobes.engine.monitors.enable(Monitor.EL1)
    guest.probe("square")
    guest.call("square", 5)
    assert MDSCR_KDE | MDSCR_MDE == guest.cpu.sysregs["MDSCR_EL1"]
    guest.kprobes.engine.monitors.disable(Monitor.EL1)
    assert 0 == guest.cpu.sysregs["MDSCR_EL1"]


def test_nodebugmon_counts_and_sets_nothing():
    guest = start(V15)
    monitors = guest.kprobes.engine.monitors
    monitors.is_enabled = False
    monitors.enable(Monitor.EL1)
    assert (1, 0) == (monitors.users(Monitor.EL1), guest.cpu.sysregs["MDSCR_EL1"])


@stepping
def test_a_hardware_breakpoint_of_the_guest_works_beside_probes(kernel):
    """On the instruction after the probed one, while KDE and MDE are counted up and down by the hit."""
    guest = start(kernel)
    guest.cpu.sysregs |= {"DBGBVR0_EL1": guest.at("after"), "DBGBCR0_EL1": 1 | 0b01 << 1 | 0b1111 << 5}
    guest.cpu.sysregs["MDSCR_EL1"] = MDSCR_KDE | MDSCR_MDE
    guest.cpu.context_changed()
    guest.probe("square")
    guest.begin("square", 5)
    guest.until(6)
    guest.step()
    assert ["BRK", "SOFTWARE_STEP", "BREAKPOINT"] == list(guest.machine.exceptions)
    assert (guest.at("after"), guest.at("vectors", 0x200)) == (guest.cpu.elr[1], guest.cpu.pc)


def test_a_brk_of_a_slot_elsewhere_is_the_guests():
    guest = start(V5_10)
    guest.probe("square")
    guest.begin("foreign")
    guest.step()
    assert ([], guest.at("vectors", 0x200)) == (guest.rows, guest.cpu.pc)


@each_kernel
@pytest.mark.parametrize("number", [0, 5, 0x100, 0x800])
def test_a_brk_of_another_number_is_the_guests(kernel, number):
    guest = start(kernel)
    guest.machine.memory.write(guest.at("foreign"), 4, 0xD420_0000 | number << 5)
    guest.begin("foreign")
    guest.step()
    assert ([], [], guest.at("vectors", 0x200)) == (guest.rows, guest.watcher.moments, guest.cpu.pc)


@each_kernel
@pytest.mark.parametrize("number", [4, 6, 7])
def test_a_brk_of_a_program_at_el0_is_the_guests(kernel, number):
    """Even one that has a probe, which may be shared with the kernel here: the kernel sends such a program a signal."""
    guest = start(kernel)
    guest.machine.memory.write(guest.at("foreign"), 4, 0xD420_0000 | number << 5)
    guest.probe("square")
    for symbol in ("foreign", "square"):
        guest.begin(symbol)
        guest.cpu.pstate.el = 0
        guest.cpu.context_changed()
        guest.step()
        assert ([], guest.at("vectors", 0x400), 1) == (guest.rows, guest.cpu.pc, guest.cpu.pstate.el)


def test_a_brk_that_is_met_for_ever_is_recognised():
    guest = start(V15)
    guest.machine.memory.write(guest.at("foreign"), 4, 0xD420_0080)
    stop = guest.fails("foreign").stop
    assert StopReason.STUCK is stop.reason
    assert f"{guest.at('foreign'):#x}" in stop.message
    assert {17} == set(guest.rows)
    assert not guest.seen(Moment.PRE_HANDLER)
