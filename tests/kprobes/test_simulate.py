"""Simulation: what an instruction does at its own address, on the registers of a frame; where the kernels differ."""

import random
from functools import cache

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64.exceptions import ArchException, ExceptionClass
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.isa.definition import Trait
from aarch64.memory import PAGE_SHIFT
from aarch64.pstate import BranchType, PState
from aarch64.sampling import IMPLEMENTED, samples
from aarch64.strategies import fields_of, states
from kprobes.analysis import verdict
from kprobes.arch.code import A64Instruction, simulate
from kprobes.profiles import PROFILES
from kprobes.rules import Defect, Verdict
from tests.isa.running import execute
from tests.kprobes.texts import instruction_of
from tests.laws.machines import RAM, make_cpu
from tests.translation.paging import PAGE_A, PAGE_B, make_space

PC = RAM + 0x1000
RAM_END = RAM + (1 << 20)
EL1H = 0b0101
BTYPE = 10
IN_LINUX = [name for name in PROFILES if PROFILES[name].decode.defects]


@attrs.define
class Frame:
    """The registers of what was interrupted."""

    x: list[int] = attrs.field(factory=lambda: [0x5A5A_5A5A_0000_0000 + number for number in range(31)])
    sp: int = RAM + 0x8000
    pc: int = PC
    pstate: int = EL1H

    @classmethod
    def of(cls, pstate=EL1H, **registers):
        """One with these registers: x3=5."""
        frame = cls(pstate=pstate)
        for name, value in registers.items():
            frame.x[int(name[1:])] = value
        return frame


@pytest.fixture
def cpu():
    """A CPU that handles an exception: its own registers and flags are not those of the frame."""
    made = make_cpu(random.Random(0))
    made.gpr[:31] = [0xBAD] * 31
    made.sp, made.pc = RAM + 0x9000, RAM + 0x200
    made.pstate.flags = (1, 1, 1, 1)
    return made


def run(cpu, written, frame, address=PC, defects=Defect.NONE):
    """The frame, simulated on."""
    simulate(cpu, instruction_of(written, address), address, frame, defects)
    return frame


# --- row by row


@pytest.mark.parametrize(
    ("written", "target"),
    [
        pytest.param(0x1600_0000, PC - (1 << 27), id="B least"),
        pytest.param(0x15FF_FFFF, PC + (1 << 27) - 4, id="B most"),
        pytest.param(0x9600_0000, PC - (1 << 27), id="BL least"),
        pytest.param(0x5480_000E, PC - (1 << 20), id="B.cond least"),
        pytest.param(0x547F_FFEE, PC + (1 << 20) - 4, id="B.cond most"),
        pytest.param(0xB480_001F, PC - (1 << 20), id="CBZ least"),
        pytest.param(0xB47F_FFFF, PC + (1 << 20) - 4, id="CBZ most"),
        pytest.param(0x3604_001F, PC - (1 << 15), id="TBZ least"),
        pytest.param(0x3603_FFFF, PC + (1 << 15) - 4, id="TBZ most"),
    ],
)
def test_displacements_of_branches(cpu, written, target):
    assert run(cpu, written, Frame()).pc == target % (1 << 64)


@pytest.mark.parametrize(
    ("written", "address", "value"),
    [
        (0x1080_0000, PC, PC - (1 << 20)),
        (0x707F_FFE0, PC, PC + (1 << 20) - 1),
        (0x9080_0000, PC + 0x124, PC - (1 << 32)),
        (0xF07F_FFE0, PC + 0x124, PC + (1 << 32) - 0x1000),
        (0x9000_0000, PC + 0xFFC, PC),
    ],
    ids=["ADR least", "ADR most", "ADRP least", "ADRP most", "ADRP of its own page"],
)
def test_displacements_of_addresses(cpu, written, address, value):
    frame = run(cpu, written, Frame(), address)
    assert (frame.x[0], frame.pc) == (value % (1 << 64), address + 4)


@pytest.mark.parametrize(
    ("written", "pc"),
    [
        ("cbz xzr, 0x40001100", PC + 0x100),
        ("cbnz wzr, 0x40001100", PC + 4),
        ("tbnz wzr, #0, 0x40001100", PC + 4),
        ("br xzr", 0),
        ("adr xzr, 0x40001100", PC + 4),
        ("ldr wzr, 0x40001100", PC + 4),
        ("ldrsw xzr, 0x40001100", PC + 4),
    ],
)
def test_register_31_reads_zero_and_is_not_written(cpu, written, pc):
    frame = run(cpu, written, Frame())
    assert (frame.x, frame.sp, frame.pc) == (Frame().x, Frame().sp, pc)


