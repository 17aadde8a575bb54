"""Every row of the Arm ARM's table of fault status codes ("ISS encoding for an exception from a Data Abort", DFSC).

A row is a way to get the code: one that a load, a store and a fetch all take. Codes without one are listed with the
reason why this machine never gives them.
"""

from __future__ import annotations

import pytest

from aarch64.access import fetch
from aarch64.exceptions import ArchException, ExceptionClass, Fault
from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.syndrome import fault_status
from tests.translation.paging import RAM, Space, make_space

HERE = 0x5000
FRAME = RAM + 0x8000
NOWHERE = 0x9000_0000
LARGE = 1 << 36
"""An address beyond the 36 bits that these machines say physical addresses have."""
PS_36 = 0b001
WNR = 1 << 6

VALID_BLOCK, VALID_TABLE = 0b01, 0b11
AF, READ_ONLY, UXN, PXN = 1 << 10, 1 << 7, 1 << 54, 1 << 53
NO_RIGHT_TO_ANYONE_AT_EL0 = AF  # AP[1] clear


def build(level: int) -> Space:
    """An EL1&0 regime of 48-bit addresses with a table at every level above, and 36 bits of output address."""
    space = make_space(input_size=48)
    tcr = space.cpu.sysregs["TCR_EL1"] & ~(0b111 << 32) | PS_36 << 32
    space.set(TCR_EL1=tcr)
    space.descriptor_address(HERE, level)
    return space


def with_descriptor(level: int, descriptor: int) -> Space:
    """HERE's descriptor of a level is this one."""
    space = build(level)
    space.write(space.descriptor_address(HERE, level), descriptor)
    return space


def leaf(level: int, output: int, bits: int) -> int:
    """A page, or a block, that leads somewhere with these attributes."""
    return output | bits | (VALID_TABLE if level == 3 else VALID_BLOCK)


def table_beyond_the_output_size(level: int) -> Space:
    if level:
        return with_descriptor(level, LARGE | VALID_TABLE) if level < 3 else with_descriptor(3, leaf(3, LARGE, AF))
    space = build(3)
    space.set(TTBR0_EL1=LARGE)
    return space


def table_that_nothing_answers(level: int) -> Space:
    if level:
        return with_descriptor(level - 1, NOWHERE | VALID_TABLE)
    space = build(3)
    space.set(TTBR0_EL1=NOWHERE)
    return space


def invalid(level: int) -> Space:
    return with_descriptor(level, 0)


def not_accessed_yet(level: int) -> Space:
    return with_descriptor(level, leaf(level, 0, 0))


def forbidden(level: int) -> Space:
    space = with_descriptor(level, leaf(level, 0, NO_RIGHT_TO_ANYONE_AT_EL0 | UXN))
    space.at_level(0)
    return space


def mapped_to_nowhere(_level: int) -> Space:
    return with_descriptor(3, leaf(3, NOWHERE, AF))


ROWS = [
    *((Fault.ADDRESS_SIZE | level, table_beyond_the_output_size, level) for level in range(4)),
    *((Fault.TRANSLATION | level, invalid, level) for level in range(4)),
    *((Fault.ACCESS_FLAG | level, not_accessed_yet, level) for level in (1, 2, 3)),
    *((Fault.PERMISSION | level, forbidden, level) for level in (1, 2, 3)),
    (Fault.EXTERNAL, mapped_to_nowhere, 3),
    *((Fault.EXTERNAL_ON_WALK | level, table_that_nothing_answers, level) for level in range(4)),
]

NEVER = {
    0b001000: "access flag fault, level 0: no blocks there without 52-bit addresses (FEAT_LPA2)",
    0b001100: "permission fault, level 0: likewise",
    0b010001: "synchronous tag check fault: FEAT_MTE is not modelled",
    0b010010: "external abort on a walk, level -2: FEAT_D128 is not modelled",
    0b010011: "external abort on a walk, level -1: FEAT_LPA2 is not modelled",
    0b011000: "parity or ECC error on an access: memory does not fail",
    0b011011: "parity or ECC error on a walk, level -1: memory does not fail",
    **{0b011100 | level: "parity or ECC error on a walk: memory does not fail" for level in range(4)},
    0b100010: "granule protection fault on a walk, level -2: FEAT_RME is not modelled",
    0b100011: "granule protection fault on a walk, level -1: FEAT_RME is not modelled",
    **{0b100100 | level: "granule protection fault on a walk: FEAT_RME is not modelled" for level in range(4)},
    0b101000: "granule protection fault: FEAT_RME is not modelled",
    0b101001: "address size fault, level -1: FEAT_LPA2 is not modelled",
    0b101010: "translation fault, level -2: FEAT_D128 is not modelled",
    0b101011: "translation fault, level -1: FEAT_LPA2 is not modelled",
    0b101100: "address size fault, level -2: FEAT_D128 is not modelled",
    0b110000: "TLB conflict: of several entries the smallest is used",
    0b110001: "unsupported atomic hardware update: RAM supports it",
    0b110100: "IMPLEMENTATION DEFINED: lockdown",
    0b110101: "IMPLEMENTATION DEFINED: exclusives and atomics work on any memory type",
}

ALIGNMENT = 0b100001


def name(row) -> str:
    status, recipe, level = row
    return f"{status:#04x}-{recipe.__name__}-{level}"


def abort_of(action) -> ArchException:
    with pytest.raises(ArchException) as caught:
        action()
    return caught.value


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_load_and_a_store_report(row):
    status, recipe, level = row
    load = abort_of(lambda: recipe(level).cpu.load(HERE, 8))
    store = abort_of(lambda: recipe(level).cpu.store(HERE, 8, 1))
    assert (ExceptionClass.DATA_ABORT, status, HERE) == (load.ec, load.iss, load.far)
    assert (ExceptionClass.DATA_ABORT, status | WNR, HERE) == (store.ec, store.iss, store.far)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_fetch_reports(row):
    status, recipe, level = row
    abort = abort_of(lambda: fetch(recipe(level).cpu, HERE))
    assert (ExceptionClass.INSTRUCTION_ABORT, status, HERE) == (abort.ec, abort.iss, abort.far)


def test_an_unaligned_access_to_device_memory_reports_alignment():
    space = make_space()
    space.map(HERE, FRAME, attribute=1)
    for offset, size in ((1, 2), (4, 8), (0xFFC, 8)):
        assert ALIGNMENT == abort_of(lambda: space.cpu.load(HERE + offset, size)).iss  # noqa: B023  (called at once)


def test_every_code_has_a_row_or_a_reason():
    """All 64 codes but those that the Arm ARM reserves."""
    stated = {status for status, *_ in ROWS} | set(NEVER) | {ALIGNMENT}
    assert set(range(64)) == stated | RESERVED
    assert not stated & RESERVED


RESERVED = {0b011001, 0b011010, 0b100000, *range(0b101101, 0b110000), 0b110010, 0b110011, *range(0b110110, 0b1000000)}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_code_in_words_names_its_level(row):
    status, _, level = row
    text = fault_status(status)
    assert "fault status" not in text
    assert status == Fault.EXTERNAL or text.endswith(f"level {level}")


def test_none_of_the_features_that_bring_other_codes_is_modelled():
    assert not DEFAULT_FEATURES & {Feature.MTE, Feature.D128, Feature.RME}
