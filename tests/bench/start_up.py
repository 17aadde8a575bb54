"""How long does `a64 run` of hello take to start and end? Beside `python -c "import click, attrs"`, in one run.

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

HELLO = Path(__file__).parents[2] / "examples" / "programs" / "hello.elf"
OURS = (sys.executable, "-c", "from cli.main import main; main()", "run", str(HELLO))
BASE = (sys.executable, "-c", "import click, attrs")
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
    """Alternate the two processes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="runs of each process (default 9)")
    rounds = [(cost_of(OURS), cost_of(BASE)) for _ in range(parser.parse_args().rounds)]
    print(f"{'seconds':<12}{'a64 run':>10}{'base':>10}{'ratio':>8}")
    for name in ("processor", "wall"):
        ours, base = (statistics.median(getattr(cost, name) for cost in side) for side in zip(*rounds, strict=True))
        print(f"{name:<12}{ours:>10.3f}{base:>10.3f}{ours / base:>8.2f}")
    print(f"promise: a ratio of at most {PROMISE}")


if __name__ == "__main__":
    main()
