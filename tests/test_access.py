"""Memory accesses that fault: which fault, at which address, and that nothing else has happened."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.access import Access, load_pair, resolve, store_pair
from aarch64.bits import mask
from aarch64.exceptions import ArchException, ExceptionClass
from aarch64.features import Feature
from aarch64.isa.definition import Trait
from aarch64.memory import BusError
from aarch64.sampling import IMPLEMENTED, draw_fields
from tests.isa import running
from tests.isa.memory_bench import DATA, NOWHERE, RAM_END, RAM_SIZE, fault, fault_of, make_cpu, memory_at, run

ALIGNMENT, ADDRESS_SIZE, EXTERNAL = 0x21, 0x00, 0x10
WNR = 1 << 6
SA, SA0, ALIGNMENT_CHECK = 1 << 3, 1 << 4, 1 << 1
TGE = 1 << 27
TBI0 = 1 << 37
TOO_LARGE = 1 << 48

WITH_BASE = [item for item in IMPLEMENTED if item.traits & (Trait.LOADS | Trait.STORES) and "rn" in item.fields]


def identify(definition) -> str:
    return f"{definition.title} {definition.pattern.text}"


def words_of(definition, **fixed):
    """Some encodings whose base is its own register, with the offset small."""
    rng = random.Random(definition.pattern.text)
    small = {name: 0 for name in ("imm12", "imm9", "imm7", "s", "rm") if name in definition.fields}
    for _ in range(20):
        fields = draw_fields(definition, rng) | small | fixed
        others = [value for name, value in fields.items() if name[0] == "r" and name != "rn"]
        if fields["rn"] not in others and definition.accepts(fields):
            yield definition.encode(fields)


@pytest.mark.parametrize("definition", WITH_BASE, ids=identify)
def test_every_load_and_store_faults_precisely(definition) -> None:
    words = list(words_of(definition, rn=1))
    assert words
    expected = EXTERNAL if definition.traits & Trait.LOADS else EXTERNAL | WNR
    for word in words:
        cpu = make_cpu()
        cpu.gpr[0], cpu.gpr[1] = 0, NOWHERE
        if Trait.STORE_EXCLUSIVE in definition.traits:
            cpu.exclusive = (NOWHERE, exclusive_size(definition))
        exception = fault(cpu, word)
        assert (ExceptionClass.DATA_ABORT, expected) == (exception.ec, exception.iss)
        assert NOWHERE - 16 <= exception.far <= NOWHERE


def exclusive_size(definition) -> int:
    """The bytes a store exclusive writes; without a mark for them it would fail instead of faulting."""
    size = 1 << (definition.pattern.value >> 30)
    return size * 2 if "rt2" in definition.fields else size


@pytest.mark.parametrize("definition", WITH_BASE, ids=identify)
def test_every_load_and_store_checks_the_stack_pointer(definition) -> None:
    words = list(words_of(definition, rn=31))
    assert words
    for word in words:
        cpu = make_cpu(unaligned=True)
        cpu.sysregs["SCTLR_EL1"] |= SA
        cpu.sp = NOWHERE + 8
        exception = fault(cpu, word)
        assert (ExceptionClass.SP_ALIGNMENT, 0, None) == (exception.ec, exception.iss, exception.far)


@pytest.mark.parametrize(("el", "enable", "checks"), [(1, SA, True), (1, SA0, False), (0, SA0, True), (0, SA, False)])
def test_stack_pointer_checks_are_by_exception_level(el, enable, checks) -> None:
    cpu = make_cpu(unaligned=True, el=el)
    cpu.sysregs["SCTLR_EL1"] = enable
    cpu.sp = DATA + 8
    if checks:
        assert ExceptionClass.SP_ALIGNMENT == fault(cpu, "ldr x0, [sp]").ec
    else:
        assert memory_at(cpu, DATA + 8, 8) == run(cpu, "ldr x0, [sp]").gpr[0]


REGIME_ROWS = [
    # from, the SCTLR_ELx in which SP alignment or alignment is checked, HCR_EL2: the level told, None for no fault
    (0, "SCTLR_EL1", SA0 | ALIGNMENT_CHECK, 0, 1),
    (0, "SCTLR_EL1", SA0 | ALIGNMENT_CHECK, TGE, 2),
    (0, "SCTLR_EL2", SA0 | SA | ALIGNMENT_CHECK, TGE, None),
    (1, "SCTLR_EL1", SA | ALIGNMENT_CHECK, 0, 1),
    (1, "SCTLR_EL2", SA | ALIGNMENT_CHECK, 0, None),
    (2, "SCTLR_EL2", SA | ALIGNMENT_CHECK, 0, 2),
    (2, "SCTLR_EL1", SA | SA0 | ALIGNMENT_CHECK, 0, None),
    (3, "SCTLR_EL3", SA | ALIGNMENT_CHECK, 0, 3),
    (3, "SCTLR_EL2", SA | ALIGNMENT_CHECK, 0, None),
]


@pytest.mark.parametrize(("el", "register", "bits", "hcr", "target"), REGIME_ROWS)
@pytest.mark.parametrize(
    ("text", "ec", "iss"),
    [("ldr x0, [sp]", ExceptionClass.SP_ALIGNMENT, 0), ("ldr x0, [x1]", ExceptionClass.DATA_ABORT, ALIGNMENT)],
)
@pytest.mark.parametrize("sp", [0, 1])
def test_alignment_is_checked_by_the_current_regime(el, register, bits, hcr, target, text, ec, iss, sp) -> None:
    checks = {"SCTLR_EL1": 0, "SCTLR_EL2": 0, "SCTLR_EL3": 0} | {register: bits}
    cpu = running.make_cpu(el=el, HCR_EL2=hcr, **checks)
    cpu.unaligned_device_access = True
    cpu.pstate.sp = sp if el else 0
    cpu.sp = cpu.gpr[1] = running.RAM + 0x8004
    reported = ec.at_same_level if target == el else ec
    assert (target and (target, reported, iss)) == running.syndrome(cpu, text)


@pytest.mark.parametrize(
    ("address", "unaligned", "sctlr", "status"),
    [
        (DATA + 1, False, 0, ALIGNMENT),
        (DATA + 1, True, ALIGNMENT_CHECK, ALIGNMENT),
        (NOWHERE + 1, False, 0, ALIGNMENT),
        (NOWHERE + 1, True, 0, EXTERNAL),
        (TOO_LARGE, False, 0, ADDRESS_SIZE),
        (TOO_LARGE + 1, False, 0, ADDRESS_SIZE),
        (TOO_LARGE + 1, False, ALIGNMENT_CHECK, ALIGNMENT),
        (mask(64) - 7, False, 0, ADDRESS_SIZE),
        (DATA | 1 << 56, False, 0, ADDRESS_SIZE),
    ],
)
@pytest.mark.parametrize(("text", "direction"), [("ldr x0, [x1]", 0), ("str x0, [x1]", WNR)])
def test_priority_of_faults(address, unaligned, sctlr, status, text, direction) -> None:
    cpu = make_cpu(unaligned=unaligned)
    cpu.sysregs["SCTLR_EL1"] = sctlr
    cpu.gpr[1] = address
    exception = fault(cpu, text)
    assert (status | direction, address) == (exception.iss, exception.far)


@pytest.mark.parametrize(("text", "direction"), [("ldr x0, [x1]", 0), ("str x0, [x1]", WNR)])
def test_an_access_that_leaves_ram_faults_where_it_leaves_it(text, direction) -> None:
    cpu = make_cpu(unaligned=True)
    cpu.gpr[1] = RAM_END - 3
    exception = fault(cpu, text)
    assert (EXTERNAL | direction, RAM_END) == (exception.iss, exception.far)


def test_an_ignored_top_byte_is_not_part_of_the_address() -> None:
    cpu = make_cpu()
    cpu.sysregs["TCR_EL1"] = TBI0
    assert memory_at(cpu, DATA, 8) == run(cpu, "ldr x0, [x1]", x1=DATA | 0xA5 << 56).gpr[0]
    cpu.gpr[1] = NOWHERE | 0xA5 << 56
    assert cpu.gpr[1] == fault(cpu, "ldr x0, [x1]").far


@given(st.integers(0, RAM_SIZE // 2 - 8), st.sampled_from((1, 2, 4, 8)), st.integers(0, mask(64)))
def test_unaligned_accesses_move_the_same_bytes(offset, size, value) -> None:
    cpu = make_cpu(unaligned=True)
    cpu.store(DATA + offset, size, value & mask(8 * size))
    assert value & mask(8 * size) == memory_at(cpu, DATA + offset, size) == cpu.load(DATA + offset, size)


@pytest.mark.parametrize("access", [Access.EXCLUSIVE, Access.ATOMIC])
@given(st.integers(0, 31), st.sampled_from((2, 4, 8)), st.booleans(), st.booleans())
def test_atomics_stay_within_sixteen_bytes(access, offset, size, has_lse2, nontrapping) -> None:
    cpu = make_cpu(unaligned=True, without=[] if has_lse2 else [Feature.LSE2])
    cpu.sysregs["SCTLR_EL1"] = nontrapping << 6
    within = offset // 16 == (offset + size - 1) // 16
    if offset % size == 0 or (has_lse2 and within):
        assert DATA + offset == resolve(cpu, DATA + offset, size, access, is_write=False)
    else:
        exception = fault_of(cpu, lambda: resolve(cpu, DATA + offset, size, access, is_write=False))
        assert (ALIGNMENT, DATA + offset) == (exception.iss, exception.far)


class Refusing:
    """A device that answers its first doubleword only."""

    size = 0x1000

    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        if offset + size > 8:
            raise BusError(offset)
        return 0x5A

    def write(self, offset: int, size: int, value: int) -> None:
        if offset + size > 8:
            raise BusError(offset)
        self.writes.append((offset, size, value))


DEVICE = 0x0900_0000


def test_devices_are_accessed_in_order_and_may_refuse() -> None:
    cpu = make_cpu()
    device = Refusing()
    cpu.memory.attach(DEVICE, device)
    run(cpu, "stp w0, w2, [x1]", "ldr w3, [x1, #4]", x1=DEVICE, x0=1, x2=2)
    assert ([(0, 4, 1), (4, 4, 2)], 0x5A) == (device.writes, cpu.gpr[3])
    for text, direction in (("ldr x0, [x1, #8]", 0), ("str x0, [x1, #8]", WNR)):
        exception = fault(cpu, text)
        assert (EXTERNAL | direction, DEVICE + 8) == (exception.iss, exception.far)


def test_a_pair_stored_downwards_reaches_a_device_from_above() -> None:
    cpu = make_cpu(without=[Feature.LSE2])
    device = Refusing()
    cpu.memory.attach(DEVICE, device)
    run(cpu, "stilp w0, w2, [x1, #-8]!", x1=DEVICE + 8, x0=1, x2=2)
    assert [(4, 4, 2), (0, 4, 1)] == device.writes


def test_store_log_has_what_was_stored() -> None:
    cpu = make_cpu(unaligned=True)
    cpu.store_log = []
    run(cpu, "str w0, [x1]", "stp x0, x2, [x1, #8]", "strb w0, [x1, #3]", "swp x0, x3, [x1]", x0=5, x2=6)
    assert [(DATA, 4, 5), (DATA + 8, 8, 5), (DATA + 16, 8, 6), (DATA + 3, 1, 5), (DATA, 8, 5)] == cpu.store_log


@given(st.integers(0, 0x1010), st.sampled_from((4, 8)), st.integers(0, mask(32)), st.integers(0, mask(32)))
def test_the_fast_path_of_pairs_does_as_the_slow_one(offset, size, first, second) -> None:
    address = DATA + offset // size * size
    fast, slow = make_cpu(), make_cpu()
    fast.store_pair(address, size, first, second)
    store_pair(slow, address, size, first, second, Access.NORMAL)
    assert slow.memory.save() == fast.memory.save()
    assert load_pair(slow, address, size, Access.NORMAL) == fast.load_pair(address, size)


def test_wrapping_past_the_top_of_memory_is_an_address_size_fault() -> None:
    cpu = make_cpu()
    cpu.gpr[1] = mask(64) - 7
    with pytest.raises(ArchException) as caught:
        run(cpu, "ldp x0, x2, [x1]")
    assert mask(64) - 7 == caught.value.far
