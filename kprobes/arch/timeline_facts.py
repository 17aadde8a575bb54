"""What a timeline says of exceptions and slots: addresses and registers in hexadecimal, symbols where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import Vector
from aarch64.syndrome import class_name

if TYPE_CHECKING:
    from aarch64.exceptions import Taken
    from aarch64.machine import Machine
    from kprobes.probe import Kprobe


def facts_of(taken: Taken, machine: Machine) -> dict[str, str]:
    """Of an exception that was taken: class, levels, where, and the registers it has set; an interrupt sets no ESR."""
    facts = {
        "class": class_name(taken),
        "from": f"EL{taken.source_el}",
        "taken to": f"EL{taken.target_el}",
        "at": machine.locate(taken.elr),
        "ELR": f"{taken.elr:#x}",
        "SPSR": f"{taken.spsr:#x}",
    }
    if taken.vector in (Vector.SYNCHRONOUS, Vector.SERROR):
        facts["ESR"] = f"{taken.esr:#x}"
    if taken.far is not None:
        facts["FAR"] = f"{taken.far:#x}"
    return facts


def facts_of_slot(probe: Kprobe, machine: Machine) -> dict[str, str]:
    """Of a slot that is executed: which instruction of which place is in it."""
    execution = probe.execution
    return {
        "at": machine.locate(probe.at),
        "slot": f"{execution.slot:#x}",
        "word": f"{execution.instruction.word:08x}",
    }
