"""The board: runs and what ends them, calls, snapshots, resets, calls to the host."""

import re
from functools import cache
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64 import state
from aarch64.assembler import assemble_source
from aarch64.bits import mask
from aarch64.devices.console import Console
from aarch64.errors import AArch64Error
from aarch64.image import Image, Segment
from aarch64.lines import Line
from aarch64.machine import RAM_BASE, CallError, Machine, MachineError
from aarch64.stop import Stop, StopReason
from aarch64.translation.permissions import Right

EXIT = """
exit:                               // the status in x0
        mov     x2, #0x26
        movk    x2, #2, lsl #16     // ADP_Stopped_ApplicationExit
        sub     sp, sp, #16
        stp     x2, x0, [sp]
        mov     x1, sp
        mov     w0, #0x18
        hlt     #0xf000
"""

COUNT_DOWN = """
_start: mov     x0, #100
again:  subs    x0, x0, #1
        b.ne    again
done:   mov     x3, #7
        svc     #0
"""


assembled = cache(assemble_source)
"""The image of a source; Hypothesis asks for the same one hundreds of times."""


def make(source, **options):
    machine = Machine(**options)
    machine.load(assembled(source))
    machine.cpu.sp = machine.ram_end
    return machine


# --- how a run ends


def test_the_guest_exits_with_a_status():
    machine = make(f"mov x0, #42\n{EXIT}")
    assert Stop(StopReason.EXIT, "semihosting exit", 42) == machine.run()
    assert (8, 8) == (machine.cpu.cycles, machine.cpu.retired)


def test_a_guest_that_ended_stays_ended():
    machine = make(f"mov x0, #42\n{EXIT}")
    stop = machine.run()
    before = machine.snapshot()
    assert stop == machine.run()
    assert stop == machine.step()
    assert before == machine.snapshot()


@pytest.mark.parametrize(("max_el", "el", "conduit"), [(1, 1, "hvc"), (2, 1, "smc"), (2, 2, "smc")])
def test_the_guest_switches_the_machine_off(max_el, el, conduit):
    machine = make(f"ldr w0, =0x84000008\n{conduit} #0", el=el, max_el=max_el)
    assert Stop(StopReason.EXIT, "PSCI SYSTEM_OFF", 0) == machine.run()


def test_the_guest_switches_its_only_cpu_off():
    stop = make("ldr w0, =0x84000002\nhvc #0").run()
    assert Stop(StopReason.STUCK, "PSCI CPU_OFF: the guest switched off its only CPU") == stop


@pytest.mark.parametrize("budget", [0, 1, 2, 3, 150])
def test_the_budget_is_exact(budget):
    machine = make(COUNT_DOWN)
    assert Stop(StopReason.MAX_CYCLES) == machine.run(max_cycles=budget)
    assert (budget, budget) == (machine.cpu.cycles, machine.cpu.retired)


def test_the_budget_is_that_of_the_run():
    machine = make(COUNT_DOWN)
    for _ in range(3):
        machine.run(max_cycles=10)
    assert machine.cpu.cycles == 30


def test_until_an_address():
    machine = make(COUNT_DOWN)
    again, done = machine.resolve("again"), machine.resolve("done")
    assert Stop(StopReason.UNTIL, f"at {again:#x}") == machine.run(until=again)
    assert (100, 1) == (machine.cpu.gpr[0], machine.cpu.cycles)
    assert machine.run(until=again).reason is StopReason.UNTIL
    assert (99, 3) == (machine.cpu.gpr[0], machine.cpu.cycles)
    machine.run(until=done)
    assert (0, 201) == (machine.cpu.gpr[0], machine.cpu.cycles)


def test_until_a_condition():
    machine = make(COUNT_DOWN)
    assert Stop(StopReason.UNTIL) == machine.run(until=lambda cpu: cpu.gpr[0] == 40)
    assert (40, 120) == (machine.cpu.gpr[0], machine.cpu.cycles)


def test_what_is_not_modelled_stops_before_it():
    machine = make("nop\nhere: .inst 0x19020401")
    stop = machine.run()
    here = machine.resolve("here")
    assert (StopReason.UNSUPPORTED, here, 1) == (stop.reason, machine.cpu.pc, machine.cpu.retired)
    assert f"0x19020401) at {here:#x} is not implemented" in stop.message
    assert stop == machine.run()


