"""Hits as users see them: the kernel's own tests of kprobes, hits within hits, several probes, many probes."""

import random

import pytest

from kprobes import V4_8, V5_10, V7_2, V15, Kprobe, ProbeFlag, RegistrationError
from kprobes.errors import Errno
from kprobes.transitions import State
from tests.kprobes.guest import KERNELS, STEPPING, make, of

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)

SOURCE = """
target: mov     x9, #3
        udiv    x0, x0, x9
        ret
target2: mov    x9, #3
        udiv    x0, x0, x9
        add     x0, x0, #1
        ret
square: mul     x0, x0, x0
        add     x0, x0, #1
        ret
helper: add     x0, x0, #1
        ret
other:  add     x0, x0, #2
        ret
deep:   stp     x29, x30, [sp, #-16]!   // calls helper itself
        bl      helper
        ldp     x29, x30, [sp], #16
        ret
"""


def start(kernel, source=SOURCE):
    return make(kernel, source)


# --- lib/test_kprobes.c and its predecessor

VALUES = [random.Random(1).randrange(4, 1 << 32) for _ in range(3)]


@each_kernel
@pytest.mark.parametrize("value", VALUES)
def test_kprobe(kernel, value):
    """Its pre-handler leaves a value that its post-handler has to find; the function is not affected."""
    guest, found = start(kernel), []
    left = {}
    guest.probe(
        "target",
        pre_handler=lambda probe, _regs: left.update({probe: value // 3}),
        post_handler=lambda probe, _regs: found.append(left[probe]),
    )
    assert value // 3 == guest.call("target", value)
    assert [value // 3] == found


@each_kernel
def test_kprobes(kernel):
    """Two, registered at once: each call fires its own pair of handlers. After both are unregistered, none."""
    guest, fired = start(kernel), []
    names = ("target", "target2")
    probes = [
        Kprobe(
            name,
            pre_handler=lambda probe, _regs: fired.append(("pre", probe.symbol)),
            post_handler=lambda probe, _regs: fired.append(("post", probe.symbol)),
        )
        for name in names
    ]
    guest.kprobes.register(*probes)
    for name, result in zip(names, (10, 11), strict=True):
        assert result == guest.call(name, 30)
        assert [("pre", name), ("post", name)] == fired
        fired.clear()
    guest.kprobes.unregister(*probes)
    assert (10, 11, []) == (guest.call("target", 30), guest.call("target2", 30), fired)


@each_kernel
def test_kprobe_missed(kernel):
    """Both handlers of a probe call the very function it is on: one call of it, and exactly two are missed."""
    guest, values = start(kernel), []
    calls = lambda *_: values.append(guest.call("target", 30))  # noqa: E731
    probe = guest.probe("target", pre_handler=calls, post_handler=calls)
    assert 100 == guest.call("target", 300)
    assert ([10, 10], 2) == (values, probe.nmissed)
    assert 100 == guest.call("target", 300)
    assert 4 == probe.nmissed


@each_kernel
def test_to_register_a_probe_once_more_its_address_and_flags_have_to_be_set_anew(kernel):
    guest, hits = start(kernel), []
    probe = guest.probe("target", pre_handler=lambda *_: hits.append(1))
    guest.kprobes.unregister(probe)
    with pytest.raises(RegistrationError, match="not both") as raised:
        guest.kprobes.register(probe)
    assert Errno.EINVAL is raised.value.errno
    assert ProbeFlag.DISABLED == probe.flags  # unregistering begins with that, so it would not be hit
    probe.address, probe.flags = None, ProbeFlag.NONE
    guest.kprobes.register(probe)
    guest.call("target", 30)
    assert [1] == hits


# --- hits within hits


@each_kernel
@pytest.mark.parametrize("during", ["pre", "post"])
def test_a_hit_within_a_hit_is_counted_and_its_instruction_executed(kernel, during):
    guest, results, hits = start(kernel), [], []
    outer = guest.probe("square", **{f"{during}_handler": lambda *_: results.append(guest.call("helper", 10))})
    inner = guest.probe("helper", pre_handler=lambda *_: hits.append(1), post_handler=lambda *_: hits.append(1))
    assert 26 == guest.call("square", 5)
    assert ([11], [], 0, 1) == (results, hits, outer.nmissed, inner.nmissed)
    assert (11, [1, 1], 1) == (guest.call("helper", 10), hits, inner.nmissed)
    assert 0 == guest.cpu.pstate.daif


@each_kernel
def test_after_a_hit_within_a_hit_there_may_be_others_again_and_again(kernel):
    guest, results = start(kernel), []

    def call_many(_probe, _regs):
        results.extend(guest.call(name, 10) for name in ("helper", "other", "helper", "deep", "helper"))

    guest.probe("square", pre_handler=call_many)
    helper, other = guest.probe("helper"), guest.probe("other")
    assert 26 == guest.call("square", 5)
    assert ([11, 12, 11, 11, 11], 4, 1) == (results, helper.nmissed, other.nmissed)
    assert [1, *[7, 8, 8] * 5, 2, 5, 6] == guest.rows


@each_kernel
def test_handlers_before_and_after_may_both_hit(kernel):
    guest = start(kernel)
    calls = lambda *_: guest.call("helper", 10) and None  # noqa: E731
    guest.probe("square", pre_handler=calls, post_handler=calls)
    helper = guest.probe("helper")
    assert 26 == guest.call("square", 5)
    assert ([1, 7, 8, 8, 2, 5, 6, 7, 8, 8], 2) == (guest.rows, helper.nmissed)
    assert (State.IDLE, 0) == (guest.state, guest.cpu.pstate.daif)


@each_kernel
def test_a_guest_with_interrupts_masked_finds_them_so_after_nested_hits(kernel):
    guest = make(kernel, SOURCE, daif=0b0111)
    guest.probe("square", pre_handler=lambda *_: guest.call("helper", 10) and None)
    guest.probe("helper")
    assert (26, 0b0111) == (guest.call("square", 5), guest.cpu.pstate.daif)


# --- what handlers may do


@each_kernel
def test_handlers_read_and_change_the_registers(kernel):
    guest, seen = start(kernel), []

    def before(_probe, regs):
        seen.append((regs.argument(0), regs.pc, regs.sp, regs.user_mode))
        regs.x[0] = 6

    def after(_probe, regs):
        seen.append((regs.return_value, regs.pc))
        regs.return_value += 100

    guest.probe("square", pre_handler=before, post_handler=after)
    sp = guest.cpu.sp
    assert 36 + 100 + 1 == guest.call("square", 5)
    assert [(5, guest.at("square"), sp, False), (36, guest.at("square", 4))] == seen


@each_kernel
def test_a_probe_without_handlers_changes_nothing(kernel):
    guest = start(kernel)
    guest.probe("square")
    assert (26, [1, 2, 5, 6]) == (guest.call("square", 5), guest.rows)


@each_kernel
def test_a_handler_that_unregisters_its_own_probe_finishes_the_hit(kernel):
    """The slot is given back when nobody is in it any more."""
    guest, posts, slots = start(kernel), [], []
    probe = guest.probe(
        "square",
        pre_handler=lambda probe, _regs: guest.kprobes.unregister(probe),
        post_handler=lambda probe, _regs: posts.append(probe),
    )
    slot, word = probe.execution.slot, probe.opcode
    guest.begin("square", 5)
    guest.until(2)
    slots.append((guest.kprobes.slots.state(slot).name, guest.word("square")))
    guest.until(6)
    slots.append((guest.kprobes.slots.state(slot).name, guest.word("square")))
    assert [("USED", word), ("CLEAN", word)] == slots
    assert ([probe], State.IDLE, guest.at("square", 4), 25) == (posts, guest.state, guest.cpu.pc, guest.cpu.gpr[0])


@each_kernel
def test_a_slot_that_is_being_executed_is_not_used_for_another_probe(kernel):
    guest = start(kernel)
    probe = guest.probe("square")
    guest.begin("square", 5)
    guest.until(2)  # the next instruction is the one in the slot
    guest.kprobes.unregister(probe)
    other = guest.probe("other")
    assert probe.execution.slot != other.execution.slot
    guest.until(6)
    assert (25, guest.at("square", 4)) == (guest.cpu.gpr[0], guest.cpu.pc)
    assert probe.execution.slot == guest.probe("helper").execution.slot


@each_kernel
def test_a_handler_may_register_a_probe_that_is_hit_at_once(kernel):
    guest, hits = start(kernel), []
    guest.probe(
        "square",
        pre_handler=lambda *_: guest.probe("square", 4, pre_handler=lambda _probe, regs: hits.append(regs.x[0])) and 0,
    )
    assert (26, [25]) == (guest.call("square", 5), hits)


# --- many probes


@each_kernel
def test_256_probes_are_registered_disabled_enabled_and_unregistered_at_once(kernel):
    source = "many:\n" + "        add x0, x0, #1\n" * 256 + "        ret\n"
    guest, hits = start(kernel, source), []
    text = guest.machine.memory.read_bytes(guest.at("many"), 4 * 257)
    probes = [Kprobe("many", 4 * n, pre_handler=lambda probe, _regs: hits.append(probe.offset)) for n in range(256)]
    guest.kprobes.register(*probes)
    assert 256 == guest.call("many", 0)
    assert [4 * n for n in range(256)] == hits
    hits.clear()
    for probe in probes[::2]:
        guest.kprobes.disable(probe)
    assert 256 == guest.call("many", 0)
    assert [4 * n for n in range(1, 256, 2)] == hits
    hits.clear()
    for probe in probes:
        guest.kprobes.enable(probe)
    assert 256 == guest.call("many", 0)
    assert 256 == len(hits)
    guest.kprobes.unregister(*probes)
    assert text == guest.machine.memory.read_bytes(guest.at("many"), 4 * 257)
    assert 256 == guest.call("many", 0)
    assert 256 == len(hits)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "fast"])
@each_kernel
def test_a_probed_loop_in_both_tiers(kernel, exact):
    source = """
loop:   mov     x1, #0
again:  add     x1, x1, x0
        subs    x0, x0, #1
        b.ne    again
        mov     x0, x1
        ret
"""
    guest, hits = make(kernel, source, exact=exact), []
    guest.probe("again", pre_handler=lambda _probe, regs: hits.append(regs.x[0]))
    assert 300 * 301 // 2 == guest.call("loop", 300)
    assert list(range(300, 0, -1)) == hits


def test_a_hit_takes_two_exceptions_or_one():
    """What it costs: BRK and the end of the slot, or BRK alone where the instruction is simulated."""
    source = "f: add x0, x0, #1\n b back\nback: ret\n"
    for kernel in (V4_8, V5_10, V7_2):
        guest = make(kernel, source)
        guest.probe("f")
        guest.call("f")
        assert 2 == sum(guest.machine.exceptions.values())
        guest.probe("f", 4)
        guest.call("f")
        assert 2 + 2 + 1 == sum(guest.machine.exceptions.values())
    assert STEPPING == (V15, V4_8)
