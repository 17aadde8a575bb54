"""Faults in the slot and in handlers, by real pages that are not there, and the guest's handler that maps them.

"Abort in the slot" is kprobe_fault_handler (arch/arm64/kernel/probes/kprobes.c), which do_page_fault asks. Which faults
get that far is a matter of arch/arm64/mm/fault.c: translation faults of the upper levels do so only on addresses of
user space; alignment faults and external aborts never do.
"""

import pytest

from kprobes import PROFILES, GuestFunction, Kprobe
from kprobes.arch.host import is_page_fault
from kprobes.pt_regs import DAIF, A, F, I
from tests.kprobes.faulting import DATA, DISTANT_PAGE, FRAME, KERNEL_PAGE, USER_PAGE, VALUE, Guest

SCTLR_A = 1 << 1

GUEST = f"""
        .balign 2048
vectors:
        .space  0x200
        mrs     x9, elr_el1             // what the kernel is told
        mrs     x10, spsr_el1
        mrs     x11, esr_el1
        mrs     x12, far_el1
        add     x13, x13, #1
        cbz     x27, unmended
        str     x28, [x27]              // the page, at last
        dsb     ish
        tlbi    vmalle1
        dsb     ish
        isb
        eret
unmended:
        b       .
        .balign 2048

_start: adr     x0, vectors
        msr     vbar_el1, x0
        msr     daifclr, #8
        cbnz    x20, 1f                 // what the test wants called
        adr     x20, function
1:      blr     x20
        mrs     x14, daif
done:   b       .

function:
        mov     x2, #1
load:   ldr     x0, [x1]
        add     x2, x2, #1
        ret

storing:
        mov     x2, #1
store:  str     x2, [x1]
        add     x2, x2, #1
        ret

near:   mov     x2, #1
literal:
        ldr     x0, {DATA:#x}
        add     x2, x2, #1
        ret

helper: ldr     x0, [x1]
        ret

bad_handler:                            // a handler of a probe, in the guest: it faults
peek:   ldr     x3, [x21]
        add     x23, x23, #1
mended: mov     x0, #0
        str     x23, [x22]
        ret

mending:                                // a fault handler in the guest: on with the instruction after
        str     x2, [x22, #8]           // ESR
        ldr     x3, [x1, #256]          // regs->pc
        add     x3, x3, #4
        str     x3, [x1, #256]
        mov     x0, #1
        ret
"""
WITH_TABLE = (
    GUEST
    + """
        .section __ex_table, "a"
        .word   peek - ., mended - .
        .word   0
"""
)


LEAKS = {"v15": I, "v4.8": I, "v5.10": DAIF, "v7.2": 0, "strict": 0}
"""What a fault in the slot leaves masked (until v5.12)."""
AIF = A | I | F
"""What is masked in the guest, D apart."""


# --- the slot: page faults


def page_faults():
    rows = [pytest.param(DISTANT_PAGE, level, {}, id=f"translation L{level} user") for level in (0, 1, 2)]
    for where, address in (("user", USER_PAGE), ("kernel", KERNEL_PAGE)):
        rows.append(pytest.param(address, 3, {}, id=f"translation L3 {where}"))
        rows.append(pytest.param(address, 3, {"af": False}, id=f"access flag {where}"))
    return rows


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(("address", "level", "bits"), page_faults())
def test_a_page_on_demand(name, address, level, bits):
    """The fault is told of the probed address, the page is mapped, and all happens again: pre twice, post once."""
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(address, level, **bits)
    probe, calls = guest.probe()
    guest.run()
    assert calls == ["pre", "pre", "post"]
    assert guest.cpu.gpr[:3] == [VALUE, address, 2]
    elr, spsr, esr, far = guest.told
    assert (elr, far, esr >> 26, guest.cpu.gpr[13]) == (probe.at, address, 0x25, 1)
    assert esr & 0x3C == (0x08 if bits else 0x04)
    assert esr & 3 == level
    assert spsr & DAIF == AIF | LEAKS[name]
    assert probe.nmissed == 0
    assert guest.rows == [1, 2, 12, 1, 2, 5, 6]