def test_step_is_one_cycle():
    machine = make("mov x0, #1\nsvc #0")
    assert machine.step() is None
    assert (1, 1) == (machine.cpu.cycles, machine.cpu.retired)
    assert machine.step() is None
    assert (2, 1, 0x200) == (machine.cpu.cycles, machine.cpu.retired, machine.cpu.pc)


def test_exceptions_are_counted_by_class():
    machine = make(COUNT_DOWN)
    assert machine.run().reason is StopReason.STUCK
    assert {"SVC": 1, "INSTRUCTION_ABORT": 2} == machine.exceptions


# --- interruptions from outside


def test_an_interruption_ends_the_run_and_it_can_go_on():
    machine = make(COUNT_DOWN)

    def observer(cpu, _pc, _word):
        if cpu.cycles == 50:
            machine.interrupt("enough")

    machine.cpu.observers.append(observer)
    assert Stop(StopReason.INTERRUPTED, "enough") == machine.run()
    assert machine.cpu.cycles == 51
    assert machine.run(until=machine.resolve("done")).reason is StopReason.UNTIL
    assert machine.cpu.cycles == 201


@pytest.mark.parametrize("exact", [True, False])
def test_an_interruption_by_an_observer_is_prompt_in_hot_code(exact):
    machine = make("1: add x0, x0, #1\nb 1b", exact=exact)

    def observer(cpu, _pc, _word):
        if cpu.cycles == 5000:
            machine.interrupt("enough")

    machine.cpu.observers.append(observer)
    assert Stop(StopReason.INTERRUPTED, "enough") == machine.run(100_000)
    assert 5001 == machine.cpu.cycles


def test_an_interruption_does_not_hide_that_the_guest_ended():
    machine = make("ldr w0, =0x84000008\nhvc #0")
    machine.step()
    machine.cpu.observers.append(lambda _cpu, _pc, _word: machine.interrupt())
    assert machine.run().reason is StopReason.EXIT
    machine = make(COUNT_DOWN)
    machine.cpu.observers.append(lambda _cpu, _pc, _word: machine.interrupt())
    assert machine.run(until=machine.resolve("again")).reason is StopReason.UNTIL


def test_an_observer_may_be_added_and_removed_in_mid_run():
    machine = make(COUNT_DOWN)
    seen = []

    def second(cpu, pc, _word):
        seen.append((cpu.cycles, pc))
        cpu.observers.remove(second)

    def first(cpu, _pc, _word):
        cpu.observers.remove(first)
        cpu.observers.append(second)

    machine.cpu.observers.append(first)
    machine.run(max_cycles=10)
    assert [(1, machine.resolve("again"))] == seen


# --- calls

FUNCTIONS = """
_start: b       _start
gcd:    cbz     x1, 1f
        udiv    x2, x0, x1
        msub    x2, x2, x1, x0
        mov     x0, x1
        mov     x1, x2
        b       gcd
1:      ret
sum:    add     x0, x0, x1
        add     x2, x2, x3
        add     x4, x4, x5
        add     x6, x6, x7
        add     x0, x0, x2
        add     x4, x4, x6
        add     x0, x0, x4
        ret
fact:   cmp     x0, #1
        b.ls    1f
        stp     x0, x30, [sp, #-16]!
        sub     x0, x0, #1
        bl      fact
        ldp     x1, x30, [sp], #16
        mul     x0, x0, x1
        ret
1:      mov     x0, #1
        ret
stack:  mov     x0, sp
        ret
signed: paciasp
        autiasp
        ret
lost:   b       lost
"""


def test_call_returns_x0():
    machine = make(FUNCTIONS)
    results = machine.call("gcd", 48, 18), machine.call("sum", *range(1, 9)), machine.call("fact", 10)
    assert (6, 36, 3628800) == results


def test_call_by_address_and_with_negative_arguments():
    machine = make(FUNCTIONS)
    assert 2**64 - 5 == machine.call(machine.resolve("sum"), -5)


