"""The story of a hit: table of D, I, SS and MDSCR moment by moment, for each way an instruction is executed."""

import attrs
import pytest

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from aarch64.stop import StopReason
from kprobes import PROFILES, V4_8, V5_10, V7_2, V15, Jprobe, Kprobe, Kprobes, Kretprobe
from kprobes.arch import recorder
from kprobes.arch.recorder import seek, tell
from kprobes.explanations import _BETWEEN, _KERNEL
from kprobes.reports import Moment
from kprobes.story import Between

BASE = 0x4000_0000
SOURCE = """
_start: {masks}
        ldr     x0, =0x40100000
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        mov     x19, #3
again:  mov     x0, x19
        bl      square
        subs    x19, x19, #1
        b.ne    again
        bl      helper_entry
        mov     x0, #0x8001             // unaligned: Device memory does not have that
        bl      load
done:   b       .
square: mul     x0, x0, x0
        nop
leave:  ret
helper: add     x2, x2, #1
        ret
helper_entry:
        nop
        ret
load:   ldr     x1, [x0]
        ret
        .balign 2048
vectors:
        .space  0x200
        mrs     x9, elr_el1
fixup:  add     x9, x9, #4
        msr     elr_el1, x9
        eret
"""
UNMASKED, MASKED = "msr daifclr, #8", "nop"
CALLEE = BASE + 0x38


def make(profile, masks=UNMASKED):
    machine = Machine()
    machine.load(assemble_source(SOURCE.format(masks=masks), filename="guest.s", base=BASE))
    return Kprobes(machine, profile)


def nothing(*_):
    return None


def runner(kprobes, max_cycles=10_000):
    def run(until):
        return kprobes.machine.run(max_cycles - kprobes.machine.cpu.cycles, until=until)

    return run


def story_of(kprobes, probe, hit=1):
    kprobes.register(probe)
    run = runner(kprobes)
    assert seek(kprobes, probe, hit, run) is None
    return tell(kprobes, probe, run)


def plain(profile, symbol="square", masks=UNMASKED, **options):
    return story_of(make(profile, masks), Kprobe(symbol, pre_handler=nothing, post_handler=nothing), **options)


def shown(moment):
    """A row as the facts have it: D I SS | saved D I SS | MDSCR SS KDE MDE, a dash for what there is not."""
    strip = moment.strip
    saved = "---" if strip.r_d is None else f"{strip.r_d}{strip.r_i}{strip.r_ss}"
    return (
        f"{'  ' * moment.depth}{moment.key} {strip.d}{strip.i}{strip.ss} {saved} {strip.mdscr_ss}{strip.kde}{strip.mde}"
    )


def rows(story):
    return [shown(moment) for moment in story.moments]


# --- rows: the probed code runs with D clear and I set, as the machine begins

STEPPED = [
    "before 010 --- 000",
    "brk_taken 110 010 000",
    "pre_handler 110 010 000",
    "context_set 110 010 000",
    "masked 110 010 000",
    "step_enabled 110 011 111",
    "slot_entered 110 011 111",
    "slot_reached 011 --- 111",
    "executed 010 --- 111",
    "step_taken 110 010 111",
    "unmasked 110 010 111",
    "step_disabled 110 010 000",
    "pc_restored 110 010 000",
    "post_handler 110 010 000",
    "returned 010 --- 000",
]
ENDED_BY_BRK = [
    "before 010 --- 000",
    "brk_taken 110 010 000",
    "pre_handler 110 010 000",
    "masked 110 110 000",
    "slot_entered 110 110 000",
    "slot_reached 110 --- 000",
    "executed 110 --- 000",
    "slot_brk_taken 110 110 000",
    "unmasked 110 010 000",
    "pc_restored 110 010 000",
    "post_handler 110 010 000",
    "returned 010 --- 000",
]
SIMULATED = [
    "before 010 --- 000",
    "brk_taken 110 010 000",
    "pre_handler 110 010 000",
    "simulated 110 010 000",
    "post_handler 110 010 000",
    "returned 010 --- 000",
]
NOTED = "context_set"
"""A moment that v5.10 may have, too: it notes where a slot ends."""


@pytest.mark.parametrize("profile", [V15, V4_8], ids=lambda profile: profile.name)
@pytest.mark.parametrize("hit", [1, 3])
def test_a_stepped_hit(profile, hit):
    assert STEPPED == rows(plain(profile, hit=hit))


