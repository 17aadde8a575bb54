"""Random programs (`tests.fast.programs`) that cannot tell whether they are probed: whose state time does not enter.

What is left out of those programs, and why no probe could be transparent to it:

- Timers, interrupts, counters, WFIT and WFET, the clock of semihosting: a hit takes time, and all of these show it.
- WFE: the return from a hit sets the event register, so it would not wait.
- Code that is read or written as data (literals in the text, self-modifying code, copies of code that are run): the
  text has BRKs in it. Tables of jumps are data among the code, and stay.
- Reads of ELR_EL1, SPSR_EL1, ESR_EL1 outside of the exception handlers, and returns to EL0 or by a made-up SPSR, in
  which these registers are live over several instructions: a hit writes them. (The handlers themselves are not probed:
  the kernels have them on the blacklist.)
- Code at a second address, and pages of code that are taken away: a probe is at one address of the kernel's text.
- Masking debug exceptions, and levels other than EL1: what is stepped must not mask them, and EL1 is the kernel.
- Debug registers are not used by these programs anyway: kprobes needs them for itself.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from aarch64 import state
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode, disassemble
from aarch64.memory import PAGE_SHIFT, PAGE_SIZE
from aarch64.pmu import COUNTER, SINCE
from tests.fast import programs
from tests.fast.equivalence import make_machine
from tests.fast.programs import DATA, Program
from tests.translation.paging import Space

if TYPE_CHECKING:
    from aarch64.image import Image
    from aarch64.machine import Machine
    from aarch64.sampling import Choices
    from aarch64.sampling.writing import Writer

BUDGET = 1500
"""Cycles in which a program has to come to its end."""

_UNREAD = Trait.WAITS | Trait.READS_SYSREG | Trait.PC_RELATIVE | Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE
_WRITTEN = Trait.WRITES_SYSREG


@cache
def _raw_words() -> tuple[int, ...]:
    """Words of every definition whose effect is the same whenever it is executed, MSR but for its few rows apart."""
    return tuple(word for word in programs.sample() if not _is_left_out(word))


def _is_left_out(word: int) -> bool:
    decoded = decode(word)
    if decoded is None:
        return False
    traits = decoded.definition.traits_of(decoded.fields)
    return bool(traits & _UNREAD) or (bool(traits & _WRITTEN) and not traits & Trait.MAINTAINS)


def raw(w: Writer) -> None:
    """Any instruction there is, but for those that are left out."""
    word = w.choice(_raw_words())
    w.emit(f".inst {word:#010x}    // {disassemble(word)}")


_MOVES = (
    "mrs {x}, nzcv",
    "msr nzcv, {x}",
    "mrs {x}, tpidr_el0",
    "msr tpidr_el0, {x}",
    "mrs {x}, currentel",
    "mrs {x}, sp_el0",
    "msr sp_el0, {x}",
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
    "tlbi vmalle1",
    "prfm pldl1keep, [x22]",
)


def system(w: Writer) -> None:
    text = w.filled(w.choice(_MOVES))
    for line in text.split("\n"):
        if line.strip() == "arithmetic":
            (programs.arithmetic if w.one_in(2) else programs.memory)(w)
        else:
            w.emit(line.strip())


def lose_data(w: Writer) -> None:
    """A page of data is taken away, made read-only, or given back."""
    entry, bit = 8 * w.choice((8, 9)), w.choice((7, 10, 0))
    w.emit(f"ldr x26, [x27, #{entry}]", f"eor x26, x26, #{1 << bit:#x}", f"str x26, [x27, #{entry}]")
    w.emit(*w.choice(((), ("dsb ish", "tlbi vmalle1", "dsb ish", "isb"))))


def put_character(w: Writer) -> None:
    """SYS_WRITEC, of a byte of data."""
    w.emit("mov w0, #3", "mov x1, x19", "hlt #0xf000")


_P = programs
_CALM = (_P.arithmetic, _P.flags, _P.loop, _P.forward, _P.call)
_CALM_THEMES = (
    (_P.memory, _P.memory, _P.read_back, _P.copy_bytes),
    (_P.call, _P.call, _P.jump_table, _P.computed_jump),
    (_P.exclusive, _P.atomic, _P.ordered, _P.device),
    (put_character, _P.loop),
)
_THEMES = (
    *_CALM_THEMES,
    (_P.memory, _P.stack, _P.memory),
    (_P.fault, _P.fault, _P.supervisor_call, _P.wild_jump, _P.alignment_check),
    (system, system, _P.supervisor_call),
    (raw, raw, raw),
)
_END = ("movz x26, #0x26", "movk x26, #2, lsl #16", "stp x26, x0, [x19]", "mov x1, x19", "mov w0, #0x18", "hlt #0xf000")


def write_program(choices: Choices, *, calm: bool) -> Program:
    """Draw a program; a calm one is meant to take no exceptions."""
    translates = choices.integer(0, 2) == 2
    kinds = _CALM
    for _ in range(2):
        kinds = kinds + choices.choice(_CALM_THEMES if calm else _THEMES)
    if translates and not calm:
        kinds = (*kinds, lose_data)
    writer = programs.make_writer(choices, kinds, room=choices.choice((16, 8, 30)))
    if place := choices.choice((0, 0, 0xFC0, 0xFFC)):
        writer.emit(f".space {place:#x}")
    writer.emit("_start:")
    for _ in range(3):
        writer.statements(10)
    writer.emit(*_END, "b .")
    return Program(
        "\n".join([*writer.lines, *writer.tail]) + "\n",
        data=programs._registers(choices),
        nzcv=choices.integer(0, 15),
        max_el=choices.choice((1, 1, 2, 3)),
        unaligned=calm or bool(choices.integer(0, 1)),
        translates=translates,
        budget=BUDGET,
    )


# --- machines that run them

RAM_TOP = programs.RAM + 2 * programs.RAM_SIZE + (1 << 16)
"""Where RAM ends, and slots begin: beyond what the programs know of, with translation on, too."""
_SLOT_PAGES = 16
TEXT = range(programs.CODE, DATA)
"""Where the programs are; their exception handlers are elsewhere."""


def make_loaded(program: Program, image: Image, *, exact: bool) -> Machine:
    """A machine about to run a program, debug exceptions enabled; the hot path compiles what is branched to once."""
    options = {**program.options, "ram": RAM_TOP - programs.RAM}
    machine = make_machine(exact=exact, **options)
    program.load(machine, image)
    cpu = machine.cpu
    cpu.gpr[23] = DATA + PAGE_SIZE  # and not the code
    cpu.pstate.d = 0
    cpu.sysregs["OSLSR_EL1"] &= ~(1 << 1)
    if program.translates:
        root = cpu.sysregs["TTBR0_EL1"] & (1 << 48) - 1
        space = Space(cpu, chain([root], range(programs.RAM + 2 * programs.RAM_SIZE, RAM_TOP, PAGE_SIZE)))
        for page in range(RAM_TOP, RAM_TOP + _SLOT_PAGES * PAGE_SIZE, PAGE_SIZE):
            space.map(page, page)
    cpu.context_changed()
    return machine


_ASIDE = frozenset(
    {"cycles", "unretired", "exclusive", "event_register", "stepped", "tlb", "elr1", "spsr1", "ESR_EL1", COUNTER, SINCE}
)
"""As in `kprobes.audit.bench`, at the end of a program."""


def outcome(machine: Machine) -> dict[str, object]:
    """All that can be seen of a machine after a program, by name, but for what a probe cannot leave as it was."""
    seen: dict[str, object] = {"output": bytes(machine.console.output)}
    for name, value in state.save(machine.cpu).items():
        if isinstance(value, dict):
            seen |= value
        elif isinstance(value, list):
            seen |= {f"{name}{number}": each for number, each in enumerate(value)}
        else:
            seen[name] = value
    seen["translations"] = {entry for entry in machine.cpu.tlb if entry.leaf.output < RAM_TOP}
    for number, page in machine.memory.pages.items():
        if number << PAGE_SHIFT < RAM_TOP and any(page.data):
            seen[f"page {number << PAGE_SHIFT:#x}"] = bytes(page.data)
    return {name: value for name, value in seen.items() if name not in _ASIDE}
