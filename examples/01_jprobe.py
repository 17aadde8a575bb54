"""A jprobe on quicksort: a handler with the function's own arguments, called in its place, and then the function.

Kernels had jprobes until v4.18. The handler runs outside of any exception, as if it had been called; what it does to
registers and to the stack is undone, and the function goes on from its first instruction.
"""

from pathlib import Path

from aarch64 import Machine, load_program
from kprobes import V4_8, Jprobe, Kprobes, PtRegs

PROGRAM = Path(__file__).parent / "programs" / "sort_search.O2.elf"
DEBUG_MASK = 0b1000
LARGE = 500

machine = Machine()
machine.load(load_program(PROGRAM))
machine.cpu.pstate.daif &= ~DEBUG_MASK  # as the kernel runs: else no step would be taken
calls: list[int] = []


def on_quicksort(regs: PtRegs) -> None:
    """quicksort(low, high): both are pointers to 32-bit numbers."""
    low, high = regs.argument(0), regs.argument(1)
    calls.append((high - low) // 4)
    regs.x[0] = 0  # of no consequence


kprobes = Kprobes(machine, V4_8)
jprobe = Jprobe(on_quicksort, "quicksort")
kprobes.register(jprobe)
stop = machine.run()
print(machine.console.output.decode(), end="")
print(f"quicksort was called {len(calls)} times, {jprobe.nmissed} calls were missed")
print(f"with more than {LARGE} numbers:", *(count for count in calls if count > LARGE))
