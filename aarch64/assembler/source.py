"""Assembly source text: statements without comments, and errors that show the place.

Positions survive: what is taken out is replaced by blanks, so that a column of a statement is a column of its line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from aarch64.errors import AssemblyError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DIAGNOSTICS = 20
_MAX_SHOWN = 200


@attrs.frozen
class Piece:
    """A stretch of source text: `line` counts from 1, `column` from 0."""

    text: str
    line: int
    column: int

    def part(self, start: int, end: int | None = None) -> Piece:
        """The text from `start` to `end`, without the blanks around it."""
        text = self.text[start:end]
        return Piece(text.strip(), self.line, self.column + start + len(text) - len(text.lstrip()))

    def error(self, message: str, offset: int = 0) -> Fault:
        """The error to raise about this piece, `offset` characters from its start."""
        return Fault(message, self.line, self.column + offset)


class Fault(Exception):
    """What is wrong at a place of the source."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@attrs.frozen
class Diagnostic:
    """An error in a source file: `line` and `column` count from 1, `source` is the line."""

    filename: str
    line: int
    column: int
    message: str
    source: str

    def __str__(self) -> str:
        head = f"{self.filename}:{self.line}:{self.column}: {self.message}"
        if len(self.source) > _MAX_SHOWN:
            return head
        blanks = re.sub(r"[^\t]", " ", self.source[: self.column - 1])
        return f"{head}\n    {self.source.rstrip()}\n    {blanks}^"


class SourceError(AssemblyError):
    """A source file that does not assemble: `diagnostics` are the first of its errors, in the order of lines."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], more: int = 0) -> None:
        first = diagnostics[0]
        super().__init__(first.message, first.column - 1)
        self.diagnostics = diagnostics
        self.more = more

    def __str__(self) -> str:
        tail = [f"... and {self.more} more"] if self.more else []
        return "\n".join([*map(str, self.diagnostics), *tail])


def source_error(faults: list[Fault], filename: str, text: str) -> SourceError:
    """All faults found in `text`, as one error."""
    lines = text.split("\n")
    unique = sorted({(fault.line, fault.column, fault.message) for fault in faults})
    shown = unique[:MAX_DIAGNOSTICS]
    diagnostics = [
        Diagnostic(filename, line, column + 1, message, lines[line - 1] if line <= len(lines) else "")
        for line, column, message in shown
    ]
    return SourceError(tuple(diagnostics), len(unique) - len(shown))


_SCRAP = re.compile(
    r'(?P<string>"(?:\\[^\n]|[^"\\\n])*")'
    r"|(?P<char>'(?:\\[^\n]|[^\\\n])'?)"
    r"|(?P<comment>//[^\n]*|/\*[\s\S]*?\*/|^[ \t]*#[^\n]*)"
    r'|(?P<open>"|/\*)',
    re.MULTILINE,
)
_STATEMENT = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^;"])+')
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def statements(text: str, faults: list[Fault]) -> Iterator[Piece]:
    """The statements of a source, labels included; `//`, `/* */` and `#` at the start of a line make comments."""
    for number, line in enumerate(_without_comments(text, faults).split("\n"), start=1):
        for found in _STATEMENT.finditer(line):
            piece = Piece(line, number, 0).part(found.start(), found.end())
            if piece.text:
                yield piece


def _without_comments(text: str, faults: list[Fault]) -> str:
    def replace(found: re.Match[str]) -> str:
        if found["string"]:
            return found[0]
        if found["char"]:
            return f"{_character(found[0]):<{len(found[0])}}"
        if found["open"]:
            line = text.count("\n", 0, found.start()) + 1
            what = "string" if found[0] == '"' else "comment"
            faults.append(
                Fault(f"this {what} does not end", line, found.start() - text.rfind("\n", 0, found.start()) - 1)
            )
        return re.sub(r"[^\n\t]", " ", found[0])

    return _SCRAP.sub(replace, text)


def _character(constant: str) -> int:
    """The value of `'a'` or `'a`."""
    body = constant[1:]
    if body[0] == "\\":
        return ord(_ESCAPES.get(body[1], body[1]))
    return ord(body[0])


_STRING_PARTS = re.compile(r"\\([0-7]{1,3})|\\x([0-9a-fA-F]+)|\\([\s\S])|([^\\]+)")


def string_bytes(piece: Piece) -> bytes:
    r"""The bytes of a quoted string: UTF-8, with the escapes `\\b \\f \\n \\r \\t \\" \\\\ \\ooo \\xhh`."""
    if len(piece.text) < 2 or piece.text[0] != '"' or piece.text[-1] != '"':
        raise piece.error('expected a string in double quotes, such as "text"')
    content = bytearray()
    for octal, hexadecimal, escape, plain in _STRING_PARTS.findall(piece.text[1:-1]):
        if octal:
            content.append(int(octal, 8) & 0xFF)
        elif hexadecimal:
            content.append(int(hexadecimal[-2:], 16))
        else:
            content += (_ESCAPES.get(escape, escape) or plain).encode("utf-8", "surrogateescape")
    return bytes(content)


_ARGUMENT = re.compile(r'\s*((?:"(?:\\.|[^"\\])*"|[^,"])*)')


def arguments(piece: Piece) -> list[Piece]:
    """The parts of `piece` between commas outside strings; none for an empty piece."""
    if not piece.text:
        return []
    found: list[Piece] = []
    position = 0
    while position <= len(piece.text):
        match = _ARGUMENT.match(piece.text, position)
        end = match.end() if match else len(piece.text)
        found.append(piece.part(position, end))
        position = end + 1
    return found
