"""Instructions and texts as the rest of kprobes sees them, and simulation: an instruction done to a frame."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import attrs

from aarch64.access import fetch
from aarch64.bits import mask
from aarch64.exceptions import branch_target, undefined
from aarch64.isa.branch import direct_target
from aarch64.isa.definition import Trait
from aarch64.isa.table import decode, disassemble
from aarch64.pstate import PState
from aarch64.registers import ZR
from kprobes.ports import Effect
from kprobes.rules import Defect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu
    from aarch64.image import Image, Segment
    from aarch64.isa.decoder import Decoded
    from kprobes.ports import Registers

_WORD = 4
_X = mask(64)
_BTYPE = 0b11 << 10
_NZCV = 0b1111 << 28

# --- instructions


@attrs.frozen(slots=False)
class A64Instruction:
    """A word of A64, as `ports.Instruction`."""

    word: int

    @cached_property
    def _decoded(self) -> Decoded | None:
        return decode(self.word)

    @cached_property
    def effects(self) -> Effect:
        """What it does, from the traits of its definition; features that a machine may not have count as there."""
        decoded = self._decoded
        if decoded is None:
            return Effect.UNALLOCATED
        definition = decoded.definition
        found = Effect.UNSUPPORTED if definition.unsupported else Effect.NONE
        if definition.landing is not None:
            found |= Effect.LANDS
        for trait in definition.traits_of(decoded.fields):
            found |= Effect.__members__.get(str(trait.name), Effect.NONE)
        return found

    def text(self, address: int | None = None) -> str:
        """Its disassembly; PC-relative operands are absolute where the address is given."""
        return disassemble(self.word, address)

    def successors(self, address: int) -> tuple[int, ...]:
        """Where control may go on from `address`: along direct branches, and after it. A call does both."""
        following = (address + _WORD) & _X
        if self._decoded is None or not self.effects & Effect.BRANCHES:
            return (following,)
        traits = self._decoded.definition.traits
        target = direct_target(self._decoded.fields, address)
        goes_on = traits & (Trait.CONDITIONAL | Trait.CALLS)
        return tuple(place for place in (target, following if goes_on else None) if place is not None)


@lru_cache(maxsize=1 << 16)
def instruction_of(word: int) -> A64Instruction:
    """What a word is; a text has most of its words more than once, and rules ask again and again."""
    return A64Instruction(word)


# --- texts


@attrs.frozen(slots=False, eq=False)
class ImageText:
    """The executable segments of a program, as `ports.Text`."""

    image: Image

    @cached_property
    def _segments(self) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.image.segments if segment.executable)

    @cached_property
    def regions(self) -> tuple[range, ...]:
        """The whole words of each segment that are stored in the program, by bytes."""
        return tuple(_words_of(segment) for segment in self._segments)

    @cached_property
    def _symbols(self) -> list[int]:
        return sorted(set(self.image.symbols.values()))

    def instruction(self, address: int) -> A64Instruction | None:
        """The word at an address, be it code or data among it; None where there is none, or it is not aligned."""
        for segment, region in zip(self._segments, self.regions, strict=True):
            if address in region and address % _WORD == 0:
                offset = address - segment.address
                return instruction_of(int.from_bytes(segment.data[offset : offset + _WORD], "little"))
        return None

    def is_code(self, address: int) -> bool:
        """Whether there is an instruction at an address, and not data among the code."""
        return self.instruction(address) is not None and self.image.is_code(address)

    def symbol(self, address: int) -> range | None:
        """From the nearest symbol of this piece of text that is not after `address` to the next one, or its end.

        Sizes of symbols do not count, as to kallsyms_lookup_size_offset.
        """
        region = next((item for item in self.regions if address in item), None)
        index = bisect_right(self._symbols, address)
        if region is None or index == 0 or self._symbols[index - 1] not in region:
            return None
        following = self._symbols[index] if index < len(self._symbols) else region.stop
        return range(self._symbols[index - 1], min(following, region.stop))


def _words_of(segment: Segment) -> range:
    start = -(-segment.address // _WORD) * _WORD
    stop = (segment.address + len(segment.data)) // _WORD * _WORD
    return range(start, max(start, stop))


# --- simulation


def simulate(
    cpu: Cpu, instruction: A64Instruction, address: int, frame: Registers, defects: Defect = Defect.NONE
) -> None:
    """Do to `frame`, PC included, what an instruction does at `address`: its own semantics, on the frame's registers.

    It may load from memory as the frame's PSTATE allows, and must not store. In a guarded page, PSTATE.BTYPE is checked
    as when the instruction is executed there. `cpu` is left as it was.

    Raises:
        ArchException: the instruction ends with an exception, which is one of `address`; the frame is as it was.
    """
    decoded = decode(instruction.word)
    assert decoded is not None, f"{instruction.word:#010x} is unallocated, and cannot be simulated"
    fields = decoded.fields
    reads_too_much = Defect.WIDE_LITERAL in defects and _is_narrow_literal(decoded)
    if reads_too_much:
        fields = {**fields, "sf": 1}
    with _in_place_of(cpu, frame, address):
        if Defect.IGNORES_BTYPE not in defects:
            _check_landing(cpu, decoded)
        _execute(cpu, attrs.evolve(decoded, fields=fields))
        if reads_too_much and fields["rt"] != ZR:
            cpu.gpr[fields["rt"]] &= mask(32)
        if Defect.IGNORES_BTYPE in defects and not decoded.definition.traits & Trait.HINT:
            cpu.next_btype = frame.pstate >> 10 & 3
        _put_into(frame, cpu)


def check_landing(cpu: Cpu, instruction: A64Instruction, address: int, frame: Registers) -> None:
    """BranchTargetCheck of an instruction at `address` by PSTATE.BTYPE of `frame`; `cpu` is left as it was.

    The BRK of a probe has passed it whatever PSTATE.BTYPE was.

    Raises:
        ArchException: the branch target exception.
    """
    decoded = decode(instruction.word)
    assert decoded is not None, f"{instruction.word:#010x} is unallocated, and cannot be branched to"
    with _in_place_of(cpu, frame, address):
        _check_landing(cpu, decoded)


def _is_narrow_literal(decoded: Decoded) -> bool:
    return decoded.definition.title == "LDR (literal)" and not decoded.fields["sf"]


def _check_landing(cpu: Cpu, decoded: Decoded) -> None:
    """BranchTargetCheck, where the CPU is."""
    fetch(cpu, cpu.pc)  # tells whether the page is guarded
    btype = cpu.pstate.btype
    if btype and cpu.in_guarded_page and not decoded.definition.can_be_reached_by(cpu, decoded.fields):
        raise branch_target(btype)


def _execute(cpu: Cpu, decoded: Decoded) -> None:
    definition = decoded.definition
    assert definition.semantics is not None, f"{definition.title} is not implemented, and cannot be simulated"
    if definition.feature is not None and not cpu.has(definition.feature):
        raise undefined()
    definition.semantics(cpu, *definition.arguments(decoded.fields))


@contextmanager
def _in_place_of(cpu: Cpu, frame: Registers, pc: int) -> Iterator[None]:
    """Have the CPU be where the frame is, about to execute at `pc`, for a while."""
    kept = cpu.pstate, cpu.pc, cpu.next_pc, cpu.next_btype, cpu.gpr[:], cpu.sp_el[:], cpu.exclusive
    cpu.pstate = PState.from_spsr(frame.pstate)
    cpu.pc, cpu.next_pc, cpu.next_btype = pc, (pc + _WORD) & _X, 0
    cpu.gpr[:ZR] = [value & _X for value in frame.x]
    cpu.sp = frame.sp & _X
    cpu.context_changed()
    try:
        yield
    finally:
        cpu.pstate, cpu.pc, cpu.next_pc, cpu.next_btype, cpu.gpr[:], cpu.sp_el[:], cpu.exclusive = kept
        cpu.context_changed()


def _put_into(frame: Registers, cpu: Cpu) -> None:
    """Have the frame be where the CPU will be after its instruction."""
    frame.x[:], frame.sp, frame.pc = cpu.gpr[:ZR], cpu.sp, cpu.next_pc
    state = attrs.evolve(cpu.pstate, btype=cpu.next_btype)
    frame.pstate = frame.pstate & ~(_NZCV | _BTYPE) | state.to_spsr() & (_NZCV | _BTYPE)
