"""Which exception is taken when there are reasons for several ("Synchronous exception prioritization").

Asynchronous ones come first, as the architecture's pseudocode takes them; then PC alignment, the abort of the fetch,
PSTATE.IL, and only then what the instruction itself does.
"""

import pytest

from aarch64.features import DEFAULT_FEATURES
from aarch64.interpreter import Interpreter
from aarch64.isa.table import assemble
from aarch64.lines import Line
from aarch64.memory import Memory

RAM, NOWHERE, TOO_FAR = 0x4000_0000, 0x6000_0000, 1 << 48
PC = RAM + 0x1000
HCR_AMO, HCR_IMO, HCR_FMO, HCR_VF, HCR_VI, HCR_VSE = 1 << 5, 1 << 4, 1 << 3, 1 << 6, 1 << 7, 1 << 8
HCR_TSC, HCR_TGE = 1 << 19, 1 << 27
SCR_NS, SCR_IRQ, SCR_EA, SCR_HCE = 1 << 0, 1 << 1, 1 << 3, 1 << 8
SCTLR_A, SCTLR_SA = 1 << 1, 1 << 3
IL = 1 << 20
ILLEGAL_STATE, PC_ALIGNMENT, FETCH_ABORT, FETCH_ABORT_SAME, SP_ALIGNMENT = 0x0E, 0x22, 0x20, 0x21, 0x26
DATA_ABORT_SAME, UNDEFINED, WAIT, SERROR = 0x25, 0x00, 0x01, 0x2F


def make_cpu(text: str = "nop", *, el: int = 1, pc: int = PC, **sysregs: int) -> Interpreter:
    """A CPU about to execute one instruction, every interrupt masked."""
    cpu = Interpreter(Memory(RAM, 1 << 20), DEFAULT_FEATURES, max_el=3, el=el)
    cpu.sysregs |= {"SCR_EL3": SCR_NS | SCR_HCE, "HCR_EL2": 0} | {f"VBAR_EL{n}": RAM + 0x800 * n for n in (1, 2, 3)}
    cpu.sysregs |= sysregs
    cpu.memory.write(PC, 4, int(text, 16) if text.startswith("0x") else assemble(text, PC))
    cpu.pc = pc
    return cpu


def taken(cpu: Interpreter) -> tuple[int, int, int]:
    """(target level, offset of the vector, exception class) of the exception that one cycle takes."""
    observed = []
    cpu.exception_observers.append(observed.append)
    cpu.step()
    (exception,) = observed
    assert (1, 0) == (cpu.cycles, cpu.retired)
    return exception.target_el, exception.handler - cpu.sysregs[f"VBAR_EL{exception.target_el}"], exception.esr >> 26


EXECUTED_ILLEGALLY = [
    "nop",
    "svc #1",
    "hvc #1",
    "smc #1",
    "brk #1",
    "hlt #1",
    "udf #1",
    "0x00000001",
    "0xffffffff",
    "eret",
    "wfi",
    "mrs x0, SCTLR_EL3",
    "msr DAIFSet, #15",
    "ldr x0, [sp, #1]",
    "0x1e601000",  # fmov d0, #2.0
]


@pytest.mark.parametrize("text", EXECUTED_ILLEGALLY)
@pytest.mark.parametrize(
    ("el", "settings", "target", "offset"),
    [
        (0, {}, 1, 0x400),
        (0, {"HCR_EL2": HCR_TGE}, 2, 0x400),
        (0, {"HCR_EL2": HCR_TGE, "SCR_EL3": 0}, 1, 0x400),
        (1, {"HCR_EL2": HCR_TSC, "MDCR_EL2": 1 << 8}, 1, 0x200),
        (2, {}, 2, 0x200),
        (3, {}, 3, 0x200),
    ],
)
def test_illegal_state_outranks_whatever_is_executed(text, el, settings, target, offset):
    cpu = make_cpu(text, el=el, **settings)
    cpu.pstate.il = 1
    assert (target, offset, ILLEGAL_STATE) == taken(cpu)
    assert ILLEGAL_STATE << 26 | 1 << 25 == cpu.sysregs[f"ESR_EL{target}"]
    assert (PC, IL) == (cpu.elr[target], cpu.spsr[target] & IL)
    assert 0 == cpu.pstate.il


@pytest.mark.parametrize(
    ("pc", "expected"),
    [
        (PC + 2, PC_ALIGNMENT),
        (NOWHERE + 1, PC_ALIGNMENT),
        (TOO_FAR + 2, PC_ALIGNMENT),
        (NOWHERE, FETCH_ABORT_SAME),
        (TOO_FAR, FETCH_ABORT_SAME),
        (PC, ILLEGAL_STATE),
    ],
)
def test_the_address_of_the_instruction_comes_before_illegal_state(pc, expected):
    cpu = make_cpu("udf #0", pc=pc)
    cpu.pstate.il = 1
    assert (1, 0x200, expected) == taken(cpu)
    assert (pc, IL) == (cpu.elr[1], cpu.spsr[1] & IL)
    assert (pc if expected != ILLEGAL_STATE else 0) == cpu.sysregs["FAR_EL1"]


