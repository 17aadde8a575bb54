"""Syndromes in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64 import exceptions as ex
from aarch64.exceptions import ExceptionClass, Fault, Taken, Vector
from aarch64.syndrome import class_name, describe, describe_taken, fault_status

IL = 1 << 25


def esr(exception, *, same_level=False):
    ec = exception.ec.at_same_level if same_level else exception.ec
    return ec << 26 | IL | exception.iss


def read_of(op0, op1, crn, crm, op2, rt):
    return ex.trapped_system_register(ex.system_register_iss(op0, op1, crn, crm, op2, rt, is_read=True), 1)


def write_of(op0, op1, crn, crm, op2, rt):
    return ex.trapped_system_register(ex.system_register_iss(op0, op1, crn, crm, op2, rt, is_read=False), 1)


@pytest.mark.parametrize(
    ("exception", "words"),
    [
        (ex.undefined(), "undefined instruction"),
        (ex.illegal_state(), "illegal execution state (PSTATE.IL)"),
        (ex.pc_alignment(0x1002), "PC alignment fault at 0x1002"),
        (ex.sp_alignment(), "SP alignment fault"),
        (ex.supervisor_call(17), "SVC #0x11"),
        (ex.hypervisor_call(1, 2), "HVC #0x1"),
        (ex.secure_monitor_call(2), "SMC #0x2"),
        (ex.software_breakpoint(0xF000), "BRK #0xf000"),
        (write_of(3, 0, 1, 0, 0, 3), "trapped MSR SCTLR_EL1, x3"),
        (read_of(3, 3, 14, 0, 2, 31), "trapped MRS xzr, CNTVCT_EL0"),
        (read_of(3, 0, 15, 2, 7, 30), "trapped MRS x30, S3_0_C15_C2_7"),
        (write_of(1, 3, 7, 14, 1, 5), "trapped SYS #3, c7, c14, #1, x5"),
        (read_of(1, 3, 7, 14, 1, 5), "trapped SYSL x5, #3, c7, c14, #1"),
        (ex.trapped_wait(0, 1), "trapped WFI"),
        (ex.trapped_wait(1, 2), "trapped WFE"),
        (ex.trapped_wait(2, 2, 5), "trapped WFIT"),
        (ex.trapped_wait(3, 2, 5), "trapped WFET"),
        (ex.trapped_floating_point(1), "trapped floating-point or SIMD instruction"),
        (ex.trapped_pointer_authentication(2), "trapped pointer authentication instruction"),
        (ex.pointer_authentication_failure(0), "pointer authentication failure, instruction key A"),
        (ex.pointer_authentication_failure(3), "pointer authentication failure, data key B"),
        (ex.branch_target(2), "branch target exception, BTYPE 10"),
        (ex.instruction_abort(Fault.EXTERNAL, 0x200), "instruction abort, external abort at 0x200"),
        (ex.instruction_abort(Fault.TRANSLATION + 1, 0x200), "instruction abort, translation fault, level 1 at 0x200"),
        (ex.data_abort(Fault.EXTERNAL, 0xB000_0000, is_write=True), "data abort, write, external abort at 0xb0000000"),
        (ex.data_abort(Fault.ALIGNMENT, 1, is_write=False), "data abort, read, alignment fault at 0x1"),
        (ex.data_abort(Fault.PERMISSION + 3, 1, is_write=False), "data abort, read, permission fault, level 3 at 0x1"),
        (
            ex.data_abort(Fault.TRANSLATION, 64, is_write=True, cache_maintenance=True),
            "data abort, cache maintenance, translation fault, level 0 at 0x40",
        ),
    ],
)
def test_words(exception, words):
    assert words == describe(esr(exception), exception.far)
    assert words == describe(esr(exception, same_level=True), exception.far)


@pytest.mark.parametrize(
    ("esr", "words"),
    [
        (0x2F << 26 | 0x12, "SError interrupt, syndrome 0x12"),
        (0x30 << 26 | 0x22, "hardware breakpoint"),
        (0x31 << 26 | 0x22, "hardware breakpoint"),
        (0x32 << 26 | 0x0100_0022, "software step"),
        (0x33 << 26 | 0x0100_0062, "software step, after a load-exclusive"),
        (0x33 << 26 | 0x22, "software step, before any instruction"),
        (0x34 << 26 | 0x62, "watchpoint, write at 0x8"),
        (0x35 << 26 | 0x22, "watchpoint, read at 0x8"),
        (0x35 << 26 | 0x162, "watchpoint, cache maintenance at 0x8"),
        (0x25 << 26 | 0x410, "data abort, read, external abort"),
        (0x24 << 26 | 0x84, "data abort, read, translation fault, level 0 on a stage 2 translation table walk at 0x8"),
        (0x3F << 26 | 0x7, "exception class 0x3f, syndrome 0x7"),
        (0x3D << 26, "exception class 0x3d, syndrome 0x0"),
        (0x16 << 26 | 1 << 16 | 7, "HVC #0x7"),
    ],
)
def test_words_of_syndromes(esr, words):
    assert words == describe(esr, 8)


def test_fault_status_codes():
    assert fault_status(0x3F) == "fault status 0x3f"
    assert fault_status(0x16) == "external abort on a translation table walk, level 2"


@given(st.integers(0, 2**64 - 1), st.none() | st.integers(0, 2**64 - 1))
def test_every_value_has_words(value, far):
    assert describe(value, far)


def test_every_class_has_words():
    assert not [ec for ec in ExceptionClass if describe(ec << 26).startswith("exception class")]


def test_an_interrupt_has_no_syndrome():
    stale = esr(ex.software_breakpoint(1))
    taken = Taken(ExceptionClass.SERROR, Vector.IRQ, 1, 1, stale, 0, 0, None, 0x280, 0)
    assert (describe_taken(taken), class_name(taken)) == ("IRQ", "IRQ")
