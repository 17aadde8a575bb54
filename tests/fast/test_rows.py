"""The hot path, case by case: what is easy to get wrong, as programs one can read.

Each row runs with everything compiled at once, for every number of cycles up to its end, and without the hot path.
"""

from collections import Counter

import pytest

from aarch64.lines import Line
from aarch64.stop import StopReason
from tests.fast.equivalence import make_pair
from tests.fast.programs import CODE, DATA, RAM, RAM_SIZE, VECTORS, Program, word_of

MASK64 = (1 << 64) - 1


def move(register: str, word: int) -> str:
    return f"movz {register}, #{word & 0xFFFF}\nmovk {register}, #{word >> 16}, lsl #16"


LOOP = "_start: mov x10, #4\nagain:\n{body}\nsubs x10, x10, #1\nb.ne again\nb ."
"""The body four times."""

# name, body of the loop, what registers hold in the end
LOOPS = [
    ("a zero register is not written", "add xzr, x0, x0\nadds xzr, x0, x0\nmov x1, xzr", {1: 0}),
    ("a load into the zero register is made", "ldr xzr, [x19]\nldr x1, [x19, #8]!", {19: DATA + 0x820}),
    (
        "a 32-bit result has no upper half",
        "movn x0, #0\nadd w0, w0, #1\nmov x1, #0x100000000\nadd w1, w1, #2",
        {0: 0, 1: 2},
    ),
    (
        "a 32-bit operand has no upper half",
        "mov x1, #3\nmovk x1, #5, lsl #32\nlsr w0, w1, #1\nudiv w2, w1, w1",
        {0: 1, 2: 1},
    ),
    (
        "a 32-bit register is shifted by less than 32",
        "mov w0, #1\nmov w1, #33\nlsl w2, w0, w1\nlsl x3, x0, x1",
        {2: 2, 3: 1 << 33},
    ),
    ("a shift by the width is one by nothing", "mov x0, #3\nmov x1, #64\nlsl x2, x0, x1\nlsr w3, w0, w1", {2: 3, 3: 3}),
    ("32 bits are rotated", "mov w0, #1\nror w1, w0, #1\nmov w2, #4\nror w3, w0, w2", {1: 1 << 31, 3: 1 << 28}),
    ("an arithmetic shift of 32 bits", "mov w0, #0x80000000\nasr w1, w0, #31\nasr x2, x0, #31", {1: 0xFFFFFFFF, 2: 1}),
    (
        "division by zero, and the quotient that does not fit",
        "mov x0, #0x8000000000000000\nmovn x1, #0\nsdiv x2, x0, x1\nsdiv x3, x0, xzr",
        {2: 1 << 63, 3: 0},
    ),
    ("the high half of a product", "movn x0, #0\nsmulh x1, x0, x0\numulh x2, x0, x0", {1: 0, 2: MASK64 - 1}),
    ("a register that becomes the carry as flags change", "adcs x1, xzr, xzr\nadcs w2, wzr, wzr\nnop", {1: 1, 2: 0}),
    ("the monitor is cleared", "ldxr x0, [x19]\nclrex\nstxr w2, x0, [x19]", {2: 1}),
    ("carry goes round the loop", "adcs x0, x0, x0\ncset x1, cs", {}),
    ("a wrapping address", "movn x1, #7\nadd x2, x19, #8\nldr x3, [x2, x1]\nldr x4, [x19]\nsub x3, x3, x4", {3: 0}),
    (
        "a negative word offset",
        "mov w1, #-8\nadd x2, x19, #8\nldr x3, [x2, w1, sxtw]\nldr x4, [x19]\nsub x3, x3, x4",
        {3: 0},
    ),
    ("a store is seen by the load after it", "str x10, [x19]\nldrb w1, [x19]\nldr x2, [x19]", {1: 1, 2: 1}),
    ("a pair that swaps", "mov x0, #1\nmov x1, #2\nstp x0, x1, [sp, #-16]!\nldp x1, x0, [sp], #16", {0: 2, 1: 1}),
    (
        "a store of the base before it moves",
        "mov x1, x19\nstr x19, [x19, #0]\nldr x2, [x19]\nstr x10, [x19], #8",
        {19: DATA + 0x820},
    ),
    (
        "an atomic whose result is its operand",
        "mov x0, #1\nstr xzr, [x19]\nldadd x0, x0, [x19]\nldr x1, [x19]",
        {0: 0, 1: 1},
    ),
    (
        "an atomic on bytes wraps",
        "mov w0, #0xff\nmov w1, #2\nstrb w0, [x19]\nldaddb w1, w2, [x19]\nldrb w3, [x19]",
        {2: 0xFF, 3: 1},
    ),
    ("compare and swap that fails", "mov x0, #1\nstr xzr, [x19]\ncas x0, x10, [x19]\nldr x1, [x19]", {0: 0, 1: 0}),
    ("exclusives", "ldxr x0, [x19]\nadd x1, x0, #1\nstxr w2, x1, [x19]\nstxr w3, x1, [x19]", {2: 0, 3: 1}),
    (
        "SP as source and destination",
        "mov x0, sp\nadd sp, sp, x10, lsl #4\nsub sp, sp, #32\nmov x1, sp\nsub x1, x1, x0\nmov sp, x0",
        {1: MASK64 - 15},
    ),
    ("the 32-bit SP", "mov x0, sp\nadd wsp, wsp, #0\nmov x1, sp\nsub x1, x1, x0", {1: 0}),
    (
        "SP of another level",
        "mov x0, #0x100\nmsr sp_el0, x0\nmsr spsel, #0\nsub sp, sp, #16\nmsr spsel, #1\nmrs x1, sp_el0",
        {1: 0xF0},
    ),
    ("flags written by MSR", "mov x0, #0x20000000\nmsr nzcv, x0\ncset x1, cs\ncset x2, eq", {1: 1, 2: 0}),
    (
        "conditional compare that does not compare",
        "cmp xzr, xzr\nccmp x0, x0, #2, ne\ncset x1, cs\ncset x2, eq",
        {1: 1, 2: 0},
    ),
    (
        "comparison of the most negative number",
        "mov x0, #0x8000000000000000\ncmp x0, #1\ncset x1, lt\ncset x2, vs\ncset x3, hi",
        {1: 1, 2: 1, 3: 1},
    ),
    ("comparison with the negated zero", "cmp x10, xzr\ncset x1, cs\ncmn x10, xzr\ncset x2, cs", {1: 1, 2: 0}),
    ("negation of zero sets carry", "negs x0, xzr\ncset x1, cs\nngcs x2, xzr\ncset x3, cs", {1: 1, 2: 0, 3: 1}),
    (
        "always, and never, are always",
        "cmp x10, x10\ncsel x0, x10, xzr, al\n.inst 0x9a9ff141 // csel x1, x10, xzr, nv",
        {0: 1, 1: 1},
    ),
    ("a bit above bit 31 is tested", "mov x0, #0x100000000\nmov x1, #0\ntbz x0, #32, 1f\nmov x1, #1\n1:", {1: 1}),
    (
        "only 32 bits are compared with zero",
        "mov x0, #0x100000000\nmov x1, #0\ncbnz w0, 1f\nmov x1, #1\n1: cbnz x0, 2f\nmov x1, #9\n2:",
        {1: 1},
    ),
    ("a call within the loop", "bl 1f\nb 2f\n1: add x0, x0, #1\nret\n2:", {0: 4}),
    ("a call through the register it links", "adr x30, 1f\nblr x30\nb 2f\n1: add x0, x0, #1\nret\n2:", {0: 4}),
    ("an instruction with its own address", "adr x0, .\nadr x1, .\nsub x0, x1, x0", {0: 4}),
    ("PC-relative data", "ldr w0, value\nb 1f\nvalue: .word 77\n1:", {0: 77}),
]


