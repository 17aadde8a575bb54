"""Random programs with real control flow, to run on two machines and compare.

    program = random_program(random.Random(7))
    machine = program.machine()
    print(program)

A program is assembly text and the machine it wants. It is written by drawing from `Choices`, which is Hypothesis for
laws, so that what fails shrinks, or a `random.Random` where there are many thousands of programs to run.

Registers have roles, so that most of what is drawn does something:

    x0-x7    data; half of them begin with a value at which arithmetic changes its behaviour
    x10-x12  counters of loops, by depth; x15 that of recursions
    x13, x14, x26, x28  scratch
    x16-x18  the exception handlers'; x18 gathers the flags they saw
    x19      the middle of a page of data; x20 near its end; x25 an odd address
    x21      the UART; x22 an address where nothing is; x24 the last words of RAM
    x23      the code's own first page; x27 the table that maps pages, with translation on
    x29      where to go on after a branch to nowhere
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.image import Image, Segment
from aarch64.interpreter import Interpreter
from aarch64.isa.definition import Trait
from aarch64.isa.table import disassemble
from aarch64.memory import PAGE_SIZE, Memory
from aarch64.sampling import IMPLEMENTED, INTERESTING, draw_fields, is_encoding_of
from tests.translation.paging import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aarch64.machine import Machine

RAM = 0x4000_0000
RAM_SIZE = 1 << 20
CODE = RAM + 0x1000
DATA = RAM + 0x8000
USER_STACK, STACK = RAM + 0xC000, RAM + 0xD000
VECTORS = RAM + 0x10000
TABLES = RAM + 0x20000
ALIAS = RAM_SIZE
"""With translation on, RAM is seen a second time at this distance; the page between is not mapped."""
UART, NOWHERE = 0x0900_0000, 0x2000_0000

LONGEST = 400
"""Cycles that a program is given at most."""

T = TypeVar("T")


class Choices(Protocol):
    """Where decisions come from. The first option and the lowest number are the simplest."""

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`."""

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`."""


class RandomChoices:
    """Decisions of a `random.Random`."""

    def __init__(self, source: random.Random) -> None:
        self.integer = source.randint
        self.choice = source.choice


class DrawnChoices:
    """Decisions of Hypothesis, which it can shrink."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))


# --- a program


@attrs.frozen(repr=False)
class Program:
    """Assembly and its circumstances.

    Attributes:
        text: the source; it begins in the page at CODE.
        data: initial values of X0 to X7.
        nzcv: initial flags.
        el, max_el, unaligned: options of the machine.
        translates: whether the MMU is on, EL0 and EL1 having the same map.
        period: cycles after which the interrupt handler has a timer come again; 0: it switches timers off.
        budget: cycles to run it for.
    """

    text: str
    data: tuple[int, ...] = (0,) * 8
    nzcv: int = 0
    el: int = 1
    max_el: int = 1
    unaligned: bool = False
    translates: bool = False
    period: int = 0
    budget: int = LONGEST

    def __repr__(self) -> str:
        options = ", ".join(
            f"{field.name}={getattr(self, field.name)!r}"
            for field in attrs.fields(Program)
            if field.name not in {"text", "data"} and getattr(self, field.name) != field.default
        )
        values = ", ".join(f"x{number}={value:#x}" for number, value in enumerate(self.data) if value)
        return f"\n// {options or 'EL1'}\n// {values or 'x0-x7 zero'}\n{self.text}"

    @property
    def image(self) -> Image:
        """The code, its handlers and data, and the tables."""
        code = assemble_source(self.text, base=CODE)
        segments = [*code.segments, *handlers(self.max_el, self.period), *_DATA]
        if self.translates:
            segments += translation(is_user=self.el == 0)[1]
        return Image(tuple(segments), code.entry, code.symbols)

    def load(self, machine: Machine, image: Image | None = None) -> None:
        """Put everything into a machine and its registers."""
        machine.load(image or self.image)
        cpu = machine.cpu
        cpu.gpr[:8] = self.data
        for number, value in ADDRESSES.items():
            cpu.gpr[number] = value
        cpu.sp_el[:] = [USER_STACK, *(STACK + 0x400 * level for level in (0, 1, 2))]
        cpu.pstate.nzcv = self.nzcv
        for level in range(1, self.max_el + 1):
            cpu.sysregs[f"VBAR_EL{level}"] = VECTORS + 0x1000 * level
        if self.translates:
            root, _, table = translation(is_user=self.el == 0)
            cpu.gpr[27] = table
            Space(cpu, iter([root])).use(asid=1)
        cpu.context_changed()

    @property
    def options(self) -> dict[str, int | bool]:
        """What to build the machine with."""
        return {"el": self.el, "max_el": self.max_el, "unaligned": self.unaligned, "ram": RAM_SIZE}


ADDRESSES = {
    19: DATA + 0x800,
    20: DATA + PAGE_SIZE - 4,
    21: UART,
    22: NOWHERE,
    23: CODE,
    24: RAM + RAM_SIZE - 8,
    25: DATA + 0x101,
    27: DATA + 0x400,
    29: CODE,
}
"""What the registers with a role begin with."""

_DATA = (Segment(DATA, random.Random("data").randbytes(2 * PAGE_SIZE), executable=False),)

_TO_SYNCHRONOUS = """
        b       synchronous
        .balign 128
"""

_SYNCHRONOUS = """
synchronous:
        adc     x18, x18, x0
        mrs     x16, esr_el{level}
        and     w17, w16, #0xffff
        lsr     x16, x16, #26
        sub     x17, x16, #0x30
        cmp     x17, #5
        b.hi    6f
        mrs     x17, spsr_el{level}
        tbnz    x16, #1, 4f             // breakpoint, watchpoint: go on with D masked,
        orr     x17, x17, #1 << 9
        msr     spsr_el{level}, x17
        tbnz    x18, #0, 5f             // or behind the instruction
        eret
4:      orr     x17, x17, #1 << 21      // software step: one instruction further
        msr     spsr_el{level}, x17
        eret
6:      mrs     x17, esr_el{level}
        and     w17, w17, #0xffff
        cmp     x16, #0x12
        b.eq    9f
        cmp     x16, #0x15
        b.ne    1f
        cmp     w17, #0x7f              // SVC #0x7f: up to this level
        b.ne    9f
3:      mov     x16, #{handler_mode}
        msr     spsr_el{level}, x16
        b       9f
1:      cmp     x16, #0x0e              // illegal state: likewise
        b.eq    3b
        sub     x17, x16, #0x20
        cmp     x17, #2
        b.ls    2f
5:      mrs     x16, elr_el{level}
        add     x16, x16, #4
        msr     elr_el{level}, x16
        b       9f
2:      msr     elr_el{level}, x29      // a branch to nowhere
9:      eret
"""

_INTERRUPT = """
        adc     x18, x18, x1
        csinc   x17, x17, x17, cs
{rearm}
        eret
        .balign 128
"""

_REARM = """
        mov     x16, #{period}
        msr     cntp_tval_el0, x16
        msr     cntv_tval_el0, x16
"""
_DISARM = """
        msr     cntp_ctl_el0, xzr
        msr     cntv_ctl_el0, xzr
"""


@cache
def handlers(max_el: int, period: int) -> tuple[Segment, ...]:
    """Vectors for each level: what is at fault is skipped, a timer's interrupt is answered."""
    found: list[Segment] = []
    for level in range(1, max_el + 1):
        synchronous = _SYNCHRONOUS.format(level=level, handler_mode=level << 2 | 1)
        interrupt = _INTERRUPT.format(rearm=_REARM.format(period=period) if period else _DISARM)
        text = (_TO_SYNCHRONOUS + interrupt * 3) * 4 + synchronous
        found += assemble_source(text, base=VECTORS + 0x1000 * level).segments
    return tuple(found)


@cache
def translation(*, is_user: bool) -> tuple[int, tuple[Segment, ...], int]:
    """The root of tables that map RAM as it is, and a second time; the tables; and the table of the pages."""
    memory = Memory(RAM, RAM_SIZE)
    space = Space(Interpreter(memory, ()), iter(range(TABLES, RAM + RAM_SIZE, PAGE_SIZE)))
    for page in range(RAM, RAM + RAM_SIZE, PAGE_SIZE):
        is_handler = VECTORS <= page < TABLES
        bits = {"el0": is_user and not is_handler, "ng": True}
        space.map(page, page, **bits)
        if page != RAM:
            space.map(page + ALIAS, page, **bits)
    space.map(UART, UART, attribute=1, el0=is_user)
    tables = tuple(Segment(number << 12, data, executable=False) for number, data in memory.save().items())
    return space.root, tables, space.descriptor_address(RAM)


# --- the writer


class Writer:
    """A program being written: lines, what comes behind them, and how much there may be."""

    def __init__(self, choices: Choices, kinds: Sequence[Statement], room: int) -> None:
        self.choices = choices
        self.kinds = kinds
        self.room = room
        self.lines: list[str] = []
        self.tail: list[str] = []
        self.functions: list[tuple[str, bool]] = []
        self.depth = 0
        self.is_function = False
        self._labels = 0

    # drawing

    def integer(self, low: int, high: int) -> int:
        return self.choices.integer(low, high)

    def choice(self, options: Sequence[T]) -> T:
        return self.choices.choice(options)

    def one_in(self, count: int) -> bool:
        return self.choices.integer(0, count - 1) == count - 1

    # writing

    def emit(self, *lines: str) -> None:
        self.lines += [line if line.endswith(":") else f"        {line}" for line in lines]

    def label(self) -> str:
        self._labels += 1
        return f"L{self._labels}"

    def instruction(self, templates: Sequence[str]) -> None:
        self.emit(self.choice(templates).format_map(_Blanks(self)))

    def statements(self, most: int) -> None:
        """Up to `most` statements, at least one."""
        written = 0
        while self.room > 0 and written < most and (not written or self.integer(0, 3)):
            self.room -= 1
            written += 1
            self.choice(self.kinds)(self)
        if not written:
            self.emit("nop")

    def nested(self, most: int) -> None:
        """Statements of a body."""
        self.depth += 1
        self.statements(most)
        self.depth -= 1

    def function(self) -> tuple[str, bool]:
        """A function to call, now and then a new one, and whether it is recursive, with the number of levels in X15."""
        if self.functions and (len(self.functions) == 3 or self.is_function or self.one_in(2)):
            return self.choice(self.functions)
        kind = self.choice(("leaf", "leaf", "frame", "recursive"))
        name = f"f{len(self.functions) + 1}"
        self.functions.append((name, kind == "recursive"))
        outer = self.lines, self.depth, self.is_function
        self.lines, self.depth, self.is_function = [], 2, True
        if self.one_in(4):
            self.emit(".balign 4096")
        self.emit(f"{name}:")
        if kind == "leaf":
            kinds, self.kinds = self.kinds, LEAF
            self.statements(4)
            self.kinds = kinds
            self.emit(self.choice(("ret", "ret", "br x30", "mov x28, x30\n        ret x28")))
        else:
            self._framed(name, is_recursive=kind == "recursive")
        self.tail += self.lines
        self.lines, self.depth, self.is_function = outer
        return self.functions[-1]

    def _framed(self, name: str, *, is_recursive: bool) -> None:
        done = self.label()
        self.emit("stp x30, x0, [sp, #-16]!")
        if is_recursive:
            self.emit("subs x15, x15, #1", f"b.le {done}")
        kinds, self.kinds = self.kinds, LEAF
        self.statements(3)
        self.kinds = kinds
        if is_recursive:
            self.emit(f"bl {name}")
            self.statements(1)
        self.emit(f"{done}:", f"ldp x30, {self.choice(DATA_REGISTERS)}, [sp], #16", "ret")


Statement = "Callable[[Writer], None]"

DATA_REGISTERS = tuple(f"x{number}" for number in range(8))
CONDITIONS = ("eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")
_EXTENDS = ("uxtb", "uxth", "uxtw", "sxtb", "sxth", "sxtw")
_LOGICAL = {"x": ("0x1", "0xff00", "0x8000000000000000", "0x5555555555555555"), "w": ("0x1", "0xff00", "0x80000000")}


class _Blanks(dict[str, str]):
    """What the blanks of a template are filled with; X or W registers alike in all of it."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._width = ""

    @property
    def width(self) -> str:
        if not self._width:
            self._width = self._writer.choice("xw")
        return self._width

    def __missing__(self, key: str) -> str:
        return _FILL[key](self._writer, self)


def _number(low: int, high: int) -> Callable[[Writer, _Blanks], str]:
    return lambda writer, _: str(writer.integer(low, high))


def _any_register(writer: Writer, prefix: str) -> str:
    number = writer.integer(0, 9)
    return f"{prefix}{number}" if number < 8 else f"{prefix}zr"


_FILL: Mapping[str, Callable[[Writer, _Blanks], str]] = {
    "r": lambda w, b: _any_register(w, b.width),
    "x": lambda w, _: _any_register(w, "x"),
    "w": lambda w, _: _any_register(w, "w"),
    "g": lambda w, b: f"{b.width}{w.integer(0, 7)}",
    "gx": lambda w, _: f"x{w.integer(0, 7)}",
    "sp": lambda _, b: "sp" if b.width == "x" else "wsp",
    "c": lambda w, _: w.choice(CONDITIONS),
    "shift": lambda w, _: w.choice(("lsl", "lsr", "asr")),
    "rotate": lambda w, _: w.choice(("lsl", "lsr", "asr", "ror")),
    "extend": lambda w, _: w.choice(_EXTENDS),
    "s": lambda w, b: str(w.integer(0, 63 if b.width == "x" else 31)),
    "lsb": _number(0, 31),
    "i": lambda w, _: str(w.choice((0, 1, 2, 7, 255, 4095))),
    "l": lambda w, b: w.choice(_LOGICAL[b.width]),
    "h": lambda w, _: str(w.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF))),
    "half": lambda w, _: str(w.choice((0, 16))),
    "f": _number(0, 15),
    "j": _number(0, 31),
    "k": _number(0, 4),
    "b": _number(0, 63),
}

# --- straight code

ARITHMETIC = (
    "add {r}, {r}, {r}",
    "add {g}, {g}, #{i}",
    "sub {g}, {g}, #{i}",
    "sub {r}, {r}, {r}",
    "add {r}, {r}, {r}, {shift} #{s}",
    "sub {r}, {r}, {r}, {shift} #{s}",
    "add {g}, {g}, {w}, {extend} #{k}",
    "sub {g}, {g}, #{i}, lsl #12",
    "neg {r}, {r}",
    "and {r}, {r}, {r}",
    "orr {r}, {r}, {r}, {rotate} #{s}",
    "eor {r}, {r}, {r}",
    "bic {r}, {r}, {r}",
    "orn {r}, {r}, {r}",
    "eon {r}, {r}, {r}, {rotate} #{s}",
    "and {g}, {r}, #{l}",
    "orr {g}, {r}, #{l}",
    "eor {g}, {r}, #{l}",
    "mvn {r}, {r}",
    "mov {g}, {r}",
    "movz {r}, #{h}, lsl #{half}",
    "movn {r}, #{h}, lsl #{half}",
    "movk {r}, #{h}, lsl #{half}",
    "lsl {r}, {r}, {r}",
    "lsr {r}, {r}, {r}",
    "asr {r}, {r}, {r}",
    "ror {r}, {r}, {r}",
    "lsl {r}, {r}, #{s}",
    "lsr {r}, {r}, #{s}",
    "asr {r}, {r}, #{s}",
    "ror {r}, {r}, #{s}",
    "extr {r}, {r}, {r}, #{s}",
    "ubfx {r}, {r}, #{lsb}, #1",
    "sbfx {r}, {r}, #{lsb}, #1",
    "bfi {r}, {r}, #{lsb}, #1",
    "bfxil {r}, {r}, #0, #9",
    "sxtb {r}, {w}",
    "sxth {r}, {w}",
    "sxtw {x}, {w}",
    "uxtb {w}, {w}",
    "mul {r}, {r}, {r}",
    "madd {r}, {r}, {r}, {r}",
    "msub {r}, {r}, {r}, {r}",
    "smull {x}, {w}, {w}",
    "umaddl {x}, {w}, {w}, {x}",
    "smulh {x}, {x}, {x}",
    "umulh {x}, {x}, {x}",
    "udiv {r}, {r}, {r}",
    "sdiv {r}, {r}, {r}",
    "clz {r}, {r}",
    "cls {r}, {r}",
    "rbit {r}, {r}",
    "rev {r}, {r}",
    "rev16 {r}, {r}",
    "crc32w {w}, {w}, {w}",
    "cnt {r}, {r}",
    "abs {r}, {r}",
    "smax {r}, {r}, {r}",
    "umin {r}, {r}, {r}",
    "mov {g}, {sp}",
    "add {g}, {sp}, #16",
    "adr {x}, .",
)

FLAGS = (
    "cmp {r}, {r}",
    "adds {r}, {r}, {r}",
    "subs {r}, {r}, {r}",
    "cmp {g}, #{i}",
    "cmn {g}, #{i}",
    "cmn {r}, {r}, {shift} #{s}",
    "cmp {r}, {r}, {shift} #{s}",
    "cmp {g}, {w}, {extend} #{k}",
    "adds {r}, {g}, {w}, {extend} #{k}",
    "subs {r}, {g}, #{i}",
    "adds {r}, {g}, #{i}",
    "negs {r}, {r}",
    "tst {r}, {r}",
    "tst {r}, #{l}",
    "ands {r}, {r}, {r}, {rotate} #{s}",
    "ands {r}, {r}, #{l}",
    "bics {r}, {r}, {r}",
    "adc {r}, {r}, {r}",
    "adcs {r}, {r}, {r}",
    "sbc {r}, {r}, {r}",
    "sbcs {r}, {r}, {r}",
    "ngcs {r}, {r}",
    "ccmp {r}, {r}, #{f}, {c}",
    "ccmp {r}, #{j}, #{f}, {c}",
    "ccmn {r}, {r}, #{f}, {c}",
    "ccmn {r}, #{j}, #{f}, {c}",
    "csel {r}, {r}, {r}, {c}",
    "csinc {r}, {r}, {r}, {c}",
    "csinv {r}, {r}, {r}, {c}",
    "csneg {r}, {r}, {r}, {c}",
    "cset {r}, {c}",
    "csetm {r}, {c}",
    "mrs {gx}, nzcv",
    "msr nzcv, {x}",
    "cfinv",
    "rmif {x}, #{b}, #{f}",
    "setf8 {w}",
    "setf16 {w}",
    "axflag",
    "xaflag",
)


def arithmetic(w: Writer) -> None:
    w.instruction(ARITHMETIC)


def flags(w: Writer) -> None:
    w.instruction(FLAGS)


# --- memory

_ACCESSES = (
    ("ldr", "x", 8), ("str", "x", 8), ("ldr", "w", 4), ("str", "w", 4), ("ldrb", "w", 1), ("strb", "w", 1),
    ("ldrh", "w", 2), ("strh", "w", 2), ("ldrsb", "x", 1), ("ldrsb", "w", 1), ("ldrsh", "x", 2), ("ldrsh", "w", 2),
    ("ldrsw", "x", 4),
)  # fmt: skip
_PAIRS = (
    ("ldp", "x", 8), ("stp", "x", 8), ("ldp", "w", 4), ("stp", "w", 4), ("ldpsw", "x", 4), ("ldnp", "x", 8),
    ("stnp", "w", 4),
)  # fmt: skip
_ORDERED = ("ldar", "stlr", "ldapr", "ldarb", "stlrb", "ldarh", "stlrh")
_ATOMICS = ("ldadd", "ldclr", "ldset", "ldeor", "ldsmax", "ldumin", "swp", "cas")
_ORDERS = ("", "a", "l", "al")

GOOD = ("x19", "x19", "x19", "sp", "x20")
BAD = ("x22", "x24", "x25", "x21", "x23", "x20")


def _access(w: Writer, bases: Sequence[str]) -> None:
    """A load or store of any size in any addressing mode."""
    name, prefix, size = w.choice(_ACCESSES)
    register, base = _any_register(w, prefix), w.choice(bases)
    step = 16 if base == "sp" and not w.one_in(8) else size
    mode = w.integer(0, 7)
    if mode == 0:
        address = f"[{base}]"
    elif mode == 1:
        address = f"[{base}, #{size * w.integer(0, 8)}]"
    elif mode == 2:
        address = f"[{base}, #{step * w.integer(-2, 2)}]!"
    elif mode == 3:
        address = f"[{base}], #{step * w.integer(-2, 2)}"
    elif mode == 4:
        scale = w.choice(("lsl #0", f"lsl #{size.bit_length() - 1}")) if size > 1 else "lsl #0"
        w.emit(f"and x26, x{w.integer(0, 7)}, #0x1f")
        address = f"[{base}, x26, {scale}]"
    elif mode == 5:
        w.emit(f"and w26, w{w.integer(0, 7)}, #0x1f")
        address = f"[{base}, w26, {w.choice(('uxtw', 'sxtw'))}]"
    else:
        name = name.replace("ld", "ldu").replace("st", "stu") if mode == 6 else name
        address = f"[{base}, #{w.integer(-16, 16)}]" if mode == 6 else f"[{base}, #{size}]"
    w.emit(f"{name} {register}, {address}")


def _pair(w: Writer, bases: Sequence[str]) -> None:
    name, prefix, size = w.choice(_PAIRS)
    first = w.integer(0, 7)
    base = w.choice(bases)
    step = 16 if base == "sp" else size
    offset = step * w.integer(-2, 2)
    modes = ("[{}, #{}]",) if name.endswith("np") else ("[{}, #{}]", "[{}, #{}]!", "[{}], #{}")
    address = w.choice(modes).format(base, offset)
    w.emit(f"{name} {prefix}{first}, {prefix}{(first + w.integer(1, 7)) % 8}, {address}")


def memory(w: Writer) -> None:
    (_pair if w.one_in(3) else _access)(w, GOOD)


def fault(w: Writer) -> None:
    """An access to where it may not, or not so."""
    (_pair if w.one_in(3) else _access)(w, BAD)


def read_back(w: Writer) -> None:
    """A store, and a load that overlaps it."""
    offset = w.integer(0, 8)
    name, prefix, size = w.choice(_ACCESSES[1::2][:4])
    w.emit(f"{name.replace('ld', 'st')} {_any_register(w, prefix)}, [x19, #{size * offset}]")
    w.emit(f"ldur {w.choice(DATA_REGISTERS)}, [x19, #{size * offset - w.integer(0, 7)}]")


def literal(w: Writer) -> None:
    """A load of code as data."""
    here = w.label()
    w.emit(f"{here}:", f"{w.choice(('ldr x{}', 'ldr w{}', 'ldrsw x{}')).format(w.integer(0, 7))}, {here}")


def exclusive(w: Writer) -> None:
    """Load and store exclusive, now and then with something between."""
    size = w.choice(("x", "w", "b", "h", "p"))
    value, status = w.integer(0, 7), w.integer(0, 7)
    base = w.choice(("x19", "x19", "x19", "x20", "x24", "x22"))
    if size == "p":
        w.emit(f"ldxp x{value}, x{(value + 1) % 8}, [{base}]")
        store = f"stxp w26, x{value}, x{status}, [{base}]"
    else:
        suffix, prefix = (size, "w") if size in "bh" else ("", size)
        order = w.choice(("x", "ax"))
        w.emit(f"ld{order}r{suffix} {prefix}{value}, [{base}]")
        store = f"st{order.replace('a', 'l')}r{suffix} w26, {prefix}{status}, [{base}]"
    between = w.integer(0, 4)
    if between == 1:
        arithmetic(w)
    elif between == 2:
        w.emit(w.choice(("clrex", "svc #1", "str x0, [x19]", "ldxr x1, [x20]")))
    w.emit(store, f"add x{status}, x{status}, x26")


def atomic(w: Writer) -> None:
    name = w.choice(_ATOMICS) + w.choice(_ORDERS) + w.choice(("", "", "b", "h"))
    prefix = "w" if name[-1] in "bh" else w.choice("xw")
    base = w.choice(("x19", "x19", "x19", "x19", "x23", "x20", "x22", "x25", "sp"))
    w.emit(f"{name} {_any_register(w, prefix)}, {_any_register(w, prefix)}, [{base}]")


def ordered(w: Writer) -> None:
    name = w.choice(_ORDERED)
    prefix = "w" if name[-1] in "bh" else w.choice("xw")
    w.emit(f"{name} {_any_register(w, prefix)}, [{w.choice(('x19', 'x19', 'x25', 'x22', 'x21'))}]")


def device(w: Writer) -> None:
    if w.one_in(3):
        w.emit(f"ldr {w.choice(('w0', 'w1', 'x2'))}, [x21, #{w.choice((0x18, 0, 0x30, 0xFE0))}]")
    else:
        w.emit(f"mov w26, #{w.integer(65, 90)}", f"{w.choice(('strb', 'str', 'strh'))} w26, [x21]")


def copy_bytes(w: Writer) -> None:
    """A loop over bytes: forwards, overlapping itself, or from code."""
    source, target = w.choice((("x19", "x19"), ("x20", "x19"), ("x23", "x19"), ("x19", "x20")))
    again = w.label()
    w.emit(
        f"mov x14, #{w.integer(1, 12)}",
        f"add x26, {source}, #{w.integer(0, 4)}",
        f"add x28, {target}, #{w.integer(0, 4)}",
        f"{again}:",
        "ldrb w13, [x26], #1",
        "strb w13, [x28], #1",
        "subs x14, x14, #1",
        f"b.ne {again}",
    )


# --- control


def loop(w: Writer) -> None:
    """A counted loop, up to three of them nested."""
    if w.depth >= 3:
        arithmetic(w)
        return
    counter, count, again, out = 10 + w.depth, w.choice((2, 1, 3, 4, 6, 20)), w.label(), w.label()
    kind = w.integer(0, 6)
    w.emit(f"mov x{counter}, #{0 if kind == 1 else count}", f"{again}:")
    if kind == 4:
        w.emit(f"cbz x{counter}, {out}")
    elif kind == 5:
        w.emit(f"subs w{counter}, w{counter}, #1")
    w.nested(3)
    if kind == 0:
        w.emit(f"subs x{counter}, x{counter}, #1", f"b.ne {again}")
    elif kind == 1:
        w.emit(f"add x{counter}, x{counter}, #1", f"cmp x{counter}, #{count}", f"b.lo {again}")
    elif kind == 2:
        w.emit(f"sub w{counter}, w{counter}, #1", f"cbnz w{counter}, {again}")
    elif kind == 3:
        w.emit(f"sub x{counter}, x{counter}, #1", f"tbz x{counter}, #63, {again}")
    elif kind == 4:
        w.emit(f"sub x{counter}, x{counter}, #1", f"b {again}", f"{out}:")
    elif kind == 5:
        w.emit(f"cbnz w{counter}, {again}")
    else:
        w.emit(f"subs x{counter}, x{counter}, #1", f"b.eq {out}", f"b {again}", f"{out}:")


def forward(w: Writer) -> None:
    """A forward branch on a condition, now and then with an else."""
    over, register = w.label(), w.integer(0, 7)
    branches = ("b.{c} ", "cbz {r}, ", "cbnz {r}, ", "tbz {w}, #{j}, ", "tbnz {x}, #{b}, ")
    branch = w.choice(branches).format_map(_Blanks(w))
    if branch.startswith("b.") and w.one_in(2):
        flags(w)
    w.emit(branch + over)
    w.nested(2)
    if w.one_in(3):
        end = w.label()
        w.emit(f"b {end}", f"{over}:")
        w.nested(2)
        w.emit(f"{end}:")
    else:
        w.emit(f"{over}:", f"add x{register}, x{register}, #1")


def call(w: Writer) -> None:
    name, is_recursive = w.function()
    if is_recursive:
        w.emit(f"mov x15, #{w.integer(1, 4)}")
    kind = w.integer(0, 4)
    if kind == 2:
        w.emit(f"adr x28, {name}", "blr x28")
    elif kind == 3:
        back = w.label()
        w.emit(f"adr x30, {back}", f"b {name}", f"{back}:")
    elif kind == 4:
        back = w.label()
        register = w.choice(("x28", "x16", "x17"))
        w.emit(f"adr {register}, {name}", f"adr x30, {back}", f"br {register}", f"{back}:")
    else:
        w.emit(f"bl {name}")


def jump_table(w: Writer) -> None:
    table, out = w.label(), w.label()
    cases = [w.label() for _ in range(4)]
    w.emit(f"and x26, x{w.integer(0, 7)}, #3", f"adr x28, {table}", "ldr x28, [x28, x26, lsl #3]", "br x28")
    for case in cases[:3]:
        w.emit(f"{case}:")
        w.nested(1)
        w.emit(f"b {out}")
    w.emit(f"{cases[3]}:", f"{out}:")
    w.tail += ["        .balign 8", f"{table}:", f"        .quad {', '.join(cases)}"]


def computed_jump(w: Writer) -> None:
    """A branch to an address that was computed, past none to three instructions."""
    here = w.label()
    w.emit(f"adr x28, {here}", f"ubfiz x26, x{w.integer(0, 7)}, #2, #2", "add x28, x28, x26", "br x28", f"{here}:")
    for _ in range(3):
        arithmetic(w)


def wild_jump(w: Writer) -> None:
    """A branch to a misaligned, tagged or empty address; it goes on behind it."""
    after = w.label()
    kind = w.integer(0, 4)
    w.emit(f"adr x29, {after}", f"adr x26, {after}")
    if kind == 0:
        w.emit(f"add x26, x26, #{w.integer(1, 3)}")
    elif kind == 1:
        w.emit("orr x26, x26, #0x8000000000000000")
    elif kind == 2:
        w.emit("mov x26, x22")
    elif kind == 3:
        w.emit("movk x26, #0x5a00, lsl #48")
    else:
        w.emit("add x26, x26, #1", "mov x30, x26")
    w.emit(w.choice(("br x26", "blr x26", "ret x26")), f"{after}:")


# --- code that changes

_FRESH = ("add x0, x0, #1", "sub x1, x1, #1", "nop", "b .+8", "adcs x2, x2, x0", "b.ne .+8", "svc #2", "ret", "b .")
_MAINTENANCE = (
    (),
    ("isb",),
    ("dc cvau, x28", "dsb ish", "ic ivau, x28", "dsb ish", "isb"),
    ("ic iallu", "dsb ish", "isb"),
)


@cache
def word_of(text: str) -> int:
    (segment,) = assemble_source(text).segments
    return int.from_bytes(segment.data, "little")


def modify(w: Writer) -> None:
    """A store into the code at hand: a fresh instruction, a copy of another one, or some of its bits."""
    target = w.label()
    kind = w.integer(0, 5)
    w.emit(f"adr x28, {target}")
    if kind == 0:
        word = word_of(w.choice(_FRESH))
        w.emit(f"mov w26, #{word & 0xFFFF}", f"movk w26, #{word >> 16}, lsl #16", "str w26, [x28]")
    elif kind == 1:
        other = w.label()
        w.emit(f"ldr w26, {other}", "str w26, [x28]", f"{other}:")
        arithmetic(w)
    elif kind == 2:
        w.emit(f"{w.choice(('strb', 'sturb'))} w{w.integer(0, 7)}, [x28]")
    elif kind == 3:
        w.emit(f"mov w26, #{0x400 * w.integer(1, 3)}", "ldadd w26, w26, [x28]")
    elif kind == 4:
        word = word_of(w.choice(_FRESH))
        w.emit(f"mov w26, #{word & 0xFFFF}", f"movk w26, #{word >> 16}, lsl #16", "stp w26, w26, [x28]")
    else:
        w.emit("ldxr w26, [x28]", "add w26, w26, #0x400", "stxr w13, w26, [x28]")
    w.emit(*w.choice(_MAINTENANCE))
    for _ in range(w.integer(0, 2)):
        arithmetic(w)
    w.emit(f"{target}:", f"add x{w.integer(0, 7)}, x{w.integer(0, 7)}, #1")
    arithmetic(w)


def modify_function(w: Writer) -> None:
    """A store into the beginning of a function, elsewhere, that is called before and after."""
    name, is_recursive = w.function()
    word = word_of(w.choice(_FRESH[:4]))
    again = w.label()
    if w.depth < 3:
        w.emit(f"mov x{10 + w.depth}, #2")
    w.emit(f"{again}:")
    if is_recursive:
        w.emit("mov x15, #2")
    w.emit(f"bl {name}", f"adr x28, {name}")
    w.emit(f"mov w26, #{word & 0xFFFF}", f"movk w26, #{word >> 16}, lsl #16", f"str w26, [x28, #{4 * w.integer(0, 1)}]")
    w.emit(*w.choice(_MAINTENANCE))
    if w.depth < 3:
        w.emit(f"subs x{10 + w.depth}, x{10 + w.depth}, #1", f"b.ne {again}")


def run_copy(w: Writer) -> None:
    """Instructions copied among the data, and called there."""
    source, after = w.label(), w.label()
    w.emit(f"adr x26, {source}", "ldp w13, w14, [x26]", "stp w13, w14, [x19, #64]", "ldr w13, [x26, #8]")
    w.emit("str w13, [x19, #72]", *w.choice(_MAINTENANCE), "add x28, x19, #64", "blr x28", f"b {after}", f"{source}:")
    arithmetic(w)
    flags(w)
    w.emit("ret", f"{after}:")


# --- the system


def supervisor_call(w: Writer) -> None:
    w.emit(w.choice(("svc #{}", "svc #{}", "brk #{}", "hvc #{}", "smc #{}", "udf #{}")).format(w.integer(0, 3)))


_MOVES = (
    "mrs {x}, nzcv",
    "msr nzcv, {x}",
    "mrs {x}, daif",
    "msr daifset, #2",
    "msr daifclr, #2",
    "msr daif, {x}",
    "mrs {x}, tpidr_el0",
    "msr tpidr_el0, {x}",
    "mrs {x}, tpidr_el1",
    "msr tpidr_el1, {x}",
    "mrs {x}, cntvct_el0",
    "mrs {x}, cntpct_el0",
    "mrs {x}, cntp_tval_el0",
    "mrs {x}, cntv_ctl_el0",
    "mrs {x}, currentel",
    "mrs {x}, sp_el0",
    "msr sp_el0, {x}",
    "mrs {x}, spsr_el1",
    "mrs {x}, elr_el1",
    "mrs {x}, esr_el1",
    "mrs {x}, far_el1",
    "mrs {x}, pmccntr_el0",
    "msr spsel, #0\n        arithmetic\n        msr spsel, #1",
    "msr pan, #1",
    "msr pan, #0",
    "msr dit, #1",
    "msr ssbs, #1",
    "isb",
    "dsb sy",
    "dmb ish",
    "nop",
    "yield",
    "sev",
    "sevl",
    "wfe",
    "clrex",
    "bti c",
    "esb",
    "paciasp\n        autiasp",
    "pacia {gx}, {gx}",
    "autia {gx}, {gx}",
    "xpaci {gx}",
    "at s1e1r, x19",
    "mrs {x}, par_el1",
    "dc zva, x19",
    "dc civac, x19",
    "prfm pldl1keep, [x22]",
)


def system(w: Writer) -> None:
    text = w.choice(_MOVES).format_map(_Blanks(w))
    for line in text.split("\n"):
        if line.strip() == "arithmetic":
            (arithmetic if w.one_in(2) else memory)(w)
        else:
            w.emit(line.strip())


def cycle_counter(w: Writer) -> None:
    w.emit("mov x26, #1", "msr pmcr_el0, x26", "mov x26, #0x80000000", "msr pmcntenset_el0, x26")
    arithmetic(w)
    w.emit(f"mrs x{w.integer(0, 7)}, pmccntr_el0")


def timer(w: Writer) -> None:
    """A timer that is to interrupt some cycles later, or to end a wait."""
    which = w.choice(("cntp", "cntv"))
    w.emit(f"mov x26, #{w.integer(1, 60)}", f"msr {which}_tval_el0, x26", "mov x26, #1", f"msr {which}_ctl_el0, x26")
    w.emit(*w.choice((("msr daifclr, #2",), ("msr daifclr, #2",), ("msr daifclr, #2", "wfi"), ("wfi",), ())))


def timed_wait(w: Writer) -> None:
    w.emit("mrs x26, cntvct_el0", f"add x26, x26, #{w.integer(0, 40)}", w.choice(("wfit x26", "wfet x26")))


def alignment_check(w: Writer) -> None:
    """SCTLR_EL1.A, changed, and an access it matters to."""
    w.emit("mrs x26, sctlr_el1", "eor x26, x26, #2", "msr sctlr_el1, x26", "isb", "ldr x0, [x25]", "str w1, [x25, #3]")


def to_user(w: Writer) -> None:
    """Down to EL0, and back after something."""
    here = w.label()
    w.emit(f"adr x26, {here}", "msr elr_el1, x26", f"mov x26, #{w.choice((0, 0x3C0, 0x80000000))}")
    w.emit("msr spsr_el1, x26", "eret", f"{here}:")
    w.nested(2)
    w.emit("svc #0x7f")


def strange_return(w: Writer) -> None:
    """An exception return to whatever a register says, legal or not."""
    here = w.label()
    w.emit(f"adr x26, {here}", f"adr x29, {here}", "msr elr_el1, x26", f"msr spsr_el1, x{w.integer(0, 7)}", "eret")
    w.emit(f"{here}:")


# --- the debug unit

_MDSCR = (0, 1, 0x2001, 0xA000, 0xA001, 0x8000)
"""SS, KDE and MDE in several combinations."""


def _set(w: Writer, register: str, value: int) -> None:
    w.emit(f"movz x26, #{value & 0xFFFF}", f"movk x26, #{value >> 16}, lsl #16", f"msr {register}, x26")


def _switch_on(w: Writer, mdscr: int) -> None:
    w.emit("msr oslar_el1, xzr")
    _set(w, "mdscr_el1", mdscr)
    w.emit("msr daifclr, #8")


def debug_controls(w: Writer) -> None:
    """Locks, enables and masks."""
    kind = w.integer(0, 5)
    if kind <= 1:
        _switch_on(w, w.choice(_MDSCR))
    elif kind == 2:
        w.emit(w.choice(("msr daifclr, #8", "msr daifset, #8")))
    elif kind == 3:
        _set(w, w.choice(("oslar_el1", "osdlr_el1")), w.integer(0, 1))
    elif kind == 4:
        _set(w, w.choice(("mdcr_el2", "contextidr_el1")), w.choice((0, 0x100, 7)))
    else:
        w.emit("msr mdscr_el1, xzr")


def breakpoint_(w: Writer) -> None:
    """A breakpoint some instructions further on, or a context."""
    number, here = w.choice((0, 1, 4)), w.label()
    w.emit(f"adr x26, {here}" if w.integer(0, 3) else f"mov x26, #{w.choice((0, 7))}", f"msr dbgbvr{number}_el1, x26")
    kind, states = w.choice((0, 0, 0, 1, 2)), w.choice((0x6, 0x2, 0x4, 0x2006))
    _set(w, f"dbgbcr{number}_el1", kind << 20 | 4 << 16 | 0x1E1 | states)
    if w.integer(0, 2):
        _switch_on(w, 0xA000)
    w.nested(2)
    w.emit(f"{here}:")
    arithmetic(w)


def watchpoint(w: Writer) -> None:
    """A watchpoint on the data, and an access there."""
    number = w.integer(0, 1)
    w.emit(f"add x26, x19, #{w.choice((0, 8, 16, 4))}", f"msr dbgwvr{number}_el1, x26")
    mask = w.choice((0, 0, 4))
    bas, kind, states = w.choice((0xFF, 0x0F, 0x01)), w.integer(1, 3), w.choice((0x6, 0x2, 0x4))
    _set(w, f"dbgwcr{number}_el1", mask << 24 | (0xFF if mask else bas) << 5 | kind << 3 | states | 1)
    if w.integer(0, 2):
        _switch_on(w, 0xA000)
    memory(w)
    read_back(w)


def semihosting(w: Writer) -> None:
    w.emit(f"mov w0, #{w.choice((3, 4, 0x10, 0x30))}", "mov x1, x19", "hlt #0xf000")


def stack(w: Writer) -> None:
    """SP moved, used, and moved back, or not aligned."""
    amount = w.choice((16, 16, 32, 8))
    w.emit(f"sub sp, sp, #{amount}", f"stp x{w.integer(0, 7)}, x{w.integer(0, 7)}, [sp]")
    arithmetic(w)
    w.emit(f"ldr {w.choice(DATA_REGISTERS)}, [sp, #8]", f"add sp, sp, #{amount}")


def raw(w: Writer) -> None:
    """Any instruction there is, on the registers that have something in them."""
    word = w.choice(sample())
    w.emit(f".inst {word:#010x}    // {disassemble(word)}")


@cache
def sample() -> tuple[int, ...]:
    """Words of every definition that does not branch."""
    rng = random.Random("sample")
    words: list[int] = []
    for definition in IMPLEMENTED:
        if definition.traits & (Trait.BRANCHES | Trait.RAISES):
            continue
        is_access = bool(definition.traits & (Trait.LOADS | Trait.STORES))
        for _ in range(6):
            fields = draw_fields(definition, rng)
            data = fields.keys() & {"rd", "rm", "rs", "rt", "rt2", "ra"}
            named = {name: rng.choice((*range(8), 31)) for name in sorted(data)}
            if "rn" in fields:
                named["rn"] = rng.choice((19, 20, 31)) if is_access else rng.randrange(8)
            changed = {**fields, **named}
            words.append(definition.encode(changed if is_encoding_of(definition, changed) else fields))
    return tuple(words)


# --- translation, for programs that run with it


def alias(w: Writer) -> None:
    """On to the other view of RAM, or back."""
    here = w.label()
    w.emit(f"adr x29, {here}", f"adr x26, {here}", f"eor x26, x26, #{ALIAS:#x}", "br x26", f"{here}:")
    arithmetic(w)


def change_descriptor(w: Writer) -> None:
    """One bit of a page's descriptor turned over: data, code, or the alias of them; and some maintenance."""
    page = w.choice((8, 8, 9, 1, 2, 8 + 256, 1 + 256))
    bit = w.choice((7, 10, 0, 53, 54, 6, 11))
    entry = 8 * page
    w.emit(f"ldr x26, [x27, #{entry}]", f"eor x26, x26, #{1 << bit:#x}", f"str x26, [x27, #{entry}]")
    w.emit(*w.choice(((), ("dsb ish", "tlbi vmalle1", "dsb ish", "isb"), ("tlbi aside1, xzr",), ("isb",))))


def swap_pages(w: Writer) -> None:
    """Two pages of data, or of code, change their places."""
    first, second = w.choice(((8, 9), (8, 9), (2, 1 + 256), (8, 8 + 256)))
    w.emit(f"ldr x26, [x27, #{8 * first}]", f"ldr x28, [x27, #{8 * second}]")
    w.emit(f"str x28, [x27, #{8 * first}]", f"str x26, [x27, #{8 * second}]")
    w.emit(*w.choice((("dsb ish", "tlbi vmalle1", "dsb ish", "isb"), ())))


def change_space(w: Writer) -> None:
    """Another ASID, or a control bit that matters to translation."""
    change = w.choice((("ttbr0_el1", 1 << 48), ("ttbr0_el1", 3 << 48), ("sctlr_el1", 1 << 19), ("tcr_el1", 1 << 37)))
    w.emit(f"mrs x26, {change[0]}", f"eor x26, x26, #{change[1]:#x}", f"msr {change[0]}, x26", "isb")


# --- themes: what a program is made of

LEAF = (arithmetic, arithmetic, flags, memory, forward, loop, read_back)
COMMON = (arithmetic, flags, loop, forward, call)
DEBUG: tuple[Statement, ...] = (debug_controls, debug_controls, breakpoint_, watchpoint, memory, supervisor_call)
THEMES: tuple[tuple[Statement, ...], ...] = (
    (arithmetic, loop, forward),
    (flags, flags, flags, loop, forward),
    (memory, memory, read_back, copy_bytes, stack, literal),
    (call, call, jump_table, computed_jump),
    (fault, fault, supervisor_call, wild_jump, alignment_check),
    (exclusive, atomic, ordered, device),
    (modify, modify_function, run_copy, literal),
    (system, timer, timed_wait, cycle_counter, supervisor_call),
    (to_user, strange_return, supervisor_call, semihosting),
    (raw, raw, raw),
    DEBUG,
)
TRANSLATED: tuple[Statement, ...] = (alias, change_descriptor, swap_pages, change_space, fault, call, modify)

_ENDS = (
    ("b .",),
    ("b _start",),
    ("movz x26, #0x26", "movk x26, #2, lsl #16", "stp x26, x0, [x19]", "mov x1, x19", "mov w0, #0x18", "hlt #0xf000"),
    ("movz w0, #8", "movk w0, #0x8400, lsl #16", "hvc #0", "smc #0", "b ."),
    ("movz w0, #9", "movk w0, #0x8400, lsl #16", "hvc #0", "smc #0", "b ."),
    ("wfi", "b ."),
    ("brk #0", "b _start"),
    ("add x29, x29, #4", "br x22"),
    (),
)
_PLACES = (0, 0xFC0, 0xFF0, 0xFFC, 0x800)
"""Where in its page the code begins: near the end, it goes on in the next one."""


def _registers(choices: Choices) -> tuple[int, ...]:
    return tuple(choices.choice(INTERESTING) if choices.integer(0, 1) else choices.integer(0, 15) for _ in range(8))


def write_program(choices: Choices, themes: Sequence[tuple[Statement, ...]] = THEMES) -> Program:
    """Draw a program, about two of the themes."""
    if choices.integer(0, 15) == 15:
        return _write_words(choices)
    el, max_el = choices.choice(((1, 1), (1, 1), (1, 1), (0, 1), (1, 2), (2, 2), (3, 3), (1, 3)))
    translates = el < 2 and choices.integer(0, 3) == 3
    kinds = COMMON
    for _ in range(2):
        kinds = kinds + choices.choice(themes)
    if translates and el == 1:
        kinds = kinds + TRANSLATED
    writer = Writer(choices, kinds, room=choices.choice((12, 6, 20)))
    if place := choices.choice(_PLACES):
        writer.emit(f".space {place:#x}")
    writer.emit("_start:")
    if choices.integer(0, 3) == 3:
        timer(writer)
    writer.statements(10)
    writer.emit(*choices.choice(_ENDS))
    return Program(
        "\n".join([*writer.lines, *writer.tail]) + "\n",
        data=_registers(choices),
        nzcv=choices.integer(0, 15),
        el=el,
        max_el=max_el,
        unaligned=bool(choices.integer(0, 1)),
        translates=translates,
        period=choices.choice((0, 0, 23, 61)),
        budget=choices.choice((200, 100, LONGEST)),
    )


def _write_words(choices: Choices) -> Program:
    """A program of words, most of them instructions, some of them with a bit turned over."""
    words = []
    for _ in range(choices.integer(1, 24)):
        kind = choices.integer(0, 7)
        word = choices.integer(0, 0xFFFF_FFFF) if kind == 7 else choices.choice(sample())
        words.append(word ^ 1 << choices.integer(0, 31) if kind > 4 else word)
    lines = [f"        .inst {word:#010x}    // {disassemble(word)}" for word in words]
    el = choices.choice((1, 1, 0, 2, 3))
    return Program(
        "\n".join(["_start:", *lines, "        b _start"]) + "\n",
        data=_registers(choices),
        el=el,
        max_el=max(el, choices.integer(1, 3)),
        unaligned=bool(choices.integer(0, 1)),
        budget=choices.choice((200, 100)),
    )


def random_program(source: random.Random) -> Program:
    """A program drawn from a `random.Random`."""
    return write_program(RandomChoices(source))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Any program."""
    return write_program(DrawnChoices(draw))


@st.composite
def debugged_programs(draw: st.DrawFn) -> Program:
    """A program about the debug unit."""
    return write_program(DrawnChoices(draw), (DEBUG,))
