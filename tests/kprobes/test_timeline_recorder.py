"""What is recorded of guests: their functions, exceptions, handlers and slots; and that they cannot tell."""

import random
from collections import Counter
from contextlib import suppress
from functools import partial

import attrs
import pytest

from aarch64.exceptions import undefined
from aarch64.hooks import Answer, BreakHook
from aarch64.machine import CallError
from cli.perfetto import PerfettoWriter
from kprobes import PROFILES, STRICT, GuestFunction, Jprobe, Kprobe, Kprobes, Kretprobe
from kprobes.arch import timeline_recorder
from kprobes.arch.diagnosis import Diagnosis
from kprobes.arch.timeline_recorder import TimelineRecorder
from kprobes.errors import KprobesError
from kprobes.timeline import MOST_EVENTS, Timeline, Track
from tests.cli.trace_events import read
from tests.fast.equivalence import make_machine
from tests.fast.programs import RandomChoices, random_program
from tests.kprobes.guest import make
from tests.kprobes.programs import BUDGET, TEXT, make_loaded, write_program
from tests.kprobes.test_random_programs import draw_probes, legal_places

FUNCTIONS, EXCEPTIONS, HANDLERS, SLOTS, HITS = Track


def recorded(kprobes, run, *, most=MOST_EVENTS):
    """What a file of a run shows, which may end by an error of kprobes, or not return."""
    parts = []
    writer = PerfettoWriter(parts.append, "a program")
    recorder = TimelineRecorder(kprobes, Timeline(writer, most))
    diagnosis = Diagnosis(kprobes)
    diagnosis.watchers.append(recorder.find)
    recorder.start()
    try:
        with suppress(CallError, KprobesError):
            run()
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


def test_exceptions_that_never_return_are_forgotten(monkeypatch):
    monkeypatch.setattr(timeline_recorder, "MOST_NESTED", 3)
    source = f"again: svc #1\n b .\n{VECTORS}\nsync: b again\n"
    file = shown(source, lambda guest: guest.call("again", max_cycles=15))
    assert ["0-6 SVC #0x1", "  2-6 SVC #0x1", "    4-6 SVC #0x1", "6-12 SVC #0x1"] == file.picture(EXCEPTIONS)[:4]
    assert "3 others that did not return" == file.on(EXCEPTIONS)[0].args["ended by"]


def test_a_reset_ends_all():
    source = f"""
_start: adr     x0, vectors
        msr     vbar_el1, x0
        bl      resets
resets: svc     #0
{VECTORS}
sync:   ldr     w0, =0x84000009         // SYSTEM_RESET
        hvc     #0
"""
    file = shown(source, lambda guest: guest.machine.run(max_cycles=14))
    assert ["0-6 _start", "  3-6 resets", "    4-6 sync", "6-12 _start"] == file.picture(FUNCTIONS)[:4]
    assert "a reset" == file.on(EXCEPTIONS)[0].args["ended by"]


def test_a_call_to_where_nothing_is():
    source = f"""
wild:   str     x30, [sp, #-16]!
        mov     x9, #0x1000
        blr     x9
        ldr     x30, [sp], #16
        ret
{VECTORS}
sync:   msr     elr_el1, x30
        eret
"""
    file = shown(source, call("wild"))
    assert ["0-8 wild", "  3-6 0x1000", "    4-6 sync"] == file.picture(FUNCTIONS)
    assert ["3-6 instruction abort, external abort at 0x1000"] == file.picture(EXCEPTIONS)


def test_an_exception_of_its_own_vector():
    file = shown("asks: svc #0\n ret\n", call("asks"))
    assert ["0-3 SVC #0x0", "  1-3 instruction abort, external abort at 0x200"] == file.picture(EXCEPTIONS)[:2]


def test_a_hook_that_returns_to_the_vector():
    guest = make("v7.2", f"asks: brk #5\n ret\n{VECTORS}\nsync: ret\n")

    def to_vector(frame):
        frame.pc = guest.at("sync")
        return Answer.HANDLED

    guest.cpu.hooks.add(BreakHook(to_vector, imm=5))
    file = recorded(guest.kprobes, lambda: guest.call("asks"))
    assert ["0-1 BRK #0x5"] == file.picture(EXCEPTIONS)
    assert ["0-1 asks", "1-2 sync"] == file.picture(FUNCTIONS)


def test_bits_that_the_guest_changes():
    source = "masks: msr daifset, #2\n nop\n msr daifclr, #2\n ret\n"
    file = shown(source, call("masks"))
    assert [(0, 0), (1, 1), (3, 0)] == [(cycle, bits["I"]) for cycle, name, bits in file.samples if name == "PSTATE"]


# --- hits

