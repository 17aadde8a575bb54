"""The guest's console on the host's standard streams, and the line of progress on a terminal."""

from __future__ import annotations

import errno
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO

from aarch64.devices.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 4096
_PATIENCE = 0.1
"""Seconds after which a wait for input looks whether the user has interrupted it."""

_ERASE_LINE = "\r\x1b[K"


class HostConsole:
    """Connects a guest with stdin, stdout and stderr.

    Output is binary, and flushed at newlines on a terminal, before waiting for input, and at the end.
    """

    def __init__(self) -> None:
        """Nothing is read or written yet."""
        self.interrupted = False
        self.reader_gone: Callable[[], None] = lambda: None
        self.console = Console(self._write, self._read, self._write_error)
        self._output: BinaryIO = sys.stdout.buffer
        self._is_interactive = sys.stdout.isatty()
        self._at_line_start = True
        self._has_status = False

    def _write(self, data: bytes) -> None:
        self.clear_status()
        self._at_line_start = data.endswith(b"\n")
        try:
            self._output.write(data)
            if self._is_interactive and b"\n" in data:
                self._output.flush()
        except BrokenPipeError:
            self._lose_reader()

    def _write_error(self, data: bytes) -> None:
        self.clear_status()
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()

    def _read(self) -> bytes:
        self.flush()
        if sys.stdin is None or sys.stdin.closed:
            return b""
        descriptor = sys.stdin.fileno()
        while not select.select([descriptor], [], [], _PATIENCE)[0]:
            if self.interrupted:
                raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return os.read(descriptor, _CHUNK)

    def write_text(self, text: str) -> None:
        """Write whole lines to stdout, between what the guest writes; a line of the guest's is broken off for them."""
        self._write(text.encode() if self._at_line_start else b"\n" + text.encode())

    def flush(self) -> None:
        """Have everything written so far seen; OSError, and all output lost, if the host cannot."""
        try:
            self._output.flush()
        except BrokenPipeError:
            self._lose_reader()
        except OSError:
            self._discard_output()
            raise

    def _lose_reader(self) -> None:
        """Nobody reads stdout any more."""
        self._discard_output()
        self.reader_gone()

    def _discard_output(self) -> None:
        """Have what is still written go nowhere, or the interpreter would complain of it at its exit."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._output.fileno())
        os.close(nowhere)

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
