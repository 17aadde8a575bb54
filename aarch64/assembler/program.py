"""One source being assembled: the first pass lays statements out, the second produces their bytes.

Every statement has its size in the first pass, so sections can be placed after it and the second pass knows every
address. A name assigned twice means, in each statement, what was assigned last above it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import attrs

from aarch64.assembler.expressions import Address, ExpressionError
from aarch64.assembler.sections import Section, SectionKind, place, standard_sections
from aarch64.assembler.source import Fault, Piece
from aarch64.assembler.symbols import Place, Symbols
from aarch64.errors import AssemblyError
from aarch64.image import Image, Segment, Symbol, SymbolTable
from aarch64.isa import table
from aarch64.isa.syntax import Mismatch, WrongValue
from aarch64.registers import is_register, parse_register

NOP = bytes.fromhex("1f2003d5")
INSTRUCTION_SIZE = 4


@attrs.frozen
class Context:
    """What an item is produced from: its address and the value of the expressions in it."""

    address: int
    symbols: Symbols
    place: Place

    def integer(self, expression: Piece, offset: int = 0) -> int:
        """The value of an expression that stands `offset` bytes into the item; Fault if it has none."""
        return self.symbols.integer(expression, self.place.advanced(offset))


Produce = Callable[[Context], bytes]


@attrs.frozen
class _Item:
    piece: Piece
    place: Place
    size: int
    produce: Produce | None
    """None makes zeros."""


@attrs.define
class _Literal:
    """A value waiting for its place in a literal pool."""

    expression: Piece
    place: Place
    size: int
    address: Address | None = None

    def produce(self, context: Context) -> bytes:
        value = context.symbols.integer(self.expression, self.place)
        return to_bytes(self.expression, value, self.size)


@attrs.define
class Program:
    """The state of the first pass, and the second pass over it."""

    sections: dict[str, Section] = attrs.field(factory=standard_sections)
    symbols: Symbols = attrs.field(default=attrs.Factory(lambda self: Symbols(self.sections), takes_self=True))
    faults: list[Fault] = attrs.field(factory=list)
    section: Section = attrs.field(default=attrs.Factory(lambda self: self.sections[".text"], takes_self=True))
    sizes: dict[str, tuple[Piece, Place]] = attrs.field(factory=dict)
    _statement: Piece = attrs.field(factory=lambda: Piece("", 1, 0))
    _order: int = 0
    _items: list[_Item] = attrs.field(factory=list)
    _literals: dict[tuple[str, int], dict[object, _Literal]] = attrs.field(factory=dict)

    # --- the first pass

    def begin(self, statement: Piece) -> None:
        """Go on to the next statement."""
        self._statement = statement
        self._order += 1

    @property
    def place(self) -> Place:
        """Where the statement stands."""
        return Place(self._order, Address(self.section.name, self.section.size))

    def integer(self, expression: Piece) -> int:
        """The value of an expression that has to be known in the first pass; Fault if it is not."""
        return self.symbols.integer(expression, self.place)

    def enter(self, name: str, kind: SectionKind) -> None:
        """Continue in a section, which is made if it is new."""
        self.section = self.sections.setdefault(name, Section(name, kind))

    def assign(self, name: Piece, expression: Piece) -> None:
        """`name = expression`, in both passes."""
        place = self.place
        self.symbols.assign(name, expression, place)

        def again(context: Context) -> bytes:
            context.symbols.evaluate(expression, place)
            context.symbols.assign(name, expression, place)
            return b""

        self._items.append(_Item(self._statement, place, 0, again))

    def emit(self, size: int, produce: Produce | None, *, is_code: bool = False) -> None:
        """Add `size` bytes to the section: what `produce` gives in the second pass, or zeros."""
        section = self.section
        if section.size + size > section.limit:
            raise self._statement.error(f"section {section.name} would be larger than {section.limit:#x} bytes")
        self._items.append(_Item(self._statement, self.place, size, produce))
        if not is_code and size and section.kind is SectionKind.CODE:
            section.add_data(section.size, section.size + size)
        section.size += size

    def align(self, alignment: int, fill: int | None = None, limit: int | None = None) -> None:
        """Fill up to a multiple of `alignment` with `fill` (default: NOP in code, else 0), if `limit` bytes suffice."""
        self.section.alignment = max(self.section.alignment, alignment)
        size = -self.section.size % alignment
        if limit and size > limit:
            return
        if fill is None and self.section.kind is SectionKind.CODE:
            zeros, nops = size % INSTRUCTION_SIZE, size // INSTRUCTION_SIZE
            self.emit(size, lambda _: bytes(zeros) + NOP * nops, is_code=True)
        else:
            self.fill(size, fill or 0)

    def fill(self, size: int, value: int) -> None:
        """Add `size` bytes of one value."""
        self.emit(size, (lambda _: bytes([value]) * size) if value else None)

    def instruction(self, piece: Piece) -> None:
        """Add one instruction."""
        self.check_code_alignment(piece)
        load = _LITERAL_LOAD.match(piece.text)
        produce = self._literal_load(piece, load) if load else lambda context: _encode(piece, context)
        self.emit(INSTRUCTION_SIZE, produce, is_code=True)

    def check_code_alignment(self, piece: Piece) -> None:
        """Fault unless an instruction may stand here."""
        if self.section.size % INSTRUCTION_SIZE:
            raise piece.error("an instruction has to be at a multiple of 4: put .balign 4 before it")
        if self.section.kind is SectionKind.BSS:
            raise piece.error(f"section {self.section.name} holds zeros only: put .text before instructions")

    # --- literal pools

    def _literal_load(self, piece: Piece, load: re.Match[str]) -> Produce:
        """`ldr x0, =value`: a load from the section's literal pool."""
        register = parse_register(load["register"].lower())
        if register is None:
            raise piece.error(f"expected a register, found {load['register']!r}", load.start("register"))
        size = 4 if load["mnemonic"].lower() == "ldrsw" else register[1] // 8
        literal = self._literal(piece.part(load.end()), size)
        start = load.end() - 1

        def produce(context: Context) -> bytes:
            assert literal.address is not None, "pools are flushed at the end of the first pass"
            target = context.symbols.sections[literal.address.section].address + literal.address.offset
            return _encode(Piece(f"{piece.text[:start]}{target:#x}", piece.line, piece.column), context)

        return produce

    def _literal(self, expression: Piece, size: int) -> _Literal:
        pool = self._literals.setdefault((self.section.name, size), {})
        return pool.setdefault(self._literal_key(expression), _Literal(expression, self.place, size))

    def _literal_key(self, expression: Piece) -> object:
        """Equal for loads that can share a literal: equal constants, or equal text that means the same everywhere."""
        try:
            value = self.symbols.evaluate(expression, self.place)
        except Fault:
            value = None
        if isinstance(value, int):
            return value
        text = re.sub(r"\s", "", expression.text)
        return (text, self._order) if _POSITIONAL.search(text) else text

    def flush_literals(self) -> None:
        """Put the literals that the section waits for here: words first, then doublewords."""
        for size in (4, 8):
            pool = self._literals.pop((self.section.name, size), {})
            if pool:
                self.align(size, fill=0)
            for literal in pool.values():
                literal.address = self.place.here
                self.emit(size, literal.produce)

    def end(self) -> None:
        """Finish the first pass: flush every pool."""
        for name, _ in list(self._literals):
            self.section = self.sections[name]
            self.flush_literals()

    # --- the second pass

    def image(self, base: int) -> Image:
        """Place the sections from `base` and produce every byte. The entry is `_start`, else where `.text` begins."""
        place(self.sections.values(), base)
        self.symbols.placed = True
        for section in self.sections.values():
            if section.kind is not SectionKind.BSS:
                section.content = bytearray(section.size)
        for item in self._items:
            self._attempt(item)
        symbols = SymbolTable(self._symbols())
        sections = sorted(self.sections.values(), key=lambda section: section.address)
        loaded = [section for section in sections if section.size and section.kind is not SectionKind.UNLOADED]
        return Image(
            segments=tuple(_segment(section) for section in loaded),
            entry=symbols.get("_start", self.sections[".text"].address),
            symbols=symbols,
            data=tuple(
                range(section.address + item.start, section.address + item.stop)
                for section in loaded
                for item in section.data
            ),
            sections={section.name: range(section.address, section.address + section.size) for section in loaded},
        )

    def _attempt(self, item: _Item) -> None:
        try:
            self._produce(item)
        except Fault as fault:
            self.faults.append(fault)

    def _produce(self, item: _Item) -> None:
        if item.produce is None:
            return
        section, offset = self.sections[item.place.here.section], item.place.here.offset
        content = item.produce(Context(section.address + offset, self.symbols, item.place))
        if section.kind is not SectionKind.BSS:
            section.content[offset : offset + item.size] = content
        elif any(content):
            raise item.piece.error(f"section {section.name} holds zeros only: put .data before this")

    def _symbols(self) -> list[Symbol]:
        found: list[Symbol] = []
        for name, piece in self.symbols.labels.items():
            if name.startswith(".L"):
                continue
            try:
                address, size = self.symbols.value_of(name), 0
                if name in self.sizes:
                    size = self.symbols.integer(*self.sizes[name])
            except ExpressionError as error:
                self.faults.append(piece.error(error.message))
                continue
            except Fault as fault:
                self.faults.append(fault)
                continue
            assert isinstance(address, int), "sections are placed"
            found.append(Symbol(name, address, max(size, 0)))
        return found


