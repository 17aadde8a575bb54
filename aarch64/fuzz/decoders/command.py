"""A decoder that is a program: it reads one word a line, and writes one line for each.

The protocol, which is all that a program has to keep to:

- A line of its standard input is one word: 8 hexadecimal digits in lower case, without `0x` (`8b020c20`).
- For each it writes one line to its standard output, in the same order: the disassembly in ASCII; or `undefined`, or
  nothing, for an unallocated encoding; or `allocated`, if it has no text for it. The address is not known: PC-relative
  operands are offsets in bytes (`b #8`, `adrp x0, #4096`).
- At the end of its input it ends with status 0. It is run once for each batch of words, up to some thousands, and need
  not flush its output. When it ends otherwise, does not end in time or writes another number of lines, it is run again
  to find the words for which it does; that is quicker when it has written the lines of all words before them. The last
  line that it has written to standard error is shown.

The command line is split as a shell does, and run without one.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from aarch64.fuzz.oracles import Failure, FailureError, FailureKind, OracleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.fuzz.oracles import Answer

_UNALLOCATED = ("", "undefined")
_NO_TEXT = "allocated"


_MOST_OUTPUT = 1 << 20
"""Bytes that are looked at when it fails: whoever goes on for ever has written much."""

BATCH = 5000
"""So many words a program is given at once, at most, in a campaign."""
_SHORTEST = 5.0
"""Seconds that it has even for a single word, to start."""


@attrs.frozen
class Command:
    """A program that decodes.

    `timeout` is what it has for a batch, in seconds: for less words it has less, but 5 seconds if that is not more.
    """

    command: str
    timeout: float = 60.0

    @property
    def _arguments(self) -> list[str]:
        try:
            arguments = shlex.split(self.command)
        except ValueError as error:
            raise OracleError(f"{self.command!r} is no command: {error}") from error
        if not arguments:
            raise OracleError("the command that decodes is empty")
        return arguments

    def decode(self, words: Sequence[int]) -> list[Answer]:
        """The answer for each word.

        Raises:
            FailureError: it fails, takes too long, or writes another number of lines.
            OracleError: it cannot be run.
        """
        if not words:
            return []
        lines = self._output(words).splitlines()
        if len(lines) != len(words):
            what = f"{len(lines)} lines for {len(words)} words: want one line for each word, "
            raise self._failure(FailureKind.NO_ANSWER, f"{what}empty or 'undefined' for an unallocated encoding")
        return [_answer(line) for line in lines]

    def _output(self, words: Sequence[int]) -> str:
        seconds = min(self.timeout, max(_SHORTEST, self.timeout * len(words) / BATCH))
        try:
            status, output, errors = _run(self._arguments, "".join(f"{word:08x}\n" for word in words), seconds)
        except subprocess.TimeoutExpired as error:
            what = f"no answer to {len(words)} words in {seconds:g} seconds: it is to end when its standard input does"
            raise self._failure(FailureKind.HANG, what, error.stdout) from error
        except OSError as error:
            raise OracleError(f"{self.command}: cannot be run: {error.strerror}") from error
        if status:
            raise self._failure(FailureKind.CRASH, f"{_end(status)}{_last_line(errors)}", output)
        try:
            return output.decode("ascii")
        except UnicodeDecodeError as error:
            before = output[: error.start]
            line = before.count(b"\n") + 1
            raise self._failure(FailureKind.NO_ANSWER, f"line {line} is not ASCII", before) from error

    def _failure(self, kind: FailureKind, what: str, output: bytes | None = None) -> FailureError:
        """A failure, with the answers that were written before it."""
        return FailureError(self.command, Failure(kind, what), _whole_lines(output or b""))


def _run(arguments: Sequence[str], text: str, seconds: float) -> tuple[int, bytes, bytes]:
    """Status, output and errors of a program; if it does not end in time, it is ended with all that it has started."""
    with subprocess.Popen(  # noqa: S603  (running the user's program is what it is for)
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(text.encode(), seconds)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output, errors


def _whole_lines(output: bytes) -> list[Answer]:
    """The answers of the first lines that have an end, as long as they are ASCII."""
    whole = output[: output.rfind(b"\n", 0, _MOST_OUTPUT) + 1]
    return [_answer(line) for line in whole.decode("ascii").splitlines()] if whole.isascii() else []


def _answer(line: str) -> Answer:
    line = line.strip()
    if line.lower() in _UNALLOCATED:
        return None
    return "" if line == _NO_TEXT else line


def _end(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
