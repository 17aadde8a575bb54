"""Guests that can never go on: found out on the cycle, and told in words. Guests that can: left alone."""

import pytest

from aarch64.assembler import assemble_source
from aarch64.lines import Line
from aarch64.machine import Machine
from aarch64.stop import StopReason
from aarch64.trace import Trace

TIMER = """
        mov     x0, #{delay}
        msr     cntp_tval_el0, x0
        mov     x0, #1
        msr     cntp_ctl_el0, x0
"""

VECTORS = """
_start: adr     x9, vectors
        msr     vbar_el1, x9
{body}
        .balign 2048
vectors: .space 0x200
{handler}
        .balign 128
        .space  0x100
        .balign 2048
"""


def make(source, **options):
    machine = Machine(**options)
    machine.load(assemble_source(source))
    machine.cpu.sp = machine.ram_end
    return machine


NO_VECTORS = "exception loop at 0x200, EL1: instruction abort, external abort at 0x200"

LOST = [
    # branches to themselves: the second cycle is as the first
    ("b .", {}, 2, "branch to itself at 0x40000000, EL1: no interrupt can end it"),
    ("nop\nhere: b here", {}, 3, "branch to itself at 0x40000004 (here), EL1: no interrupt can end it"),
    ("here: cbz x0, here", {}, 2, "branch to itself at 0x40000000 (here), EL1: no interrupt can end it"),
    ("cmp x0, #0\nhere: b.eq here", {}, 3, "branch to itself at 0x40000004 (here), EL1: no interrupt can end it"),
    ("adr x0, here\nhere: br x0", {}, 3, "branch to itself at 0x40000004 (here), EL1: no interrupt can end it"),
    ("here: bl here", {}, 2, "branch to itself at 0x40000000 (here), EL1: no interrupt can end it"),
    # an exception return to itself changes PSTATE first
    (
        "adr x0, here\nmsr elr_el1, x0\nmov x0, #5\nmsr spsr_el1, x0\nhere: eret",
        {},
        6,
        "branch to itself at 0x40000010 (here), EL1: no interrupt can end it",
    ),
    # waits
    ("wfi", {}, 3, "waiting for an interrupt at 0x40000000, EL1: nothing can end it"),
    ("wfe", {}, 3, "waiting for an event at 0x40000000, EL1: nothing can end it"),
    ("sevl\nwfe\nwfe", {}, 5, "waiting for an event at 0x40000008, EL1: nothing can end it"),
    # exceptions without vectors: the second instruction abort is as the first
    ("udf #0", {}, 3, f"undefined instruction from 0x40000000, EL1; {NO_VECTORS}"),
    ("nop\nsvc #7", {}, 4, f"SVC #0x7 from 0x40000004, EL1; {NO_VECTORS}"),
    ("svc #7", {"el": 0}, 4, f"SVC #0x7 from 0x40000000, EL0; {NO_VECTORS}"),
    (
        "hvc #1",
        {"el": 2},
        3,
        "HVC #0x1 from 0x40000000, EL2; exception loop at 0x200, EL2: instruction abort, external",
    ),
    (
        "smc #1",
        {"el": 3},
        3,
        "SMC #0x1 from 0x40000000, EL3; exception loop at 0x200, EL3: instruction abort, external",
    ),
    ("brk #9", {}, 3, f"breakpoint with no handler: BRK #0x9 from 0x40000000, EL1; {NO_VECTORS}"),
    ("mrs x0, ctr_el0", {"el": 0}, 4, f"trapped MRS x0, CTR_EL0 from 0x40000000, EL0; {NO_VECTORS}"),
    (
        "mov x0, #0xb0000000\nstr x0, [x0]",
        {},
        4,
        f"data abort, write, external abort at 0xb0000000 from 0x40000004, EL1; {NO_VECTORS}",
    ),
    ("adr x0, .+6\nbr x0", {}, 5, f"PC alignment fault at 0x40000006 from 0x40000006, EL1; {NO_VECTORS}"),
    ("mov x0, #0x1000\nbr x0", {}, 5, f"instruction abort, external abort at 0x1000 from 0x1000, EL1; {NO_VECTORS}"),
    (".inst 0x1e6e1000", {}, 3, f"trapped floating-point or SIMD instruction from 0x40000000, EL1; {NO_VECTORS}"),
    # a handler that cannot begin
    (
        VECTORS.format(body="udf #1", handler="udf #2"),
        {},
        5,
        (
            "undefined instruction from 0x40000008 (_start+0x8), EL1; "
            "exception loop at 0x40000a00 (vectors+0x200), EL1: undefined instruction"
        ),
    ),
    (
        VECTORS.format(body="mov sp, x0\nsvc #1", handler="stp x29, x30, [sp, #-16]!"),
        {},
        6,
        (
            "SVC #0x1 from 0x4000000c (_start+0xc), EL1; exception loop at 0x40000a00 (vectors+0x200), EL1: "
            "data abort, write, address size fault, level 0 at 0xfffffffffffffff0"
        ),
    ),
    (VECTORS.format(body="brk #1", handler="brk #2"), {}, 5, "breakpoint with no handler: BRK #0x1 from 0x40000008"),
    (VECTORS.format(body="udf #1", handler="svc #2"), {}, 5, "(vectors+0x200), EL1: SVC #0x2"),
    (VECTORS.format(body="b vectors+0x200", handler="udf #2"), {}, 5, "exception loop at 0x40000a00"),
    (
        VECTORS.format(body="svc #1", handler="b ."),
        {},
        5,
        (
            "branch to itself at 0x40000a00 (vectors+0x200), EL1: no interrupt can end it; it is the vector of "
            "SVC #0x1 from 0x40000008 (_start+0x8), EL1"
        ),
    ),
    # a timer that is masked, or off, helps nobody
    (TIMER.format(delay=100) + "b .", {}, 6, "branch to itself"),
    (TIMER.format(delay=100) + "msr daifclr, #2\nmov x0, #3\nmsr cntp_ctl_el0, x0\nb .", {}, 9, "branch to itself"),
    # what has been raised and is masked does not come again
    (TIMER.format(delay=0) + "b .", {}, 6, "branch to itself"),
    (TIMER.format(delay=50) + "wfi\nb .", {}, 53, "branch to itself"),
    # the cycle counter moves, and changes nothing
    (
        "mov x0, #1\nmsr pmcr_el0, x0\nmov x0, #0x80000000\nmsr pmcntenset_el0, x0\nudf #0",
        {},
        7,
        NO_VECTORS,
    ),
]


