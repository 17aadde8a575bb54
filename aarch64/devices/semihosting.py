"""Semihosting ("Semihosting for AArch32 and AArch64"): operation in W0, parameter (block) in X1, result in X0.

What the host decides is fixed here so that runs repeat exactly: time is the cycle counter, the calendar stands at zero,
and there are no host commands. Files exist only when a directory of the host is opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.devices.files import ConsoleInput, ConsoleOutput, ConstantFile, HostFile, RegularFile
from aarch64.devices.guest_memory import GuestMemory
from aarch64.stop import Stop, StopReason

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.devices.console import Console
    from aarch64.devices.host_directory import HostDirectory

TICK_FREQUENCY = 62_500_000
"""Cycles per second, which is what CNTFRQ_EL0 says."""


@unique
class Operation(IntEnum):
    """Operation numbers, without their prefix SYS_."""

    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    READ = 0x06
    READC = 0x07
    ISERROR = 0x08
    ISTTY = 0x09
    SEEK = 0x0A
    FLEN = 0x0C
    TMPNAM = 0x0D
    REMOVE = 0x0E
    RENAME = 0x0F
    CLOCK = 0x10
    TIME = 0x11
    ERRNO = 0x13
    GET_CMDLINE = 0x15
    HEAPINFO = 0x16
    EXIT = 0x18
    EXIT_EXTENDED = 0x20
    ELAPSED = 0x30
    TICKFREQ = 0x31


_APPLICATION_EXIT = 0x20026
"""ADP_Stopped_ApplicationExit: the only reason that carries an exit status."""

_FAILURE = -1
_FIRST_HANDLE = 1
_HANDLES = 256

_FEATURES_FILE = b":semihosting-features"
_FEATURES = b"SHFB\x03"
"""SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR."""

_CONSOLE_FILE = b":tt"
_OPEN_FLAGS = (
    os.O_RDONLY,
    os.O_RDWR,
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    os.O_RDWR | os.O_CREAT | os.O_APPEND,
)
"""What the modes r, r+, w, w+, a and a+ mean, each of which is followed by its binary twin."""


Perform = Callable[["Semihosting", int], int]
"""A method that performs an operation on its parameter, and gives the result; an OSError is told to the guest."""

_OPERATIONS: dict[int, Perform] = {}


def _performs(*operations: Operation) -> Callable[[Perform], Perform]:
    def register(perform: Perform) -> Perform:
        _OPERATIONS.update(dict.fromkeys(operations, perform))
        return perform

    return register


def _refuse(code: int) -> OSError:
    return OSError(code, os.strerror(code))


@attrs.frozen
class SemihostingState:
    """The host's side of a program: its handles and its last error. The files themselves are not part of it."""

    handles: dict[int, HostFile]
    errno: int


