"""One definition per instruction: encoding, syntax, validity, traits and semantics, stated once.

A group module of the Arm ARM's chapter creates a `Group` and decorates one function per instruction:

    GROUP = Group("Add and subtract")

    @GROUP.insn("ADD (shifted register)", "sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5",
                asm="add {rd:R}, {rn:R}, {rm:R}{shift_amount}",
                valid=lambda sf, shift, imm6: shift != ROR and (sf or imm6 < 32))
    def add_shifted_register(cpu, sf, shift, rm, imm6, rn, rd): ...

Everything else (decoder, disassembler, assembler, strategies, documentation, kprobe verdicts, hot path) is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Flag, auto
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.bits import mask
from aarch64.isa.operands import KINDS
from aarch64.isa.pattern import Field, Pattern, PatternError, parse_pattern
from aarch64.isa.source import Scope
from aarch64.isa.syntax import Fields, Kinds, Template, compile_template

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.features import Feature

Semantics = Callable[..., None]
"""`semantics(cpu, fields...)`: guard, read registers, access memory, write registers and flags, branch, in order."""

Predicate = Callable[..., object]
"""A function of some of the fields, by their names."""

Landing = Callable[["Cpu", Fields], bool]
"""Whether the indirect branch that PSTATE.BTYPE tells of may lead to an instruction with these fields."""


class DefinitionError(ValueError):
    """A definition that contradicts itself or another one."""


class Trait(Flag):
    """What an instruction may do beyond computing on registers: facts that tools ask for."""

    NONE = 0
    BRANCHES = auto()
    """May set the PC to something else than the next instruction."""
    RAISES = auto()
    """Exists to generate an exception or to return from one."""
    PC_RELATIVE = auto()
    """Its result depends on the address it is executed at."""
    LOADS = auto()
    STORES = auto()
    LOAD_EXCLUSIVE = auto()
    STORE_EXCLUSIVE = auto()
    ATOMIC = auto()
    """A single-copy atomic read-modify-write."""
    UNPRIVILEGED = auto()
    PREFETCHES = auto()
    HINT = auto()
    BARRIER = auto()
    READS_SYSREG = auto()
    WRITES_SYSREG = auto()
    """MSR to a register or a PSTATE field, or a SYS operation."""
    WAITS = auto()
    """WFE, WFI and their kin."""
    CLEARS_EXCLUSIVE = auto()
    """Forgets the location that is marked for exclusive access, and no more."""
    CONDITIONAL = auto()
    """Branches only where a condition holds."""
    CALLS = auto()
    """Branches, and leaves the address of the next instruction in X30, to be returned to."""
    MAINTAINS = auto()
    """A SYS operation: on caches, on TLBs, on the translation of an address."""
    READS_EXCEPTION_STATE = auto()
    """MRS of what taking an exception changes, such as DAIF, ELR_ELx and ESR_ELx, or stepping: MDSCR_EL1."""


def _argument_names(function: Callable[..., object]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@attrs.frozen
class Test:
    """A predicate over fields, called with just the fields it names."""

    function: Predicate
    names: tuple[str, ...]

    @classmethod
    def of(cls, function: Predicate) -> Test:
        """The test that `function` (a lambda whose parameters are field names) makes."""
        return cls(function, _argument_names(function))

    def holds(self, fields: Fields) -> bool:
        """Whether the fields pass."""
        return bool(self.function(*[fields[name] for name in self.names]))

    def expression(self, scope: Scope, value_of: Callable[[str], str]) -> str:
        """`holds` as Python source, `value_of` being the source of a field's value."""
        return f"{scope.name(self.function)}({', '.join(map(value_of, self.names))})"


@attrs.frozen(slots=False, eq=False)
class Alias:
    """Another way to write an instruction, used when the `fixed` fields have these values and `when` holds.

    The disassembler prints the first one that applies; one with `preferred=False` is only understood, never printed.
    """

    asm: str
    when: Predicate | None = None
    preferred: bool = True
    fixed: Mapping[str, int] = attrs.field(factory=dict)

    def expression(self, scope: Scope) -> str:
        """Whether some `fields` can be written in this form, as Python source."""
        conditions = [f"fields[{name!r}] == {value}" for name, value in self.fixed.items()]
        if self.when:
            conditions.append(Test.of(self.when).expression(scope, lambda name: f"fields[{name!r}]"))
        return " and ".join(conditions) or "True"

    @property
    def decisive(self) -> frozenset[str]:
        """The fields that decide whether it applies; none if it always does."""
        return frozenset({*self.fixed, *(_argument_names(self.when) if self.when else ())})

    @cached_property
    def applies(self) -> Callable[[Fields], bool]:
        """Whether fields can be written in this form."""
        scope = Scope()
        return scope.function("fields", f"bool({self.expression(scope)})")


