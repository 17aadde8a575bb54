"""Handlers that are functions of the guest: what they are given, what they may change, and when they do not return."""

import pytest

from aarch64.hooks import RegisterFrame
from aarch64.machine import RAM_BASE, RETURN_ADDRESS, CallError, Machine, MachineError
from aarch64.stop import Stop, StopReason
from kprobes.errors import KprobesError
from kprobes.jprobes import Jprobe
from kprobes.probe import GuestFunction, Kprobe
from kprobes.pt_regs import PT_REGS_SIZE, PtRegs
from kprobes.returns import Kretprobe
from tests.kprobes.guests import JPROBE_RETURN, KERNELS, STACK, WITH_JPROBES, Guest, kernels, make_guest

SOURCE = f"""
plus:   add     x0, x0, #1
        add     x0, x0, #2
        ret
other:  add     x0, x0, #7
        ret

keeps:  ldr     x9, =saw                // copies pt_regs, its arguments and where it runs
        str     x0, [x9], #8
        str     x1, [x9], #8
        str     x2, [x9], #8
        mrs     x10, DAIF
        str     x10, [x9], #8
        mrs     x10, CurrentEL
        str     x10, [x9], #8
        mov     x10, sp
        str     x10, [x9], #8
        mov     x10, #34
1:      ldr     x11, [x1], #8
        str     x11, [x9], #8
        subs    x10, x10, #1
        b.ne    1b
        mov     x0, #0
        ret

edits:  mov     x9, #100                // regs->regs[0] = 100, regs->regs[28] = 5, Z set
        str     x9, [x1]
        mov     x9, #5
        str     x9, [x1, #224]
        ldr     x9, [x1, #264]
        orr     x9, x9, #0x40000000
        str     x9, [x1, #264]
        mov     x0, #0
        ret

skips:  ldr     x9, [x1, #240]          // regs->pc = regs->regs[30], and the instruction is not executed
        str     x9, [x1, #256]
        mov     x0, #1
        ret

says:   ldr     x0, =result             // returns what is told to
        ldr     x0, [x0]
        ret

calls:  stp     x29, x30, [sp, #-16]!   // calls a function that may be probed
        mov     x0, #1
        bl      other
        ldr     x9, =called
        str     x0, [x9]
        mov     x0, #0
        ldp     x29, x30, [sp], #16
        ret

scribbles: movn x0, #0                  // changes all it may, and restores nothing
        {"".join(f"mov x{n}, x0{chr(10)}" for n in range(1, 19))}
        cmn     x0, x0
        mov     x0, #0
        ret

faults: mov     x9, #0x20000000         // nothing is there
        ldr     x10, [x9]
        ldr     x9, =saw
        str     x10, [x9]
        mov     x0, #0
        ret

mends:  ldr     x9, [x1, #256]          // a fault handler: regs->pc += 4, and X10 is 77
        add     x9, x9, #4
        str     x9, [x1, #256]
        mov     x10, #77
        str     x10, [x1, #80]
        ldr     x9, =saw
        stp     x0, x2, [x9, #16]
        mov     x0, #1
        ret

endless: add    x3, x3, #1
        b       endless
sleeps: wfi
        b       sleeps
exits:  ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0

        .balign 16
saw:    .space  400
result: .quad   0
called: .quad   0
{JPROBE_RETURN}
"""


def registers(guest: Guest) -> tuple[object, ...]:
    cpu = guest.machine.cpu
    return tuple(cpu.gpr), cpu.sp, cpu.pstate


@pytest.mark.parametrize(**kernels())
def test_pt_regs_as_linux_lays_it_out(profile):
    """X0 to X30 at 0, SP at 248, PC at 256, PSTATE at 264; below the stack that was interrupted, 16 bytes aligned."""
    guest = make_guest(SOURCE, profile)
    cpu = guest.machine.cpu
    cpu.gpr[1:30] = [1000 + n for n in range(1, 30)]
    cpu.pstate.flags = (0, 1, 1, 0)
    guest.kprobes.register(Kprobe("plus", pre_handler=GuestFunction("keeps")))
    assert 8 == guest.call("plus", 5)
    address, place, _, masks, level, stack, *stored = guest.words("saw", 6 + 34)
    assert (guest.address("plus"), 0b1111 << 6, 1 << 2) == (address, masks, level)
    assert (stack, 0) == (place, place % 16)
    assert place <= STACK - PT_REGS_SIZE
    assert stored == [
        *(5, *range(1001, 1030), RETURN_ADDRESS),
        STACK,
        guest.address("plus"),
        0b0110 << 28 | 0b0111 << 6 | 1 << 2 | 1,
    ]
    assert STACK == cpu.sp


