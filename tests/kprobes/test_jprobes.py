"""Jprobes: a handler is called in place of a function, and then the function as if nothing had been."""

import pytest

from aarch64 import state
from aarch64.exceptions import Vector
from aarch64.stop import StopReason
from kprobes.errors import RegistrationError
from kprobes.jprobes import Jprobe, StackMismatch
from kprobes.manager import UPCALL
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.pt_regs import PtRegs
from kprobes.returns import Kretprobe
from kprobes.stacks import FixedCopy, NoCopy
from tests.kprobes.guests import JPROBE_RETURN, KERNELS, STACK, WITH_JPROBES, Guest, kernels, make_guest

SOURCE = f"""
third:  mov     x9, #3                  // the function: its argument, divided by 3
        udiv    x0, x0, x9
        ret

caller: stp     x29, x30, [sp, #-16]!
        bl      third
        bl      third
        ldp     x29, x30, [sp], #16
        ret

counts: ldr     x9, =saw                // a handler that keeps its argument and the masks it runs with
        mrs     x10, DAIF
        stp     x0, x10, [x9]
        mrs     x10, CurrentEL
        str     x10, [x9, #16]
        mov     x10, sp
        str     x10, [x9, #24]
        b       jprobe_return

spoils: movn    x0, #0                  // a handler that overwrites all that is not the stack pointer
        {"".join(f"mov x{n}, x0{chr(10)}" for n in range(1, 31))}
        cmn     x0, x0
        sub     sp, sp, #64             // where its stack is then is of no matter
        b       jprobe_return

returns: mov    x0, #77                 // a handler that forgets jprobe_return
        ret

off:    ldr     x0, =jprobe_saved_sp    // a handler that leaves jprobe_return another stack pointer
        mov     x1, sp
        sub     x1, x1, #16
        str     x1, [x0]
        b       jprobe_return

calls:  bl      third                   // a handler that calls the function it is at
        b       jprobe_return

stack:  mov     x9, #9                  // a handler that overwrites 20 double words from the stack pointer on
        mov     x10, #20
1:      sub     x10, x10, #1
        str     x9, [sp, x10, lsl #3]
        cbnz    x10, 1b
        b       jprobe_return

sums:   mov     x10, #20                // the function: the sum of 20 double words on the stack
        mov     x0, #0
1:      sub     x10, x10, #1
        ldr     x9, [sp, x10, lsl #3]
        add     x0, x0, x9
        cbnz    x10, 1b
        ret

other:  add     x0, x0, #1
        ret
after:  b       .
masks:  mrs     x0, DAIF
        ret

        .balign 16
saw:    .space  32
{JPROBE_RETURN}
"""

BRK_UPCALL = 0xD420_0000 | UPCALL << 5

DAIFS = {"nothing masked": 0b0000, "interrupts masked": 0b0011, "all but D masked": 0b0111}


def registers(guest: Guest) -> tuple[object, ...]:
    cpu = guest.machine.cpu
    return tuple(cpu.gpr), cpu.sp, cpu.pstate


# --- the kernel's own test (kernel/test_kprobes.c)


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_j1_the_handler_sees_the_argument_and_the_function_is_executed(profile):
    guest = make_guest(SOURCE, profile)
    seen = []
    guest.kprobes.register(Jprobe(lambda regs: seen.append(regs.argument(0)), "third"))
    assert 33 == guest.call("third", 100)
    assert [100] == seen


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_j1_with_a_handler_of_the_guest(profile):
    guest = make_guest(SOURCE, profile)
    guest.kprobes.register(Jprobe(GuestFunction("counts"), "third"))
    assert 33 == guest.call("third", 100)
    assert 100 == guest.words("saw")[0]
    assert [1, 4, 16, *([3] if profile.name == "v4.8" and not has_slot(guest) else [5]), 6] == guest.rows