def alias(asm: str, *, when: Predicate | None = None, preferred: bool = True, **fixed: int) -> Alias:
    """An alias written `asm`, for encodings whose fields equal `fixed` and satisfy `when`."""
    return Alias(asm, when, preferred, fixed)


@attrs.frozen(slots=False, eq=False)
class Form:
    """One way of writing a definition: the definition's own syntax or an alias, compiled."""

    definition: Definition
    template: Template
    fixed: Mapping[str, int]
    alias: Alias | None


@attrs.frozen(slots=False, eq=False)
class Definition:
    """An encoding class of A64 with all that is known of it. `title` is the Arm ARM's section title."""

    title: str
    group: str
    pattern: Pattern
    asm: str = ""
    aliases: tuple[Alias, ...] = ()
    valid: Predicate | None = None
    traits: Trait = Trait.NONE
    traits_when: Mapping[Trait, Predicate] = attrs.field(factory=dict)
    feature: Feature | None = None
    specialises: str | None = None
    semantics: Semantics | None = None
    unsupported: str | None = None
    landing: Landing | None = None
    kinds: Kinds = attrs.field(default=KINDS, repr=False)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The fields by name, the most significant first."""
        return {field.name: field for field in self.pattern.fields}

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The field names in the order the semantic function takes them."""
        return _argument_names(self.semantics)[1:] if self.semantics else tuple(self.fields)

    def arguments(self, fields: Fields) -> tuple[int, ...]:
        """The field values in the order the semantic function takes them."""
        return tuple(map(fields.__getitem__, self.parameters))

    @cached_property
    def _valid(self) -> Test | None:
        return Test.of(self.valid) if self.valid else None

    @cached_property
    def deciding(self) -> int:
        """The bits of the fields that `valid` looks at: whether a word that matches the pattern is allocated."""
        names = self._valid.names if self._valid else ()
        return sum(mask(self.fields[name].width) << self.fields[name].low for name in names)

    @cached_property
    def syntax(self) -> Template:
        """The compiled syntax of the instruction's own form."""
        return compile_template(self.asm, self.kinds)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """Every way of writing it, preferred aliases first, the own form, then those that are only understood."""
        own = [Form(self, self.syntax, {}, None)] if self.asm else []
        written = [Form(self, compile_template(item.asm, self.kinds), item.fixed, item) for item in self.aliases]
        preferred = [form for form in written if form.alias and form.alias.preferred]
        return tuple(preferred + own + [form for form in written if form not in preferred])

    @cached_property
    def text_of(self) -> Callable[[Fields, int | None], str | None]:
        """The text for fields and an address, in the first form that applies; None if the definition has no syntax.

        One expression (measured: three times as many texts a second), which costs the first text 60 microseconds.
        """
        scope = Scope()
        expression = self.syntax.expression(scope) if self.asm else "None"
        for form in reversed(self.forms):
            if form.alias and form.alias.preferred:
                text, condition = form.template.expression(scope), form.alias.expression(scope)
                expression = f"{text} if {condition} else {expression}"
        return scope.function("fields, address", expression)

    def accepts(self, fields: Fields) -> bool:
        """Whether these field values are allocated."""
        return self._valid is None or self._valid.holds(fields)

    @cached_property
    def _traits_when(self) -> tuple[tuple[Trait, Test], ...]:
        return tuple((trait, Test.of(predicate)) for trait, predicate in self.traits_when.items())

    def traits_of(self, fields: Fields) -> Trait:
        """The traits, those included that only some field values have."""
        found = self.traits
        for trait, test in self._traits_when:
            if test.holds(fields):
                found |= trait
        return found

    def can_be_reached_by(self, cpu: Cpu, fields: Fields) -> bool:
        """BTypeCompatible: whether in a guarded page the indirect branch just made may lead here."""
        return self.landing is not None and self.landing(cpu, fields)

    def extract(self, word: int) -> dict[str, int]:
        """The fields of `word`, which must match the pattern."""
        return {field.name: field.extract(word) for field in self.pattern.fields}

    @cached_property
    def read(self) -> Callable[[int], Fields | None]:
        """What `extract` gives for a word that matches the pattern; None if `accepts` refuses it.

        One expression (measured: 45 % more words a second), which costs the first word of a definition 40 microseconds.
        """
        scope = Scope()
        fields = ", ".join(f"{name!r}: {field.expression}" for name, field in self.fields.items())
        condition = self._valid and self._valid.expression(scope, lambda name: self.fields[name].expression)
        return scope.function("word", f"{{{fields}}}{f' if {condition} else None' if condition else ''}")

    def encode(self, fields: Fields) -> int:
        """The word with these fields; ValueError when one does not fit, KeyError when one is missing."""
        word = self.pattern.value | self.pattern.should_be_one
        for field in self.pattern.fields:
            word |= field.insert(fields[field.name])
        return word


