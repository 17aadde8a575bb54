"""What `a64 bench` runs: guest code, and beside each piece a twin in Python that computes the same.

A kernel is a function in assembly source, with its size as the only argument; what it returns is its result. The result
of an example program is what it prints.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from aarch64.loader import load_program
from cli.kernels import twins

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.image import Image

_HERE = Path(__file__).parent
_PLACES = (_HERE, _HERE.parents[1] / "examples" / "programs")
"""Where the files are: an installed command has the example programs beside the kernels."""


@attrs.frozen(slots=False)
class Workload:
    """Something to run in several sizes.

    Attributes:
        name: what the command calls it.
        about: what it is, in a few words.
        file: the assembly source or ELF file it is in.
        function: the symbol that is called.
        twin: the same in Python: from a size to the result.
        instructions: about how many instructions a size takes; more for a larger one.
        largest: the largest size there is room for.
        share: it is run with one instruction for so many of the kernels that promises are about.
    """

    name: str
    about: str
    file: str
    function: str
    twin: Callable[[int], int | str]
    instructions: Callable[[int], int]
    largest: int
    share: int = 1

    @cached_property
    def image(self) -> Image:
        """The program, ready to be loaded; LoadError if it is not there."""
        paths = [place / self.file for place in _PLACES]
        return load_program(next((path for path in paths if path.exists()), paths[0]))

    def size_for(self, instructions: int) -> int:
        """The largest size that takes at most about so many instructions, at least 1."""
        return max(1, bisect_right(range(1, self.largest + 1), instructions, key=self.instructions))


def _kernel(
    name: str,
    about: str,
    twin: Callable[[int], int],
    instructions: Callable[[int], int],
    *,
    largest: int = 1 << 40,
    share: int = 1,
) -> Workload:
    return Workload(name, about, f"{name}.s", name, twin, instructions, largest, share)


def _program(name: str, file: str, twin: Callable[[int], str], instructions: int) -> Workload:
    return Workload(name, f"the example program {file}", file, "main", twin, lambda _size: instructions, 1)


def _fibonacci_instructions(n: int) -> int:
    return 18 * twins.fibonacci_number(n + 1) - 15


def _bytecode_instructions(count: int) -> int:
    """By the mean number of steps of Collatz's rule, as it is up to a million."""
    return int(93 * count * max(6.0, 8.6 * log2(count) - 25.5))


LOOPS = ("lcg", "strings", "sieve", "sha256")
KERNELS = (*LOOPS, "fibonacci")

WORKLOADS = {
    workload.name: workload
    for workload in (
        _kernel("lcg", "a 64-bit linear congruential generator", twins.lcg, lambda size: 4 * size),
        _kernel(
            "strings", "strlen and memcpy by bytes", twins.strings, lambda size: 42 * size // 5, largest=(4 << 20) - 8
        ),
        _kernel(
            "sieve",
            "primes by Eratosthenes, a byte a number",
            twins.sieve,
            lambda size: 68 * size // 5,
            largest=16 << 20,
        ),
        _kernel("sha256", "SHA-256's compression", twins.sha256, lambda size: 2800 * size),
        _kernel("fibonacci", "Fibonacci numbers by recursion", twins.fibonacci, _fibonacci_instructions, largest=60),
        _program("sha256.elf", "sha256.O2.elf", twins.sha256_program, 83_775),
        _program("sort.elf", "sort_search.O2.elf", twins.sort_search_program, 191_053),
        _kernel("bytecode", "an interpreter: a jump table, BR", twins.bytecode, _bytecode_instructions, share=10),
        _kernel(
            "chase", "pointers followed around a linked list", twins.chase, lambda size: 10_240 + 5 * size, share=10
        ),
        _kernel("patching", "a loop that rewrites its own code", twins.patching, lambda size: 12 * size, share=10),
    )
}
"""By name, in the order of the tables."""