@pytest.mark.parametrize("profile", [V5_10, V7_2], ids=lambda profile: profile.name)
def test_a_hit_that_a_brk_ends(profile):
    assert ENDED_BY_BRK == [row for row in rows(plain(profile)) if not row.startswith(NOTED)]


@pytest.mark.parametrize("profile", [V4_8, V5_10, V7_2], ids=lambda profile: profile.name)
def test_a_simulated_hit(profile):
    assert SIMULATED == rows(plain(profile, "leave"))


def test_the_interrupt_mask_of_the_probed_code_comes_back():
    story = plain(V15, masks="msr daifclr, #15")
    by_key = {moment.key: moment.strip for moment in story.moments}
    assert [0, 1, 0, 0] == [
        by_key["before"].i, by_key["slot_reached"].i, by_key["unmasked"].r_i, by_key["returned"].i
    ]  # fmt: skip


def test_where_each_moment_is():
    kprobes = make(V15)
    probe = Kprobe("square", pre_handler=nothing, post_handler=nothing)
    story = story_of(kprobes, probe)
    slot, address = probe.execution.slot, probe.at
    places = {moment.key: (moment.pc, moment.elr) for moment in story.moments}
    assert {
        "before": (address, None),
        "brk_taken": (None, address),
        "pre_handler": (None, address),
        "context_set": (None, address),
        "masked": (None, address),
        "step_enabled": (None, address),
        "slot_entered": (None, slot),
        "slot_reached": (slot, None),
        "executed": (slot + 4, None),
        "step_taken": (None, slot + 4),
        "unmasked": (None, slot + 4),
        "step_disabled": (None, slot + 4),
        "pc_restored": (None, address + 4),
        "post_handler": (None, address + 4),
        "returned": (address + 4, None),
    } == places


def test_cycles_syndromes_slots_and_instructions():
    story = plain(V15)
    first = story.moments[0]
    cycles = [moment.cycle - first.cycle for moment in story.moments]
    assert [0] + [1] * 7 + [2] + [3] * 6 == cycles
    texts = {moment.esr_text for moment in story.moments if moment.esr is not None}
    assert {"BRK #0x4", "software step"} == texts
    assert {0xF200_0004, 0xCF00_0022} == {moment.esr for moment in story.moments if moment.esr is not None}
    assert {(0x9B00_7C00,)} == {moment.slot_words for moment in story.moments[:-1]}
    executed = [(moment.key, moment.instruction.text) for moment in story.moments if moment.instruction is not None]
    assert [(key, "mul x0, x0, x0") for key in ("before", "slot_reached", "executed")] == executed


def test_a_slot_that_a_brk_ends_has_two_words():
    assert {(0x9B00_7C00, 0xD420_00C0)} == {moment.slot_words for moment in plain(V7_2).moments[:-1]}


def test_looking_changes_nothing():
    def end(kprobes):
        machine = kprobes.machine
        machine.run(until="done", max_cycles=10_000)
        return machine.cpu.cycles, machine.cpu.retired, tuple(machine.cpu.gpr), machine.memory.save()

    told, untold = make(V15), make(V15)
    story_of(told, Kprobe("square", pre_handler=nothing), hit=2)
    untold.register(Kprobe("square", pre_handler=nothing))
    assert end(untold) == end(told)
    assert not told.machine.cpu.observers


# --- hits within hits

NESTED = [
    "  before 110 --- 000",
    "  brk_taken 110 110 000",
    "  reentered 110 110 000",
    "  context_set 110 110 000",
    "  debug_unmasked 110 010 000",
    "  masked 110 010 000",
    "  step_enabled 110 011 111",
    "  slot_entered 110 011 111",
    "  slot_reached 011 --- 111",
    "  executed 010 --- 111",
    "  step_taken 110 010 111",
    "  unmasked 110 010 111",
    "  step_disabled 110 010 000",
    "  debug_masked 110 110 000",
    "  pc_restored 110 110 000",
    "  returned 110 --- 000",
    "  other_code 110 --- 000",
]
NESTED_BRK = [
    "  before 110 --- 000",
    "  brk_taken 110 110 000",
    "  reentered 110 110 000",
    "  masked 110 110 000",
    "  slot_entered 110 110 000",
    "  slot_reached 110 --- 000",
    "  executed 110 --- 000",
    "  slot_brk_taken 110 110 000",
    "  unmasked 110 110 000",
    "  pc_restored 110 110 000",
    "  returned 110 --- 000",
    "  other_code 110 --- 000",
]


def calls(kprobes):
    def handler(*_):
        kprobes.machine.call("helper")

    return handler


