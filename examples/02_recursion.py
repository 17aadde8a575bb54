"""A hit within a hit: the pre-handler of one probe calls a function that is probed, too.

There is room to remember one interrupted hit, so the inner probe's instruction is executed, and its handlers are not
called: that is counted in `nmissed`. The engine's watchers see which row of the table of transitions is taken.
"""

from aarch64 import Machine
from aarch64.assembler import assemble_source
from kprobes import V15, Kprobe, Kprobes, PtRegs
from kprobes.reports import Report, TransitionReport

SOURCE = """
_start: msr     daifclr, #8             // as the kernel runs
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x0, #6
        bl      square
        bl      count                   // outside of a hit
done:   b       .
square: mul     x0, x0, x0
        ret
count:  ldr     x1, =counter
        ldr     x0, [x1]
        add     x0, x0, #1
        str     x0, [x1]
        ret
        .data
        .balign 8
counter: .quad  0
"""

machine = Machine()
machine.load(assemble_source(SOURCE, base=0x4000_0000))
kprobes = Kprobes(machine, V15)


def before_square(_probe: Kprobe, regs: PtRegs) -> None:
    """Calls a function of the guest, as handlers of the kernel do."""
    print(f"square({regs.argument(0)}) is about to be called; count() gives {machine.call('count')}")


def on_count(_probe: Kprobe, _regs: PtRegs) -> None:
    """Not called within a hit."""
    print("count() is about to be called")


def watch(report: Report) -> None:
    """The rows of the table that are taken."""
    if isinstance(report, TransitionReport):
        row = report.transition
        after = row.following.name if row.following else "the state before"
        print(f"  row {row.row}: {row.state.name}, {row.event.value} -> {after}")


square = Kprobe("square", pre_handler=before_square)
count = Kprobe("count", offset=8, pre_handler=on_count)
kprobes.register(square, count)
kprobes.engine.watchers.append(watch)
machine.run(until="done")
print(f"square: {square.nmissed} missed; count: {count.nmissed} missed; the counter is at {machine.cpu.x(0)}")
