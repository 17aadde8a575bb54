"""Hooks: which exceptions they are asked about, in which order, what they see, and what becomes of their answers."""

import pytest

from aarch64.assembler import assemble_source
from aarch64.exceptions import ExceptionClass
from aarch64.hooks import Answer, BreakHook, FaultHook, HookError, RegisterFrame, StepHook, SynchronousHook
from aarch64.lines import Line
from aarch64.machine import RAM_BASE, Machine
from aarch64.stop import Stop, StopReason

VECTORS = RAM_BASE + 0x1_0000
STACK = RAM_BASE + 0x2_0000
SYNC_SAME, SYNC_LOWER = VECTORS + 0x200, VECTORS + 0x400
NOWHERE = 0x2000_0000
EL0T, EL1T, EL1H, EL2H = 0b0000, 0b0100, 0b0101, 0b1001
DAIF = 0b1111 << 6
SS, IL, D, N = 1 << 21, 1 << 20, 1 << 9, 1 << 31
AT_CODE = RAM_BASE


def make(source: str, *, exact: bool = True, el: int = 1, **options) -> Machine:
    machine = Machine(exact=exact, el=el, **options)
    machine.load(assemble_source(source, base=AT_CODE))
    machine.cpu.sp_el[:] = [STACK + 0x1000 * level for level in range(4)]
    for level in (1, 2, 3):
        machine.cpu.sysregs[f"VBAR_EL{level}"] = VECTORS
    return machine


def skipping(frame: RegisterFrame) -> Answer:
    """A handler that goes on behind the instruction."""
    frame.pc += 4
    return Answer.HANDLED


def asking(log: list, name: str, answer: Answer = Answer.NOT_MINE):
    """A handler that notes that it was asked."""

    def handler(frame: RegisterFrame) -> Answer:
        log.append(name)
        if answer is Answer.HANDLED:
            frame.pc += 4
        return answer

    return handler


# --- which exceptions concern which hooks

CONCERNS = [
    # name, the instruction, who is asked
    ("the immediate of a BRK", "brk #0x800", ["brk 0x800", "brk 0x8xx", "any brk"]),
    ("one that differs in masked bits", "brk #0x8ff", ["brk 0x8xx", "any brk"]),
    ("one that differs in others", "brk #0x900", ["any brk"]),
    ("a load that aborts", "ldr x0, [x9]", ["fault"]),
    ("a store that aborts", "str x0, [x9]", ["fault"]),
    ("an alignment fault", "ldaxr x0, [x10]", ["fault"]),
    ("a fetch that aborts", "br x9", ["fault"]),
    ("a misaligned PC is no abort", "br x10", []),
    ("a call", "svc #0x800", []),
    ("an undefined instruction", "udf #0x800", []),
]


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "fast"])
@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CONCERNS], ids=[row[0] for row in CONCERNS])
def test_who_is_asked(text, expected, exact):
    machine = make(text, exact=exact)
    log = []
    machine.cpu.gpr[9], machine.cpu.gpr[10] = NOWHERE, RAM_BASE + 0x101
    machine.cpu.hooks.add(FaultHook(asking(log, "fault")))
    machine.cpu.hooks.add(BreakHook(asking(log, "brk 0x800"), 0x800))
    machine.cpu.hooks.add(BreakHook(asking(log, "brk 0x8xx"), 0x800, mask=0xFF))
    machine.cpu.hooks.add(BreakHook(asking(log, "any brk"), 0, mask=0xFFFF))
    machine.cpu.hooks.add(StepHook(asking(log, "step")))
    machine.cpu.hooks.add(SynchronousHook(asking(log, "anything")))
    machine.run(2 if text.startswith("br ") else 1)
    assert [*expected, "anything"] == log


def test_an_interrupt_is_no_synchronous_exception_whatever_esr_holds():
    machine = make("nop")
    log = []
    machine.cpu.hooks.add(BreakHook(asking(log, "brk"), 0x800))
    machine.cpu.hooks.add(FaultHook(asking(log, "fault")))
    machine.cpu.hooks.add(SynchronousHook(asking(log, "anything")))
    machine.cpu.sysregs["ESR_EL1"] = ExceptionClass.BRK << 26 | 0x800
    machine.cpu.pstate.daif = 0
    for line in (Line.IRQ, Line.FIQ, Line.SERROR):
        machine.cpu.lines = {line}
        machine.cpu.step()
        machine.cpu.pstate.daif = 0
    assert [] == log
    assert {"IRQ": 1, "FIQ": 1, "SERROR": 1} == machine.exceptions


