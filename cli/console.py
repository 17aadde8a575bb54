"""What commands print: plain text into pipes and files, the same text in colour on a terminal, or JSON.

Colour follows NO_COLOR and TERM as users know it from other programs. The words and their places do not depend on it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import Enum, unique
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO, TypeAlias

import attrs
import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLAIN_WIDTH = 80
_ERASE_LINE = "\r\x1b[K"

INTERRUPTED = 130
"""The exit status of a command that Ctrl-C ended."""

NO_READER = 141
"""The exit status where nobody reads the output any more, as of a program that SIGPIPE ends."""


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


def width(stream: TextIO | None = None) -> int:
    """Columns that a stream (standard output) has: the terminal's, or a fixed number into pipes and files."""
    if not (stream or sys.stdout).isatty():
        return PLAIN_WIDTH
    import shutil  # noqa: PLC0415  (only a terminal pays for it)

    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns


def has_screen() -> bool:
    """Whether somebody is at a terminal that more than lines can be drawn on."""
    is_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def write(lines: Iterable[Line]) -> None:
    """Print lines as they come."""
    if sys.stdout.isatty():
        _write_styled(lines)
        return
    for line in lines:
        sys.stdout.write(_plain(line) + "\n")
    sys.stdout.flush()


def json_lines(value: Any) -> str:
    """A value as lines of JSON."""
    import json  # noqa: PLC0415  (only who asks for it pays for it)

    return json.dumps(value, indent=2) + "\n"


def write_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json_lines(value))
    sys.stdout.flush()


def plain(lines: Iterable[Line]) -> str:
    """Lines as one text without styles, each ended."""
    return "".join(f"{_plain(line)}\n" for line in lines)


def _plain(line: Line) -> str:
    if isinstance(line, str):
        return line
    return "".join(part if isinstance(part, str) else part.text for part in line)


def _write_styled(lines: Iterable[Line]) -> None:
    terminal = _Terminal()
    for line in lines:
        terminal.print(line)


class _Terminal:
    """Standard output, a terminal."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  (only a terminal pays for it)
        from rich.text import Text  # noqa: PLC0415

        self._console = Console(highlight=False, soft_wrap=True)
        self._text = Text

    def print(self, line: Line) -> None:
        """Print a line."""
        parts = [line] if isinstance(line, str) else line
        self._console.print(
            self._text.assemble(*(part if isinstance(part, str) else (part.text, part.style.value) for part in parts))
        )

    def rendered(self, lines: Iterable[Line]) -> str:
        """What would be printed."""
        with self._console.capture() as printed:
            for line in lines:
                self.print(line)
        return printed.get()


class Renderer:
    """Makes one text of lines for standard output, for who writes it there among other things."""

    def __init__(self) -> None:
        self._terminal = _Terminal() if sys.stdout.isatty() else None

    def __call__(self, lines: Iterable[Line]) -> str:
        """The lines, each ended, with colours if it is a terminal that has them."""
        if self._terminal is not None:
            return self._terminal.rendered(lines)
        return plain(lines)


def examples(*lines: str) -> str:
    """Command lines for the end of a help page, kept as they are (that is what the backspace tells click)."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


# --- the host's streams and files, which may be closed, full or gone


def open_missing_streams() -> None:
    """Where the host closed a standard stream: one that is empty, or swallows everything."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  (open to the end)


def silence(stream: IO[Any]) -> None:
    """Have what is still written to a stream go nowhere, what it holds back included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def tell(text: str) -> None:
    """Print a line on standard error; where that is impossible, the exit status has to do."""
    try:
        click.echo(text, err=True)
    except OSError:
        silence(sys.stderr)


def progress(text: str) -> None:
    """Show on a terminal what is being done; the next text, or none, takes its place."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{_ERASE_LINE}{text}")
        sys.stderr.flush()


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """What the host refuses is told with the name of the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from error


class InputError(click.ClickException):
    """A bad file, word or text from the user: one line, exit status 2."""

    exit_code = 2
