"""CPUs to run single instructions on, and what to compare afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.cpu import Cpu
from aarch64.exceptions import ArchException
from aarch64.features import DEFAULT_FEATURES
from aarch64.fuzz.emulators.ours import set_state as put_state
from aarch64.memory import Memory
from aarch64.sampling import draw_state

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from aarch64.sampling import State

RAM = 0x4000_0000
SCRATCH = RAM + 0x8000
"""The middle of the pages that have been filled; every offset an instruction can add stays inside them."""
_FILLED = 0x1_0000


def make_cpu(rng: random.Random, *, el: int = 1, max_el: int = 3) -> Cpu:
    """A CPU with every feature, and 64 KiB of random data in RAM."""
    memory = Memory(RAM, 1 << 20)
    memory.write_bytes(RAM, rng.randbytes(_FILLED))
    cpu = Cpu(memory, DEFAULT_FEATURES, max_el=max_el, el=el)
    cpu.unaligned_device_access = True
    return cpu


def set_state(cpu: Cpu, state: State, pc: int = RAM + 0x1000) -> None:
    """Put registers and flags into `cpu`, about to execute at `pc`."""
    put_state(cpu, state, pc)


def draw_addressed_state(rng: random.Random) -> State:
    """A state in which most registers, and SP, point into the filled memory: near its middle, often aligned."""
    return draw_state(rng, around=SCRATCH)


def outcome(cpu: Cpu, action: Callable[[], Any]) -> dict[str, Any]:
    """All that `action` leaves behind, the exception it raises included."""
    raised: ArchException | None = None
    try:
        action()
    except ArchException as exception:
        raised = exception
    return {
        "exception": vars(raised) if raised else None,
        "x": cpu.gpr[:31],
        "zr": cpu.gpr[31],
        "sp": list(cpu.sp_el),
        "pstate": cpu.pstate,
        "next_pc": cpu.next_pc,
        "next_btype": cpu.next_btype,
        "exclusive": cpu.exclusive,
        "sysregs": dict(cpu.sysregs),
        "memory": cpu.memory.save(),
    }
