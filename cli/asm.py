"""`a64 asm`: instructions to words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aarch64.assembler import assemble_source
from cli import console
from cli.numbers import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.image import Image

_WORD_SIZE = 4


@click.command(
    short_help="Assemble instructions and print their words.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 asm 'add x0, x1, x2, lsl #3'",
        "a64 asm 'loop: subs x0, x0, #1' 'b.ne loop'",
        "a64 asm 'ldr x0, =0x123456789' --base 0x40000000 --json",
    ),
)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--base",
    type=parse_address,
    metavar="ADDRESS",
    default="0",
    show_default=True,
    help="Address of the first instruction.",
)
@click.option("--json", "as_json", is_flag=True, help="Print address and word of each as JSON.")
def asm(text: tuple[str, ...], base: int, as_json: bool) -> None:
    """Assemble TEXT and print its words.

    Each TEXT is a line of assembly, as in a .s file: several instructions are several arguments, or are separated by
    semicolons. Labels, numeric labels, expressions and directives work, within all lines together.
    """
    words = list(_words(assemble_source("\n".join(text), filename="text", base=base)))
    if as_json:
        console.write_json([{"address": f"{address:#x}", "word": word} for address, word in words])
    else:
        console.write([console.Span(word, console.Style.WORD)] for _, word in words)


def _words(image: Image) -> Iterator[tuple[int, str]]:
    """Address and hexadecimal text of every word, shorter at the end of data that does not fill one."""
    for segment in image.segments:
        for start in range(0, len(segment.data), _WORD_SIZE):
            part = segment.data[start : start + _WORD_SIZE]
            yield segment.address + start, f"0x{int.from_bytes(part, 'little'):0{2 * len(part)}x}"
