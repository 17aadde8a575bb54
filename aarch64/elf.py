"""ELF64 files for AArch64: what a linker made, as a program image ("ELF for the Arm 64-bit Architecture").

The file is not trusted: every offset and size is checked before it is used, and every count is bounded.
"""

from __future__ import annotations

import itertools
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

import attrs
from elftools.common.exceptions import ELFParseError
from elftools.common.utils import struct_parse
from elftools.elf.structs import ELFStructs

from aarch64.bits import mask
from aarch64.image import Image, Segment, Symbol, SymbolTable

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\x7fELF"
_MAX_SEGMENTS = 64
_MAX_SECTIONS = 0x10000
_MAX_SYMBOLS = 1 << 18
_MAX_NAME = 1024

_PF_X = 1
_SHF_ALLOC = 1 << 1
_STT_NOTYPE, _STT_OBJECT, _STT_FUNC = 0, 1, 2
_STB_LOCAL = 0
_SHN_UNDEF, _SHN_LORESERVE = 0, 0xFF00
_SYMBOL = struct.Struct("<IBBHQQ")  # st_name, st_info, st_other, st_shndx, st_value, st_size

_NOT_RUNNABLE = {
    "ET_REL": "is an object file, not a program: link it first (aarch64-linux-gnu-ld)",
    "ET_DYN": "is position-independent and needs a dynamic loader: link it with -static -no-pie",
    "ET_CORE": "is a core dump, not a program",
}


class ElfError(Exception):
    """An ELF file that cannot be loaded: the fault, with its place in the file."""


@attrs.frozen
class _RawSymbol:
    """A symbol as the file has it; the address is virtual."""

    name: str
    address: int
    size: int
    kind: int
    is_local: bool


def read_elf(content: bytes) -> Image:
    """The program in an ELF file: its PT_LOAD segments at their physical addresses, entry and symbols likewise.

    Raises:
        ElfError: it is damaged, or no static AArch64 program.
    """
    reader = _Reader(content)
    header = reader.header()
    loads = reader.loads(header)
    entry = _physical(header.e_entry, loads)
    segments = tuple(sorted((reader.segment(load) for load in loads), key=lambda segment: segment.address))
    _check_segments(segments)
    if not any(item.executable and item.address <= entry < item.end for item in segments):
        raise ElfError(f"the entry point {header.e_entry:#x} is in no executable segment")
    if entry % 4:
        raise ElfError(f"the entry point {header.e_entry:#x} is not a multiple of 4")
    sections = reader.sections(header)
    found = [attrs.evolve(item, address=_physical(item.address, loads)) for item in reader.symbols(sections)]
    names = reader.section_names(header, sections)
    places = {
        name: range(start, start + section.sh_size)
        for name, section in reversed(names)
        for start in (_physical(section.sh_addr, loads),)
    }
    return Image(segments, entry, _symbol_table(found), tuple(_data_in_code(found, segments)), places)


