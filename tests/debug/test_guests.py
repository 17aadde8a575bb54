"""The debug unit as a guest sees it that has the vectors for it, on both tiers.

The cases are those of the Linux kernel's selftest `kvm/debug-exceptions` and of kvm-unit-tests' `arm/debug`, written
anew: a handler notes each exception, and does what makes the guest go on.
"""

import pytest

from aarch64.image import Image
from aarch64.sysregs.debug import BREAKPOINTS
from tests.fast.equivalence import Pair, make_machine
from tests.fast.programs import RAM_SIZE

RAM = 0x4000_0000
CODE, DATA, LOG, VECTORS, STACK = RAM + 0x1000, RAM + 0x8000, RAM + 0x20000, RAM + 0x10000, RAM + 0xF000
BREAKPOINT, STEP, WATCHPOINT, BRK, SVC = 0x31, 0x33, 0x35, 0x3C, 0x15

HANDLER = """
        .balign 0x200
        mrs     x16, ESR_EL1
        lsr     x16, x16, #26
        mrs     x17, ELR_EL1
        stp     x16, x17, [x28], #16            // the log
        mrs     x17, FAR_EL1
        mrs     x15, SPSR_EL1
        cmp     x16, #0x3c
        b.eq    2f
        cmp     x16, #0x15
        b.eq    9f
        cmp     x16, #0x33
        b.eq    3f
        orr     x15, x15, #1 << 9               // breakpoint, watchpoint: go on with D masked
        b       8f
2:      mrs     x17, ELR_EL1                    // BRK: go on behind it
        add     x17, x17, #4
        msr     ELR_EL1, x17
        b       9f
3:      orr     x15, x15, #1 << 21              // step on
8:      msr     SPSR_EL1, x15
9:      eret
"""

RESET = """
_start: msr     DAIFSet, #8
        msr     OSDLR_EL1, xzr
        msr     OSLAR_EL1, xzr
        msr     MDSCR_EL1, xzr
        isb
"""


def enabling(bits: str) -> str:
    return f"""
        mrs     x0, MDSCR_EL1
        mov     x1, #{bits}
        orr     x0, x0, x1
        msr     MDSCR_EL1, x0
        isb
"""


KDE_MDE, KDE_SS = "0xa000", "0x2001"

AT_POINT = """
        adr     x0, point
        msr     DBGBVR0_EL1, x0
        mov     x0, #0x1e3                      // BAS 1111, EL1, E
        msr     DBGBCR0_EL1, x0
"""
AT_DATA = """
        msr     DBGWVR0_EL1, x19
        mov     x0, #0x1ffb                     // BAS all, loads and stores, EL1, E
        msr     DBGWCR0_EL1, x0
"""
LOCK = "mov x0, #1\nmsr OSLAR_EL1, x0\nisb\n"

END = """
        msr     DAIFSet, #8
        b       .
"""

