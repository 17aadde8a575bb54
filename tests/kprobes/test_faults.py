"""Faults in the slot and in handlers, by real pages that are not there, and the guest's handler that maps them.

"Abort in the slot" is kprobe_fault_handler (arch/arm64/kernel/probes/kprobes.c), which do_page_fault asks. Which faults
get that far is a matter of arch/arm64/mm/fault.c: translation faults of the upper levels do so only on addresses of
user space; alignment faults and external aborts never do.
"""

import attrs
import pytest

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from aarch64.memory import PAGE_SIZE
from kprobes import PROFILES, STRICT, V4_8, V5_10, V7_2, V15, GuestFunction, Kprobe, Kprobes, PtRegs
from kprobes.arch.host import is_page_fault
from kprobes.behaviour import Execution, SlotFault
from kprobes.pt_regs import DAIF, A, D, F, I
from kprobes.reports import TransitionReport
from tests.translation.paging import Space

RAM, RAM_SIZE = 0x4000_0000, 1 << 20
CODE, DATA, STACK, TABLES = RAM, RAM + 0x1_0000, RAM + 0x2_0000, RAM + 0x4_0000
FRAME = RAM + 0x3_0000
"""The page that the addresses below lead to, once they are mapped."""
UPPER = 0xFFFF_0000_0000_0000
KERNEL_PAGE, USER_PAGE = UPPER + 0x1_2345_6000, 0x1_2345_6000
VALUE = 0x1122_3344_5566_7788
SCTLR_A = 1 << 1

GUEST = f"""
        b       _start
        .balign 2048
vectors:
        .space  0x200
        mrs     x9, elr_el1             // what the kernel is told
        mrs     x10, spsr_el1
        mrs     x11, esr_el1
        mrs     x12, far_el1
        add     x13, x13, #1
        cbz     x27, dead               // not fixable
        str     x28, [x27]              // the page, at last
        dsb     ish
        tlbi    vmalle1
        dsb     ish
        isb
        eret
dead:   hlt     #0xf000
        .balign 2048

_start: adr     x0, vectors
        msr     vbar_el1, x0
        msr     daifclr, #8
        bl      function
        mrs     x14, daif
        b       done
done:   b       .

function:
        mov     x2, #1
probed: ldr     x0, [x1]
        add     x2, x2, #1
        ret

stores: mov     x2, #1
        str     x2, [x1]
        ret

literal:
        ldr     x0, distant
        ret
"""

DEAD_ENDS = "dead"


class Guest:
    """A machine with the MMU on, about to run GUEST, in which page faults can be arranged."""

    def __init__(self, profile, source=GUEST, **options):
        self.machine = machine = Machine(el=1, ram=RAM_SIZE, **options)
        machine.load(assemble_source(source, base=CODE))
        cpu = self.cpu = machine.cpu
        frames = iter(range(TABLES, RAM + RAM_SIZE, PAGE_SIZE))
        self.lower, self.upper = (Space(cpu, frames, input_size=48, is_upper=upper) for upper in (False, True))
        for page in range(RAM, RAM + RAM_SIZE + 8 * PAGE_SIZE, PAGE_SIZE):
            self.lower.map(page, page)
        machine.memory.write_bytes(FRAME, VALUE.to_bytes(8, "little") * 512)
        self.upper.use()
        self.lower.use()
        cpu.sp = STACK
        self.kprobes = Kprobes(machine, profile)
        self.rows = []
        self.kprobes.engine.watchers.append(self._note)

    def _note(self, report):
        if isinstance(report, TransitionReport):
            self.rows.append(report.transition.row)

    def break_mapping(self, address, level=3, *, fixable=True, **bits):
        """Map a page, and take that back at a level, or have it be of another kind; the guest's handler can mend it."""
        space = self.upper if address >= UPPER else self.lower
        space.map(address, FRAME)
        entry = space.descriptor_address(address, level)
        self.cpu.gpr[28] = space.read(entry)
        self.cpu.gpr[27] = entry if fixable else 0
        if bits:
            space.map(address, FRAME, **bits)
        else:
            space.write(entry, 0)
        self.cpu.gpr[1] = address

    def probe(self, symbol="probed", **handlers):
        """A probe that counts the calls of its handlers in `calls`."""
        calls = []
        probe = Kprobe(
            symbol,
            pre_handler=handlers.get("pre", lambda _probe, _regs: calls.append("pre")),
            post_handler=handlers.get("post", lambda _probe, _regs: calls.append("post")),
            fault_handler=handlers.get("fault"),
        )
        self.kprobes.register(probe)
        return probe, calls

    def run(self, until="done"):
        stop = self.machine.run(max_cycles=2000, until=until)
        assert self.cpu.pc == self.machine.resolve(until), stop
        return self

    @property
    def told(self):
        """ELR, SPSR, ESR and FAR that the guest's handler saw last."""
        return self.cpu.gpr[9:13]


KERNELS = {profile.name: profile for profile in (V15, V4_8, V5_10, V7_2)}
MASKS = {"v15": I, "v4.8": I, "v5.10": DAIF}
"""What a fault in the slot leaves masked (until v5.12)."""
LEAKS = {**MASKS, "v7.2": 0, "strict": 0}
PROBED = 0x4  # after `function`


def daif(guest):
    """The masks that the probed code has afterwards."""
    return guest.cpu.gpr[14]


# --- the slot: page faults


