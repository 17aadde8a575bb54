"""The laws of the decoder, the disassembler and the assembler: what holds of every word, whoever else may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.errors import AssemblyError
from aarch64.isa import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.isa.decoder import Decoded


@attrs.frozen
class Violation:
    """A law that a word breaks: its name, what it demands, and what is."""

    law: str
    demanded: str
    found: str


def canonical(decoded: Decoded) -> int:
    """The word the assembler makes for what a word means: ignored bits as they should be."""
    fields = dict(decoded.fields)
    if {"n", "immr", "imms"} <= fields.keys() and "immediate" in decoded.definition.title:
        element = 1 << ((fields["n"] << 6 | fields["imms"] ^ 0x3F).bit_length() - 1)
        fields["immr"] &= element - 1  # DecodeBitMasks rotates within the element
    return decoded.definition.encode(fields)


def decoding(word: int) -> Violation | None:
    """Decoding gives what is in the word: a definition that it matches, allocated fields; encoding undoes it."""
    decoded = table.decode(word)
    if decoded is None:
        return None
    definition, fields = decoded.definition, decoded.fields
    if decoded.word != word or not definition.pattern.matches(word) or not definition.accepts(fields):
        return Violation("decoding", f"a definition of {word:#010x}", f"{definition.title} {dict(fields)}")
    again = table.decode(definition.encode(fields))
    if again is None or (again.definition, again.fields) != (definition, fields):
        found = "unallocated" if again is None else f"{again.definition.title} {dict(again.fields)}"
        return Violation("decoding", f"{definition.title} {dict(fields)}", found)
    return None


def disassembly(word: int) -> Violation | None:
    """What has a syntax has a text, and only that; what is implemented has one."""
    decoded = table.decode(word)
    has_text = decoded is not None and (bool(decoded.definition.asm) or decoded.definition.unsupported is None)
    text = table.disassemble(word)
    if text.startswith(".inst ") == has_text:
        return Violation("disassembly", "a text" if has_text else ".inst", text)
    return None


def assembly(word: int, address: int | None = None) -> Violation | None:
    """The text of a word, at an address or at an unknown one, assembles to the word, ignored bits aside."""
    decoded = table.decode(word)
    if decoded is None or decoded.definition.unsupported:
        return None
    text = table.disassemble(word, address)
    demanded = f"{canonical(decoded):#010x} for {text}"
    try:
        found = table.assemble(text, address or 0)
    except AssemblyError as error:
        return Violation("assembly", demanded, f"{error.message} (column {error.column})")
    return None if found == canonical(decoded) else Violation("assembly", demanded, f"{found:#010x}")


def forms(word: int) -> Violation | None:
    """Each way to write a word, aliases that nobody prints included, assembles to one with the same text."""
    decoded = table.decode(word)
    if decoded is None or decoded.definition.unsupported:
        return None
    demanded = table.disassemble(word)
    for text in _texts(decoded):
        try:
            found = table.disassemble(table.assemble(text))
        except AssemblyError as error:
            found = error.message
        if found != demanded:
            return Violation("forms", f"{demanded}, written {text}", found)
    return None


def _texts(decoded: Decoded) -> Iterator[str]:
    for form in decoded.definition.forms:
        if form.alias is None or form.alias.applies(decoded.fields):
            yield form.template.format(decoded.fields, None)


LAWS: tuple[Callable[[int], Violation | None], ...] = (decoding, disassembly, assembly, forms)
"""All of them, in the order in which they build on one another."""