# --- order


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("NNN", ["0", "1", "2"]),
        ("NHN", ["0", "1"]),
        ("HHH", ["0"]),
    ],
)
def test_hooks_are_asked_in_the_order_they_were_added_until_one_has_handled_it(answers, expected):
    machine = make("brk #1")
    log = []
    for name, letter in enumerate(answers):
        answer = Answer.HANDLED if letter == "H" else Answer.NOT_MINE
        machine.cpu.hooks.add(BreakHook(asking(log, str(name), answer), 1))
    machine.run(1)
    assert expected == log
    assert (AT_CODE + 4 if "H" in answers else SYNC_SAME) == machine.cpu.pc


def test_a_hook_that_was_removed_and_added_again_comes_last():
    machine = make("brk #1")
    log = []
    first, second = (BreakHook(asking(log, name), 1) for name in ("first", "second"))
    hooks = machine.cpu.hooks
    hooks.add(first)
    hooks.add(second)
    hooks.remove(first)
    hooks.add(first)
    assert [second, first] == list(hooks)
    machine.run(1)
    assert ["second", "first"] == log


def test_hooks_with_the_same_facts_are_not_the_same_hook():
    machine = make("brk #1")
    log = []
    handler = asking(log, "asked")
    for hook in (BreakHook(handler, 1), BreakHook(handler, 1)):
        machine.cpu.hooks.add(hook)
    machine.run(1)
    assert ["asked", "asked"] == log


def test_a_hook_is_there_once_or_not_at_all():
    hooks = make("nop").cpu.hooks
    hook = StepHook(skipping)
    with pytest.raises(HookError, match=r"StepHook.* is not there to be removed"):
        hooks.remove(hook)
    hooks.add(hook)
    with pytest.raises(HookError, match=r"StepHook.* has been added already"):
        hooks.add(hook)
    hooks.remove(hook)
    assert [] == list(hooks)


def test_a_hook_removed_while_others_are_asked_is_not_asked_any_more():
    machine = make("brk #1")
    log = []
    hooks = machine.cpu.hooks
    last = BreakHook(asking(log, "last"), 1)

    def handler(_frame: RegisterFrame) -> Answer:
        log.append("first")
        hooks.remove(first)
        hooks.remove(last)
        return Answer.NOT_MINE

    first = BreakHook(handler, 1)
    hooks.add(first)
    hooks.add(BreakHook(asking(log, "between"), 1))
    hooks.add(last)
    machine.run(1)
    assert ["first", "between"] == log


def test_a_hook_added_while_others_are_asked_is_asked_from_the_next_exception_on():
    machine = make("brk #1\nbrk #1")
    log = []
    hooks = machine.cpu.hooks
    late = BreakHook(asking(log, "late", Answer.HANDLED), 1)

    def handler(frame: RegisterFrame) -> Answer:
        log.append("first")
        if late not in hooks:
            hooks.add(late)
            frame.pc += 4
            return Answer.HANDLED
        return Answer.NOT_MINE

    hooks.add(BreakHook(handler, 1))
    machine.run(2)
    assert ["first", "first", "late"] == log
    assert AT_CODE + 8 == machine.cpu.pc


# --- what a hook sees


def captured(machine: Machine, hook_type=BreakHook, **facts) -> tuple[RegisterFrame, dict[str, object]]:
    """The frame of one exception, and how the CPU was when the hook was asked."""
    seen: list[tuple[RegisterFrame, dict[str, object]]] = []
    cpu = machine.cpu

    def handler(frame: RegisterFrame) -> Answer:
        state = {"pc": cpu.pc, "el": cpu.pstate.el, "daif": cpu.pstate.daif, "sp": cpu.sp, "cycles": cpu.cycles}
        seen.append((frame, state))
        return Answer.NOT_MINE

    cpu.hooks.add(hook_type(handler, **facts))
    machine.run(1)
    ((frame, state),) = seen
    return frame, state