def test_call_leaves_pc_lr_and_sp_as_they_were():
    machine = make(FUNCTIONS)
    machine.cpu.set_x(30, 0x1234)
    before = machine.cpu.pc, machine.cpu.sp
    machine.call("fact", 5)
    assert (*before, 0x1234) == (machine.cpu.pc, machine.cpu.sp, machine.cpu.gpr[30])


@pytest.mark.parametrize(("sp", "used"), [(0, RAM_BASE + (128 << 20)), (RAM_BASE + 0x1000, RAM_BASE + 0x1000)])
def test_call_sets_a_stack_where_there_is_none(sp, used):
    machine = make(FUNCTIONS)
    machine.cpu.sp = sp
    assert used == machine.call("stack")


def test_the_return_address_can_be_signed():
    machine = make(FUNCTIONS)
    machine.cpu.sysregs["SCTLR_EL1"] |= 1 << 31
    machine.cpu.sysregs["APIAKEYLO_EL1"] = 0x0123_4567_89AB_CDEF
    assert machine.call("signed", 3) == 3


def test_a_call_that_does_not_return():
    machine = make(FUNCTIONS)
    with pytest.raises(CallError, match="lost did not return: the guest cannot go on: branch to itself") as error:
        machine.call("lost")
    assert error.value.stop.reason is StopReason.STUCK
    with pytest.raises(CallError, match=r"did not return: the cycle budget is used up$"):
        machine.call(machine.resolve("fact"), 20, max_cycles=10)


@pytest.mark.parametrize(
    ("target", "args", "message"),
    [
        ("nothing", (), "no symbol 'nothing' in the program"),
        ("sum", range(9), "9 arguments: only 8 are passed in registers"),
    ],
)
def test_a_call_that_cannot_be_made(target, args, message):
    with pytest.raises(MachineError, match=message):
        make(FUNCTIONS).call(target, *args)


def test_a_call_from_an_observer_of_a_call():
    machine = make(FUNCTIONS)
    inner = []

    def observer(cpu, _pc, _word):
        cpu.observers.remove(observer)
        before = machine.snapshot()
        inner.append(machine.call("gcd", 100, 75))
        machine.restore(before)

    machine.cpu.observers.append(observer)
    assert (720, [25]) == (machine.call("fact", 6), inner)


# --- snapshots

BUSY = f"""
        .equ    UART, 0x09000000
_start: adr     x0, vectors
        msr     vbar_el1, x0
        ldr     x5, =UART
        ldr     x6, =buffer
        mov     x7, #0
1:      ldr     w1, [x5, #0x18]     // flags: is there input?
        tbnz    w1, #4, 1b
        ldr     w1, [x5]
        strb    w1, [x6, x7]
        str     w1, [x5]
        add     x7, x7, #1
        svc     #3
        ldxr    x8, [x6]
        stxr    w9, x8, [x6]
        mrs     x10, cntvct_el0
        cmp     x7, #3
        b.lo    1b
        mov     x0, x7
{EXIT}
        .balign 2048
vectors: .space 0x200
        mrs     x11, esr_el1
        eret
        .balign 2048
        .data
buffer: .space  16
"""


def busy():
    return make(BUSY, console=Console(source=iter([b"xy", b"z"]).__next__))


def run_out(machine):
    stop = machine.run(max_cycles=10_000)
    return stop, machine.snapshot()


def test_the_program_of_the_snapshots_does_what_it_should():
    machine = busy()
    assert Stop(StopReason.EXIT, "semihosting exit", 3) == machine.run(max_cycles=10_000)
    assert (b"xyz", {"SVC": 3}) == (machine.console.output, machine.exceptions)


@given(first=st.integers(0, 250), second=st.integers(0, 250))
def test_a_restored_machine_goes_on_as_it_did(first, second):
    machine = busy()
    machine.run(max_cycles=first)
    saved = machine.snapshot()
    end = run_out(machine)
    machine.restore(saved)
    assert saved == machine.snapshot()
    machine.run(max_cycles=second)
    machine.restore(saved)
    assert end == run_out(machine)


@given(slices=st.lists(st.integers(1, 60)))
def test_runs_in_slices_are_the_run(slices):
    machine, other = busy(), busy()
    for cycles in slices:
        machine.run(max_cycles=cycles)
    other.run(max_cycles=sum(slices))
    assert other.snapshot() == machine.snapshot()