@pytest.mark.parametrize(**kernels())
def test_a_post_handler_sees_what_the_instruction_did_and_flags_of_0(profile):
    guest = make_guest(SOURCE, profile)
    guest.kprobes.register(Kprobe("plus", post_handler=GuestFunction("keeps")))
    guest.call("plus", 5)
    address, _, flags, masks, _, _, x0 = guest.words("saw", 7)
    assert (guest.address("plus"), 0, 0b1111 << 6, 6) == (address, flags, masks, x0)
    assert guest.address("plus") + 4 == guest.words("saw", 6 + 33)[-1]


@pytest.mark.parametrize("kind", ["pre_handler", "post_handler"])
@pytest.mark.parametrize(**kernels())
def test_what_it_changes_is_what_the_probed_code_goes_on_with(profile, kind):
    guest = make_guest(SOURCE, profile)
    guest.kprobes.register(Kprobe("plus", **{kind: GuestFunction("edits")}))
    assert (103 if kind == "pre_handler" else 102) == guest.call("plus", 5)
    cpu = guest.machine.cpu
    assert (5, 1, STACK) == (cpu.gpr[28], cpu.pstate.flags[1], cpu.sp)


@pytest.mark.parametrize(**kernels())
def test_what_it_does_not_change_in_pt_regs_is_as_before(profile):
    """Nor does it matter what it does to the registers it runs with."""
    unprobed, guest = make_guest(SOURCE, profile), make_guest(SOURCE, profile)
    handler = GuestFunction("scribbles")
    guest.kprobes.register(Kprobe("plus", pre_handler=handler, post_handler=handler))
    for each in (unprobed, guest):
        each.machine.cpu.gpr[:31] = [1000 + n for n in range(31)]
        assert 8 == each.call("plus", 5)
    assert registers(unprobed) == registers(guest)


@pytest.mark.parametrize(("name", "leaks"), [("v15", True), ("v4.8", True), ("v5.10", False), ("v7.2", False)])
def test_a_pre_handler_that_sets_the_pc_and_returns_1(name, leaks):
    guest = make_guest(SOURCE, KERNELS[name])
    probe = Kprobe("plus", pre_handler=GuestFunction("skips"))
    guest.kprobes.register(probe)
    assert 5 == guest.call("plus", 5)
    assert (guest.kprobes.engine.block.current is probe) is leaks


RESULTS = {"0": (0, True), "an int of 32 bits": (1 << 32, True), "-1": ((1 << 64) - 1, False), "2": (2, False)}


@pytest.mark.parametrize(("result", "stepped"), RESULTS.values(), ids=RESULTS)
def test_what_a_pre_handler_returns_is_an_int(result, stepped):
    """Only W0 counts. With anything but 0 the instruction is not executed, and the BRK is hit again and again."""
    guest = make_guest(SOURCE, KERNELS["v5.10"])
    guest.machine.memory.write_bytes(guest.address("result"), result.to_bytes(8, "little"))
    guest.kprobes.register(Kprobe("plus", pre_handler=GuestFunction("says")))
    if stepped:
        assert 8 == guest.call("plus", 5)
    else:
        with pytest.raises(CallError):
            guest.machine.call("plus", 5, max_cycles=50)
        assert [1, 4] * 5 == guest.rows[:10]


@pytest.mark.parametrize(**kernels())
def test_a_handler_by_its_address(profile):
    guest = make_guest(SOURCE, profile)
    guest.kprobes.register(Kprobe("plus", pre_handler=GuestFunction(guest.address("edits"))))
    assert 103 == guest.call("plus", 5)


# --- hits within a handler


