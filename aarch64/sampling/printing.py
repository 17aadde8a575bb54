"""Records that are printed as the expression that makes them again."""

from __future__ import annotations

from typing import Protocol


class _Printer(Protocol):
    def text(self, text: str) -> None: ...


class Expression:
    """A record whose repr is an expression, for Hypothesis and IPython too: they take records of attrs apart."""

    __slots__ = ()

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:  # noqa: ARG002  (as IPython calls it)
        printer.text(repr(self))
