"""Hooks that run code of the guest: as part of the handler, within the budget of the run around them."""

import pytest

from aarch64.assembler import assemble_source
from aarch64.hooks import Answer, BreakHook, FaultHook, RegisterFrame
from aarch64.machine import RAM_BASE, CallError, Machine
from aarch64.stop import Stop, StopReason

STACK = RAM_BASE + 0x2_0000
VECTORS = RAM_BASE + 0x1_0000
NOWHERE = 0x2000_0000

SOURCE = """
_start: mov     x0, #1
hit:    brk     #1
after:  mov     x1, #1
        mov     x2, #2
        b       .

double: add     x0, x0, x0              // scribbles on all it may
        movn    x1, #0
        movn    x16, #0
        cmp     x1, x1
        ret

outer:  stp     x29, x30, [sp, #-16]!
        brk     #2
        bl      double
        ldp     x29, x30, [sp], #16
        ret

pushes: stp     x29, x30, [sp, #-16]!
        movn    x1, #0
        stp     x1, x1, [sp, #-16]!
        stp     x1, x1, [sp, #-16]!
        add     sp, sp, #32
        ldp     x29, x30, [sp], #16
        ret

faults: ldr     x0, [x0]
        ret

masks:  mrs     x0, DAIF
        msr     DAIFClr, #15
        ret

sleeps: wfi
endless: add    x3, x3, #1
        b       endless

exits:  ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
resets: ldr     w0, =0x84000009         // SYSTEM_RESET
        hvc     #0
        b       .
fp:     .inst   0x9e670000            // fmov d0, x0
        ret
"""


def make(*, exact: bool = True, source: str = SOURCE, el: int = 1) -> Machine:
    machine = Machine(exact=exact, el=el)
    machine.load(assemble_source(source, base=RAM_BASE))
    machine.cpu.sp_el[:] = [STACK + 0x1000 * level for level in range(4)]
    machine.cpu.sysregs["VBAR_EL1"] = VECTORS
    if machine.hot_path:
        machine.hot_path.threshold = 1
    return machine


@pytest.fixture(params=[True, False], ids=["exact", "fast"])
def machine(request) -> Machine:
    return make(exact=request.param)


def on_hit(machine: Machine, action, *, imm: int = 1) -> None:
    """Have a BRK do something, and go on behind it."""

    def handler(frame: RegisterFrame) -> Answer:
        action(frame)
        frame.pc += 4
        return Answer.HANDLED

    machine.cpu.hooks.add(BreakHook(handler, imm))


def state_of(machine: Machine) -> tuple[object, ...]:
    cpu = machine.cpu
    return list(cpu.gpr), list(cpu.sp_el), cpu.pc, cpu.pstate


# --- a call that returns


def test_a_call_leaves_no_trace_in_what_was_interrupted(machine):
    results = []
    on_hit(machine, lambda _frame: results.append(machine.call("double", 21)))
    plain = make()
    on_hit(plain, lambda _frame: None)
    machine.run(until="after")
    plain.run(until="after")
    assert [42] == results
    assert state_of(plain) == state_of(machine)


def test_its_cycles_are_counted(machine):
    on_hit(machine, lambda _frame: machine.call("double", 21))
    machine.run(until="after")
    assert (2 + 5, 1 + 5) == (machine.cpu.cycles, machine.cpu.retired)


def test_a_step_of_the_cpu_takes_as_long_as_the_hook():
    machine = make()
    on_hit(machine, lambda _frame: machine.call("double", 21))
    machine.cpu.step()
    machine.cpu.step()
    assert (machine.resolve("after"), 7) == (machine.cpu.pc, machine.cpu.cycles)


def test_it_runs_as_the_handler_with_exceptions_masked(machine):
    seen = []
    machine.cpu.pstate.daif = 0
    on_hit(machine, lambda _frame: seen.append((machine.call("masks"), machine.cpu.pstate.daif)))
    machine.run(until="after")
    assert [(0b1111 << 6, 0)] == seen
    assert 0 == machine.cpu.pstate.daif


