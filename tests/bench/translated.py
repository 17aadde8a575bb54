"""What does the MMU cost? Both tiers with stage 1 translating beside the same with the MMU off, in one run.

    python tests/bench/translated.py [--steps N] [--json]

Executes the same first N instructions of each example program by `step()`, and four times as many by `run()` on the hot
path, both ways: as the program is, and with RAM identity-mapped in 4KB pages and the UART's page as Device memory.
Prints instructions per second and the ratio for each program, and the geometric means of the ratios beside the
project's promise. It judges nothing: machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from enum import Enum, unique
from pathlib import Path

import attrs

from aarch64.loader import load_program
from aarch64.machine import RAM_BASE, Machine

PROGRAMS = Path(__file__).parents[2] / "examples" / "programs"
NAMES = ("sha256.O2.elf", "sort_search.O2.elf", "queens.O2.elf", "lz.O2.elf", "modpow.O2.elf")
PROMISE = 0.8
ROUNDS = 5

UART = 0x0900_0000
RAM = 8 << 20
TABLES = RAM_BASE + RAM - 0x10000
"""At the end of RAM, which the programs do not reach."""

NORMAL, DEVICE = 0, 1
MAIR = 0xFF << 8 * NORMAL | 0x00 << 8 * DEVICE
TCR = 25 | 0b01 << 8 | 0b01 << 10 | 0b11 << 12 | 1 << 23  # 39-bit addresses, 4KB, cacheable tables, no upper range
TABLE, PAGE, ACCESS_FLAG, INNER_SHAREABLE = 0b11, 0b11, 1 << 10, 0b11 << 8
SCTLR_M, SCTLR_C, SCTLR_I = 1 << 0, 1 << 2, 1 << 12


def switch_on(machine: Machine) -> None:
    """Build the tables and set SCTLR_EL1.M."""
    free = iter(range(TABLES, RAM_BASE + RAM, 0x1000))
    root = next(free)

    def table_at(entry: int) -> int:
        found = int.from_bytes(machine.memory.read_bytes(entry, 8), "little")
        if not found:
            found = next(free) | TABLE
            machine.memory.write_bytes(entry, found.to_bytes(8, "little"))
        return found & ~TABLE

    def map_page(address: int, attribute: int) -> None:
        level_2 = table_at(root + (address >> 30 & 0x1FF) * 8)
        level_3 = table_at(level_2 + (address >> 21 & 0x1FF) * 8)
        page = address | ACCESS_FLAG | INNER_SHAREABLE | attribute << 2 | PAGE
        machine.memory.write_bytes(level_3 + (address >> 12 & 0x1FF) * 8, page.to_bytes(8, "little"))

    for address in range(RAM_BASE, RAM_BASE + RAM, 0x1000):
        map_page(address, NORMAL)
    map_page(UART, DEVICE)
    cpu = machine.cpu
    cpu.sysregs |= {"MAIR_EL1": MAIR, "TCR_EL1": TCR, "TTBR0_EL1": root}
    cpu.sysregs["SCTLR_EL1"] |= SCTLR_M | SCTLR_C | SCTLR_I
    cpu.context_changed()


@unique
class Tier(Enum):
    """How instructions are executed."""

    EXACT = "step()"
    HOT = "hot path"


_LONGER = 4
"""How many times as many instructions the hot path gets: it has to compile them first."""


@attrs.frozen
class Row:
    """Instructions per second on one program: the best of the rounds."""

    program: str
    tier: Tier
    steps: int
    off: float
    on: float

    @property
    def ratio(self) -> float:
        """With the MMU on, over without."""
        return self.on / self.off


def time_steps(path: Path, tier: Tier, steps: int, *, translated: bool) -> tuple[float, int]:
    """(seconds, final PC) of `steps` instructions."""
    machine = Machine(ram=RAM)
    machine.load(load_program(path))
    if translated:
        switch_on(machine)
    step = machine.cpu.step
    start = time.perf_counter()
    if tier is Tier.HOT:
        machine.run(max_cycles=steps)
    else:
        for _ in range(steps):
            step()
    return time.perf_counter() - start, machine.cpu.pc


def measure(path: Path, tier: Tier, steps: int) -> Row:
    """Alternate the two, and keep the best round of each."""
    rounds = [tuple(time_steps(path, tier, steps, translated=on) for on in (False, True)) for _ in range(ROUNDS)]
    ends = {pc for pair in rounds for _, pc in pair}
    if len(ends) != 1:
        sys.exit(f"{path.name}: the PCs differ after {steps} steps: {', '.join(map(hex, sorted(ends)))}")
    off, on = (min(seconds for seconds, _ in side) for side in zip(*rounds, strict=True))
    return Row(path.name, tier, steps, steps / off, steps / on)


def mean(rows: list[Row]) -> float:
    """Geometric mean of the ratios."""
    return math.prod(row.ratio for row in rows) ** (1 / len(rows))


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50_000, help="instructions of each program (default 50000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    lengths = {Tier.EXACT: arguments.steps, Tier.HOT: _LONGER * arguments.steps}
    rows = {tier: [measure(PROGRAMS / name, tier, steps) for name in NAMES] for tier, steps in lengths.items()}
    if arguments.json:
        flat = [{**attrs.asdict(row), "tier": tier.value} for tier, some in rows.items() for row in some]
        print(json.dumps({"rows": flat, "ratios": {tier.value: mean(some) for tier, some in rows.items()}}, indent=2))
        return
    for tier, some in rows.items():
        print(f"{tier.value:<20}{'MMU off/s':>12}{'MMU on/s':>12}{'ratio':>8}")
        for row in some:
            print(f"{row.program:<20}{row.off:>12,.0f}{row.on:>12,.0f}{row.ratio:>8.2f}")
        print(f"geometric mean of the ratios: {mean(some):.2f} (promise: at least {PROMISE})")


if __name__ == "__main__":
    main()