@pytest.mark.parametrize("kind", ["pre_handler", "post_handler"])
@pytest.mark.parametrize(**kernels())
def test_what_a_handler_hits_is_missed_and_executed(profile, kind):
    guest = make_guest(SOURCE, profile)
    calls = []
    other = Kprobe("other", pre_handler=lambda *_: calls.append(1), post_handler=lambda *_: calls.append(1))
    guest.kprobes.register(other, Kprobe("plus", **{kind: GuestFunction("calls")}))
    assert 8 == guest.call("plus", 5)
    assert ([8], [], 1) == (guest.words("called"), calls, other.nmissed)
    assert 14 == guest.call("other", 7)
    assert [1, 1] == calls


@pytest.mark.parametrize(**kernels())
def test_missed_twice_both_handlers_call_the_function_they_are_at(profile):
    """test_kprobe_missed of kernel/test_kprobes.c."""
    guest = make_guest(SOURCE, profile)
    probe = Kprobe("other", pre_handler=GuestFunction("calls"), post_handler=GuestFunction("calls"))
    guest.kprobes.register(probe)
    assert 12 == guest.call("other", 5)
    assert ([8], 2) == (guest.words("called"), probe.nmissed)


@pytest.mark.parametrize(**kernels())
def test_handlers_of_several_probes_on_an_instruction(profile):
    guest = make_guest(SOURCE, profile)
    seen = []
    guest.kprobes.register(
        Kprobe("plus", pre_handler=lambda _probe, regs: seen.append(regs.argument(0))),
        Kprobe("plus", pre_handler=GuestFunction("edits")),
        Kprobe("plus", pre_handler=lambda _probe, regs: seen.append(regs.argument(0))),
    )
    assert 103 == guest.call("plus", 5)
    assert [5, 100] == seen


def test_each_handler_has_the_same_stack():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    stacks = []

    def look(_probe: Kprobe, _regs: PtRegs) -> None:
        stacks.append(guest.machine.cpu.sp)

    keeps = GuestFunction("keeps")
    for handler in (look, keeps, look, keeps, look):
        guest.kprobes.register(Kprobe("plus", pre_handler=handler))
    assert 8 == guest.call("plus", 5)
    assert 1 == len(set(stacks))
    assert stacks[0] - PT_REGS_SIZE == guest.words("saw", 6)[-1]


def test_code_that_runs_with_sp_el0_is_given_handlers_that_run_with_sp_el1():
    """The registers are put below SP_EL1, on a multiple of 16, and what is interrupted keeps its own stack pointer."""
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    guest.kprobes.register(Kprobe("plus", pre_handler=GuestFunction("keeps")))
    cpu = guest.machine.cpu
    cpu.sp_el[0], cpu.sp_el[1], cpu.pstate.sp = STACK - 0x400, STACK - 8, 0
    cpu.context_changed()
    assert 8 == guest.call("plus", 5)
    place = (STACK - 8 - PT_REGS_SIZE) & -16
    words = guest.words("saw", 6 + 34)
    assert [place, place] == [words[1], words[5]]
    assert [STACK - 0x400, guest.address("plus"), 0b0111 << 6 | 1 << 2] == words[6 + 31 :]
    assert [STACK - 0x400, STACK - 8] == cpu.sp_el[:2]


def test_negative_numbers_that_a_handler_in_python_leaves_are_taken_for_64_bits():
    guest = make_guest(SOURCE, KERNELS["v4.8"])

    def negate(_probe: Kprobe, regs: PtRegs) -> None:
        regs.x[3] = -3

    guest.kprobes.register(
        Kprobe("plus", pre_handler=GuestFunction("keeps")),
        Kprobe("plus", pre_handler=negate),
    )
    assert 8 == guest.call("plus", 5)
    assert [(1 << 64) - 3] == guest.words("saw", 10)[9:]
    assert (1 << 64) - 3 == guest.machine.cpu.gpr[3]


# --- faults in a handler

TABLE = RAM_BASE + 0x20_0000


def map_ram(guest: Guest) -> None:
    """Turn the MMU on, with one block of 1 GiB: RAM, every address at itself. The rest is not mapped."""
    machine = guest.machine
    block = RAM_BASE | 1 << 10 | 3 << 8 | 1  # AF, inner shareable, attributes 0, EL1 may do all
    machine.memory.write_bytes(TABLE + 8, block.to_bytes(8, "little"))
    registers = machine.cpu.sysregs
    registers["TTBR0_EL1"], registers["MAIR_EL1"] = TABLE, 0xFF
    registers["TCR_EL1"] = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23  # 39 bits, cacheable, no TTBR1
    registers["SCTLR_EL1"] |= 1
    machine.cpu.context_changed()


