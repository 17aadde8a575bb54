"""The workloads of `a64 bench` in Python: the same algorithms on ints, lists and bytearrays, written by hand.

What guest code does byte by byte is done so here, too; what the language does by itself (a list that grows, zeroed
bytes, slices of a message) is left to it.
"""

from __future__ import annotations

import operator
from itertools import islice, pairwise
from struct import unpack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MASK_32 = 0xFFFF_FFFF
_MASK_64 = 0xFFFF_FFFF_FFFF_FFFF

# --- loops


def lcg(steps: int) -> int:
    """A linear congruential generator, its high halves folded."""
    state = 1
    folded = 0
    for _ in range(steps):
        state = (state * 6364136223846793005 + 1442695040888963407) & _MASK_64
        folded ^= state >> 32
    return folded


def strings(length: int) -> int:
    """Write a text, and find its length; copy it, and find that of the copy."""
    text = bytearray((b"abcdefgh" * (length // 8 + 1))[:length] + b"\0")
    copy = bytearray(length + 1)
    for index in range(_length(text) + 1):
        copy[index] = text[index]
    found = _length(copy)
    return found << 8 | copy[found - 1]


def _length(text: bytearray) -> int:
    length = 0
    while text[length]:
        length += 1
    return length


_EIGHT_ZEROS = bytes(8)


def sieve(limit: int) -> int:
    """How many primes there are below a limit; the memory is cleared first, as nobody says that it is clear."""
    composite = bytearray(limit + 7)
    for start in range(0, limit, 8):
        composite[start : start + 8] = _EIGHT_ZEROS
    found = 0
    for number in range(2, limit):
        if not composite[number]:
            found += 1
            for multiple in range(number * number, limit, number):
                composite[multiple] = 1
    return found


# --- SHA-256

_BLOCK = b"0123456789abcdef" * 4


def _primes() -> Iterator[int]:
    number = 2
    while True:
        if all(number % factor for factor in range(2, number)):
            yield number
        number += 1


def _fraction(number: int, root: int) -> int:
    """The first 32 bits of the fractional part of a root: FIPS 180-4, "SHA-256 Constants"."""
    scaled = number << 32 * root
    low, high = 0, scaled
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**root <= scaled else (low, middle - 1)
    return low & _MASK_32


_FIRST_PRIMES = list(islice(_primes(), 64))
_CONSTANTS = [_fraction(prime, 3) for prime in _FIRST_PRIMES]
_INITIAL = [_fraction(prime, 2) for prime in _FIRST_PRIMES[:8]]


def _compress(state: list[int], block: bytes) -> list[int]:
    """A state, changed by a block of 64 bytes. A word beside itself, in 64 bits, rotates by a shift."""
    words = list(unpack(">16I", block))
    for t in range(16, 64):
        x, y = words[t - 15], words[t - 2]
        xx, yy = x | x << 32, y | y << 32
        s0 = (xx >> 7 ^ xx >> 18 ^ x >> 3) & _MASK_32
        s1 = (yy >> 17 ^ yy >> 19 ^ y >> 10) & _MASK_32
        words.append((words[t - 16] + s0 + words[t - 7] + s1) & _MASK_32)
    a, b, c, d, e, f, g, h = state
    for constant, word in zip(_CONSTANTS, words, strict=True):
        ee, aa = e | e << 32, a | a << 32
        t1 = h + ((ee >> 6 ^ ee >> 11 ^ ee >> 25) & _MASK_32) + (e & f | ~e & g) + constant + word
        t2 = ((aa >> 2 ^ aa >> 13 ^ aa >> 22) & _MASK_32) + (a & (b ^ c) ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & _MASK_32, a, b, c, (d + t1) & _MASK_32, e, f, g
    return [(old + new) & _MASK_32 for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


def sha256(blocks: int) -> int:
    """The first and the last word of the state after so many copies of one block."""
    state = _INITIAL
    for _ in range(blocks):
        state = _compress(state, _BLOCK)
    return state[0] << 32 | state[7]


# --- calls, jumps and pointers


def fibonacci(n: int) -> int:
    """A Fibonacci number by its definition."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def fibonacci_number(n: int) -> int:
    """The same without recursion."""
    number, following = 0, 1
    for _ in range(n):
        number, following = following, number + following
    return number


_HALT, _SET, _MOVE, _ADD, _SUB, _MUL, _AND, _SHR, _JUMP, _JZ, _JNZ = range(11)

_BINARY: dict[int, Callable[[int, int], int]] = {
    _ADD: operator.add,
    _SUB: operator.sub,
    _MUL: operator.mul,
    _AND: operator.and_,
}

_COLLATZ = (
    (_SET, 2, 0, 0),
    (_SET, 3, 1, 0),
    (_SET, 5, 3, 0),
    (_MOVE, 1, 0, 0),
    (_SUB, 4, 1, 3),
    (_JZ, 4, 14, 0),
    (_AND, 4, 1, 3),
    (_JZ, 4, 11, 0),
    (_MUL, 1, 1, 5),
    (_ADD, 1, 1, 3),
    (_JUMP, 0, 12, 0),
    (_SHR, 1, 1, 1),
    (_ADD, 2, 2, 3),
    (_JUMP, 0, 4, 0),
    (_SUB, 0, 0, 3),
    (_JNZ, 0, 3, 0),
    (_HALT, 2, 0, 0),
)


def bytecode(count: int) -> int:  # noqa: C901  (a branch an operation)
    """An interpreter of bytecode, and the bytecode that counts the steps of Collatz's rule from 1 to `count`."""
    variables = [count, 0, 0, 0, 0, 0]
    program = _COLLATZ
    position = 0
    while True:
        operation, a, b, c = program[position]
        position += 1
        if operation in _BINARY:
            variables[a] = _BINARY[operation](variables[b], variables[c]) & _MASK_64
        elif operation == _JZ:
            if not variables[a]:
                position = b
        elif operation == _JUMP:
            position = b
        elif operation == _SHR:
            variables[a] = variables[b] >> c
        elif operation == _JNZ:
            if variables[a]:
                position = b
        elif operation == _MOVE:
            variables[a] = variables[b]
        elif operation == _SET:
            variables[a] = b
        else:
            return variables[a]


def chase(hops: int) -> int:
    """Follow the links of a ring of 1024 nodes, and add the values on the way."""
    following = [(405 * index + 277) % 1024 for index in range(1024)]
    values = [index * index for index in range(1024)]
    index = total = 0
    for _ in range(hops):
        total += values[index]
        index = following[index]
    return total & _MASK_64


def patching(rounds: int) -> int:
    """What the loop that patches itself computes."""
    total = 0
    for left in range(rounds, 0, -1):
        total += left & 0xFFF
        total ^= total << 7 & _MASK_64
    return total & _MASK_64


# --- the example programs, which print


def sha256_program(_size: int) -> str:
    """examples/programs/sha256.c."""
    messages = {
        "empty": b"",
        "abc": b"abc",
        "two blocks": b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "1024 bytes": bytes(index & 0xFF for index in range(1024)),
    }
    return "".join(f"{_digest(message)}  {name}\n" for name, message in messages.items())


def _digest(message: bytes) -> str:
    padded = message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8)
    state = _INITIAL
    for start in range(0, len(padded), 64):
        state = _compress(state, padded[start : start + 64])
    return "".join(f"{word:08x}" for word in state)


def sort_search_program(_size: int) -> str:
    """examples/programs/sort_search.c."""
    random = _random_numbers(2026)
    numbers = [next(random) % 5000 for _ in range(1500)]
    total = sum(numbers)
    _quicksort(numbers, 0, len(numbers))
    misplaced = sum(left > right for left, right in pairwise(numbers))
    found = 0
    for _ in range(300):
        key = next(random) % 5000
        at = _lower_bound(numbers, key)
        found += at < len(numbers) and numbers[at] == key
    return (
        f"sorted:    {len(numbers)}\n"
        f"least:     {numbers[0]}\n"
        f"median:    {numbers[len(numbers) // 2]}\n"
        f"most:      {numbers[-1]}\n"
        f"found:     {found}\n"
        f"lost:      {total - sum(numbers)}\n"
        f"misplaced: {misplaced}\n"
    )


def _random_numbers(seed: int) -> Iterator[int]:
    while True:
        seed = (seed * 1664525 + 1013904223) & _MASK_32
        yield seed >> 8


def _quicksort(numbers: list[int], low: int, high: int) -> None:
    """Hoare's, of a half-open range: recurse into the shorter part, loop over the longer."""
    while high - low > 1:
        pivot = numbers[low + (high - low) // 2]
        i, j = low, high - 1
        while i <= j:
            while numbers[i] < pivot:
                i += 1
            while pivot < numbers[j]:
                j -= 1
            if i <= j:
                numbers[i], numbers[j] = numbers[j], numbers[i]
                i += 1
                j -= 1
        if j - low < high - i:
            _quicksort(numbers, low, j + 1)
            low = i
        else:
            _quicksort(numbers, i, high)
            high = j + 1


def _lower_bound(numbers: list[int], key: int) -> int:
    low, high = 0, len(numbers)
    while low < high:
        middle = (low + high) // 2
        if numbers[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low
