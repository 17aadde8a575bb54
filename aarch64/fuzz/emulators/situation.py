"""The situation in which instructions are compared: the same memory, registers and features on both sides.

A CPU at EL1 of which nothing is trapped, the MMU and the caches off, all of RAM accessible at any alignment that
the instruction itself allows.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.isa.definition import Trait
from aarch64.sampling import State, draw_state

if TYPE_CHECKING:
    from aarch64.isa.definition import Definition
    from aarch64.isa.syntax import Fields

RAM = 0x4000_0000
RAM_SIZE = 0x2000_0000
CODE = 0x5000_0000
"""Where the instruction is; immediate branches stay in RAM from here."""
FILLED = range(CODE - 0x10_0000, CODE + 0x10_0000)
"""Random bytes, as far as PC-relative loads reach."""
DATA = CODE + 0x8_0000
DATA_SIZE = 0x2_0000
"""What is compared after a store. Base registers point to its middle, from where no immediate offset leaves it."""

FEATURES = DEFAULT_FEATURES - {Feature.PAUTH2}
"""Only the first version of pointer authentication: the later ones place the PAC and mark a failure otherwise."""

SYSTEM_REGISTERS = {
    "SCTLR_EL1": ((1, 0, 3, 0, 0), 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13),  # EnIA, EnIB, EnDA, EnDB
    "APIAKEYLO_EL1": ((2, 1, 3, 0, 0), 0x84BE_85CE_9804_E94B),
    "APIAKEYHI_EL1": ((2, 1, 3, 0, 1), 0xEC28_02D4_E0A4_88E9),
    "APIBKEYLO_EL1": ((2, 1, 3, 0, 2), 0x0123_4567_89AB_CDEF),
    "APIBKEYHI_EL1": ((2, 1, 3, 0, 3), 0xFEDC_BA98_7654_3210),
    "APDAKEYLO_EL1": ((2, 2, 3, 0, 0), 0x1111_2222_3333_4444),
    "APDAKEYHI_EL1": ((2, 2, 3, 0, 1), 0x5555_6666_7777_8888),
    "APDBKEYLO_EL1": ((2, 2, 3, 0, 2), 0x9999_AAAA_BBBB_CCCC),
    "APDBKEYHI_EL1": ((2, 2, 3, 0, 3), 0xDDDD_EEEE_FFFF_0000),
    "APGAKEYLO_EL1": ((2, 3, 3, 0, 0), 0x0F1E_2D3C_4B5A_6978),
    "APGAKEYHI_EL1": ((2, 3, 3, 0, 1), 0x8796_A5B4_C3D2_E1F0),
}
"""What both sides have in system registers: (CRn, CRm, op0, op1, op2) and the value."""

_ACCESSES = Trait.LOADS | Trait.STORES
_ALIGNED = Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE | Trait.ATOMIC
"""Always aligned here: whether they may be unaligned within 16 bytes depends on FEAT_LSE2."""


def content() -> bytes:
    """What FILLED holds at the start of every case."""
    return random.Random(0).randbytes(len(FILLED))  # noqa: S311  (the same bytes every time)


def draw_case_state(definition: Definition, fields: Fields, rng: random.Random) -> State:
    """A state for the instruction: its base and index registers reach the data, its branch target is in RAM."""
    state = draw_state(rng)
    x, middle = list(state.x), DATA + DATA_SIZE // 2
    wanted: dict[str, int] = {}
    if definition.traits & _ACCESSES:
        wanted["rm"] = rng.randrange(-64, 64) * 16 & (1 << rng.choice((32, 64))) - 1
        wanted["rn"] = middle + rng.randrange(-64, 64) * 16
        if not definition.traits & _ALIGNED:
            wanted["rn"] += rng.choice((0, 0, 0, 1, 4, 8))
    elif definition.traits & Trait.BRANCHES:
        wanted["rn"] = RAM + rng.randrange(RAM_SIZE // 4) * 4
    for name, value in wanted.items():
        if fields.get(name, 31) != 31:
            x[fields[name]] = value
    return State(tuple(x), middle + rng.randrange(-64, 64) * 16, state.nzcv)