@pytest.mark.parametrize(
    ("pc", "scr", "expected"),
    [
        (NOWHERE, SCR_NS | SCR_EA, (3, 0x400, FETCH_ABORT)),
        (TOO_FAR, SCR_NS | SCR_EA, (1, 0x200, FETCH_ABORT_SAME)),
        (NOWHERE + 2, SCR_NS | SCR_EA, (1, 0x200, PC_ALIGNMENT)),
    ],
)
def test_only_external_aborts_are_routed_as_such(pc, scr, expected):
    assert expected == taken(make_cpu(pc=pc, SCR_EL3=scr))


VIRTUAL = HCR_AMO | HCR_IMO | HCR_FMO | HCR_VF | HCR_VI | HCR_VSE
IRQ, FIQ, ERROR = Line.IRQ, Line.FIQ, Line.SERROR

PENDING_ROWS = [
    # HCR_EL2, SCR_EL3, asserted, masked (DAIF): target level and vector of what is taken first
    (VIRTUAL, SCR_NS, {IRQ, FIQ, ERROR}, 0b0000, (1, 0x300)),
    (VIRTUAL, SCR_NS, {IRQ, FIQ, ERROR}, 0b0001, (1, 0x280)),
    (VIRTUAL, SCR_NS, {IRQ, FIQ, ERROR}, 0b0011, (1, 0x380)),
    (VIRTUAL, SCR_NS, {IRQ, FIQ, ERROR}, 0b0111, (2, 0x500)),
    (VIRTUAL, SCR_NS, {IRQ, ERROR}, 0b0111, (2, 0x480)),
    (VIRTUAL, SCR_NS, {ERROR}, 0b0111, (2, 0x580)),
    (VIRTUAL, SCR_NS | SCR_IRQ, {IRQ, ERROR}, 0b0111, (3, 0x480)),
    (VIRTUAL, SCR_NS | SCR_EA, {IRQ, ERROR}, 0b0111, (2, 0x480)),
    (VIRTUAL, SCR_NS | SCR_EA, {ERROR}, 0b0111, (3, 0x580)),
    (VIRTUAL, 0, {IRQ, FIQ, ERROR}, 0b0000, (1, 0x300)),
    (HCR_IMO, SCR_NS, {IRQ, FIQ}, 0b0001, (2, 0x480)),
    (HCR_IMO, SCR_NS, {IRQ, FIQ}, 0b0000, (1, 0x300)),
    (0, SCR_NS, {IRQ, FIQ, ERROR}, 0b0000, (1, 0x300)),
    (0, SCR_NS, {IRQ, FIQ, ERROR}, 0b0001, (1, 0x280)),
    (0, SCR_NS, {IRQ, FIQ, ERROR}, 0b0011, (1, 0x380)),
]


@pytest.mark.parametrize(("hcr", "scr", "lines", "daif", "expected"), PENDING_ROWS)
def test_virtual_before_physical_and_fiq_irq_serror(hcr, scr, lines, daif, expected):
    cpu = make_cpu(HCR_EL2=hcr, SCR_EL3=scr)
    cpu.pstate.daif = daif
    cpu.lines = lines
    assert expected == taken(cpu)[:2]


@pytest.mark.parametrize("pc", [PC, PC + 2, NOWHERE])
def test_an_interrupt_is_taken_before_anything_else_is_looked_at(pc):
    cpu = make_cpu("udf #0", pc=pc, ESR_EL1=5, FAR_EL1=6)
    cpu.pstate.il, cpu.pstate.i, cpu.pstate.btype = 1, 0, 0b01
    cpu.lines = {IRQ}
    assert (1, 0x280) == taken(cpu)[:2]
    assert (pc, IL | 0b01 << 10 | 0b1101 << 6 | 0b0101) == (cpu.elr[1], cpu.spsr[1])
    assert (5, 6) == (cpu.sysregs["ESR_EL1"], cpu.sysregs["FAR_EL1"])


def test_illegal_state_comes_back_with_the_return_from_an_interrupt():
    cpu = make_cpu()
    cpu.memory.write(RAM + 0x800 + 0x280, 4, assemble("eret"))
    cpu.pstate.il, cpu.pstate.i = 1, 0
    cpu.lines = {IRQ}
    cpu.step()
    cpu.lines = set()
    cpu.step()
    assert (PC, 1) == (cpu.pc, cpu.pstate.il)
    cpu.step()
    assert (ILLEGAL_STATE << 26 | 1 << 25, PC) == (cpu.sysregs["ESR_EL1"], cpu.elr[1])


INSTRUCTION_ROWS = [
    # what the instruction would come to in two ways, and which of them it is
    ("ldr x0, [sp]", {"SCTLR_EL1": SCTLR_SA | SCTLR_A}, {"sp": NOWHERE + 1}, SP_ALIGNMENT),
    ("ldr x0, [sp]", {"SCTLR_EL1": SCTLR_A}, {"sp": NOWHERE + 1}, DATA_ABORT_SAME),
    ("mrs x0, SCTLR_EL2", {"HCR_EL2": 1 << 30}, {}, UNDEFINED),
    ("wfi", {"HCR_EL2": 1 << 13}, {}, WAIT),
    ("0xfd4003e0", {"SCTLR_EL1": SCTLR_SA}, {"sp": NOWHERE + 1}, 0x07),  # ldr d0, [sp]
]


@pytest.mark.parametrize(("text", "settings", "registers", "expected"), INSTRUCTION_ROWS)
def test_of_one_instruction(text, settings, registers, expected):
    cpu = make_cpu(text, **settings)
    cpu.sp = registers.get("sp", 0)
    assert expected == taken(cpu)[2]