def test_an_observer_that_only_looks_changes_nothing():
    machine, other = busy(), busy()
    seen = []
    machine.cpu.observers.append(lambda _cpu, pc, _word: seen.append(pc))
    machine.cpu.exception_observers.append(seen.append)
    assert run_out(other) == run_out(machine)
    assert len(seen) > machine.cpu.retired


def test_a_snapshot_is_of_its_moment():
    machine = busy()
    saved = machine.snapshot()
    copy = attrs.evolve(saved, cpu=dict(saved.cpu), memory=dict(saved.memory), exceptions=dict(saved.exceptions))
    run_out(machine)
    assert copy == saved


def test_every_attribute_of_the_cpu_is_state_or_wiring():
    cpu = busy().cpu
    assert not hasattr(cpu, "__dict__")
    assert {field.name for field in attrs.fields(type(cpu))} == {*state.save(cpu), *state.WIRING}


# --- reset

BOOT = """
_start: ldr     x1, =0x09000000
        ldr     x2, =count
        ldr     w3, [x2]
        str     w3, [x1]            // what the image says: 'A'
        add     w3, w3, #1
        str     w3, [x2]
        add     x20, x20, #1        // a register set before the start
        mov     w4, #0x10
        str     w4, [x1, #0x2c]     // UARTLCR_H
        ldr     w0, =0x84000009
        hvc     #0
        .data
count:  .word   65
"""


def test_a_reset_is_a_new_start():
    machine = make(BOOT)
    machine.cpu.set_x(20, 5)
    assert machine.run(max_cycles=37).reason is StopReason.MAX_CYCLES
    assert (b"AAAA", 37, 37) == (machine.console.output, machine.cpu.cycles, machine.cpu.retired)
    machine.run(max_cycles=6)
    assert (6, b"AAAA") == (machine.cpu.gpr[20], machine.console.output)
    machine.run(max_cycles=1)
    assert (machine.resolve("_start"), 5, 44) == (machine.cpu.pc, machine.cpu.gpr[20], machine.cpu.cycles)
    assert (0, 65) == (machine.memory.read(0x0900_002C, 4), machine.memory.read(machine.resolve("count"), 4))


# --- building and loading


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"el": 3, "max_el": 2}, "no machine starts at EL3 with EL2 as its highest level"),
        ({"el": 4}, "no machine starts at EL4"),
        ({"el": -1}, "no machine starts at EL-1"),
        ({"el": 0, "max_el": 0}, "no machine starts at EL0 with EL0"),
        ({"ram": 0}, "0x0 bytes of RAM"),
        ({"ram": 1000}, "0x3e8 bytes of RAM: want a multiple of 0x1000"),
        ({"ram": 1 << 48}, "0x1000000000000 bytes of RAM"),
    ],
)
def test_machines_that_cannot_be_built(options, message):
    with pytest.raises(MachineError, match=message):
        Machine(**options)


@pytest.mark.parametrize(
    ("el", "max_el", "highest"), [(0, None, 1), (1, None, 1), (2, None, 2), (3, None, 3), (0, 3, 3), (1, 2, 2)]
)
def test_the_highest_level(el, max_el, highest):
    machine = Machine(el=el, max_el=max_el)
    assert (el, highest) == (machine.cpu.pstate.el, machine.cpu.max_el)


@pytest.mark.parametrize("address", [0, RAM_BASE - 4, RAM_BASE + 0xFFFC, RAM_BASE + 0x10000, 1 << 50])
def test_a_program_that_does_not_fit(address):
    machine = Machine(ram=0x10000)
    inside = Segment(RAM_BASE, b"inside")
    with pytest.raises(AArch64Error, match=f"program at {address:#x}.* does not fit into RAM at 0x40000000"):
        machine.load(Image((inside, Segment(address, bytes(8))), entry=RAM_BASE))
    assert bytes(6) == machine.memory.read_bytes(RAM_BASE, 6)