@pytest.mark.parametrize("name", PROFILES)
def test_a_page_that_is_read_only(name):
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(USER_PAGE, read_only=True)
    guest.cpu.gpr[20] = guest.machine.resolve("storing")
    probe, calls = guest.probe("store")
    guest.run()
    assert calls == ["pre", "pre", "post"]
    assert guest.told[0] == probe.at
    assert guest.told[2] & 0x7F == 1 << 6 | 0x0F
    assert guest.machine.memory.read(FRAME, 8) == 1
    assert guest.cpu.gpr[2] == 2


@pytest.mark.parametrize("name", PROFILES)
def test_masks_after_a_page_on_demand(name):
    """Named defect slot-masks: what was masked for the slot is taken for the probed code's own at the retry."""
    guest = Guest(PROFILES[name], GUEST)
    guest.cpu.pstate.daif = 0
    guest.break_mapping(USER_PAGE)
    guest.probe()
    guest.run()
    assert guest.cpu.gpr[14] == LEAKS[name]


@pytest.mark.parametrize("name", ["v4.8", "v5.10", "v7.2", "strict"])
def test_a_literal_on_demand(name):
    """What is simulated faults at its own address, and its hit is over: pre twice, post once, and nothing masked.

    (In Linux it is the simulation that faults, in the middle of the kernel: there is no going back to what it was for.)
    """
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(DATA)
    guest.cpu.gpr[20] = guest.machine.resolve("near")
    probe, calls = guest.probe("literal")
    guest.run()
    assert calls == ["pre", "pre", "post"]
    assert guest.told[0] == probe.at
    assert guest.told[3] == DATA
    assert guest.told[1] & DAIF == AIF
    assert (guest.cpu.gpr[0], guest.cpu.gpr[2]) == (VALUE, 2)
    assert guest.rows == [1, 3, 1, 3, 6]


# --- not fixable


@pytest.mark.parametrize("name", PROFILES)
def test_a_fault_that_nobody_mends_is_told_of_the_probed_address(name):
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(KERNEL_PAGE, fixable=False)
    probe, calls = guest.probe()
    guest.run(until="unmended")
    assert guest.told[0] == probe.at
    assert guest.told[3] == KERNEL_PAGE
    assert calls == ["pre"]


# --- what is no page fault


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_fault_of_an_upper_level_on_an_address_of_the_kernel(name, level):
    """It does not get to kprobes (do_translation_fault): the kernel is told of the slot. Ours conceals that, too."""
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(KERNEL_PAGE, level)
    probe, calls = guest.probe()
    guest.run()
    is_concealed = name == "strict"
    assert guest.told[0] == (probe.at if is_concealed else probe.execution.slot)
    assert calls == (["pre", "pre", "post"] if is_concealed else ["pre", "post"])
    assert guest.cpu.gpr[:3] == [VALUE, KERNEL_PAGE, 2]
    assert guest.cpu.gpr[14] == AIF


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    ("address", "sctlr", "status"),
    [(DATA + 1, SCTLR_A, 0x21), (0x1000_0000, 0, 0x10)],
    ids=["alignment", "external abort"],
)
def test_an_abort_that_is_not_kprobes_business(name, address, sctlr, status):
    guest = Guest(PROFILES[name], GUEST)
    guest.lower.map(0x1000_0000, 0x1000_0000)  # nothing answers there
    guest.lower.set(SCTLR_EL1=guest.cpu.sysregs["SCTLR_EL1"] | sctlr)
    guest.cpu.gpr[1] = address
    probe, calls = guest.probe()
    guest.run(until="unmended")
    assert guest.told[2] & 0x3F == status
    assert guest.told[0] == (probe.at if name == "strict" else probe.execution.slot)
    assert calls == ["pre"]
    assert 12 in guest.rows if name == "strict" else 12 not in guest.rows


