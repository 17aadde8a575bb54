"""The language of Linux's kprobe_events: probes and what they record, as text and as values.

`parse` reads a line, `str` writes it. A `ProbeSpec` says where the probe is; each of its `args` evaluates itself in a
`FetchContext`, which is all that arguments see of a machine. See "Kprobe-based Event Tracing" in Linux's documentation.
"""

from __future__ import annotations

from kprobes.events.context import FetchContext, FetchFault, Registers
from kprobes.events.errors import Conflict, Problem, SpecError
from kprobes.events.fetch_syntax import CountSymbols
from kprobes.events.spec import (
    AddressPlace,
    ClearSpec,
    Fault,
    FetchArg,
    Place,
    ProbeKind,
    ProbeSpec,
    Single,
    Spec,
    SymbolPlace,
    Value,
)
from kprobes.events.spec_syntax import parse
from kprobes.events.types import FetchType

__all__ = [
    "AddressPlace",
    "ClearSpec",
    "Conflict",
    "CountSymbols",
    "Fault",
    "FetchArg",
    "FetchContext",
    "FetchFault",
    "FetchType",
    "Place",
    "ProbeKind",
    "ProbeSpec",
    "Problem",
    "Registers",
    "Single",
    "Spec",
    "SpecError",
    "SymbolPlace",
    "Value",
    "parse",
]
