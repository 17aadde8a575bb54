"""Register states: what an instruction sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.printing import Expression

if TYPE_CHECKING:
    import random

    from aarch64.sampling.choices import Choices

REGISTERS = 31
_ALL_ONES = (1 << 64) - 1

INTERESTING = tuple(
    sorted(
        {(1 << bit) + delta & _ALL_ONES for bit in (0, 7, 8, 15, 16, 31, 32, 63, 64) for delta in (-1, 0, 1)}
        | {0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA}
    )
)
"""64-bit values at which arithmetic changes its behaviour."""


@attrs.frozen(repr=False)
class State(Expression):
    """What an instruction on general-purpose registers sees: X0 to X30, SP and the flags.

    It is printed as an expression that names what is not zero: `state(x1=0x8000, nzcv=0b0100)`.
    """

    x: tuple[int, ...]
    sp: int
    nzcv: int

    def __repr__(self) -> str:
        named = {f"x{number}": f"{value:#x}" for number, value in enumerate(self.x) if value}
        if self.sp:
            named["sp"] = f"{self.sp:#x}"
        if self.nzcv:
            named["nzcv"] = f"{self.nzcv:#06b}"
        return f"state({', '.join(f'{name}={value}' for name, value in named.items())})"


def state(*, sp: int = 0, nzcv: int = 0, **registers: int) -> State:
    """The state with these registers (`x0=...` to `x30=...`), zero elsewhere; TypeError for another name."""
    names = [f"x{number}" for number in range(REGISTERS)]
    if unknown := registers.keys() - names:
        raise TypeError(f"a state has x0 to x30, sp and nzcv, and not {', '.join(sorted(unknown))}")
    return State(tuple(registers.get(name, 0) for name in names), sp, nzcv)


def choose_value(choices: Choices) -> int:
    """A 64-bit value, half of the time an interesting one."""
    return choices.near(INTERESTING, 0, _ALL_ONES)


def choose_address(choices: Choices, around: int) -> int:
    """An address within 1KB of `around`, often aligned to 16 bytes if that is."""
    return around + 16 * choices.integer(-64, 63) + choices.choice((0, 0, 0, 0, 8, 4, 2, 1))


def choose_state(choices: Choices, around: int | None = None) -> State:
    """A state; with `around`, two of three registers, and SP, hold addresses within 1KB of it, SP an aligned one."""
    if around is None:
        x = tuple(choose_value(choices) for _ in range(REGISTERS))
        return State(x, 16 * choices.integer(0, (1 << 28) - 1), choices.integer(0, 15))
    x = tuple(choose_value(choices) if choices.one_in(3) else choose_address(choices, around) for _ in range(REGISTERS))
    return State(x, around + 16 * choices.integer(-64, 63), choices.integer(0, 15))


def draw_value(rng: random.Random) -> int:
    """A 64-bit value, half of the time an interesting one."""
    return choose_value(RandomChoices(rng))


def draw_state(rng: random.Random, around: int | None = None) -> State:
    """A random state, as `choose_state` makes it."""
    return choose_state(RandomChoices(rng), around)
