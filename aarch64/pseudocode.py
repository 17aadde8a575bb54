"""The Arm ARM's shared pseudocode functions, by their names there ("Shared pseudocode")."""

from __future__ import annotations

from functools import lru_cache

from aarch64.bits import MASKS, Bits, replicate, rotate_right, select, sign_extend, signed

Flags = tuple[Bits, Bits, Bits, Bits]
"""N, Z, C, V: each 0 or 1."""

LSL, LSR, ASR, ROR = range(4)


def add_with_carry(x: Bits, y: Bits, carry_in: Bits, width: int) -> tuple[Bits, Flags]:
    """AddWithCarry: the sum of two `width`-bit values and a carry, with the flags it sets."""
    total = x + y + carry_in
    result = total & MASKS[width]
    top = width - 1
    flags = result >> top, (result == 0) & 1, total >> width, ((x ^ result) & (y ^ result)) >> top
    return result, flags if isinstance(total, int) else total.flags_of_sum(flags, x, y, carry_in, width)


def logical_flags(result: Bits, width: int) -> Flags:
    """The flags of a logical operation: N and Z of the result, C and V clear."""
    flags = result >> (width - 1), (result == 0) & 1, 0, 0
    return flags if isinstance(result, int) else result.flags_of_result(flags, width)


def shift_value(value: Bits, kind: int, amount: Bits, width: int) -> Bits:
    """`value` shifted by `amount` (0 to `width` - 1); `kind` is LSL, LSR, ASR or ROR."""
    if kind == LSL:
        return (value << amount) & MASKS[width]
    if kind == LSR:
        return value >> amount
    if kind == ASR:
        return (signed(value, width) >> amount) & MASKS[width]
    return rotate_right(value, amount, width)


def extend_value(value: Bits, option: int, amount: int, width: int) -> Bits:
    """ExtendReg: `value` extended as `option` (0 UXTB ... 7 SXTX) says, then shifted left by `amount` (0 to 4)."""
    length = min(8 << (option & 3), width)
    extended = sign_extend(value, length, width) if option & 4 else value & MASKS[length]
    return (extended << amount) & MASKS[width]


def condition_holds(cond: int, flags: Flags) -> Bits:
    """ConditionHolds: 1 where the condition (0 to 15) is true of N, Z, C, V; AL and NV always are."""
    n, z, c, v = flags
    match cond >> 1:
        case 0b000:  # EQ
            result = z
        case 0b001:  # CS
            result = c
        case 0b010:  # MI
            result = n
        case 0b011:  # VS
            result = v
        case 0b100:  # HI
            result = c & (z ^ 1)
        case 0b101:  # GE
            result = n ^ v ^ 1
        case 0b110:  # GT
            result = (n ^ v ^ 1) & (z ^ 1)
        case _:
            return 1
    return result ^ 1 if cond & 1 else result  # an odd number is the opposite


@lru_cache(maxsize=8192)
def decode_bit_masks(n: int, imms: int, immr: int, width: int) -> int:
    """DecodeBitMasks: the logical immediate, `width` bits wide, of an allocated encoding (`bit_masks_are_valid`).

    A run of `imms` + 1 ones is rotated right by `immr` in an element of 2 to 64 bits, and the element repeated.
    """
    size = _element_size(n, imms)
    ones, rotation = imms & (size - 1), immr & (size - 1)
    return replicate(rotate_right(MASKS[ones + 1], rotation, size), size, width)


def _element_size(n: int, imms: int) -> int:
    """The size of a logical immediate's element, by the highest set bit of N:NOT(imms); less than 2 is reserved."""
    return (1 << ((n << 6) | (imms ^ 0x3F)).bit_length()) >> 1


def bit_masks_are_valid(n: int, imms: int, sf: int) -> bool:
    """Whether a logical immediate is allocated: an element of 2 to `width` bits, not all ones."""
    size = _element_size(n, imms)
    return size >= 2 and not (n and not sf) and imms & (size - 1) != size - 1


def encode_bit_masks(value: int, width: int) -> tuple[int, int, int] | None:
    """(n, imms, immr) of the logical immediate `value`, `width` bits wide; None if it has no encoding."""
    if value in (0, MASKS[width]):
        return None
    size = width
    while size > 2 and replicate(value & MASKS[size // 2], size // 2, width) == value:
        size //= 2
    element = value & MASKS[size]
    ones = element.bit_count()
    for rotation in range(size):
        if rotate_right(MASKS[ones], rotation, size) == element:
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
    return lone_halfword(value, width) is not None or lone_halfword(value ^ MASKS[width], width) is not None


def carry_select(condition: Bits, if_true: Flags, if_false: Flags) -> Flags:
    """One of two sets of flags, by a run-time condition."""
    n, z, c, v = (select(condition, a, b) for a, b in zip(if_true, if_false, strict=True))
    return n, z, c, v
