"""Errors for the caller of the library: what is wrong, where, what to do."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kprobes.probe import Kprobe


class KprobesError(Exception):
    """The base of every error this package raises on purpose."""


@unique
class Errno(IntEnum):
    """The error numbers of Linux that registration gives."""

    ENOENT = 2
    E2BIG = 7
    ENOMEM = 12
    EBUSY = 16
    EEXIST = 17
    EINVAL = 22
    EOPNOTSUPP = 95
    EADDRNOTAVAIL = 99


class RegistrationError(KprobesError):
    """A probe that cannot be registered, changed or taken away; `errno` is what Linux's function returns, negated."""

    def __init__(self, errno: Errno, reason: str) -> None:
        super().__init__(f"{reason} (-{errno.name})")
        self.errno = errno
        self.reason = reason


class UnrecoverableReentry(KprobesError):
    """A probe was hit while there was no way to remember it: Linux stops there (BUG in reenter_kprobe)."""

    def __init__(self, probe: Kprobe, current: Kprobe, where: str, message: str) -> None:
        super().__init__(message)
        self.probe = probe
        self.current = current
        self.where = where