def test_what_it_pushes_does_not_hit_what_lies_below_the_interrupted_stack(machine):
    below = STACK + 0x1000 - 336
    machine.memory.write_bytes(below, bytes(range(256)) + bytes(80))
    on_hit(machine, lambda _frame: machine.call("pushes"))
    machine.run(until="after")
    assert bytes(range(256)) + bytes(80) == machine.memory.read_bytes(below, 336)
    assert b"\xff" * 32 == machine.memory.read_bytes(below - 48, 32)


def test_a_masked_handler_leaves_the_frame_of_nobody_in_the_registers_of_not_mine(machine):
    def handler(frame: RegisterFrame) -> Answer:
        machine.call("outer")
        frame.x[5] = 55
        return Answer.NOT_MINE

    on_hit(machine, lambda frame: frame.x.__setitem__(6, 66), imm=2)
    machine.cpu.hooks.add(BreakHook(handler, 1))
    machine.run(until=VECTORS + 0x200)
    cpu = machine.cpu
    assert (1, 0, 55, 0) == (cpu.gpr[0], cpu.gpr[1], cpu.gpr[5], cpu.gpr[6])
    assert (machine.resolve("hit"), 0x3C << 26 | 1 << 25 | 1) == (cpu.elr[1], cpu.sysregs["ESR_EL1"])
    assert (STACK + 0x1000, 0b1111) == (cpu.sp, cpu.pstate.daif)


# --- exceptions within the call


def test_a_breakpoint_within_a_call_from_a_breakpoint(machine):
    log = []

    def outer(frame: RegisterFrame) -> None:
        log.append(("outer", frame.pc, frame.sp))
        log.append(machine.call("outer", 5))
        log.append(("outer still", frame.x[0], frame.pc))

    def inner(frame: RegisterFrame) -> None:
        log.append(("inner", frame.pc, frame.sp))
        log.append(machine.call("double", frame.x[0]))
        frame.x[0] += 1

    on_hit(machine, outer, imm=1)
    on_hit(machine, inner, imm=2)
    plain = make()
    on_hit(plain, lambda _frame: None)
    machine.run(until="after")
    plain.run(until="after")
    hit, top = machine.resolve("hit"), STACK + 0x1000
    nested = machine.resolve("outer") + 4
    assert [("outer", hit, top), ("inner", nested, top - 336 - 16), 10, 12, ("outer still", 1, hit)] == log
    assert state_of(plain) == state_of(machine)


def test_a_fault_within_a_call_is_repaired_by_a_hook(machine):
    def repair(frame: RegisterFrame) -> Answer:
        frame.x[0] = frame.far + 1
        frame.pc += 4
        return Answer.HANDLED

    results = []
    machine.cpu.hooks.add(FaultHook(repair))
    on_hit(machine, lambda _frame: results.append(machine.call("faults", NOWHERE)))
    machine.run(until="after")
    assert [NOWHERE + 1] == results
    assert (1, machine.resolve("after")) == (machine.cpu.gpr[0], machine.cpu.pc)


# --- a call that does not return


def ended(machine: Machine, target: str, *, max_cycles: int | None = None, budget: int | None = None) -> Stop:
    """What a run ends with whose hook makes a call that does not return."""
    log = []

    def call(_frame: RegisterFrame) -> None:
        log.append("called")
        machine.call(target, max_cycles=budget)
        log.append("returned")

    on_hit(machine, call)
    stop = machine.run(max_cycles)
    assert ["called"] == log
    return stop


def test_the_guest_ends_itself_within_a_call(machine):
    stop = Stop(StopReason.EXIT, "PSCI SYSTEM_OFF")
    assert stop == ended(machine, "exits")
    assert stop == machine.run()


def test_the_guest_gets_lost_within_a_call(machine):
    stop = ended(machine, "sleeps")
    assert StopReason.STUCK is stop.reason
    assert f"waiting for an interrupt at {machine.locate(machine.resolve('sleeps'))}" in stop.message
    assert machine.resolve("sleeps") + 4 == machine.cpu.pc


def test_the_guest_needs_what_is_not_modelled_within_a_call(machine):
    machine.cpu.sysregs["CPACR_EL1"] = 0b11 << 20
    assert StopReason.UNSUPPORTED is ended(machine, "fp").reason


