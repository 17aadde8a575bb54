"""One instruction word compiled, for `step()`: what its semantic function does, without the calls in between.

The function takes the place of the semantic function with its fields given. It holds at any address, level and context:
registers are read and written where they are, and what is not arithmetic is left to the vocabulary of the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.fast.expr import Expr, NotRecordable, Operand, variable
from aarch64.fast.recorder import FORBIDDEN, STACK_POINTER, AccessKind, Recorder, Recording
from aarch64.fast.source import Writer
from aarch64.memory import PAGE_OFFSET
from aarch64.pseudocode import condition_holds
from aarch64.registers import SP
from aarch64.translation.page_maps import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.cpu import Cpu
    from aarch64.fast.recorder import MemoryAccess
    from aarch64.isa.decoder import Decoded
    from aarch64.pseudocode import Flags

_FLAGS = tuple(variable(name, 0, 1) for name in ("fn", "fz", "fc", "fv"))


class _WordRecorder(Recorder):
    """Records an instruction that may be anywhere: the PC is not known, nor is the level."""

    reads_flags = False

    @staticmethod
    def _level_of(_model: Cpu) -> Any:
        return FORBIDDEN

    def _known(self, name: str) -> Operand:
        return variable("cpu.sp" if name == STACK_POINTER else f"g[{name[1:]}]")

    @staticmethod
    def _after(_pc: Operand) -> Operand:
        return variable("cpu.next_pc")

    @property
    def in_guarded_page(self) -> bool:
        raise NotRecordable("it depends on the page")

    def _access(self, kind: AccessKind, size: int, address: Operand, *values: Operand, results: int = 1) -> Any:
        if isinstance(address, Expr):  # it may also go by way of the vocabulary, which says nothing of the address
            address = Expr(address.op, address.args, address.low, address.high)
        return super()._access(kind, size, address, *values, results=results)

    def base(self, number: int) -> Operand:
        return variable(f"cpu.base({SP})") if number == SP else self.x(number)

    @property
    def flags(self) -> Flags:
        self.reads_flags = True
        return _FLAGS  # type: ignore[return-value]  # symbolic values stand for ints

    def holds(self, cond: int) -> Operand:
        return condition_holds(cond, self.flags)

    def branch_indirect(self, target: Operand, btype: int) -> None:
        self.recording.target = target
        self.recording.btype = btype
        self.recording.is_indirect = True


def compile_word(cpu: Cpu, decoded: Decoded) -> Callable[[Any], None] | None:
    """A function of the CPU that does what an instruction does; None where only its semantic function can."""
    recorder = _WordRecorder(cpu)
    try:
        recording = recorder.record(decoded, variable("cpu.pc"))
        lines, namespace = _write(recording, reads_flags=recorder.reads_flags)
    except NotRecordable:
        return None
    source = "\n".join(["def operation(cpu):", "    g = cpu.gpr", *(f"    {line}" for line in lines)])
    exec(compile(source, f"<{decoded.definition.title}>", "exec"), namespace)  # noqa: S102  (made of what was recorded)
    operation: Callable[[Any], None] = namespace["operation"]
    return operation


def _write(recording: Recording, *, reads_flags: bool) -> tuple[list[str], dict[str, Any]]:
    """The lines of the function, and what they call."""
    lines: list[str] = []
    namespace: dict[str, Any] = {}

    def name_of(function: Callable[..., int]) -> str:
        namespace[function.__name__] = function
        return function.__name__

    writer = Writer(lines.append, name_of)
    writer.count(_values(recording))
    if reads_flags:
        lines.append("fn, fz, fc, fv = cpu.pstate.flags")
    if recording.access is not None:
        _write_access(recording.access, writer, lines)
    target = writer.text(recording.target) if recording.target is not None else None
    if target is not None and recording.writes:
        lines.append(f"target = {target}")
        target = "target"
    flags = None if recording.flags is None else [writer.text(flag) for flag in recording.flags.flags]
    texts = [writer.text(value) for value in recording.writes.values()]
    if flags is not None:
        lines.append(f"cpu.pstate.flags = {', '.join(flags)}")  # before what they are made of is overwritten
    if recording.writes:
        places = ["cpu.sp" if name == STACK_POINTER else f"g[{name[1:]}]" for name in recording.writes]
        lines.append(f"{', '.join(places)} = {', '.join(texts)}")
    if recording.is_indirect:
        lines.append(f"cpu.branch_indirect({target}, {recording.btype})")
    elif target is not None:
        if _may_stay(recording.target):
            raise NotRecordable("a branch to itself")
        lines.append(f"cpu.next_pc = {target}")
    return lines or ["pass"], namespace


def _may_stay(target: Operand) -> bool:
    """Whether a direct branch leads to itself."""
    places = target.args[1:] if isinstance(target, Expr) and target.op == "select" else (target,)
    return any(isinstance(place, Expr) and place.op == "name" and place.args[0] == "cpu.pc" for place in places)


def _values(recording: Recording) -> Iterator[Operand]:
    if recording.access is not None:
        yield recording.access.address
        yield from recording.access.values
    yield from recording.writes.values()
    if recording.flags is not None:
        yield from recording.flags.flags
    if recording.target is not None:
        yield recording.target


def _write_access(access: MemoryAccess, writer: Writer, lines: list[str]) -> None:
    """An access by way of a page's view where there is one; else as the vocabulary has it."""
    size, kind = access.size, access.kind
    address = writer.text(access.address)
    if not address.isidentifier():
        lines.append(f"a = {address}")
        address = "a"
    results = ", ".join(result.args[0] for result in access.results)
    values = "".join(f", {writer.text(value)}" for value in access.values) if kind is not AccessKind.MODIFY else ""
    is_load = kind is AccessKind.LOAD
    if is_load or kind is AccessKind.STORE:
        views = "read" if is_load else "write"
        lines.append(f"v = cpu.{views}_views[{size}].get({address} & {KEYS[size]})")
        index = f"({address} & {PAGE_OFFSET}) // {size}"
    match kind:
        case AccessKind.LOAD:
            lines.append(f"{results} = cpu.load({address}, {size}) if v is None else v[{index}]")
        case AccessKind.STORE:
            slowly = f"cpu.store({address}, {size}{values})"
            lines.append(f"if v is None or cpu.store_log is not None: {slowly}")
            lines += ["else:", f"    try: v[{index}] = {values[2:]}", f"    except KeyError: {slowly}"]
        case AccessKind.LOAD_PAIR:
            lines.append(f"{results} = cpu.load_pair({address}, {size})")
        case AccessKind.STORE_PAIR:
            lines.append(f"cpu.store_pair({address}, {size}{values})")
        case _:
            raise NotRecordable("an atomic access")