@attrs.frozen
class _Reader:
    content: bytes
    structs: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        structs = ELFStructs(little_endian=True, elfclass=64)
        structs.create_basic_structs()
        structs.create_advanced_structs()
        object.__setattr__(self, "structs", structs)

    def parse(self, layout: Any, offset: int, what: str) -> Any:
        """The record at `offset`."""
        if offset >= len(self.content):
            raise ElfError(f"{what} at offset {offset:#x} is past the end of the file ({len(self.content):#x} bytes)")
        try:
            return struct_parse(layout, BytesIO(self.content[offset : offset + 64]), 0)
        except ELFParseError as error:
            raise ElfError(f"{what} at offset {offset:#x} is cut off or damaged") from error

    def bytes(self, offset: int, size: int, what: str) -> bytes:
        """A part of the file."""
        if offset + size > len(self.content):
            where, end = f"{what} at offset {offset:#x}, {size:#x} bytes", len(self.content)
            raise ElfError(f"{where}, goes past the end of the file ({end:#x})")
        return self.content[offset : offset + size]

    def header(self) -> Any:
        """The file header of a static little-endian 64-bit AArch64 program."""
        header = self.parse(self.structs.Elf_Ehdr, 0, "the ELF header")
        ident = header.e_ident
        if ident.EI_CLASS != "ELFCLASS64":
            raise ElfError("is not a 64-bit ELF file (byte 0x4)")
        if ident.EI_DATA != "ELFDATA2LSB":
            raise ElfError("is not a little-endian ELF file (byte 0x5)")
        if header.e_machine != "EM_AARCH64":
            raise ElfError(f"is for machine {header.e_machine}, not for AArch64 (offset 0x12)")
        if header.e_type != "ET_EXEC":
            raise ElfError(_NOT_RUNNABLE.get(header.e_type, f"has the unknown type {header.e_type} (offset 0x10)"))
        return header

    def table(self, layout: Any, offset: int, count: int, entry_size: int, most: int, what: str) -> Iterator[Any]:
        """The records of a table of headers."""
        size = layout.sizeof()
        if count and entry_size != size:
            raise ElfError(f"{what}s of {entry_size} bytes, where ELF64 has {size}")
        if count > most:
            raise ElfError(f"{count} {what}s; {most} are read at most")
        self.bytes(offset, count * size, f"the table of {what}s")
        for index in range(count):
            yield self.parse(layout, offset + index * size, what)

    def loads(self, header: Any) -> list[Any]:
        """The headers of the segments to load. Without any physical address in the file, virtual ones count."""
        table = self.table(
            self.structs.Elf_Phdr, header.e_phoff, header.e_phnum, header.e_phentsize, _MAX_SEGMENTS, "program header"
        )
        segments = list(table)
        if any(item.p_type == "PT_INTERP" for item in segments):
            raise ElfError("is dynamically linked: link it with -static -no-pie")
        loads = [item for item in segments if item.p_type == "PT_LOAD" and item.p_memsz]
        if not loads:
            raise ElfError("has nothing to load (no PT_LOAD segment)")
        if not any(item.p_paddr for item in loads):
            for item in loads:
                item.p_paddr = item.p_vaddr
        return loads

    def segment(self, load: Any) -> Segment:
        """The segment a PT_LOAD header describes."""
        where = f"the segment at {load.p_paddr:#x}"
        if load.p_filesz > load.p_memsz:
            raise ElfError(f"{where} has {load.p_filesz:#x} bytes in the file for {load.p_memsz:#x} in memory")
        if max(load.p_paddr, load.p_vaddr) + load.p_memsz > 1 << 64:
            raise ElfError(f"{where}, {load.p_memsz:#x} bytes, goes past the end of the address space")
        data = self.bytes(load.p_offset, load.p_filesz, f"the content of {where}")
        return Segment(load.p_paddr, data, load.p_memsz, bool(load.p_flags & _PF_X))

    def sections(self, header: Any) -> list[Any]:
        """The section headers, none if the file is stripped of them."""
        table = self.table(
            self.structs.Elf_Shdr, header.e_shoff, header.e_shnum, header.e_shentsize, _MAX_SECTIONS, "section header"
        )
        return list(table)

    def section_names(self, header: Any, sections: list[Any]) -> list[tuple[str, Any]]:
        """The sections that are in memory, with their names."""
        if header.e_shstrndx >= len(sections):
            return []
        strings = sections[header.e_shstrndx]
        names = self.bytes(strings.sh_offset, strings.sh_size, "the names of sections")
        loaded = [section for section in sections if section.sh_flags & _SHF_ALLOC and section.sh_size]
        return [(_string(names, section.sh_name), section) for section in loaded]

    def symbols(self, sections: list[Any]) -> list[_RawSymbol]:
        """The symbols of the symbol table, none if the file is stripped."""
        found = next((section for section in sections if section.sh_type == "SHT_SYMTAB"), None)
        return list(self._symbol_section(found, sections)) if found else []

    def _symbol_section(self, section: Any, sections: list[Any]) -> Iterator[_RawSymbol]:
        where = f"the symbol table at offset {section.sh_offset:#x}"
        if section.sh_entsize != _SYMBOL.size or section.sh_size % _SYMBOL.size:
            raise ElfError(f"{where} is damaged: {section.sh_size:#x} bytes in entries of {section.sh_entsize:#x}")
        if section.sh_size > _MAX_SYMBOLS * _SYMBOL.size:
            raise ElfError(f"{where} has more than {_MAX_SYMBOLS} symbols: strip the file")
        if section.sh_link >= len(sections):
            raise ElfError(f"{where} names section {section.sh_link} for its strings, of {len(sections)} sections")
        strings = sections[section.sh_link]
        names = self.bytes(strings.sh_offset, strings.sh_size, "the string table")
        entries = self.bytes(section.sh_offset, section.sh_size, where)
        for name, info, _, index, value, size in _SYMBOL.iter_unpack(entries):
            kind = info & 0xF
            if kind > _STT_FUNC or not _SHN_UNDEF < index < _SHN_LORESERVE or not name:
                continue
            if name >= len(names):
                raise ElfError(f"{where} has a name at {name:#x} of {len(names):#x} bytes of strings")
            yield _RawSymbol(_string(names, name), value, size, kind, info >> 4 == _STB_LOCAL)


def _string(names: bytes, offset: int) -> str:
    """A string of a string table."""
    return names[offset : offset + _MAX_NAME].partition(b"\0")[0].decode("utf-8", "replace")


def _physical(address: int, loads: list[Any]) -> int:
    """Where the byte at a virtual address is loaded; the address itself if no segment holds it."""
    for load in loads:
        if load.p_vaddr <= address <= load.p_vaddr + load.p_memsz:
            return int(address - load.p_vaddr + load.p_paddr) & mask(64)
    return int(address)


def _check_segments(segments: tuple[Segment, ...]) -> None:
    for first, second in itertools.pairwise(segments):
        if first.end > second.address:
            raise ElfError(f"the segments at {first.address:#x} and {second.address:#x} overlap")


def _symbol_table(symbols: list[_RawSymbol]) -> SymbolTable:
    """Functions before objects before plain labels, what is global first: so the best name of a place counts."""
    named = [symbol for symbol in symbols if not symbol.name.startswith("$")]
    rank = {_STT_FUNC: 0, _STT_OBJECT: 1, _STT_NOTYPE: 2}
    named.sort(key=lambda symbol: (symbol.is_local, rank[symbol.kind]))
    return SymbolTable(Symbol(symbol.name, symbol.address, symbol.size) for symbol in named)


def _data_in_code(symbols: list[_RawSymbol], segments: tuple[Segment, ...]) -> Iterator[range]:
    """What mapping symbols (`$d` data, `$x` code, each up to the next one) say of executable segments."""
    marks = sorted((item.address, item.name[1]) for item in symbols if item.name[:2] in ("$d", "$x"))
    for index, (address, kind) in enumerate(marks):
        segment = next((item for item in segments if item.executable and item.address <= address < item.end), None)
        if kind != "d" or segment is None:
            continue
        following = marks[index + 1][0] if index + 1 < len(marks) else segment.end
        yield range(address, min(following, segment.end))
