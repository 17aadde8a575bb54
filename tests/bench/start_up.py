"""How long does `a64 run` of hello, ELF and source, take to start and end? Beside `python -c "import click, attrs"`.

    python tests/bench/start_up.py [--rounds N]

Prints processor time (user and system) and wall time of whole processes, the median of the rounds, and the ratio
beside the project's promise. It judges nothing: machines are noisy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import attrs

PROGRAMS = Path(__file__).parents[2] / "examples" / "programs"
BASE = (sys.executable, "-c", "import click, attrs")
A64_RUN = (sys.executable, "-c", "from cli.main import main; main()", "run")
COMMANDS = {"base": BASE} | {name: (*A64_RUN, str(PROGRAMS / name)) for name in ("hello.elf", "hello.s")}
PROMISE = 3


@attrs.frozen
class Cost:
    """Seconds that one process took."""

    processor: float
    wall: float


def cost_of(command: tuple[str, ...]) -> Cost:
    """Run a process to its end."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(processor, wall)


def main() -> None:
    """Alternate the processes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="runs of each process (default 9)")
    rounds = [list(map(cost_of, COMMANDS.values())) for _ in range(parser.parse_args().rounds)]
    processor = [statistics.median(cost.processor for cost in costs) for costs in zip(*rounds, strict=True)]
    wall = [statistics.median(cost.wall for cost in costs) for costs in zip(*rounds, strict=True)]
    print(f"{'seconds':<12}{'processor':>10}{'ratio':>8}{'wall':>10}{'ratio':>8}")
    for name, used, passed in zip(COMMANDS, processor, wall, strict=True):
        print(f"{name:<12}{used:>10.3f}{used / processor[0]:>8.2f}{passed:>10.3f}{passed / wall[0]:>8.2f}")
    print(f"promise: a ratio of at most {PROMISE}")


if __name__ == "__main__":
    main()
