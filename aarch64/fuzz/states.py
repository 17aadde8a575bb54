"""States of registers as JSON and as text, and the steps by which one becomes simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import mask
from aarch64.sampling import State

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from aarch64.fuzz.target import Json

_REGISTERS = 31


def state_to_json(state: State) -> Json:
    """What is not zero: registers in hexadecimal, the flags as four bits."""
    registers = {f"x{number}": f"{value:#x}" for number, value in enumerate(state.x) if value}
    return registers | {"sp": f"{state.sp:#x}", "nzcv": f"{state.nzcv:04b}"}


def state_from_json(data: Mapping[str, Any]) -> State:
    """The state that `state_to_json` wrote; KeyError, TypeError or ValueError if it is none."""
    values = [int(data.get(f"x{number}", "0"), 16) for number in range(_REGISTERS)]
    sp, nzcv = int(data["sp"], 16), int(data["nzcv"], 2)
    if any(not 0 <= value <= mask(64) for value in (*values, sp)) or not 0 <= nzcv < 1 << 4:
        raise ValueError("a register of more than 64 bits")
    return State(tuple(values), sp, nzcv)


def state_lines(state: State) -> Iterator[str]:
    """The registers that are not zero, and the flags."""
    for name, text in state_to_json(state).items():
        yield f"{name:>4} = {text}"


def simpler_states(state: State, used: Container[int]) -> Iterator[State]:
    """States with less in a register; those that are not `used` zero first."""
    x = tuple(value if number in used else 0 for number, value in enumerate(state.x))
    if x != state.x:
        yield attrs.evolve(state, x=x)
    for number, value in enumerate(state.x):
        for simpler in _simpler(value):
            yield attrs.evolve(state, x=(*state.x[:number], simpler, *state.x[number + 1 :]))
    yield from (attrs.evolve(state, sp=simpler) for simpler in _simpler(state.sp))
    yield from (attrs.evolve(state, nzcv=state.nzcv & ~(1 << bit)) for bit in range(4) if state.nzcv >> bit & 1)


def _simpler(value: int) -> Iterator[int]:
    """Values below one: zero, parts of it, half of it, without its lowest or highest bit."""
    if value == 0:
        return
    candidates = {0, 1, value & mask(32), value & mask(16), value & mask(8), value >> 1, value & (value - 1)}
    candidates |= {value & ~mask(16), value & ~mask(8), value ^ 1 << (value.bit_length() - 1)}
    yield from sorted(item for item in candidates if item < value)