def page_faults():
    for where, address in (("user", USER_PAGE), ("kernel", KERNEL_PAGE)):
        yield pytest.param(address, 3, {}, id=f"translation L3 {where}")
        yield pytest.param(address, 3, {"af": False}, id=f"access flag {where}")
    for level in (0, 1, 2):
        yield pytest.param(USER_PAGE, level, {}, id=f"translation L{level} user")


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(("address", "level", "bits"), page_faults())
def test_a_page_on_demand(name, address, level, bits):
    """The fault is told of the probed address, the page is mapped, and all happens again: pre twice, post once."""
    guest = Guest(PROFILES[name])
    guest.break_mapping(address, level, **bits)
    probe, calls = guest.probe()
    guest.run()
    assert calls == ["pre", "pre", "post"]
    assert guest.cpu.gpr[:3] == [VALUE, address, 2]
    elr, spsr, esr, far = guest.told
    assert (elr, far, esr >> 26, guest.cpu.gpr[13]) == (probe.at, address, 0x25, 1)
    assert esr & 0x3C == (0x08 if bits else 0x04)
    assert esr & 3 == level
    assert spsr & DAIF == (A | I | F) | LEAKS[name]
    assert probe.nmissed == 0
    assert guest.rows == [1, 2, 12, 1, 2, 5, 6]


@pytest.mark.parametrize("name", PROFILES)
def test_a_page_that_is_read_only(name):
    guest = Guest(PROFILES[name])
    guest.break_mapping(USER_PAGE, read_only=True)
    probe, calls = guest.probe("stores")
    guest.kprobes.unregister(probe)
    probe = Kprobe("stores", 4, pre_handler=lambda *_: calls.append("pre"), post_handler=lambda *_: calls.append("post"))
    guest.kprobes.register(probe)
    guest.machine.cpu.pc = guest.machine.resolve("_start")
    guest.machine.run(max_cycles=100, until="function")
    guest.cpu.pc = guest.machine.resolve("stores")
    guest.run()
    assert calls == ["pre", "pre", "post"]
    assert guest.told[0] == probe.at
    assert guest.told[2] & 0x7F == 1 << 6 | 0x0F
    assert guest.machine.memory.read(FRAME, 8) == 1


# --- the masks afterwards


@pytest.mark.parametrize("name", PROFILES)
def test_masks_after_a_page_on_demand(name):
    """Named defect slot-fault-masks: what was masked for the slot is taken for the probed code's own at the retry."""
    guest = Guest(PROFILES[name])
    guest.cpu.pstate.daif = 0
    guest.break_mapping(USER_PAGE)
    guest.probe()
    guest.run()
    assert daif(guest) == LEAKS[name]


@pytest.mark.parametrize("name", ["v15", "v4.8"])
def test_a_step_that_a_fault_has_ended_stays_pending(name):
    """Named defect stale-step: a foreign step that comes to the end of that slot is taken for the probe's."""
    guest = Guest(PROFILES[name])
    guest.break_mapping(USER_PAGE, fixable=False)
    guest.probe()
    guest.run(until=DEAD_ENDS)
    block = guest.kprobes.engine.block
    assert block.current is None
    assert block.step_pending
    assert guest.cpu.sysregs["MDSCR_EL1"] & 1 == 0


# --- not fixable


@pytest.mark.parametrize("name", PROFILES)
def test_a_fault_that_nobody_mends_is_told_of_the_probed_address(name):
    guest = Guest(PROFILES[name])
    guest.break_mapping(KERNEL_PAGE, fixable=False)
    probe, calls = guest.probe()
    guest.run(until=DEAD_ENDS)
    assert guest.told[0] == probe.at
    assert guest.told[3] == KERNEL_PAGE
    assert calls == ["pre"]


# --- what is no page fault


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_fault_of_an_upper_level_on_an_address_of_the_kernel(name, level):
    """It does not get to kprobes (do_translation_fault): the kernel is told of the slot. Ours conceals that, too."""
    guest = Guest(PROFILES[name])
    guest.break_mapping(KERNEL_PAGE, level)
    probe, calls = guest.probe()
    guest.run()
    is_concealed = name == "strict"
    assert guest.told[0] == (probe.at if is_concealed else probe.execution.slot)
    assert calls == (["pre", "pre", "post"] if is_concealed else ["pre", "post"])
    assert guest.cpu.gpr[:3] == [VALUE, KERNEL_PAGE, 2]
    assert daif(guest) == A | I | F


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    ("address", "sctlr", "status"),
    [(DATA + 1, SCTLR_A, 0x21), (0x1000_0000, 0, 0x10)],
    ids=["alignment", "external abort"],
)
def test_an_abort_that_is_not_kprobes_business(name, address, sctlr, status):
    guest = Guest(PROFILES[name])
    guest.lower.map(0x1000_0000, 0x1000_0000)  # nothing answers there
    guest.lower.set(SCTLR_EL1=guest.cpu.sysregs["SCTLR_EL1"] | sctlr)
    guest.cpu.gpr[1] = address
    probe, calls = guest.probe()
    guest.run(until=DEAD_ENDS)
    assert guest.told[2] & 0x3F == status
    assert guest.told[0] == (probe.at if name == "strict" else probe.execution.slot)
    assert calls == ["pre"]
    assert 12 in guest.rows if name == "strict" else 12 not in guest.rows


@attrs.frozen
class Abort:
    esr: int
    far: int


@pytest.mark.parametrize("far", [USER_PAGE, KERNEL_PAGE], ids=["user", "kernel"])
@pytest.mark.parametrize("status", range(64), ids=hex)
def test_which_aborts_get_to_kprobes(status, far):
    expected = status in (0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F) or (status in (4, 5, 6) and far == USER_PAGE)
    assert is_page_fault(Abort(0x25 << 26 | status, far)) == expected