def test_the_frame_is_what_was_interrupted_and_the_cpu_is_in_the_handler():
    machine = make("brk #0x123")
    machine.cpu.gpr[:31] = range(100, 131)
    machine.cpu.pstate.daif, machine.cpu.pstate.nzcv = 0b0001, 0b1000
    frame, state = captured(machine, imm=0x123)
    assert list(range(100, 131)) == frame.x
    assert (STACK + 0x1000, AT_CODE, N | 1 << 6 | EL1H) == (frame.sp, frame.pc, frame.pstate)
    assert (0x3C << 26 | 1 << 25 | 0x123, 1, 1) == (frame.esr, frame.el, frame.source_el)
    assert {"pc": SYNC_SAME, "el": 1, "daif": 0b1111, "sp": STACK + 0x1000 - 336, "cycles": 1} == state


def test_the_frame_of_an_abort_has_its_address():
    machine = make("ldr x0, [x9]")
    machine.cpu.gpr[9] = NOWHERE
    frame, _ = captured(machine, FaultHook)
    assert (0x25, NOWHERE) == (frame.esr >> 26, frame.far)


@pytest.mark.parametrize("name", ["esr", "far", "el", "source_el"])
def test_what_the_hardware_reports_cannot_be_edited(name):
    frame, _ = captured(make("brk #1"), imm=1)
    with pytest.raises(AttributeError):
        setattr(frame, name, 0)


STACKS = [
    # name, level, PSTATE.SP, its SP, target: the frame's SP, the handler's
    ("EL1h: below the interrupted stack", 1, 1, STACK + 0x1000, STACK + 0x1000 - 336),
    ("EL1h, SP not a multiple of 16: below, and one", 1, 1, STACK + 0x1009, STACK + 0x1009 - 345),
    ("EL1t: the handler has SP_EL1 for itself", 1, 0, STACK, STACK + 0x1000),
    ("EL0: likewise", 0, 0, STACK, STACK + 0x1000),
    ("EL1h, SP that wraps", 1, 1, 0, (1 << 64) - 336),
]


@pytest.mark.parametrize(("el", "spsel", "sp", "handler_sp"), [row[1:] for row in STACKS], ids=[r[0] for r in STACKS])
def test_the_stack_of_the_handler(el, spsel, sp, handler_sp):
    machine = make("brk #1", el=el)
    machine.cpu.pstate.sp = spsel
    machine.cpu.sp = sp
    before = list(machine.cpu.sp_el)
    frame, state = captured(machine, imm=1)
    assert (sp, handler_sp) == (frame.sp, state["sp"])
    assert before == machine.cpu.sp_el


def test_an_exception_taken_to_a_higher_level():
    machine = make("brk #1", el=1, max_el=2)
    machine.cpu.sysregs["MDCR_EL2"] = 1 << 8
    frame, state = captured(machine, imm=1)
    assert (2, 1, STACK + 0x1000, EL1H) == (frame.el, frame.source_el, frame.sp, frame.pstate & 0xF)
    assert (2, SYNC_LOWER, STACK + 0x2000) == (state["el"], state["pc"], state["sp"])


# --- what becomes of the answers


def test_handled_is_a_return_and_both_are_one_cycle():
    machine = make("brk #1\nmov x0, #7")
    machine.cpu.hooks.add(BreakHook(skipping, 1))
    cpu = machine.cpu
    before = cpu.pstate.to_spsr()
    cpu.step()
    assert (1, 0, AT_CODE + 4, before) == (cpu.cycles, cpu.retired, cpu.pc, cpu.pstate.to_spsr())
    cpu.step()
    assert (2, 1, 7) == (cpu.cycles, cpu.retired, cpu.gpr[0])


def test_handled_is_a_real_exception_return():
    machine = make("brk #1")
    cpu = machine.cpu
    cpu.exclusive, cpu.event_register = (RAM_BASE, 8), False
    cpu.hooks.add(BreakHook(skipping, 1))
    cpu.step()
    assert (None, True) == (cpu.exclusive, cpu.event_register)
    assert (AT_CODE + 4, EL1H | DAIF) == (cpu.elr[1], cpu.spsr[1])


def edited(change, *, el: int = 1, answer: Answer = Answer.HANDLED, source: str = "brk #1", **sysregs: int) -> Machine:
    """A machine after one BRK whose frame a hook has edited."""
    machine = make(source, el=el)
    machine.cpu.sysregs |= sysregs
    machine.cpu.gpr[:31] = range(100, 131)

    def handler(frame: RegisterFrame) -> Answer:
        change(frame)
        return answer

    machine.cpu.hooks.add(BreakHook(handler, 1))
    machine.run(1)
    return machine


