"""Programs with real control flow that run by themselves and end: loops, calls, faults; for interpreters to agree on.

    program = draw_program(random.Random(7), ProgramOptions(with_faults=True))
    Path("p.s").write_text(program.text)        # a64 run p.s
    machine.load(program.image())
    machine.run(max_cycles=program.budget)

A program sets up what it uses (registers, stack, data, vectors) and switches the machine off at the label `done`. It is
for EL1 on the board of `a64 run`, the highest level being EL1; up to `done` it wants nothing of the board but RAM.
"""

from __future__ import annotations

import random
import re
from functools import cache, partial
from typing import TYPE_CHECKING

import attrs

from aarch64.assembler import assemble_source
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.isa.definition import Trait
from aarch64.isa.selection import NothingSelected
from aarch64.isa.table import decode
from aarch64.registers import ZR
from aarch64.sampling import accesses, control, straight
from aarch64.sampling.choices import RandomChoices
from aarch64.sampling.encodings import Encoding, candidates
from aarch64.sampling.fields import choose_value_of, is_encoding_of, is_register
from aarch64.sampling.printing import Expression
from aarch64.sampling.states import INTERESTING
from aarch64.sampling.writing import DATA_REGISTERS, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aarch64.image import Image
    from aarch64.isa.definition import Definition
    from aarch64.isa.pattern import Field
    from aarch64.sampling.choices import Choices
    from aarch64.sampling.writing import Statement

DONE = "done"
"""The label at the end of a program, behind all that it computes."""


@attrs.frozen(repr=False)
class Program(Expression):
    """A source, and the cycles in which it comes to its end; one that goes round for ever is to be stopped then."""

    text: str
    budget: int

    def __repr__(self) -> str:
        return f'Program("""\n{self.text}""", budget={self.budget})'

    def image(self, base: int = 0x4000_0000) -> Image:
        """The program, assembled, with the symbol `done`; `base` is 4KB-aligned."""
        return assemble_source(self.text, base=base)


@attrs.frozen
class ProgramOptions:
    """What a program is made of.

    Attributes:
        group: instructions of groups whose titles contain this, beside plain arithmetic around them.
        feature: likewise, instructions of a feature.
        available: features that the machine has: no instruction needs another one.
        length: statements at most, those of loops and functions included.
        with_loops: whether there are counted loops, nested ones too.
        with_calls: whether there are functions, tables of jumps and computed branches.
        with_faults: whether there are accesses that fault, SVC, BRK, undefined instructions, branches to nowhere; the
            handler skips them. Without, no instruction takes an exception.
        terminating: whether it ends by itself; else it begins again until its budget is used up.
    """

    group: str | None = None
    feature: str | Feature | None = None
    available: frozenset[Feature] = DEFAULT_FEATURES
    length: int = 12
    with_loops: bool = True
    with_calls: bool = True
    with_faults: bool = False
    terminating: bool = True


DEFAULTS = ProgramOptions()
"""A program without faults, of any instruction there is."""

# --- any instruction

_NOT_STRAIGHT = (
    Trait.BRANCHES
    | Trait.RAISES
    | Trait.WAITS
    | Trait.PC_RELATIVE
    | Trait.READS_SYSREG
    | Trait.WRITES_SYSREG
    | Trait.STORE_EXCLUSIVE
)
_ACCESSES = Trait.LOADS | Trait.STORES
_BASE = 28


def _is_straight(definition: Definition) -> bool:
    """Whether it goes on behind it, whatever is in the registers, and leaves the registers with a role alone."""
    if definition.traits & _NOT_STRAIGHT:
        return False
    signs_addresses = definition.feature is not None and definition.feature.name.startswith("PAUTH")
    return not (signs_addresses and definition.traits & (Trait.HINT | _ACCESSES))  # X30, and what authenticates


