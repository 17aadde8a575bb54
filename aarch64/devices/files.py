"""What a semihosting file handle stands for."""

from __future__ import annotations

import errno
import os
from io import FileIO
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.devices.console import Console

_LONGEST_READ = 1 << 20


class HostFile(Protocol):
    """An open file. Methods raise OSError, whose errno the guest is told."""

    is_terminal: bool

    def read(self, length: int) -> bytes:
        """At most `length` bytes, none at the end."""

    def write(self, data: bytes) -> int:
        """Write; how many bytes were taken."""

    def seek(self, position: int) -> None:
        """Go to an absolute position."""

    def length(self) -> int:
        """The file's size in bytes."""

    def close(self) -> None:
        """Release it."""


def _refuse(code: int) -> OSError:
    return OSError(code, os.strerror(code))


class _Unseekable:
    """What the console and its kin cannot do."""

    is_terminal = True

    def read(self, length: int) -> bytes:  # noqa: ARG002  (a file's signature)
        """Not for reading."""
        raise _refuse(errno.EBADF)

    def write(self, data: bytes) -> int:  # noqa: ARG002  (a file's signature)
        """Not for writing."""
        raise _refuse(errno.EBADF)

    def seek(self, position: int) -> None:  # noqa: ARG002  (a file's signature)
        """A stream has no positions."""
        raise _refuse(errno.ESPIPE)

    def length(self) -> int:
        """A stream has no length."""
        raise _refuse(errno.ESPIPE)

    def close(self) -> None:
        """Nothing to release."""


@attrs.define
class ConsoleInput(_Unseekable):
    """`:tt` opened for reading."""

    console: Console

    def read(self, length: int) -> bytes:
        """A line, or `length` bytes of it; empty at the end of the input."""
        return self.console.read_line(length)


@attrs.define
class ConsoleOutput(_Unseekable):
    """`:tt` opened for writing (output) or appending (errors)."""

    print: Callable[[bytes], None]

    def write(self, data: bytes) -> int:
        """Print all of it."""
        self.print(data)
        return len(data)


@attrs.define
class ConstantFile(_Unseekable):
    """A file whose content the host makes up, such as `:semihosting-features`."""

    content: bytes
    position: int = 0
    is_terminal = False

    def read(self, length: int) -> bytes:
        """The next bytes."""
        data = self.content[self.position : self.position + length]
        self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        """Anywhere up to the end."""
        if position > len(self.content):
            raise _refuse(errno.EINVAL)
        self.position = position

    def length(self) -> int:
        """All of it."""
        return len(self.content)


@attrs.define
class RegularFile:
    """A file of the host."""

    file: FileIO
    is_terminal = False

    @classmethod
    def of(cls, descriptor: int) -> RegularFile:
        """The file of an open descriptor, which it will close; the host checks what it was opened for."""
        return cls(FileIO(descriptor, "r+"))

    def read(self, length: int) -> bytes:
        """At most `length` bytes, and at most a mebibyte."""
        return self._open_file.read(min(length, _LONGEST_READ)) or b""

    def write(self, data: bytes) -> int:
        """As much as the host takes."""
        return self._open_file.write(data) or 0

    def seek(self, position: int) -> None:
        """An absolute position, of at most 63 bits."""
        if position >> 63:
            raise _refuse(errno.EINVAL)
        self._open_file.seek(position)

    def length(self) -> int:
        """The size on the host."""
        return os.fstat(self._open_file.fileno()).st_size

    def close(self) -> None:
        """Close it."""
        self.file.close()

    @property
    def _open_file(self) -> FileIO:
        """The file; OSError once it is closed, which a handle that a snapshot brought back may find."""
        if self.file.closed:
            raise _refuse(errno.EBADF)
        return self.file