# --- the slot of a hit within a hit


def nested(name, *, fixable=True):
    """A pre-handler calls a function whose own probe's instruction faults in the slot; and what was seen there."""
    guest = Guest(PROFILES[name], GUEST)
    guest.break_mapping(USER_PAGE, fixable=fixable)
    inner, inner_calls = guest.probe("helper")
    seen = {}

    def pre(_probe, _regs):
        outer_calls.append("pre")
        seen["x0"] = guest.machine.call("helper")
        seen["told"] = guest.told
        seen["daif"] = guest.cpu.pstate.daif

    outer, outer_calls = guest.probe("function", pre=pre, post=lambda *_: outer_calls.append("post"))
    guest.cpu.pstate.daif = 0
    return guest, outer, inner, outer_calls, inner_calls, seen


@pytest.mark.parametrize("name", PROFILES)
def test_a_fault_in_the_slot_of_a_hit_within_a_hit(name):
    """Row 13: the outer hit is current again, the instruction is hit once more, and missed once more."""
    guest, outer, inner, outer_calls, inner_calls, seen = nested(name)
    guest.run()
    assert (outer_calls, inner_calls) == (["pre", "post"], [])
    assert (outer.nmissed, inner.nmissed) == (0, 2)
    assert guest.rows == [1, 7, 13, 7, 8, 8, 2, 5, 6]
    assert seen["x0"] == VALUE
    elr, spsr, _, far = seen["told"]
    assert (elr, far) == (inner.at, USER_PAGE)
    assert spsr & DAIF == DAIF, "as in the handler, D included"
    assert seen["daif"] == 0b1111
    assert guest.cpu.gpr[14] == 0, "the outer hit's own masks are what they were"
    assert guest.kprobes.engine.block.current is None


@pytest.mark.parametrize("name", PROFILES)
def test_a_fault_in_the_slot_of_a_hit_within_a_hit_that_nobody_mends(name):
    guest, outer, inner, outer_calls, inner_calls, _ = nested(name, fixable=False)
    guest.run(until="unmended")
    assert guest.told[0] == inner.at
    assert (outer_calls, inner_calls, inner.nmissed) == (["pre"], [], 1)
    assert guest.kprobes.engine.block.current is outer


# --- faults in handlers

COUNTING = ("v15", "v4.8", "v5.10", "strict")
"""Until v6.2 a fault in a handler is counted, and fixed up; until v5.14 a probe has a handler for it, too."""


def faulting(name, which, *, source=GUEST, fixable=False, **handlers):
    """A guest whose probe has a handler in the guest, which faults; X22 is where it says whether it went on."""
    guest = Guest(PROFILES[name], source)
    guest.break_mapping(KERNEL_PAGE, fixable=fixable)
    guest.cpu.gpr[1] = FRAME
    guest.cpu.gpr[21:24] = [KERNEL_PAGE, DATA, 6]
    probe, calls = guest.probe(**{which: GuestFunction("bad_handler")}, **handlers)
    return guest, probe, calls


def went_on(guest):
    """7 if the handler went on after the load, 6 if it went on where the table says, 0 if it did not."""
    return guest.machine.memory.read(DATA, 8)


def others(which):
    """What is called besides the handler that faults."""
    return ["post"] if which == "pre" else ["pre"]