@cache
def straight_definitions(
    group: str | None, feature: str | Feature | None, available: frozenset[Feature]
) -> tuple[Definition, ...]:
    """The definitions of a group or feature that may stand anywhere in a program.

    Raises:
        NothingSelected: there are none.
    """
    found = tuple(
        item
        for item in candidates(None, group, feature)
        if _is_straight(item) and (item.feature is None or item.feature in available)
    )
    if not found:
        raise NothingSelected(
            f"group {group!r}, feature {feature!r}: every instruction branches, needs the system, or is not available; "
            f"give another one to make programs of"
        )
    return found


def any_of(definitions: Sequence[Definition], w: Writer) -> None:
    """An instruction of one of several definitions, on the data registers; an access is a safe one."""
    definition = w.choice(definitions)
    fields = w.choices.until(partial(_choose_roles, definition), partial(is_encoding_of, definition))
    if definition.traits & _ACCESSES:
        w.emit(f"mov x{_BASE}, x19")
    w.emit(Encoding(definition, fields).text)


def _choose_roles(definition: Definition, choices: Choices) -> dict[str, int]:
    """Any fields, the registers being such as have that role."""
    choose = _choose_access_field if definition.traits & _ACCESSES else _choose_data_field
    return {name: choose(choices, field) for name, field in definition.fields.items()}


def _choose_data_field(choices: Choices, field: Field) -> int:
    return _choose_data_register(choices) if is_register(field) else choose_value_of(choices, field)


def _choose_access_field(choices: Choices, field: Field) -> int:
    """Data to load and store, an address in X28, a small and aligned offset, no index."""
    if field.name == "rn":
        return _BASE
    if field.name == "rm":
        return ZR
    if is_register(field):
        return _choose_data_register(choices)
    if field.name.startswith("imm"):
        return choices.choice((0, 16)) if 16 in field.domain else 0
    return choose_value_of(choices, field)


def _choose_data_register(choices: Choices) -> int:
    """X0 to X7, now and then the zero register (or SP, as the instruction has it)."""
    number = choices.integer(0, len(DATA_REGISTERS))
    return ZR if number == len(DATA_REGISTERS) else number


# --- what the machine can execute


