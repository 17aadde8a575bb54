"""QARMA-64 with five rounds, the cipher behind pointer authentication codes ("ComputePAC", FEAT_PACQARMA5).

The 64-bit state is sixteen cells of four bits, cell 0 lowest. The forward half runs four full rounds after a short
one, the backward half undoes them with the inverse steps and another constant, and a keyed reflector joins them.
"""

from __future__ import annotations

from functools import lru_cache

from aarch64.bits import mask, primitive, rotate_right

_CELLS = 16
_ROUNDS = 4

_SUBSTITUTION = (11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10)
_SHUFFLE = (13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15)
"""Cell i of the result is cell `_SHUFFLE[i]` of the operand."""
_TWEAK_SHUFFLE = (4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9)
_TWEAK_STEPPED = (2, 4, 7, 11, 12, 14, 15)
"""Cells of a shuffled tweak that go one step through a linear feedback shift register."""

_ALPHA = 0xC0AC29B7C97C50DD
_ROUND_CONSTANTS = (
    0x0000000000000000,
    0x13198A2E03707344,
    0xA4093822299F31D0,
    0x082EFA98EC4E6C89,
    0x452821E638D01377,
)


def _inverse(permutation: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(permutation.index(item) for item in range(len(permutation)))


def _by_byte(substitution: tuple[int, ...]) -> bytes:
    """The substitution of both cells of a byte, as a table for `bytes.translate`."""
    return bytes(substitution[byte >> 4] << 4 | substitution[byte & 15] for byte in range(256))


_UNSHUFFLE = _inverse(_SHUFFLE)
_SUBSTITUTE = _by_byte(_SUBSTITUTION)
_UNSUBSTITUTE = _by_byte(_inverse(_SUBSTITUTION))


def _permute(state: int, order: tuple[int, ...]) -> int:
    return sum((state >> 4 * source & 15) << 4 * cell for cell, source in enumerate(order))


def _translate(state: int, table: bytes) -> int:
    return int.from_bytes(state.to_bytes(8, "little").translate(table), "little")


def _rotate_cells(state: int, amount: int) -> int:
    """Every cell rotated left by `amount` (1 or 2)."""
    low = mask(64) // 15 * mask(4 - amount)
    return (state & low) << amount | state >> (4 - amount) & mask(64) // 15 * mask(amount)


def _mix(state: int) -> int:
    """The columns multiplied by the circulant matrix (0, rot 1, rot 2, rot 1): its own inverse."""
    return (
        _rotate_cells(rotate_right(state, 16, 64), 1)
        ^ _rotate_cells(rotate_right(state, 32, 64), 2)
        ^ _rotate_cells(rotate_right(state, 48, 64), 1)
    )


def _step_tweak(tweak: int) -> int:
    shuffled = _permute(tweak, _TWEAK_SHUFFLE)
    for cell in _TWEAK_STEPPED:
        old = shuffled >> 4 * cell & 15
        new = old >> 1 | ((old ^ old >> 1) & 1) << 3
        shuffled ^= (old ^ new) << 4 * cell
    return shuffled


def _tweaks(tweak: int) -> list[int]:
    """The tweak of each round, and that of the reflector."""
    tweaks = [tweak]
    for _ in range(_ROUNDS + 1):
        tweaks.append(_step_tweak(tweaks[-1]))
    return tweaks


def _forward(state: int) -> int:
    return _mix(_permute(state, _SHUFFLE))


def _backward(state: int) -> int:
    return _permute(_mix(state), _UNSHUFFLE)


@primitive
@lru_cache(maxsize=1024)
def qarma5(data: int, tweak: int, key0: int, key1: int) -> int:
    """The 64-bit code of 64-bit `data` under a 64-bit tweak (the modifier) and the two halves of a key, high first.

    A code is usually computed twice, when a pointer is signed and when it is authenticated: the last ones are kept.
    """
    *tweaks, reflected_tweak = _tweaks(tweak)
    whitening = rotate_right(key0, 1, 64) ^ key0 >> 63
    state = data ^ key0
    for index, round_tweak in enumerate(tweaks):
        state ^= key1 ^ round_tweak ^ _ROUND_CONSTANTS[index]
        state = _translate(_forward(state) if index else state, _SUBSTITUTE)
    state = _translate(_forward(state ^ whitening ^ reflected_tweak), _SUBSTITUTE)
    state = _permute(_forward(state) ^ key1, _UNSHUFFLE)
    state = _backward(_translate(state, _UNSUBSTITUTE)) ^ key0 ^ reflected_tweak
    for index, round_tweak in reversed(list(enumerate(tweaks))):
        state = _translate(state, _UNSUBSTITUTE)
        state = _backward(state) if index else state
        state ^= key1 ^ round_tweak ^ _ROUND_CONSTANTS[index] ^ _ALPHA
    return state ^ whitening