@pytest.mark.parametrize(("body", "registers"), [row[1:] for row in LOOPS], ids=[row[0] for row in LOOPS])
def test_loops(body, registers):
    program = Program(LOOP.format(body=body) + "\n", unaligned=True)
    pair = in_one_run(program)
    assert registers == {number: pair.exact.cpu.gpr[number] for number in registers}
    cycle_by_cycle(program, pair.exact.cpu.cycles)


# name, what cannot be computed by a block itself: the loop stays in its block nevertheless
CALLED = [
    ("a counter", "mrs x0, cntvct_el0\nadd x1, x1, x0"),
    ("a register of the system", "mrs x0, tpidr_el0\nadd x1, x1, #1"),
    ("a device", "ldr w0, [x21, #0x18]\nadd x1, x1, x0"),
    ("an access that is not aligned", "ldr x0, [x19, #1]\nadd x0, x0, x10\nstr x0, [x19, #1]"),
    ("signing a pointer", "pacia x0, x10\nxpaci x0\nadd x0, x0, #1"),
    ("zeroing a line", "str x10, [x19]\ndc zva, x19\nldr x0, [x19]\nadd x1, x1, x0"),
    ("flags and all registers around it", "adcs x2, x2, x10\nmrs x0, nzcv\nadcs x3, x3, x0\nadd sp, sp, #0"),
    ("flags that it wants", "cmp x10, #7\nmrs x0, nzcv\ncinc x1, x1, lo\neor x2, x2, x0"),
]