@pytest.mark.parametrize(
    ("address", "size", "message"),
    [
        (RAM_BASE - 1, 2, "data at 0x3fffffff..0x40000001 does not fit into RAM at 0x40000000..0x40010000: place it"),
        (RAM_BASE + 0xFFFF, 2, "data at 0x4000ffff..0x40010001 does not fit into RAM"),
        (RAM_BASE + 0x1001, 1, "data at 0x40001001..0x40001002 overlaps the program at 0x40001000..0x40001008: place"),
        (RAM_BASE + 0xFFF, 2, "data at 0x40000fff..0x40001001 overlaps the program at 0x40001000..0x40001008"),
        (RAM_BASE + 0x1FFF, 2, "data at 0x40001fff..0x40002001 overlaps dtb at 0x40002000..0x40002003"),
        (RAM_BASE, 0x10000, "data at 0x40000000..0x40010000 overlaps the program at 0x40001000..0x40001008"),
    ],
)
def test_data_that_cannot_be_placed(address, size, message):
    machine = Machine(ram=0x10000)
    machine.load(Image((Segment(RAM_BASE + 0x1000, b"code", size=8),), entry=RAM_BASE + 0x1000))
    machine.place(RAM_BASE + 0x2000, b"dtb", "dtb")
    before = machine.snapshot()
    with pytest.raises(MachineError, match=re.escape(message)):
        machine.place(address, b"\xff" * size)
    assert before == machine.snapshot()


def test_data_is_placed_beside_the_program_and_moves_no_register():
    machine = Machine(ram=0x10000)
    machine.load(Image((Segment(RAM_BASE + 0x1000, b"code"),), entry=RAM_BASE + 0x1000))
    machine.place(RAM_BASE + 0xFFD, b"abc")
    machine.place(RAM_BASE + 0x1004, bytearray(b"def"))
    machine.place(RAM_BASE + 0x1000, b"")
    assert b"\0abccodedef\0" == machine.memory.read_bytes(RAM_BASE + 0xFFC, 12)
    assert RAM_BASE + 0x1000 == machine.cpu.pc
    assert f"{RAM_BASE + 0x1004:#x}" == machine.locate(RAM_BASE + 0x1004)


def test_a_program_does_not_go_over_data_that_was_placed():
    machine = Machine()
    machine.place(RAM_BASE + 2, b"abc", "table")
    message = "program at 0x40000000..0x40000004 overlaps table at 0x40000002..0x40000005"
    with pytest.raises(MachineError, match=re.escape(message)):
        machine.load(Image((Segment(RAM_BASE, b"code"),), entry=RAM_BASE))
    assert (b"\0\0abc", 0) == (machine.memory.read_bytes(RAM_BASE, 5), machine.cpu.pc)


def test_a_reset_places_data_again():
    machine = make(COUNT_DOWN)
    machine.place(RAM_BASE + 0x10001, b"data")
    machine.run(until="again")
    machine.memory.write_bytes(RAM_BASE + 0x10000, b"scratch")
    machine.reset()
    assert b"\0data\0\0" == machine.memory.read_bytes(RAM_BASE + 0x10000, 7)


def test_loading_clears_what_the_program_leaves_zero():
    machine = Machine(ram=0x10000)
    machine.memory.write_bytes(RAM_BASE, b"\xff" * 0x5000)
    machine.load(Image((Segment(RAM_BASE + 0x800, b"data", size=0x3800),), entry=RAM_BASE))
    expected = b"\xff" * 0x800 + b"data" + bytes(0x37FC) + b"\xff" * 0x1000
    assert expected == machine.memory.read_bytes(RAM_BASE, 0x5000)


def test_addresses_are_told_with_their_symbols():
    machine = make(COUNT_DOWN)
    again = machine.resolve("again")
    assert f"{again:#x} (again)" == machine.locate(again)
    assert f"{again + 4:#x} (again+0x4)" == machine.locate(again + 4)
    assert machine.locate(0x200) == "0x200"


HEAP = "mov x0, #0x16\nadr x1, block\nhlt #0xf000\nb .\n.balign 8\nblock: .quad words\n.bss\nwords: .space 40"


def heap_told(machine):
    machine.run(max_cycles=3)
    return [machine.memory.read(machine.resolve("words") + 8 * index, 8) for index in range(4)]


