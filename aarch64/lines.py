"""The interrupt inputs of a processing element."""

from __future__ import annotations

from enum import Enum, unique


@unique
class Line(Enum):
    """Interrupt inputs, level-sensitive."""

    IRQ = "irq"
    FIQ = "fiq"
    SERROR = "serror"
