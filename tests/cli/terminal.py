"""What a terminal of some width shows of a command."""

import fcntl
import os
import pty
import re
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