@pytest.mark.parametrize("body", [row[1] for row in CALLED], ids=[row[0] for row in CALLED])
def test_what_is_called_stays_in_its_block(body):
    program = Program(LOOP.format(body=body).replace("#4", "#200") + "\n", unaligned=True)
    pair = make_pair(program)
    pair.fast.hot_path.profile = Counter()
    pair.run(700)
    assert pair.fast.cpu.cycles == 700
    assert sum(pair.fast.hot_path.profile.values()) > 660
    in_one_run(program, 2000)
    cycle_by_cycle(program, 60)


def test_what_is_called_may_fault_now_and_then():
    body = "tst x10, #7\nmov x0, #0x7fff\ncsel x0, x0, x19, eq\nldr x1, [x0, #1]\nadd x2, x2, #1"
    pair = in_one_run(Program(LOOP.format(body=body).replace("#4", "#40") + "\n", unaligned=True), 2000)
    assert pair.exact.exceptions == {"DATA_ABORT": 5}


def test_an_observer_interrupts_at_its_very_cycle():
    pair = make_pair(Program("_start: add x0, x0, #1\nb _start\n"))

    def interrupt(machine):
        machine.cpu.observers.append(lambda cpu, _pc, _word: machine.interrupt("now") if cpu.cycles == 77 else None)

    pair.both(interrupt)
    assert pair.run(1000).reason is StopReason.INTERRUPTED
    assert pair.fast.cpu.cycles == 78


def in_one_run(program, budget=400):
    """Run to the end, observed and not; the branch to itself there is recognised."""
    observed = make_pair(program)
    for machine in observed.machines:
        machine.cpu.observers.append(observed.watch(machine))
    observed.run(budget)
    pair = make_pair(program)
    pair.run(budget)
    return pair


def cycle_by_cycle(program, cycles):
    """Runs that end everywhere, of machines that know the code already, and of fresh ones."""
    image = program.image
    for step in (1, 2, 5):
        pair = make_pair(program, image=image)
        while pair.exact.cpu.cycles < cycles:
            pair.run(step)
    for budget in range(2, min(cycles, 60), 3):
        pair = make_pair(program, image=image)
        pair.run(budget)
        pair.run(cycles)


# --- flags that somebody else looks at

FLAG_SETTERS = [
    "cmp x0, x1", "cmp w0, w1", "cmn x0, x1", "cmn w0, #1", "tst x0, x1", "tst w0, #0x80000000", "bics x3, x0, x1",
    "adcs x3, x0, x1", "sbcs w3, w0, w1", "ngcs x3, x0", "subs w3, w0, w1, asr #3", "adds x3, x0, w1, sxtb #2",
    "ccmp x0, x1, #5, ne", "ccmn w0, w1, #10, eq", "setf8 w0", "setf16 w1", "rmif x0, #3, #15", "cfinv", "axflag",
    "xaflag", "msr nzcv, x0", "cmp x0, x0", "ands xzr, x0, x1, ror #3", "negs w3, w0",
]  # fmt: skip

