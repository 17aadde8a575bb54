"""`a64 isa`: the instruction table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aarch64.isa import table
from aarch64.isa.selection import has_title, is_in_group, needs_feature
from cli import console
from cli.console import InputError, Span, Style, heading
from cli.facts import description

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.isa.definition import Definition


@click.command(
    short_help="List the instructions, and which are implemented.",
    epilog=console.examples(
        "a64 isa                           everything, with totals by group",
        "a64 isa 'ADD (*'                  the titles that begin so",
        "a64 isa --feature LSE --totals    how many instructions FEAT_LSE brings",
        "a64 isa --unsupported --json      what is not implemented, and why",
    ),
)
@click.argument("pattern", required=False)
@click.option("--group", metavar="NAME", help="Only groups whose title contains NAME.")
@click.option("--feature", metavar="F", help="Only instructions of feature F, such as FEAT_LSE or LSE.")
@click.option("--unsupported", is_flag=True, help="Only what is not implemented, with the reason.")
@click.option("--totals", is_flag=True, help="Only the numbers.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def isa(
    pattern: str | None,
    group: str | None,
    feature: str | None,
    unsupported: bool,
    totals: bool,
    as_json: bool,
) -> None:
    """List instructions: the Arm ARM's title, the feature needed, encoding, syntax, implemented or why not.

    PATTERN is part of a title, or the whole of one with * and ?; upper and lower case are the same. In an encoding,
    0 and 1 are fixed bits, (0) and (1) should be so but are ignored, x is ignored, and name:width is a field. In a
    syntax, {braces} hold what may be left out, and <Rd> is <Wd> or <Xd>.
    """
    found = [
        definition
        for definition in table.DECODER.definitions
        if _matches(definition, pattern, group, feature) and (definition.unsupported or not unsupported)
    ]
    if not found:
        raise InputError("no instruction is like that: a64 isa --totals lists the groups, a64 isa everything")
    if as_json:
        console.write_json({"instructions": [description(item) for item in found], "totals": _totals(found)})
    else:
        console.write(_page(found, only_totals=totals))


def _matches(definition: Definition, pattern: str | None, group: str | None, feature: str | None) -> bool:
    if group and not is_in_group(definition, group):
        return False
    if feature and not needs_feature(definition, feature):
        return False
    return pattern is None or has_title(definition, pattern)


def _page(found: list[Definition], *, only_totals: bool) -> Iterator[console.Line]:
    if not only_totals:
        group = None
        for definition in found:
            if definition.group != group:
                group = definition.group
                yield [heading(group)]
                yield [heading("=" * len(group))]
            yield from _entry(definition)
            yield ""
    yield from _totals_table(found)


def _entry(definition: Definition) -> Iterator[console.Line]:
    feature = [Span(f"  [{definition.feature.label}]", Style.SYMBOL)] if definition.feature else []
    yield [heading(definition.title), *feature]
    yield ["  ", Span(definition.pattern.text, Style.WORD)]
    if definition.asm:
        yield f"  {definition.syntax.shown}"
    for form in definition.forms:
        if form.alias:
            yield f"  {form.template.shown}" + ("  (alias)" if form.alias.preferred else "  (alias, understood only)")
    if definition.unsupported:
        yield ["  ", Span(f"not implemented: {definition.unsupported}", Style.BAD)]


def _totals(found: list[Definition]) -> dict[str, dict[str, int]]:
    """Implemented and unsupported encodings by group, and of all."""
    totals: dict[str, dict[str, int]] = {}
    for definition in found:
        for name in (definition.group, "all"):
            counts = totals.setdefault(name, {"implemented": 0, "unsupported": 0})
            counts["unsupported" if definition.unsupported else "implemented"] += 1
    totals["all"] = totals.pop("all")
    return totals


def _totals_table(found: list[Definition]) -> Iterator[console.Line]:
    totals = _totals(found)
    name_width = max(map(len, [*totals, "encodings"]))
    yield [heading(f"{'encodings':{name_width}}  implemented  not implemented")]
    for name, counts in totals.items():
        yield f"{name:{name_width}}  {counts['implemented']:11}  {counts['unsupported']:15}"
