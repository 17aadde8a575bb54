"""Templates: what they cover, how they fail, and what is said of those that cannot be understood."""

import pytest

from aarch64.isa.operands import KINDS
from aarch64.isa.syntax import Cursor, Mismatch, SyntaxDefinitionError, compile_template


def number(text: str, position: int) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise Mismatch(f"{text!r} is no number", position) from None


def parse(template: str, text: str) -> dict[str, int]:
    mnemonic_length = len(text.split(maxsplit=1)[0])
    return compile_template(template, KINDS).parse(Cursor(text, number, 0, mnemonic_length), {})


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("add {rd:Q}", "unknown operand {rd:Q}"),
        ("add {}", "unknown operand {}"),
        ("add {rd:R, }", "unknown operand {rd:R, }"),
        ("ldr {imm:offset(1, 2)}", "operand {imm:offset(1, 2)}: "),
        ("add {X}", "operand {X}: "),
    ],
)
def test_malformed_template_says_what_is_wrong(template, message) -> None:
    with pytest.raises(SyntaxDefinitionError) as caught:
        compile_template(template, KINDS)
    assert message in str(caught.value)
    assert repr(template) in str(caught.value)


def test_an_operand_inside_the_mnemonic_must_be_enumerable() -> None:
    template = compile_template("b.{rd:X} {imm:label}", KINDS)
    with pytest.raises(SyntaxDefinitionError, match="inside the mnemonic must be enumerable"):
        template.spellings()


def test_mnemonic_operands_make_spellings() -> None:
    assert compile_template("cas{a?a}{l?l} {rd:X}", KINDS).spellings() == {
        "cas": {"a": 0, "l": 0},
        "casl": {"a": 0, "l": 1},
        "casa": {"a": 1, "l": 0},
        "casal": {"a": 1, "l": 1},
    }


def test_fields_are_those_of_all_operands() -> None:
    assert compile_template("cas{a?a} {rd:R}, [{rn:XSP}]", KINDS).fields == {"a", "rd", "sf", "rn"}


def test_format_puts_one_space_after_the_mnemonic() -> None:
    template = compile_template("ldr {rt:R}, [{rn:XSP}{imm:offset(8)}]", KINDS)
    assert template.format({"rt": 31, "sf": 1, "rn": 31, "imm": 2}) == "ldr xzr, [sp, #16]"
    assert template.format({"rt": 0, "sf": 0, "rn": 1, "imm": 0}) == "ldr w0, [x1]"


def test_a_template_without_operands_is_its_mnemonic() -> None:
    assert compile_template("nop", KINDS).format({}) == "nop"


@pytest.mark.parametrize(
    "text",
    ["ldr x1, [sp, #8]", "ldr X1,[SP,8]", "ldr\tx1 , [ sp , # 8 ] ", "ldr x1, [sp, #0x8]"],
)
def test_case_and_blanks_are_free(text) -> None:
    assert parse("ldr {rt:R}, [{rn:XSP}{imm:offset(8)}]", text) == {"rt": 1, "sf": 1, "rn": 31, "imm": 1}


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("ldr", "expected a register", 3),
        ("ldr q1, [x2]", "expected a register, found 'q1'", 4),
        ("ldr x1 x2", "expected ','", 7),
        ("ldr x1, x2", "expected '['", 8),
        ("ldr x1, [xzr]", "expected a register, found 'xzr'", 9),
        ("ldr x1, [x2, #7]", "7 is not a multiple of 8", 12),
        ("ldr x1, [x2, #]", "expected a value", 14),
        ("ldr x1, [x2, #y]", "'y' is no number", 14),
        ("ldr x1, [x2", "expected ']'", 11),
        ("ldr x1, [x2] x3", "nothing more was expected here", 12),
    ],
)
def test_a_mismatch_says_where(text, message, position) -> None:
    with pytest.raises(Mismatch) as caught:
        parse("ldr {rt:R}, [{rn:XSP}{imm:offset(8)}]", text)
    assert (caught.value.message, caught.value.position) == (message, position)


def test_operands_must_agree_on_a_shared_field() -> None:
    with pytest.raises(Mismatch, match="the operands do not go together"):
        parse("add {rd:R}, {rn:R}", "add x1, w2")


def test_an_expression_ends_at_a_comma_or_an_unmatched_bracket() -> None:
    seen = []
    cursor = Cursor("(1, 2)*3], rest", lambda text, position: seen.append((text, position)) or 7)
    assert cursor.expression() == 7
    assert seen == [("(1, 2)*3", 0)]
    assert cursor.accept("],")
