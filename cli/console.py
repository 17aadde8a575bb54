"""What commands print: plain text into pipes and files, the same text in colour on a terminal, or JSON.

Colour follows NO_COLOR and TERM as users know it from other programs. The words and their places do not depend on it.
"""

from __future__ import annotations

import json
import shutil
import sys
from enum import Enum, unique
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import click

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN_WIDTH = 80


@unique
class Style(Enum):
    """What a piece of text is; the value is how rich shows it."""

    HEADING = "bold"
    ADDRESS = "dim"
    WORD = "cyan"
    TEXT = "default"
    SYMBOL = "yellow"
    NOTE = "dim italic"
    GOOD = "green"
    BAD = "red"


@attrs.frozen
class Span:
    """A piece of text of one style."""

    text: str
    style: Style


Line: TypeAlias = "str | Iterable[str | Span]"


def heading(text: str) -> Span:
    """A title."""
    return Span(text, Style.HEADING)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def width() -> int:
    """Columns there are: the terminal's, or a fixed number into pipes and files."""
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if is_terminal() else PLAIN_WIDTH


def write(lines: Iterable[Line]) -> None:
    """Print lines as they come."""
    if is_terminal():
        _write_styled(lines)
        return
    for line in lines:
        sys.stdout.write(_plain(line) + "\n")
    sys.stdout.flush()


def write_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    sys.stdout.flush()


def _plain(line: Line) -> str:
    if isinstance(line, str):
        return line
    return "".join(part if isinstance(part, str) else part.text for part in line)


def _write_styled(lines: Iterable[Line]) -> None:
    from rich.console import Console  # noqa: PLC0415  (only a terminal pays for it)
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        parts = [line] if isinstance(line, str) else line
        console.print(
            Text.assemble(*(part if isinstance(part, str) else (part.text, part.style.value) for part in parts))
        )


def examples(*lines: str) -> str:
    """Command lines for the end of a help page, kept as they are (that is what the backspace tells click)."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


class InputError(click.ClickException):
    """A bad file, word or text from the user: one line, exit status 2."""

    exit_code = 2
