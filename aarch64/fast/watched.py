"""Watched blocks: before each instruction the observers are told of it, and see and may change the whole state.

So the state is where it belongs at every instruction: registers in their list, flags in PSTATE, PC and cycle counter up
to date. What an observer changes that other code depends on (a line, a mask, the context ...) asks for attention, and
the block is left, with the instruction still to be executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aarch64.fast.emitter import Emitter, is_callable
from aarch64.fast.expr import Operand, variable
from aarch64.fast.flags import ORDERED, ordered
from aarch64.fast.recorder import STACK_POINTER, Recorder
from aarch64.pseudocode import condition_holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aarch64.fast.flags import FlagState
    from aarch64.fast.recorder import Recording
    from aarch64.fast.source import Writer
    from aarch64.pseudocode import Flags

_FLAGS: Any = tuple(variable(f"ps.flags[{number}]", 0, 1) for number in range(4))


class _WatchedRecorder(Recorder):
    """A recorder for which registers and flags are where they belong, and nothing carries over."""

    def _known(self, name: str) -> Operand:
        return variable("s[sp]" if name == STACK_POINTER else f"g[{name[1:]}]")

    @property
    def flags(self) -> Flags:
        return _FLAGS  # type: ignore[no-any-return]  # symbolic values stand for ints

    def holds(self, cond: int) -> Operand:
        return condition_holds(cond, self.flags)


class WatchedEmitter(Emitter):
    """Writes one region, watched. `n` is the cycle counter, brought up to date where a loop turns."""

    recorder_type = _WatchedRecorder

    def _write_node(self, pc: int, k: int, since: int) -> int | None:
        node = self._region.nodes[pc]
        self._place = (pc, k)
        self._count += 1
        recording = self._record(node)
        if recording is None and not is_callable(node):
            self._exit(pc, k, since)
            return None
        count = f"n + {k}" if k else "n"
        self._line(f"cpu.pc = {pc}; cpu.cycles = {count}")
        self._line(f"observe(cpu, {pc}, {node.word})")
        self.places[-1] = None
        self._line(f"if cpu.pc != {pc} or cpu.attention_at != end: return {count}, {pc}, {node.word}")
        self._recorder.forget()
        if recording is None:
            after = self._write_operation(node)
            self._line(f"if cpu.attention_at != end: cpu.pc = {after}; return n + {k + 1}, 0, 0")
            return after
        writer = self._writer(recording)
        target = self._write_effects(recording, writer)
        following = self._write_branch(node, recording, target, writer, k + 1, since + 1)
        self._recorder.forget()
        return following

    def _writer(self, recording: Recording) -> Writer:
        writer = super()._writer(recording)
        if recording.flags is not None:
            order = ordered(recording.flags)
            writer.count(recording.flags.flags if order is None else order[:2] * 2)
        return writer

    def _write_results(self, recording: Recording, writer: Writer) -> None:
        texts = {name: writer.text(value) for name, value in recording.writes.items()}
        if recording.flags is not None:
            self._line(f"flags = {self._flags_text(recording.flags, writer)}")
        if texts:
            places = ["s[sp]" if name == STACK_POINTER else f"g[{name[1:]}]" for name in texts]
            self._line(f"{', '.join(places)} = {', '.join(texts.values())}")
        if recording.flags is not None:
            self._line("ps.flags = flags")

    def _flags_text(self, state: FlagState, writer: Writer) -> str:
        """The four flags. A constant, mostly, which is chosen sooner than they are computed."""
        order = ordered(state)
        if order is None or state.kind is None:
            return ", ".join(writer.text(flag) for flag in state.flags)
        a, b = (writer.text(value) for value in order[:2])
        equal, above, below = ORDERED["=="], ORDERED[">"], ORDERED["<"]
        in_order = f"({equal} if {a} == {b} else {above} if {a} > {b} else {below})"
        return f"F[{state.kind.number}]({a}, {b}) if ({a} | {b}) >> {order[2]} else {in_order}"

    def _received(self, recording: Recording) -> dict[str, str]:
        return {}

    def _store_flags(self, writer: Writer | None = None) -> None:
        """They are stored."""

    def _variables_but(self, written: Iterable[str]) -> frozenset[str]:
        return frozenset()

    def _guard_narrow(self, head: int, widths: Mapping[str, int]) -> set[str]:
        return set()

    def _exit(self, pc: int | str, k: int, since: int, *, is_stepped: bool = False) -> None:
        self.longest = max(self.longest, since)
        self._line(f"cpu.pc = {pc}")
        self._line(f"return n + {k}, 0, 0")