def test_the_outer_budget_ends_within_a_call(machine):
    assert Stop(StopReason.MAX_CYCLES) == ended(machine, "endless", max_cycles=1000)
    assert 1000 == machine.cpu.cycles
    assert machine.cpu.pc in range(machine.resolve("endless"), machine.resolve("endless") + 8)


def test_a_call_gets_no_more_cycles_than_the_run_around_it_has_left(machine):
    assert Stop(StopReason.MAX_CYCLES) == ended(machine, "endless", max_cycles=300, budget=5000)
    assert 300 == machine.cpu.cycles


def test_the_user_interrupts_within_a_call(machine):
    calls = []

    def interrupt(_cpu, pc, _word):
        calls.append(pc)
        if len(calls) == 50:
            machine.interrupt("enough")

    machine.cpu.observers.append(interrupt)
    assert Stop(StopReason.INTERRUPTED, "enough") == ended(machine, "endless")
    assert 50 == len(calls)
    machine.cpu.observers.clear()
    assert Stop(StopReason.MAX_CYCLES) == machine.run(10)


def test_an_interruption_in_the_cycle_in_which_a_call_returns_ends_the_run_around_it(machine):
    results = []
    returns = machine.resolve("double") + 16

    def interrupt(_cpu, pc, _word):
        if pc == returns:
            machine.interrupt("enough")

    machine.cpu.observers.append(interrupt)
    on_hit(machine, lambda _frame: results.append(machine.call("double", 4)))
    assert Stop(StopReason.INTERRUPTED, "enough") == machine.run(100)
    assert [8] == results
    assert machine.resolve("after") == machine.cpu.pc
    assert Stop(StopReason.MAX_CYCLES) == machine.run(1)


@pytest.mark.parametrize("target", ["exits", "endless"])
def test_a_call_in_a_call_that_does_not_return_ends_the_outermost_run(machine, target):
    log = []

    def inner(_frame: RegisterFrame) -> None:
        machine.call(target)
        log.append("inner returned")

    def outer(_frame: RegisterFrame) -> None:
        machine.call("outer")
        log.append("outer returned")

    on_hit(machine, outer, imm=1)
    on_hit(machine, inner, imm=2)
    expected = StopReason.EXIT if target == "exits" else StopReason.MAX_CYCLES
    assert expected is machine.run(500).reason
    assert [] == log


def test_a_handler_may_catch_the_error_and_go_on(machine):
    errors = []

    def call(_frame: RegisterFrame) -> None:
        try:
            machine.call("endless", max_cycles=50)
        except CallError as error:
            errors.append(error.stop)

    on_hit(machine, call)
    plain = make()
    on_hit(plain, lambda _frame: None)
    machine.run(until="after")
    plain.run(until="after")
    assert [Stop(StopReason.MAX_CYCLES)] == errors
    assert state_of(plain) == state_of(machine)
    assert 2 + 50 == machine.cpu.cycles


def test_the_guest_resets_the_machine_within_a_call(machine):
    hits = []

    def call(_frame: RegisterFrame) -> None:
        hits.append(machine.cpu.cycles)
        if len(hits) < 3:
            machine.call("resets")

    on_hit(machine, call)
    stop = machine.run(1000)
    assert StopReason.STUCK is stop.reason
    assert 3 == len(hits)
    assert (1, 1, 2) == tuple(machine.cpu.gpr[:3])


def test_outside_a_run_the_error_is_the_callers(machine):
    on_hit(machine, lambda _frame: machine.call("endless", max_cycles=10))
    machine.cpu.pc = machine.resolve("hit")
    with pytest.raises(CallError, match="endless did not return"):
        machine.cpu.step()


def test_the_tiers_agree_on_hooks_that_call():
    snapshots = []
    for exact in (True, False):
        source = SOURCE.replace("after:  mov     x1, #1", "after:  add x7, x7, #1\ncmp x7, #300\nb.ne hit")
        machine = make(exact=exact, source=source)
        on_hit(machine, lambda frame, machine=machine: frame.x.__setitem__(0, machine.call("outer", frame.x[0])))
        on_hit(machine, lambda _frame, machine=machine: machine.call("pushes"), imm=2)
        machine.run(100_000)
        assert 300 == machine.cpu.gpr[7]
        snapshots.append(machine.snapshot())
    assert snapshots[0] == snapshots[1]
