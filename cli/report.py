"""What is told about a machine when a run is over: its state as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.bits import signed

if TYPE_CHECKING:
    from aarch64.machine import Machine
    from aarch64.pstate import PState
    from aarch64.stop import Stop

_REGISTERS = 31
_PER_LINE = 4
_PSTATE_FIELDS = ("n", "z", "c", "v", "d", "a", "i", "f", "sp", "il", "ss", "pan", "uao", "dit", "btype", "ssbs")


def as_json(machine: Machine, stop: Stop, exit_status: int) -> dict[str, Any]:
    """The end of a run as JSON: 64-bit values in hexadecimal strings, the rest as numbers."""
    cpu = machine.cpu
    return {
        "stop": stop.reason.name.lower(),
        "message": stop.message,
        "exit_status": exit_status,
        "cycles": cpu.cycles,
        "retired": cpu.retired,
        "el": cpu.pstate.el,
        "pc": f"{cpu.pc:#x}",
        "sp": f"{cpu.sp:#x}",
        "pstate": {name: getattr(cpu.pstate, name) for name in _PSTATE_FIELDS},
        **{f"x{number}": f"{cpu.gpr[number]:#x}" for number in range(_REGISTERS)},
        "exceptions": dict(sorted(machine.exceptions.items())),
    }


def as_text(machine: Machine) -> str:
    """The registers, four a line, then PSTATE and the counters."""
    cpu = machine.cpu
    items = [f"{f'x{number}':>3} {cpu.gpr[number]:016x}" for number in range(_REGISTERS)]
    items.append(f" sp {cpu.sp:016x}")
    lines = ["  ".join(items[start : start + _PER_LINE]) for start in range(0, len(items), _PER_LINE)]
    lines.append(f" pc {machine.locate(cpu.pc)}  {_pstate_text(cpu.pstate)}")
    lines.append(f"{cpu.cycles} cycles, {cpu.retired} instructions retired")
    return "\n".join(lines)


def _pstate_text(pstate: PState) -> str:
    flags = zip("NZCV", pstate.flags, strict=True)
    masks = zip("DAIF", (pstate.d, pstate.a, pstate.i, pstate.f), strict=True)
    flag_text, mask_text = ("".join(letter if bit else "-" for letter, bit in group) for group in (flags, masks))
    return f"{pstate.mode} {flag_text} {mask_text}"


def value_text(value: int) -> str:
    """A 64-bit value in hexadecimal, and in decimal, signed where that is another number."""
    number = signed(value, 64)
    return f"{value:#x} ({value})" if number == value else f"{value:#x} ({value}, {number})"