@attrs.define
class Semihosting:
    """The semihosting host of one machine.

    Attributes:
        end: called when the guest ends itself.
        directory: where files are; None refuses them all.
        command_line: what the guest is told it was called with.
        heap: (base, limit) of memory free for use, told to the guest.
    """

    cpu: Cpu
    console: Console
    end: Callable[[Stop], None]
    directory: HostDirectory | None = None
    command_line: str = ""
    heap: tuple[int, int] = (0, 0)
    _handles: dict[int, HostFile] = attrs.field(factory=dict, init=False)
    _errno: int = attrs.field(default=0, init=False)
    _memory: GuestMemory = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._memory = GuestMemory(self.cpu)

    def call(self) -> None:
        """Perform the operation in W0; a failure is -1 in X0, and its reason is in SYS_ERRNO."""
        operation, parameter = self.cpu.gpr[0] & mask(32), self.cpu.gpr[1]
        try:
            perform = _OPERATIONS.get(operation)
            if perform is None:
                raise _refuse(errno.ENOSYS)
            result = perform(self, parameter)
        except OSError as error:
            self._errno = error.errno or errno.EIO
            result = _FAILURE
        self.cpu.set_x(0, result & mask(64))

    def reset(self) -> None:
        """Close every file, as a new program begins."""
        for file in self._handles.values():
            file.close()
        self._handles = {}
        self._errno = 0

    def close(self) -> None:
        """Close every file and let go of the directory: from now on there are no files. A second time does nothing."""
        self.reset()
        if self.directory is not None:
            self.directory.close()
            self.directory = None

    def save(self) -> SemihostingState:
        """The handles and the last error."""
        return SemihostingState(dict(self._handles), self._errno)

    def restore(self, state: SemihostingState) -> None:
        """Return to saved handles; a host file closed since then stays closed, and keeps its position and content."""
        self._handles = dict(state.handles)
        self._errno = state.errno

    # --- characters

    @_performs(Operation.WRITEC)
    def _writec(self, parameter: int) -> int:
        self.console.write(self._memory.read(parameter, 1))
        return 0

    @_performs(Operation.WRITE0)
    def _write0(self, parameter: int) -> int:
        self.console.write(self._memory.read_string(parameter))
        return 0

    @_performs(Operation.READC)
    def _readc(self, _parameter: int) -> int:
        character = self.console.read_byte()
        return _FAILURE if character is None else character

    # --- files

    def _path(self, address: int, length: int) -> bytes:
        return self._memory.read(address, length)

    def _files(self) -> HostDirectory:
        if self.directory is None:
            raise _refuse(errno.EACCES)
        return self.directory

    def _file(self, handle: int) -> HostFile:
        if handle not in self._handles:
            raise _refuse(errno.EBADF)
        return self._handles[handle]

    @_performs(Operation.OPEN)
    def _open(self, parameter: int) -> int:
        address, mode, length = self._memory.read_words(parameter, 3)
        if mode >= 2 * len(_OPEN_FLAGS):
            raise _refuse(errno.EINVAL)
        free = (number for number in range(_FIRST_HANDLE, _HANDLES) if number not in self._handles)
        handle = next(free, None)
        if handle is None:
            raise _refuse(errno.EMFILE)
        self._handles[handle] = self._open_file(self._path(address, length), mode)
        return handle

    def _open_file(self, path: bytes, mode: int) -> HostFile:
        if path == _CONSOLE_FILE:
            return self._open_console(mode)
        if path == _FEATURES_FILE:
            return ConstantFile(_FEATURES)
        return RegularFile.of(self._files().open(path, _OPEN_FLAGS[mode // 2]))

    def _open_console(self, mode: int) -> HostFile:
        match mode // 4:
            case 0:
                return ConsoleInput(self.console)
            case 1:
                return ConsoleOutput(self.console.write)
        return ConsoleOutput(self.console.write_error)

    @_performs(Operation.CLOSE)
    def _close(self, parameter: int) -> int:
        (handle,) = self._memory.read_words(parameter, 1)
        self._file(handle).close()
        del self._handles[handle]
        return 0

    @_performs(Operation.WRITE)
    def _write(self, parameter: int) -> int:
        handle, address, length = self._memory.read_words(parameter, 3)
        return length - self._file(handle).write(self._memory.read(address, length))

    @_performs(Operation.READ)
    def _read(self, parameter: int) -> int:
        handle, address, length = self._memory.read_words(parameter, 3)
        file = self._file(handle)
        self._memory.check_writable(address, length)
        done = 0
        while done < length and (data := file.read(length - done)):
            self._memory.write(address + done, data)
            done += len(data)
            if file.is_terminal:
                break
        return length - done

    @_performs(Operation.ISTTY)
    def _istty(self, parameter: int) -> int:
        (handle,) = self._memory.read_words(parameter, 1)
        return int(self._file(handle).is_terminal)

    @_performs(Operation.SEEK)
    def _seek(self, parameter: int) -> int:
        handle, position = self._memory.read_words(parameter, 2)
        self._file(handle).seek(position)
        return 0

    @_performs(Operation.FLEN)
    def _flen(self, parameter: int) -> int:
        (handle,) = self._memory.read_words(parameter, 1)
        return self._file(handle).length()

    @_performs(Operation.TMPNAM)
    def _tmpnam(self, parameter: int) -> int:
        address, number, length = self._memory.read_words(parameter, 3)
        self._files()
        self._write_string(address, length, f"tmp{number & 0xFF:02x}")
        return 0

    @_performs(Operation.REMOVE)
    def _remove(self, parameter: int) -> int:
        address, length = self._memory.read_words(parameter, 2)
        self._files().remove(self._path(address, length))
        return 0

    @_performs(Operation.RENAME)
    def _rename(self, parameter: int) -> int:
        old, old_length, new, new_length = self._memory.read_words(parameter, 4)
        self._files().rename(self._path(old, old_length), self._path(new, new_length))
        return 0

    # --- time, errors, the program

    @_performs(Operation.CLOCK)
    def _clock(self, _parameter: int) -> int:
        return self.cpu.cycles * 100 // TICK_FREQUENCY

    @_performs(Operation.TIME)
    def _time(self, _parameter: int) -> int:
        return 0

    @_performs(Operation.ELAPSED)
    def _elapsed(self, parameter: int) -> int:
        self._memory.write_words(parameter, self.cpu.cycles)
        return 0

    @_performs(Operation.TICKFREQ)
    def _tickfreq(self, _parameter: int) -> int:
        return TICK_FREQUENCY

    @_performs(Operation.ISERROR)
    def _iserror(self, parameter: int) -> int:
        (value,) = self._memory.read_words(parameter, 1)
        return value >> 63

    @_performs(Operation.ERRNO)
    def _last_error(self, _parameter: int) -> int:
        return self._errno

    @_performs(Operation.GET_CMDLINE)
    def _get_cmdline(self, parameter: int) -> int:
        address, length = self._memory.read_words(parameter, 2)
        written = self._write_string(address, length, self.command_line)
        self._memory.write_words(parameter + 8, written)
        return 0

    def _write_string(self, address: int, room: int, text: str) -> int:
        """Write text and a zero byte; the length without it."""
        data = text.encode(errors="surrogateescape")
        if len(data) >= room:
            raise _refuse(errno.E2BIG)
        self._memory.write(address, data + b"\0")
        return len(data)

    @_performs(Operation.HEAPINFO)
    def _heapinfo(self, parameter: int) -> int:
        """Heap base and limit, stack base and limit: one region, the heap growing up and the stack down."""
        (block,) = self._memory.read_words(parameter, 1)
        base, limit = self.heap
        self._memory.write_words(block, base, limit, limit, base)
        return 0

    @_performs(Operation.EXIT, Operation.EXIT_EXTENDED)
    def _exit(self, parameter: int) -> int:
        reason, status = self._memory.read_words(parameter, 2)
        if reason == _APPLICATION_EXIT:
            self.end(Stop(StopReason.EXIT, "semihosting exit", status))
        else:
            self.end(Stop(StopReason.EXIT, f"semihosting exit for reason {reason:#x}", 1))
        return 0
