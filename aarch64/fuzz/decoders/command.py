"""A decoder that is a program: it reads one word a line, and writes one line for each.

The protocol, which is all that a program has to keep to:

- A line of its standard input is one word: 8 hexadecimal digits in lower case, without `0x` (`8b020c20`).
- For each it writes one line to its standard output, in the same order: the disassembly in ASCII; or `undefined`, or
  nothing, for an unallocated encoding; or `allocated`, if it has no text for it. The address is not known: PC-relative
  operands are offsets in bytes (`b #8`, `adrp x0, #4096`).
- At the end of its input it ends with status 0. It is run once for each batch of words, up to some thousands, and need
  not flush its output. When it fails, it is run again to find the word for which it does, and the last line that it
  has written to standard error is shown.

The command line is split as a shell does, and run without one.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import attrs

from aarch64.fuzz.oracles import OracleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.fuzz.oracles import Answer

_UNALLOCATED = ("", "undefined")
_NO_TEXT = "allocated"


class _FailureError(OracleError):
    """It was run, and has not answered as it should: perhaps for the sake of one word."""


@attrs.frozen
class Command:
    """A program that decodes; `timeout` is what it has for a batch, in seconds."""

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
            OracleError: it cannot be run, fails, takes too long, or writes another number of lines. If a single word
                makes it fail, the message tells which.
        """
        try:
            return self._answers(words)
        except _FailureError as error:
            culprit = self._culprit(words)
            told = "" if culprit is None else f" (so it does for {culprit:#010x} alone)"
            raise OracleError(f"{error}{told}") from error

    def _answers(self, words: Sequence[int]) -> list[Answer]:
        if not words:
            return []
        lines = self._output("".join(f"{word:08x}\n" for word in words)).splitlines()
        if len(lines) != len(words):
            raise _FailureError(
                f"{self.command}: {len(lines)} lines for {len(words)} words: "
                "want one line for each word, empty or 'undefined' for an unallocated encoding"
            )
        return [_answer(line.strip()) for line in lines]

    def _culprit(self, words: Sequence[int]) -> int | None:
        """A word for which alone it fails, looked for by halves; None if each half by itself is answered."""
        while len(words) > 1:
            middle = len(words) // 2
            failing = next((half for half in (words[:middle], words[middle:]) if self._fails(half)), None)
            if failing is None:
                return None
            words = failing
        return words[0]

    def _fails(self, words: Sequence[int]) -> bool:
        try:
            self._answers(words)
        except _FailureError:
            return True
        return False

    def _output(self, text: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603  (running the user's program is what it is for)
                self._arguments, input=text.encode(), capture_output=True, timeout=self.timeout, check=False,
                start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            words = text.count("\n")
            raise OracleError(
                f"{self.command}: no answer to {words} words in {self.timeout:g} seconds: "
                "it is to end when its standard input does"
            ) from error
        except OSError as error:
            raise OracleError(f"{self.command}: cannot be run: {error.strerror}") from error
        if done.returncode:
            raise _FailureError(f"{self.command}: {_end(done.returncode)}{_last_line(done.stderr)}")
        try:
            return done.stdout.decode("ascii")
        except UnicodeDecodeError as error:
            line = done.stdout[: error.start].count(b"\n") + 1
            raise _FailureError(f"{self.command}: line {line} is not ASCII") from error


def _answer(line: str) -> Answer:
    if line.lower() in _UNALLOCATED:
        return None
    return "" if line == _NO_TEXT else line


def _end(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"ended with status {status}"


def _last_line(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
