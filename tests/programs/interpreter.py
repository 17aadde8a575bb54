"""This project's own machine, run as a user runs it: `a64 run`."""

import subprocess
import sys
from pathlib import Path

from tests.oracles.qemu import QemuResult

A64 = (sys.executable, "-c", "from cli.main import main; main()")
MAX_CYCLES = 100_000_000


def run_here(program: Path, *, el: int = 1, stdin: str = "", timeout: float = 300) -> QemuResult:
    """Run `program` from exception level `el` by `a64 run`; the same kind of answer as the oracle's.

    Raises:
        subprocess.TimeoutExpired: the guest did not end within `timeout` seconds.
    """
    command = [*A64, "run", "--el", str(el), "--max-cycles", str(MAX_CYCLES), str(program)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert not done.stderr, done.stderr
    return QemuResult(stdout=done.stdout, exit_status=done.returncode)
