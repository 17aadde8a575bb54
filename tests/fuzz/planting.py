"""Ways to plant a bug: a definition, a table, a function or a rule that is wrong until the patch is undone."""

from __future__ import annotations

import random
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from aarch64 import exception_entry
from aarch64.bits import MASKS, select
from aarch64.coverage import Coverage
from aarch64.debug import generation, software_step
from aarch64.isa import table, unsupported
from aarch64.isa.decoder import Decoder
from aarch64.isa.definition import Definition
from aarch64.isa.pattern import parse_pattern
from aarch64.pseudocode import LSL, add_with_carry, shift_value
from aarch64.sampling import IMPLEMENTED, draw_fields
from aarch64.sampling.aliases import boundaries
from kprobes.audit import fuzzing
from kprobes.profiles import PROFILES
from kprobes.rules import Clause, Rule, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.rules import Words

Patch = pytest.MonkeyPatch
DERIVED = tuple(name for name, value in vars(Definition).items() if isinstance(value, cached_property))
"""What a definition derives from its facts once, and keeps."""


def make_tables() -> None:
    """Have all that is derived from the definitions and kept be derived now, before anything is planted."""
    coverage = Coverage()
    for definition in IMPLEMENTED:
        boundaries(definition)
        coverage.add(definition.encode(draw_fields(definition, random.Random(0))))


# --- definitions, as if their source said something else


def the(title: str, begins: str = "") -> Definition:
    """The definition with a title, and a syntax that begins so."""
    (found,) = (item for item in IMPLEMENTED if item.title == title and item.asm.startswith(begins))
    return found


def change(patch: Patch, definition: Definition, **facts: Any) -> None:
    """Change facts of a definition; what is derived from them is derived again, until that is undone."""
    for name in DERIVED:
        getattr(definition, name)
    for name in DERIVED:
        patch.delitem(definition.__dict__, name)
    for name, value in facts.items():
        patch.setitem(definition.__dict__, name, value)


def changed(title: str, begins: str = "", **facts: Any) -> Callable[[Patch], None]:
    """A bug: a definition with other facts."""
    return lambda patch: change(patch, the(title, begins), **facts)


def encoded(**patterns: str) -> Callable[[Patch], None]:
    """A bug: definitions, by their titles, with other patterns, and the decoder that is made of them."""

    def plant(patch: Patch) -> None:
        for title, pattern in patterns.items():
            change(patch, the(title), pattern=parse_pattern(pattern))
        use(patch, Decoder((item for group in table.GROUPS for item in group), rare=unsupported.load))

    return plant


def use(patch: Patch, decoder: Decoder) -> None:
    """Have the decoder of the table look where another one does."""
    for name in ("_first", "_second", "_has_rare"):
        patch.setattr(table.DECODER, name, getattr(decoder, name))


def general_first(patch: Patch) -> None:
    """What is more special is tried after what is less so."""
    decoder = Decoder((item for group in table.GROUPS for item in group), rare=unsupported.load)
    decoder.decode(0xFFFF_FFFF)
    decoder._first = tuple(bucket[::-1] for bucket in decoder._first)
    decoder._second = [None] * len(decoder._first)
    patch.setattr(table, "decode", decoder.decode)


def written(title: str, begins: str, *, right: str, wrong: str) -> Callable[[Patch], None]:
    """A bug: a definition whose syntax has something else than it should."""
    asm = the(title, begins).asm
    assert right in asm
    return changed(title, begins, asm=asm.replace(right, wrong, 1))


def unsigned(title: str, begins: str, field: str) -> Callable[[Patch], None]:
    """A bug: of a field, the sign is not written."""

    def plant(patch: Patch) -> None:
        definition = the(title, begins)
        text_of = definition.text_of
        without = lambda fields, address: text_of({**fields, field: abs(fields[field])}, address)  # noqa: E731
        patch.setitem(definition.__dict__, "text_of", without)

    return plant


