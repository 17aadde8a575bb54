"""ADR and ADRP: addresses from the PC, as offsets and as targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.isa.definition import Trait
from aarch64.isa.table import assemble, decode, disassemble
from tests.isa.rows import check
from tests.isa.running import execute, make_cpu

ROWS = [
    ("adr x0, #0", "NZCV", "x0=0x40001000"),
    ("adr x0, #5", "", "x0=0x40001005"),
    ("adr x0, #-1048576", "", "x0=0x3ff01000"),
    ("adr x0, #1048575", "", "x0=0x40100fff"),
    ("adr xzr, #4", "", ""),
    ("adrp x0, #0", "", "x0=0x40001000"),
    ("adrp x0, #4096", "", "x0=0x40002000"),
    ("adrp x0, #-4294967296", "", "x0=0xffffffff40001000"),
    ("adrp x0, #4294963200", "", "x0=0x140000000"),
]


@pytest.mark.parametrize(("text", "before", "changes"), ROWS)
def test_row(text, before, changes):
    check(text, before, changes)


PREFERRED = [
    (0x10000000, "adr x0, #0"),
    (0x70FFFFE0, "adr x0, #-1"),
    (0x707FFFFE, "adr x30, #1048575"),
    (0xF0FFFFE0, "adrp x0, #-4096"),
    (0xF07FFFFF, "adrp xzr, #4294963200"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


REFUSED = [
    "adr x0, #1048576",
    "adr w0, #4",
    "adrp x0, #1",
    "adrp x0, #4294967296",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


@pytest.mark.parametrize("word", [0x1000_0000, 0x9000_0000])
def test_results_depend_on_the_address(word):
    assert Trait.PC_RELATIVE in decode(word).definition.traits


# --- laws

PCS = st.integers(0, (1 << 62) - 1).map(lambda words: words * 4)


@given(pc=PCS, offset=st.integers(-(1 << 20), (1 << 20) - 1))
def test_adr_gives_the_target_it_was_written_with(pc, offset):
    target = (pc + offset) % 2**64
    word = assemble(f"adr x0, {target:#x}", pc)
    assert f"adr x0, {target:#x}" == disassemble(word, pc)
    cpu = make_cpu()
    cpu.pc = pc
    execute(cpu, word)
    assert target == cpu.x(0)


@given(pc=PCS, pages=st.integers(-(1 << 20), (1 << 20) - 1), low=st.integers(0, 4095))
def test_adrp_gives_the_page_of_its_target(pc, pages, low):
    page = ((pc >> 12) + pages << 12) % 2**64
    word = assemble(f"adrp x0, {page + low:#x}", pc)
    assert f"adrp x0, {page:#x}" == disassemble(word, pc)
    cpu = make_cpu()
    cpu.pc = pc
    execute(cpu, word)
    assert page == cpu.x(0)