def set_to(name: str, value: int):
    return lambda frame: setattr(frame, name, value)


@pytest.mark.parametrize("number", range(31))
@pytest.mark.parametrize("answer", Answer, ids=lambda answer: answer.name)
def test_every_register_can_be_edited(number, answer):
    cpu = edited(lambda frame: frame.x.__setitem__(number, -1), answer=answer).cpu
    expected = [*range(100, 131), 0]
    expected[number] = (1 << 64) - 1
    assert expected == cpu.gpr


EDITS = [
    # name, the edit, level of the guest, what is read afterwards, its value
    ("the PC", set_to("pc", AT_CODE + 0x40), 1, lambda cpu: cpu.pc, AT_CODE + 0x40),
    ("the SP", set_to("sp", 0x1230), 1, lambda cpu: cpu.sp_el, [STACK, 0x1230, STACK + 0x2000, STACK + 0x3000]),
    ("SP_EL0", set_to("sp", 0x1230), 0, lambda cpu: cpu.sp_el, [0x1230, *(STACK + 0x1000 * n for n in (1, 2, 3))]),
    ("flags", set_to("pstate", 0b0110 << 28 | EL1H), 1, lambda cpu: cpu.pstate.nzcv, 0b0110),
    ("masks", set_to("pstate", 0b1010 << 6 | EL1H), 1, lambda cpu: cpu.pstate.daif, 0b1010),
    ("the level", set_to("pstate", EL0T), 1, lambda cpu: cpu.pstate.mode, "EL0t"),
    ("the stack pointer in use", set_to("pstate", EL1T), 1, lambda cpu: (cpu.pstate.mode, cpu.sp), ("EL1t", STACK)),
    ("a level that is not below", set_to("pstate", EL2H), 1, lambda cpu: (cpu.pstate.mode, cpu.pstate.il), ("EL1h", 1)),
    ("EL1 from EL0", set_to("pstate", EL1H | DAIF), 0, lambda cpu: cpu.pstate.mode, "EL1h"),
    ("BTYPE", set_to("pstate", 0b01 << 10 | EL1H), 1, lambda cpu: cpu.pstate.btype, 0b01),
]


@pytest.mark.parametrize(("change", "el", "read", "expected"), [row[1:] for row in EDITS], ids=[r[0] for r in EDITS])
def test_the_return_is_to_what_the_frame_says(change, el, read, expected):
    assert expected == read(edited(change, el=el).cpu)


def test_an_edited_address_with_a_tag_is_branched_to_as_eret_would():
    machine = edited(set_to("pc", 0xA5 << 56 | AT_CODE), TCR_EL1=1 << 37)
    assert (AT_CODE, 0xA5 << 56 | AT_CODE) == (machine.cpu.pc, machine.cpu.elr[1])


def test_illegal_state_that_a_hook_makes_is_met_by_the_next_instruction():
    cpu = edited(set_to("pstate", IL | EL1H), source="brk #1\nnop").cpu
    cpu.step()
    assert ExceptionClass.ILLEGAL_STATE == cpu.sysregs["ESR_EL1"] >> 26


def test_not_mine_goes_on_at_the_vector_with_what_the_frame_says():
    def change(frame):
        frame.x[0], frame.sp, frame.pc, frame.pstate = 1, 2 << 4, 3 << 2, EL0T | N

    cpu = edited(change, answer=Answer.NOT_MINE).cpu
    assert (SYNC_SAME, 1, 32, 12, EL0T | N) == (cpu.pc, cpu.gpr[0], cpu.sp, cpu.elr[1], cpu.spsr[1])
    assert ("EL1h", 0b1111) == (cpu.pstate.mode, cpu.pstate.daif)
    assert (1, 0) == (cpu.cycles, cpu.retired)


def test_what_nobody_handles_is_as_if_nobody_had_been_asked():
    asked, alone = make("brk #1"), make("brk #1")
    asked.cpu.hooks.add(BreakHook(lambda _frame: Answer.NOT_MINE, 1))
    for machine in (asked, alone):
        machine.cpu.gpr[:31] = range(31)
        machine.run(1)
    assert asked.snapshot() == alone.snapshot()


# --- misuse


def test_a_hook_that_does_not_answer():
    machine = make("brk #1")
    machine.cpu.hooks.add(BreakHook(lambda _frame: None, 1))
    with pytest.raises(HookError, match=rf"BreakHook.* answered None at {AT_CODE:#x}: want Answer"):
        machine.run(1)