HOOKED = f"""
plus:   add     x0, x0, #1
        add     x0, x0, #2
        ret
uses:   str     x30, [sp, #-16]!
        bl      plus
back:   ldr     x30, [sp], #16          // has a symbol, but is where a call returns to
        ret
hook:   str     x30, [sp, #-16]!
        bl      leaf
        mov     x0, #0
        ldr     x30, [sp], #16
        ret
leaf:   mov     x1, #0
        ret
spins:  b       spins
strays: braaz   x9                      // as BR while SCTLR_EL1.EnIA is 0
        ret
loads:  mov     x1, #1
        ldr     x0, [x1]                // unaligned, which its handler mends
        ret
{VECTORS}
sync:   mov     x1, sp
        eret
"""


def nothing(*_):
    """A handler in Python: the machine does not move on meanwhile."""


ENDINGS = {"v15": "software step", "v4.8": "software step", "v5.10": "BRK #0x6", "v7.2": "BRK #0x6"}


@pytest.mark.parametrize(("profile", "ending"), ENDINGS.items())
def test_a_hit(profile, ending):
    file = shown(HOOKED, call("uses", 5), profile=profile, probes=[Kprobe("plus", 4, pre_handler=nothing)])
    assert ["0-9 uses", "  2-7 plus"] == file.picture(FUNCTIONS)
    assert ["3-4 BRK #0x4", f"5-6 {ending}"] == file.picture(EXCEPTIONS)
    assert ["4 pre-handler"] == file.picture(HANDLERS)
    (slot,) = file.on(SLOTS)
    assert "4-5 add x0, x0, #2" == str(slot)
    assert {"probe", "at", "slot", "word", "ended by", "to"} == slot.args.keys()
    assert ("0x40000004 (plus+0x4)", "91000800", ending) == (slot.args["at"], slot.args["word"], slot.args["ended by"])
    assert [] == file.on(HITS)
    stepped = [cycle for cycle, name, values in file.samples if name == "PSTATE" and values["SS"]]
    assert stepped == ([4] if ending == "software step" else [])


@pytest.mark.parametrize("profile", PROFILES)
def test_handlers_of_the_guest_take_time_and_may_be_probed(profile):
    outer = Kprobe("plus", 4, pre_handler=GuestFunction("hook"), post_handler=GuestFunction("hook"))
    file = shown(HOOKED, call("uses", 5), profile=profile, probes=[outer, Kprobe("leaf", pre_handler=nothing)])
    assert [
        "0-27 uses", "  2-25 plus",
        "    4-13 hook", "      6-10 leaf", "    15-24 hook", "      17-21 leaf",
    ] == file.picture(FUNCTIONS)  # fmt: skip
    assert ["4-13 pre-handler", "15-24 post-handler"] == file.picture(HANDLERS)
    assert ["3-13", "  6-7", "  8-9", "14-24", "  17-18", "  19-20"] == [
        item.partition(" BRK")[0].partition(" software")[0] for item in file.picture(EXCEPTIONS)
    ]
    assert ["7 missed: 0x40000030 (leaf)", "18 missed: 0x40000030 (leaf)"] == file.picture(HITS)
    assert {"re-entry"} == {item.args["reason"] for item in file.on(HITS)}


@pytest.mark.parametrize("profile", PROFILES)
def test_the_return_of_a_function(profile):
    file = shown(HOOKED, call("uses", 5), profile=profile, probes=[Kretprobe(nothing, "plus", maxactive=1)])
    assert ["uses", "plus", "kretprobe trampoline"] == file.names(FUNCTIONS)
    _, plus, trampoline = file.on(FUNCTIONS)
    assert (1, 1, plus.end) == (plus.depth, trampoline.depth, trampoline.begin)
    entry, end = file.on(HANDLERS)
    assert ("pre-handler", "return handlers", "0x40000000 (plus)") == (entry.name, end.name, end.args["probe"])


def test_a_handler_that_does_not_return():
    file = shown(HOOKED, call("uses"), probes=[Kprobe("plus", pre_handler=GuestFunction("spins"))])
    assert ["uses", "plus", "spins"] == file.names(FUNCTIONS)
    assert "the end of the run" == file.on(EXCEPTIONS)[0].args["ended by"]


def test_a_handler_that_takes_an_exception():
    def fails(*_):
        raise undefined()

    file = shown(HOOKED, call("uses"), probes=[Kprobe("plus", pre_handler=fails)])
    assert ["3 pre-handler"] == file.picture(HANDLERS)[:1]
    assert ["2-3 BRK #0x4", "3-6 undefined instruction"] == file.picture(EXCEPTIONS)[:2]


def test_an_instruction_that_branches_out_of_its_slot():
    file = shown(HOOKED, call("strays"), profile="v15", probes=[Kprobe("strays")])
    assert "a branch" == file.on(SLOTS)[0].args["ended by"]


