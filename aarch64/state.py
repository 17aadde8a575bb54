"""The state of a CPU as one value: saved, compared, restored."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

CpuState = dict[str, Any]

COUNTERS = frozenset({"cycles", "unretired"})
"""State that moves in every cycle."""

WIRING = frozenset(
    {
        "memory",
        "features",
        "max_el",
        "services",
        "unaligned_device_access",
        "observers",
        "exception_observers",
        "_hooks",
        "store_log",
        "attention_at",
        "next_pc",
        "next_btype",
        "page_map",
        "page_maps",
        "read_views",
        "write_views",
        "tlb_observers",
        "compiler",
        "_operations",
        "_code_address",
        "_code",
    }
)
"""What is not state: what a CPU is built with, who watches it, what can be derived or lives within an instruction."""

_STATE = frozenset(field.name for field in attrs.fields(Interpreter)) - WIRING
"""All else is state, counters included."""


def save(cpu: Interpreter, *, with_counters: bool = True) -> CpuState:
    """A copy of the whole state; without what moves in every cycle, where so asked."""
    names = _STATE if with_counters else _STATE - COUNTERS
    return {name: deepcopy(getattr(cpu, name)) for name in names}


def restore(cpu: Interpreter, state: Mapping[str, Any]) -> None:
    """Return to a saved state; what it does not have stays as it is."""
    for name, value in state.items():
        setattr(cpu, name, deepcopy(value))
    cpu.forget_page_maps()
