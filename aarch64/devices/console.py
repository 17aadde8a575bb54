"""The two ends of the guest's console: where its characters go, and where they come from.

The UART and semihosting share one console. Input is taken from the host one byte at a time and only when the guest
waits for it, so that what a run does never depends on when the host's input happens to arrive.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

Sink = Callable[[bytes], object]
"""Takes what the guest prints. An OSError it raises is the guest's error, not the host's."""

Source = Callable[[], bytes]
"""The next bytes of input, waiting for them if need be; empty at the end of the input."""


def _no_input() -> bytes:
    return b""


@attrs.define
class Console:
    """A console; unless a `sink` is given, what is printed is collected in `output`, errors included."""

    sink: Sink | None = None
    source: Source = _no_input
    error_sink: Sink | None = None
    output: bytearray = attrs.field(factory=bytearray, init=False)
    _received: bytearray = attrs.field(factory=bytearray, init=False)
    _position: int = attrs.field(default=0, init=False)

    def write(self, data: bytes) -> None:
        """Print `data`; OSError if the host cannot take it."""
        (self.sink or self.output.extend)(data)

    def write_error(self, data: bytes) -> None:
        """Print `data` on the error stream, which is the output unless `error_sink` is given; OSError likewise."""
        (self.error_sink or self.write)(data)

    def read_byte(self) -> int | None:
        """The next byte of input, waiting for it; None at the end of the input. OSError if the host cannot read."""
        if self._position == len(self._received):
            self._received += self.source()
        if self._position == len(self._received):
            return None
        self._position += 1
        return self._received[self._position - 1]

    def read_line(self, limit: int) -> bytes:
        """At most `limit` bytes, ending with the first newline or the end of the input."""
        line = bytearray()
        while len(line) < limit and (byte := self.read_byte()) is not None:
            line.append(byte)
            if byte == ord("\n"):
                break
        return bytes(line)

    def save(self) -> int:
        """How much of the input the guest has taken."""
        return self._position

    def restore(self, position: int) -> None:
        """Give the input taken since `save` to the guest again. What was printed stays printed."""
        self._position = position
