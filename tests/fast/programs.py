"""Random programs with real control flow, to run on two machines and compare.

    program = random_program(random.Random(7))
    machine = program.machine()
    print(program)

A program is assembly text and the machine it wants. It is written as the programs of `aarch64.sampling` are, with more
kinds of statements: programs that change their code, use the system, have levels, translation and the debug unit.

Registers have the roles that they have in `aarch64.sampling.writing`, and more:

    x20      near the end of the page of data
    x21      the UART; x24 the last words of RAM
    x23      the code's own first page; x27 the table that maps pages, with translation on
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st

from aarch64.assembler import assemble_source
from aarch64.image import Image, Segment
from aarch64.interpreter import Interpreter
from aarch64.isa.definition import Trait
from aarch64.isa.table import disassemble
from aarch64.memory import PAGE_SIZE, Memory
from aarch64.sampling import IMPLEMENTED, INTERESTING, RandomChoices, accesses, draw_fields, is_encoding_of
from aarch64.sampling.accesses import access, pair, read_back
from aarch64.sampling.control import call, computed_jump, forward, jump_table, loop, wild_jump
from aarch64.sampling.straight import arithmetic, flags
from aarch64.sampling.writing import DATA_REGISTERS, DEEPEST, Writer
from aarch64.strategies import DrawnChoices
from tests.translation.paging import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.machine import Machine
    from aarch64.sampling import Choices
    from aarch64.sampling.writing import Statement

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


# --- memory

GOOD = ("x19", "x19", "x19", "sp", "x20")
BAD = ("x22", "x24", "x25", "x21", "x23", "x20")


def memory(w: Writer) -> None:
    (pair if w.one_in(3) else access)(w, GOOD)


def fault(w: Writer) -> None:
    """An access to where it may not, or not so."""
    (pair if w.one_in(3) else access)(w, BAD)


def literal(w: Writer) -> None:
    """A load of code as data."""
    here = w.label()
    w.emit(f"{here}:", f"{w.choice(('ldr x{}', 'ldr w{}', 'ldrsw x{}')).format(w.integer(0, 7))}, {here}")


def exclusive(w: Writer) -> None:
    between = ("clrex", "svc #1", "str x0, [x19]", "ldxr x1, [x20]")
    accesses.exclusive(w, ("x19", "x19", "x19", "x20", "x24", "x22"), between)


def atomic(w: Writer) -> None:
    accesses.atomic(w, ("x19", "x19", "x19", "x19", "x23", "x20", "x22", "x25", "sp"))


def ordered(w: Writer) -> None:
    accesses.ordered(w, ("x19", "x19", "x25", "x22", "x21"))


def device(w: Writer) -> None:
    if w.one_in(3):
        w.emit(f"ldr {w.choice(('w0', 'w1', 'x2'))}, [x21, #{w.choice((0x18, 0, 0x30, 0xFE0))}]")
    else:
        w.emit(f"mov w26, #{w.integer(65, 90)}", f"{w.choice(('strb', 'str', 'strh'))} w26, [x21]")


def copy_bytes(w: Writer) -> None:
    """A loop over bytes: forwards, overlapping itself, or from code."""
    accesses.copy_bytes(w, (("x19", "x19"), ("x20", "x19"), ("x23", "x19"), ("x19", "x20")))


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
    function = w.function()
    word = word_of(w.choice(_FRESH[:4]))
    again = w.label()
    if w.depth < 3:
        w.emit(f"mov x{10 + w.depth}, #2")
    w.emit(f"{again}:")
    if function.is_recursive:
        w.emit("mov x15, #2")
    w.emit(f"bl {function.name}", f"adr x28, {function.name}")
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
    text = w.filled(w.choice(_MOVES))
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


LOOP_COUNTS = ((2, 1, 3, 4, 6, 20),) * DEEPEST


def make_writer(choices: Choices, kinds: Sequence[Statement], room: int) -> Writer:
    """A writer of programs that need not end."""
    return Writer(choices, kinds, room, leaf=LEAF, returning=kinds, loop_counts=LOOP_COUNTS)


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
    writer = make_writer(choices, kinds, room=choices.choice((12, 6, 20)))
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