@cache
def _usable(available: frozenset[Feature], templates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(template for template in templates if _is_available(template, available))


def _is_available(template: str, available: frozenset[Feature]) -> bool:
    """Whether an instruction written so belongs to a feature that is available, or to none."""
    writer = Writer(RandomChoices(random.Random(0)), (), 0, leaf=())
    (code,) = assemble_source(writer.filled(template)).segments
    decoded = decode(int.from_bytes(code.data[:4], "little"))
    assert decoded is not None, template
    return decoded.definition.feature is None or decoded.definition.feature in available


# --- what a program is made of


def _nothing(_: Writer) -> None:
    """The simplest statement: what does not matter shrinks to it, and then goes."""


def _straight_kinds(options: ProgramOptions) -> tuple[Statement, ...]:
    definitions = straight_definitions(options.group, options.feature, options.available)
    chosen: Statement = partial(any_of, definitions)
    if options.group is not None or options.feature is not None:
        return (_nothing, *(chosen,) * 3)
    kinds = (
        _nothing,
        straight.arithmetic,
        straight.flags,
        accesses.memory,
        chosen,
        accesses.safe_read_back,
        accesses.exclusive,
    )
    of_features = ((Feature.LSE, accesses.atomic), (Feature.LRCPC, accesses.ordered))
    return kinds + tuple(kind for feature, kind in of_features if feature in options.available)


def _control_kinds(options: ProgramOptions) -> tuple[Statement, ...]:
    """Statements that are no straight code."""
    kinds: tuple[Statement, ...] = (control.forward,)
    if options.with_loops:
        kinds += (control.loop, control.loop, accesses.copy_bytes)
    if options.with_calls:
        kinds += (control.safe_call, control.safe_call, control.jump_table, control.computed_jump)
    if options.with_faults:
        kinds += (control.fault, control.fault, control.supervisor_call, control.wild_jump)
    return kinds


def choose_program(choices: Choices, options: ProgramOptions) -> Program:
    """A program of these options.

    Raises:
        NothingSelected: no instruction is of that group, feature and machine.
    """
    kinds = _straight_kinds(options)
    branching: tuple[Statement, ...] = (control.forward, control.loop) if options.with_loops else (control.forward,)
    writer = Writer(
        choices,
        kinds + _control_kinds(options),
        room=options.length,
        leaf=kinds + branching,
        usable=lambda templates: _usable(options.available, tuple(templates)),
    )
    writer.statements(options.length, again=15)
    body = [*writer.lines, *(_END if options.terminating else _AGAIN), *writer.tail]
    start = _start(choices, "\n".join(body), with_vectors=options.with_faults)
    lines = [*start, *body, *_surroundings("\n".join([*start, *body]))]
    return Program("\n".join(lines) + "\n", len(start) + writer.cost + len(_END))


def draw_program(rng: random.Random, options: ProgramOptions = DEFAULTS) -> Program:
    """A random program of these options.

    Raises:
        NothingSelected: no instruction is of that group, feature and machine.
    """
    return choose_program(RandomChoices(rng), options)


# --- around it

_BEGIN = "begin"
_AGAIN = (f"        b {_BEGIN}",)
_END = (
    f"{DONE}:",
    "        mov w0, #0x8    // PSCI: SYSTEM_OFF",
    "        movk w0, #0x8400, lsl #16",
    "        hvc #0",
)

_ROLES = {
    "x19": ("        ldr x19, =data + 0x800",),
    "x22": ("        mov x22, #0x20000000    // nothing is there",),
    "x25": ("        ldr x25, =data + 0x101",),
    "sp": ("        ldr x26, =stack", "        mov sp, x26"),
}
"""What registers with a role are given, if a program names them."""

_VECTORS = """
        .balign 2048
vectors:
        .space 0x200
        add x18, x18, #1
        mrs x16, esr_el1
        lsr x16, x16, #26
        cmp x16, #0x15          // SVC: goes on behind it
        b.eq 9f
        sub x17, x16, #0x20
        cmp x17, #2             // instruction abort, PC alignment: goes on where X29 says
        b.ls 8f
        mrs x16, elr_el1
        add x16, x16, #4
        msr elr_el1, x16
9:      eret
8:      msr elr_el1, x29
        eret"""

_DATA = """
        .data
        .balign 4096
data:   .space 0x1000, 0xa5
        .space 0x1000
stack:"""


def _names(text: str, register: str) -> bool:
    """Whether assembly names a register, the W register of the same number included."""
    name = f"[xw]{register[1:]}" if register[0] == "x" else f"w?{register}"
    return re.search(rf"\b{name}\b", text) is not None


def _start(choices: Choices, body: str, *, with_vectors: bool) -> list[str]:
    """The beginning: registers that the body names are given their values, the simplest ones being left zero."""
    lines = ["_start:"]
    if with_vectors:
        lines += ["        ldr x26, =vectors", "        msr vbar_el1, x26"]
    for register, setting in _ROLES.items():
        if _names(body, register):
            lines += setting
    if nzcv := choices.integer(0, 15):
        lines += [f"        mov x26, #{nzcv << 28:#x}", "        msr nzcv, x26"]
    for register in DATA_REGISTERS:
        if _names(body, register) and (value := _choose_initial(choices)):
            lines.append(f"        ldr {register}, ={value:#x}")
    return [*lines, f"{_BEGIN}:"]


def _choose_initial(choices: Choices) -> int:
    return choices.choice(INTERESTING) if choices.integer(0, 1) else choices.integer(0, 15)


def _surroundings(text: str) -> list[str]:
    """Vectors, data and stack, where the program wants them."""
    found = [_VECTORS] if "=vectors" in text else []
    if "=data" in text or "=stack" in text:
        found.append(_DATA)
    return "".join(found).removeprefix("\n").split("\n") if found else []
