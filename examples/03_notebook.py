"""What a prompt or a notebook shows of an instruction, a trace, the registers and a hit.

In a notebook, a cell that ends with one of these values shows it as a table; here they are printed.
"""

from pathlib import Path

from aarch64 import Machine, decode, load_program
from aarch64.trace import traced
from kprobes import V7_2, Kprobe, Kprobes
from kprobes.arch.player import Player

PROGRAM = Path(__file__).parent / "programs" / "sort_search.O2.elf"

machine = Machine()
machine.load(load_program(PROGRAM))
print(decode(0x8B010C00))
with traced(machine.cpu) as lines:
    machine.run(max_cycles=2)
print(lines)

kprobes = Kprobes(machine, V7_2)
probe = Kprobe("quicksort")
kprobes.register(probe)
story = Player(kprobes, probe, lambda until: machine.run(until=until)).hit(2)
print(story)
print(machine.registers)