@pytest.mark.parametrize("joined", [False, True], ids=["alone", "one of two"])
@pytest.mark.parametrize("kind", ["pre_handler", "post_handler"])
@pytest.mark.parametrize(**kernels(["v15", "v4.8", "v5.10"]))
def test_a_fault_handler_of_the_guest_mends_a_fault_of_a_handler(profile, kind, joined):
    """Its X0 is the probed address, its X1 the registers of the handler at the fault, its X2 the syndrome."""
    guest = make_guest(SOURCE, profile)
    map_ram(guest)
    probe = Kprobe("plus", **{kind: GuestFunction("faults")}, fault_handler=GuestFunction("mends"))
    other = Kprobe("plus")
    guest.kprobes.register(probe, *([other] if joined else []))
    assert 8 == guest.call("plus", 5)
    mended, _, address, syndrome = guest.words("saw", 4)
    level_1_translation_fault = 0x25 << 26 | 1 << 25 | 0b000101
    assert (77, guest.address("plus"), level_1_translation_fault) == (mended, address, syndrome)
    assert (1, int(joined)) == (probe.nmissed, other.nmissed)


# --- a handler that does not return


def probed(handler: str, name: str = "v4.8", *, exact: bool = False) -> Guest:
    guest = make_guest(SOURCE, KERNELS[name], exact=exact)
    guest.kprobes.register(Kprobe("plus", pre_handler=GuestFunction(handler)))
    guest.machine.cpu.pc, guest.machine.cpu.gpr[30] = guest.address("plus"), RETURN_ADDRESS
    return guest


def endless(guest: Guest) -> range:
    """Where a handler is that never returns."""
    return range(guest.address("endless"), guest.address("endless") + 8, 4)


@pytest.mark.parametrize("exact", [False, True])
def test_the_budget_ends_within_a_handler(exact):
    guest = probed("endless", exact=exact)
    assert Stop(StopReason.MAX_CYCLES) == guest.machine.run(1000)
    assert 1000 == guest.machine.cpu.cycles
    assert guest.machine.cpu.pc in endless(guest)


def test_the_guest_ends_itself_within_a_handler():
    guest = probed("exits")
    assert Stop(StopReason.EXIT, "PSCI SYSTEM_OFF") == guest.machine.run(1000)


def test_the_guest_gets_stuck_within_a_handler():
    guest = probed("sleeps")
    stop = guest.machine.run(1000)
    assert StopReason.STUCK is stop.reason
    assert "waiting for an interrupt" in stop.message
    assert guest.machine.locate(guest.address("sleeps")) in stop.message


def interrupt_at(machine: Machine, cycle: int) -> None:
    """What Ctrl-C does, at a certain cycle."""

    def look(cpu, _pc, _word):
        if cpu.cycles == cycle:
            machine.interrupt("Ctrl-C")

    machine.cpu.observers.append(look)


def test_the_user_interrupts_a_handler():
    guest = probed("endless")
    interrupt_at(guest.machine, 500)
    assert Stop(StopReason.INTERRUPTED, "Ctrl-C") == guest.machine.run(10_000)
    assert guest.machine.cpu.pc in endless(guest)


@pytest.mark.parametrize("which", ["entry", "return", "jprobe"])
def test_the_budget_ends_within_the_other_kinds_of_handlers(which):
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    handler = GuestFunction("endless")
    probes = {
        "entry": Kretprobe(lambda *_: None, "plus", entry_handler=handler),
        "return": Kretprobe(handler, "plus"),
        "jprobe": Jprobe(handler, "plus"),
    }
    guest.kprobes.register(probes[which])
    guest.machine.cpu.pc, guest.machine.cpu.gpr[30] = guest.address("plus"), RETURN_ADDRESS
    assert Stop(StopReason.MAX_CYCLES) == guest.machine.run(2000)
    assert 2000 == guest.machine.cpu.cycles
    assert guest.machine.cpu.pc in endless(guest)


