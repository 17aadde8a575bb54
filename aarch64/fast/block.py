"""Blocks: a region compiled to a function, with what has to hold for it to be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from aarch64.fast.emitter import READ_AGAIN, WRITE_BACK, WRITE_FLAGS, Emitter
from aarch64.fast.flags import MATERIALIZE
from aarch64.fast.recorder import STACK_POINTER
from aarch64.fast.watched import WatchedEmitter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from aarch64.cpu import Cpu
    from aarch64.fast.region import Region
    from aarch64.interpreter import Interpreter
    from aarch64.memory import Page

Function: TypeAlias = "Callable[..., Any]"
"""`function(cpu, limit)`: how many instructions were executed, complemented where the next one is to be stepped."""


@attrs.frozen(eq=False)
class Block:
    """A compiled region.

    Attributes:
        start: the address it begins at.
        function: what it does.
        pages: the pages it is in, by virtual page number.
        words: its instructions by address.
        called: those of them that it does not do itself, whatever could be recorded of them.
        source: the function's source; tracebacks and pdb find it, too.
        name: the function's name.
    """

    start: int
    function: Function
    pages: Mapping[int, Page]
    words: Mapping[int, int]
    called: frozenset[int]
    source: str
    name: str

    @property
    def addresses(self) -> AbstractSet[int]:
        """The addresses of its instructions."""
        return self.words.keys()


def compile_region(cpu: Interpreter, region: Region) -> Block | None:
    """The block of a region, as `cpu` would execute it now; None where nothing can be compiled."""
    emitter = Emitter(cpu, region)
    emitter.write()
    name = f"block_{region.start:x}_el{cpu.pstate.el}"
    lines, first = _assemble(cpu, emitter, name)
    return _compile(region, emitter, name, lines, first)


def compile_watched(cpu: Interpreter, region: Region) -> Block | None:
    """Likewise a block that tells the observers.

    Its `function(cpu, end, observe)` gives the cycle it got to, and the address and the word of an instruction that is
    observed but not executed, or zeros.
    """
    emitter = WatchedEmitter(cpu, region)
    emitter.write()
    name = f"watched_{region.start:x}_el{cpu.pstate.el}"
    head = [
        f"def {name}(cpu, end, observe):",
        f"    n = cpu.cycles; lim = end - {emitter.longest}",
        "    if n > lim: return n, 0, 0",
        f"    g = cpu.gpr; ps = cpu.pstate; s = cpu.sp_el; sp = {cpu.pstate.el if cpu.pstate.sp else 0}",
        *_view_loads(emitter),
        "    try:",
    ]
    body = [f"        {line}" for line in emitter.lines]
    tail = [
        "    except (KeyError, IndexError) as stop:",
        "        place = PLACES[stop.__traceback__.tb_lineno]",
        "        if place is None: raise  # it comes from what is called",
        "        pc, k = place",
        "        return n + k, pc, WORDS[pc]",
    ]
    return _compile(region, emitter, name, [*head, *body, *tail], len(head) + 1)


def _compile(region: Region, emitter: Emitter, name: str, lines: list[str], first: int) -> Block | None:
    """The function that lines make, of which the emitter's begin at number `first`."""
    if emitter.longest == 0:
        return None
    source = "\n".join(lines) + "\n"
    words = {pc: node.word for pc, node in region.nodes.items()}
    places = {first + number: place for number, place in enumerate(emitter.places)}
    namespace: dict[str, Any] = {**emitter.primitives, "F": MATERIALIZE, "PLACES": places, "WORDS": words}
    namespace |= {"__name__": name, "__loader__": _Loader(source)}
    exec(compile(source, f"a64:{name}", "exec"), namespace)  # noqa: S102  (the source is made of what was recorded)
    called = frozenset(pc for pc, node in region.nodes.items() if node.is_called or node.decoded is None)
    return Block(region.start, namespace[name], region.pages, words, called, source, name)


@attrs.frozen
class _Loader:
    """Where `linecache` finds the source of a module that is in no file: it goes when the function does."""

    source: str

    def get_source(self, _name: str) -> str:
        return self.source


def _view_loads(emitter: Emitter) -> list[str]:
    return [
        f"    {view} = cpu.{'read' if view[0] == 'r' else 'write'}_views[{view[1:]}]" for view in sorted(emitter.views)
    ]


def _assemble(cpu: Cpu, emitter: Emitter, name: str) -> tuple[list[str], int]:
    """The lines of the function, and the number of the line that the body begins with."""
    back = "; ".join(_stores(cpu, emitter.written)) or "pass"
    flags = "if fk: ps.flags = F[fk](fa, fb)" if emitter.sets_flags else "pass"
    head = [
        f"def {name}(cpu, limit):",
        f"    lim = limit - {emitter.longest}",
        "    if lim < 0: return -1",
        "    g = cpu.gpr; ps = cpu.pstate",
    ]
    head += [f"    {line}" for line in _loads(cpu, emitter.used | emitter.written)]
    head += _view_loads(emitter)
    if emitter.sets_flags:
        head.append("    fk = 0; fa = fb = 0")
    if emitter.calls:
        head.append("    c = cpu.cycles")
    head.append("    n = 0")
    head.append("    bt = ps.btype")
    head.append("    if bt: ps.btype = 0")
    head.append("    try:")
    again = "; ".join(_loads(cpu, emitter.used | emitter.written)) or "pass"
    placeholders = {WRITE_BACK: back, WRITE_FLAGS: flags, READ_AGAIN: again}
    body = [f"        {_filled_in(line, placeholders)}" for line in emitter.lines]
    tail = [
        "    except (KeyError, IndexError) as stop:",
        "        place = PLACES[stop.__traceback__.tb_lineno]",
        "        if place is None: raise  # it comes from what is called",
        "        pc, k = place",
        "        n += k",
        "        if bt and not n: ps.btype = bt",
        f"        {flags}",
        f"        {back}",
        "        cpu.pc = pc",
        "        return ~n",
    ]
    return [*head, *body, *tail], len(head) + 1


def _filled_in(line: str, placeholders: Mapping[str, str]) -> str:
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    return indent + placeholders.get(text, text)


def _slot(cpu: Cpu, name: str) -> str:
    """Where a register is when it is not in a variable."""
    if name == STACK_POINTER:
        return f"cpu.sp_el[{cpu.pstate.el if cpu.pstate.sp else 0}]"
    return f"g[{name[1:]}]"


def _loads(cpu: Cpu, names: Iterable[str]) -> list[str]:
    return [f"{name} = {_slot(cpu, name)}" for name in sorted(names)]


def _stores(cpu: Cpu, names: Iterable[str]) -> list[str]:
    return [f"{_slot(cpu, name)} = {name}" for name in sorted(names)]