def test_a_w_register_is_zero_extended(cpu):
    cpu.memory.write(PC + 0x100, 4, 0x8000_0001)
    assert run(cpu, "ldr w3, 0x40001100", Frame.of(x3=(1 << 64) - 1)).x[3] == 0x8000_0001


def test_ldrsw_sign_extends(cpu):
    cpu.memory.write(PC + 0x100, 4, 0x8000_0001)
    assert run(cpu, "ldrsw x3, 0x40001100", Frame()).x[3] == 0xFFFF_FFFF_8000_0001


def test_a_literal_is_read_relative_to_the_probed_address(cpu):
    cpu.memory.write(PC + 0x100, 8, 0x1122_3344_5566_7788)
    frame = Frame()
    frame.pc = RAM + 0x4000  # where the slot would be
    assert run(cpu, "ldr x3, 0x40001100", frame).x[3] == 0x1122_3344_5566_7788
    assert frame.pc == PC + 4


@pytest.mark.parametrize(
    ("written", "value", "taken"),
    [
        ("tbz x3, #63, 0x40001100", 1 << 63, False),
        ("tbz x3, #63, 0x40001100", (1 << 63) - 1, True),
        ("tbnz x3, #32, 0x40001100", 1 << 32, True),
        ("tbnz w3, #31, 0x40001100", 1 << 32, False),
    ],
)
def test_the_tested_bit_is_b5_and_b40(cpu, written, value, taken):
    assert run(cpu, written, Frame.of(x3=value)).pc == PC + (0x100 if taken else 4)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("cbz w3, 0x40001100", True),
        ("cbnz w3, 0x40001100", False),
        ("cbz x3, 0x40001100", False),
        ("cbnz x3, 0x40001100", True),
    ],
)
def test_cbz_w_ignores_the_upper_half(cpu, written, taken):
    assert run(cpu, written, Frame.of(x3=0xDEAD_BEEF_0000_0000)).pc == PC + (0x100 if taken else 4)


@pytest.mark.parametrize(
    ("condition", "nzcv", "taken"),
    [
        ("eq", 0b0100, True),
        ("eq", 0b1011, False),
        ("ne", 0b0100, False),
        ("ge", 0b1001, True),
        ("al", 0b0000, True),
        ("nv", 0b0000, True),
        ("nv", 0b1111, True),
    ],
)
def test_conditions_are_of_the_saved_flags_and_nv_always_holds(cpu, condition, nzcv, taken):
    frame = run(cpu, f"b.{condition} 0x40001100", Frame(pstate=nzcv << 28 | EL1H))
    assert (frame.pc, frame.pstate) == (PC + (0x100 if taken else 4), nzcv << 28 | EL1H)


def test_blr_x30_reads_its_target_before_it_writes_the_link(cpu):
    frame = run(cpu, "blr x30", Frame.of(x30=RAM + 0x5000))
    assert (frame.pc, frame.x[30]) == (RAM + 0x5000, PC + 4)


@pytest.mark.parametrize("written", ["bl 0x40001100", "blr x3"])
def test_a_call_links_to_after_the_probed_address(cpu, written):
    frame = Frame.of(x3=RAM)
    frame.pc = RAM + 0x4000
    assert run(cpu, written, frame).x[30] == PC + 4


@pytest.mark.parametrize("written", ["ret", "ret x3", "br x3", "b 0x40001100", "cbz x3, 0x40001100"])
def test_others_leave_the_link_register(cpu, written):
    assert run(cpu, written, Frame.of(x3=RAM, x30=RAM + 8)).x[30] == RAM + 8


@pytest.mark.parametrize(("written", "target"), [("ret", 0x300), ("ret x3", 0x30), ("ret x30", 0x300)])
@pytest.mark.parametrize("profile", ["v4.8", "v5.10", "v7.2", "strict"])
def test_ret_returns_to_its_register(cpu, written, target, profile):
    frame = Frame.of(x3=0x30, x30=0x300)
    assert run(cpu, written, frame, defects=PROFILES[profile].decode.defects).pc == target


def test_registers_wider_than_64_bits_are_cut(cpu):
    """Handlers edit frames."""
    frame = Frame.of(x3=(1 << 64) + RAM, x5=-1)
    frame.sp = 1 << 64
    assert run(cpu, "br x3", frame).pc == RAM
    assert (frame.x[3], frame.x[5], frame.sp) == (RAM, (1 << 64) - 1, 0)


