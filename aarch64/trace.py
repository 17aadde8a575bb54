"""A trace: one line for each instruction and for each exception, in a format made to be searched.

    2 EL1h 0x0000000040000008 f9000020 str x0, [x1] | [0x0000000040000020]:8=0x2a
    3 EL1h 0x000000004000000c f100a800 subs x0, x0, #42 | x0=0x0 nzcv=-ZC-
    4 EL1h 0x0000000040000010 54000040 b.eq 0x40000018
    5 EL1h 0x0000000040000018 d40000a1 svc #0x5
    5 EL1h exception SVC #0x5: EL1 -> EL1, vector=0x0000000000000200 elr=0x000000004000001c spsr=0x600003c5 esr=0x5...

An instruction's line is: cycle, PSTATE.EL and .SP, PC, word, disassembly (branch targets absolute), and, after ` | `,
what it changed: registers by their new values, PSTATE as one word of condition flags and one of masks, memory as
[address]:bytes=value. An instruction that ends in an exception changes nothing. A line with `exception` is for one that
was taken in that cycle: what it is, in words, where from and to, and the registers it set. Cycles of waiting have none.
What an instruction wrote to ELR_ELx, SPSR_ELx, ESR_ELx or FAR_ELx, and an interrupt at once overwrote, is not shown.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from aarch64 import pmu
from aarch64.exceptions import ExceptionClass, Vector
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode, disassemble
from aarch64.pstate import PState
from aarch64.syndrome import describe_taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aarch64.cpu import Cpu
    from aarch64.exceptions import Taken
    from aarch64.interpreter import Interpreter

_CHANGES_SYSREGS = Trait.WRITES_SYSREG | Trait.RAISES
_WITH_FAR = (
    ExceptionClass.INSTRUCTION_ABORT,
    ExceptionClass.DATA_ABORT,
    ExceptionClass.PC_ALIGNMENT,
    ExceptionClass.WATCHPOINT,
)


@attrs.frozen
class _Pending:
    """An instruction about to execute, and what it may change, as it was before."""

    cycle: int
    head: str
    gpr: list[int]
    pstate: dict[str, str]
    registers: dict[str, int]
    writes_system: bool


def _pstate_words(pstate: PState) -> dict[str, str]:
    others = ("il", "pan", "uao", "dit", "btype", "ssbs", "ss")
    return {
        "nzcv": pstate.flag_letters,
        "daif": pstate.mask_letters,
        "mode": pstate.mode,
        **{name: str(getattr(pstate, name)) for name in others},
    }


def _registers(cpu: Cpu, *, with_system: bool) -> dict[str, int]:
    """SP_ELx, ELR_ELx and SPSR_ELx by name, and where asked for all other system registers."""
    values = {name.lower(): value for name, value in cpu.sysregs.items() if name != pmu.SINCE} if with_system else {}
    values |= {f"sp_el{el}": value for el, value in enumerate(cpu.sp_el)}
    values |= {f"elr_el{el}": value for el, value in enumerate(cpu.elr) if el}
    values |= {f"spsr_el{el}": value for el, value in enumerate(cpu.spsr) if el}
    return values


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in after.items() if before.get(name) != value)


def exception_line(taken: Taken, mode: str) -> str:
    """The line of an exception, taken in `mode` (as the handler begins)."""
    text = (
        f"{taken.cycle} {mode} exception {describe_taken(taken)}: EL{taken.source_el} -> EL{taken.target_el}, "
        f"vector={taken.handler:#018x} elr={taken.elr:#018x} spsr={taken.spsr:#x}"
    )
    if taken.vector in (Vector.SYNCHRONOUS, Vector.SERROR):
        text += f" esr={taken.esr:#x}"
    return f"{text} far={taken.far:#018x}" if taken.far is not None and taken.ec in _WITH_FAR else text


class Trace:
    """Writes what a CPU does, line by line, from `start` to `stop`; the execution is not affected."""

    def __init__(self, cpu: Interpreter, write: Callable[[str], object]) -> None:
        """Trace `cpu`; `write` takes each line, with its newline."""
        self._cpu = cpu
        self._write = write
        self._pending: _Pending | None = None

    def start(self) -> None:
        """Begin with the next instruction."""
        self._cpu.store_log = []
        self._cpu.observers.append(self._before)
        self._cpu.exception_observers.append(self._taken)

    def stop(self) -> None:
        """Write the line of the last instruction, and leave the CPU alone."""
        self._finish()
        self._cpu.observers.remove(self._before)
        self._cpu.exception_observers.remove(self._taken)
        self._cpu.store_log = None

    # --- what the CPU reports

    def _before(self, cpu: Cpu, pc: int, word: int) -> None:
        self._finish()
        head = f"{cpu.cycles} {cpu.pstate.mode} {pc:#018x} {word:08x} {disassemble(word, pc)}"
        decoded = decode(word)
        writes_system = decoded is not None and bool(decoded.definition.traits & _CHANGES_SYSREGS)
        registers = _registers(cpu, with_system=writes_system)
        self._pending = _Pending(cpu.cycles, head, list(cpu.gpr), _pstate_words(cpu.pstate), registers, writes_system)

    def _taken(self, taken: Taken) -> None:
        if self._pending is not None and self._pending.cycle == taken.cycle:
            self._write(self._pending.head + "\n")
            self._pending = None
        self._finish(taken)
        self._write(exception_line(taken, self._cpu.pstate.mode) + "\n")

    # --- the line of an instruction that has retired

    def _finish(self, interrupt: Taken | None = None) -> None:
        """Write the line of the instruction before; `interrupt` is what was taken since."""
        pending, self._pending = self._pending, None
        if pending is not None:
            changes = " ".join(self._changes(pending, interrupt))
            self._write(f"{pending.head} | {changes}\n" if changes else f"{pending.head}\n")
        if self._cpu.store_log:
            self._cpu.store_log.clear()

    def _changes(self, pending: _Pending, interrupt: Taken | None) -> Iterator[str]:
        cpu = self._cpu
        pstate, hidden = cpu.pstate, frozenset[str]()
        if interrupt is not None:
            pstate = PState.from_spsr(interrupt.spsr)
            hidden = frozenset(f"{name}_el{interrupt.target_el}" for name in ("elr", "spsr", "esr", "far"))
        for number in range(31):
            if cpu.gpr[number] != pending.gpr[number]:
                yield f"x{number}={cpu.gpr[number]:#x}"
        for name, text in _changed(pending.pstate, _pstate_words(pstate)):
            yield f"{name}={text}"
        registers = _changed(pending.registers, _registers(cpu, with_system=pending.writes_system))
        for name, value in registers:
            if name not in hidden:
                yield f"{name}={value:#x}"
        for address, size, value in cpu.store_log or ():
            yield f"[{address:#018x}]:{size}={value:#x}"


@attrs.define(eq=False, repr=False)
class TraceLines:
    """A trace that is kept, for a prompt or a notebook: `lines`, each as described above."""

    lines: list[str] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        from aarch64.notebook import table  # noqa: PLC0415  (only a notebook needs it)

        return table(("cycle", "mode", "pc", "word", "instruction", "changes"), map(_cells, self.lines))


def _cells(line: str) -> list[str]:
    """The parts of a line; those of an exception are what it is, and the registers it set."""
    head, _, changes = line.partition(" | ")
    cycle, mode, *rest = head.split(maxsplit=4)
    if rest[0] == "exception":
        what, _, changes = line.partition(" exception ")[2].partition(", vector=")
        return [cycle, mode, "", "", f"exception {what}", f"vector={changes}"]
    return [cycle, mode, *rest, changes]


@contextmanager
def traced(cpu: Interpreter) -> Iterator[TraceLines]:
    """Keep the trace of what a CPU does within a `with` statement."""
    kept = TraceLines()
    trace = Trace(cpu, lambda line: kept.lines.append(line.rstrip("\n")))
    trace.start()
    try:
        yield kept
    finally:
        trace.stop()
