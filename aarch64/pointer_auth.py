"""Pointer authentication: codes are computed, put into pointers, checked and stripped ("Pointer authentication").

Which bits of a pointer hold its code depends on the translation regime's configuration and on whether the address is
in the lower or the upper range. That is worked out here once per call into two masks, the *fields*; the rest is
arithmetic on ints, in primitives.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import Bits, mask, primitive
from aarch64.exceptions import pointer_authentication_failure, trapped_pointer_authentication
from aarch64.features import Feature
from aarch64.qarma import qarma5
from aarch64.sysregs.fields import HCR_API, SCR_API
from aarch64.translation.parameters import parameters, regime_of

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_SELECT = 1 << 55
"""The bit of a signed pointer that tells the lower from the upper range; it never holds a code."""
_TOP_BYTE = 0xFF << 56


@unique
class Key(Enum):
    """A key: its registers' name, the SCTLR_ELx bit that enables it, whether it is for data, A (0) or B (1)."""

    IA = ("APIA", 31, False, 0)
    IB = ("APIB", 30, False, 1)
    DA = ("APDA", 27, True, 0)
    DB = ("APDB", 13, True, 1)

    def __init__(self, prefix: str, enable_bit: int, is_data: bool, number: int) -> None:
        self.prefix = prefix
        self.enable_bit = enable_bit
        self.is_data = is_data
        self.number = number


def _key_halves(cpu: Cpu, prefix: str) -> tuple[int, int]:
    """The high and the low half of the key whose registers begin with `prefix`."""
    return cpu.sysregs[f"{prefix}KEYHI_EL1"], cpu.sysregs[f"{prefix}KEYLO_EL1"]


# --- where the code goes


def _field(cpu: Cpu, upper: int, *, is_data: bool) -> int:
    """The bits of a pointer that hold a code: bit 54 down to the address size, and the top byte unless it is ignored.

    An address size out of range is forced into it (CalculateBottomPACBit, AArch64_PACEffectiveTxSZ).
    """
    found = parameters(cpu, regime_of(cpu.pstate.el), upper << 55)
    ignores_top = found.ignores_top if is_data else found.ignores_top_of_code
    return (0 if ignores_top else _TOP_BYTE) | mask(55) & ~mask(found.address_bits)


@attrs.frozen
class _Fields:
    """The fields of lower-range and upper-range pointers."""

    lower: int
    upper: int

    @classmethod
    def of(cls, cpu: Cpu, *, is_data: bool) -> _Fields:
        return cls(_field(cpu, 0, is_data=is_data), _field(cpu, 1, is_data=is_data))

    @property
    def range_bit(self) -> int:
        """The number of the bit that tells the range of a pointer still unsigned: 63, or 55 below an ignored byte."""
        return 63 if self.lower & self.upper & _TOP_BYTE else 55


@primitive
def _canonical(pointer: int, lower: int, upper: int) -> int:
    """The pointer with its field made a copy of bit 55."""
    return pointer | upper if pointer & _SELECT else pointer & ~lower


@primitive
def _unsigned(pointer: int, lower: int, upper: int, range_bit: int) -> int:
    """The pointer that is signed for `pointer`: its field and bit 55 copies of the bit that tells its range."""
    return pointer | upper | _SELECT if pointer >> range_bit & 1 else pointer & ~(lower | _SELECT)


@primitive
def _insert(pointer: int, code: int, lower: int, upper: int, range_bit: int) -> int:
    """AddPAC without FEAT_PAuth2: the code replaces the field, one bit inverted if the pointer was not canonical."""
    field = upper if pointer >> range_bit & 1 else lower
    extension = field | _SELECT
    if pointer & extension not in (0, extension):
        code ^= 1 << (62 if field & _TOP_BYTE else 54)
    return _unsigned(pointer, lower, upper, range_bit) & ~field | code & field


@primitive
def _combine(pointer: int, code: int, lower: int, upper: int, range_bit: int) -> int:
    """AddPAC with FEAT_PAuth2: the code is exclusive-ORed into the field, and bit 55 tells the range."""
    if pointer >> range_bit & 1:
        return pointer ^ code & upper | _SELECT
    return (pointer ^ code & lower) & ~_SELECT