def test_what_is_not_there_is_undefined():
    bare = make_cpu(random.Random(0))
    bare.features = DEFAULT_FEATURES - {Feature.HBC}
    frame = Frame()
    with pytest.raises(ArchException) as caught:
        run(bare, "bc.eq 0x40001100", frame)
    assert (caught.value.ec, frame) == (ExceptionClass.UNKNOWN, Frame())


# --- defects, each by its name


@pytest.mark.parametrize(("profile", "faults"), [("v4.8", True), ("v5.10", True), ("v7.2", False), ("strict", False)])
def test_wide_literal_ldr_w_at_the_end_of_a_page(cpu, profile, faults):
    """It reads 8 bytes before v6.12, the last four of which are not there."""
    cpu.memory.write(RAM_END - 4, 4, 0x1234_5678)
    frame = Frame()
    defects = PROFILES[profile].decode.defects
    address = RAM_END - 0x100
    if not faults:
        assert run(cpu, f"ldr w3, {RAM_END - 4:#x}", frame, address, defects).x[3] == 0x1234_5678
        return
    with pytest.raises(ArchException) as caught:
        run(cpu, f"ldr w3, {RAM_END - 4:#x}", frame, address, defects)
    assert (caught.value.ec, frame) == (ExceptionClass.DATA_ABORT, Frame())


def test_wide_literal_drops_the_upper_half(cpu):
    cpu.memory.write(PC + 0x100, 8, 0x1122_3344_5566_7788)
    assert run(cpu, "ldr w3, 0x40001100", Frame(), defects=Defect.WIDE_LITERAL).x[3] == 0x5566_7788
    assert run(cpu, "ldr wzr, 0x40001100", Frame(), defects=Defect.WIDE_LITERAL).x == Frame().x


def test_wide_literal_is_about_w_registers(cpu):
    cpu.memory.write(RAM_END - 4, 4, 0x8234_5678)
    frame = run(cpu, f"ldrsw x3, {RAM_END - 4:#x}", Frame(), RAM_END - 0x100, Defect.WIDE_LITERAL)
    assert frame.x[3] == 0xFFFF_FFFF_8234_5678


@pytest.mark.parametrize(
    "written", ["b 0x40001100", "br x3", "blr x3", "ret", "adr x0, 0x40001100", "cbz x3, 0x40001100"]
)
@pytest.mark.parametrize("btype", [0, 1, 2, 3])
@pytest.mark.parametrize("profile", IN_LINUX)
def test_the_kernels_leave_btype_as_it_was(cpu, written, btype, profile):
    frame = Frame.of(x3=RAM, pstate=btype << BTYPE | EL1H)
    assert run(cpu, written, frame, defects=PROFILES[profile].decode.defects).pstate == btype << BTYPE | EL1H


@pytest.mark.parametrize(
    ("written", "btype"),
    [
        ("b 0x40001100", BranchType.NOT_INDIRECT),
        ("br x3", BranchType.JUMP),
        ("blr x3", BranchType.CALL),
        ("ret", BranchType.NOT_INDIRECT),
        ("adr x0, 0x40001100", BranchType.NOT_INDIRECT),
        ("bti c", BranchType.NOT_INDIRECT),
    ],
)
def test_we_do_not(cpu, written, btype):
    assert run(cpu, written, Frame.of(x3=RAM, pstate=3 << BTYPE | EL1H)).pstate == btype << BTYPE | EL1H


def test_nop_is_skipped_and_clears_btype_in_v7_2(cpu):
    frame = run(cpu, "nop", Frame(pstate=2 << BTYPE | EL1H), defects=PROFILES["v7.2"].decode.defects)
    assert (frame.pc, frame.pstate, frame.x) == (PC + 4, EL1H, Frame().x)


# --- guarded pages


@pytest.fixture
def guarded(cpu):
    for number in (PC >> PAGE_SHIFT, RAM_END - 1 >> PAGE_SHIFT):
        cpu.page_map.guarded.add(number)
    return cpu