READERS = [
    "mrs x2, nzcv",
    "svc #0",
    "adc x2, x0, x1",
    "b.hi 1f\nadd x2, x2, #1\n1:",
    "cset x2, lt",
    "ldr x2, [x22]",
    "bl 2f\nb 1f\n2: sbc x2, x2, xzr\nret\n1:",
    "adr x28, 1f\nbr x28\n1: csinc x2, x2, x2, vs",
    "udf #0",
    "ccmp x0, x1, #3, ge\ncset x2, ne",
]
VALUES = [
    (0, 0),
    (1, 2),
    (MASK64, 1),
    (1 << 63, 1),
    (0x80000000, 0x80000000),
    (0x7FFFFFFF, MASK64),
    (0x180, 0xFFFF8000),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("setter", FLAG_SETTERS)
def test_flags_live_into_what_follows(setter, reader):
    """Set in a block and read where it is left: by an exception, a call, another block, the host."""
    program = Program(LOOP.format(body=f"{setter}\n{reader}\neor x0, x0, x10") + "\n")
    for number, (first, second) in enumerate(VALUES):
        pair = make_pair(program)
        for machine in pair.machines:
            machine.cpu.gpr[:2] = first, second
            machine.cpu.pstate.nzcv = 5 * number % 16
        for budget in (3, 2, 100):
            pair.run(budget)


def test_flags_set_by_the_host_are_seen():
    pair = make_pair(Program("1: b.cs 2f\nadd x0, x0, #1\nb 1b\n2: add x1, x1, #1\nb 1b\n"))
    for nzcv in (0, 2, 0, 2):
        pair.both(lambda machine, nzcv=nzcv: setattr(machine.cpu.pstate, "nzcv", nzcv))
        pair.run(9)
    assert pair.exact.cpu.gpr[1] > 4


# --- faults

EDGE = RAM + RAM_SIZE
FAULTS = [
    ("the second of a pair", "ldp x0, x1, [x24]"),
    ("the second of a pair that is stored", "stp x10, x10, [x24]"),
    ("a pair that would move its base", "ldp x0, x1, [x24], #16"),
    ("a pair into its own base's neighbour", "ldp x23, x24, [x24]"),
    ("a store that would move its base", "str x10, [x22, #8]!"),
    ("a load across the end of RAM", "ldur x0, [x24, #4]"),
    ("a misaligned load", "ldr x0, [x25]"),
    ("a misaligned pair", "ldp w0, w1, [x25]"),
    ("a misaligned atomic", "ldadd x10, x0, [x25]"),
    ("an atomic where nothing is", "swp x10, x0, [x22]"),
    ("an exclusive where nothing is", "ldxr x0, [x22]\nstxr w1, x10, [x22]"),
    ("a misaligned stack", "add sp, sp, #8\nldr x0, [sp]\nsub sp, sp, #8"),
    ("a tagged address", "mov x1, x19\nmovk x1, #0x5500, lsl #48\nldr x0, [x1]"),
    ("the far end of the address space", "movn x1, #7\nldp x0, x2, [x1]"),
    ("a page's end", "add x1, x20, #1\nldr x0, [x1]\nstr x0, [x1]"),
    ("a device", "ldr x0, [x21, #0x18]\nldp w0, w1, [x21]\nstrb w10, [x21]"),
    ("after flags were set", "adds x0, x10, x10\nldr x1, [x22]\ncset x2, eq"),
    ("between a write and a use", "mov x0, #5\nldr x0, [x22]\nadd x1, x0, #1"),
    ("a branch to a misaligned address", "adr x29, 1f\nadd x26, x29, #2\nbr x26\n1:"),
    ("a return to a misaligned address", "adr x29, 1f\nadd x30, x29, #1\nret\n1:"),
    ("a call to a misaligned address", "adr x29, 1f\nadd x26, x29, #1\nblr x26\n1:"),
    ("a branch to a tagged address", "adr x29, 1f\nmov x26, x29\nmovk x26, #0x5500, lsl #48\nbr x26\n1:"),
    ("a return to a high address", "adr x29, 1f\nmovk x29, #0, lsl #48\norr x30, x29, #0xff00000000000000\nret\n1:"),
    ("a branch to data", "adr x29, 1f\nbr x22\n1:"),
    ("an undefined word", ".inst 0\nadd x0, x0, #1"),
    ("an exception of its own accord", "svc #3\nbrk #1\nhvc #0"),
    ("an exception in the delay of a call", "bl 1f\nb 2f\n1: svc #0\nret\n2:"),
]


@pytest.mark.parametrize("translates", [False, True], ids=["MMU off", "MMU on"])
@pytest.mark.parametrize("unaligned", [False, True], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("body", [row[1] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults(body, unaligned, translates):
    program = Program(LOOP.format(body=body) + "\n", unaligned=unaligned, translates=translates)
    cycle_by_cycle(program, in_one_run(program).exact.cpu.cycles)


@pytest.mark.parametrize("translates", [False, True], ids=["MMU off", "MMU on"])
@pytest.mark.parametrize("code", [False, True], ids=["data", "code, too"])
def test_a_tag_that_is_ignored(code, translates):
    """TCR_EL1.TBI0, and TBID0 unless code is to have tags, too."""
    body = "mov x1, x19\nmovk x1, #0x5500, lsl #48\nstr x10, [x1]\nldr x0, [x19]\nadr x29, 1f\nmov x26, x29\n"
    body += "movk x26, #0x5500, lsl #48\nbr x26\n1:"
    program = Program(LOOP.format(body=body) + "\n", translates=translates)
    pair = make_pair(program)
    for machine in pair.machines:
        machine.cpu.sysregs["TCR_EL1"] |= 1 << 37 | (0 if code else 1 << 51)
        machine.cpu.context_changed()
    for budget in (7, 1, 2, 3, 5, 100):
        pair.run(budget)
    assert pair.exact.exceptions == ({} if code else {"INSTRUCTION_ABORT": 4})


def test_nothing_of_a_faulting_pair_is_written():
    pair = in_one_run(Program("_start: ldr x0, [x24]\n1: stp x10, x10, [x24]\nldr x1, [x24]\nsub x1, x1, x0\nb .\n"))
    assert pair.exact.cpu.gpr[1] == 0
    assert pair.exact.exceptions == {"DATA_ABORT": 1}


# --- branches that remember where they came from

BTI = """
_start: mov     x10, #3
1:      adr     x28, there
        {branch}
        subs    x10, x10, #1
        b.ne    1b
        b       .
there:  {landing}
        ret
"""


@pytest.mark.parametrize("branch", ["blr x28", "adr x30, 2f\nbr x28\n2:", "adr x30, 2f\nmov x16, x28\nbr x16\n2:"])
@pytest.mark.parametrize("landing", ["svc #0", "bti c", "nop", "udf #0", "ldr x0, [x22]", "mrs x0, nzcv", "blr x30"])
@pytest.mark.parametrize("guarded", [False, True])
def test_btype_is_seen_by_the_target(branch, landing, guarded):
    """It is in the SPSR of an exception there, and in a guarded page it is checked."""
    program = Program(BTI.format(branch=branch, landing=landing), translates=guarded)
    for step in (1, 2, 3, 100):
        pair = make_pair(program)
        if guarded:
            for machine in pair.machines:
                entry = machine.cpu.gpr[27] + 8
                machine.memory.write(entry, 8, machine.memory.read(entry, 8) | 1 << 50)
        for _ in range(100 // step):
            pair.run(step)


def test_btype_in_spsr():
    """An interrupt that comes between an indirect branch and its target."""
    program = Program(BTI.format(branch="blr x28", landing="nop").replace("mov ", "msr daifclr, #2\nmov ", 1))
    seen = set()
    for budget in range(30):
        pair = make_pair(program)
        pair.run(budget)
        pair.both(lambda machine: setattr(machine.cpu, "lines", {Line.IRQ}))
        pair.run(1)
        seen.add(pair.exact.cpu.spsr[1] >> 10 & 3)
        pair.run(10)
    assert seen == {0b00, 0b10}


# --- code that changes

CHANGING = [
    ("the next instruction", "adr x28, 1f\n{load}\nstr w26, [x28]\n1: add x1, x1, #1"),
    (
        "the next instruction, the other one of a pair",
        "adr x28, 1f\n{load}\nstp w26, w26, [x28, #-4]\n1: add x1, x1, #1",
    ),
    ("the instruction before", "1: add x1, x1, #1\nadr x28, 1b\n{load}\nstr w26, [x28]"),
    ("itself", "{load}\nadr x28, 1f\n1: str w26, [x28]"),
    ("the branch that closes the loop", "adr x28, 2f\n{load}\ncmp x10, #2\nb.ne 1f\nstr w26, [x28, #4]\n1:\n2:"),
    ("by a byte", "adr x28, 1f\nstrb w10, [x28]\n1: add x1, x1, #1"),
    ("by an atomic", "adr x28, 1f\nmov w26, #0x400\nldadd w26, w26, [x28]\n1: add x1, x1, #1"),
    ("by an exclusive", "adr x28, 1f\nldxr w26, [x28]\nadd w26, w26, #0x400\nstxr w2, w26, [x28]\n1: add x1, x1, #1"),
    ("by a compare and swap", "adr x28, 1f\n{load}\nldr w3, [x28]\ncas w3, w26, [x28]\n1: add x1, x1, #1"),
    ("by an unaligned store", "adr x28, 1f\n{load}\nlsr w26, w26, #8\nstrh w26, [x28, #1]\n1: add x1, x1, #1"),
    ("by DC ZVA", "adr x28, 1f\ncmp x10, #2\nb.ne 1f\ndc zva, x28\n1: add x1, x1, #1"),
    ("by the handler", "adr x28, 1f\n{load}\nstr w26, [x28]\nsvc #0\n1: add x1, x1, #1"),
    (
        "with all maintenance",
        "adr x28, 1f\n{load}\nstr w26, [x28]\ndc cvau, x28\ndsb ish\nic ivau, x28\ndsb ish\nisb\n1: add x1, x1, #1",
    ),
    ("data beside code", "str x10, [x23, #0x800]\nldr x1, [x23, #0x800]"),
    ("a function that is called again", "adr x28, 1f\nbl 1f\n{load}\nstr w26, [x28]\nb 2f\n1: add x1, x1, #1\nret\n2:"),
    (
        "a loop inside",
        "mov x11, #3\n3: adr x28, 1f\n{load}\n1: add x1, x1, #1\nstr w26, [x28]\nsubs x11, x11, #1\nb.ne 3b",
    ),
]


@pytest.mark.parametrize("place", [0, 0xFE0], ids=["in a page", "across pages"])
@pytest.mark.parametrize("fresh", ["add x1, x1, #0x10", "b .+4", "svc #1", "nop"])
@pytest.mark.parametrize("body", [row[1] for row in CHANGING], ids=[row[0] for row in CHANGING])
def test_code_that_changes(body, fresh, place):
    text = LOOP.format(body=body.format(load=move("w26", word_of(fresh))))
    program = Program(f".space {place}\n{text}\n" if place else f"{text}\n", unaligned=True)
    cycle_by_cycle(program, min(in_one_run(program).exact.cpu.cycles, 100))


def test_code_put_in_place_of_the_next_instruction_is_what_runs():
    load = move("w26", word_of("add x1, x1, #16"))
    pair = in_one_run(Program(LOOP.format(body=f"adr x28, 1f\n{load}\nstr w26, [x28]\n1: add x1, x1, #1") + "\n"))
    assert pair.exact.cpu.gpr[1] == 64


def test_code_patched_by_the_host():
    pair = make_pair(Program("_start: add x0, x0, #1\nb _start\n"))
    for number in range(1, 20):
        word = word_of(f"add x0, x0, #{number}")
        pair.both(lambda machine, word=word: machine.memory.write_bytes(CODE, word.to_bytes(4, "little")), f"#{number}")
        pair.run(number)


# --- budgets and addresses to stop at

TIGHT = "_start: mov x10, #1000\nagain: add x0, x0, #1\nsub x10, x10, #1\ncbnz x10, again\ndone: b .\n"


@pytest.mark.parametrize("budget", range(12))
def test_a_budget_ends_anywhere_in_a_loop(budget):
    pair = make_pair(Program(TIGHT))
    pair.run(31)
    for _ in range(5):
        assert pair.run(budget).reason is StopReason.MAX_CYCLES
    assert 31 + 5 * budget == pair.fast.cpu.cycles


@pytest.mark.parametrize("place", ["_start", "again", "done", CODE + 8, CODE + 12, CODE + 2, 0])
def test_until_an_address_of_a_hot_loop(place):
    pair = make_pair(Program(TIGHT))
    for budget in (100, 50, 2, 1, 50, 4000):
        pair.run(budget, until=place)


def test_until_the_address_it_stands_at_goes_once_round():
    pair = make_pair(Program(TIGHT))
    pair.run(100)
    pair.run(until="again")
    cycles = pair.fast.cpu.cycles
    assert pair.run(until="again").reason is StopReason.UNTIL
    assert cycles + 3 == pair.fast.cpu.cycles


def test_a_branch_to_itself_is_recognised():
    hot = "mov x10, #3\n2: subs x10, x10, #1\nadr x0, 2b\nadr x1, 1f\ncsel x0, x0, x1, ne\n1: ret x0"
    for text in ("b .", "1: cbz xzr, 1b", "adr x0, .+4\nbr x0", "mov x0, #1\n1: cbnz x0, 1b", "1: tbz x0, #5, 1b", hot):
        for translates in (False, True):
            pair = in_one_run(Program(f"mov x1, #2\n{text}\n", translates=translates))
            assert pair.exact.cpu.cycles < 20


@pytest.mark.parametrize("text", ["b .", "1: nop\nb 1b", "1: cbz xzr, 1b", "wfi\nb .", "1: wfe\nb 1b"])
@pytest.mark.parametrize("delay", [1, 2, 3, 4, 5, 17, 50])
@pytest.mark.parametrize("period", [0, 23])
def test_a_timer_interrupts_at_its_very_cycle(text, delay, period):
    timer = f"mov x26, #{delay}\nmsr cntp_tval_el0, x26\nmov x26, #1\nmsr cntp_ctl_el0, x26\nmsr daifclr, #2\n"
    program = Program(f"{timer}{text}\n", period=period)
    assert in_one_run(program, 300).exact.exceptions["IRQ"] >= 1
    pair = make_pair(program)
    for budget in (3, 5, 1, 1, 1, 7, 20, 40, 100):
        pair.run(budget)


def test_a_line_that_is_raised_between_runs():
    pair = make_pair(Program("_start: msr daifclr, #2\n1: add x0, x0, #1\nb 1b\n"))
    pair.run(50)
    pair.both(lambda machine: setattr(machine.cpu, "lines", {Line.IRQ}))
    pair.run(1)
    assert pair.exact.cpu.pc == VECTORS + 0x1000 + 0x280
    pair.both(lambda machine: setattr(machine.cpu, "lines", set()))
    pair.run(50)


# --- levels and modes

USER = """
_start: adr     x26, user
        msr     elr_el1, x26
        msr     spsr_el1, xzr
        adr     x30, common
        blr     x30
        eret
user:   mov     x10, #5
1:      adr     x30, 2f
        b       common
2:      subs    x10, x10, #1
        b.ne    1b
        svc     #0x7f
        adr     x30, common
        blr     x30
        b       .
common: sub     sp, sp, #16             // of the level that executes it
        str     x10, [sp]
        mrs     x0, currentel           // UNDEFINED at EL0
        ldr     x1, [sp], #16
        ret
"""


@pytest.mark.parametrize("translates", [False, True])
def test_the_same_code_at_two_levels(translates):
    program = Program(USER, translates=translates)
    pair = in_one_run(program)
    if not translates:
        assert pair.exact.exceptions == {"UNKNOWN": 5, "SVC": 1}
    cycle_by_cycle(program, 100)


SP_CHECK = """
_start: add     sp, sp, #8
        mov     x11, #3
1:      bl      2f
        mrs     x26, sctlr_el1
        eor     x26, x26, #8            // SCTLR_EL1.SA
        msr     sctlr_el1, x26
        subs    x11, x11, #1
        b.ne    1b
        b       .
2:      ldr     x0, [sp]
        str     x0, [sp]
        ret
"""


def test_the_stack_alignment_check_is_switched():
    program = Program(SP_CHECK)
    pair = in_one_run(program)
    assert 0 < pair.exact.exceptions["SP_ALIGNMENT"] < 6
    cycle_by_cycle(program, 80)


def test_the_alignment_check_is_switched():
    text = "mrs x26, sctlr_el1\neor x26, x26, #2\nmsr sctlr_el1, x26\nldr x0, [x25]\nstr x0, [x25]"
    program = Program(LOOP.format(body=text) + "\n", unaligned=True)
    assert in_one_run(program).exact.exceptions == {"DATA_ABORT": 4}
    cycle_by_cycle(program, 60)


def test_code_at_the_end_of_ram():
    """The next instruction cannot be fetched."""
    place = RAM + RAM_SIZE - 8
    words = [word_of("add x0, x0, #1"), word_of("add x1, x1, #1")]
    pair = make_pair(Program("_start: adr x29, back\nmov x28, x24\nbr x28\nback: b _start\n"))
    for machine in pair.machines:
        machine.memory.write_bytes(place, b"".join(word.to_bytes(4, "little") for word in words))
    for _ in range(40):
        pair.run(3)
    assert pair.exact.cpu.gpr[1] > 2
