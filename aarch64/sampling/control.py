"""Statements of programs: loops, branches, calls; and faults, which are branches to the handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.sampling.accesses import access, pair
from aarch64.sampling.straight import arithmetic, flags
from aarch64.sampling.writing import DEEPEST

if TYPE_CHECKING:
    from aarch64.sampling.writing import Writer


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

HANDLER_CYCLES = 12
"""What the exception handler takes at most."""

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
