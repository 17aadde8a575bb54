"""Load-acquire and store-release: what they move, and the rules of alignment that are theirs alone."""

import pytest

from aarch64.bits import mask
from aarch64.features import Feature
from aarch64.isa.table import assemble, disassemble
from tests.isa.memory_bench import DATA, NOWHERE, PATTERN, RAM_END, fault, make_cpu, memory_at, run

NEW, OTHER = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
SUFFIXES = [("b", "w", 1), ("h", "w", 2), ("", "w", 4), ("", "x", 8)]
NAA = 1 << 6
ALIGNMENT_CHECK = 1 << 1


@pytest.mark.parametrize("stem", ["ldar", "ldlar", "ldapr"])
@pytest.mark.parametrize(("suffix", "register", "size"), SUFFIXES)
def test_loads(stem, suffix, register, size) -> None:
    cpu = run(make_cpu(), f"{stem}{suffix} {register}0, [x1]", x0=mask(64))
    assert int.from_bytes(PATTERN[:size], "little") == cpu.gpr[0]


@pytest.mark.parametrize("stem", ["stlr", "stllr"])
@pytest.mark.parametrize(("suffix", "register", "size"), SUFFIXES)
def test_stores(stem, suffix, register, size) -> None:
    cpu = run(make_cpu(), f"{stem}{suffix} {register}0, [x1]", x0=NEW)
    assert NEW.to_bytes(8, "little")[:size] + PATTERN[size:] == cpu.memory.read_bytes(DATA, 16)


@pytest.mark.parametrize(("register", "size"), [("w", 4), ("x", 8)])
def test_a_stack_of_single_registers(register, size) -> None:
    cpu = run(make_cpu(), f"stlr {register}0, [x1, #-{size}]!", x0=NEW)
    assert (DATA - size, NEW & mask(8 * size)) == (cpu.gpr[1], memory_at(cpu, DATA - size, size))
    run(cpu, f"ldapr {register}2, [x1], #{size}")
    assert (DATA, NEW & mask(8 * size)) == (cpu.gpr[1], cpu.gpr[2])


@pytest.mark.parametrize(("register", "size"), [("w", 4), ("x", 8)])
def test_a_stack_of_pairs(register, size) -> None:
    cpu = run(make_cpu(), f"stilp {register}0, {register}2, [x1, #-{2 * size}]!", x0=NEW, x2=OTHER)
    assert DATA - 2 * size == cpu.gpr[1]
    assert (NEW & mask(8 * size), OTHER & mask(8 * size)) == (
        memory_at(cpu, DATA - 2 * size, size),
        memory_at(cpu, DATA - size, size),
    )
    run(cpu, f"ldiapp {register}3, {register}4, [x1], #{2 * size}")
    assert [DATA, NEW & mask(8 * size), OTHER & mask(8 * size)] == [cpu.gpr[1], *cpu.gpr[3:5]]


def test_pairs_without_writeback() -> None:
    cpu = run(make_cpu(), "stilp x0, x2, [x1]", "ldiapp x3, x4, [x1]", x0=NEW, x2=OTHER)
    assert [DATA, NEW, OTHER] == [cpu.gpr[1], *cpu.gpr[3:5]]


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("ldapr x1, [x1], #8", DATA + 8),
        ("ldiapp x1, x2, [x1], #16", DATA + 16),
        ("ldiapp x2, x1, [x1], #16", DATA + 16),
    ],
)
def test_load_over_its_own_base_leaves_the_new_base(text, base) -> None:
    assert base == run(make_cpu(), text).gpr[1]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("stlr x1, [x1, #-8]!", DATA - 8),
        ("stilp x1, x2, [x1, #-16]!", DATA - 16),
        ("stilp x2, x1, [x1, #-16]!", DATA - 8),
    ],
)
def test_store_of_its_own_base_writes_the_old_one(text, where) -> None:
    assert DATA == memory_at(run(make_cpu(), text), where, 8)


WITHIN, ACROSS = DATA + 6, DATA + 12


@pytest.mark.parametrize(
    ("address", "sctlr", "without", "is_allowed"),
    [
        (WITHIN, 0, [], True),
        (ACROSS, 0, [], False),
        (ACROSS, NAA, [], True),
        (WITHIN, NAA, [Feature.LSE2], False),
        (WITHIN, 0, [Feature.LSE2], False),
        (WITHIN, NAA | ALIGNMENT_CHECK, [], False),
    ],
)
@pytest.mark.parametrize(
    "text", ["ldar x0, [x1]", "stlr x0, [x1]", "ldapr x0, [x1]", "ldapur x0, [x1]", "stlur x0, [x1]"]
)
def test_alignment_of_normal_memory(text, address, sctlr, without, is_allowed) -> None:
    cpu = make_cpu(unaligned=True, without=without)
    cpu.sysregs["SCTLR_EL1"] = sctlr
    cpu.gpr[1] = address
    if is_allowed:
        run(cpu, text)
    else:
        exception = fault(cpu, text)
        assert (0x21 | text.startswith("st") << 6, address) == (exception.iss, exception.far)


@pytest.mark.parametrize(("address", "is_allowed"), [(DATA + 8, True), (DATA + 2, True), (DATA + 10, False)])
def test_a_pair_within_sixteen_bytes_is_one_access(address, is_allowed) -> None:
    cpu = make_cpu(unaligned=True)
    cpu.gpr[1] = address
    if is_allowed:
        run(cpu, "ldiapp w0, w2, [x1]")
    else:
        assert 0x21 == fault(cpu, "ldiapp w0, w2, [x1]").iss


@pytest.mark.parametrize(
    ("text", "base", "far"),
    [
        ("stilp x0, x2, [x1]", NOWHERE + 8, NOWHERE + 8),
        ("stilp x0, x2, [x1, #-16]!", NOWHERE + 24, NOWHERE + 16),
        ("stilp x0, x2, [x1, #-16]!", NOWHERE + 16, NOWHERE),
        ("stilp x0, x2, [x1, #-16]!", RAM_END + 8, RAM_END),
        ("ldiapp x0, x2, [x1]", RAM_END - 8, RAM_END),
    ],
)
def test_which_element_faults_first(text, base, far) -> None:
    cpu = make_cpu()
    cpu.gpr[1] = base
    assert far == fault(cpu, text).far


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0xC8DF_FC20, "ldar x0, [x1]"),
        (0xC8C0_8020, "ldar x0, [x1]"),
        (0x8880_8020, "stlr w0, [x1]"),
        (0xD9C0_0BE0, "ldapr x0, [sp], #8"),
        (0x9980_0820, "stlr w0, [x1, #-4]!"),
        (0xD942_0820, "ldiapp x0, x2, [x1], #16"),
        (0x9902_1820, "stilp w0, w2, [x1]"),
    ],
)
def test_text(word, text) -> None:
    assert text == disassemble(word)
    assert word | assemble(text) == assemble(text)
