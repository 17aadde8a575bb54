"""The assembler: a source in GNU syntax to a program image, in two passes.

What it understands means what it means to the GNU assembler, so a source can be built with either. It has labels and
numeric labels, expressions, data, sections, `ldr x0, =value` with literal pools, `:lo12:`; it has no macros, no
conditionals and no floating point. Sections are placed one behind the other: code, read-only data, data, zeros.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aarch64.assembler.directives import run_directive
from aarch64.assembler.program import Program
from aarch64.assembler.source import Diagnostic, Fault, Piece, SourceError, source_error, statements

if TYPE_CHECKING:
    from aarch64.image import Image

__all__ = ["Diagnostic", "SourceError", "assemble_source"]

_LABEL = re.compile(r"([A-Za-z_.$][\w.$]*|\d+)\s*:")
_ASSIGNMENT = re.compile(r"([A-Za-z_.$][\w.$]*)\s*=(?!=)")
_PREPROCESSOR = re.compile(r"[ \t]*#[ \t]*(include|define|undef|if|ifdef|ifndef|else|elif|endif|error|pragma)\b")


def assemble_source(text: str, *, filename: str = "<source>", base: int = 0x4000_0000) -> Image:
    """Assemble a source; sections are placed from `base`. The entry is `_start` if there is one, else `.text`.

    Raises:
        SourceError: the errors of the source, each with its line and column.
    """
    program = Program()
    if filename.endswith(".S"):
        _refuse_preprocessor(text, program.faults)
    for statement in statements(text, program.faults):
        _first_pass(program, statement)
    program.end()
    image = program.image(base)
    if program.faults:
        raise source_error(program.faults, filename, text)
    return image


def _first_pass(program: Program, statement: Piece) -> None:
    program.begin(statement)
    try:
        _lay_out(program, statement)
    except Fault as fault:
        program.faults.append(fault)


def _lay_out(program: Program, piece: Piece) -> None:
    while label := _LABEL.match(piece.text):
        program.symbols.define(piece.part(0, label.end(1)), program.place)
        piece = piece.part(label.end())
    if not piece.text:
        return
    if assignment := _ASSIGNMENT.match(piece.text):
        _assign(program, piece.part(0, assignment.end(1)), piece.part(assignment.end()))
    elif piece.text.startswith("."):
        run_directive(program, piece)
    else:
        program.instruction(piece)


def _assign(program: Program, name: Piece, expression: Piece) -> None:
    if name.text == ".":
        raise name.error("'.' cannot be assigned: use .balign or .space")
    program.assign(name, expression)


def _refuse_preprocessor(text: str, faults: list[Fault]) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _PREPROCESSOR.match(line):
            what = f"#{found[1]} is for the C preprocessor, which is not run"
            faults.append(Fault(f"{what}: preprocess the file first (cpp)", number, found.start(1) - 1))
