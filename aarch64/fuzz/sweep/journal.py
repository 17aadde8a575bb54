"""The state of a sweep on disk: a file to which the result of each span is added, and which is read to go on.

Its first line says what is swept; each other line is the result of a span. All are JSON. A process that is killed while
it writes leaves a line without an end, which is taken away when the file is opened again: that span is done again.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import attrs

from aarch64.errors import AArch64Error
from aarch64.fuzz.sweep.results import SpanResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aarch64.fuzz.target import Json

SCHEMA = "a64-sweep-1"
_NAME = "journal.jsonl"


class JournalError(AArch64Error):
    """A directory whose sweep is another one, is going on elsewhere, or cannot be understood, read or written."""


@attrs.frozen(eq=False)
class Journal:
    """An open journal, for this process alone."""

    path: Path
    file: BinaryIO
    results: tuple[SpanResult, ...]
    """What it had when it was opened."""

    def add(self, result: SpanResult) -> None:
        """Write a result. It is on the disk when this returns: the end of the process, or of the host, does no harm."""
        with _told(self.path):
            self.file.write(_line(result.to_json()))
            self.file.flush()
            os.fsync(self.file.fileno())


def _line(data: Json) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


@contextmanager
def opened(directory: Path, identity: Json) -> Iterator[Journal]:
    """The journal of a directory, made if there is none.

    Raises:
        JournalError: it is of something else than `identity` says, in use, or damaged, or the host refuses.
    """
    path = directory / _NAME
    with _told(path):
        directory.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    with file:
        _lock(file, path)
        lines = _whole_lines(file)
        header = {"schema": SCHEMA, **identity}
        if lines:
            _check_header(path, lines[0], header)
        else:
            file.write(_line(header))
            file.flush()
        yield Journal(path, file, tuple(_read(path, number, line) for number, line in enumerate(lines[1:], start=2)))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the host refuses, with the name of the file."""
    try:
        yield
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalError(f"{path}: another sweep is writing it") from error


def _whole_lines(file: BinaryIO) -> list[bytes]:
    """The lines; one without an end is taken away."""
    file.seek(0)
    content = file.read()
    end = content.rfind(b"\n") + 1
    file.truncate(end)
    return content[:end].splitlines()


def _check_header(path: Path, line: bytes, wanted: Json) -> None:
    found = _parsed(path, 1, line)
    different = [name for name, value in wanted.items() if found.get(name) != value]
    if different:
        told = "; ".join(f"{name} {found.get(name)}, not {wanted[name]}" for name in different)
        raise JournalError(f"{path} is of another sweep: {told}. Go on with the same options, or use another directory")


def _read(path: Path, number: int, line: bytes) -> SpanResult:
    try:
        return SpanResult.from_json(_parsed(path, number, line))
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(f"{path}: line {number} is no result: {error!r}") from error


def _parsed(path: Path, number: int, line: bytes) -> Json:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise JournalError(f"{path}: line {number} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise JournalError(f"{path}: line {number} is no JSON object")
    return parsed
