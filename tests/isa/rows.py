"""Rows: a complete state before, one instruction, what it changes; everything else must come through unchanged.

A state is written as a line such as `x1=5 sp=0x1000 nZCv`: registers by name and the four flags, capital where set.
"""

from __future__ import annotations

from tests.isa.running import PC, execute, make_cpu

State = dict[str, int]

FLAGS = ("n", "z", "c", "v")

UNTOUCHED: State = {f"x{number}": 0x5A5A_5A5A_0000_0000 + number for number in range(31)} | dict.fromkeys(FLAGS, 0)
UNTOUCHED |= {"sp": 0x4000_8000, "next_pc": PC + 4}
"""What holds where a row says nothing: registers that differ, with bits set above the low 32."""


def parse_state(line: str) -> State:
    """The registers and flags that a line names."""
    state: State = {}
    for token in line.split():
        name, is_register, value = token.partition("=")
        state |= {name: int(value, 0)} if is_register else {flag.lower(): int(flag.isupper()) for flag in token}
    return state


def after(text: str, **before: int) -> State:
    """The complete state an instruction leaves, started with some registers and flags given."""
    start = UNTOUCHED | before
    cpu = make_cpu()
    cpu.gpr[:31] = [start[f"x{number}"] for number in range(31)]
    cpu.sp = start["sp"]
    cpu.set_flags((start["n"], start["z"], start["c"], start["v"]))
    execute(cpu, text)
    registers = {f"x{number}": value for number, value in enumerate(cpu.gpr[:31])}
    return registers | dict(zip(FLAGS, cpu.flags, strict=True)) | {"sp": cpu.sp, "next_pc": cpu.next_pc}


def check(text: str, before: str, changes: str) -> None:
    """Assert that an instruction changes the state `before` by exactly `changes`."""
    start = parse_state(before)
    assert UNTOUCHED | start | parse_state(changes) == after(text, **start)