@primitive
def _verify(pointer: int, original: int, code: int, lower: int, upper: int, key_number: int) -> int:
    """Auth without FEAT_PAuth2: the original pointer, made invalid by an error code if the field is not the code."""
    field = upper if pointer & _SELECT else lower
    if not (pointer ^ code) & field:
        return original
    low = 61 if field & _TOP_BYTE else 53
    return original & ~(0b11 << low) | (0b10 if key_number else 0b01) << low


@primitive
def _separate(pointer: int, code: int, lower: int, upper: int) -> int:
    """Auth with FEAT_PAuth2: the code taken out again; the original pointer is left only if it was the right one."""
    return pointer ^ code & (upper if pointer & _SELECT else lower)


@primitive
def _require_canonical(pointer: int, lower: int, upper: int, iss: int) -> int:
    """FEAT_FPAC: the pointer authenticated; ArchException where that failed."""
    if _canonical(pointer, lower, upper) != pointer:
        raise pointer_authentication_failure(iss)
    return pointer


# --- the operations of the instructions


def _check_traps(cpu: Cpu) -> None:
    """Raise the trap of a pointer authentication instruction to EL2 or EL3, if HCR_EL2.API or SCR_EL3.API is clear."""
    el = cpu.pstate.el
    if el < 2 and cpu.el2_enabled and not cpu.sysregs["HCR_EL2"] & HCR_API:
        cpu.raise_exception(trapped_pointer_authentication(2))
    if el < 3 and cpu.has_level(3) and not cpu.sysregs["SCR_EL3"] & SCR_API:
        cpu.raise_exception(trapped_pointer_authentication(3))


def _is_enabled(cpu: Cpu, key: Key) -> bool:
    """Whether the key is in use; a disabled one leaves pointers as they are, and is not trapped."""
    if not cpu.sctlr >> key.enable_bit & 1:
        return False
    _check_traps(cpu)
    return True


def add_pac(cpu: Cpu, pointer: Bits, modifier: Bits, key: Key) -> Bits:
    """AddPAC: the 64-bit `pointer` signed with a key and a 64-bit modifier.

    Raises:
        ArchException: the instruction is trapped.
    """
    if not _is_enabled(cpu, key):
        return pointer
    fields = _Fields.of(cpu, is_data=key.is_data)
    unsigned = _unsigned(pointer, fields.lower, fields.upper, fields.range_bit)
    code = qarma5(unsigned, modifier, *_key_halves(cpu, key.prefix))
    put = _combine if cpu.has(Feature.PAUTH2) else _insert
    return put(pointer, code, fields.lower, fields.upper, fields.range_bit)


def authenticate(cpu: Cpu, pointer: Bits, modifier: Bits, key: Key, *, combined: bool = False) -> Bits:
    """Auth: the original of a signed `pointer`, or an address that faults when used if its code is wrong.

    With FEAT_FPAC a wrong code faults at once, unless the instruction is `combined` with a branch or load.

    Raises:
        ArchException: the instruction is trapped, or authentication failed (FEAT_FPAC).
    """
    if not _is_enabled(cpu, key):
        return pointer
    fields = _Fields.of(cpu, is_data=key.is_data)
    original = _canonical(pointer, fields.lower, fields.upper)
    code = qarma5(original, modifier, *_key_halves(cpu, key.prefix))
    if not cpu.has(Feature.PAUTH2):
        return _verify(pointer, original, code, fields.lower, fields.upper, key.number)
    result = _separate(pointer, code, fields.lower, fields.upper)
    if cpu.has(Feature.FPAC) and not combined:
        return _require_canonical(result, fields.lower, fields.upper, key.is_data << 1 | key.number)
    return result


def strip(cpu: Cpu, pointer: Bits, *, is_data: bool) -> Bits:
    """Strip: the pointer without its code, which is not checked."""
    fields = _Fields.of(cpu, is_data=is_data)
    return _canonical(pointer, fields.lower, fields.upper)


def generic_code(cpu: Cpu, value: Bits, modifier: Bits) -> Bits:
    """AddPACGA: the code of any 64-bit value, in the upper 32 bits.

    Raises:
        ArchException: the instruction is trapped.
    """
    _check_traps(cpu)
    return qarma5(value, modifier, *_key_halves(cpu, "APGA")) & mask(64) & ~mask(32)
