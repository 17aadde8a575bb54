"""The guest's console on the host's standard streams, and the line of progress on a terminal."""

from __future__ import annotations

import errno
import os
import select
import sys
from typing import TYPE_CHECKING

from aarch64.devices.console import Console
from cli.console import progress, silence, tell

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TextIO

_CHUNK = 4096
_PATIENCE = 0.1
"""Seconds after which a wait for input looks whether the run is to end."""


def _buffered(stream: TextIO) -> BinaryIO:
    """The bytes below a standard stream, buffered."""
    return open(stream.fileno(), "wb", closefd=False)


class HostConsole:
    """Connects a guest with stdin, stdout and stderr.

    Output is binary, and flushed at newlines on a terminal, before waiting for input, and at the end.

    Attributes:
        console: what the machine is given.
        ended: why the run is to end, if something out here has it end: the guest waits for input no longer.
        failure: what went wrong with stdout; from then on output is lost.
        on_end: called, with the reason, when the run is to end.
        is_watched: whether somebody sees at a terminal what is written.
    """

    def __init__(self) -> None:
        """Nothing is read or written yet."""
        self.console = Console(self.write, self._read, self._write_error)
        self.ended = ""
        self.failure: OSError | None = None
        self.on_end: Callable[[str], None] = lambda _reason: None
        self._output = _buffered(sys.stdout)
        self._errors = _buffered(sys.stderr)
        self._is_interactive = self._output.isatty()
        self.is_watched = self._is_interactive or self._errors.isatty()
        self._at_line_start = True
        self._has_status = False

    def end(self, reason: str) -> None:
        """Have the run end; may be called from a signal handler."""
        self.ended = reason
        self.on_end(reason)

    def interrupt(self) -> None:
        """Have the run end because of Ctrl-C, for which the terminal has written ^C at the cursor."""
        if self._is_interactive and not self._has_status:
            self._at_line_start = False
        self.end("Ctrl-C")

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
        self.break_line()
        self.write(text.encode())

    def break_line(self) -> None:
        """End the line that the guest has begun."""
        if not self._at_line_start:
            self.write(b"\n")

    def flush(self) -> None:
        """Have everything written so far seen."""
        try:
            self._output.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Note that stdout cannot be written to, and have what is still written go nowhere."""
        silence(self._output)
        self.failure = error
        self.end("standard output cannot be written to")

    def _write_error(self, data: bytes) -> None:
        self.clear_status()
        self._errors.write(data)
        self._errors.flush()

    def _read(self) -> bytes:
        self.clear_status()
        self.flush()
        descriptor = sys.stdin.fileno()
        while not select.select([descriptor], [], [], _PATIENCE)[0]:
            if self.ended:
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return os.read(descriptor, _CHUNK)

    # --- at a terminal

    def show_status(self, text: str) -> None:
        """Show a line on stderr until something else is written; not in the middle of a line of the guest's."""
        if self._at_line_start and self._errors.isatty():
            progress(text)
            self._has_status = True

    def clear_status(self) -> None:
        """Take that line away."""
        if self._has_status:
            progress("")
            self._has_status = False

    def tell(self, text: str) -> None:
        """Say something on stderr, on a line of its own where stdout is seen in the same place."""
        if self._is_interactive and self._errors.isatty():
            self.break_line()
        tell(text)