@pytest.mark.parametrize(**kernels(WITH_JPROBES))
def test_a_budget_that_ends_within_the_handler_of_a_jprobe_is_no_end_of_it(profile):
    """It is no call, but code that was returned to: the next run goes on."""
    guest = make_guest(SOURCE + ".text\ncounts: mov x9, #500\n1: subs x9, x9, #1\nb.ne 1b\nb jprobe_return\n", profile)
    guest.kprobes.register(Jprobe(GuestFunction("counts"), "plus"))
    cpu = guest.machine.cpu
    cpu.pc, cpu.gpr[30], cpu.gpr[0] = guest.address("plus"), RETURN_ADDRESS, 5
    stops = [guest.machine.run(100, until=RETURN_ADDRESS).reason for _ in range(10)]
    assert {StopReason.MAX_CYCLES} == set(stops)
    assert StopReason.RETURNED is guest.machine.run(100, until=RETURN_ADDRESS).reason
    assert 8 == cpu.gpr[0]


def test_a_handler_without_a_stack_is_an_error_that_says_so():
    guest = probed("keeps")
    guest.machine.cpu.sp = 0
    with pytest.raises(KprobesError) as caught:
        guest.machine.run(1000)
    assert str(caught.value).startswith(
        f"the handler at {guest.machine.locate(guest.address('keeps'))} needs a stack for the registers it is given, "
        f"and SP_EL1 is 0xfffffffffffffeb0: memory at "
    )


def test_an_unknown_handler_is_an_error_that_names_it():
    guest = probed("nobody")
    with pytest.raises(MachineError, match="no symbol 'nobody' in the program"):
        guest.machine.run(1000)


# --- registers in Python


def test_registers_are_read_and_written_as_in_linux():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    guest.push(11, 22, 33)
    seen = []

    def look(_probe: Kprobe, regs: PtRegs) -> None:
        seen.append((regs.pc, regs.sp, regs.pstate, regs.x[3], regs.return_value, regs.user_mode))
        seen.append([regs.argument(number) for number in range(-1, 10)])
        seen.append([regs.stack_nth(number) for number in range(4)])
        regs.x[4] = 44
        regs.return_value = -2
        regs.pstate |= 1 << 31

    guest.kprobes.register(Kprobe("plus", pre_handler=look))
    assert 1 == guest.call("plus", *range(100, 108))
    place = guest.machine.cpu.sp
    assert (guest.address("plus"), place, 0b0111 << 6 | 1 << 2 | 1, 103, 100, False) == seen[0]
    assert [0, *range(100, 108), 0, 0] == seen[1]
    assert [11, 22, 33, 0] == seen[2]
    assert (44, 1) == (guest.machine.cpu.gpr[4], guest.machine.cpu.pstate.flags[0])


MASKED = {"sp": "sp", "pc": "pc", "pstate": "pstate", "return_value": "return_value"}


@pytest.mark.parametrize("name", MASKED)
def test_registers_hold_64_bits(name):
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    values = []

    def look(_probe: Kprobe, regs: PtRegs) -> None:
        before = getattr(regs, name)
        for value in (-1, 1 << 64 | 5):
            setattr(regs, name, value)
            values.append(getattr(regs, name))
        setattr(regs, name, before)

    guest.kprobes.register(Kprobe("plus", pre_handler=look))
    assert 8 == guest.call("plus", 5)
    assert [(1 << 64) - 1, 5] == values


def test_the_stack_ends_where_there_is_no_memory():
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    seen = []
    guest.kprobes.register(
        Kprobe("plus", pre_handler=lambda _, regs: seen.extend(regs.stack_nth(number) for number in (0, 1, 2, 1000)))
    )
    guest.machine.cpu.sp = guest.machine.ram_end
    guest.push(1, 2)
    assert 8 == guest.call("plus", 5)
    assert [1, 2, 0, 0] == seen


def test_user_mode():
    """A BRK of EL0 is not for kprobes; the registers of an exception say where it came from."""
    guest = make_guest(SOURCE, KERNELS["v4.8"])
    frame = RegisterFrame(x=[0] * 31, sp=0, pc=0, pstate=0, esr=0, far=0, el=1, source_el=0)
    assert PtRegs(frame, guest.kprobes.engine.host).user_mode