@pytest.mark.parametrize(
    ("written", "btype", "lands"),
    [
        ("bti c", BranchType.CALL, True),
        ("bti c", BranchType.JUMP_FROM_GUARDED_PAGE, False),
        ("bti j", BranchType.CALL, False),
        ("bti j", BranchType.JUMP_FROM_GUARDED_PAGE, True),
        ("bti jc", BranchType.CALL, True),
        ("bti", BranchType.JUMP, False),
        ("paciasp", BranchType.CALL, True),
        ("b 0x40001100", BranchType.JUMP, False),
        ("b 0x40001100", BranchType.NOT_INDIRECT, True),
        ("adr x0, 0x40001100", BranchType.CALL, False),
    ],
)
def test_in_a_guarded_page_we_check_how_it_was_reached(guarded, written, btype, lands):
    frame = Frame(pstate=btype << BTYPE | EL1H)
    if lands:
        assert run(guarded, written, frame).pstate == EL1H
        return
    before = attrs.evolve(frame, x=frame.x[:])
    with pytest.raises(ArchException) as caught:
        run(guarded, written, frame)
    assert (caught.value.ec, caught.value.iss, frame) == (ExceptionClass.BTI, btype, before)


@pytest.mark.parametrize("written", ["bti j", "b 0x40001100"])
def test_the_kernels_do_not(guarded, written):
    frame = Frame(pstate=BranchType.CALL << BTYPE | EL1H)
    assert run(guarded, written, frame, defects=Defect.IGNORES_BTYPE).pc > PC


def test_br_knows_that_its_page_is_guarded(guarded):
    frame = run(guarded, "br x3", Frame.of(x3=RAM))
    assert frame.pstate >> BTYPE & 3 == BranchType.JUMP_FROM_GUARDED_PAGE


# --- with translation

CODE, DATA = 0x10_0000, 0x10_1000


def test_whether_the_page_is_guarded_is_looked_up():
    """The handlers may have made the machine forget all that it knew of pages."""
    space = make_space()
    space.map(CODE, PAGE_A, gp=True)
    assert run(space.cpu, "br x3", Frame.of(x3=RAM), CODE).pstate >> BTYPE & 3 == BranchType.JUMP_FROM_GUARDED_PAGE
    space.map(CODE, PAGE_A)
    execute(space.cpu, "tlbi vmalle1")
    assert run(space.cpu, "br x3", Frame.of(x3=RAM), CODE).pstate >> BTYPE & 3 == BranchType.JUMP


@pytest.mark.parametrize(("mode", "loads"), [(0b0000, False), (EL1H, True)], ids=["EL0", "EL1"])
def test_a_literal_is_read_with_the_privilege_of_what_was_interrupted(mode, loads):
    space = make_space()
    space.map(CODE, PAGE_A, el0=True, read_only=True)
    space.map(DATA, PAGE_B)
    assert space.cpu.load(DATA, 8) == 0xB  # the handler, at EL1, may, and the page is known to it
    frame = Frame(pstate=mode)
    if loads:
        assert run(space.cpu, f"ldr x3, {DATA:#x}", frame, CODE).x[3] == 0xB
        return
    with pytest.raises(ArchException) as caught:
        run(space.cpu, f"ldr x3, {DATA:#x}", frame, CODE)
    assert (caught.value.ec, caught.value.far, caught.value.iss & 0x3F) == (ExceptionClass.DATA_ABORT, DATA, 0xF)
    assert frame == Frame(pstate=mode)
    assert space.cpu.load(DATA, 8) == 0xB


# --- the law


def simulated_in(profile):
    """The definitions of which a profile simulates some encodings."""
    rules = PROFILES[profile].decode
    return {
        definition
        for definition in IMPLEMENTED
        for fields in samples(definition, 8)
        if verdict(A64Instruction(definition.encode(fields)), rules).verdict is Verdict.SIMULATE
    }


BY_PROFILE = {profile: simulated_in(profile) for profile in PROFILES}
SIMULATED = sorted(set().union(*BY_PROFILE.values()), key=lambda definition: definition.pattern.text)


EXAMPLES = settings.default.max_examples // 5
"""Of each of the definitions."""


def identify(definition):
    return f"{definition.title} {definition.pattern.text}"


def spsrs():
    """PSTATE as saved: any level and stack pointer, flags, masks and BTYPE."""
    modes = st.sampled_from([0b0000, 0b0100, 0b0101, 0b1000, 0b1001, 0b1101])
    return st.builds(
        lambda mode, nzcv, daif, btype: mode | nzcv << 28 | daif << 6 | btype << BTYPE,
        modes, st.integers(0, 15), st.integers(0, 15), st.integers(0, 3),
    )  # fmt: skip


