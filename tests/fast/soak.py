"""Runs random programs with the hot path and without it until the time is over, or until the two differ.

    python -m tests.fast.soak --minutes 30 --seed 1

prints how many programs it ran, and of the first difference the program, made as small as it goes, and exits with 1.
A difference is found again with `--seed N --start K`, which are printed with it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from aarch64.sampling import RandomChoices
from tests.fast.driving import drive
from tests.fast.equivalence import Different, check_program, make_pair, smaller
from tests.fast.programs import Program, random_program

Check = Callable[[Program], object]

THRESHOLDS = (1, 1, 1, 2, 5)
_REPORT_EVERY = 15.0
"""Seconds."""


def case(seed: int, number: int) -> tuple[Program, Check]:
    """One of the programs of a seed, and what is done with it: run through, or driven."""
    source = random.Random(f"{seed} {number}")
    program, threshold = random_program(source), source.choice(THRESHOLDS)
    if number % 2:
        return program, lambda program: check_program(program, threshold=threshold)
    decisions = source.getrandbits(32)
    return program, lambda program: drive(
        make_pair(program, threshold=threshold), RandomChoices(random.Random(decisions))
    )


def cases(seed: int, start: int = 0) -> Iterator[tuple[int, Program, Check]]:
    """All of them, numbered."""
    number = start
    while True:
        yield (number, *case(seed, number))
        number += 1


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run random programs with the hot path and without it.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the number of the program to begin with")
    options = parser.parse_args()
    begin = reported = time.monotonic()
    end = begin + 60 * options.minutes
    for number, program, check in cases(options.seed, options.start):
        try:
            check(program)
        except Exception:  # noqa: BLE001  (an error of either machine is a difference, too)
            _report(program, check, f"--seed {options.seed} --start {number}")
            return 1
        done, now = number + 1 - options.start, time.monotonic()
        if now - reported > _REPORT_EVERY or now > end:
            reported = now
            say(f"{done} programs, {done / (now - begin):.0f} a second, no difference")
        if now > end:
            return 0
    raise AssertionError("there is always another program")


def _report(program: Program, check: Check, how: str) -> None:
    say(f"found by {how}; made smaller:")
    try:
        check(smaller(program, check))
    except Different as different:
        say(different)
    except Exception:  # noqa: BLE001  (likewise)
        traceback.print_exc(limit=-6, file=sys.stdout)
        say(repr(smaller(program, check)))


if __name__ == "__main__":
    sys.exit(main())