def aliased(title: str, old: str, **facts: Any) -> Callable[[Patch], None]:
    """A bug: an alias, known by how it begins, with other facts."""
    aliases = the(title).aliases
    assert any(item.asm.startswith(old) for item in aliases)
    return changed(
        title, aliases=tuple(attrs.evolve(item, **facts) if item.asm.startswith(old) else item for item in aliases)
    )


# --- semantics


def subs_without_borrow(cpu, sf, shift, rm, imm6, rn, rd):
    """Adds the negation: the same sum, but of zero there is no carry."""
    width = 64 if sf else 32
    result, flags = add_with_carry(cpu.x(rn, width), -cpu.shifted_x(rm, shift, imm6, width) & MASKS[width], 0, width)
    cpu.set_x(rd, result)
    cpu.set_flags(flags)


def ldrsw_zero_extending(cpu, imm12, rn, rt):
    cpu.set_x(rt, cpu.load((cpu.base(rn) + imm12 * 4) & MASKS[64], 4))


def lslv_of_64_bits(cpu, sf, rm, rn, rd):
    """Takes the amount modulo 64 for W registers, too."""
    width = 64 if sf else 32
    cpu.set_x(rd, shift_value(cpu.x(rn, width), LSL, min(cpu.x(rm) & 63, width), width) & MASKS[width])


def csneg_inverting(cpu, sf, rm, cond, rn, rd):
    width = 64 if sf else 32
    cpu.set_x(rd, select(cpu.holds(cond), cpu.x(rn, width), cpu.x(rm, width) ^ MASKS[width]))


def ands_keeping_carry(cpu, sf, shift, rm, imm6, rn, rd):
    width = 64 if sf else 32
    result = cpu.x(rn, width) & cpu.shifted_x(rm, shift, imm6, width)
    carry = cpu.pstate.flags[2]
    cpu.set_x(rd, result)
    cpu.set_flags((result >> width - 1, int(result == 0), carry, 0))


# --- the step unit


def after_any_instruction(patch: Patch) -> None:
    """EX is told as if each instruction were a load-exclusive."""
    step = software_step.software_step

    def wrong(*, is_valid, after_exclusive):
        return step(is_valid=is_valid, after_exclusive=is_valid or after_exclusive)

    patch.setattr(software_step, "software_step", wrong)


def ss_kept_on_entry(patch: Patch) -> None:
    handler_state = exception_entry._handler_state

    def keeping(cpu, old, target):
        state = handler_state(cpu, old, target)
        state.ss = old.ss
        return state

    patch.setattr(exception_entry, "_handler_state", keeping)


def only_lower_levels(patch: Patch) -> None:
    generates_from = generation.generates_from

    def lower(cpu, el, mask):
        return el < generation.target_of(cpu, el) and generates_from(cpu, el, mask)

    patch.setattr(software_step, "generates_from", lower)
    patch.setattr(software_step, "generates", lambda cpu: lower(cpu, cpu.pstate.el, cpu.pstate.d))


def mask_ignored(patch: Patch) -> None:
    generates_from = generation.generates_from
    patch.setattr(software_step, "generates", lambda cpu: generates_from(cpu, cpu.pstate.el, 0))


def ss_not_cleared(patch: Patch) -> None:
    patch.setattr(software_step, "advance", lambda _cpu, _state: None)


# --- verdicts


def accepted(profile: str, words: Words, verdict: Verdict = Verdict.SLOT) -> Callable[[Patch], None]:
    """A bug: a profile that accepts what it should not, before any of its rules."""
    kernel = PROFILES[profile]
    clause = Clause(verdict, Rule("planted", "nobody knows why", "nobody"), (words,))
    wrong = attrs.evolve(kernel, decode=attrs.evolve(kernel.decode, clauses=(clause, *kernel.decode.clauses)))
    return lambda patch: patch.setattr(fuzzing, "PROFILES", {**PROFILES, profile: wrong})
