"""Numbers in specs, as kstrtoul and kstrtol of Linux read them: 0x is hexadecimal, a leading 0 octal."""

from __future__ import annotations

import re

_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")
_OCTAL = re.compile(r"0[0-7]*")
_DECIMAL = re.compile(r"[1-9][0-9]{0,19}")


def parse_unsigned(text: str) -> int | None:
    """A number of 64 bits without a sign, else None."""
    value = _parse_digits(text)
    return value if value is not None and value < 1 << 64 else None


def parse_signed(text: str) -> int | None:
    """A number of 64 bits, -2^63 to 2^63 - 1, with or without a sign; else None."""
    magnitude = _parse_digits(text[1:] if text[:1] in ("+", "-") else text)
    if magnitude is None:
        return None
    value = -magnitude if text[0] == "-" else magnitude
    return value if -1 << 63 <= value < 1 << 63 else None


def _parse_digits(text: str) -> int | None:
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    return int(text) if _DECIMAL.fullmatch(text) else None