def has_slot(guest: Guest) -> bool:
    return next(iter(guest.kprobes.registry)).execution.slot is not None


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_j2_a_batch_of_two(profile):
    guest = make_guest(SOURCE, profile)
    seen = []
    first = Jprobe(lambda regs: seen.append(("third", regs.argument(0))), "third")
    second = Jprobe(lambda regs: seen.append(("other", regs.argument(0))), "other")
    guest.kprobes.register(first, second)
    assert 4 == guest.call("third", 12)
    assert 6 == guest.call("other", 5)
    assert [("third", 12), ("other", 5)] == seen
    guest.kprobes.unregister(first, second)
    assert 4 == guest.call("third", 12)
    assert 2 == len(seen)


# --- the handler: not in the exception, and as if it had been called


@pytest.mark.parametrize("daif", DAIFS.values(), ids=DAIFS)
@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_a_handler_of_the_guest_runs_outside_the_exception(profile, daif):
    guest = make_guest(SOURCE, profile, daif=daif)
    guest.kprobes.register(Jprobe(GuestFunction("counts"), "third"))
    guest.call("third", 100)
    assert [100, daif << 6, 1 << 2, STACK] == guest.words("saw", 4)
    assert daif == guest.machine.cpu.pstate.daif


@pytest.mark.parametrize("daif", DAIFS.values(), ids=DAIFS)
@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_what_a_handler_in_python_calls_runs_outside_the_exception(profile, daif):
    guest = make_guest(SOURCE, profile, daif=daif)
    seen = []

    def entry(regs: PtRegs) -> None:
        seen.extend([guest.machine.call("masks"), regs.pc, regs.sp, regs.pstate >> 6 & 0xF])

    guest.kprobes.register(Jprobe(entry, "third"))
    assert 33 == guest.call("third", 100)
    assert [daif << 6, guest.address("third"), STACK, daif] == seen
    assert daif == guest.machine.cpu.pstate.daif


def test_the_handler_returns_to_the_caller_of_the_function_by_x30():
    guest = make_guest(SOURCE, KERNELS["v15"])
    links = []
    guest.kprobes.register(Jprobe(lambda regs: links.append(regs.x[30]), "third"))
    assert 11 == guest.call("caller", 100)
    assert [guest.address("caller") + 8, guest.address("caller") + 12] == links


# --- all is brought back


def spoil(regs: PtRegs) -> None:
    regs.x[:] = [0xFFFF] * 31
    regs.pc = 0
    regs.pstate = 0


@pytest.mark.parametrize("entry", [GuestFunction("spoils"), spoil], ids=["guest", "python"])
@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_all_registers_are_brought_back_and_x0_that_jprobe_return_needs_too(profile, entry):
    unprobed, guest = make_guest(SOURCE, profile), make_guest(SOURCE, profile)
    jprobe = Jprobe(entry, "third")
    guest.kprobes.register(jprobe)
    for each in (unprobed, guest):
        each.machine.cpu.gpr[:31] = [1000 + n for n in range(31)]
        each.machine.cpu.pstate.flags = (1, 0, 1, 1)
        assert 33 == each.call("third", 100)
    assert registers(unprobed) == registers(guest)
    assert 0 == jprobe.nmissed


ARGUMENTS = list(range(1, 21))
"""160 bytes on the stack, of which v15 keeps 128."""


def test_a_handler_in_python_finds_arguments_on_the_stack():
    guest = make_guest(SOURCE, KERNELS["v15"])
    guest.push(*ARGUMENTS)
    seen = []
    guest.kprobes.register(Jprobe(lambda regs: seen.extend(regs.stack_nth(number) for number in range(20)), "sums"))
    assert sum(ARGUMENTS) == guest.call("sums")
    assert ARGUMENTS == seen


@pytest.mark.parametrize(
    ("policy", "kept"), [(FixedCopy(128), 16), (FixedCopy(160), 20), (FixedCopy(8), 1), (NoCopy(), 0)]
)
def test_changes_of_the_part_of_the_stack_that_is_kept_are_undone(policy, kept):
    guest = make_guest(SOURCE, KERNELS["v15"])
    guest.push(*ARGUMENTS)
    guest.kprobes.register(Jprobe(GuestFunction("stack"), "sums", stack=policy))
    assert sum(ARGUMENTS[:kept]) + 9 * (20 - kept) == guest.call("sums")
    assert ARGUMENTS[:kept] + [9] * (20 - kept) == guest.words_at(guest.machine.cpu.sp, 20)


