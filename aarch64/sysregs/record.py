"""What the table knows about one system register, and the vocabulary the table is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import mask
from aarch64.sysregs.names import encoding_of

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.features import Feature
    from aarch64.sysregs.traps import Trap


@attrs.frozen
class Config:
    """What a machine is built with, as far as reset values depend on it."""

    features: frozenset[Feature]
    max_el: int


Reset = Callable[[Config], int]
Read = Callable[["Cpu"], int]
Write = Callable[["Cpu", int], None]
Guard = Callable[["Cpu"], bool]


def bits(*numbers: int) -> int:
    """A mask of the bits with these numbers."""
    return sum(1 << number for number in numbers)


def span(high: int, low: int) -> int:
    """A mask of bits `high` down to `low`."""
    return mask(high + 1) ^ mask(low)


@attrs.frozen(slots=False, eq=False)
class SysReg:
    """One system register.

    Attributes:
        name: LLVM's spelling; a generic name for what has none.
        read_level, write_level: the lowest exception level that may read and write it, None if no level may.
        reset: its value after reset, RES1 bits included. Where the architecture leaves it UNKNOWN, zero.
        writable: the bits a write changes; the others keep their reset value (RES0, RES1 and read-only bits).
        gated: further writable bits, which come with a feature.
        feature: what brings the register; without it, it is UNDEFINED.
        traps: the controls that trap accesses to it.
        guard: whether it exists in the current state; where it does not, access is UNDEFINED.
        check: refuses (by raising) a value, masked, about to be written.
        is_exception_state: whether every exception that is taken changes it, or who steps over instructions.
        read, write: take the place of the storage in `cpu.sysregs`; `write` gets the value with RES0 bits cleared.
    """

    name: str
    read_level: int | None
    write_level: int | None
    reset: int | Reset = 0
    writable: int = mask(64)
    gated: Mapping[Feature, int] = attrs.field(factory=dict)
    feature: Feature | None = None
    traps: tuple[Trap, ...] = ()
    guard: Guard | None = None
    check: Write | None = None
    is_exception_state: bool = False
    read: Read | None = None
    write: Write | None = None

    @property
    def key(self) -> str:
        """The name under which `cpu.sysregs` stores it."""
        return self.name.upper()

    @property
    def encoding(self) -> int:
        """Its encoding, as `names.encode` makes it."""
        found = encoding_of(self.name)
        assert found is not None, f"{self.name} is not in names.txt"
        return found

    def reset_value(self, config: Config) -> int:
        """The value after reset of a machine built so."""
        return self.reset if isinstance(self.reset, int) else self.reset(config)


@cache
def writable_bits(register: SysReg, features: frozenset[Feature]) -> int:
    """The bits of a register that a write changes on a machine with these features."""
    found = register.writable
    for feature, only in register.gated.items():
        if feature in features:
            found |= only
    return found


def _level_of(name: str) -> int:
    """The level a register's name ends in: 1 for SCTLR_EL1."""
    return int(name[-1])


def read_write(name: str, *, level: int | None = None, **facts: Any) -> SysReg:
    """A register read and written from `level` upwards; by default the level its name ends in."""
    lowest = _level_of(name) if level is None else level
    return SysReg(name, **{"read_level": lowest, "write_level": lowest, **facts})


def read_only(name: str, *, level: int | None = None, **facts: Any) -> SysReg:
    """A register read from `level` upwards and written by nobody."""
    return SysReg(name, _level_of(name) if level is None else level, None, **facts)


def write_only(name: str, *, level: int | None = None, **facts: Any) -> SysReg:
    """A register written from `level` upwards and read by nobody."""
    return SysReg(name, None, _level_of(name) if level is None else level, **facts)