@pytest.mark.parametrize(
    ("profile", "outer", "inner"), [(V15, STEPPED, NESTED), (V7_2, ENDED_BY_BRK, NESTED_BRK)], ids=["v15", "v7.2"]
)
def test_a_hit_within_the_pre_handler(profile, outer, inner):
    kprobes = make(profile)
    kprobes.register(helper := Kprobe("helper", pre_handler=nothing))
    story = story_of(kprobes, Kprobe("square", pre_handler=calls(kprobes), post_handler=nothing))
    assert [*outer[:3], *inner, *outer[3:]] == rows(story)
    assert helper.nmissed == 1


def test_a_hit_within_the_post_handler():
    kprobes = make(V15)
    kprobes.register(Kprobe("helper"))
    story = story_of(kprobes, Kprobe("square", post_handler=calls(kprobes)))
    assert [*STEPPED[:13], *NESTED, *STEPPED[13:]] == rows(story)


def test_each_probe_is_named():
    kprobes = make(V15)
    kprobes.register(helper := Kprobe("helper"))
    story = story_of(kprobes, square := Kprobe("square", pre_handler=calls(kprobes)))
    inner = {moment.probe for moment in story.moments if moment.depth and moment.key not in ("returned", "other_code")}
    assert ({helper.at}, square.at) == (inner, story.moments[1].probe)


# --- what goes wrong


def test_a_step_that_is_masked_runs_off_the_slot():
    story = plain(V15, masks=MASKED)
    assert [
        "step_enabled 110 111 111",
        "slot_entered 110 111 111",
        "slot_reached 110 --- 111",
        "executed 110 --- 111",
        "behind_slot 110 --- 111",
        "other_exception 110 110 111",
        "  other_code 110 --- 111",
    ] == rows(story)[5:12]
    by_key = {moment.key: moment for moment in story.moments}
    assert "D of the saved PSTATE is set, which masks the step" in by_key["step_enabled"].why
    assert "as D is set where the return leads: no step will end the slot" in by_key["slot_reached"].why
    assert by_key["executed"].why.endswith("Nothing ends the slot.")
    assert "udf #0 is behind it" in by_key["behind_slot"].why


def test_a_fault_that_kprobes_do_not_see():
    """An alignment fault: the handler skips the instruction, and its return, SS being 1, has one more executed."""
    story = plain(V15, "load")
    keys = [moment.key for moment in story.moments]
    assert ["slot_reached", "other_exception", "other_code", "behind_slot"] == keys[7:11]
    fault = story.moments[8]
    assert (0x9600_0021, "data abort, read, alignment fault at 0x8001", 1) == (
        fault.esr, fault.esr_text, fault.strip.r_ss
    )  # fmt: skip
    assert "was not completed" in fault.why


def test_a_kernel_that_dies():
    kprobes = make(V15)
    kprobes.register(Kprobe("fixup"))
    story = story_of(kprobes, Kprobe("load", pre_handler=nothing))
    last = story.moments[-1]
    assert ("died", "BUG", "") == (last.key, last.source, story.ended)
    assert "this kernel has no way to go on" in last.why


def test_a_kernel_that_does_not_die_of_it():
    kprobes = make(V7_2)
    kprobes.register(fixup := Kprobe("fixup"))
    story = story_of(kprobes, Kprobe("load", pre_handler=nothing, post_handler=nothing))
    assert ("returned", 1) == (story.moments[-1].key, fixup.nmissed)
    assert "  reentered 110 110 000" in rows(story)


def test_a_program_that_ends_within_the_hit():
    kprobes = make(V15)
    kprobes.register(probe := Kprobe("load", pre_handler=nothing))
    seek(kprobes, probe, 1, runner(kprobes))
    story = tell(kprobes, probe, lambda until: kprobes.machine.run(3, until=until))
    assert story.ended == StopReason.MAX_CYCLES.value


def test_a_program_that_does_not_come_back_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(recorder, "PATIENCE", 2)
    last = plain(V15, "load").moments[-1]
    assert ("not_back", "2 instructions later, the hit has not gone on.") == (last.key, last.why)


# --- returns of functions


@pytest.mark.parametrize(
    ("profile", "end"),
    [
        (V15, [("in_trampoline", 28), ("return_handlers", 0), ("in_trampoline", 21), ("caller_reached", 0)]),
        (V7_2, [("in_trampoline", 1), ("return_handlers", 0), ("caller_reached", 0)]),
    ],
    ids=["v15", "v7.2"],
)
def test_a_return(profile, end):
    kprobes = make(profile)
    story = story_of(kprobes, Kretprobe(nothing, "square"), hit=2)
    keys = [moment.key for moment in story.moments]
    returned = keys.index("returned")
    assert end == [(moment.key, moment.instructions) for moment in story.moments[returned + 1 :]]
    assert kprobes.machine.resolve("again") + 8 == story.moments[-1].pc


