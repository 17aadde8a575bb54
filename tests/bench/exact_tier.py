"""How fast is the exact tier? `step()` beside unicorn's `emu_start(count=1)`, on the example programs, in one run.

    python tests/bench/exact_tier.py [--steps N] [--json]

Both execute the same first N instructions of each program, one at a time, and must agree on the PC at the end. Prints
instructions per second and the ratio for each program, and the geometric mean of the ratios beside the project's
promise. It judges nothing: machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import attrs
import unicorn
from unicorn import arm64_const

from aarch64.loader import load_program
from aarch64.machine import Machine

PROGRAMS = Path(__file__).parents[2] / "examples" / "programs"
NAMES = ("sha256.O2.elf", "sort_search.O2.elf", "queens.O2.elf", "lz.O2.elf", "modpow.O2.elf")
PROMISE = 2.5
ROUNDS = 3
UART_PAGE = 0x09000000


@attrs.frozen
class Row:
    """Instructions per second on one program: the best of the rounds."""

    program: str
    steps: int
    ours: float
    unicorn: float

    @property
    def ratio(self) -> float:
        """Ours over unicorn's."""
        return self.ours / self.unicorn


def time_ours(path: Path, steps: int) -> tuple[float, int]:
    """(seconds, final PC) of `steps` calls of step()."""
    machine = Machine()
    machine.load(load_program(path))
    step = machine.cpu.step
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - start, machine.cpu.pc


def time_unicorn(path: Path, steps: int) -> tuple[float, int]:
    """(seconds, final PC) of `steps` calls of emu_start(count=1)."""
    machine = Machine()
    image = load_program(path)
    engine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    engine.mem_map(machine.memory.ram_base, machine.memory.ram_size)
    engine.mem_map(UART_PAGE, 0x1000)
    for segment in image.segments:
        engine.mem_write(segment.address, bytes(segment.data))
    pc = image.entry
    start = time.perf_counter()
    for _ in range(steps):
        engine.emu_start(pc, 0, count=1)
        pc = engine.reg_read(arm64_const.UC_ARM64_REG_PC)
    return time.perf_counter() - start, pc


def measure(path: Path, steps: int) -> Row:
    """Alternate the two, and keep the best round of each."""
    rounds = [(time_ours(path, steps), time_unicorn(path, steps)) for _ in range(ROUNDS)]
    ends = {pc for pair in rounds for _, pc in pair}
    if len(ends) != 1:
        sys.exit(f"{path.name}: the PCs differ after {steps} steps: {', '.join(map(hex, sorted(ends)))}")
    ours, theirs = (min(seconds for seconds, _ in side) for side in zip(*rounds, strict=True))
    return Row(path.name, steps, steps / ours, steps / theirs)


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000, help="instructions of each program (default 20000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = [measure(PROGRAMS / name, arguments.steps) for name in NAMES]
    mean = math.prod(row.ratio for row in rows) ** (1 / len(rows))
    if arguments.json:
        print(json.dumps({"rows": [attrs.asdict(row) for row in rows], "ratio": mean}, indent=2))
    else:
        print(f"{'program':<20}{'step()/s':>12}{'unicorn/s':>12}{'ratio':>8}")
        for row in rows:
            print(f"{row.program:<20}{row.ours:>12,.0f}{row.unicorn:>12,.0f}{row.ratio:>8.2f}")
        print(f"geometric mean of the ratios: {mean:.2f} (promise: at least {PROMISE})")


if __name__ == "__main__":
    main()
