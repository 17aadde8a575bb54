"""A pure-Python, cycle-stepped AArch64 interpreter.

The public names, each loaded when it is first asked for, so that a tool pays only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aarch64.assembler import assemble_source as assemble_source
    from aarch64.cpu import Cpu as Cpu
    from aarch64.errors import AArch64Error as AArch64Error
    from aarch64.exceptions import ExceptionClass as ExceptionClass
    from aarch64.exceptions import Taken as Taken
    from aarch64.features import DEFAULT_FEATURES as DEFAULT_FEATURES
    from aarch64.features import Feature as Feature
    from aarch64.hooks import Answer as Answer
    from aarch64.hooks import BreakHook as BreakHook
    from aarch64.hooks import FaultHook as FaultHook
    from aarch64.hooks import RegisterFrame as RegisterFrame
    from aarch64.hooks import StepHook as StepHook
    from aarch64.hooks import SynchronousHook as SynchronousHook
    from aarch64.image import Image as Image
    from aarch64.image import Segment as Segment
    from aarch64.isa.table import assemble as assemble
    from aarch64.isa.table import decode as decode
    from aarch64.isa.table import disassemble as disassemble
    from aarch64.lines import Line as Line
    from aarch64.loader import load_program as load_program
    from aarch64.machine import Machine as Machine
    from aarch64.stop import Stop as Stop
    from aarch64.stop import StopReason as StopReason

_MODULES = {
    "assemble_source": "assembler",
    "Cpu": "cpu",
    "Line": "lines",
    "AArch64Error": "errors",
    "ExceptionClass": "exceptions",
    "Taken": "exceptions",
    "DEFAULT_FEATURES": "features",
    "Feature": "features",
    "Answer": "hooks",
    "BreakHook": "hooks",
    "FaultHook": "hooks",
    "RegisterFrame": "hooks",
    "StepHook": "hooks",
    "SynchronousHook": "hooks",
    "Image": "image",
    "Segment": "image",
    "assemble": "isa.table",
    "decode": "isa.table",
    "disassemble": "isa.table",
    "load_program": "loader",
    "Machine": "machine",
    "Stop": "stop",
    "StopReason": "stop",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(_MODULES)
