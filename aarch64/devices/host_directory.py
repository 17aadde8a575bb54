"""One directory of the host, opened to the guest: regular files below it, and nothing else.

Paths are walked one component at a time, relative to an open directory and without following symbolic links, so that
neither a path nor a link nor a directory exchanged meanwhile leads out.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPEN_ALWAYS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW_FILE = 0o644


def _refuse(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)


def _components(path: bytes) -> list[bytes]:
    """The names in a path; OSError if it is empty, absolute or leads upwards."""
    shown = path.decode(errors="replace")
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if path.startswith(b"/") or b".." in names:
        raise _refuse(errno.EACCES, shown)
    if not names or path.endswith(b"/") or b"\0" in path:
        raise _refuse(errno.ENOENT, shown)
    return names


class HostDirectory:
    """The directory. Every method raises OSError where it refuses or the host does."""

    def __init__(self, root: Path) -> None:
        """Open `root`; OSError if it is not a directory that can be read."""
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._root)

    @contextmanager
    def _parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The open directory that holds `path`, and the last name in it."""
        *directories, name = _components(path)
        current = os.dup(self._root)
        try:
            for directory in directories:
                inner = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
                os.close(current)
                current = inner
            yield current, name
        finally:
            os.close(current)

    def open(self, path: bytes, flags: int) -> int:
        """A file descriptor for a regular file; `flags` are those of os.open."""
        with self._parent(path) as (directory, name):
            _check_regular(name, directory, must_exist=not flags & os.O_CREAT)
            descriptor = os.open(name, flags | _OPEN_ALWAYS, _NEW_FILE, dir_fd=directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _refuse(errno.EACCES, name.decode(errors="replace"))
        return descriptor

    def remove(self, path: bytes) -> None:
        """Delete a regular file."""
        with self._parent(path) as (directory, name):
            _check_regular(name, directory, must_exist=True)
            os.unlink(name, dir_fd=directory)

    def rename(self, old: bytes, new: bytes) -> None:
        """Rename a regular file, replacing a regular file of the new name."""
        with self._parent(old) as (old_directory, old_name), self._parent(new) as (new_directory, new_name):
            _check_regular(old_name, old_directory, must_exist=True)
            _check_regular(new_name, new_directory, must_exist=False)
            os.rename(old_name, new_name, src_dir_fd=old_directory, dst_dir_fd=new_directory)


def _check_regular(name: bytes, directory: int, *, must_exist: bool) -> None:
    """Refuse devices, pipes, sockets, directories and links before anything is done to them."""
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        if must_exist:
            raise
        return
    if not stat.S_ISREG(mode):
        raise _refuse(errno.EACCES, name.decode(errors="replace"))
