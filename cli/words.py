"""Instruction words from a file, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import console
from cli.console import InputError
from cli.numbers import parse_word

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 60


def read_words(file: str) -> Iterator[int]:
    """The words of a file, in hexadecimal; `-` is standard input.

    Raises:
        InputError: a line that is no word, by its number.
    """
    name = "<stdin>" if file == "-" else file
    with console.blaming(name), click.open_file(file, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            word = parse_word(line.strip())
            if word is None:
                shown = line.strip()[:_SHOWN]
                raise InputError(f"{name}:{number}: {shown!r} is not a word: expected 1 to 8 hexadecimal digits")
            yield word
