"""From a region to the source of one Python function.

Registers live in local variables. Control flow is written as a tree: where two ways meet again, what follows is
written twice, up to a limit. A loop is a Python loop; a way out of it into other parts of the region leaves it by
`break`, its number in `way`. Nothing of what an instruction does is repeated here: that is what was recorded.

An instruction that cannot be recorded is called: its semantic function does it, all state being where it belongs. If
then something else than the next instruction may be due, the function is left.

The function runs at most `limit` instructions and returns how many. Where it meets what it cannot do itself, such as a
page it does not know, it returns the complement of that number: everything is as before that instruction, which is to
be executed by `step()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.fast.expr import Expr, NotRecordable, bounds, variable
from aarch64.fast.flags import GIVEN, UNKNOWN, FlagState
from aarch64.fast.recorder import REGISTERS, AccessKind, Recorder
from aarch64.fast.region import loop_of
from aarch64.fast.source import Writer
from aarch64.isa.definition import Trait
from aarch64.memory import PAGE_OFFSET
from aarch64.translation.page_maps import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from aarch64.fast.expr import Operand
    from aarch64.fast.recorder import MemoryAccess, Recording
    from aarch64.fast.region import Node, Region
    from aarch64.interpreter import Interpreter

MOST_WRITTEN = 500
"""Instructions written for one region, those written twice counted twice."""
_DEEPEST = 60
"""Levels of indentation; Python has 100."""
_MOST_LOOPS = 12
"""Loops within one another; Python has 20."""

_HALF_RANGE, _RANGES = 1 << 55, 1 << 56
"""Addresses from -2**55 up to 2**55 - 1, in 64 bits, have no tag: branching there needs no thought."""
_FULL = (1 << 64) - 1
_WORD = (1 << 32) - 1
_FLAG_VARIABLES = frozenset({"fn", "fz", "fc", "fv", "fa", "fb"})


@attrs.define(eq=False)
class _Loop:
    """A loop being written.

    Attributes:
        head, members: its instructions.
        constants: the registers that it does not write.
        hoisted: by their source, values of them that are computed before it, and the variables for them.
        ways: the places outside it that control leaves it for, and their numbers.
        since: how many instructions may have been executed since the limit was looked at when it is left.
        turns: where control goes back to its head: the number of the line that counts, and the count.
        has_inner: whether there is a loop inside it.
    """

    head: int
    members: frozenset[int]
    constants: frozenset[str]
    hoisted: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    ways: dict[int, int] = attrs.field(factory=dict)
    since: int = 0
    turns: list[tuple[int, int]] = attrs.field(factory=list)
    has_inner: bool = False

    def way(self, target: int) -> int:
        """The number of a place."""
        return self.ways.setdefault(target, len(self.ways))


@attrs.frozen(eq=False)
class _Known:
    """What is known at a point of the source: registers, flags, and whether the flags are in their variables."""

    registers: dict[str, Operand]
    state: FlagState
    is_stored: bool


class Emitter:
    """Writes one region.

    Attributes:
        lines: the body of the function, indented.
        places: by number of the line (from 1 in the body), the instruction it belongs to and how many were executed
            since `n` was brought up to date; None for a line that executes nothing of an instruction.
        longest: how many instructions may be executed between two looks at the limit.
        primitives: what the source calls, by name.
        calls: whether it calls semantic functions.
    """

    recorder_type: type[Recorder] = Recorder

    def __init__(self, cpu: Interpreter, region: Region) -> None:
        """Write `region` as `cpu` would execute it now."""
        self._cpu = cpu
        self._recorder = self.recorder_type(cpu)
        self._scratch = Recorder(cpu)
        self._region = region
        self._joints = set(region.joints)
        self._peeled: set[int] = set()
        self._stored = True
        self.lines: list[str] = []
        self.places: list[tuple[int, int] | None] = []
        self.longest = 0
        self.primitives: dict[str, Callable[..., Any]] = {}
        self.calls = False
        self.used: set[str] = set()
        self.written: set[str] = set()
        self.views: set[str] = set()
        self._depth = 0
        self._place = (region.start, 0)
        self._count = 0
        self._loops: list[_Loop] = []
        self._hoisted = 0
        self.sets_flags = False

    def write(self) -> None:
        """Write everything."""
        self._go(self._region.start, 0, 0)

    # --- lines

    def _line(self, text: str) -> None:
        self.lines.append("    " * self._depth + text)
        self.places.append(self._place)

    def _name_of(self, function: Callable[..., int]) -> str:
        name = f"p_{function.__name__}"
        self.primitives[name] = function
        return name

    # --- control flow

    def _go(self, pc: int, k: int, since: int) -> None:
        """Write what follows from `pc` on, `k` instructions after `n` was brought up to date, `since` after a check."""
        while True:
            if self._leaves(pc, k, since):
                return
            loop = loop_of(self._region.nodes, pc, self._within()) if pc in self._joints else frozenset[int]()
            if loop and len(self._loops) < _MOST_LOOPS and not self._is_peeled(pc):
                self._write_loop(pc, loop, k, since)
                return
            following = self._write_node(pc, k, since)
            if following is None:
                return
            pc, k, since = following, k + 1, since + 1

    def _is_peeled(self, head: int) -> bool:
        """Whether a loop begins after its head. So it does where the head wants flags: in the loop they are known."""
        node = self._region.nodes[head]
        if head not in self._peeled and self._reads_flags(node):
            self._peeled.add(head)
            self._joints.update(node.successors)
        return head in self._peeled

    def _reads_flags(self, node: Node) -> bool:
        self._scratch.forget()
        try:
            return node.decoded is not None and self._scratch.record(node.decoded, node.pc).reads_unknown_flags
        except NotRecordable:
            return False

    def _within(self) -> frozenset[int]:
        """The instructions that may be written here: those of the innermost loop but its head, or all."""
        if not self._loops:
            return frozenset(self._region.nodes)
        return self._loops[-1].members - {self._loops[-1].head}

    def _leaves(self, pc: int, k: int, since: int) -> bool:
        """Write how control gets to `pc` if that is not to be written here."""
        is_out = pc not in self._region.nodes or self._count >= MOST_WRITTEN or self._depth >= _DEEPEST
        if self._loops:
            inner = self._loops[-1]
            if pc == inner.head:
                self.longest = max(self.longest, since)
                self._store_flags()
                inner.turns.append((len(self.lines), k))
                self._line(f"n += {k}")
                self._line("continue")
                return True
            if not is_out and pc not in inner.members:
                inner.since = max(inner.since, since)
                self._store_flags()
                self._line(f"n += {k}")
                self._line(f"way = {inner.way(pc)}")
                self._line("break")
                return True
        if is_out:
            self._exit(pc, k, since)
        return is_out

    def _write_loop(self, head: int, members: frozenset[int], k: int, since: int) -> None:
        self.longest = max(self.longest, since)
        self._store_flags()
        if k:
            self._line(f"n += {k}")
        widths = self._widths(members)
        narrow = self._guard_narrow(head, widths)
        self._forget(narrow)
        loop = _Loop(head, members, self._variables_but(widths))
        self._loops.append(loop)
        self._line("while True:")
        first = len(self.lines)
        self._depth += 1
        following = self._write_node(head, 0, 0)
        if following is not None:
            self._go(following, 1, 1)
        self._depth -= 1
        self._loops.pop()
        self._limit(loop, first)
        for name, text in loop.hoisted.values():
            self.lines.insert(first - 1, "    " * self._depth + f"{name} = {text}")
            self.places.insert(first - 1, (head, 0))
        if self._loops:
            self._loops[-1].has_inner = True
        self._after(loop)

    def _widths(self, members: frozenset[int]) -> dict[str, int]:
        """The registers that are written in a loop, and the greatest value that any of them is seen to get."""
        widths: dict[str, int] = {}
        for pc in members:
            self._scratch.forget()
            for name, value in self._writes(self._region.nodes[pc]).items():
                widths[name] = max(widths.get(name, 0), bounds(value)[1])
        return widths

    def _writes(self, node: Node) -> Mapping[str, Operand]:
        """What an instruction writes to registers: one that is called, anything to any of them."""
        if node.decoded is None:
            return {}
        try:
            return _ANYTHING if node.is_called else self._scratch.record(node.decoded, node.pc).writes
        except NotRecordable:
            return _ANYTHING

    def _variables_but(self, written: Iterable[str]) -> frozenset[str]:
        """The registers that stay as they are in a loop that writes some."""
        return REGISTERS - frozenset(written)

    def _guard_narrow(self, head: int, widths: Mapping[str, int]) -> set[str]:
        """Registers that hold 32 bits all through a loop: so they are written there, and so they are at the start.

        Where that is not so at the start, the instruction is executed by itself; before long it will be.
        """
        narrow = {name for name, high in widths.items() if high <= _WORD}
        unsure = sorted(
            name for name in narrow if bounds(self._recorder.registers.get(name, variable(name)))[1] > _WORD
        )
        if unsure:
            self.used |= set(unsure)
            self._place = (head, 0)
            self._line(f"if ({' | '.join(unsure)}) > {_WORD}:")
            self._depth += 1
            self._exit(head, 0, 0, is_stepped=True)
            self._depth -= 1
        return narrow

    def _limit(self, loop: _Loop, first: int) -> None:
        """Let a loop end when the limit has come. Where every turn takes as long, a range does it."""
        turns = {k for _, k in loop.turns}
        self._place = (loop.head, 0)
        if len(turns) == 1 and not loop.has_inner:
            (k,) = turns
            indent = "    " * self._depth
            self.lines[first - 1] = f"{indent}room = lim - n"
            self.lines.insert(first, f"{indent}for n in range(n, lim + 1, {k}):")
            self.places.insert(first, self._place)
            for number, _ in reversed(loop.turns):
                del self.lines[number + 1], self.places[number + 1]
            self._line("else:")
            self._depth += 1
            self._line(f"if room >= 0: n += {k}")
            self._forget()
            self._exit(loop.head, 0, 0)
            self._depth -= 1
            return
        kept_lines, kept_places = self.lines, self.places
        self.lines, self.places = [], []
        self._depth += 1
        self._line("if n > lim:")
        self._depth += 1
        self._forget()
        self._exit(loop.head, 0, 0)
        self._depth -= 2
        kept_lines[first:first], kept_places[first:first] = self.lines, self.places
        self.lines, self.places = kept_lines, kept_places

    def _after(self, loop: _Loop) -> None:
        """Write the ways out of a loop."""
        ways = list(loop.ways.items())
        for target, number in ways:
            self._forget()
            self._place = (target, 0)
            is_last = number == len(ways) - 1
            if not is_last:
                self._line(f"if way == {number}:")
                self._depth += 1
            self._go(target, 0, loop.since)
            if not is_last:
                self._depth -= 1

    def _forget(self, narrow: Iterable[str] = ()) -> None:
        self._recorder.forget()
        self._recorder.registers |= {name: variable(name, 0, _WORD) for name in narrow}
        self._stored = True

    def _keep(self) -> _Known:
        return _Known(dict(self._recorder.registers), self._recorder.state, self._stored)

    def _restore(self, known: _Known) -> None:
        self._recorder.registers = dict(known.registers)
        self._recorder.state = known.state
        self._stored = known.is_stored

    # --- one instruction

    def _write_node(self, pc: int, k: int, since: int) -> int | None:
        """Write an instruction; the next one to write, or None where it ends this way."""
        node = self._region.nodes[pc]
        self._place = (pc, k)
        self._count += 1
        recording = self._record(node)
        if recording is None:
            return self._write_call(node, k, since)
        if recording.reads_unknown_flags:
            self._work_out_flags()
            assert node.decoded is not None
            recording = self._recorder.record(node.decoded, pc)
        writer = self._writer(recording)
        target = self._write_effects(recording, writer)
        return self._write_branch(node, recording, target, writer, k + 1, since + 1)

    def _hoist(self, value: Expr) -> str | None:
        """The variable that holds a value which does not change in the loop."""
        if not self._loops or not _is_made_of(value, self._loops[-1].constants):
            return None
        hoisted = self._loops[-1].hoisted
        text = Writer(self._line, self._name_of).text(value)
        self._note_used(value)
        if text not in hoisted:
            self._hoisted += 1
            hoisted[text] = f"h{self._hoisted}", text
        return hoisted[text][0]

    def _record(self, node: Node) -> Recording | None:
        """What an instruction does here; None where it has to be called, or executed by itself."""
        if node.decoded is None or node.is_called:
            return None
        try:
            recording = self._recorder.record(node.decoded, node.pc)
        except NotRecordable:
            return None
        return recording if _is_direct(recording) else None

    def _write_call(self, node: Node, k: int, since: int) -> int | None:
        """Have the semantic function of an instruction executed; the next one, or None where it ends this way."""
        if not is_callable(node):
            self._exit(node.pc, k, since, is_stepped=True)
            return None
        self.calls = True
        if k == 0:
            self._line("if bt and not n: raise KeyError")
        self._write_flags()
        self._line(WRITE_BACK)
        self._line(f"cpu.cycles = c + n + {k}" if k else "cpu.cycles = c + n")
        following = self._write_operation(node)
        self._line(f"if not cpu.attention_at: cpu.pc = {following}; return ~(n + {k + 1})")
        self._line(READ_AGAIN)
        self._line("fk = 0")
        self._forget()
        return following

    def _write_operation(self, node: Node) -> int:
        """Call a semantic function; the address of the next instruction."""
        following = (node.pc + 4) & _FULL
        name = f"o_{node.word:08x}"
        assert node.decoded is not None
        self.primitives[name] = self._cpu.operation_of(node.decoded)
        self._line(f"cpu.pc = {node.pc}; cpu.next_pc = {following}")
        self._line(f"{name}(cpu)")
        self.places[-1] = None
        return following

    def _writer(self, recording: Recording) -> Writer:
        """What writes the expressions of an instruction."""
        writer = Writer(self._line, self._name_of, self._hoist)
        writer.count(_values(recording))
        return writer

    def _write_effects(self, recording: Recording, writer: Writer) -> str | None:
        """Everything but the branch; the variable that holds an indirect target."""
        if recording.access is not None or recording.guards or recording.is_indirect:
            self._store_flags()
        for guard in recording.guards:
            self._line(f"if {self._condition(writer, guard)}: raise KeyError")
        if recording.access is not None:
            self._write_access(recording.access, recording, writer)
        target = None
        if recording.is_indirect:
            target = "target"
            self._line(f"target = {self._text(writer, recording.target)}")
            if recording.writes:  # which are not to happen if it cannot go there
                self._guard_target()
        self._write_results(recording, writer)
        return target

    def _guard_target(self) -> None:
        self._line(f"if target + {_HALF_RANGE} & {_FULL} >= {_RANGES} or target == {self._place[0]}: raise KeyError")

    def _write_results(self, recording: Recording, writer: Writer) -> None:
        """Flags and registers."""
        texts = {name: self._text(writer, value) for name, value in recording.writes.items()}
        for name in self._received(recording).values():
            del texts[name]
        if recording.flags is not None:
            for number, (name, value) in enumerate(recording.writes.items()):
                if _names(value, _FLAG_VARIABLES):  # which are about to change
                    self._line(f"w{number} = {texts[name]}")
                    texts[name] = f"w{number}"
            self._set_flags(recording.flags, writer, set(texts))
        elif not self._stored and self._concerns(self._recorder.state, set(texts)):
            self._store_flags()
        if texts:
            self._line(f"{', '.join(texts)} = {', '.join(texts.values())}")
        for name, value in recording.writes.items():
            self.written.add(name)
            self.used.add(name)
            self._recorder.registers[name] = value if isinstance(value, int) else variable(name, *bounds(value))

    def _text(self, writer: Writer, value: Operand) -> str:
        self._note_used(value)
        return writer.text(value)

    def _condition(self, writer: Writer, value: Operand) -> str:
        self._note_used(value)
        return writer.condition(value)

    def _note_used(self, value: Operand) -> None:
        self.used |= _names(value)

    # --- memory

    def _write_access(self, access: MemoryAccess, recording: Recording, writer: Writer) -> None:
        size = access.size
        is_load = access.kind in (AccessKind.LOAD, AccessKind.LOAD_PAIR)
        views = f"{'r' if is_load else 'w'}{size}"
        self.views.add(views)
        address = self._text(writer, _place_of(access.address, writer))
        early = () if access.kind is AccessKind.MODIFY else access.values
        values = [self._text(writer, value) for value in early]
        place, index = self._page_and_index(address, size)
        place = f"{views}[{place}]"
        received = self._received(recording)
        results = [received.get(result.args[0], result.args[0]) for result in access.results]
        if access.kind is AccessKind.LOAD:
            self._line(f"{results[0]} = {place}[{index}]")
        elif access.kind is AccessKind.STORE:
            self._line(f"{place}[{index}] = {values[0]}")
        else:
            self._line(f"v = {place}; i = {index}")
            self._write_compound(access.kind, results, values, access, writer)

    def _received(self, recording: Recording) -> dict[str, str]:
        """By the variable for what is loaded, the register that it is loaded into directly."""
        access = recording.access
        if access is None or access.kind not in (AccessKind.LOAD, AccessKind.LOAD_PAIR):
            return {}
        found = {result.args[0]: _receiver(result, recording) for result in access.results}
        return {result: register for result, register in found.items() if register is not None}

    def _page_and_index(self, address: str, size: int) -> tuple[str, str]:
        """What finds a page, and an element of it."""
        shift = size.bit_length() - 1
        if address.startswith("0x"):
            known = int(address, 16)
            return hex(known & KEYS[size]), str((known & PAGE_OFFSET) >> shift)
        if not address.isidentifier():
            self._line(f"a = {address}")
            address = "a"
        index = f"{address} & {PAGE_OFFSET}"
        return f"{address} & {KEYS[size]}", f"({index}) >> {shift}" if shift else index

    def _write_compound(
        self, kind: AccessKind, results: list[str], values: list[str], access: MemoryAccess, writer: Writer
    ) -> None:
        if kind is AccessKind.LOAD_PAIR:
            self._line(f"{results[1]} = v[i + 1]; {results[0]} = v[i]")  # likewise nothing is loaded
        elif kind is AccessKind.STORE_PAIR:
            self._line(f"v[i + 1] = {values[1]}; v[i] = {values[0]}")  # past the end of the page, nothing is written
        elif kind is AccessKind.MODIFY:
            self._line(f"{results[0]} = v[i]")
            self._line(f"v[i] = {self._text(writer, access.values[0])}")
        else:
            self._line(f"{results[0]} = v[i]")
            self._line(f"if {results[0]} == {values[0]}: v[i] = {values[1]}")

    # --- flags

    def _set_flags(self, state: FlagState, writer: Writer, overwritten: set[str]) -> None:
        """Let the flags be those of `state` from here on."""
        self.sets_flags = True
        self._recorder.state, self._stored = state, False
        if not _is_simple(state) or self._concerns(state, overwritten):
            self._store_flags(writer)

    @staticmethod
    def _concerns(state: FlagState, names: set[str]) -> bool:
        return bool(names) and bool((_names(state.a) | _names(state.b)) & names)

    def _store_flags(self, writer: Writer | None = None) -> None:
        """Put what the flags are made of into their variables, if it is not there yet."""
        if self._stored:
            return
        state, kind = self._recorder.state, self._recorder.state.kind
        assert kind is not None
        self._stored = True
        if writer is None:
            writer = Writer(self._line, self._name_of)
            writer.count(state.flags if kind is GIVEN else (state.a, state.b))
        if kind is GIVEN:
            texts = [self._text(writer, flag) for flag in state.flags]
            self._line(f"fk = {kind.number}; fn, fz, fc, fv = fa = {', '.join(texts)}")
            self._recorder.state = FlagState(UNKNOWN.flags, GIVEN, UNKNOWN.flags)
            return
        a, b = self._text(writer, state.a), self._text(writer, state.b)
        self._line(f"fk = {kind.number}; fa = {a}; fb = {b}")
        first, second = _held("fa", state.a), _held("fb", state.b)
        self._recorder.state = FlagState(kind.flags(first, second), kind, first, second)

    def _work_out_flags(self) -> None:
        """Make N, Z, C and V of flags that come from before."""
        self.sets_flags = True
        self._line("fn, fz, fc, fv = F[fk](fa, fb) if fk else ps.flags")
        self._recorder.state = FlagState(UNKNOWN.flags, GIVEN, UNKNOWN.flags)
        self._stored = True

    # --- branches

    def _write_branch(
        self, node: Node, recording: Recording, target: str | None, writer: Writer, k: int, since: int
    ) -> int | None:
        wanted = recording.target
        if wanted is None:
            return (node.pc + 4) & _FULL
        if target is not None:
            self._write_indirect(node, recording, target, k, since)
            return None
        if isinstance(wanted, int):
            if node.successors:
                return wanted
            self._exit(wanted, k, since)
            return None
        condition, taken, other = wanted.args
        return self._write_choice(condition, taken, other, writer, k, since)

    def _write_choice(
        self, condition: Operand, taken: int, other: int, writer: Writer, k: int, since: int
    ) -> int | None:
        """One way within an `if`, which it never leaves; the other one goes on after it."""
        self._note_used(condition)
        is_swapped = self._is_short(other) and not self._is_short(taken)
        if is_swapped:
            taken, other = other, taken
        text = writer.negated(condition) if is_swapped else writer.condition(condition)
        self._line(f"if {text}:")
        known, place = self._keep(), self._place
        self._depth += 1
        self._go(taken, k, since)
        self._depth -= 1
        self._restore(known)
        self._place = place
        return other

    def _is_short(self, pc: int) -> bool:
        """Whether the way to a place is written in a line or two: it is not written here."""
        if self._loops:
            return pc not in self._within()
        return pc not in self._region.nodes

    def _write_indirect(self, node: Node, recording: Recording, target: str, k: int, since: int) -> None:
        for site in node.successors:
            self._line(f"if {target} == {site}:")
            known, place = self._keep(), self._place
            self._depth += 1
            self._go(site, k, since)
            self._depth -= 1
            self._restore(known)
            self._place = place
        if not recording.writes:
            self._guard_target()
        if recording.btype:
            self._line(f"ps.btype = {recording.btype}")
        self._exit(target, k, since)

    # --- exits

    def _exit(self, pc: int | str, k: int, since: int, *, is_stepped: bool = False) -> None:
        """Leave the function: the next instruction is that at `pc`."""
        self.longest = max(self.longest, since)
        self._write_flags()
        self._line(WRITE_BACK)
        self._line(f"cpu.pc = {pc}")
        count = f"n + {k}" if k else "n"
        if is_stepped and k == 0:
            self._line("if bt and not n: ps.btype = bt")
        self._line(f"return ~({count})" if is_stepped else f"return {count}")

    def _write_flags(self) -> None:
        state = self._recorder.state
        if self._stored or state.kind is None or state.kind is GIVEN:
            self._store_flags()
            self._line(WRITE_FLAGS)
            return
        writer = Writer(self._line, self._name_of)
        self._line(f"ps.flags = F[{state.kind.number}]({self._text(writer, state.a)}, {self._text(writer, state.b)})")


WRITE_BACK = "@registers"
WRITE_FLAGS = "@flags"
READ_AGAIN = "@variables"
"""Lines to be filled in when the whole function is known: registers and flags go back to where they belong, and
registers into their variables again.
"""

_ANYTHING: Mapping[str, Operand] = {name: variable(name) for name in REGISTERS}


def is_callable(node: Node) -> bool:
    """Whether control goes on after an instruction if its semantic function is called."""
    return node.decoded is not None and not node.decoded.definition.traits & Trait.BRANCHES


def _is_made_of(value: Operand, names: frozenset[str]) -> bool:
    """Whether an expression has no other variables."""
    if not isinstance(value, Expr):
        return isinstance(value, int)
    if value.op == "name":
        return value.args[0] in names
    return value.op != "call" and all(_is_made_of(arg, names) for arg in value.args)


def _is_direct(recording: Recording) -> bool:
    """Whether a branch that is not indirect goes to a place, or to one of two places."""
    target = recording.target
    if recording.is_indirect or target is None or isinstance(target, int):
        return True
    return target.op == "select" and all(isinstance(place, int) for place in target.args[1:])


def _place_of(address: Operand, writer: Writer) -> Operand:
    """What finds a page and a place in it as well as an address does: bits above 63 do not matter there."""
    if isinstance(address, Expr) and address.op == "&" and address.args[1] == _FULL and not writer.is_shared(address):
        return address.args[0]
    return address


def _receiver(result: Expr, recording: Recording) -> str | None:
    """The register that something loaded goes to as it is, and that nothing else has to do with."""
    names = [name for name, value in recording.writes.items() if value is result]
    if len(names) != 1 or recording.flags is not None:
        return None
    among = frozenset({names[0], result.args[0]})
    return None if any(_names(value, among) for value in recording.writes.values() if value is not result) else names[0]


def _held(name: str, value: Operand) -> Operand:
    """A variable that holds a value."""
    return value if isinstance(value, int) else variable(name, *bounds(value))


def _is_simple(state: FlagState) -> bool:
    """Whether what the flags are made of is so cheap to compute that it can be done where it is needed."""
    return state.kind is not GIVEN and all(_is_cheap(value) for value in (state.a, state.b))


def _is_cheap(value: Operand) -> bool:
    if not isinstance(value, Expr) or value.op == "name":
        return True
    return value.op == "&" and isinstance(value.args[1], int) and _is_cheap(value.args[0])


def _values(recording: Recording) -> Iterator[Operand]:
    """All that is written of an instruction."""
    yield from recording.guards
    if recording.access is not None:
        yield recording.access.address
        yield from recording.access.values
    yield from recording.writes.values()
    if recording.flags is not None:
        if recording.flags.kind is GIVEN:
            yield from recording.flags.flags
        else:
            yield recording.flags.a
            yield recording.flags.b
    if recording.target is not None:
        yield recording.target


def _names(value: Operand, among: frozenset[str] = REGISTERS) -> set[str]:
    """The variables `among` some, by default the registers, that an expression is made of."""
    if isinstance(value, tuple):
        return set().union(*(_names(item, among) for item in value))
    if not isinstance(value, Expr):
        return set()
    if value.op == "name":
        return set(among & {value.args[0]})
    return set().union(*(_names(arg, among) for arg in value.args), set())
