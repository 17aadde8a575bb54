"""What is recorded of guests: their functions, exceptions, handlers and slots; and that they cannot tell."""

import pytest

from aarch64.machine import CallError
from cli.perfetto import PerfettoWriter
from kprobes.arch.diagnosis import Diagnosis
from kprobes.arch.timeline_recorder import TimelineRecorder
from kprobes.errors import KprobesError
from kprobes.timeline import MOST_EVENTS, Timeline, Track
from tests.cli.trace_events import read
from tests.kprobes.guest import make

FUNCTIONS, EXCEPTIONS, HANDLERS, SLOTS, HITS = Track

PROFILES = ("v15", "v4.8", "v5.10", "v7.2", "strict")


def recorded(kprobes, run, *, most=MOST_EVENTS):
    """What a file of a run shows, which may end by an error of kprobes, or not return."""
    parts = []
    writer = PerfettoWriter(parts.append, "a program")
    recorder = TimelineRecorder(kprobes, Timeline(writer, most))
    diagnosis = Diagnosis(kprobes)
    diagnosis.watchers.append(recorder.find)
    recorder.start()
    try:
        run()
    except (CallError, KprobesError):
        pass
    finally:
        recorder.stop()
        writer.finish({})
    assert not kprobes.machine.cpu.observers
    return read("".join(parts))


def shown(source, run, *, profile="v7.2", probes=(), **options):
    guest = make(profile, source, **options)
    if probes:
        guest.kprobes.register(*probes)
    return recorded(guest.kprobes, lambda: run(guest))


def call(name, *arguments):
    return lambda guest: guest.call(name, *arguments, max_cycles=400)


# --- functions

VECTORS = """
        .balign 2048
vectors: .space 0x200
"""
SOURCE = f"""
leaf:   add     x0, x0, #1
        ret
calls:  str     x30, [sp, #-16]!
        bl      leaf
        adr     x9, leaf
        blr     x9
        ldr     x30, [sp], #16
        ret
tail:   b       leaf
outer:  str     x30, [sp, #-16]!
        bl      tail
        ldr     x30, [sp], #16
        ret
loops:  mov     x1, #3
label:  subs    x1, x1, #1
        b.ne    label
        ret
here:   mov     x10, x30
        bl      1f
1:      mov     x30, x10
        ret
table:  adr     x9, 2f
        br      x9
        nop
2:      ret
asks:   svc     #3
        ret
down:   stp     x29, x30, [sp, #-16]!
        cbz     x0, 1f
        sub     x0, x0, #1
        bl      down
1:      ldp     x29, x30, [sp], #16
        ret
tries:  str     x30, [sp, #-16]!
        bl      escape
        ldr     x30, [sp], #16
        ret
escape: mov     x10, sp
        mov     x11, x30
        svc     #4
        ret
{VECTORS}
sync:   mrs     x12, esr_el1
        and     x12, x12, #0xffff
        cmp     x12, #4
        b.eq    away
        str     x30, [sp, #-16]!
        bl      leaf
        ldr     x30, [sp], #16
        eret
away:   mov     sp, x10
        mov     x30, x11
        ret
"""

FUNCTION_ROWS = {
    "calls": (("calls", 0), ["0-10 calls", "  2-4 leaf", "  6-8 leaf"]),
    "a tail call": (("outer", 0), ["0-7 outer", "  2-3 tail", "  3-5 leaf"]),
    "a label in a loop": (("loops",), ["0-8 loops"]),
    "BL that reads the PC": (("here",), ["0-4 here"]),
    "a branch to an address in a register": (("table",), ["0-3 table"]),
    "recursion": (("down", 2), ["0-16 down", "  4-14 down", "    8-12 down"]),
    "a handler": (("asks",), ["0-12 asks", "  1-11 sync", "    7-9 leaf"]),
    "a handler that returns without ERET": (("tries",), ["0-14 tries", "  2-12 escape", "    5-12 sync"]),
}


@pytest.mark.parametrize(("called", "wanted"), FUNCTION_ROWS.values(), ids=FUNCTION_ROWS)
def test_functions(called, wanted):
    assert wanted == shown(SOURCE, call(*called)).picture(FUNCTIONS)


# --- exceptions


def test_an_exception_of_the_guest_lasts_until_its_eret():
    (exception,) = shown(SOURCE, call("asks")).on(EXCEPTIONS)
    assert "0-11 SVC #0x3" == str(exception)
    assert {
        "class": "SVC", "from": "EL1", "taken to": "EL1", "at": "0x40000068 (asks+0x4)", "ELR": "0x40000068",
        "SPSR": "0x5", "ESR": "0x56000003", "ended by": "ERET", "to": "0x40000068 (asks+0x4)",
    } == exception.args  # fmt: skip


def test_one_that_is_left_otherwise():
    (exception,) = shown(SOURCE, call("tries")).on(EXCEPTIONS)
    assert ("4-12 SVC #0x4", "a return without ERET") == (str(exception), exception.args["ended by"])
