"""The directives: `.name arguments`, with the GNU assembler's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from aarch64.assembler.program import INSTRUCTION_SIZE, Context, Program, to_bytes
from aarch64.assembler.sections import SectionKind, kind_of
from aarch64.assembler.source import Piece, arguments, string_bytes

Directive = Callable[[Program, Piece, list[Piece]], None]
"""Carries out a directive, given its name and arguments as pieces of the source; Fault if they are wrong."""

_MAX_ALIGNMENT_POWER = 16
_NAME = re.compile(r"[A-Za-z_.$][\w.$]*")


def _count(name: Piece, values: list[Piece], least: int, most: int) -> None:
    if not least <= len(values) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise name.error(f"{name.text} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(values)}")


def _symbol(piece: Piece) -> Piece:
    if not _NAME.fullmatch(piece.text):
        raise piece.error("expected a symbol name")
    return piece


# --- data


def _data(size: int) -> Directive:
    def emit(program: Program, _name: Piece, values: list[Piece]) -> None:
        def produce(context: Context) -> bytes:
            return b"".join(
                to_bytes(value, context.integer(value, index * size), size) for index, value in enumerate(values)
            )

        program.emit(size * len(values), produce)

    return emit


def _text(end: bytes) -> Directive:
    def emit(program: Program, _name: Piece, values: list[Piece]) -> None:
        content = b"".join(string_bytes(value) + end for value in values)
        program.emit(len(content), lambda _: content)

    return emit


def _space(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 1, 2)
    size = program.integer(values[0])
    if size < 0:
        raise values[0].error(f"a size of {size} bytes")
    program.fill(size, _byte(program, values[1]) if len(values) == 2 else 0)


def _byte(program: Program, value: Piece) -> int:
    return to_bytes(value, program.integer(value), 1)[0]


def _inst(program: Program, name: Piece, values: list[Piece]) -> None:
    program.check_code_alignment(name)

    def produce(context: Context) -> bytes:
        return b"".join(
            to_bytes(value, context.integer(value, index * INSTRUCTION_SIZE), INSTRUCTION_SIZE)
            for index, value in enumerate(values)
        )

    program.emit(INSTRUCTION_SIZE * len(values), produce, is_code=True)


# --- layout


def _align_to(program: Program, alignment: int, values: list[Piece]) -> None:
    fill = _byte(program, values[1]) if len(values) > 1 and values[1].text else None
    limit = program.integer(values[2]) if len(values) > 2 else None
    program.align(alignment, fill, limit)


def _balign(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 1, 3)
    alignment = program.integer(values[0]) or 1
    if alignment < 0 or alignment & (alignment - 1) or alignment > 1 << _MAX_ALIGNMENT_POWER:
        raise values[0].error(f"{alignment} is not a power of two up to {1 << _MAX_ALIGNMENT_POWER}")
    _align_to(program, alignment, values)


def _p2align(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 1, 3)
    power = program.integer(values[0])
    if not 0 <= power <= _MAX_ALIGNMENT_POWER:
        raise values[0].error(f"{name.text} takes a power of two, 0 to {_MAX_ALIGNMENT_POWER}; .balign takes bytes")
    _align_to(program, 1 << power, values)


def _enter(section: str, kind: SectionKind) -> Directive:
    def enter(program: Program, name: Piece, values: list[Piece]) -> None:
        if values and program.integer(values[0]):
            raise values[0].error(f"subsections are not supported: write {name.text} alone")
        program.enter(section, kind)

    return enter


def _section(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 1, 5)
    section = values[0].text.strip('"')
    if not section:
        raise name.error("expected the name of a section")
    flags = string_bytes(values[1]).decode("latin-1") if len(values) > 1 and values[1].text else None
    section_type = values[2].text.lstrip("%@") if len(values) > 2 else None
    program.enter(section, kind_of(section, flags, section_type))


def _ltorg(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 0, 0)
    program.flush_literals()


# --- symbols


def _equ(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 2, 2)
    program.assign(_symbol(values[0]), values[1])


def _global(program: Program, name: Piece, values: list[Piece]) -> None:  # noqa: ARG001  (the Directive signature)
    """One source makes the whole program: every label is visible."""
    for value in values or [name.part(len(name.text))]:
        _symbol(value)


def _size(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 2, 2)
    program.sizes[_symbol(values[0]).text] = (values[1], program.place)


def _common(program: Program, name: Piece, values: list[Piece]) -> None:
    _count(name, values, 2, 3)
    section = program.section
    program.enter(".bss", SectionKind.BSS)
    try:
        _balign(program, name, values[2:] or [Piece("8", name.line, name.column)])
        program.symbols.define(_symbol(values[0]), program.place)
        program.sizes[values[0].text] = (values[1], program.place)
        _space(program, name, values[1:2])
    finally:
        program.section = section


def _harmless(_program: Program, _name: Piece, _values: list[Piece]) -> None:
    """For a linker, a debugger or an unwinder; without meaning here."""


_BYTES: Mapping[int, tuple[str, ...]] = {
    1: (".byte",),
    2: (".hword", ".short", ".2byte"),
    4: (".word", ".long", ".int", ".4byte"),
    8: (".quad", ".xword", ".dword", ".8byte"),
}

DIRECTIVES: Mapping[str, Directive] = {
    **{name: _data(size) for size, names in _BYTES.items() for name in names},
    ".ascii": _text(b""),
    ".asciz": _text(b"\0"),
    ".string": _text(b"\0"),
    ".space": _space,
    ".skip": _space,
    ".zero": _space,
    ".inst": _inst,
    ".align": _p2align,
    ".p2align": _p2align,
    ".balign": _balign,
    ".text": _enter(".text", SectionKind.CODE),
    ".data": _enter(".data", SectionKind.DATA),
    ".bss": _enter(".bss", SectionKind.BSS),
    ".rodata": _enter(".rodata", SectionKind.RODATA),
    ".section": _section,
    ".ltorg": _ltorg,
    ".pool": _ltorg,
    ".equ": _equ,
    ".set": _equ,
    ".global": _global,
    ".globl": _global,
    ".size": _size,
    ".comm": _common,
    **dict.fromkeys((".type", ".arch", ".arch_extension", ".cpu", ".file", ".ident", ".loc", ".local"), _harmless),
    **dict.fromkeys((".hidden", ".protected", ".internal", ".variant_pcs"), _harmless),
}


def run_directive(program: Program, piece: Piece) -> None:
    """Carry out the directive that `piece` is; Fault if it is unknown or its arguments are wrong."""
    written, _, _ = piece.text.partition(" ")
    name = piece.part(0, len(written.split("\t")[0]))
    values = arguments(piece.part(len(name.text)))
    if name.text.lower().startswith(".cfi_"):
        return
    directive = DIRECTIVES.get(name.text.lower())
    if directive is None:
        raise name.error(f"{name.text} is not a directive this assembler knows")
    directive(program, name, values)