def sum_after_a_handler_that_overwrites_the_arguments(kernel: str) -> int:
    guest = make_guest(SOURCE, KERNELS[kernel])
    guest.push(*ARGUMENTS)
    guest.kprobes.register(Jprobe(GuestFunction("stack"), "sums"))
    return guest.call("sums")


def test_v15_a_function_with_more_than_128_bytes_of_arguments_sees_what_the_handler_left_of_the_rest():
    assert sum(ARGUMENTS[:16]) + 9 * 4 == sum_after_a_handler_that_overwrites_the_arguments("v15")


def test_v4_8_keeps_nothing_and_so_a_function_with_arguments_on_the_stack_must_not_be_probed():
    assert 9 * 20 == sum_after_a_handler_that_overwrites_the_arguments("v4.8")


@pytest.mark.parametrize("entry", [GuestFunction("spoils"), GuestFunction("counts")], ids=["spoils", "counts"])
@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_the_tiers_agree(profile, entry):
    outcomes = []
    for exact in (True, False):
        guest = make_guest(SOURCE, profile, exact=exact)
        jprobe = Jprobe(entry, "third")
        guest.kprobes.register(jprobe)
        values = [guest.call("caller", value) for value in range(100, 160)]
        outcomes.append((values, jprobe.nmissed, guest.words("saw", 4), state.save(guest.machine.cpu)))
    assert outcomes[0] == outcomes[1]
    assert [value // 9 for value in range(100, 160)] == outcomes[0][0]


# --- the hit goes on while the handler runs


IRQ_SOURCE = """
_start: ldr     x0, =vectors
        msr     vbar_el1, x0
        mov     x0, #200                // cycles from now: the handler runs by then
        msr     cntp_tval_el0, x0
        mov     x0, #1
        msr     cntp_ctl_el0, x0
        msr     daifclr, #10
        mov     x0, #0
        bl      probed
done:   b       .

probed: add     x0, x0, #1
        ret
helper: add     x9, x9, #1
        ret

waits:  ldr     x9, =interrupted        // a handler that waits for the interrupt
1:      ldr     x10, [x9]
        cbz     x10, 1b
        b       jprobe_return

        .balign 2048
vectors: .space 0x280
        stp     x9, x30, [sp, #-32]!    // current EL with SPx: IRQ
        mrs     x9, elr_el1             // BRK changes these
        mrs     x30, spsr_el1
        stp     x9, x30, [sp, #16]
        msr     cntp_ctl_el0, xzr
        mov     x9, #41
        bl      helper
        ldr     x30, =interrupted
        str     x9, [x30]
        ldp     x9, x30, [sp, #16]
        msr     elr_el1, x9
        msr     spsr_el1, x30
        ldp     x9, x30, [sp], #32
        eret
        .balign 8
interrupted: .quad 0
"""


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_probes_hit_by_an_interrupt_of_the_handler_are_missed(profile):
    guest = make_guest(IRQ_SOURCE + JPROBE_RETURN, profile, daif=0b1111)
    calls = []
    helper = Kprobe("helper", pre_handler=lambda *_: calls.append("pre"), post_handler=lambda *_: calls.append("post"))
    jprobe = Jprobe(GuestFunction("waits"), "probed")
    guest.kprobes.register(helper, jprobe)
    taken = []
    guest.machine.cpu.exception_observers.append(taken.append)
    assert StopReason.UNTIL is guest.machine.run(10_000, until="done").reason
    assert 1 == [exception.vector for exception in taken].count(Vector.IRQ)
    assert (1, [42]) == (guest.machine.cpu.gpr[0], guest.words("interrupted"))
    assert ([], 1, 0) == (calls, helper.nmissed, jprobe.nmissed)
    guest.call("helper")
    assert ["pre", "post"] == calls


def test_a_jprobe_that_is_hit_by_its_own_handler_is_missed():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    jprobe = Jprobe(GuestFunction("calls"), "third")
    guest.kprobes.register(jprobe)
    assert 33 == guest.call("third", 100)
    assert 1 == jprobe.nmissed


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_a_handler_that_returns_as_a_function_does_skips_the_function_and_leaks_the_hit(profile):
    guest = make_guest(SOURCE, profile)
    hits = []
    jprobe = Jprobe(GuestFunction("returns"), "third")
    other = Kprobe("other", pre_handler=lambda *_: hits.append(1))
    guest.kprobes.register(jprobe, other)
    assert 77 == guest.call("third", 100)
    assert jprobe.kprobe is guest.kprobes.engine.block.current
    guest.call("other")
    guest.call("other")
    assert ([], 2) == (hits, other.nmissed)
    assert 33 == guest.call("third", 100)
    assert 1 == jprobe.nmissed


# --- a stack pointer that does not fit


def move_sp(regs: PtRegs) -> None:
    regs.sp -= 32


@pytest.mark.parametrize(("entry", "by"), [(GuestFunction("off"), 16), (move_sp, 32)], ids=["guest", "python"])
def test_another_stack_pointer_at_the_end_is_a_mismatch(entry, by):
    guest = make_guest(SOURCE, KERNELS["v15"])
    guest.kprobes.register(Jprobe(entry, "third"))
    with pytest.raises(StackMismatch) as caught:
        guest.call("third", 100)
    assert str(caught.value) == (
        f"jprobe_return with SP {STACK - by:#x}, where the handler of the jprobe at "
        f"{guest.machine.locate(guest.address('third'))} began with {STACK:#x}: a jprobe's handler must return to "
        f"where its stack pointer was"
    )


# --- with other probes


def test_a_jprobe_is_the_last_of_the_probes_on_an_instruction():
    guest = make_guest(SOURCE, KERNELS["v15"])
    calls = []

    def kprobe(name: str) -> Kprobe:
        return Kprobe(
            "third",
            pre_handler=lambda *_: calls.append(f"pre {name}"),
            post_handler=lambda *_: calls.append(f"post {name}"),
        )

    guest.kprobes.register(
        kprobe("a"), Jprobe(lambda regs: calls.append(f"jprobe {regs.argument(0)}"), "third"), kprobe("b")
    )
    assert 33 == guest.call("third", 100)
    assert ["pre b", "pre a", "jprobe 100", "post b", "post a"] == calls
    assert 33 == guest.call("third", 100)
    assert 10 == len(calls)


def test_a_second_jprobe_on_an_instruction_is_refused():
    guest = make_guest(SOURCE, KERNELS["v15"])
    first, second = Jprobe(lambda _: None, "third"), Jprobe(lambda _: None, "third")
    guest.kprobes.register(first)
    with pytest.raises(RegistrationError, match="EEXIST"):
        guest.kprobes.register(second)
    guest.kprobes.unregister(first)
    guest.kprobes.register(second)
    assert 33 == guest.call("third", 100)


def test_a_pre_handler_before_it_that_sets_the_pc_keeps_a_jprobe_from_being_called():
    guest = make_guest(SOURCE, KERNELS["v15"])
    seen = []

    def skip(_probe: Kprobe, regs: PtRegs) -> int:
        regs.pc = regs.x[30]
        return 1

    guest.kprobes.register(Jprobe(seen.append, "third"), Kprobe("third", pre_handler=skip))
    assert 100 == guest.call("third", 100)
    assert [] == seen


# --- registering


@pytest.mark.parametrize(**kernels(["v5.10", "v7.2"]))
def test_kernels_since_v4_19_have_no_jprobes(profile):
    guest = make_guest(SOURCE, profile)
    with pytest.raises(RegistrationError, match=r"no jprobes any more: use a kprobe \(-EOPNOTSUPP\)"):
        guest.kprobes.register(Jprobe(lambda _: None, "third"))
    assert 33 == guest.call("third", 100)


ENTRIES = {
    "unknown": (GuestFunction("nobody"), "nobody"),
    "within a function": (GuestFunction(0x4001_0004), "0x40010004 (third+0x4)"),
}


@pytest.mark.parametrize(("entry", "name"), ENTRIES.values(), ids=ENTRIES)
def test_a_handler_that_is_no_function_is_refused(entry, name):
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    with pytest.raises(RegistrationError) as caught:
        guest.kprobes.register(Jprobe(entry, "third"))
    assert f"the handler of a jprobe, {name}, is not a function's start (-EINVAL)" == str(caught.value)


def test_a_handler_of_a_guest_without_jprobe_return_is_refused():
    guest = make_guest("third: nop\nret\nentry: b .\n", KERNELS["v15"])
    with pytest.raises(RegistrationError, match=r"no symbol jprobe_return_break; link .*runtime/jprobe\.s"):
        guest.kprobes.register(Jprobe(GuestFunction("entry"), "third"))


def test_a_handler_by_its_address():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    guest.kprobes.register(Jprobe(GuestFunction(guest.address("counts")), "third"))
    assert 33 == guest.call("third", 100)
    assert 100 == guest.words("saw")[0]


def test_registering_it_again_is_refused_and_changes_nothing():
    guest = make_guest(SOURCE, KERNELS["v15"])
    seen = []
    jprobe = Jprobe(seen.append, "third")
    guest.kprobes.register(jprobe)
    with pytest.raises(RegistrationError, match="registered already"):
        guest.kprobes.register(jprobe)
    assert 33 == guest.call("third", 100)
    assert 1 == len(seen)


def test_a_jprobe_is_disabled_and_enabled():
    guest = make_guest(SOURCE, KERNELS["v15"])
    seen = []
    jprobe = Jprobe(lambda regs: seen.append(regs.argument(0)), "third", flags=ProbeFlag.DISABLED)
    guest.kprobes.register(jprobe)
    guest.call("third", 1)
    guest.kprobes.enable(jprobe)
    guest.call("third", 2)
    guest.kprobes.disable(jprobe)
    guest.call("third", 3)
    assert [2] == seen
    assert ["j"] == [item.kind for item in guest.kprobes.listed()]


def test_a_handler_unregisters_its_own_jprobe_and_the_hit_is_finished():
    guest = make_guest(SOURCE, KERNELS["v15"])
    seen = []

    def entry(regs: PtRegs) -> None:
        seen.append(regs.argument(0))
        guest.kprobes.unregister(jprobe)

    jprobe = Jprobe(entry, "third")
    guest.kprobes.register(jprobe)
    assert 33 == guest.call("third", 100)
    assert 33 == guest.call("third", 100)
    assert [100] == seen
    assert guest.kprobes.engine.block.current is None


def test_a_jprobe_that_is_unregistered_while_its_handler_runs_has_its_function_executed():
    """The slot of the hit under way is not given to the next probe, before the hit is over."""
    guest = make_guest(SOURCE, KERNELS["v15"])
    guest.machine.cpu.gpr[0], guest.machine.cpu.pc = 100, guest.address("third")
    guest.machine.cpu.gpr[30] = guest.address("after")
    jprobe = Jprobe(GuestFunction("counts"), "third")
    guest.kprobes.register(jprobe)
    guest.machine.run(1000, until="counts")
    guest.kprobes.unregister(jprobe)
    guest.kprobes.register(Kprobe("other"))
    assert StopReason.UNTIL is guest.machine.run(1000, until="after").reason
    assert 33 == guest.machine.cpu.gpr[0]


# --- with kretprobes, and with instructions that are simulated


@pytest.mark.parametrize("first", ["jprobe", "kretprobe"])
@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_with_a_kretprobe_on_the_same_function(profile, first):
    guest = make_guest(SOURCE, profile)
    log = []
    jprobe = Jprobe(lambda regs: log.append(("called", regs.argument(0))), "third")
    kretprobe = Kretprobe(lambda _instance, regs: log.append(("returns", regs.return_value)), "third")
    guest.kprobes.register(*((jprobe, kretprobe) if first == "jprobe" else (kretprobe, jprobe)))
    assert 11 == guest.call("caller", 100)
    assert [("called", 100), ("returns", 33), ("called", 33), ("returns", 11)] == log


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_a_handler_that_returns_as_a_function_does_into_a_trampoline_leaks_nothing(profile):
    """The kretprobe's handler takes what the jprobe's returned for what the function did, and ends the hit."""
    guest = make_guest(SOURCE, profile)
    log = []
    guest.kprobes.register(
        Jprobe(GuestFunction("returns"), "third"),
        Kretprobe(lambda _instance, regs: log.append(regs.return_value), "third"),
    )
    assert 77 == guest.call("third", 100)
    assert [77] == log
    assert guest.kprobes.engine.block.current is None


def test_a_function_that_begins_with_a_branch():
    source = SOURCE + ".text\nstarts: cbnz x0, other\nmov x0, #50\nret\n"
    guest = make_guest(source, KERNELS["v4.8"])
    guest.kprobes.register(Jprobe(GuestFunction("counts"), "starts"))
    assert (6, 50) == (guest.call("starts", 5), guest.call("starts", 0))
    assert [1, 4, 16, 6] * 2 == guest.rows
    assert not has_slot(guest)


# --- what it is not


def test_another_brk_of_kprobes_is_not_the_end_of_a_handler():
    """longjmp_break_handler knows one address; elsewhere BRK #4 is met again and again."""
    guest = make_guest(SOURCE + ".text\nbrks: brk #4\nb jprobe_return\n", KERNELS["v15"])
    guest.kprobes.register(Jprobe(GuestFunction("brks"), "third"))
    guest.machine.cpu.pc = guest.address("third")
    assert guest.machine.run(100).reason in (StopReason.STUCK, StopReason.MAX_CYCLES)
    assert guest.address("brks") == guest.machine.cpu.pc
    assert [1, 4, 17, 17] == guest.rows[:4]


@pytest.mark.parametrize("when", ["after a hit", "while a handler of the guest runs"])
def test_the_code_that_calls_handlers_in_python_is_for_nobody_else(when):
    guest = make_guest(SOURCE + ".text\n.balign 2048\nvectors: .space 0x200\nvector: b .\n", KERNELS["v15"])
    guest.machine.cpu.sysregs["VBAR_EL1"] = guest.address("vectors")
    places = []
    jprobe = Jprobe(lambda _regs: None, "third")
    guest.machine.cpu.observers.append(lambda _cpu, pc, _word: places.append(pc))
    guest.kprobes.register(jprobe)
    guest.call("third", 100)
    guest.machine.cpu.observers.clear()
    upcall = next(pc for pc in places if pc > guest.address("vector") and guest.word(pc) == BRK_UPCALL)
    if when == "while a handler of the guest runs":
        guest.kprobes.unregister(jprobe)
        guest.kprobes.register(Jprobe(GuestFunction("counts"), "third"))
        guest.machine.cpu.pc = guest.address("third")
        guest.machine.run(100, until="counts")
    guest.machine.cpu.pc = upcall
    assert StopReason.UNTIL is guest.machine.run(100, until="vector").reason
    assert upcall == guest.machine.cpu.elr[1]


def test_the_brk_of_the_upcall_is_the_guests_own_elsewhere():
    """BRK by which handlers in Python are called means nothing but where kprobes have put it."""
    source = f"third: brk #{UPCALL}\nret\n.balign 2048\nvectors: .space 0x200\nhandler: b .\n"
    guest = make_guest(source, KERNELS["v15"])
    guest.machine.cpu.sysregs["VBAR_EL1"] = guest.address("vectors")
    guest.machine.cpu.pc = guest.address("third")
    assert StopReason.UNTIL is guest.machine.run(1000, until="handler").reason
    assert guest.address("third") == guest.machine.cpu.elr[1]
