"""Errors for the caller of the library: what is wrong, where, what to do."""

from __future__ import annotations


class KprobesError(Exception):
    """The base of every error this package raises on purpose."""
