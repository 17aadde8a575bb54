"""Statements of programs: straight code, accesses to memory, loops, branches, calls, faults.

What is said to be safe takes no exception while the registers have their roles (see `writing`), alignment is checked
and memory is as `programs` lays it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.sampling.writing import DATA_REGISTERS, DEEPEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.sampling.writing import Writer

HANDLER_CYCLES = 12
"""What the exception handler takes at most."""

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
    """A computation that reads and writes no flags."""
    w.instruction(ARITHMETIC)


def flags(w: Writer) -> None:
    """A computation that reads or writes flags."""
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

MIDDLE = ("x19",)
"""What accesses that are safe have as base."""


def access(w: Writer, bases: Sequence[str], *, safely: bool = False) -> None:
    """A load or store of any size in any addressing mode; safely: aligned, and the base as it was."""
    name, prefix, size = w.choice(_ACCESSES)
    register, base = w.any_register(prefix), w.choice(bases)
    step = 16 if base == "sp" and not w.one_in(8) else size
    mode = w.integer(0, 7)
    if safely and mode in (2, 3):
        w.emit(f"mov x28, {base}")
        base = "x28"
    w.emit(f"{_unscaled(name) if mode == 6 else name} {register}, {_address(w, base, size, step, mode, safely=safely)}")


def _unscaled(name: str) -> str:
    return name.replace("ld", "ldu").replace("st", "stu")


def _address(w: Writer, base: str, size: int, step: int, mode: int, *, safely: bool) -> str:
    """The operand of one of eight addressing modes; an index register is made ready for it."""
    if mode in (4, 5):
        return f"[{base}, {_index(w, size, mode, most=0x18 if safely else 0x1F)}]"
    if mode == 2:
        return f"[{base}, #{step * w.integer(-2, 2)}]!"
    if mode == 3:
        return f"[{base}], #{step * w.integer(-2, 2)}"
    if mode == 6:
        offset = w.integer(-16, 16)
        return f"[{base}, #{offset // size * size if safely else offset}]"
    if mode == 0:
        return f"[{base}]"
    return f"[{base}, #{size * w.integer(0, 8) if mode == 1 else size}]"


def _index(w: Writer, size: int, mode: int, most: int) -> str:
    """An index register with some bits of data in it, extended or scaled."""
    if mode == 5:
        w.emit(f"and w26, w{w.integer(0, 7)}, #{most:#x}")
        return f"w26, {w.choice(('uxtw', 'sxtw'))}"
    scale = w.choice(("lsl #0", f"lsl #{size.bit_length() - 1}")) if size > 1 else "lsl #0"
    w.emit(f"and x26, x{w.integer(0, 7)}, #{most:#x}")
    return f"x26, {scale}"


def pair(w: Writer, bases: Sequence[str], *, safely: bool = False) -> None:
    """A load or store of two registers; safely: with the base as it was."""
    name, prefix, size = w.choice(_PAIRS)
    first = w.integer(0, 7)
    base = w.choice(bases)
    step = 16 if base == "sp" else size
    offset = step * w.integer(-2, 2)
    modes = ("[{}, #{}]",) if name.endswith("np") else ("[{}, #{}]", "[{}, #{}]!", "[{}], #{}")
    mode = w.choice(modes)
    if safely and mode != modes[0]:
        w.emit(f"mov x28, {base}")
        base = "x28"
    w.emit(f"{name} {prefix}{first}, {prefix}{(first + w.integer(1, 7)) % 8}, {mode.format(base, offset)}")


def memory(w: Writer) -> None:
    """A safe access."""
    (pair if w.one_in(3) else access)(w, MIDDLE, safely=True)


def read_back(w: Writer, *, safely: bool = False) -> None:
    """A store, and a load that overlaps it; safely: of all of it, or of what is before it."""
    offset = w.integer(0, 8)
    name, prefix, size = w.choice(_ACCESSES[1::2][:4])
    w.emit(f"{name.replace('ld', 'st')} {w.any_register(prefix)}, [x19, #{size * offset}]")
    register, start = w.choice(DATA_REGISTERS), size * offset - w.integer(0, 7)
    w.emit(f"ldur {register}, [x19, #{start & ~7 if safely else start}]")


def safe_read_back(w: Writer) -> None:
    """A store, and an aligned load near it."""
    read_back(w, safely=True)


_BETWEEN = ("clrex", "str x0, [x19]", "ldxr x1, [x19]")


def exclusive(w: Writer, bases: Sequence[str] = MIDDLE, between: Sequence[str] = _BETWEEN) -> None:
    """Load and store exclusive, now and then with something between."""
    size = w.choice(("x", "w", "b", "h", "p"))
    value, status = w.integer(0, 7), w.integer(0, 7)
    base = w.choice(bases)
    if size == "p":
        w.emit(f"ldxp x{value}, x{(value + 1) % 8}, [{base}]")
        store = f"stxp w26, x{value}, x{status}, [{base}]"
    else:
        suffix, prefix = (size, "w") if size in "bh" else ("", size)
        order = w.choice(("x", "ax"))
        w.emit(f"ld{order}r{suffix} {prefix}{value}, [{base}]")
        store = f"st{order.replace('a', 'l')}r{suffix} w26, {prefix}{status}, [{base}]"
    kind = w.integer(0, 4)
    if kind == 1:
        arithmetic(w)
    elif kind == 2:
        w.emit(w.choice(between))
    w.emit(store, f"add x{status}, x{status}, x26")


def atomic(w: Writer, bases: Sequence[str] = MIDDLE) -> None:
    """An atomic operation of any size and order."""
    name = w.choice(_ATOMICS) + w.choice(_ORDERS) + w.choice(("", "", "b", "h"))
    prefix = "w" if name[-1] in "bh" else w.choice("xw")
    base = w.choice(bases)
    w.emit(f"{name} {w.any_register(prefix)}, {w.any_register(prefix)}, [{base}]")


def ordered(w: Writer, bases: Sequence[str] = MIDDLE) -> None:
    """A load-acquire or store-release."""
    name = w.choice(_ORDERED)
    prefix = "w" if name[-1] in "bh" else w.choice("xw")
    w.emit(f"{name} {w.any_register(prefix)}, [{w.choice(bases)}]")


_HERE = (("x19", "x19"),)


def copy_bytes(w: Writer, places: Sequence[tuple[str, str]] = _HERE) -> None:
    """A loop over bytes, from one place to another, forwards; they may overlap."""
    source, target = w.choice(places)
    again, count = w.label(), w.integer(1, 12)
    w.emit(
        f"mov x14, #{count}",
        f"add x26, {source}, #{w.integer(0, 4)}",
        f"add x28, {target}, #{w.integer(0, 4)}",
        f"{again}:",
    )
    before = w.cost
    w.emit("ldrb w13, [x26], #1", "strb w13, [x28], #1", "subs x14, x14, #1", f"b.ne {again}")
    w.repeated(count, before)


# --- control


def loop(w: Writer) -> None:
    """A counted loop, one of seven ways to write it."""
    if w.depth >= DEEPEST:
        arithmetic(w)
        return
    counter, count, again, out = 10 + w.depth, w.choice(w.loop_counts[w.depth]), w.label(), w.label()
    kind = w.integer(0, 6)
    w.emit(f"mov x{counter}, #{0 if kind == 1 else count}", f"{again}:")
    before = w.cost
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
    w.repeated(count + 1, before)


def forward(w: Writer) -> None:
    """A forward branch on a condition, now and then with an else."""
    over, register = w.label(), w.integer(0, 7)
    branches = ("b.{c} ", "cbz {r}, ", "cbnz {r}, ", "tbz {w}, #{j}, ", "tbnz {x}, #{b}, ")
    branch = w.filled(w.choice(branches))
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
    """A call of a function, one of five ways to do so."""
    function = w.function()
    name, levels = function.name, 1
    if function.is_recursive:
        levels = w.integer(1, 4)
        w.emit(f"mov x15, #{levels}")
    w.cost += levels * function.cost
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
    """A branch to one of four places by a table among the code."""
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


def safe_call(w: Writer) -> None:
    """A call, unless the counter of a loop at hand is the one that functions use."""
    (call if w.depth < DEEPEST else arithmetic)(w)


# --- faults

BAD = ("x22", "x25")
"""What accesses that fault have as base."""


def fault(w: Writer) -> None:
    """An access to where nothing is, or that is not aligned."""
    w.cost += HANDLER_CYCLES
    (pair if w.one_in(3) else access)(w, BAD)


def supervisor_call(w: Writer) -> None:
    """An instruction that is there to generate an exception, or is undefined."""
    w.cost += HANDLER_CYCLES
    w.emit(w.choice(("svc #{}", "brk #{}", "udf #{}")).format(w.integer(0, 3)))


def wild_jump(w: Writer) -> None:
    """A branch to a misaligned, tagged or empty address; it goes on behind it."""
    w.cost += HANDLER_CYCLES
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