@pytest.mark.parametrize("which", ["pre", "post"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_page_on_demand_in_a_handler(name, which):
    """The guest's own handler mends it; kernels before v6.2 count a miss all the same."""
    guest, probe, calls = faulting(name, which, fixable=True)
    guest.run()
    assert probe.nmissed == (1 if name in COUNTING else 0)
    assert calls == others(which)
    assert went_on(guest) == 7
    assert guest.cpu.gpr[:3] == [VALUE, FRAME, 2]
    assert (14 in guest.rows) == (name in COUNTING)


@pytest.mark.parametrize("which", ["pre", "post"])
@pytest.mark.parametrize("name", COUNTING)
def test_a_fault_handler(name, which):
    """What it does to the registers is where the handler goes on; the guest hears nothing of the fault."""
    asked = []

    def fault(probe, regs):
        asked.append((probe, regs.pc, regs.frame.far, regs.frame.esr & 0x3F))
        regs.pc += 4
        return 1

    guest, probe, calls = faulting(name, which, fault=fault)
    guest.run()
    assert asked == [(probe, guest.machine.resolve("peek"), KERNEL_PAGE, 0x07)]
    assert (probe.nmissed, calls, went_on(guest)) == (1, others(which), 7)
    assert guest.cpu.gpr[:3] == [VALUE, FRAME, 2]


@pytest.mark.parametrize("name", COUNTING)
def test_a_fault_handler_in_the_guest(name):
    guest, probe, _ = faulting(name, "pre", fault=GuestFunction("mending"))
    guest.run()
    assert (probe.nmissed, went_on(guest)) == (1, 7)
    assert guest.machine.memory.read(DATA + 8, 8) == 0x96000007, "its third argument is the syndrome"


@pytest.mark.parametrize("with_fault_handler", [False, True])
@pytest.mark.parametrize("name", COUNTING)
def test_the_exception_table(name, with_fault_handler):
    """Where the table says, if there is no fault handler, or it does not deal with the fault."""
    asked = []
    handlers = {"fault": lambda *_: asked.append("fault")} if with_fault_handler else {}
    guest, probe, calls = faulting(name, "pre", source=WITH_TABLE, **handlers)
    guest.run()
    assert (probe.nmissed, calls, went_on(guest)) == (1, ["post"], 6)
    assert asked == ["fault"] * with_fault_handler


def test_v7_2_leaves_faults_of_handlers_to_the_guest():
    """No table is looked into, nothing counted (v6.2); there are no fault handlers (v5.14)."""
    guest, probe, calls = faulting("v7.2", "pre", source=WITH_TABLE)
    guest.run(until="unmended")
    assert guest.told[0] == guest.machine.resolve("peek")
    assert (probe.nmissed, calls, went_on(guest)) == (0, [], 0)
    assert 14 not in guest.rows


@pytest.mark.parametrize("name", COUNTING)
def test_a_fault_in_a_handler_that_nobody_mends(name):
    guest, probe, _ = faulting(name, "pre")
    guest.run(until="unmended")
    assert guest.told[0] == guest.machine.resolve("peek")
    assert probe.nmissed == 1


@pytest.mark.parametrize("which", ["pre", "post"])
@pytest.mark.parametrize("name", COUNTING)
def test_of_several_probes_the_one_whose_handler_faults_is_asked(name, which):
    """The manager forwards to the child that it has called last (kprobe_instance); all children count a miss."""
    asked = []

    def fault(probe, regs):
        asked.append(probe)
        regs.pc += 4
        return 1

    guest, faulty, _ = faulting(name, which, fault=fault)
    newer = Kprobe("load", fault_handler=fault, **{f"{which}_handler": lambda *_: asked.append("called")})
    guest.kprobes.register(newer, Kprobe("load", fault_handler=fault))
    guest.run()
    assert asked == ["called", faulty]
    assert (faulty.nmissed, newer.nmissed) == (1, 1)
    assert went_on(guest) == 7


# --- which aborts


@pytest.mark.parametrize("far", [USER_PAGE, KERNEL_PAGE], ids=["user", "kernel"])
@pytest.mark.parametrize("status", [code for code in range(64) if code not in (0x08, 0x0C)], ids=hex)
def test_which_aborts_get_to_kprobes(status, far):
    """do_page_fault, and not do_translation_fault or do_bad. (No block is of level 0, where there is no FEAT_LPA2.)"""
    expected = status in (0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F) or (status in (4, 5, 6) and far == USER_PAGE)
    assert is_page_fault(0x25 << 26 | status, far) == expected
