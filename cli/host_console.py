"""The guest's console on the host's standard streams, and the line of progress on a terminal."""

from __future__ import annotations

import errno
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aarch64.devices.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TextIO

_CHUNK = 4096
_PATIENCE = 0.1
"""Seconds after which a wait for input looks whether the user has interrupted it."""

_ERASE_LINE = "\r\x1b[K"


def _buffered(stream: TextIO | None) -> BinaryIO:
    """The bytes below a standard stream, buffered; where the host gave none, a stream that swallows everything."""
    if stream is None:
        return Path(os.devnull).open("wb")
    return open(stream.fileno(), "wb", closefd=False)


class HostConsole:
    """Connects a guest with stdin, stdout and stderr.

    Output is binary, and flushed at newlines on a terminal, before waiting for input, and at the end.

    Attributes:
        console: what the machine is given.
        interrupted: set from outside to have the guest wait for input no longer.
        failure: what went wrong with stdout; from then on output is lost.
        on_failure: called when that happens.
    """

    def __init__(self) -> None:
        """Nothing is read or written yet."""
        self.console = Console(self.write, self._read, self._write_error)
        self.interrupted = False
        self.failure: OSError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._output = _buffered(sys.stdout)
        self._errors = _buffered(sys.stderr)
        self._is_interactive = self._output.isatty()
        self._at_line_start = True
        self._has_status = False

    def write(self, data: bytes) -> None:
        """Write to stdout."""
        self.clear_status()
        self._at_line_start = data.endswith(b"\n")
        try:
            self._output.write(data)
            if self._is_interactive and b"\n" in data:
                self._output.flush()
        except OSError as error:
            self._fail(error)

    def write_lines(self, text: str) -> None:
        """Write whole lines to stdout, between what the guest writes; a line of the guest's is broken off for them."""
        self.write(text.encode() if self._at_line_start else b"\n" + text.encode())

    def flush(self) -> None:
        """Have everything written so far seen."""
        try:
            self._output.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Note that stdout cannot be written to, and have what is still written go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._output.fileno())
        os.close(nowhere)
        self.failure = error
        self.on_failure()

    def _write_error(self, data: bytes) -> None:
        self.clear_status()
        self._errors.write(data)
        self._errors.flush()

    def _read(self) -> bytes:
        self.flush()
        if sys.stdin is None:
            return b""
        descriptor = sys.stdin.fileno()
        while not select.select([descriptor], [], [], _PATIENCE)[0]:
            if self.interrupted:
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return os.read(descriptor, _CHUNK)

    # --- progress

    def show_status(self, text: str) -> None:
        """Show a line on stderr until something else is written; not in the middle of a line of the guest's."""
        if self._at_line_start:
            sys.stderr.write(f"{_ERASE_LINE}{text}")
            sys.stderr.flush()
            self._has_status = True

    def clear_status(self) -> None:
        """Take that line away."""
        if self._has_status:
            sys.stderr.write(_ERASE_LINE)
            sys.stderr.flush()
            self._has_status = False