def in_place(cpu, definition, fields, frame):
    """The frame after the instruction was executed at PC, and the exception it ended with."""
    cpu.pstate = PState.from_spsr(frame.pstate)
    cpu.gpr[:31] = frame.x
    cpu.sp = frame.sp
    cpu.pc, cpu.next_pc, cpu.next_btype = PC, PC + 4, 0
    cpu.context_changed()
    try:
        if definition.feature and not cpu.has(definition.feature):
            cpu.undefined()
        definition.semantics(cpu, *definition.arguments(fields))
    except ArchException as exception:
        return frame, vars(exception)
    cpu.pstate.btype = cpu.next_btype
    return Frame(cpu.gpr[:31], cpu.sp, cpu.next_pc, cpu.pstate.to_spsr()), None


def simulated(cpu, definition, fields, frame, defects):
    left = attrs.evolve(frame, x=frame.x[:])
    try:
        simulate(cpu, A64Instruction(definition.encode(fields)), PC, left, defects)
    except ArchException as exception:
        return left, vars(exception)
    return left, None


@cache
def cpus():
    """One that handles exceptions, and one that executes; both with the same memory, which nothing writes."""
    handling, executing = make_cpu(random.Random(0)), make_cpu(random.Random(0))
    handling.store_log = []
    return handling, executing


def state_of(cpu):
    return (
        cpu.gpr[:], cpu.sp_el[:], attrs.asdict(cpu.pstate), cpu.pc, cpu.next_pc, cpu.next_btype, cpu.exclusive,
        cpu.elr[:], cpu.spsr[:], dict(cpu.sysregs), tuple(cpu.store_log), cpu.page_map,
    )  # fmt: skip


@pytest.mark.parametrize("definition", SIMULATED, ids=identify)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_simulating_is_executing_in_place(definition, data):
    fields, state, spsr = (data.draw(item) for item in (fields_of(definition), states(), spsrs()))
    frame = Frame(list(state.x), state.sp, PC, spsr)
    handling, executing = cpus()
    before = state_of(handling)
    expected = in_place(executing, definition, fields, frame)
    assert simulated(handling, definition, fields, frame, Defect.NONE) == expected
    assert state_of(handling) == before


@pytest.mark.parametrize("definition", sorted(set().union(*map(BY_PROFILE.get, IN_LINUX)), key=identify), ids=identify)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_the_kernels_differ_only_by_their_defects(definition, data):
    fields, state, spsr = (data.draw(item) for item in (fields_of(definition), states(), spsrs()))
    frame = Frame(list(state.x), state.sp, PC, spsr)
    profile = data.draw(st.sampled_from([name for name in IN_LINUX if definition in BY_PROFILE[name]]))
    defects = PROFILES[profile].decode.defects
    is_wide = Defect.WIDE_LITERAL in defects and definition.title == "LDR (literal)" and not fields["sf"]
    executed = {**fields, "sf": 1} if is_wide else fields
    handling, executing = cpus()
    expected, raised = in_place(executing, definition, executed, frame)
    if raised is None and is_wide and fields["rt"] != 31:
        expected.x[fields["rt"]] &= 0xFFFF_FFFF
    if raised is None and not definition.traits & Trait.HINT:
        expected.pstate = expected.pstate & ~(3 << BTYPE) | frame.pstate & 3 << BTYPE
    assert simulated(handling, definition, fields, frame, defects) == (expected, raised)


def test_what_is_simulated():
    titles = {profile: {definition.title for definition in found} for profile, found in BY_PROFILE.items()}
    branches = {"B", "BL", "B.cond", "CBZ", "CBNZ", "TBZ", "TBNZ", "BR", "BLR", "RET"}
    relative = {"ADR", "ADRP", "LDR (literal)", "LDRSW (literal)"}
    assert titles["v15"] == set()
    assert titles["v4.8"] == titles["v5.10"] == branches | relative
    assert titles["v7.2"] == branches | relative | {"NOP"}
    authenticated = {
        "BRAA, BRAAZ, BRAB, BRABZ", "BLRAA, BLRAAZ, BLRAB, BLRABZ", "RETAA, RETAB",
    }  # fmt: skip
    landing = {"BTI", "PACIA, PACIA1716, PACIASP, PACIAZ, PACIZA", "PACIB, PACIB1716, PACIBSP, PACIBZ, PACIZB"}
    assert titles["strict"] == branches | relative | authenticated | landing | {"BC.cond", "PRFM (literal)"}
