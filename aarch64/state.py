"""The state of a CPU as one value: saved, compared, restored."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.interpreter import Interpreter

CpuState = dict[str, Any]

WIRING = frozenset(
    {
        "memory",
        "features",
        "max_el",
        "services",
        "unaligned_device_access",
        "observers",
        "exception_observers",
        "store_log",
        "attention_at",
        "_operations",
    }
)
"""Attributes of a CPU that are not its state: what it is built with, who watches it, and what can be derived."""

COUNTERS = frozenset({"cycles", "retired"})
"""State that moves in every cycle."""


def save(cpu: Interpreter, *, without: frozenset[str] = frozenset()) -> CpuState:
    """A copy of the whole state; of all but the attributes in `without`, where given."""
    left_out = WIRING | without
    return {name: deepcopy(value) for name, value in vars(cpu).items() if name not in left_out}


def restore(cpu: Interpreter, state: Mapping[str, Any]) -> None:
    """Return to a saved state; what it does not have stays as it is."""
    for name, value in state.items():
        setattr(cpu, name, deepcopy(value))
    cpu.request_attention()
