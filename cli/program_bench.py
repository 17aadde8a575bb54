"""How many small random programs are executed in a second, beside Unicorn: set-up included, each program once."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.assembler import assemble_source
from aarch64.machine import RAM_BASE, RETURN_ADDRESS, Machine
from aarch64.memory import PAGE_SIZE
from cli.rates import Section, Things, Way, load_peer, warm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from aarch64.image import Image
    from cli.rates import Job

_NAME = "programs"
_SHARE = 20_000
"""There is a program for so many of `--instructions`."""
_LEAST = 5
_DATA = RAM_BASE + PAGE_SIZE
"""The page that a program loads from and stores to; it begins as zeros."""
_REGISTERS = range(8)
"""X0 to X7 begin with random values, and are what a program computes."""


# --- the programs


@attrs.frozen
class Program:
    """Code without a way to fail or to go on for ever, and the values that X0 to X7 begin with."""

    image: Image
    values: tuple[int, ...]

    @property
    def code(self) -> bytes:
        """The code, at RAM_BASE."""
        (segment,) = self.image.segments
        return bytes(segment.data)


_BODY = (
    "add {x}, {x}, {x}",
    "sub {w}, {w}, #{number}",
    "adds {x}, {x}, {x}, lsl #{number}",
    "eor {x}, {x}, {x}, ror #{number}",
    "bic {w}, {w}, {w}",
    "lsr {x}, {x}, #{number}",
    "sbfx {x}, {x}, #3, #{number}",
    "mul {x}, {x}, {x}",
    "umulh {x}, {x}, {x}",
    "udiv {x}, {x}, {x}",
    "csinc {x}, {x}, {x}, hi",
    "rev {x}, {x}",
    "ldr {x}, [x19, #{slot}]",
    "ldrsb {w}, [x19, #{number}]",
    "str {x}, [x19, #{slot}]",
    "strh {w}, [x19, #{slot}]",
    "cbz {w}, .+8",
    "tbnz {x}, #{number}, .+8",
    "b.ge .+8",
)
"""What loops are made of; branches skip one instruction, the last of which is the loop's own."""


class _Blanks(dict[str, str]):
    """What the blanks of a line are filled with, each drawn anew."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, blank: str) -> str:
        if blank == "number":
            return str(self._rng.randint(1, 28))
        if blank == "slot":
            return str(8 * self._rng.randrange(32))
        return f"{blank}{self._rng.choice(_REGISTERS)}"


def _program(rng: random.Random, *, loops: int, turns: int) -> Program:
    lines = [f"mov x19, #{RAM_BASE:#x}", f"add x19, x19, #{_DATA - RAM_BASE}"]
    for label in range(1, loops + 1):
        lines += [f"mov x28, #{rng.randint(1, turns)}", f"{label}:"]
        lines += [rng.choice(_BODY).format_map(_Blanks(rng)) for _ in range(rng.randint(3, 10))]
        lines += ["nop", "subs x28, x28, #1", f"b.ne {label}b"]
    image = assemble_source("\n".join([*lines, "ret", ""]), filename=_NAME, base=RAM_BASE)
    return Program(image, tuple(rng.getrandbits(64) for _ in _REGISTERS))


def _draw(instructions: int) -> Iterator[Things]:
    rng = random.Random(_NAME)  # noqa: S311  (the same programs every time)
    count = range(max(_LEAST, instructions // _SHARE))
    yield Things("short", "a loop of up to two turns", [_program(rng, loops=1, turns=2) for _ in count])
    yield Things("loops", "three loops of up to fifty turns", [_program(rng, loops=3, turns=50) for _ in count])


# --- the ways: each answers what X0 to X7 end with


def _prepare_ours(programs: Sequence[Program], *, exact: bool) -> Job:
    def run(program: Program) -> list[int]:
        machine = Machine(exact=exact)
        machine.load(program.image)
        machine.prepare_call(program.image.entry, *program.values)
        machine.run(until=RETURN_ADDRESS)
        return machine.cpu.gpr[: len(_REGISTERS)]

    return lambda: [run(program) for program in programs]


def _prepare_unicorn(programs: Sequence[Program], *, is_reused: bool) -> Job:
    unicorn, names = load_peer("unicorn"), load_peer("unicorn.arm64_const")
    registers = [getattr(names, f"UC_ARM64_REG_X{number}") for number in _REGISTERS]

    def run(uc: Any, program: Program) -> list[int]:
        uc.mem_write(RAM_BASE, program.code)
        uc.reg_write_batch([*zip(registers, program.values, strict=True), (names.UC_ARM64_REG_LR, RETURN_ADDRESS)])
        uc.emu_start(RAM_BASE, RETURN_ADDRESS)
        return list(uc.reg_read_batch(registers))

    def run_again(uc: Any, program: Program) -> list[int]:
        uc.ctl_remove_cache(RAM_BASE, _DATA)
        uc.mem_write(_DATA, bytes(PAGE_SIZE))
        return run(uc, program)

    if is_reused:
        reused = _uc(unicorn)
        return warm(lambda: [run_again(reused, program) for program in programs])
    return warm(lambda: [run(_uc(unicorn), program) for program in programs])


def _uc(unicorn: ModuleType) -> Any:
    """A Unicorn with a page of code and one of data, and a place to return to."""
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    uc.mem_map(RAM_BASE, 2 * PAGE_SIZE)
    uc.mem_map(RETURN_ADDRESS, PAGE_SIZE)
    return uc


EXECUTION = Section(
    _NAME,
    "Small programs executed per second, set-up included",
    1,
    _draw,
    (
        Way("exact", ("", "exact"), "a new machine for each, exact tier", partial(_prepare_ours, exact=True)),
        Way("hot", ("", "hot"), "a new machine for each, hot path", partial(_prepare_ours, exact=False)),
        Way(
            "new Uc", ("Unicorn", "new"), "a new Uc for each", partial(_prepare_unicorn, is_reused=False), is_peer=True
        ),
        Way("one Uc", ("Unicorn", "reused"), "one Uc for all", partial(_prepare_unicorn, is_reused=True), is_peer=True),
    ),
    ratios=(("exact", "new Uc"), ("hot", "new Uc"), ("exact", "one Uc")),
)
"""Columns and ratios."""
