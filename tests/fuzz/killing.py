"""A decoder that dies, for tests in which workers do: a module of its own, which they load quickly."""

import os
import signal
from pathlib import Path

import attrs


@attrs.frozen
class Killing:
    """Takes everything for allocated; over words from `first` on it dies, as often as there are files to remove."""

    lives: Path
    first: int

    def verdicts(self, words):
        if words[0] == self.first and (files := sorted(self.lives.iterdir())):
            files[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return b"\x01" * len(words)

    def decode(self, words):
        return ["add x0, x0, x0"] * len(words)
