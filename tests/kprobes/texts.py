"""Small texts to probe, from assembly source."""

from aarch64.assembler import assemble_source
from aarch64.isa.table import assemble
from kprobes.arch.code import A64Instruction, ImageText

BASE = 0x4000_0000


def text_of(source: str, base: int = BASE) -> ImageText:
    """The text that a source assembles to, from `base`."""
    return ImageText(assemble_source(source, filename="text.s", base=base))


def place(text: ImageText, label: str) -> int:
    """The address of a label."""
    return text.image.symbols[label]


def instruction_of(written: str | int, address: int = BASE) -> A64Instruction:
    """An instruction written as text, or as a word."""
    return A64Instruction(assemble(written, address) if isinstance(written, str) else written)
