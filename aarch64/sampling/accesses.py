"""Statements of programs: accesses to memory.

What is said to be safe takes no exception while the registers have their roles (see `writing`), alignment is checked
and memory is as `programs` lays it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.sampling.straight import arithmetic
from aarch64.sampling.writing import DATA_REGISTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.sampling.writing import Writer

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
