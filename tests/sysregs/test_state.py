"""Registers that show state kept elsewhere: PSTATE, saved state, pending interrupts."""

import pytest

from aarch64.lines import Line
from aarch64.sysregs import names, read_register, write_register
from aarch64.sysregs.table import TABLE
from tests.isa.running import execute, make_cpu, take


def read(cpu, name: str) -> int:
    return read_register(cpu, names.encoding_of(name), 0)


def write(cpu, name: str, value: int) -> None:
    write_register(cpu, names.encoding_of(name), 0, value)


@pytest.mark.parametrize(
    ("name", "bit", "attribute"),
    [
        ("DAIF", 9, "d"), ("DAIF", 8, "a"), ("DAIF", 7, "i"), ("DAIF", 6, "f"),
        ("SPSel", 0, "sp"), ("PAN", 22, "pan"), ("UAO", 23, "uao"), ("DIT", 24, "dit"), ("SSBS", 12, "ssbs"),
    ],
)  # fmt: skip
def test_a_bit_of_pstate(name, bit, attribute):
    cpu = make_cpu(el=1)
    write(cpu, name, 0)
    assert 0 == read(cpu, name)
    write(cpu, name, 1 << bit)
    assert 1 == getattr(cpu.pstate, attribute)
    assert 1 << bit == read(cpu, name)
    write(cpu, name, ~(1 << bit))
    assert 0 == getattr(cpu.pstate, attribute)


@pytest.mark.parametrize(
    ("bit", "flags"), [(31, (1, 0, 0, 0)), (30, (0, 1, 0, 0)), (29, (0, 0, 1, 0)), (28, (0, 0, 0, 1))]
)
def test_a_condition_flag(bit, flags):
    cpu = make_cpu(el=1)
    write(cpu, "NZCV", 1 << bit)
    assert (flags, 1 << bit) == (cpu.flags, read(cpu, "NZCV"))
    write(cpu, "NZCV", ~(1 << bit))
    assert 0xF << 28 ^ 1 << bit == read(cpu, "NZCV")


@pytest.mark.parametrize("el", [1, 2, 3])
def test_current_el(el):
    assert el << 2 == read(make_cpu(el=el), "CurrentEL")


def test_saved_state_of_each_level():
    cpu = make_cpu(el=3)
    for el in (1, 2, 3):
        write(cpu, f"ELR_EL{el}", 0x1000 * el)
        write(cpu, f"SPSR_EL{el}", el)
    assert [0, 0x1000, 0x2000, 0x3000] == cpu.elr
    assert [0, 1, 2, 3] == cpu.spsr
    for el in (0, 1, 2):
        write(cpu, f"SP_EL{el}", 0x100 * (el + 1))
    assert [0x100, 0x200, 0x300, 0] == cpu.sp_el


@pytest.mark.parametrize("el", [1, 2, 3])
def test_sp_el0_is_undefined_while_it_is_the_current_stack_pointer(el):
    cpu = make_cpu(el=el)
    assert take(cpu, "mrs x0, SP_EL0") is None
    cpu.pstate.sp = 0
    assert 0 == take(cpu, "mrs x0, SP_EL0").ec


A, I, F = 1 << 8, 1 << 7, 1 << 6  # noqa: E741  (the names of the masks)
AMO, IMO, FMO, VF, VI, VSE, TGE = 1 << 5, 1 << 4, 1 << 3, 1 << 6, 1 << 7, 1 << 8, 1 << 27
ALL_LINES = frozenset(Line)

ISR_ROWS = [
    # level, HCR_EL2, inputs: ISR_EL1
    (1, 0, frozenset(), 0),
    (1, 0, frozenset({Line.IRQ}), I),
    (1, 0, frozenset({Line.FIQ}), F),
    (1, 0, frozenset({Line.SERROR}), A),
    (1, 0, ALL_LINES, A | I | F),
    (1, AMO | IMO | FMO, ALL_LINES, A),
    (1, AMO | IMO | FMO | VSE | VI | VF, frozenset(), A | I | F),
    (1, VSE | VI | VF, frozenset(), 0),
    (1, IMO | VF, ALL_LINES, A | F),
    (1, IMO, ALL_LINES, A | F),
    (1, FMO, ALL_LINES, A | I),
    (1, AMO | IMO | FMO | VF, frozenset(), F),
    (1, AMO | IMO | FMO | VI, frozenset(), I),
    (1, AMO | IMO | FMO | VSE, frozenset(), A),
    (2, AMO | IMO | FMO | VI, ALL_LINES, A | I | F),
    (2, AMO | IMO | FMO | VSE | VI | VF, frozenset(), 0),
    (3, AMO | IMO | FMO | VSE | VI | VF, frozenset({Line.IRQ}), I),
]


@pytest.mark.parametrize(("el", "hcr", "lines", "expected"), ISR_ROWS)
def test_pending_interrupts(el, hcr, lines, expected):
    cpu = make_cpu(el=el, HCR_EL2=hcr)
    cpu.lines = set(lines)
    assert expected == read(cpu, "ISR_EL1")


def test_a_timer_shows_as_a_pending_irq():
    cpu = make_cpu(el=1, CNTV_CTL_EL0=1)
    assert I == read(cpu, "ISR_EL1")


# --- what exceptions change


def values(cpu) -> dict[str, int]:
    """Every register that is modelled, read without asking who may."""
    registers = [item for item in TABLE.values() if item.name not in ("FPCR", "FPSR")]
    return {item.name: item.read(cpu) if item.read else cpu.sysregs[item.key] for item in registers}


@pytest.mark.parametrize("el", [1, 2, 3])
@pytest.mark.parametrize("instruction", ["brk #4", "ldr x0, [x1]", "udf #0"])
def test_what_an_exception_and_its_return_change_is_known_to_be_exception_state(el, instruction):
    cpu = make_cpu(el=el)
    cpu.pstate.daif = 0
    before = values(cpu)
    assert take(cpu, instruction) is not None
    inside = values(cpu)
    execute(cpu, "eret")
    after = values(cpu)
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {f"ELR_EL{el}", f"SPSR_EL{el}", f"ESR_EL{el}"}
    assert all(TABLE[names.encoding_of(name)].is_exception_state for name in changed)
    assert before["DAIF"] == 0 != inside["DAIF"]


def test_exception_state_is_by_name():
    """FAR_ELx and HPFAR_EL2 become UNKNOWN with most exceptions; MDSCR_EL1 is where a debugger asks for steps."""
    assert {item.name for item in TABLE.values() if item.is_exception_state} == {
        "DAIF", "HPFAR_EL2", "MDSCR_EL1",
        *(f"{name}_EL{el}" for name in ("ELR", "SPSR", "ESR", "FAR") for el in (1, 2, 3)),
    }  # fmt: skip
