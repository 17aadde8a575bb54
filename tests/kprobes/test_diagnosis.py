"""Why probes do not work in a program, as it is told."""

import pytest

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from kprobes import V4_8, V5_10, V7_2, V15, Kprobe, Kprobes
from kprobes.arch.diagnosis import Diagnosis, Trouble

BASE = 0x4000_0000
PROGRAM = """
_start: {start}
        nop
probed: add     x0, x0, #1
        nop
        b       .
"""
AT_EL0 = """
_start: adr     x0, probed
        msr     elr_el1, x0
        msr     spsr_el1, xzr
        eret
probed: add     x0, x0, #1
        b       .
"""
MAPPED_BUT_FOR_SLOTS = """
_start: msr     daifclr, #8
        adr     x0, root
        msr     ttbr0_el1, x0
        mov     x1, #25
        msr     tcr_el1, x1
        mov     x1, #0xff
        msr     mair_el1, x1
        ldr     x1, =0x30d01805
        msr     sctlr_el1, x1
        isb
probed: add     x0, x0, #1
        b       .
        .balign 4096
root:   .quad   0, level2 + 3
        .space  4096 - 16
level2: .quad   0x40000701                 // 2 MiB; the slots are elsewhere
        .space  4096 - 8
"""


def findings(source, profile=V15, el=1, **options):
    machine = Machine(el=el, **options)
    machine.load(assemble_source(source, filename="x.s", base=BASE))
    kprobes = Kprobes(machine, profile)
    diagnosis = Diagnosis(kprobes)
    kprobes.register(probe := Kprobe("probed"))
    machine.run(max_cycles=500)
    diagnosis.stop()
    assert diagnosis._look not in machine.cpu.exception_observers
    assert diagnosis.count(probe) == {finding.trouble.value: times for finding, times in diagnosis.findings.values()}
    return [(finding.trouble, finding.advice) for finding, _ in diagnosis.findings.values()]


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("nop", "PSTATE.D masks debug exceptions in the probed code"),
        ("msr daifclr, #8\n mov x1, #1\n msr oslar_el1, x1", "the OS lock is closed"),
    ],
)
@pytest.mark.parametrize("profile", [V15, V4_8], ids=lambda profile: profile.name)
def test_hits_that_run_off_their_slot(profile, start, why):
    ((trouble, advice),) = findings(PROGRAM.format(start=start), profile)
    assert trouble is Trouble.RAN_OFF
    assert advice.startswith(why)
    assert advice.endswith("or follow a kernel that needs no step (v5.10, v7.2)")


@pytest.mark.parametrize(
    ("start", "profile"),
    [("msr daifclr, #8", V15), ("msr daifclr, #8", V4_8), ("nop", V5_10), ("nop", V7_2)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_hit_that_ends_is_no_trouble(start, profile):
    assert not findings(PROGRAM.format(start=start), profile)


def test_a_fault_in_the_slot_is_no_running_off():
    source = PROGRAM.format(start="msr daifclr, #8\n mov x1, #0x8001").replace("add     x0, x0, #1", "ldr x0, [x1]")
    assert not findings(source)


@pytest.mark.parametrize(
    ("source", "el", "where"),
    [
        (AT_EL0, 1, "EL0, from where it goes to EL1"),
        (PROGRAM.format(start="nop"), 2, "EL2"),
        (PROGRAM.format(start="nop"), 3, "EL3"),
    ],
)
def test_code_that_is_not_the_kernel_s(source, el, where):
    advice = f"the probed code runs at {where}, and kprobes are of EL1: probe what runs there"
    assert (Trouble.NOT_AT_EL1, advice) in findings(source, el=el)


def test_a_program_that_writes_over_its_code():
    source = PROGRAM.format(start="adr x1, probed\n adr x2, _start\n ldr w2, [x2]\n str w2, [x1]")
    ((trouble, advice),) = findings(source, V7_2)
    assert trouble is Trouble.OVERWRITTEN
    assert advice.startswith("its BRK is there no more: the program has written over its own code, or was reset")


@pytest.mark.parametrize("profile", [V15, V7_2], ids=lambda profile: profile.name)
def test_slots_that_are_not_mapped(profile):
    found = findings(MAPPED_BUT_FOR_SLOTS, profile)
    assert [Trouble.SLOT_NOT_MAPPED] == [trouble for trouble, _ in found]
    assert "do not let EL1 execute 0x48001000" in found[0][1]