def test_a_frame_that_loses_registers():
    with pytest.raises(HookError, match=rf"at {AT_CODE:#x} was left with 30 registers"):
        edited(lambda frame: frame.x.pop())


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "fast"])
def test_a_hook_that_goes_back_to_its_breakpoint_for_ever(exact):
    machine = make("brk #1", exact=exact)
    machine.cpu.hooks.add(BreakHook(lambda _frame: Answer.HANDLED, 1))
    reason = f"BRK #0x1 from {AT_CODE:#x}, EL1: a hook handles it, and goes back to where it happens again"
    assert Stop(StopReason.STUCK, reason) == machine.run(1000)


# --- between the exceptions, all is as ever


def test_hooks_are_wiring_and_no_state():
    machine = make("brk #1")
    snapshot = machine.snapshot()
    hook = BreakHook(skipping, 1)
    machine.cpu.hooks.add(hook)
    machine.restore(snapshot)
    machine.reset()
    assert [hook] == list(machine.cpu.hooks)


LOOP = """
_start: mov     x10, #2000
1:      add     x0, x0, x10
        brk     #0x77
        eor     x1, x1, x0
        subs    x10, x10, #1
        b.ne    1b
        wfi
"""


def test_a_hot_loop_with_a_breakpoint_in_it():
    snapshots = []
    for exact in (True, False):
        machine = make(LOOP, exact=exact)
        seen = []

        def handler(frame: RegisterFrame, machine=machine, seen=seen) -> Answer:
            seen.append((machine.cpu.cycles, tuple(frame.x), frame.sp, frame.pc, frame.pstate))
            frame.x[0] ^= frame.x[10] << 32
            frame.pstate ^= N
            return skipping(frame)

        machine.cpu.hooks.add(BreakHook(handler, 0x77))
        for budget in (1, 2, 500, 501, 777):
            machine.run(budget)
        machine.run(100_000)
        assert 2000 == len(seen)
        snapshots.append((machine.snapshot(), seen))
    assert snapshots[0] == snapshots[1]


def test_the_instructions_between_breakpoints_run_on_the_hot_path():
    machine = make(LOOP, exact=False)
    machine.cpu.hooks.add(BreakHook(skipping, 0x77))
    machine.hot_path.threshold = 1
    steps = []
    step = machine.hot_path._step
    machine.hot_path._step = lambda *args, **facts: (steps.append(machine.cpu.pc), step(*args, **facts))
    machine.run(100_000)
    breakpoint_, behind = AT_CODE + 8, AT_CODE + 12
    others = [pc for pc in steps if pc not in (breakpoint_, behind)]
    assert 1999 <= steps.count(breakpoint_)
    assert len(others) < 20


def test_an_instruction_is_stepped_elsewhere_by_a_breakpoint_hook_and_a_step_hook():
    """An instruction replaced by BRK, executed from a slot in a single step, as a debugger does it out of line."""
    source = LOOP.replace("brk     #0x77", "brk     #0x77\nslot_of_it: nop") + "\nslot: eor x2, x2, x0\n"
    snapshots = []
    for exact in (True, False):
        machine = make(source, exact=exact)
        cpu, places = machine.cpu, []
        cpu.sysregs["OSLSR_EL1"] = 0b1000

        def hit(frame: RegisterFrame, cpu=cpu, machine=machine, places=places) -> Answer:
            places.append(frame.pc)
            cpu.sysregs["MDSCR_EL1"] |= 1 << 13 | 1
            frame.pc = machine.resolve("slot")
            frame.pstate = frame.pstate & ~D | SS
            return Answer.HANDLED

        def stepped(frame: RegisterFrame, cpu=cpu, machine=machine, places=places) -> Answer:
            places.append((frame.pc - machine.resolve("slot"), frame.esr >> 24 & 1, frame.pstate & SS))
            cpu.sysregs["MDSCR_EL1"] &= ~1
            frame.pc = machine.resolve("slot_of_it") + 4
            frame.pstate |= D
            return Answer.HANDLED

        cpu.hooks.add(BreakHook(hit, 0x77))
        cpu.hooks.add(StepHook(stepped))
        machine.run(100_000)
        assert [AT_CODE + 8, (4, 1, 0)] * 2000 == places
        assert 0 != cpu.gpr[2]
        snapshots.append(machine.snapshot())
    assert snapshots[0] == snapshots[1]