GUESTS = [
    # name, the code, what is noted: class, place as a label and an offset
    (
        "BRK with D masked and MDSCR_EL1 zero",
        "point:  brk #0\nmov x2, #1",
        [(BRK, "point", 0)],
        {2: 1},
    ),
    (
        "a hardware breakpoint on NOP",
        f"{AT_POINT}{enabling(KDE_MDE)}msr DAIFClr, #8\npoint: nop\nmov x2, #1",
        [(BREAKPOINT, "point", 0)],
        {2: 1},
    ),
    (
        "a hardware breakpoint on SVC comes first, and then the call",
        f"{AT_POINT}{enabling(KDE_MDE)}msr DAIFClr, #8\npoint: svc #0\nmov x2, #1",
        [(BREAKPOINT, "point", 0), (SVC, "point", 4)],
        {2: 1},
    ),
    (
        "a hardware breakpoint on BRK: both at the same place",
        f"{AT_POINT}{enabling(KDE_MDE)}msr DAIFClr, #8\npoint: brk #0\nmov x2, #1",
        [(BREAKPOINT, "point", 0), (BRK, "point", 0)],
        {2: 1},
    ),
    (
        "a watchpoint on a byte that is stored, which is there after the return",
        f"{AT_DATA}{enabling(KDE_MDE)}mov w1, #0x5a\nmsr DAIFClr, #8\npoint: strb w1, [x19]\nldrb w2, [x19]",
        [(WATCHPOINT, "point", 0)],
        {2: 0x5A},
    ),
    (
        "single step: three instructions, three exceptions",
        f"{enabling(KDE_SS)}msr DAIFClr, #8\npoint: mrs x1, SCTLR_EL1\nadd x2, x2, #1\nmsr DAIFSet, #8\nadd x2, x2, #1",
        [(STEP, "point", 0), (STEP, "point", 4), (STEP, "point", 8)],
        {2: 2},
    ),
    (
        "single step, D being clear when MDSCR_EL1 is written",
        """
        mrs     x0, MDSCR_EL1
        mov     x1, #0x2001
        orr     x0, x0, x1
        msr     DAIFClr, #8
        msr     MDSCR_EL1, x0
        isb
point:  mrs     x1, SCTLR_EL1
        add     x2, x2, #1
        msr     DAIFSet, #8
        add     x2, x2, #1
        add     x2, x2, #1
""",
        # Here a write to MDSCR_EL1 counts from the next instruction on: it is the ISB that is first stepped over.
        [(STEP, "point", -4), (STEP, "point", 0), (STEP, "point", 4), (STEP, "point", 8)],
        {2: 3},
    ),
    (
        "under the OS lock BRK is taken",
        f"{LOCK}point: brk #0\nmov x2, #1",
        [(BRK, "point", 0)],
        {2: 1},
    ),
    (
        "under the OS lock a hardware breakpoint is not",
        f"{AT_POINT}{enabling(KDE_MDE)}{LOCK}msr DAIFClr, #8\npoint: nop\nmov x2, #1",
        [],
        {2: 1},
    ),
    (
        "under the OS lock a watchpoint is not",
        f"{AT_DATA}{enabling(KDE_MDE)}{LOCK}msr DAIFClr, #8\npoint: strb w0, [x19]\nmov x2, #1",
        [],
        {2: 1},
    ),
    (
        "under the OS lock a step is not",
        f"{LOCK}{enabling(KDE_SS)}msr DAIFClr, #8\npoint: nop\nmov x2, #1",
        [],
        {2: 1},
    ),
    (
        "a breakpoint linked to a context fires in it only",
        f"""
        adr     x0, point
        msr     DBGBVR0_EL1, x0
        mov     x0, #0x1e3
        movk    x0, #0x15, lsl #16              // BT linked address, LBN 5
        msr     DBGBCR0_EL1, x0
        mov     x0, #7
        msr     DBGBVR5_EL1, x0
        mov     x0, #0x1e7
        movk    x0, #0x30, lsl #16              // BT linked context
        msr     DBGBCR5_EL1, x0
        {enabling(KDE_MDE)}
        mov     x4, #6
1:      msr     CONTEXTIDR_EL1, x4
        isb
        msr     DAIFClr, #8
point:  add     x2, x2, #1
        add     x4, x4, #1
        cmp     x4, #9
        b.ne    1b
""",
        [(BREAKPOINT, "point", 0)],
        {2: 3},
    ),
    (
        "a watchpoint linked to a context likewise",
        f"""
        msr     DBGWVR0_EL1, x19
        mov     x0, #0x1ffb
        movk    x0, #0x15, lsl #16              // WT, LBN 5
        msr     DBGWCR0_EL1, x0
        mov     x0, #7
        msr     DBGBVR5_EL1, x0
        mov     x0, #0x1e7
        movk    x0, #0x30, lsl #16
        msr     DBGBCR5_EL1, x0
        {enabling(KDE_MDE)}
        mov     x4, #6
1:      msr     CONTEXTIDR_EL1, x4
        isb
        msr     DAIFClr, #8
point:  str     x4, [x19]
        ldr     x2, [x19]
        add     x4, x4, #1
        cmp     x4, #9
        b.ne    1b
""",
        # The handler masks D, so that of the two accesses the first is what is noted.
        [(WATCHPOINT, "point", 0)],
        {2: 8},
    ),
]


