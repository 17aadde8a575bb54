"""What a terminal of some width shows of a command."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios


def at_a_terminal(command, columns, *, cwd, environment, interrupt_after=b""):
    """(exit status, everything shown); Ctrl-C is sent when `interrupt_after` has been shown, if it is anything."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    usual = {name: value for name, value in environment.items() if name != "COLUMNS"}
    with subprocess.Popen(command, cwd=cwd, env=usual, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
            if interrupt_after and interrupt_after in shown:
                running.send_signal(signal.SIGINT)
                interrupt_after = b""
    os.close(ours)
    return running.returncode, shown.decode().replace("\r\n", "\n")


def _read(descriptor):
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end was closed
        return b""


def plain(shown):
    """Without colours and lines of progress that were taken away."""
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", shown)


def typed_at_a_terminal(command, columns, rows, *, cwd, environment, typing):
    """(exit status, everything shown, whether the terminal is as it was).

    `typing` has what is typed once something has been shown since the last time, None for SIGINT.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    before = termios.tcgetattr(theirs)
    with subprocess.Popen(
        command, cwd=cwd, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as running:
        shown, seen, waiting = b"", 0, list(typing)
        while running.poll() is None or _is_readable(ours):
            if _is_readable(ours):
                shown += _read(ours)
            if waiting and waiting[0][0] in plain(shown[seen:].decode(errors="replace")).encode():
                _type(running, ours, waiting.pop(0)[1])
                seen = len(shown)
    after = termios.tcgetattr(theirs)
    os.close(theirs)
    os.close(ours)
    assert not waiting, f"never shown: {waiting[0][0]}"
    return running.returncode, shown.decode().replace("\r\n", "\n"), before == after


def _is_readable(descriptor):
    return bool(select.select([descriptor], [], [], 0.05)[0])


def _type(running, descriptor, keys):
    if keys is None:
        running.send_signal(signal.SIGINT)
    else:
        os.write(descriptor, keys)
