"""The state of a CPU as one value: saved, compared, restored."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.interpreter import Interpreter

CpuState = dict[str, Any]

COUNTERS = ("cycles", "retired")
"""State that moves in every cycle."""

STATE = (
    "gpr",
    "pc",
    "next_pc",
    "next_btype",
    "pstate",
    "sp_el",
    "elr",
    "spsr",
    "sysregs",
    "event_register",
    "waiting",
    "wait_until",
    "_lines",
    "exclusive",
    "stop",
)
"""Every other attribute of a CPU that is state. They are named here, and not taken from `vars`, because an object whose
`__dict__` has once been asked for is slower ever after: CPython then keeps its attributes in a dictionary (measured:
instructions take twice as long)."""

WIRING = (
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
)
"""Attributes that are not state: what a CPU is built with, who watches it, and what can be derived."""


def save(cpu: Interpreter, *, with_counters: bool = True) -> CpuState:
    """A copy of the whole state; without what moves in every cycle, where so asked."""
    names = STATE + COUNTERS if with_counters else STATE
    return {name: deepcopy(getattr(cpu, name)) for name in names}


def restore(cpu: Interpreter, state: Mapping[str, Any]) -> None:
    """Return to a saved state; what it does not have stays as it is."""
    for name, value in state.items():
        setattr(cpu, name, deepcopy(value))
    cpu.request_attention()