def make_guest(text: str) -> Pair:
    """Both machines, about to run a guest with its handlers."""
    from aarch64.assembler import assemble_source  # noqa: PLC0415  (as `tests.fast.programs` has it)

    code = assemble_source(f"{RESET}{text}\n{END}", base=CODE)
    handlers = assemble_source(HANDLER, base=VECTORS + 0x200)
    image = Image((*code.segments, *handlers.segments), code.entry, code.symbols)
    fast, exact = make_machine(ram=RAM_SIZE), make_machine(ram=RAM_SIZE, exact=True)
    for machine in (fast, exact):
        machine.load(image)
        cpu = machine.cpu
        cpu.gpr[19], cpu.gpr[28] = DATA, LOG
        cpu.sp, cpu.sysregs["VBAR_EL1"] = STACK, VECTORS
    return Pair(fast, exact, text)


def noted(pair: Pair) -> list[tuple[int, int]]:
    """Class and ELR_EL1 of each exception, as the handler noted them."""
    memory, end = pair.exact.memory, pair.exact.cpu.gpr[28]
    return [(memory.read(place, 8), memory.read(place + 8, 8)) for place in range(LOG, end, 16)]


@pytest.mark.parametrize(("text", "expected", "registers"), [row[1:] for row in GUESTS], ids=[row[0] for row in GUESTS])
def test_a_guest(text, expected, registers):
    pair = make_guest(text)
    for budget in (3, 50, 500):
        pair.run(budget)
    place = pair.exact.resolve("point")
    assert [(ec, place + offset) for ec, _, offset in expected] == noted(pair)
    assert registers == {number: pair.exact.cpu.gpr[number] for number in registers}


@pytest.mark.parametrize("count", range(1, BREAKPOINTS + 1))
def test_breakpoints_on_consecutive_instructions_each_of_which_clears_d_again(count):
    """The handler masks D for the instruction it returns to, which unmasks it for the next one."""
    setup = "\n".join(
        f"adr x0, point + {4 * n}\nmsr DBGBVR{n}_EL1, x0\nmov x0, #0x1e3\nmsr DBGBCR{n}_EL1, x0" for n in range(count)
    )
    places = "msr DAIFClr, #8\n" * BREAKPOINTS
    pair = make_guest(f"{setup}{enabling(KDE_MDE)}msr DAIFClr, #8\npoint:\n{places}")
    pair.run(1000)
    place = pair.exact.resolve("point")
    assert [(BREAKPOINT, place + 4 * number) for number in range(count)] == noted(pair)


def test_the_id_register_admits_of_the_debug_architecture():
    pair = make_guest("point: mrs x2, ID_AA64DFR0_EL1")
    pair.run(100)
    value = pair.exact.cpu.gpr[2]
    assert (6, BREAKPOINTS - 1) == (value & 0xF, value >> 12 & 0xF)


def test_registers_read_back_while_a_guest_is_stepped_from_outside():
    """Many iterations: each exit is an instruction further, and breakpoint registers keep what was written."""
    pair = make_guest(
        """
        mov     x10, #20
1:      msr     DBGBVR0_EL1, x10
        mrs     x2, DBGBVR0_EL1
        msr     DBGWVR0_EL1, x19
        mrs     x3, DBGWVR0_EL1
        subs    x10, x10, #1
point:  b.ne    1b
"""
    )
    for machine in pair.machines:
        machine.run(until="point")
    pair.check()
    for number in range(1, 20):
        places = []
        for _ in range(6):
            pair.step()
            places.append(pair.exact.cpu.pc)
        start = pair.exact.resolve("point") - 20
        assert [start + 4 * offset for offset in range(6)] == places
        assert (20 - number, DATA) == (pair.exact.cpu.gpr[2], pair.exact.cpu.gpr[3])
