"""Numbers on the command line: integers, addresses, sizes, instruction words."""

from __future__ import annotations

import re

import click

from aarch64.bits import mask

_INTEGER = re.compile(r"[-+]?(0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9_]+)", re.IGNORECASE)
_SIZE = re.compile(r"(0x[0-9a-f_]+|[0-9_]+)([KMGT]?)(?:iB|B)?", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_LEVELS = ("0", "1", "2", "3")
_WORD = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,8})")


def parse_integer(text: str) -> int | None:
    """A decimal, 0x, 0o or 0b number of at most 64 bits, perhaps negative; None for anything else."""
    if not _INTEGER.fullmatch(text):
        return None
    try:
        value = int(text, 0)
    except ValueError:
        return None
    return value if -(1 << 63) <= value < 1 << 64 else None


def parse_address(text: str) -> int:
    """Where instructions go; BadParameter unless it is a multiple of 4 below 2^52."""
    value = _address(text)
    if value % 4 or not 0 <= value < 1 << 52:
        raise click.BadParameter(f"{value:#x} is not a multiple of 4 below 2^52")
    return value


def parse_data_address(text: str) -> int:
    """Where bytes go; BadParameter unless it is below 2^52."""
    value = _address(text)
    if not 0 <= value < 1 << 52:
        raise click.BadParameter(f"{value:#x} is not an address from 0 to below 2^52")
    return value


def _address(text: str) -> int:
    value = parse_integer(text)
    if value is None:
        raise click.BadParameter(f"{text!r} is not an address: write 0x40000000 or a decimal number")
    return value


def parse_place(text: str) -> int | str:
    """An address, or the name of a symbol as it is."""
    number = parse_integer(text)
    return text if number is None else number & mask(64)


def parse_size(text: str) -> int:
    """A number of bytes: 65536, 0x10000, 64K, 128M or 1G; BadParameter for anything else."""
    found = _SIZE.fullmatch(text)
    number = parse_integer(found[1]) if found else None
    if found is None or number is None:
        raise click.BadParameter(f"{text!r} is not a size such as 65536, 0x10000, 64K, 128M or 1G")
    return number << _UNITS[found[2].upper()]


def parse_count(text: str) -> int:
    """A number that is not negative; BadParameter for anything else."""
    number = parse_integer(text)
    if number is None or number < 0:
        raise click.BadParameter(f"{text!r} is not a number of at most 64 bits, such as 1000000 or 0x1000")
    return number


def parse_level(text: str) -> int:
    """An exception level; BadParameter for anything else."""
    if text not in _LEVELS:
        raise click.BadParameter(f"{text!r} is not an exception level: want {_LEVELS[0]} to {_LEVELS[-1]}")
    return int(text)


def parse_word(text: str) -> int | None:
    """The 32-bit word that 1 to 8 hexadecimal digits say, `0x` before them or not; None if `text` is something else."""
    found = _WORD.fullmatch(text)
    return int(found[1], 16) if found else None
