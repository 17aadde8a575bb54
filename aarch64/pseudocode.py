"""The Arm ARM's shared pseudocode functions, by their names there ("Shared pseudocode")."""

from __future__ import annotations

from functools import lru_cache

from aarch64.bits import Bits, mask, replicate, rotate_right, select, sign_extend, signed

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


def condition_holds(cond: int, flags: Flags) -> Bits:
    """ConditionHolds: 1 where the condition (0 to 15) is true of N, Z, C, V; AL and NV always are."""
    n, z, c, v = flags
    base = cond >> 1
    if base == 7:
        return 1
    result = (z, c, n, v, c & (z ^ 1), n ^ v ^ 1, (n ^ v ^ 1) & (z ^ 1))[base]
    return result ^ 1 if cond & 1 else result


@lru_cache(maxsize=8192)
def decode_bit_masks(n: int, imms: int, immr: int, width: int) -> tuple[int, int]:
    """DecodeBitMasks: (wmask, tmask) of a logical immediate or bitfield move, `width` bits wide.

    Reserved values must have been excluded (`bit_masks_are_valid`); imms may be all ones, as bitfield moves have it.
    """
    length = ((n << 6) | (imms ^ 0x3F)).bit_length() - 1
    size = 1 << length
    levels = size - 1
    ones, rotation = imms & levels, immr & levels
    welem = rotate_right(mask(ones + 1), rotation, size) if rotation else mask(ones + 1)
    telem = mask(((ones - rotation) & levels) + 1)
    return replicate(welem, size, width), replicate(telem, size, width)


def bit_masks_are_valid(n: int, imms: int, sf: int) -> bool:
    """Whether a logical immediate is allocated: an element of 2 to `width` bits, not all ones."""
    length = ((n << 6) | (imms ^ 0x3F)).bit_length() - 1
    if length < 1 or (n and not sf):
        return False
    levels = (1 << length) - 1
    return imms & levels != levels


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
        if (rotate_right(mask(ones), rotation, size) if rotation else mask(ones)) == element:
            imms = (-size << 1 | (ones - 1)) & 0x3F
            return int(size == 64), imms, rotation
    return None


def move_wide_preferred(sf: int, n: int, imms: int, immr: int) -> bool:
    """MoveWidePreferred: whether a MOV of this logical immediate is rather written as MOVZ or MOVN."""
    width = 64 if sf else 32
    if n != sf or (not sf and imms & 0x20):
        return False
    if imms < 16:
        return -immr & 15 <= 15 - imms
    if imms >= width - 15:
        return immr & 15 <= imms - (width - 15)
    return False


def carry_select(condition: Bits, if_true: Flags, if_false: Flags) -> Flags:
    """One of two sets of flags, by a run-time condition."""
    n, z, c, v = (select(condition, a, b) for a, b in zip(if_true, if_false, strict=True))
    return n, z, c, v