def test_semihosting_has_its_heap_behind_the_program():
    machine = make(HEAP)
    base = (machine.resolve("words") + 40 + 15) & ~15
    assert [base, machine.ram_end, machine.ram_end, base] == heap_told(machine)


END = RAM_BASE + 0x10000


@pytest.mark.parametrize(
    ("placed", "start", "end"),
    [
        ([(0xFF01, 0xFF)], 0, END - 0x100),
        ([(0xC001, 2)], 0, RAM_BASE + 0xC000),
        ([(0x4001, 0x10)], RAM_BASE + 0x4020, END),
        ([(0xE000, 0x1000), (0x2000, 0x10), (0x3000, 0xAFF0)], 0, RAM_BASE + 0x2000),
        ([(0xE000, 0x10), (0x1000, 0x10), (0x4000, 0x7FF0)], RAM_BASE + 0x1010, RAM_BASE + 0x4000),
        ([(0x1000, 0xF000)], 0, RAM_BASE + 0x1000),
    ],
)
def test_heap_and_stack_are_where_nothing_is_placed(placed, start, end):
    machine = Machine(ram=0x10000)
    machine.load(assembled(HEAP))
    for offset, size in placed:
        machine.place(RAM_BASE + offset, bytes(size))
    start = start or (machine.resolve("words") + 40 + 15) & ~15
    machine.prepare_call(machine.cpu.pc)
    assert (end, [start, end, end, start]) == (machine.cpu.sp, heap_told(machine))


def test_the_heap_is_above_all_programs():
    machine = make(HEAP, ram=0x10000)
    heap = RAM_BASE + 0x8010
    machine.load(Image((Segment(heap - 0x10, b"more"),), entry=RAM_BASE))
    machine.load(Image((Segment(RAM_BASE + 0x4000, b"less"),), entry=RAM_BASE))
    assert [heap, END, END, heap] == heap_told(machine)


def test_unaligned_accesses_are_a_choice():
    source = "mov x1, #0x40000000\nldr x0, [x1, #1]\nb ."
    assert make(source).run().message.startswith("data abort, read, alignment fault at 0x40000001")
    assert make(source, unaligned=True).run().message.startswith("branch to itself")


def test_an_interrupt_line_asserted_from_outside_is_seen_at_the_next_cycle() -> None:
    machine = make("msr daifclr, #2\nnop\nnop\nnop\nnop\nnop")
    for _ in range(4):
        machine.step()
    machine.cpu.lines |= {Line.IRQ}
    assert machine.step() is None
    assert {"IRQ": 1} == machine.exceptions


# --- files of the host

OPEN_AND_WAIT = """
        adr     x1, block
        mov     w0, #1              // SYS_OPEN
        hlt     #0xf000
wait:   b       wait
        .balign 8
block:  .quad   name, 0, 4
name:   .asciz  "file"
"""


