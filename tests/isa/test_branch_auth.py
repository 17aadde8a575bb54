"""Branches with pointer authentication: they go to the original of what was signed, or nowhere that can be fetched."""

import pytest

from aarch64.features import Feature
from aarch64.pointer_auth import Key, add_pac
from tests.isa.running import PC, UNDEFINED_AT_EL1, execute, make_cpu, syndrome

ENABLED = 1 << 31 | 1 << 30
TARGET, MODIFIER, SP, OLD_LINK = 0x4000_2000, 0x1357_9BDF_0246_8ACE, 0x4000_8000, 0x30

BRANCHES = [
    ("braa x1, x2", Key.IA, MODIFIER, 1),
    ("brab x1, x2", Key.IB, MODIFIER, 1),
    ("braa x1, sp", Key.IA, SP, 1),
    ("braaz x1", Key.IA, 0, 1),
    ("brabz x1", Key.IB, 0, 1),
    ("blraa x1, x2", Key.IA, MODIFIER, 2),
    ("blrab x1, sp", Key.IB, SP, 2),
    ("blraaz x1", Key.IA, 0, 2),
    ("blrabz x1", Key.IB, 0, 2),
    ("retaa", Key.IA, SP, 0),
    ("retab", Key.IB, SP, 0),
]


def branch(text, key, modifier, *, damage=0, **facts):
    cpu = make_cpu(
        max_el=1,
        SCTLR_EL1=ENABLED,
        TCR_EL1=25 | 25 << 16,
        APIAKEYHI_EL1=0x84BE85CE9804E94B,
        APIAKEYLO_EL1=0xEC2802D4E0A488E9,
        APIBKEYHI_EL1=0xC1D8FAC168FB90D7,
        APIBKEYLO_EL1=0xC2354E2BB7740A63,
        **facts,
    )
    cpu.sp = SP
    cpu.set_x(2, MODIFIER)
    cpu.set_x(30, OLD_LINK)
    cpu.set_x(30 if text.startswith("ret") else 1, add_pac(cpu, TARGET, modifier, key) ^ damage)
    execute(cpu, text)
    return cpu


@pytest.mark.parametrize(("text", "key", "modifier", "btype"), BRANCHES)
def test_goes_to_the_original(text, key, modifier, btype):
    cpu = branch(text, key, modifier)
    assert (TARGET, btype) == (cpu.next_pc, cpu.next_btype)


@pytest.mark.parametrize(("text", "key", "modifier"), [row[:3] for row in BRANCHES])
@pytest.mark.parametrize("extra", [set(), {Feature.FPAC}])
def test_a_damaged_pointer_goes_nowhere(text, key, modifier, extra):
    cpu = branch(text, key, modifier, damage=1 << 50, extra=extra)
    assert cpu.next_pc >> 39 not in (0, (1 << 25) - 1)


@pytest.mark.parametrize(("text", "key", "modifier", "btype"), [row for row in BRANCHES if row[3]])
def test_only_calls_write_the_link_register(text, key, modifier, btype):
    assert (PC + 4 if btype == 2 else OLD_LINK) == branch(text, key, modifier).x(30)


@pytest.mark.parametrize("text", [row[0] for row in BRANCHES])
def test_undefined_without_pauth(text):
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(max_el=1, without={Feature.PAUTH}), text)


def test_a_trapped_branch_goes_to_el2():
    cpu = make_cpu(max_el=2, SCTLR_EL1=ENABLED, HCR_EL2=0)
    assert (2, 0x09, 0) == syndrome(cpu, "braaz x1")