def test_a_call_without_an_instance():
    source = "down: cbz x0, 1f\n str x30, [sp, #-16]!\n sub x0, x0, #1\n bl down\n ldr x30, [sp], #16\n1: ret\n"
    file = shown(source, call("down", 2), probes=[Kretprobe(nothing, "down", maxactive=1)])
    assert ["missed: 0x40000000 (down)"] * 2 == file.names(HITS)
    assert {"no instance"} == {item.args["reason"] for item in file.on(HITS)}


def test_what_is_simulated_has_no_slot():
    file = shown(HOOKED, call("uses", 5), probes=[Kprobe("uses", 4), Kprobe("plus", 8)])
    assert ["0-7 uses", "  2-5 plus"] == file.picture(FUNCTIONS)
    assert ["2 simulated: bl 0x40000000", "5 simulated: ret"] == file.picture(SLOTS)


def test_a_jprobe():
    file = shown(HOOKED, call("uses", 5), profile="v15", probes=[Jprobe(nothing, "plus")])
    assert ["uses", "plus", "jprobe", "plus"] == file.names(FUNCTIONS)
    assert ["pre-handler", "PC set by the handler", "jprobe", "break handler"] == file.names(HANDLERS)


def test_an_instruction_that_faults_in_its_slot():
    file = shown(HOOKED, call("loads"), probes=[Kprobe("loads", 4)])
    assert "data abort, read, alignment fault at 0x1" == file.on(SLOTS)[0].args["ended by"]
    assert ["ldr x0, [x1]", "ldr x0, [x1]"] == file.names(SLOTS)  # the handler returns to the slot
    assert ["loads", "sync"] == file.names(FUNCTIONS)


def test_a_hit_that_runs_off_its_slot():
    file = shown(HOOKED, call("uses"), profile="v15", probes=[Kprobe("plus")], daif=0b1000)
    miss = file.on(HITS)[0]
    assert ("missed: 0x40000000 (plus)", "ran off its slot") == (miss.name, miss.args["reason"])
    assert "undefined instruction" == file.on(SLOTS)[0].args["ended by"]


def test_a_kernel_that_dies():
    source = f"loads: mov x1, #1\nload: ldr x0, [x1]\n ret\n{VECTORS}\nsync: mov x1, sp\n eret\n"
    file = shown(source, call("loads"), profile="v15", probes=[Kprobe("load"), Kprobe("sync")])
    assert "the kernel dies" == file.names(HANDLERS)[-1]
    assert {"the end of the run"} == {item.args["ended by"] for item in file.on(EXCEPTIONS)[-2:]}


# --- laws


def test_a_timeline_that_is_full_leaves_the_machine_alone():
    guest = make("v7.2", HOOKED)
    guest.kprobes.register(Kprobe("plus"))
    file = recorded(guest.kprobes, lambda: [guest.call("uses") for _ in range(10)], most=20)
    assert 20 <= file.events <= 30
    assert "the end of the timeline, which is full" in {item.args.get("ended by") for item in file.on(FUNCTIONS)}


SHARDS, PROGRAMS = 4, 6


def probed(rng):
    """Makes machines with a random program of EL1 and probes."""
    program = write_program(RandomChoices(rng), calm=False)
    image, engine, exact = program.image, rng.choice(list(PROFILES.values())).engine, rng.random() < 0.3
    places, seed = legal_places(image, TEXT), rng.random()

    def build():
        kprobes = Kprobes(make_loaded(program, image, exact=exact), attrs.evolve(STRICT, engine=engine))
        kprobes.register(*draw_probes(random.Random(seed), places, set(places), Counter()))
        return kprobes

    return build


def unprobed(rng):
    """Likewise, with interrupts, code that changes itself, and all levels; kprobes look on."""
    program = next(item for item in iter(partial(random_program, rng), None) if not item.translates)
    image, exact = program.image, rng.random() < 0.3

    def build():
        machine = make_machine(exact=exact, **program.options)
        program.load(machine, image)
        return Kprobes(machine)

    return build


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_programs_cannot_tell_and_all_that_is_recorded_nests(shard):
    events = 0
    for number in range(PROGRAMS):
        build = (probed, unprobed)[number % 2](random.Random(f"recorded {shard} {number}"))
        ends = []
        for is_recorded in (False, True):
            kprobes = build()
            machine = kprobes.machine
            run = partial(machine.run, max_cycles=5 * BUDGET)
            if is_recorded:
                events += recorded(kprobes, run).events
            else:
                with suppress(KprobesError):
                    run()
            ends.append((machine.snapshot(), bytes(machine.console.output)))
        assert ends[0] == ends[1]
    assert events > 20 * PROGRAMS