_LITERAL_LOAD = re.compile(r"(?P<mnemonic>ldr|ldrsw)\s+(?P<register>\w+)\s*,\s*=", re.IGNORECASE)
_POSITIONAL = re.compile(r"(?<![\w.$])(\d+[bf]|\.)(?![\w.$])")
_MODIFIER = re.compile(r":(\w+):")
_MODIFIERS: dict[str, Callable[[int], int]] = {
    "lo12": lambda value: value & 0xFFF,
    "pg_hi21": lambda value: value,
}


def _segment(section: Section) -> Segment:
    return Segment(section.address, bytes(section.content), section.size, section.kind is SectionKind.CODE)


def _encode(piece: Piece, context: Context) -> bytes:
    try:
        word = table.assemble(piece.text, context.address, lambda text, at: _operand(piece, text, at, context))
    except AssemblyError as error:
        raise piece.error(error.message, error.column) from error
    return word.to_bytes(INSTRUCTION_SIZE, "little")


def _operand(piece: Piece, text: str, position: int, context: Context) -> int:
    """The value of an expression inside an instruction, `:lo12:symbol` included."""
    modifier = _MODIFIER.match(text)
    start = position + modifier.end() if modifier else position
    if modifier and modifier[1].lower() not in _MODIFIERS:
        raise Mismatch(f"{modifier[0]} is not supported; {', '.join(f':{name}:' for name in _MODIFIERS)} are", position)
    try:
        value = context.integer(piece.part(start, position + len(text)))
    except Fault as fault:
        kind = Mismatch if is_register(text.lower()) else WrongValue
        raise kind(fault.message, fault.column - piece.column) from fault
    return _MODIFIERS[modifier[1].lower()](value) if modifier else value


def to_bytes(expression: Piece, value: int, size: int) -> bytes:
    """`value`, signed or unsigned, in `size` bytes; Fault if it does not fit."""
    bits = 8 * size
    if not -(1 << (bits - 1)) <= value < 1 << bits:
        raise expression.error(f"{value:#x} does not fit {bits} bits")
    return (value & ((1 << bits) - 1)).to_bytes(size, "little")
