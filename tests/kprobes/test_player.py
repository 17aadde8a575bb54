"""Going through the hits of a probe in any order: a hit told again is the same, and so is the state behind it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from aarch64.stop import StopReason
from kprobes import PROFILES, Jprobe, Kprobe, Kprobes, Kretprobe
from kprobes import checkpoint as checkpoints
from kprobes.arch.player import Player
from kprobes.story import End, Story

BASE = 0x4000_0000
SOURCE = """
_start: msr     daifclr, #8
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x19, #5
again:  mov     x0, x19
        bl      fact
        subs    x19, x19, #1
        b.ne    again
done:   b       .
fact:   nop
        cbz     x0, base
        stp     x29, x30, [sp, #-32]!
        str     x0, [sp, #16]
        sub     x0, x0, #1
        bl      fact
        ldr     x1, [sp, #16]
        mul     x0, x0, x1
        ldp     x29, x30, [sp], #32
        ret
base:   mov     x0, #1
        ret
"""
HITS_OF_STR = 5 + 4 + 3 + 2 + 1


def make(profile):
    machine = Machine()
    machine.load(assemble_source(SOURCE, filename="guest.s", base=BASE))
    return Kprobes(machine, PROFILES[profile])


def play(profile="v15", probe=None):
    kprobes = make(profile)
    kprobe = probe or Kprobe("fact", 12, post_handler=lambda *_: None)
    kprobes.register(kprobe)

    def run(until):
        return kprobes.machine.run(100_000 - kprobes.machine.cpu.cycles, until=until)

    return Player(kprobes, kprobe, run)


def state(player):
    machine = player.kprobes.machine.snapshot()
    return machine.cpu, machine.memory, player.kprobes.engine.block.state


@settings(max_examples=100)
@given(st.sampled_from(sorted(PROFILES)), st.lists(st.integers(1, HITS_OF_STR + 2), min_size=2, max_size=5))
def test_hits_can_be_told_in_any_order(profile, order):
    """A walk there and back ends as a walk straight there."""
    player = play(profile)
    told = [player.hit(number) for number in order]
    straight = play(profile)
    assert straight.hit(order[-1]) == told[-1]
    assert state(player) == state(straight)


@pytest.mark.parametrize("profile", PROFILES)
def test_all_hits_forwards_and_backwards(profile):
    player = play(profile)
    forwards = [(player.hit(number), state(player)) for number in range(1, HITS_OF_STR + 1)]
    assert all(isinstance(story, Story) for story, _ in forwards)
    backwards = [(player.hit(number), state(player)) for number in range(HITS_OF_STR, 0, -1)]
    assert forwards == backwards[::-1]


def test_behind_the_last_hit_is_the_end():
    player = play()
    end = player.hit(HITS_OF_STR + 1)
    assert isinstance(end, End)
    assert (end.hits, end.stop.reason, end.died) == (HITS_OF_STR, StopReason.STUCK, False)
    assert player.finish() == end
    assert isinstance(player.hit(HITS_OF_STR), Story)
    assert player.finish() == end


def test_return_probes_are_put_back():
    """Calls under way, their instances and what is free are as they were; the next hit is within this one's call."""
    probe = Kretprobe(lambda *_: None, "fact", maxactive=3)
    player = play(probe=probe)

    def under_way():
        return probe.free, probe.nmissed, [item.return_address for item in player.kprobes.kretprobes.instances[0]]

    player.hit(2)
    second = under_way()
    fifth = player.hit(5)
    assert probe.nmissed == 2
    player.hit(2)
    assert under_way() == second
    assert player.hit(5) == fifth


def test_counts_are_put_back():
    """What is missed in a hit within a hit is counted again, not twice."""
    kprobes = make("v15")
    inner = Kprobe("base")

    def call(*_):
        kprobes.machine.call("base")

    outer = Kprobe("fact", 12, pre_handler=call)
    kprobes.register(inner, outer)
    player = Player(kprobes, outer, lambda until: kprobes.machine.run(100_000, until=until))
    player.hit(3)
    assert inner.nmissed == 3
    player.hit(1)
    assert inner.nmissed == 1
    player.hit(3)
    assert inner.nmissed == 3


def test_a_jprobe_can_be_played():
    player = play(probe=None)
    seen = []
    jprobe = Jprobe(lambda regs: seen.append(regs.argument(0)), "base")
    player.kprobes.register(jprobe)
    inner = Player(player.kprobes, jprobe.kprobe, lambda until: player.kprobes.machine.run(100_000, until=until))
    first = inner.hit(1)
    assert inner.hit(3) != first
    assert inner.hit(1) == first
    assert seen == [0] * len(seen)


def test_many_hits_are_remembered_by_a_bounded_number_of_states(monkeypatch):
    monkeypatch.setattr("kprobes.arch.player._MOST_SAVED", 3)
    player = play()
    forwards = [player.hit(number) for number in range(1, HITS_OF_STR + 1)]
    assert len(player._saved) == 3
    assert [player.hit(number) for number in range(1, HITS_OF_STR + 1)] == forwards


def test_a_checkpoint_keeps_the_objects():
    kprobes = make("v5.10")
    probe = Kprobe("fact")
    kprobes.register(probe)
    saved = checkpoints.save([kprobes.registry])
    probe.nmissed = 7
    kprobes.disable(probe)
    patches = kprobes.registry.patches
    checkpoints.restore(saved)
    assert (probe.nmissed, probe.is_disabled) == (0, False)
    assert kprobes.registry.lookup(probe.at) is probe
    assert kprobes.registry.patches is patches
