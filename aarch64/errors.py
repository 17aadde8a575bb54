"""Errors for the caller of the library: what is wrong, where (in hex), what to do.

Guest-visible exceptions are `exceptions.ArchException`, a different family.
"""

from __future__ import annotations


class AArch64Error(Exception):
    """The base of every error this package raises on purpose."""


class UnsupportedInstruction(AArch64Error):
    """The guest executed an allocated instruction that is not implemented."""

    def __init__(self, title: str, reason: str, word: int, pc: int) -> None:
        super().__init__(f"{title} ({word:#010x}) at {pc:#x} is not implemented: {reason}")
        self.title = title
        self.reason = reason
        self.word = word
        self.pc = pc


class UnsupportedState(AArch64Error):
    """The guest asked for something the machine does not model, such as address translation."""


class AssemblyError(AArch64Error):
    """A line that does not assemble: the message, and the column (from 0) in the line where it shows."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
