"""What is told about a machine when a run is over: its state as JSON and as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TextIO

from aarch64.bits import signed
from aarch64.isa.table import disassemble
from cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.machine import Machine
    from aarch64.pstate import PState
    from aarch64.stop import Stop
    from aarch64.translation.break_before_make import Violation

_REGISTERS = 31
_COLUMN = 22
_PSTATE_FIELDS = ("d", "a", "i", "f", "sp", "il", "ss", "pan", "uao", "dit", "btype", "ssbs")


def as_json(
    machine: Machine, stop: Stop, exit_status: int, violations: Sequence[Violation] | None = None
) -> dict[str, Any]:
    """The end of a run as JSON: 64-bit values in hexadecimal strings, the rest as numbers."""
    cpu = machine.cpu
    return {
        "stop": stop.reason.name.lower(),
        "message": stop.message,
        "details": list(stop.details),
        "exit_status": exit_status,
        "cycles": cpu.cycles,
        "retired": cpu.retired,
        "el": cpu.pstate.el,
        "pc": f"{cpu.pc:#x}",
        "sp": f"{cpu.sp:#x}",
        "pstate": _pstate_fields(cpu.pstate),
        **{f"x{number}": f"{cpu.gpr[number]:#x}" for number in range(_REGISTERS)},
        "exceptions": dict(sorted(machine.exceptions.items())),
        **({} if violations is None else {"break_before_make": [_violation(item) for item in violations]}),
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "address": f"{violation.entry.address:#x}",
        "asid": violation.entry.asid,
        "descriptor_address": f"{violation.entry.leaf.steps[-1].address:#x}",
        "old": f"{violation.entry.leaf.descriptor:#x}",
        "new": f"{violation.now.descriptor:#x}",
        "changes": list(violation.changes),
        "noticed_cycle": violation.cycle,
        "noticed_pc": f"{violation.pc:#x}",
    }


_PROFILED_BLOCKS = 10
_PROFILED_INSTRUCTIONS = 12


def profile_lines(machine: Machine) -> Iterator[str]:
    """Where the cycles went: the hottest blocks, each with its place, its share and its first instructions."""
    cycles = machine.cpu.cycles
    profile = machine.hot_path.profile if machine.hot_path is not None else None
    spent = profile.total() if profile else 0
    yield f"{cycles} cycles, {_share(cycles - spent, cycles)} of them one instruction at a time"
    for block, count in profile.most_common(_PROFILED_BLOCKS) if profile else ():
        yield f"{_share(count, cycles)}  {count:>12}  {machine.locate(block.start)}"
        shown = sorted(block.words)[:_PROFILED_INSTRUCTIONS]
        yield from (f"    {pc:#x}  {block.words[pc]:08x}  {disassemble(block.words[pc], pc)}" for pc in shown)
        if len(block.words) > len(shown):
            yield f"    ... {len(block.words) - len(shown)} more"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f} %" if whole else "  0.0 %"


def as_text(machine: Machine, width: int) -> str:
    """The registers, as many in a line as `width` characters hold, then PSTATE and the counters."""
    cpu = machine.cpu
    per_line = max(1, (width + 2) // _COLUMN)
    items = [f"{f'x{number}':>3} {cpu.gpr[number]:016x}" for number in range(_REGISTERS)]
    items.append(f" sp {cpu.sp:016x}")
    lines = ["  ".join(items[start : start + per_line]) for start in range(0, len(items), per_line)]
    lines.append(f" pc {machine.locate(cpu.pc)}  {cpu.pstate.mode} {cpu.pstate.flag_letters} {cpu.pstate.mask_letters}")
    lines.append(f"{cpu.cycles} cycles, {cpu.retired} instructions retired")
    return "\n".join(lines)


_DESCRIPTOR = re.compile(r"level \d  ")
_INSIDE_A_FACT = re.compile(r"(?<=[^, ]) (?! )")
_GLUE = "\N{NO-BREAK SPACE}"


def fitted(text: str, stream: TextIO, indent: str = "") -> list[str]:
    """A line as a stream can show it: on a terminal wrapped to its width, else as it is."""
    return wrapped(text, console.width(stream) if stream.isatty() else None, indent)


def wrapped(text: str, columns: int | None, indent: str = "") -> list[str]:
    """A line in so many columns: cut where it is longer, the rest indented; None for as many as it takes.

    The line of a descriptor is cut between its facts only.
    """
    if columns is None:
        return [f"{indent}{text}"]
    import textwrap  # noqa: PLC0415  (only a terminal pays for it)

    level = _DESCRIPTOR.match(text)
    hanging = indent + " " * (level.end() if level else 2)
    lines = textwrap.wrap(
        _INSIDE_A_FACT.sub(_GLUE, text) if level else text,
        columns,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def _pstate_fields(pstate: PState) -> dict[str, int]:
    fields = dict(zip("nzcv", pstate.flags, strict=True))
    return fields | {name: getattr(pstate, name) for name in _PSTATE_FIELDS}


def value_text(value: int) -> str:
    """A 64-bit value in hexadecimal, and in decimal, signed where that is another number."""
    number = signed(value, 64)
    return f"{value:#x} ({value})" if number == value else f"{value:#x} ({value}, {number})"
