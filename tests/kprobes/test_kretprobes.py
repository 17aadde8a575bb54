"""Kretprobes: handlers of the return, trampolines, instances, and what the kernels differ in."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64 import state
from aarch64.features import Feature
from aarch64.machine import RETURN_ADDRESS, CallError
from aarch64.stop import StopReason
from kprobes.errors import RegistrationError
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.profiles import PROFILES
from kprobes.pt_regs import PtRegs
from kprobes.returns import Instance, Kretprobe, LostReturn
from tests.kprobes.guests import ASSEMBLY_TRAMPOLINES, KERNELS, STACK, Guest, kernels, make_guest

SOURCE = """
third:  mov     x9, #3                  // its argument, divided by 3
        udiv    x0, x0, x9
        ret

plus:   add     x0, x0, #1
        ret

factorial: stp  x29, x30, [sp, #-32]!
        mov     x29, sp
        str     x19, [sp, #16]
        mov     x19, x0
        cbz     x0, 1f
        sub     x0, x0, #1
        bl      factorial
        mul     x0, x0, x19
        b       2f
1:      mov     x0, #1
2:      ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret

outer:  stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        bl      inner
back:   add     x0, x0, #1
        ldp     x29, x30, [sp], #16
        ret
inner:  stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        add     x0, x0, #10
        ldp     x29, x30, [sp], #16
        ret

tail:   add     x0, x0, #5              // a tail call
        b       third

by_x5:  mov     x5, x30                 // returns by another register than X30
        movn    x30, #0
        ret     x5

catches: stp    x29, x30, [sp, #-16]!   // what leaps does not return to its caller, but here, as longjmp does
        mov     x29, sp
        mov     x20, sp
        mov     x21, x29
        bl      throws
lost:   movn    x0, #0                  // nobody gets here, unless by mistake
        b       .
landed: add     x0, x0, #100
        ldp     x29, x30, [sp], #16
        ret
throws: stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        bl      leaps
wrong:  movn    x0, #1
        b       .
leaps:  add     x0, x0, #1
        mov     sp, x20
        mov     x29, x21
        b       landed

signs:  paciasp
        stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        bl      plus
        ldp     x29, x30, [sp], #16
        autiasp
        ret

masks:  mrs     x0, DAIF
        ret
"""


def log_of(guest: Guest, name: str, log: list[object], **options) -> Kretprobe:
    """A kretprobe, registered, that keeps what is returned."""
    kretprobe = Kretprobe(lambda _instance, regs: log.append((name, regs.return_value)), name, **options)
    guest.kprobes.register(kretprobe)
    return kretprobe


def unmask_debug(guest: Guest) -> None:
    guest.machine.cpu.pstate.d = 0
    guest.machine.cpu.context_changed()


# --- the kernel's own tests (kernel/test_kprobes.c)


@pytest.mark.parametrize(**kernels())
def test_r1_the_entry_handler_is_first_and_the_handler_sees_what_is_returned(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    guest.kprobes.register(
        Kretprobe(
            lambda _instance, regs: log.append(("return", regs.return_value)),
            "third",
            entry_handler=lambda _instance, regs: log.append(("entry", regs.argument(0))),
        )
    )
    assert 33 == guest.call("third", 100)
    assert [("entry", 100), ("return", 33)] == log


@pytest.mark.parametrize(**kernels())
def test_r2_a_batch_of_two(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    probes = [
        Kretprobe(lambda instance, regs: log.append((instance.owner.symbol, regs.return_value)), name)
        for name in ("third", "plus")
    ]
    guest.kprobes.register(*probes)
    assert (33, 101) == (guest.call("third", 100), guest.call("plus", 100))
    guest.kprobes.unregister(*probes)
    assert (33, 101) == (guest.call("third", 100), guest.call("plus", 100))
    assert [("third", 33), ("plus", 101)] == log


@pytest.mark.parametrize(**kernels())
def test_nested_calls_return_in_their_order(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    for name in ("outer", "inner"):
        log_of(guest, name, log)
    assert 16 == guest.call("outer", 5)
    assert [("inner", 15), ("outer", 16)] == log


# --- what a handler is given


@pytest.mark.parametrize(**kernels(ASSEMBLY_TRAMPOLINES))
def test_before_v6_9_the_registers_are_put_together_by_hand(profile):
    """There is no exception: PC is 0, and PSTATE is NZCV, DAIF, CurrentEL and SPSel, and nothing else."""
    guest = make_guest(SOURCE, profile)
    seen = []
    guest.kprobes.register(
        Kretprobe(lambda _instance, regs: seen.append((regs.pc, regs.sp, regs.pstate, tuple(regs.x))), "third")
    )
    cpu = guest.machine.cpu
    cpu.pstate.flags, cpu.pstate.ssbs, cpu.pstate.pan = (1, 0, 1, 0), 1, 0
    cpu.gpr[10:30] = range(10, 30)
    guest.call("third", 100)
    ((pc, sp, pstate, x),) = seen
    assert (0, STACK, 0xA0000000 | 0b0111 << 6 | 1 << 2 | 1) == (pc, sp, pstate)
    assert (33, 3, *range(10, 30)) == (x[0], x[9], *x[10:30])


def test_since_v6_9_the_registers_are_those_of_an_exception():
    """PC is where the function returns to (instruction_pointer_set in __kretprobe_trampoline_handler)."""
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    seen = []
    guest.kprobes.register(Kretprobe(lambda _instance, regs: seen.append((regs.pc, regs.sp, regs.pstate)), "inner"))
    cpu = guest.machine.cpu
    cpu.pstate.flags, cpu.pstate.ssbs = (1, 0, 1, 0), 1
    guest.call("outer", 5)
    assert [(guest.address("back"), STACK - 16, 0xA0000000 | 1 << 12 | 0b0111 << 6 | 1 << 2 | 1)] == seen


@pytest.mark.parametrize(
    ("name", "masked"),
    [("v15", 0b0010), ("v4.8", 0b0010), ("v5.10", 0b0010), ("v7.2", 0b1111)],
)
def test_handlers_run_with_interrupts_masked_and_in_an_exception_with_all_masked(name, masked):
    """Without an exception it is a lock that keeps interrupts out (kretprobe_hash_lock)."""
    guest = make_guest(SOURCE, KERNELS[name], daif=0)
    seen = []
    guest.kprobes.register(Kretprobe(lambda *_: seen.append(guest.machine.call("masks")), "third"))
    guest.call("third", 100)
    assert [masked << 6] == seen
    assert 0 == guest.machine.cpu.pstate.daif


@pytest.mark.parametrize(**kernels())
def test_a_handler_changes_what_is_returned(profile):
    guest = make_guest(SOURCE, profile)

    def negate(_instance: Instance, regs: PtRegs) -> None:
        regs.return_value = -regs.return_value

    guest.kprobes.register(Kretprobe(negate, "inner"))
    assert -15 + 1 == guest.call("outer", 5) - (1 << 64)


@pytest.mark.parametrize(**kernels())
def test_where_to_go_on_is_not_a_handlers_to_change(profile):
    guest = make_guest(SOURCE, profile)

    def meddle(_instance: Instance, regs: PtRegs) -> None:
        regs.pc = regs.x[30] = 0x1000

    guest.kprobes.register(Kretprobe(meddle, "inner"))
    assert 16 == guest.call("outer", 5)


@pytest.mark.parametrize(**kernels())
def test_an_entry_handler_that_gives_something_has_the_return_not_probed(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    kretprobe = log_of(guest, "third", log, entry_handler=lambda _instance, regs: regs.argument(0) > 50, maxactive=1)
    assert (33, 10) == (guest.call("third", 100), guest.call("third", 30))
    assert [("third", 10)] == log
    assert (0, 1, {0: []}) == (kretprobe.nmissed, kretprobe.free, guest.kprobes.kretprobes.instances)


def test_an_instance_has_data_of_its_own():
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    log = []

    def enter(instance: Instance, regs: PtRegs) -> None:
        instance.data[:] = regs.argument(0).to_bytes(2, "little")

    kretprobe = Kretprobe(
        lambda instance, regs: log.append((int.from_bytes(instance.data, "little"), regs.return_value)),
        "factorial",
        entry_handler=enter,
        data_size=2,
    )
    guest.kprobes.register(kretprobe)
    guest.call("factorial", 3)
    assert [(0, 1), (1, 1), (2, 2), (3, 6)] == log


def test_an_instance_knows_when_and_from_where_the_function_was_called():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    seen = []
    guest.kprobes.register(
        Kretprobe(lambda instance, _regs: seen.append((instance.return_address, instance.entry_cycle)), "inner")
    )
    guest.call("outer", 5)
    ((address, cycle),) = seen
    assert guest.address("back") == address
    assert 0 < cycle < guest.machine.cpu.cycles


# --- instances


@pytest.mark.parametrize(**kernels())
def test_recursion_of_depth_3_with_one_instance_is_missed_twice(profile):
    guest = make_guest(SOURCE, profile)
    log, entries = [], []
    kretprobe = log_of(guest, "factorial", log, maxactive=1, entry_handler=lambda *_: entries.append(1))
    assert 2 == guest.call("factorial", 2)
    assert ([("factorial", 2)], [1], 2, 0) == (log, entries, kretprobe.nmissed, kretprobe.kprobe.nmissed)
    assert 1 == kretprobe.free


@pytest.mark.parametrize(**kernels())
def test_recursion_with_enough_instances(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    kretprobe = log_of(guest, "factorial", log, maxactive=4)
    assert 6 == guest.call("factorial", 3)
    assert ([("factorial", value) for value in (1, 1, 2, 6)], 0, 4) == (log, kretprobe.nmissed, kretprobe.free)


@pytest.mark.parametrize(("asked", "given"), [(0, 10), (-5, 10), (1, 1), (25, 25)])
def test_how_many_instances_there_are(asked, given):
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    kretprobe = log_of(guest, "third", [], maxactive=asked)
    assert (given, given) == (kretprobe.maxactive, kretprobe.free)


@pytest.mark.parametrize(**kernels())
def test_a_hit_within_a_handler_is_missed_by_the_probe_at_the_entry_alone(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    kretprobe = log_of(guest, "third", log)
    guest.kprobes.register(Kprobe("plus", pre_handler=lambda *_: guest.machine.call("third", 9) and None))
    assert 2 == guest.call("plus", 1)
    assert ([], 1, 0) == (log, kretprobe.kprobe.nmissed, kretprobe.nmissed)


@pytest.mark.parametrize(**kernels())
def test_several_kretprobes_on_a_function_run_at_one_return_the_newest_first(profile):
    guest = make_guest(SOURCE, profile)
    log = []

    def named(name: str) -> Kretprobe:
        return Kretprobe(
            lambda instance, regs: log.append((name, regs.return_value, instance.return_address)),
            "inner",
            entry_handler=lambda *_: log.append(name),
        )

    guest.kprobes.register(named("a"), named("b"), named("c"))
    assert 16 == guest.call("outer", 5)
    back = guest.address("back")
    # Probes that are newer are hit first, and calls that are newer return first.
    assert ["c", "b", "a", ("a", 15, back), ("b", 15, back), ("c", 15, back)] == log


@pytest.mark.parametrize(**kernels())
def test_functions_that_call_one_another_last_return_at_once(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    for name in ("tail", "third"):
        log_of(guest, name, log)
    assert 35 == guest.call("tail", 100)
    assert [("third", 35), ("tail", 35)] == log


@pytest.mark.parametrize(**kernels())
def test_a_function_that_returns_by_another_register(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    log_of(guest, "by_x5", log)
    assert 7 == guest.call("by_x5", 7)
    assert [("by_x5", 7)] == log


def test_tasks_have_their_own_calls_and_share_the_instances():
    """A task that sleeps within a probed function keeps an instance; when it is no more, that is given back."""
    tasks = [1]
    guest = make_guest(SOURCE, KERNELS["v4.8"], current_task=lambda: tasks[0])
    log, cpu = [], guest.machine.cpu
    kretprobe = log_of(guest, "inner", log, maxactive=1)
    cpu.pc, cpu.gpr[0], cpu.gpr[30], resumed = guest.address("inner"), 5, guest.address("back"), []

    def other_task(_probe: Kprobe, _regs: PtRegs) -> None:
        resumed.append(guest.kprobes.kretprobes.return_address(1))

    guest.kprobes.register(Kprobe("inner", 8, pre_handler=other_task))
    guest.machine.run(1000, until=guest.address("inner") + 12)
    assert [guest.address("back")] == resumed
    sleeping = state.save(cpu)
    tasks[0] = 2
    assert 16 == guest.call("inner", 6)
    assert ([], 1, None) == (log, kretprobe.nmissed, guest.kprobes.kretprobes.return_address(2))
    state.restore(cpu, sleeping)
    tasks[0] = 1
    guest.machine.run(1000, until="back")
    assert ([("inner", 15)], 1) == (log, kretprobe.free)


def test_a_task_that_is_no_more_gives_its_instances_back():
    guest = make_guest(SOURCE, KERNELS["v5.10"])
    kretprobe = log_of(guest, "inner", [], maxactive=1)
    guest.machine.cpu.pc = guest.address("inner")
    guest.machine.run(1000, until=guest.address("inner") + 8)
    assert 0 == kretprobe.free
    guest.kprobes.kretprobes.forget(0)
    assert (1, None) == (kretprobe.free, guest.kprobes.kretprobes.return_address())
    guest.kprobes.kretprobes.forget(0)
    assert 1 == kretprobe.free


# --- unregistering


@pytest.mark.parametrize(**kernels())
def test_a_call_under_way_returns_though_its_kretprobe_is_unregistered(profile):
    """The instance goes on as a redirector: no handler is called."""
    guest = make_guest(SOURCE, profile)
    log = []
    kretprobe = log_of(guest, "inner", log)
    within = Kprobe("inner", 8, pre_handler=lambda *_: guest.kprobes.unregister(kretprobe))
    guest.kprobes.register(within)
    assert 16 == guest.call("outer", 5)
    assert ([], {0: []}) == (log, guest.kprobes.kretprobes.instances)
    guest.kprobes.unregister(within)
    kretprobe.kprobe.address, kretprobe.kprobe.flags = None, ProbeFlag.NONE  # as in Linux, unregistering leaves them
    guest.kprobes.register(kretprobe)
    assert 16 == guest.call("outer", 5)
    assert ([("inner", 15)], kretprobe.maxactive) == (log, kretprobe.free)


def test_misses_are_counted_anew_when_it_is_registered_anew():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    kretprobe = log_of(guest, "factorial", [], maxactive=1)
    guest.call("factorial", 3)
    assert 3 == kretprobe.nmissed
    guest.kprobes.unregister(kretprobe)
    kretprobe.kprobe.address, kretprobe.kprobe.flags = None, ProbeFlag.NONE
    guest.kprobes.register(kretprobe)
    assert 0 == kretprobe.nmissed


@pytest.mark.parametrize(**kernels())
def test_a_handler_unregisters_the_one_that_is_to_come_after_it(profile):
    guest = make_guest(SOURCE, profile)
    log = []
    guest.kprobes.register(Kretprobe(lambda *_: guest.kprobes.unregister(victim), "inner"))
    victim = log_of(guest, "inner", log)  # being newer it is hit first, so its call is the older one: it runs last
    assert 16 == guest.call("outer", 5)
    assert ([], {0: []}) == (log, guest.kprobes.kretprobes.instances)


def test_registering_it_again_is_refused_and_changes_nothing():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    log = []
    kretprobe = log_of(guest, "factorial", log, maxactive=1)
    guest.call("factorial", 1)
    with pytest.raises(RegistrationError, match="registered already"):
        guest.kprobes.register(kretprobe)
    assert 1 == kretprobe.nmissed
    guest.call("factorial", 1)
    assert ([("factorial", 1)] * 2, 2) == (log, kretprobe.nmissed)


# --- registering


@pytest.mark.parametrize(("name", "refused"), [("v15", False), ("v4.8", False), ("v5.10", True), ("v7.2", True)])
@pytest.mark.parametrize("by_symbol", [True, False])
def test_a_kretprobe_within_a_function(name, refused, by_symbol):
    """Kernels before v4.12 take it: then X30 is taken for the return address, whatever it is by then."""
    guest = make_guest(SOURCE, KERNELS[name])
    log = []
    place = {"symbol": "third", "offset": 4} if by_symbol else {"address": guest.address("third") + 4}
    kretprobe = Kretprobe(lambda _instance, regs: log.append(regs.return_value), **place)
    if refused:
        with pytest.raises(RegistrationError, match=r"third\+0x4\) is not: .* a symbol without an offset"):
            guest.kprobes.register(kretprobe)
    else:
        guest.kprobes.register(kretprobe)
    assert 33 == guest.call("third", 100)
    assert ([] if refused else [33]) == log


def test_a_kretprobe_at_the_address_of_a_symbol():
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    log = []
    guest.kprobes.register(
        Kretprobe(lambda *_: log.append(1), address=guest.address("third")),
        Kretprobe(lambda *_: log.append(2), "third", guest.address("plus") - guest.address("third")),
    )
    guest.call("third", 1)
    guest.call("plus", 1)
    assert [1, 2] == log


@pytest.mark.parametrize(("name", "most"), [("v15", None), ("v4.8", None), ("v5.10", None), ("v7.2", 4096)])
def test_how_much_data_an_instance_may_have(name, most):
    guest = make_guest(SOURCE, KERNELS[name])
    guest.kprobes.register(Kretprobe(lambda *_: None, "third", data_size=4096))
    too_much = Kretprobe(lambda *_: None, "plus", data_size=4097)
    if most is None:
        guest.kprobes.register(too_much)
        return
    with pytest.raises(RegistrationError, match=r"4097 bytes an instance: this kernel has 4096 at most \(-E2BIG\)"):
        guest.kprobes.register(too_much)


def test_less_than_no_data_is_refused():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    with pytest.raises(RegistrationError, match=r"-1 bytes an instance: want 0 or more \(-EINVAL\)"):
        guest.kprobes.register(Kretprobe(lambda *_: None, "third", data_size=-1))


@pytest.mark.parametrize(**kernels())
def test_errors_come_in_the_kernels_order(profile):
    guest = make_guest(SOURCE, profile)
    with pytest.raises(RegistrationError, match="ENOENT"):
        guest.kprobes.register(Kretprobe(lambda *_: None, "nobody", 4, data_size=5000))
    if profile.name == "v7.2":
        with pytest.raises(RegistrationError, match="EINVAL"):
            guest.kprobes.register(Kretprobe(lambda *_: None, "third", 4, data_size=5000))


def test_what_was_set_on_the_probe_at_the_entry_is_overwritten():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    log, calls = [], []
    kretprobe = Kretprobe(lambda *_: log.append(1), "third")
    kretprobe.kprobe.pre_handler = kretprobe.kprobe.post_handler = lambda *_: calls.append(1)
    guest.kprobes.register(kretprobe)
    guest.call("third", 1)
    assert ([1], []) == (log, calls)


# --- probes hit by handlers


@pytest.mark.parametrize(**kernels())
def test_what_a_handler_of_the_return_hits_is_missed(profile):
    guest = make_guest(SOURCE, profile)
    calls, current = [], []
    plus = Kprobe("plus", pre_handler=lambda *_: calls.append(1))

    def handler(instance: Instance, regs: PtRegs) -> None:
        current.append(guest.kprobes.engine.block.current is instance.owner.kprobe)
        regs.return_value = guest.machine.call("plus", regs.return_value)

    guest.kprobes.register(plus, Kretprobe(handler, "third"))
    assert 34 == guest.call("third", 100)
    assert ([], 1, [True]) == (calls, plus.nmissed, current)
    assert guest.kprobes.engine.block.current is None
    unmask_debug(guest)
    guest.call("plus", 1)
    assert [1] == calls


@pytest.mark.parametrize(("name", "masked"), [("v15", 1), ("v4.8", 1), ("v5.10", 0), ("v7.2", 0)])
def test_a_step_within_a_handler_of_the_return_leaves_debug_exceptions_masked(name, masked):
    """A defect of kernels that step: after a hit within a hit they set D, and here no exception return undoes it.

    The trampoline returns to the caller with D set, and the next probe there cannot be stepped (fixed in v5.3).
    """
    guest = make_guest(SOURCE, KERNELS[name], daif=0)
    guest.kprobes.register(Kprobe("plus"), Kretprobe(lambda *_: guest.machine.call("plus", 1), "third"))
    guest.call("third", 100)
    assert masked << 3 == guest.machine.cpu.pstate.daif
    if masked:
        with pytest.raises(CallError, match=r"undefined instruction from 0x[0-9a-f]+, EL1"):
            guest.call("plus", 1)  # no step is taken after the slot
    else:
        assert 2 == guest.call("plus", 1)


def test_a_return_ends_what_a_handler_of_a_jprobe_has_left_behind():
    """current_kprobe is set to NULL after a handler of a return, whoever it was set by."""
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    log = []
    log_of(guest, "outer", log)

    def redirect(_probe: Kprobe, regs: PtRegs) -> int:
        regs.pc = regs.x[30]
        return 1

    guest.kprobes.register(Kprobe("inner", pre_handler=redirect))
    assert 6 == guest.call("outer", 5)
    assert [("outer", 6)] == log
    assert guest.kprobes.engine.block.current is None


# --- calls that never return

LEAPS = {
    "v15": ("wrong", [("leaps", 106)], []),
    "v4.8": ("wrong", [("leaps", 106)], []),
    "v5.10": (None, [("catches", 106)], ["a newer call than the one that returns is under way"]),
    "strict": (None, [("catches", 106)], ["a newer call than the one that returns is under way"]),
    "v7.2": ("wrong", [], ["the newest call under way began with X29"]),
}
"""Where a function returns to whose callee never returned, both being probed; what handlers were called; messages."""


@pytest.mark.parametrize("name", LEAPS)
def test_a_call_that_never_returns_is_taken_for_the_next_that_does_except_in_v5_10(name):
    """v5.10 looks at the stack pointer at entry, and alone goes on right. v7.2 notices (X29), and returns wrong."""
    where, handled, messages = LEAPS[name]
    guest = make_guest(SOURCE, PROFILES[name])
    log = []
    for function in ("catches", "leaps"):
        log_of(guest, function, log)
    cpu = guest.machine.cpu
    cpu.pc, cpu.gpr[0], cpu.gpr[30], cpu.gpr[29] = guest.address("catches"), 5, RETURN_ADDRESS, 0
    stop = guest.machine.run(1000, until=RETURN_ADDRESS if where is None else where)
    assert (StopReason.RETURNED if where is None else StopReason.UNTIL) is stop.reason
    assert handled == log
    assert len(messages) == len(guest.messages)
    assert all(text.startswith(expected) for text, expected in zip(guest.messages, messages, strict=True))


@pytest.mark.parametrize(**kernels())
def test_a_return_that_nobody_knows_of_is_an_error(profile):
    guest = make_guest(SOURCE, profile)
    links = []
    guest.kprobes.register(Kretprobe(lambda *_: None, "third"))
    guest.kprobes.register(Kprobe("third", 4, pre_handler=lambda _probe, regs: links.append(regs.x[30])))
    guest.call("third", 1)
    guest.machine.cpu.pc = links[0]
    with pytest.raises(LostReturn, match=f"returned to the trampoline at {links[0]:#x} with SP {STACK:#x}, and no"):
        guest.machine.run(1000)


# --- the trampoline keeps all registers


@functools.cache
def pair(name: str) -> tuple[Guest, Guest]:
    """A guest without a probe, and one with."""
    unprobed, guest = (make_guest("probed: add x28, x28, #1\nret\n", KERNELS[name]) for _ in range(2))
    guest.kprobes.register(Kretprobe(lambda *_: None, "probed"))
    return unprobed, guest


@pytest.mark.parametrize("name", KERNELS)
@given(
    values=st.lists(st.integers(0, (1 << 64) - 1), min_size=30, max_size=30),
    flags=st.tuples(*[st.integers(0, 1)] * 4),
    sp=st.integers(-0x800, 0x800).map(lambda offset: STACK + 16 * offset),
    masks=st.integers(0, 7),
)
def test_all_but_x30_is_after_the_return_what_it_is_without_a_probe(name, values, flags, sp, masks):
    """X30 is the return address, as without; or since v6.9 that of the trampoline, which no caller may rely on."""
    results = []
    for guest in pair(name):
        cpu = guest.machine.cpu
        cpu.gpr[:30], cpu.sp, cpu.pstate.flags, cpu.pstate.daif = values, sp, flags, masks
        cpu.context_changed()
        cpu.pc, cpu.gpr[30] = guest.address("probed"), RETURN_ADDRESS
        assert StopReason.RETURNED is guest.machine.run(1000, until=RETURN_ADDRESS).reason
        results.append((tuple(cpu.gpr[:30]), cpu.sp, cpu.pstate, cpu.pc))
        assert (cpu.gpr[30] == RETURN_ADDRESS) is not (name == "v7.2" and guest is pair(name)[1])
    assert results[0] == results[1]


@pytest.mark.parametrize(**kernels())
def test_the_tiers_agree(profile):
    outcomes = []
    for exact in (True, False):
        guest = make_guest(SOURCE, profile, exact=exact)
        log = []
        log_of(guest, "factorial", log, maxactive=5)
        values = [guest.call("factorial", 8) for _ in range(40)]
        outcomes.append((values, log, state.save(guest.machine.cpu)))
    assert outcomes[0] == outcomes[1]
    assert 40 * 5 == len(outcomes[0][1])


# --- pointer authentication

ENABLE_IA = 1 << 31


@pytest.mark.parametrize(**kernels())
def test_a_function_that_signs_its_return_address_signs_that_of_the_trampoline(profile):
    """The probe is on PACIASP itself, so X30 is replaced before it is signed; AUTIASP finds what was signed."""
    guest = make_guest(SOURCE, profile)
    assert Feature.PAUTH in guest.machine.cpu.features
    cpu = guest.machine.cpu
    cpu.sysregs["SCTLR_EL1"] |= ENABLE_IA
    cpu.sysregs["APIAKEYLO_EL1"], cpu.sysregs["APIAKEYHI_EL1"] = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
    cpu.context_changed()
    log, links = [], []
    log_of(guest, "signs", log)

    def look(_probe: Kprobe, regs: PtRegs) -> None:
        link = guest.words_at(regs.x[29], 2)[1]
        links.append((link >> 48 != 0, guest.kprobes.kretprobes.stack_trace(regs)))

    guest.kprobes.register(Kprobe("plus", pre_handler=look))
    assert 8 == guest.call("signs", 7)
    assert [("signs", 8)] == log
    assert [(True, [guest.address("plus"), RETURN_ADDRESS])] == links


# --- stack traces (kernel/test_kprobes.c, test_stacktrace_on_kretprobe)


@pytest.mark.parametrize(**kernels())
def test_a_stack_trace_looks_through_the_trampoline(profile):
    """Return addresses of the callee and the caller, both probed, from within the callee."""
    guest = make_guest(SOURCE, profile)
    traces = []

    def look(_probe: Kprobe, regs: PtRegs) -> None:
        traces.append((guest.kprobes.kretprobes.stack_trace(regs), guest.kprobes.kretprobes.return_address()))

    for name in ("outer", "inner"):
        log_of(guest, name, [])
    guest.kprobes.register(Kprobe("inner", 8, pre_handler=look))
    guest.call("outer", 5)
    back = guest.address("back")
    assert [([guest.address("inner") + 8, back, RETURN_ADDRESS], back)] == traces


@pytest.mark.parametrize(**kernels())
def test_a_stack_trace_in_the_handlers_of_nested_returns(profile):
    """It begins with where the function returns to, where there is a PC (v7.2), and goes on with the caller's."""
    guest = make_guest(SOURCE, profile)
    traces = []

    def handler(_instance: Instance, regs: PtRegs) -> None:
        kretprobes = guest.kprobes.kretprobes
        traces.append((kretprobes.return_address(), kretprobes.stack_trace(regs)))

    guest.kprobes.register(Kretprobe(handler, "outer"), Kretprobe(handler, "inner"))
    guest.call("outer", 5)
    back = guest.address("back")
    has_pc = profile.name == "v7.2"
    assert traces == [
        (back, [*([back] if has_pc else []), RETURN_ADDRESS]),
        (RETURN_ADDRESS, [RETURN_ADDRESS] if has_pc else []),
    ]


def test_a_stack_trace_of_a_recursion():
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    traces = []
    log_of(guest, "factorial", [])
    guest.kprobes.register(
        Kprobe("factorial", 12, pre_handler=lambda _, regs: traces.append(guest.kprobes.kretprobes.stack_trace(regs)))
    )
    guest.call("factorial", 2)
    here, again = guest.address("factorial") + 12, guest.address("factorial") + 28
    assert [[here, *[again] * depth, RETURN_ADDRESS] for depth in range(3)] == traces


BROKEN = {
    "no frame pointer": (0, []),
    "not aligned": (STACK + 4, []),
    "no memory": (0x2000_0000, []),
    "down the stack": (STACK + 32, [0x1234]),
}


@pytest.mark.parametrize(("fp", "links"), BROKEN.values(), ids=BROKEN)
def test_a_stack_trace_ends_where_the_chain_of_frames_does(fp, links):
    guest = make_guest(SOURCE, KERNELS["v7.2"])
    memory = guest.machine.memory
    memory.write_bytes(STACK + 32, (STACK + 64).to_bytes(8, "little") + (0x1234).to_bytes(8, "little"))
    memory.write_bytes(STACK + 64, (STACK + 32).to_bytes(8, "little") + (0x5678).to_bytes(8, "little"))
    traces = []
    guest.kprobes.register(
        Kprobe("plus", pre_handler=lambda _, regs: traces.append(guest.kprobes.kretprobes.stack_trace(regs)))
    )
    guest.machine.cpu.gpr[29] = fp
    guest.call("plus", 1)
    assert [[guest.address("plus"), *links]] == traces


# --- handlers of the guest


def test_handlers_of_the_guest():
    """X0 is the probed address, X1 the registers, X2 where the function returns to; the entry handler's W0 counts."""
    source = (
        SOURCE
        + """
enters: ldr     x9, [x1]                // not for arguments above 50
        cmp     x9, #50
        cset    x0, hi
        ret
leaves: ldr     x9, [x1]
        ldr     x10, =seen
        stp     x0, x9, [x10]
        str     x2, [x10, #16]
        add     x9, x9, #1
        str     x9, [x1]
        ret
        .balign 16
seen:   .space  32
"""
    )
    for profile in KERNELS.values():
        guest = make_guest(source, profile)
        guest.kprobes.register(Kretprobe(GuestFunction("leaves"), "inner", entry_handler=GuestFunction("enters")))
        assert 71 == guest.call("outer", 60)
        assert [0, 0, 0] == guest.words("seen", 3)
        assert 17 == guest.call("outer", 5)
        assert [guest.address("inner"), 15, guest.address("back")] == guest.words("seen", 3)
