"""The Arm ARM's shared pseudocode functions, by their names there ("Shared pseudocode")."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from aarch64.bits import Bits, mask, replicate, rotate_right, select, sign_extend, signed

if TYPE_CHECKING:
    from collections.abc import Callable

Flags = tuple[Bits, Bits, Bits, Bits]
"""N, Z, C, V: each 0 or 1."""

LSL, LSR, ASR, ROR = range(4)


def add_with_carry(x: Bits, y: Bits, carry_in: Bits, width: int) -> tuple[Bits, Flags]:
    """AddWithCarry: the sum of two `width`-bit values and a carry, with the flags it sets."""
    total = x + y + carry_in
    result = total & mask(width)
    return result, (
        result >> (width - 1),
        (result == 0) & 1,
        total >> width,
        ((x ^ result) & (y ^ result)) >> (width - 1),
    )


def logical_flags(result: Bits, width: int) -> Flags:
    """The flags of a logical operation: N and Z of the result, C and V clear."""
    return result >> (width - 1), (result == 0) & 1, 0, 0


def shift_value(value: Bits, kind: int, amount: Bits, width: int) -> Bits:
    """ShiftReg: `value` shifted by `amount` (0 to `width` - 1); `kind` is LSL, LSR, ASR or ROR."""
    if kind == LSL:
        return (value << amount) & mask(width)
    if kind == LSR:
        return value >> amount
    if kind == ASR:
        return (signed(value, width) >> amount) & mask(width)
    return rotate_right(value, amount, width)


def extend_value(value: Bits, option: int, amount: int, width: int) -> Bits:
    """ExtendReg: `value` extended as `option` (0 UXTB ... 7 SXTX) says, then shifted left by `amount` (0 to 4)."""
    length = min(8 << (option & 3), width)
    extended = sign_extend(value, length, width) if option & 4 else value & mask(length)
    return (extended << amount) & mask(width)


_CONDITIONS: tuple[Callable[[Bits, Bits, Bits, Bits], Bits], ...] = (
    lambda _n, z, _c, _v: z,
    lambda _n, _z, c, _v: c,
    lambda n, _z, _c, _v: n,
    lambda _n, _z, _c, v: v,
    lambda _n, z, c, _v: c & (z ^ 1),
    lambda n, _z, _c, v: n ^ v ^ 1,
    lambda n, z, _c, v: (n ^ v ^ 1) & (z ^ 1),
)
"""EQ, CS, MI, VS, HI, GE and GT, as functions of N, Z, C, V; each is followed by its opposite in the numbering."""


def condition_holds(cond: int, flags: Flags) -> Bits:
    """ConditionHolds: 1 where the condition (0 to 15) is true of N, Z, C, V; AL and NV always are."""
    if cond >= 14:
        return 1
    result = _CONDITIONS[cond >> 1](*flags)
    return result ^ 1 if cond & 1 else result


@lru_cache(maxsize=8192)
def decode_bit_masks(n: int, imms: int, immr: int, width: int) -> int:
    """DecodeBitMasks: the logical immediate, `width` bits wide, of an allocated encoding (`bit_masks_are_valid`).

    A run of `imms` + 1 ones is rotated right by `immr` in an element of 2 to 64 bits, and the element repeated.
    """
    size = _element_size(n, imms)
    ones, rotation = imms & (size - 1), immr & (size - 1)
    return replicate(rotate_right(mask(ones + 1), rotation, size), size, width)


def _element_size(n: int, imms: int) -> int:
    """The size of a logical immediate's element, by the highest set bit of N:NOT(imms); less than 2 is reserved."""
    return (1 << ((n << 6) | (imms ^ 0x3F)).bit_length()) >> 1


def bit_masks_are_valid(n: int, imms: int, sf: int) -> bool:
    """Whether a logical immediate is allocated: an element of 2 to `width` bits, not all ones."""
    size = _element_size(n, imms)
    return size >= 2 and not (n and not sf) and imms & (size - 1) != size - 1


def encode_bit_masks(value: int, width: int) -> tuple[int, int, int] | None:
    """(n, imms, immr) of the logical immediate `value`, `width` bits wide; None if it has no encoding."""
    if value in (0, mask(width)):
        return None
    size = width
    while size > 2 and replicate(value & mask(size // 2), size // 2, width) == value:
        size //= 2
    element = value & mask(size)
    ones = element.bit_count()
    for rotation in range(size):
        if rotate_right(mask(ones), rotation, size) == element:
            imms = (-size << 1 | (ones - 1)) & 0x3F
            return int(size == 64), imms, rotation
    return None


def lone_halfword(value: int, width: int) -> int | None:
    """Which halfword of a `width`-bit value holds all its ones (the lowest if it has none); None if several do."""
    for halfword in range(width // 16):
        if not value & ~(0xFFFF << 16 * halfword):
            return halfword
    return None


def move_wide_preferred(value: int, width: int) -> bool:
    """MoveWidePreferred: whether MOVZ or MOVN, rather than ORR, is meant by a MOV of this value."""
    return lone_halfword(value, width) is not None or lone_halfword(value ^ mask(width), width) is not None


def carry_select(condition: Bits, if_true: Flags, if_false: Flags) -> Flags:
    """One of two sets of flags, by a run-time condition."""
    n, z, c, v = (select(condition, a, b) for a, b in zip(if_true, if_false, strict=True))
    return n, z, c, v
