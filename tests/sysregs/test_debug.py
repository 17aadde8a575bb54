"""Debug registers: storage, the OS lock, claim tags."""

import pytest

from aarch64.sysregs import names, read_register, write_register
from tests.isa.running import make_cpu

FREE = 1 << 15 | 1 << 13 | 1 << 12 | 1 << 0
UNDER_LOCK = 1 << 30 | 1 << 29 | 1 << 27 | 1 << 26 | 0b11 << 22 | 1 << 21 | 1 << 14 | 1 << 6


@pytest.fixture
def cpu():
    return make_cpu(el=1)


def read(cpu, name: str) -> int:
    return read_register(cpu, names.encoding_of(name), 0)


def write(cpu, name: str, value: int) -> None:
    write_register(cpu, names.encoding_of(name), 0, value)


def test_the_os_lock_is_locked_after_reset_and_follows_oslar(cpu):
    locked, unlocked = 0b1010, 0b1000
    assert locked == read(cpu, "OSLSR_EL1")
    write(cpu, "OSLAR_EL1", 0)
    assert unlocked == read(cpu, "OSLSR_EL1")
    write(cpu, "OSLAR_EL1", 0xFFFF)
    assert locked == read(cpu, "OSLSR_EL1")


def test_mdscr_bits_that_mirror_the_external_view_are_written_under_the_os_lock(cpu):
    write(cpu, "MDSCR_EL1", (1 << 64) - 1)
    assert FREE | UNDER_LOCK == read(cpu, "MDSCR_EL1")
    write(cpu, "OSLAR_EL1", 0)
    write(cpu, "MDSCR_EL1", 0)
    assert UNDER_LOCK == read(cpu, "MDSCR_EL1")
    write(cpu, "OSLAR_EL1", 1)
    write(cpu, "MDSCR_EL1", 0)
    write(cpu, "OSLAR_EL1", 0)
    write(cpu, "MDSCR_EL1", (1 << 64) - 1)
    assert FREE == read(cpu, "MDSCR_EL1")


def test_claim_tags(cpu):
    assert (0xFF, 0) == (read(cpu, "DBGCLAIMSET_EL1"), read(cpu, "DBGCLAIMCLR_EL1"))
    write(cpu, "DBGCLAIMSET_EL1", 0x1F0)
    write(cpu, "DBGCLAIMSET_EL1", 0x00C)
    write(cpu, "DBGCLAIMCLR_EL1", 0x084)
    assert (0xFF, 0x78) == (read(cpu, "DBGCLAIMSET_EL1"), read(cpu, "DBGCLAIMCLR_EL1"))


@pytest.mark.parametrize(("max_el", "expected"), [(1, 0x0A), (2, 0x0A), (3, 0xAA)])
def test_authentication_is_disabled(max_el, expected):
    assert expected == read(make_cpu(el=1, max_el=max_el), "DBGAUTHSTATUS_EL1")


TXFULL, RXFULL = 1 << 29, 1 << 30


def test_nobody_is_at_the_other_end_of_the_channel(cpu):
    assert (0, 0) == (read(cpu, "MDCCSR_EL0"), read(cpu, "DBGDTRRX_EL0"))
    write(cpu, "DBGDTRTX_EL0", 0xABCD_1234)
    for _ in range(3):
        assert (TXFULL, 0xABCD_1234) == (read(cpu, "MDCCSR_EL0"), read(cpu, "OSDTRTX_EL1"))
    assert TXFULL == read(cpu, "MDSCR_EL1") & (TXFULL | RXFULL)


def test_64_bits_fill_both_registers_of_the_channel(cpu):
    write(cpu, "DBGDTR_EL0", 0x1234_5678_9ABC_DEF0)
    assert (TXFULL, 0x9ABC_DEF0) == (read(cpu, "MDCCSR_EL0"), read(cpu, "OSDTRTX_EL1"))
    assert 0x9ABC_DEF0_1234_5678 == read(cpu, "DBGDTR_EL0")


def test_what_was_received_before_a_powerdown_is_restored_under_the_os_lock_and_read_once(cpu):
    write(cpu, "OSDTRRX_EL1", 0x55)
    write(cpu, "MDSCR_EL1", RXFULL)
    write(cpu, "OSLAR_EL1", 0)
    assert RXFULL == read(cpu, "MDCCSR_EL0")
    assert (0x55, RXFULL) == (read(cpu, "OSDTRRX_EL1"), read(cpu, "MDCCSR_EL0"))
    assert (0x55, 0) == (read(cpu, "DBGDTRRX_EL0"), read(cpu, "MDCCSR_EL0"))
