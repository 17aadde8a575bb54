"""`a64 decode`: one instruction word, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.assembler import assemble_source
from aarch64.isa import table
from cli import console
from cli.console import InputError, Span, Style, heading
from cli.diagram import draw
from cli.facts import description, trait_names
from cli.numbers import parse_word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.decoder import Decoded
    from aarch64.isa.definition import Definition

_NAME_WIDTH = 10


@click.command(
    short_help="Explain one instruction, field by field.",
    no_args_is_help=True,
    epilog=console.examples("a64 decode 0x8b020c20", "a64 decode 'ldr x0, [x1, #8]!'"),
)
@click.argument("word", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print what is known as JSON.")
def decode(word: tuple[str, ...], as_json: bool) -> None:
    """Explain WORD, an instruction in hexadecimal (with or without 0x) or as text.

    Shown are the Arm ARM's title, what it needs and does, and each field: its bits, its value, and what that value
    means as an operand.
    """
    value = _word(" ".join(word))
    decoded = table.decode(value)
    if as_json:
        console.write_json(_as_json(value, decoded))
    else:
        console.write(_page(value, decoded))


def _word(text: str) -> int:
    value = parse_word(text.strip())
    if value is not None:
        return value
    if text.strip()[:1].isdigit():
        raise InputError(f"{text.strip()!r} is not a word: expected 1 to 8 hexadecimal digits, or an instruction")
    segments = assemble_source(text, filename="text", base=0).segments
    if len(segments) != 1 or len(segments[0].data) != 4:
        raise InputError(f"{text!r} is not one instruction: a64 asm assembles several")
    return int.from_bytes(segments[0].data, "little")


def _page(word: int, decoded: Decoded | None) -> Iterator[console.Line]:
    yield [Span(f"{word:#010x}", Style.WORD), "  ", heading(table.disassemble(word))]
    if decoded is None:
        yield ""
        yield "Unallocated: executing it is UNDEFINED."
        return
    definition = decoded.definition
    yield ""
    yield [heading(definition.title)]
    for name, text in _facts(definition):
        yield [f"  {name:{_NAME_WIDTH}}", text]
    yield ""
    yield from draw(definition.pattern, console.width(), word)
    if definition.fields:
        yield ""
        yield from _field_table(decoded)


def _facts(definition: Definition) -> Iterator[tuple[str, str | Span]]:
    yield "group", definition.group
    yield "feature", definition.feature.label if definition.feature else "none: in every AArch64 machine"
    if definition.asm:
        yield "syntax", definition.syntax.shown
    for form in definition.forms:
        if form.alias:
            yield "alias", form.template.shown
    if traits := trait_names(definition):
        yield "traits", ", ".join(traits)
    if definition.unsupported:
        yield "status", Span(f"not implemented: {definition.unsupported}", Style.BAD)
    else:
        yield "status", Span("implemented", Style.GOOD)


def _field_table(decoded: Decoded) -> Iterator[console.Line]:
    rows = [("field", "bits", "binary", "value", "meaning")]
    rows += [(field.name, field.bits, field.binary, str(field.value), field.meaning) for field in decoded.described()]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for index, (name, bits, binary, value, meaning) in enumerate(rows):
        left = f"  {name:{widths[0]}}  {bits:>{widths[1]}}  {binary:>{widths[2]}}"
        text = f"{left}  {value:>{widths[3]}}  {meaning}".rstrip()
        yield text if index else [heading(text)]


def _as_json(word: int, decoded: Decoded | None) -> dict[str, Any]:
    start = {"word": f"{word:#010x}", "text": table.disassemble(word), "allocated": decoded is not None}
    if decoded is None:
        return start
    fields = [attrs.asdict(field) for field in decoded.described()]
    return {**start, **description(decoded.definition), "fields": fields}
