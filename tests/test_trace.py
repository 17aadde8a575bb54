"""The trace, line by line; and that it only looks."""

import re

import pytest

from aarch64.assembler import assemble_source
from aarch64.lines import Line
from aarch64.loader import load_program
from aarch64.machine import Machine
from aarch64.trace import Trace
from tests.programs.examples import load_examples

INSTRUCTION = re.compile(r"\d+ EL[0-3][ht] 0x[0-9a-f]{16} [0-9a-f]{8} \S[^|]*?( \| (\S+=\S+ ?)+)?")
EXCEPTION = re.compile(
    r"\d+ EL[1-3]h exception .+: EL[0-3] -> EL[1-3], vector=0x[0-9a-f]{16} elr=0x[0-9a-f]{16} spsr=0x[0-9a-f]+"
    r"( esr=0x[0-9a-f]+)?( far=0x[0-9a-f]{16})?"
)


def make(source, **options):
    machine = Machine(**options)
    machine.load(assemble_source(source))
    return machine


def trace(machine, cycles):
    lines = []
    tracer = Trace(machine.cpu, lines.append)
    tracer.start()
    machine.run(max_cycles=cycles)
    tracer.stop()
    assert all(line.endswith("\n") for line in lines)
    return [line.rstrip("\n") for line in lines]


def changes(source, cycles=1, **options):
    """What the last of so many instructions changed."""
    line = trace(make(source, **options), cycles)[-1]
    return line.partition(" | ")[2]


def test_a_program():
    lines = trace(
        make(
            "mov x0, #42\nadr x1, data\nstr x0, [x1]\nsubs x0, x0, #42\nb.eq over\nnop\nover: svc #5"
            "\n.data\ndata: .quad 0"
        ),
        6,
    )
    assert lines == [
        "0 EL1h 0x0000000040000000 d2800540 mov x0, #42 | x0=0x2a",
        "1 EL1h 0x0000000040000004 100000e1 adr x1, 0x40000020 | x1=0x40000020",
        "2 EL1h 0x0000000040000008 f9000020 str x0, [x1] | [0x0000000040000020]:8=0x2a",
        "3 EL1h 0x000000004000000c f100a800 subs x0, x0, #42 | x0=0x0 nzcv=-ZC-",
        "4 EL1h 0x0000000040000010 54000040 b.eq 0x40000018",
        "5 EL1h 0x0000000040000018 d40000a1 svc #0x5",
        (
            "5 EL1h exception SVC #0x5: EL1 -> EL1, vector=0x0000000000000200 elr=0x000000004000001c spsr=0x600003c5 "
            "esr=0x56000005"
        ),
    ]


@pytest.mark.parametrize(
    ("source", "cycles", "text"),
    [
        ("nop", 1, ""),
        ("mov x0, #0", 1, ""),
        ("movn w3, #0", 1, "x3=0xffffffff"),
        ("mov x1, #16\nmov sp, x1", 2, "sp_el1=0x10"),
        ("msr daifclr, #3", 1, "daif=DA--"),
        ("msr spsel, #0", 1, "mode=EL1t"),
        ("mov x0, #3\nmsr vbar_el1, x0\nmov x0, #0x800\nmsr vbar_el1, x0", 4, "vbar_el1=0x800"),
        ("mov x0, #8\nmsr elr_el1, x0", 2, "elr_el1=0x8"),
        (
            "adr x1, .\nstp w0, w1, [x1, #64]!",
            2,
            "x1=0x40000040 [0x0000000040000040]:4=0x0 [0x0000000040000044]:4=0x40000000",
        ),
        ("adr x1, .\nmov x2, #7\nldadd w2, w3, [x1]", 3, "x3=0x10000001 [0x0000000040000000]:4=0x10000008"),
        ("adr x0, here\nmsr elr_el1, x0\neret\nhere: nop", 3, "daif=---- mode=EL0t"),
        ("mov x0, #0x31\nadr x1, .\nhlt #0xf000", 3, "x0=0x3b9aca0"),
        ("mov x0, #0x30\nadr x1, .+60\nhlt #0xf000", 3, "x0=0x0 [0x0000000040000040]:8=0x2"),
    ],
)
def test_what_changes(source, cycles, text):
    assert text == changes(source, cycles)


def test_a_fault_is_an_instruction_without_changes_and_an_exception():
    lines = trace(make("mov x1, #0xb0000000\nldr x0, [x1], #8"), 2)
    assert lines[1:] == [
        "1 EL1h 0x0000000040000004 f8408420 ldr x0, [x1], #8",
        (
            "1 EL1h exception data abort, read, external abort at 0xb0000000: EL1 -> EL1, vector=0x0000000000000200 "
            "elr=0x0000000040000004 spsr=0x3c5 esr=0x96000010 far=0x00000000b0000000"
        ),
    ]


def test_a_fetch_that_faults_has_no_instruction():
    lines = trace(make("mov x0, #2\nbr x0"), 3)
    assert lines[2:] == [
        (
            "2 EL1h exception PC alignment fault at 0x2: EL1 -> EL1, vector=0x0000000000000200 elr=0x0000000000000002 "
            "spsr=0x7c5 esr=0x8a000000 far=0x0000000000000002"
        ),
    ]


def test_an_interrupt():
    machine = make("msr daifclr, #2\nadd x0, x0, #1\nadd x0, x0, #1")
    machine.cpu.lines |= {Line.IRQ}
    assert trace(machine, 2) == [
        "0 EL1h 0x0000000040000000 d50342ff msr DAIFClr, #2 | daif=DA-F",
        "1 EL1h exception IRQ: EL1 -> EL1, vector=0x0000000000000280 elr=0x0000000040000004 spsr=0x345",
    ]


def test_it_begins_and_ends_where_it_is_told():
    machine = make("1: add x0, x0, #1\nb 1b")
    machine.run(max_cycles=10)
    lines = trace(machine, 4)
    machine.run(max_cycles=10)
    assert [line.split()[0] for line in lines] == ["10", "11", "12", "13"]
    assert (None, [], 2) == (machine.cpu.store_log, machine.cpu.observers, len(machine.cpu.exception_observers))


def test_two_traces_in_a_row_are_the_trace():
    machine, other = make("1: add x0, x0, #1\nb 1b"), make("1: add x0, x0, #1\nb 1b")
    assert trace(machine, 7) == [line for cycles in (1, 3, 3) for line in trace(other, cycles)]


@pytest.mark.parametrize("name", ["hello", "vectors", "el_tour", "spinlock_lse"])
def test_a_traced_run_is_the_run_and_every_line_has_the_format(name):
    example = next(item for item in load_examples() if item.name == name)
    machines = [Machine(el=example.el) for _ in range(2)]
    for machine in machines:
        machine.load(load_program(example.elfs[0]))
    lines = trace(machines[0], 3000)
    machines[1].run(max_cycles=3000)
    assert machines[0].snapshot() == machines[1].snapshot()
    assert machines[0].console.output == machines[1].console.output
    strange = [line for line in lines if not INSTRUCTION.fullmatch(line) and not EXCEPTION.fullmatch(line)]
    assert [] == strange
    exceptions = [line for line in lines if " exception " in line]
    assert (machines[1].cpu.cycles, machines[1].exceptions.total()) == (
        machines[1].cpu.retired + len(exceptions),
        len(exceptions),
    )
