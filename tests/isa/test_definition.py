"""Definitions: each way to get one wrong has its message."""

import pytest

from aarch64.isa.definition import DefinitionError, Group, Trait, alias, check_syntax
from aarch64.isa.syntax import SyntaxDefinitionError

PATTERN = "sf:1 0010001 imm:14 rn:5 rd:5"


def semantics(cpu, sf, imm, rn, rd):
    """Do nothing."""


def define(title="ADD", pattern=PATTERN, function=semantics, asm="add {rd:R}, {rn:R}, {imm:imm}", **facts):
    group = Group("Tests")
    group.insn(title, pattern, asm=asm, **facts)(function)
    return group.definitions[0]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"title": ""}, f"{PATTERN!r}: a definition needs the Arm ARM's section title"),
        ({"asm": ""}, "ADD: no assembler syntax (asm=)"),
        ({"pattern": "sf:1 0"}, "ADD: 'sf:1 0': 2 bits, not 32"),
        (
            {"function": lambda cpu, sf, rd: None},  # noqa: ARG005  (a semantic function's signature)
            "ADD: parameters ['rd', 'sf'] are not the pattern's fields ['imm', 'rd', 'rn', 'sf']",
        ),
        ({"function": None}, "ADD: neither semantics nor a reason for having none"),
        ({"valid": lambda size: size}, "ADD: condition on ['size'], which the pattern does not have"),
        (
            {"aliases": (alias("mov {rd:R}", when=lambda rm: rm),)},
            "ADD: condition on ['rm'], which the pattern does not have",
        ),
        (
            {"aliases": (alias("mov {rd:R}", rm=31),)},
            "ADD: alias 'mov {rd:R}' fixes ['rm'], which the pattern does not have",
        ),
    ],
)
def test_malformed_definition_says_what_is_wrong(facts, message) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(**facts)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("facts", "error", "message"),
    [
        ({"asm": "add {rd:R}, {rn:R}"}, DefinitionError, "ADD: 'add {rd:R}, {rn:R}' does not determine ['imm']"),
        (
            {"asm": "add {rd:R}, {rn:R}, {imm:imm}, {rm:R}"},
            DefinitionError,
            "ADD: 'add {rd:R}, {rn:R}, {imm:imm}, {rm:R}' covers unknown fields ['rm']",
        ),
        (
            {"aliases": (alias("mov {rd:R}, {rn:R}"),)},
            DefinitionError,
            "ADD: 'mov {rd:R}, {rn:R}' does not determine ['imm']",
        ),
        ({"asm": "add {rd:nothing}"}, SyntaxDefinitionError, "'add {rd:nothing}': unknown operand {rd:nothing}"),
    ],
)
def test_malformed_syntax_says_what_is_wrong(facts, error, message) -> None:
    with pytest.raises(error) as caught:
        check_syntax(define(**facts))
    assert str(caught.value) == message


def test_a_form_may_fix_what_it_also_writes() -> None:
    """The width is fixed, and told by the registers too."""
    check_syntax(define(aliases=(alias("mov {rd:R}, {rn:R}, {imm:imm}", sf=1),)))


def test_unsupported_rows_have_a_reason_and_no_syntax() -> None:
    group = Group("Tests")
    group.unsupported("FADD (scalar)", "rd:5 " + "0" * 27, "no floating point")
    (definition,) = group
    assert (definition.unsupported, definition.semantics, definition.forms) == ("no floating point", None, ())


def test_an_unsupported_row_without_a_reason_is_refused() -> None:
    with pytest.raises(DefinitionError, match="neither semantics nor a reason"):
        Group("Tests").unsupported("FADD (scalar)", "rd:5 " + "0" * 27, "")


def test_forms_are_preferred_aliases_then_the_own_then_the_others() -> None:
    aliases = (alias("plus {rd:R}, {rn:R}, {imm:imm}", preferred=False), alias("mov {rd:R}, {rn:R}", imm=0))
    definition = define(aliases=aliases)
    check_syntax(definition)
    assert [form.template.text.split()[0] for form in definition.forms] == ["mov", "add", "plus"]


@pytest.mark.parametrize(
    ("fields", "applies"), [({"imm": 0, "rn": 1}, True), ({"imm": 0, "rn": 0}, False), ({"imm": 1, "rn": 1}, False)]
)
def test_an_alias_applies_when_its_fields_and_its_condition_hold(fields, applies) -> None:
    assert alias("mov", when=lambda rn: rn == 1, imm=0).applies(fields) == applies


@pytest.mark.parametrize(
    ("facts", "decisive"),
    [
        ({}, set()),
        ({"imm": 0}, {"imm"}),
        ({"when": lambda rn, rd: rn == rd}, {"rn", "rd"}),
        ({"when": lambda rn, *, rd: rn == rd, "imm": 0}, {"rn", "rd", "imm"}),
    ],
)
def test_fields_that_decide_whether_an_alias_applies(facts, decisive) -> None:
    assert alias("mov", **facts).decisive == decisive


@pytest.mark.parametrize(
    ("valid", "bits"),
    [
        (None, 0),
        (lambda rd: rd != 0, 0x0000_001F),
        (lambda imm: imm != 0, 0x00FF_FC00),
        (lambda rn, *, sf: sf or rn, 0x8000_03E0),
    ],
)
def test_bits_that_decide_whether_a_word_is_allocated(valid, bits) -> None:
    assert define(valid=valid).deciding == bits


def test_what_an_indirect_branch_may_lead_to() -> None:
    landing = define(landing=lambda cpu, fields: fields["rd"] == cpu)
    assert (landing.can_be_reached_by(1, {"rd": 1}), landing.can_be_reached_by(1, {"rd": 2})) == (True, False)
    assert not define().can_be_reached_by(1, {"rd": 1})


def test_encode_puts_every_field_in_its_place() -> None:
    definition = define()
    word = definition.encode({"sf": 1, "imm": 5, "rn": 2, "rd": 3})
    assert word == 0x9100_1443
    assert definition.extract(word) == {"sf": 1, "imm": 5, "rn": 2, "rd": 3}


def test_encode_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="32 does not fit rd"):
        define().encode({"sf": 1, "imm": 5, "rn": 2, "rd": 32})


def test_a_function_may_serve_several_encodings() -> None:
    group = Group("Tests")
    group.insn("SUB", PATTERN.replace("0010001", "1010001"), asm="sub {rd:R}, {rn:R}, {imm:imm}", traits=Trait.NONE)(
        group.insn("ADD", PATTERN, asm="add {rd:R}, {rn:R}, {imm:imm}")(semantics)
    )
    assert [definition.title for definition in group] == ["ADD", "SUB"]
    assert {definition.semantics for definition in group} == {semantics}


def test_traits_of_some_field_values() -> None:
    definition = define(traits=Trait.HINT, traits_when={Trait.WAITS: lambda rn, imm: rn == imm})
    assert definition.traits_of({"sf": 1, "imm": 5, "rn": 2, "rd": 3}) == Trait.HINT
    assert definition.traits_of({"sf": 1, "imm": 2, "rn": 2, "rd": 3}) == Trait.HINT | Trait.WAITS


def test_traits_of_fields_that_are_not_there_are_refused() -> None:
    with pytest.raises(DefinitionError, match=r"condition on \['rm'\], which the pattern does not have"):
        define(traits_when={Trait.WAITS: lambda rm: rm == 0})
