"""Numbers and words on the command line."""

from __future__ import annotations

import re

import click

_WORD = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,8})")


def parse_address(text: str) -> int:
    """Where instructions go: decimal, or hexadecimal with 0x; BadParameter unless it is a multiple of 4 below 2^52."""
    try:
        value = int(text, 0)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not an address: write 0x40000000 or a decimal number") from error
    if value % 4 or not 0 <= value < 1 << 52:
        raise click.BadParameter(f"{value:#x} is not a multiple of 4 below 2^52")
    return value


def parse_word(text: str) -> int | None:
    """The 32-bit word that 1 to 8 hexadecimal digits say, `0x` before them or not; None if `text` is something else."""
    found = _WORD.fullmatch(text)
    return int(found[1], 16) if found else None