def open_files():
    return {path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


def test_a_closed_machine_lets_go_of_the_host(tmp_path):
    (tmp_path / "file").write_text("content")
    with make(OPEN_AND_WAIT, semihosting_root=tmp_path) as machine:
        assert StopReason.UNTIL is machine.run(until="wait").reason
        assert {tmp_path, tmp_path / "file"} <= open_files()
    assert set() == {tmp_path, tmp_path / "file"} & open_files()
    machine.close()
    machine.reset()
    machine.run(until="wait")
    assert mask(64) == machine.cpu.x(0)  # no files any more


def test_a_run_until_a_symbol_that_is_not_there():
    with pytest.raises(MachineError, match="no symbol 'nowhere'"):
        make(COUNT_DOWN).run(until="nowhere")


def test_a_machine_that_has_not_run_can_be_reset():
    machine = make(COUNT_DOWN)
    machine.reset()
    machine.run(until="again")
    assert 100 == machine.cpu.x(0)


# --- addresses

USER, TABLE, LAST = 0x8000_0000, 0x4001_0000, 0x4001_1000
RENEWED = 0x60_0000_0000_0480
"""UXN, PXN, the access flag, AP[2]: nobody but EL1 reads the page, and nobody writes to it."""
MANAGED = 0x68_0000_0000_0080
"""UXN, PXN, DBM, AP[2]: hardware sets the access flag and, at the first write, clears AP[2] (FEAT_HAFDBS)."""


def translating(page, el=1):
    """A machine at EL1 or EL0 with tables of 39 bits of address, and one page at USER; hardware keeps its flags."""
    machine = make("_start: ldr x0, [x1]\nstr x0, [x1]\nb .\ndata: .quad 0", el=el, ram=1 << 20)
    one, two = TABLE, TABLE + 0x2000
    for address, value in (
        (one + 8, RAM_BASE | 0x401 | 3 << 8),  # the first gigabyte of RAM, as it is
        (one + 16, two | 3),
        (two, LAST | 3),
        (LAST, RAM_BASE | page | 3),
    ):
        machine.memory.write(address, 8, value)
    cpu = machine.cpu
    cpu.sysregs |= {"TTBR0_EL1": one, "TCR_EL1": 25 | 3 << 39, "MAIR_EL1": 0xFF, "SCTLR_EL1": 5}
    cpu.context_changed()
    cpu.set_x(1, USER)
    return machine


def test_translate_takes_an_address_or_a_symbol():
    machine = translating(RENEWED)
    data = machine.resolve("data")
    assert (RAM_BASE + 0x123, data) == (
        machine.translate(USER + 0x123).physical,
        machine.translate("data").physical,
    )
    assert f"read from EL1 at {data:#x}" == machine.translate("data").lines()[0]


@pytest.mark.parametrize(
    ("right", "el", "reason"),
    [
        (Right.READ, None, None),
        (Right.WRITE, None, "EL1 may not write: AP[2] (bit 7) is set"),
        (Right.EXECUTE, None, "EL1 may not execute: PXN (bit 53) is set"),
        (Right.EXECUTE, 0, "EL0 may not execute: UXN (bit 54) is set"),
        (Right.READ, 0, "EL0 may not read: AP[1] (bit 6) is clear"),
    ],
)
def test_translate_is_for_an_access_from_a_level(right, el, reason):
    found = translating(RENEWED).translate(USER, right, el=el)
    assert (RAM_BASE if reason is None else None) == found.physical
    assert reason is None or found.lines()[-1] == f"permission fault, level 3: {reason}"


def test_translate_is_by_default_for_the_level_the_machine_is_at():
    found = translating(RENEWED, el=0).translate(USER)
    assert ("read from EL0", 0b001111) == (found.access, found.fault_status)


@pytest.mark.parametrize("el", [-1, 2, 3, 4])
def test_translate_for_a_level_that_is_not_there(el):
    with pytest.raises(MachineError, match=rf"the machine has no EL{el}: its highest level is EL1"):
        translating(RENEWED).translate(USER, el=el)


def test_translate_of_an_unknown_symbol():
    with pytest.raises(MachineError, match="no symbol 'nowhere'"):
        translating(RENEWED).translate("nowhere")


def test_other_regimes_can_be_asked_for_from_below():
    machine = make("nop", el=1, max_el=3)
    assert ["EL2, the MMU is off: SCTLR_EL2.M (bit 0) is clear"] == machine.translate(0, el=2).lines()[1:2]


@pytest.mark.parametrize("cycles", [0, 1])
@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("el", [0, 1])
def test_asking_changes_nothing(cycles, right, el):
    """Neither registers, nor the TLB, nor the descriptor that an access would update."""
    machine = translating(MANAGED)
    machine.run(max_cycles=cycles)
    before, tlb = machine.snapshot(), tuple(machine.cpu.tlb)
    for address in (USER, USER + 0x1000, RAM_BASE, 1 << 40):
        machine.translate(address, right, el=el)
    assert before == machine.snapshot()
    assert tlb == tuple(machine.cpu.tlb)
    descriptor = machine.memory.read(LAST, 8)
    assert bool(cycles) == bool(descriptor & 1 << 10)


def test_the_access_does_what_the_answer_says():
    machine = translating(MANAGED)
    for right in (Right.READ, Right.WRITE):
        update = machine.translate(USER, right).outcome.update
        assert update not in (None, machine.memory.read(LAST, 8))
        machine.run(max_cycles=1)
        assert update == machine.memory.read(LAST, 8)
        assert machine.translate(USER, right).outcome.update is None
