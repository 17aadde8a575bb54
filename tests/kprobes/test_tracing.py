"""Events from specs: what is recorded at their hits, what they cost, and what of other events contradicts them."""

from pathlib import Path

import pytest

from aarch64.assembler import assemble_source
from aarch64.image import Symbol, SymbolTable
from aarch64.loader import load_program
from aarch64.machine import Machine
from kprobes import PROFILES, V4_8, V5_10, V7_2, V15, Errno, GuestFunction, Kprobe, Kprobes, RegistrationError
from kprobes.costs import Cost, CostMeter
from kprobes.events import Conflict, Problem, SpecError
from kprobes.tracing import Tracer

PROGRAMS = Path(__file__).parents[2] / "examples" / "programs"
BASE = 0x4000_0000
SOURCE = """
_start: msr     daifclr, #8
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x19, #3
again:  mov     x0, x19
        bl      square
        subs    x19, x19, #1
        b.ne    again
        mov     x0, #2
        bl      down
done:   b       .
square: mul     x0, x0, x0
        nop
leave:  ret
down:   stp     x29, x30, [sp, #-16]!
        cbz     x0, 1f
        sub     x0, x0, #1
        bl      down
1:      ldp     x29, x30, [sp], #16
        ret
        .data
        .balign 8
table:  .quad   0x1122334455667788, names
names:  .asciz  "name"
"""
SQUARE, LEAVE, DOWN = BASE + 0x2C, BASE + 0x34, BASE + 0x38


class Guest:
    """A program with kprobes, whose hits are kept."""

    def __init__(self, profile=V15):
        self.machine = Machine()
        self.machine.load(assemble_source(SOURCE, filename="guest.s", base=BASE))
        self.kprobes = Kprobes(self.machine, profile)
        self.hits = []
        self.tracer = Tracer(self.kprobes, self.hits.append)

    def run(self, *specs):
        for spec in specs:
            self.tracer.define(spec)
        self.machine.run(until="done", max_cycles=10_000)
        assert self.machine.resolve("done") == self.machine.cpu.pc
        return [hit.shown for hit in self.hits]


@pytest.fixture
def guest():
    return Guest()


# --- what is recorded


def test_symbols_are_where_the_rows_say(guest):
    assert (SQUARE, LEAVE, DOWN) == tuple(map(guest.machine.resolve, ("square", "leave", "down")))


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("p square $arg1", ["0x3", "0x2", "0x1"]),
        ("p square %x0:u8", ["3", "2", "1"]),
        ("p square+4 %x0:s32", ["9", "4", "1"]),
        (f"p {SQUARE:#x} %x19", ["0x3", "0x2", "0x1"]),
        ("p square %pc", [f"{SQUARE:#x}"] * 3),
        ("p square %lr:symbol", ["again+0x8/0x18"] * 3),
        ("p square %sp", ["0x40100000"] * 3),
        ("p square %pstate", ["0x1c5", "0x200001c5", "0x200001c5"]),
        ("p square @table:x16", ["0x7788"] * 3),
        ("p square @table+4:x32", ["0x11223344"] * 3),
        ("p square +0(@names):string", ["(fault)"] * 3),
        ("p square +0(+8(@table)):u8", ["(fault)"] * 3),
        ("p square @names:string", ['"name"'] * 3),
        ("p square @table:x8[4]", ["{0x88,0x77,0x66,0x55}"] * 3),
        ("p square +8(@0x8):u64", ["(fault)"] * 3),
        ("r square $retval:u64", ["9", "4", "1"]),
        ("r square %sp", ["0x40100000"] * 3),
        (f"r {SQUARE:#x} $retval", ["0x9", "0x4", "0x1"]),
    ],
)
@pytest.mark.parametrize("profile", [V15, V7_2], ids=lambda profile: profile.name)
def test_what_a_hit_records(profile, spec, shown):
    assert [(text,) for text in shown] == Guest(profile).run(spec)


def test_a_hit_tells_when_and_where(guest):
    guest.run("p square", "r square")
    entry, back = guest.hits[:2]
    assert ("kprobes/p_square_0", 7, SQUARE, None) == (entry.event.name, entry.cycle, entry.pc, entry.return_address)
    assert ("kprobes/r_square_0", SQUARE, BASE + 0x18) == (back.event.name, back.pc, back.return_address)
    assert back.cycle > entry.cycle