@pytest.mark.parametrize("profile", [V4_8, V7_2], ids=lambda profile: profile.name)
def test_a_function_that_returns_at_once(profile):
    """Its return is executed while the recorder of the hit is being stopped."""
    assert "caller_reached" == story_of(make(profile), Kretprobe(nothing, "helper_entry")).moments[-1].key


def test_a_return_without_an_instance_is_not_told():
    kprobes = make(V15)
    probe = Kretprobe(nothing, "square", entry_handler=lambda *_: 1)
    assert "returned" == story_of(kprobes, probe).moments[-1].key


def test_returns_that_share_a_trampoline():
    kprobes = make(V15)
    kprobes.register(Kretprobe(nothing, "square"))
    story = story_of(kprobes, Kretprobe(nothing, "square"))
    assert "caller_reached" == story.moments[-1].key


# --- handlers that set the PC


def test_a_jprobe():
    kprobes = make(V15)
    kprobes.register(jprobe := Jprobe(nothing, "square"))
    seek(kprobes, jprobe.kprobe, 1, runner(kprobes))
    story = tell(kprobes, jprobe.kprobe, runner(kprobes))
    keys = [moment.key for moment in story.moments]
    handler = ["redirected", "other_code", "brk_taken", "break_handled"]
    stepped = [row.split()[0] for row in STEPPED]
    assert [*stepped[:3], *handler, *stepped[3:13], "returned"] == keys
    assert [0] * len(keys) == [moment.depth - (moment.key == "other_code") for moment in story.moments]


def test_a_handler_that_leaves_a_kernel_since_v4_19():
    kprobes = make(V7_2)

    def skip(_probe, regs):
        regs.pc += 4
        return 1

    story = story_of(kprobes, Kprobe("square", pre_handler=skip))
    assert ["brk_taken", "pre_handler", "redirected", "returned"] == [moment.key for moment in story.moments][1:]


# --- which hit


@pytest.mark.parametrize("hit", [1, 2, 3])
def test_hits_are_counted_from_1(hit):
    kprobes = make(V15)
    kprobes.register(probe := Kprobe("square"))
    assert seek(kprobes, probe, hit, runner(kprobes)) is None
    assert (4 - hit, CALLEE) == (kprobes.machine.cpu.gpr[19], kprobes.machine.cpu.pc)


def test_a_hit_that_never_comes():
    kprobes = make(V15)
    kprobes.register(probe := Kprobe("square"))
    end = seek(kprobes, probe, 4, runner(kprobes))
    assert (3, StopReason.STUCK, False) == (end.hits, end.stop.reason, end.died)


def test_the_first_instruction_of_the_program_can_be_the_hit():
    kprobes = make(V7_2, masks=MASKED)
    kprobes.register(probe := Kprobe("_start"))
    assert seek(kprobes, probe, 1, runner(kprobes)) is None
    assert kprobes.machine.cpu.cycles == 0


# --- the sentences


def test_every_moment_has_its_sentences():
    assert (set(Moment), set(Between)) == (set(_KERNEL), set(_BETWEEN))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_nothing_is_left_to_be_filled_in(profile):
    kprobes = make(profile)
    kprobes.register(Kprobe("helper"))
    for story in (
        story_of(kprobes, Kprobe("square", pre_handler=calls(kprobes), post_handler=nothing)),
        story_of(make(profile), Kretprobe(nothing, "square")),
    ):
        for moment in story.moments:
            assert moment.why[0].isupper() or moment.why[0].isdigit() or moment.instruction
            assert moment.why.endswith(".")
            assert not set("{}") & set(moment.why + moment.source)
            assert moment.title
            assert moment.source


def test_masks_that_a_fault_leaves_are_told():
    """As in the first bits of a story, changed behind it: v5.10 leaves what was masked for a slot that faulted."""
    moments = plain(V5_10).moments
    strip = attrs.evolve(moments[-1].strip, d=1)
    kprobes = make(V5_10)
    tale = recorder._Recorder(kprobes)
    tale._moments.append(moments[0])
    assert ("D", "") == (tale._leaked(strip), tale._leaked(moments[-1].strip))
