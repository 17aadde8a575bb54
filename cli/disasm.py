"""`a64 disasm`: programs and words to text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.isa import table
from aarch64.isa.definition import Trait
from aarch64.loader import DEFAULT_BASE, load_program
from cli import console
from cli.console import Span, Style
from cli.numbers import parse_address
from cli.words import read_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aarch64.image import Image, Segment

_WORD_SIZE = 4
_TARGET = re.compile(r"0x[0-9a-f]+$")


@attrs.frozen
class Row:
    """A line of a listing: what is at an address."""

    address: int
    word: str
    text: str
    labels: tuple[str, ...] = ()
    note: str = ""


@click.command(
    short_help="Disassemble a program, or words.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 disasm program.elf",
        "a64 disasm --base 0x80000 kernel.bin",
        "echo d503201f | a64 disasm --words -",
    ),
)
@click.argument("file", required=False, type=click.Path())
@click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Read words in hexadecimal, one a line (- for standard input), and print one line of text for each.",
)
@click.option(
    "--base",
    type=parse_address,
    metavar="ADDRESS",
    default=hex(DEFAULT_BASE),
    show_default=True,
    help="Where a source or raw image is placed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the listing as JSON.")
def disasm(file: str | None, words: str | None, base: int, as_json: bool) -> None:
    """Disassemble the code of FILE: an ELF program, assembly source (.s) or a raw image.

    The text is LLVM's, with aliases where they are preferred. What is no allocated instruction is shown as .inst, data
    among the code as .word.
    """
    if (file is None) == (words is None):
        raise click.UsageError("give a program FILE, or --words FILE")
    if words is not None:
        _disassemble_words(words, as_json=as_json)
        return
    assert file is not None
    image = load_program(file, base=base)
    if as_json:
        console.write_json([_as_json(row) for row in _rows(image)])
    else:
        console.write(_listing(file, image))


# --- words


def _disassemble_words(file: str, *, as_json: bool) -> None:
    texts = ((word, table.disassemble(word)) for word in read_words(file))
    if as_json:
        console.write_json([{"word": f"{word:#010x}", "text": text} for word, text in texts])
    else:
        console.write(text for _, text in texts)


# --- programs


def _rows(image: Image) -> Iterator[Row]:
    labels = _labels(image)
    for segment in image.segments:
        if not segment.executable:
            continue
        position = 0
        while position < len(segment.data):
            row = _row(image, segment, position, labels)
            yield row
            position += len(row.word) // 2


def _row(image: Image, segment: Segment, position: int, labels: dict[int, tuple[str, ...]]) -> Row:
    """The word at a position, or the byte where a word is cut off, unaligned, or data with a label inside."""
    address = segment.address + position
    content = segment.data[position : position + _WORD_SIZE]
    is_word = address % _WORD_SIZE == 0 and len(content) == _WORD_SIZE
    here, is_code = labels.get(address, ()), image.is_code(address)
    if is_word and is_code:
        word = int.from_bytes(content, "little")
        return Row(address, f"{word:08x}", _text(image, address, word), here, _note(word))
    if is_word and not any(address + offset in labels for offset in range(1, _WORD_SIZE)):
        word = int.from_bytes(content, "little")
        return Row(address, f"{word:08x}", f".word {word:#010x}", here)
    return Row(address, f"{content[0]:02x}", f".byte {content[0]:#04x}", here)


def _labels(image: Image) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for name, address in image.symbols.items():
        found[address] = (*found.get(address, ()), name)
    return found


def _text(image: Image, address: int, word: int) -> str:
    """The instruction, with the symbol its target is in."""
    text = table.disassemble(word, address)
    decoded = table.decode(word)
    target = _TARGET.search(text) if decoded and Trait.PC_RELATIVE in decoded.definition.traits else None
    place = image.locate(int(target[0], 16)) if target else None
    return f"{text} <{_symbolic(*place)}>" if place else text


def _note(word: int) -> str:
    decoded = table.decode(word)
    if decoded is None:
        return "unallocated"
    if decoded.definition.unsupported:
        return f"{decoded.definition.title}: not implemented"
    return ""


def _symbolic(name: str, offset: int) -> str:
    return f"{name}+{offset:#x}" if offset else name


def _listing(file: str, image: Image) -> Iterator[console.Line]:
    yield [console.heading(file), f": entry {image.entry:#x}"]
    digits = max((len(f"{segment.end:x}") for segment in image.segments), default=1)
    for row in _rows(image):
        yield from _label_lines(row, digits)
        line: list[str | Span] = [
            "  ",
            Span(f"{row.address:{digits}x}:", Style.ADDRESS),
            "  ",
            Span(f"{row.word:8}", Style.WORD),
            "  ",
            row.text,
        ]
        if row.note:
            line.append(Span(f"  // {row.note}", Style.NOTE))
        yield line


def _label_lines(row: Row, digits: int) -> Iterable[console.Line]:
    if row.labels:
        yield ""
    for label in row.labels:
        yield [Span(f"{row.address:0{digits}x} <{label}>:", Style.SYMBOL)]


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "address": f"{row.address:#x}",
        "word": f"0x{row.word}",
        "text": row.text,
        "labels": list(row.labels),
        "note": row.note or None,
    }