def test_values_are_there_beside_their_text(guest):
    guest.run("p square $arg1 @names:string @table:u8[2]")
    assert (3, "name", (0x88, 0x77)) == guest.hits[0].values


def test_calls_without_an_instance_are_missed(guest):
    guest.run("r1:calls down")
    (event,) = guest.tracer
    assert (1, {"re-entry": 0, "no instance": 2}) == (event.hits, event.misses)


def test_a_plain_probe_cannot_want_instances(guest):
    guest.run("p:calls down")
    (event,) = guest.tracer
    assert (3, {"re-entry": 0}) == (event.hits, event.misses)


# --- events beside one another


@pytest.mark.parametrize(
    ("first", "second", "conflict", "column"),
    [
        ("p:e square", "r:e down", Conflict.DIFF_PROBE_TYPE, 0),
        ("p:e square a=%x0", "p:e down", Conflict.DIFF_ARG_TYPE, 8),
        ("p:e square", "p:e down a=%x0", Conflict.DIFF_ARG_TYPE, 9),
        ("p:e square a=%x0", "p:e down b=%x0", Conflict.DIFF_ARG_TYPE, 9),
        ("p:e square a=%x0:u8", "  p:e down a=%x0:u16", Conflict.DIFF_ARG_TYPE, 11),
        ("p:e square a=%x0 b=+0(%x1):u8", "p:e down a=%x0 b=+0(%x1):u8[1]", Conflict.DIFF_ARG_TYPE, 15),
        ("p:e square a=%x0", "  p:e square a=%x0", Conflict.SAME_PROBE, 2),
        ("r:e square", "r5:e square", Conflict.SAME_PROBE, 0),
        ("p:e square a=%x0", "p:e square a=%x1", None, None),
        ("p:e square a=%x0", "p:e down a=%x7", None, None),
        ("p:a/e square", "r:b/e square", None, None),
        ("p:a/e square", "p:a/f square", None, None),
    ],
)
def test_events_of_one_name(guest, first, second, conflict, column):
    guest.tracer.define(first)
    if conflict is None:
        guest.tracer.define(second)
        assert len(guest.tracer.events) == 2
        return
    with pytest.raises(SpecError) as error:
        guest.tracer.define(second)
    assert (conflict, column) == (error.value.problem, error.value.column)
    assert len(guest.tracer.events) == 1


@pytest.mark.parametrize(
    ("clear", "left"),
    [
        ("-:e", ["b/f"]),
        ("-:a/e", ["b/e", "b/f"]),
        ("-:b/f", ["a/e", "b/e"]),
    ],
)
def test_events_are_cleared(guest, clear, left):
    guest.run("p:a/e square", "p:b/e down", "p:b/f down", clear)
    assert left == [event.name for event in guest.tracer]
    assert set(left) == {hit.event.name for hit in guest.hits}


def test_what_is_cleared_has_to_be_there(guest):
    with pytest.raises(RegistrationError, match=r"there is no event to clear: -:none \(-ENOENT\)") as error:
        guest.tracer.define("-:none")
    assert error.value.errno is Errno.ENOENT


def test_a_refused_probe_is_no_event(guest):
    with pytest.raises(RegistrationError, match="cannot be probed"):
        guest.tracer.define("p leave")
    assert not guest.tracer.events


def test_unknown_symbols_have_a_column(guest):
    with pytest.raises(SpecError) as error:
        guest.tracer.define("p nothing")
    assert (Problem.NO_SYMBOL, 2) == (error.value.problem, error.value.column)


# --- what it costs


