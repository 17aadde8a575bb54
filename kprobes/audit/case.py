"""A case of the transparency law: one instruction, and the state it is executed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import mask
from aarch64.isa.table import disassemble
from aarch64.memory import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

RAM, RAM_SIZE = 0x4000_0000, 1 << 20
DATA = RAM + 0x8000
READ_ONLY, UNACCESSED, UNMAPPED, USER = (DATA + PAGE_SIZE * number for number in (2, 3, 4, 5))
"""With translation on, pages of these kinds; without it, more data."""
CODE, GUARDED = RAM + 0x4_0000, RAM + 0x4_1000
"""Where the instruction is: in a page of each kind."""
VECTORS, TABLES = RAM + 0x6_0000, RAM + 0x8_0000
UART, NOWHERE = 0x0900_0000, 0x2000_0000
UPPER = 0xFFFF_0000_0000_0000
"""The range of the kernel."""
UPPER_DATA, UPPER_UNMAPPED = UPPER + DATA - RAM, UPPER + UNMAPPED - RAM

EL1T, EL1H = 0x04, 0x05
"""PSTATE of EL1 with SP_EL0 or SP_EL1, and nothing else set."""
_MODE = 0x1F
NO_TRAPS = 1 << 31 | 3 << 40
"""HCR_EL2: EL1 is in AArch64 (RW), and may use the keys of pointer authentication (API, APK)."""
REGISTERS = 31
_D = 1 << 9


class CaseError(ValueError):
    """What was to be read as a case is none."""


@attrs.frozen
class Case:
    """An instruction and the state it is executed in, at EL1.

    Attributes:
        word: the instruction.
        x, sp: the registers; `sp` is the selected stack pointer.
        pstate: PSTATE as in SPSR_EL1.
        translates: whether the MMU is on.
        guarded: whether the instruction is in a guarded page; only with the MMU on that means something.
        sctlr: bits of SCTLR_EL1 to set besides.
        hcr: HCR_EL2.
        unaligned: whether unaligned accesses are allowed with the MMU off.
    """

    word: int
    x: tuple[int, ...] = (0,) * REGISTERS
    sp: int = DATA + 0x400
    pstate: int = EL1H
    translates: bool = False
    guarded: bool = False
    sctlr: int = 0
    hcr: int = NO_TRAPS
    unaligned: bool = True

    @property
    def pc(self) -> int:
        """The address of the instruction."""
        return GUARDED if self.guarded else CODE

    @property
    def masks_debug(self) -> bool:
        """Whether PSTATE.D is set."""
        return bool(self.pstate & _D)

    @property
    def text(self) -> str:
        """The instruction at its address."""
        return disassemble(self.word, self.pc)

    @property
    def state(self) -> dict[str, int | bool]:
        """By name, what is not as in the plain case: registers that are not zero, and what is not the default."""
        registers = {f"x{number}": value for number, value in enumerate(self.x) if value}
        return registers | {
            field.name: getattr(self, field.name)
            for field in attrs.fields(Case)[2:]
            if getattr(self, field.name) != field.default
        }

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value:#x}" for name, value in self.state.items())
        return f"{self.text} ({self.word:#010x}) with {shown or 'all registers zero'}"

    # --- JSON

    def as_json(self) -> dict[str, Any]:
        """The case for a file: numbers are hexadecimal strings; what is as in the plain case is left out."""
        state = {name: value if isinstance(value, bool) else f"{value:#x}" for name, value in self.state.items()}
        return {"word": f"{self.word:#010x}", "text": self.text, **state}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Case:
        """The case that `as_json` gave; the text of the instruction is not read.

        Raises:
            CaseError: it has no word, or something else that no case has.
        """
        given = {name: value for name, value in stored.items() if name != "text"}
        if "word" not in given:
            raise CaseError("a case needs the word of its instruction: give word")
        x = tuple(_number(f"x{number}", given.pop(f"x{number}", 0), 64) for number in range(REGISTERS))
        if unknown := set(given) - {field.name for field in attrs.fields(cls)} | given.keys() & {"x"}:
            raise CaseError(f"a case has no {', '.join(sorted(unknown))}")
        case = cls(x=x, **_fields(given))
        if case.pstate & _MODE not in (EL1T, EL1H):
            raise CaseError(f"pstate of a case is one of EL1 (mode {EL1T:#x} or {EL1H:#x}), not {case.pstate:#x}")
        return case


_FLAGS = tuple(field.name for field in attrs.fields(Case) if isinstance(field.default, bool))


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _field(name, value) for name, value in given.items()}


def _field(name: str, value: object) -> int | bool:
    if name not in _FLAGS:
        return _number(name, value, 32 if name == "word" else 64)
    if not isinstance(value, bool):
        raise CaseError(f"{name} of a case is true or false, not {value!r}")
    return value


def _number(name: str, value: object, width: int) -> int:
    """A number of `width` bits, as hexadecimal string or as integer."""
    try:
        number = int(value, 16) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or not 0 <= number <= mask(width):
        raise CaseError(f"{name} of a case is a number of {width} bits, not {value!r}")
    return number