@pytest.mark.parametrize(("source", "options", "cycle", "message"), LOST)
def test_lost(source, options, cycle, message):
    machine = make(source, **options)
    stop = machine.run(max_cycles=1000)
    assert StopReason.STUCK is stop.reason
    assert message in stop.message
    assert cycle == machine.cpu.cycles


@pytest.mark.parametrize(("source", "options"), [row[:2] for row in LOST])
def test_lost_on_the_same_cycle_however_it_is_run(source, options):
    machine, stepped, traced = (make(source, **options) for _ in range(3))
    stop = machine.run(max_cycles=1000)
    while (found := stepped.step()) is None:
        pass
    trace = Trace(traced.cpu, lambda _line: None)
    trace.start()
    assert (stop, stop) == (found, traced.run(max_cycles=1000))
    trace.stop()
    assert machine.snapshot() == stepped.snapshot()
    assert machine.snapshot() == traced.snapshot()


def test_a_lost_guest_stays_lost():
    machine = make("b .")
    first = machine.run()
    assert first == machine.run()
    saved = machine.snapshot()
    machine.restore(saved)
    assert first == machine.run()


GOES_ON = [
    # the interrupt comes, on the cycle
    ("wfi", "mov x19, #1\nb .", TIMER.format(delay=500) + "msr daifclr, #2\nwfi\nb .", 503),
    ("branch", "mov x19, #1\nb .", TIMER.format(delay=500) + "msr daifclr, #2\nb .", 503),
    ("a masked interrupt ends WFI", "nop", TIMER.format(delay=500) + "wfi\nmov x19, #1\nb .", 503),
    ("WFIT", "nop", "mov x0, #400\nwfit x0\nmov x19, #1\nb .", 401),
    ("WFET", "nop", "mov x0, #400\nwfet x0\nmov x19, #1\nb .", 401),
]


@pytest.mark.parametrize(("handler", "body"), [row[1:3] for row in GOES_ON], ids=[row[0] for row in GOES_ON])
def test_time_ends_it_on_the_same_cycle_stepped_or_run(handler, body):
    source = VECTORS.format(body=body, handler="b .").replace(" .balign 128\n", f" .balign 128\n{handler}\n", 1)
    machine, stepped = make(source), make(source)

    def is_awake(cpu):
        return cpu.gpr[19] == 1

    assert StopReason.UNTIL is machine.run(max_cycles=2000, until=is_awake).reason
    while not is_awake(stepped.cpu):
        stepped.cpu.step()
    assert stepped.cpu.cycles == machine.cpu.cycles
    assert machine.cpu.cycles > 400


def test_the_event_stream_ends_a_wait_for_events():
    source = "mov x0, #0x94\nmsr cntkctl_el1, x0\nwfe\nwfe\nwfe\nmov x19, #1\nb ."
    machine, stepped = make(source), make(source)
    machine.run(max_cycles=100_000, until=lambda cpu: cpu.gpr[19] == 1)
    while stepped.cpu.gpr[19] != 1:
        stepped.cpu.step()
    assert stepped.cpu.cycles == machine.cpu.cycles


def test_a_long_wait_takes_no_time():
    machine = make(TIMER.format(delay=0).replace("#0\n", "#0x40000000\n") + "wfi\nmov x19, #1\nb .")
    machine.run(max_cycles=1 << 40)
    assert (1, True) == (machine.cpu.gpr[19], machine.cpu.cycles > 0x4000_0000)


def test_the_budget_is_exact_in_a_wait():
    machine = make(TIMER.format(delay=1000) + "wfi")
    machine.run(max_cycles=700)
    assert machine.cpu.cycles == 700


def test_a_pending_interrupt_line_ends_a_wait():
    machine = make("wfi\nmov x19, #1\nb .")
    machine.cpu.lines |= {Line.FIQ}
    machine.run(max_cycles=100)
    assert machine.cpu.gpr[19] == 1


@pytest.mark.parametrize(
    "source",
    [
        "1: nop\nb 1b",
        "1: add x0, x0, #1\nb 1b",
        VECTORS.format(body="1: svc #0\nb 1b", handler="eret"),
        VECTORS.format(body="1: udf #0", handler="mrs x0, elr_el1\nadd x0, x0, #0\nmsr elr_el1, x0\neret"),
    ],
)
def test_a_guest_that_moves_is_not_lost(source):
    machine = make(source)
    assert StopReason.MAX_CYCLES is machine.run(max_cycles=2000).reason
    assert machine.cpu.cycles == 2000