@pytest.mark.parametrize(
    ("profile", "place", "cost"),
    [
        (V15, "square", Cost(exceptions=6, cycles=9, finished=3)),  # BRK, instruction, step
        (V4_8, "square", Cost(exceptions=6, cycles=9, finished=3)),
        (V5_10, "square", Cost(exceptions=6, cycles=9, finished=3)),  # BRK, instruction, BRK
        (V7_2, "square", Cost(exceptions=6, cycles=9, finished=3)),
        (V4_8, "leave", Cost(exceptions=3, cycles=3, finished=3)),  # BRK alone
        (V7_2, "leave", Cost(exceptions=3, cycles=3, finished=3)),
        (V7_2, "square+4", Cost(exceptions=3, cycles=3, finished=3)),
        (V5_10, "square+4", Cost(exceptions=6, cycles=9, finished=3)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_hits_cost(profile, place, cost):
    guest, meter = Guest(profile), CostMeter()
    guest.kprobes.engine.watchers.append(meter)
    event = guest.tracer.define(f"p {place}")
    guest.run()
    assert {event.kprobe.at: cost} == meter.by_address


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("specs", [["p square"], ["p square+4"], ["p square", "p down"], ["r16 down"]], ids=str)
def test_the_cycles_of_hits_are_what_a_run_takes_more(profile, specs):
    """Each probed instruction is executed once in either run, and is among the cycles of its hit."""
    plain = Guest(profile)
    plain.run()
    guest, meter = Guest(profile), CostMeter()
    guest.kprobes.engine.watchers.append(meter)
    guest.run(*specs)
    returns = sum(event.hits for event in guest.tracer if event.spec.kind.value == "r")
    spent = sum(cost.cycles - cost.finished for cost in meter.by_address.values())
    more = guest.machine.cpu.cycles - plain.machine.cpu.cycles
    assert more == spent + returns * len(guest.kprobes.trampoline[::4])


def test_a_hit_whose_slot_faults_is_two_exceptions():
    machine = Machine()
    machine.load(load_program(PROGRAMS / "kernel_paging.elf"))
    kprobes, meter = Kprobes(machine, V15), CostMeter()
    kprobes.engine.watchers.append(meter)
    kprobes.register(probe := Kprobe("write"))
    machine.run()
    # BRK and abort; then twice BRK, instruction, step
    assert {probe.at: Cost(exceptions=6, cycles=8, finished=3)} == meter.by_address


@pytest.mark.parametrize("profile", [V15, V7_2], ids=lambda profile: profile.name)
def test_handlers_in_the_guest_are_part_of_what_a_hit_takes(profile):
    plain = Guest(profile)
    plain.run()
    guest, meter = Guest(profile), CostMeter()
    guest.kprobes.engine.watchers.append(meter)
    guest.kprobes.register(probe := Kprobe("square", post_handler=GuestFunction("leave")))
    guest.run()
    more = guest.machine.cpu.cycles - plain.machine.cpu.cycles
    assert (more, 3 * (3 + 1)) == (meter.by_address[probe.at].cycles - 3, meter.by_address[probe.at].cycles)


# --- as Linux lists it


def test_the_list_of_probes(guest):
    for spec in ("p square", "r down", "p down+8"):
        guest.tracer.define(spec)
    guest.kprobes.disable(guest.tracer.events[0].probe)
    assert [
        f"{SQUARE:016x}  k  square+0x0 [DISABLED]",
        f"{DOWN:016x}  r  down+0x0",
        f"{DOWN + 8:016x}  k  down+0x8",
    ] == [str(item) for item in guest.kprobes.listed()]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (SQUARE, "square+0x0/0x8"),
        (SQUARE + 4, "square+0x4/0x8"),
        (LEAVE, "leave+0x0/0x4"),
        (0x10, "0x10"),
    ],
)
def test_names_of_addresses(guest, address, name):
    assert name == guest.kprobes.name(address)


def test_names_of_data_have_the_size_that_their_table_tells():
    machine = Machine()
    machine.load(load_program(PROGRAMS / "sort_search.O2.elf"))
    assert "numbers.0+0x10/0x1770" == Kprobes(machine).name(machine.resolve("numbers.0") + 16)


def test_how_many_symbols_have_a_name(guest):
    assert [1, 0] == [guest.kprobes.count_symbols(name) for name in ("square", "nothing")]


def test_a_name_that_two_symbols_have():
    table = SymbolTable([Symbol("helper", 0x10), Symbol("main", 0x20), Symbol("helper", 0x30)])
    assert (2, 1, 0) == (table.count("helper"), table.count("main"), table.count("none"))