class Group:
    """The definitions of one section of the instruction set, in the order written."""

    def __init__(self, title: str, kinds: Kinds | None = None) -> None:
        self.title = title
        self.definitions: list[Definition] = []
        self._kinds = {**KINDS, **kinds} if kinds else KINDS

    def __iter__(self) -> Iterator[Definition]:
        return iter(self.definitions)

    def insn(self, title: str, pattern: str, **facts: Any) -> Callable[[Semantics], Semantics]:
        """Define an instruction whose semantics is the decorated function.

        The function's parameters after `cpu` are the pattern's fields. Decorators stack: a function may serve
        several encodings with the same fields. `facts` are the attributes of `Definition`: asm, aliases, valid,
        traits, traits_when, feature, specialises, landing.

        Raises:
            DefinitionError: naming the title and what is wrong.
        """
        parsed = _parse(title, pattern)

        def define(semantics: Semantics) -> Semantics:
            self._add(Definition(title, self.title, parsed, semantics=semantics, kinds=self._kinds, **facts))
            return semantics

        return define

    def unsupported(self, title: str, pattern: str, reason: str, feature: Feature | None = None, **facts: Any) -> None:
        """List an allocated encoding that is not implemented, and why."""
        parsed = _parse(title, pattern)
        self._add(
            Definition(title, self.title, parsed, unsupported=reason, feature=feature, kinds=self._kinds, **facts)
        )

    def _add(self, definition: Definition) -> None:
        _check(definition)
        self.definitions.append(definition)


def _parse(title: str, pattern: str) -> Pattern:
    try:
        return parse_pattern(pattern)
    except PatternError as error:
        raise DefinitionError(f"{title}: {error}") from error


def _check(definition: Definition) -> None:
    title, names = definition.title, {field.name for field in definition.pattern.fields}
    if not title:
        raise DefinitionError(f"{definition.pattern.text!r}: a definition needs the Arm ARM's section title")
    if definition.semantics is not None:
        if not definition.asm:
            raise DefinitionError(f"{title}: no assembler syntax (asm=)")
        if set(definition.parameters) != names:
            raise DefinitionError(
                f"{title}: parameters {sorted(definition.parameters)} are not the pattern's fields {sorted(names)}"
            )
    elif not definition.unsupported:
        raise DefinitionError(f"{title}: neither semantics nor a reason for having none")
    conditions = (definition.valid, *(item.when for item in definition.aliases), *definition.traits_when.values())
    for predicate in conditions:
        if predicate and (unknown := set(_argument_names(predicate)) - names):
            raise DefinitionError(f"{title}: condition on {sorted(unknown)}, which the pattern does not have")
    for item in definition.aliases:
        if unknown := set(item.fixed) - names:
            raise DefinitionError(
                f"{title}: alias {item.asm!r} fixes {sorted(unknown)}, which the pattern does not have"
            )


def check_syntax(definition: Definition) -> None:
    """Compile every form of a definition and check that each determines all fields.

    Raises:
        DefinitionError: a form leaves a field out, or covers one that the pattern does not have.
        SyntaxDefinitionError: a template cannot be understood.
    """
    names = set(definition.fields)
    for form in definition.forms:
        covered = form.template.fields | set(form.fixed)
        if missing := names - covered:
            raise DefinitionError(f"{definition.title}: {form.template.text!r} does not determine {sorted(missing)}")
        if unknown := covered - names:
            raise DefinitionError(f"{definition.title}: {form.template.text!r} covers unknown fields {sorted(unknown)}")
