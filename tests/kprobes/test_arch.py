"""Instructions and texts as kprobes sees them."""

import pytest

from aarch64.image import Image, Segment, Symbol, SymbolTable
from aarch64.isa.definition import Trait
from kprobes.arch.code import A64Instruction, ImageText
from kprobes.ports import Effect
from tests.kprobes.texts import BASE, instruction_of, place, text_of

OWN = {"NONE", "UNALLOCATED", "UNSUPPORTED", "LANDS"}
"""Effects that are no traits."""


def test_effects_are_called_as_the_traits():
    assert Effect.__members__.keys() - OWN <= Trait.__members__.keys()
    assert not (OWN - {"NONE"}) & Trait.__members__.keys()


@pytest.mark.parametrize(
    ("written", "effects"),
    [
        ("add x0, x1, x2", Effect.NONE),
        ("b.eq 0x40000000", Effect.BRANCHES | Effect.PC_RELATIVE),
        ("mrs x0, ELR_EL1", Effect.READS_EXCEPTION_STATE),
        ("mrs x0, TPIDR_EL0", Effect.NONE),
        ("brk #4", Effect.RAISES | Effect.LANDS),
        ("paciasp", Effect.LANDS),
        ("tlbi vmalle1", Effect.WRITES_SYSREG | Effect.MAINTAINS),
        (0xFFFF_FFFF, Effect.UNALLOCATED),
        (0x5C00_0000, Effect.UNSUPPORTED),
    ],
)
def test_effects(written, effects):
    assert instruction_of(written).effects == effects


@pytest.mark.parametrize(
    ("written", "successors"),
    [
        ("add x0, x1, x2", [4]),
        ("b 0x40000100", [0x100]),
        ("b.ne 0x40000100", [0x100, 4]),
        ("b.al 0x40000100", [0x100, 4]),
        ("cbz x0, 0x3fffffe0", [-0x20, 4]),
        ("tbnz x0, #40, 0x40000010", [0x10, 4]),
        ("bl 0x40000100", [0x100, 4]),
        ("blr x0", [4]),
        ("blraaz x0", [4]),
        ("br x0", []),
        ("ret", []),
        ("retaa", []),
        ("eret", []),
        ("svc #0", [4]),
        ("brk #0", [4]),
        ("adr x0, 0x40000100", [4]),
        (0xFFFF_FFFF, [4]),
    ],
)
def test_successors(written, successors):
    assert list(instruction_of(written).successors(BASE)) == [BASE + offset for offset in successors]


def test_addresses_wrap_around():
    assert A64Instruction(0xD503_201F).successors((1 << 64) - 4) == (0,)


# --- texts


def test_a_text_has_code_and_the_data_among_it():
    text = text_of("first: ret\n.word 0xd503201f\nnop\n.data\n.word 1")
    assert text.regions == (range(BASE, BASE + 12),)
    assert [text.is_code(BASE + offset) for offset in (0, 4, 8, 12, 2)] == [True, False, True, False, False]
    assert text.instruction(BASE + 4).text() == "nop"
    assert text.instruction(BASE + 12) is None
    assert text.instruction(BASE + 2) is None


def test_only_whole_aligned_words_count():
    text = ImageText(Image((Segment(0x1001, bytes(10)),), 0x1004))
    assert text.regions == (range(0x1004, 0x1008),)
    assert text.instruction(0x1004).word == 0
    assert ImageText(Image((Segment(0x1001, bytes(2)),), 0x1004)).regions == (range(0x1004, 0x1004),)


def test_what_is_not_stored_is_no_text():
    """A segment may be larger than its bytes: the rest is zero."""
    text = ImageText(Image((Segment(0x1000, bytes(4), size=0x100),), 0x1000))
    assert text.regions == (range(0x1000, 0x1004),)


def test_a_symbol_reaches_to_the_next_one_whatever_its_size():
    named = [Symbol("a", 0x1004, 4), Symbol("b", 0x100C, 4), Symbol("twin", 0x100C), Symbol("far", 0x9000)]
    symbols = SymbolTable(named)
    text = ImageText(Image((Segment(0x1000, bytes(0x20)), Segment(0x8000, bytes(0x10))), 0x1000, symbols))
    assert text.symbol(0x1000) is None
    assert text.symbol(0x1004) == text.symbol(0x1008) == range(0x1004, 0x100C)
    assert text.symbol(0x100C) == text.symbol(0x101C) == range(0x100C, 0x1020)
    assert text.symbol(0x1020) is None  # not in the text
    assert text.symbol(0x8004) is None  # the nearest symbol is in another piece of text


def test_labels_are_symbols():
    text = text_of("first: nop\nsecond: nop")
    assert text.symbol(place(text, "second")) == range(BASE + 4, BASE + 8)
