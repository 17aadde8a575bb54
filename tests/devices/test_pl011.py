"""The UART, register by register, as its Technical Reference Manual has them and QEMU's virt board answers."""

import errno

import pytest

from aarch64.devices.console import Console
from aarch64.devices.pl011 import SIZE, Pl011, Register
from aarch64.memory import BusError

IDLE = 0x90  # UARTFR after reset: transmit FIFO empty, receive FIFO empty
CHARACTER_WAITS = 0xC0  # transmit FIFO empty, receive FIFO full: it is one deep until LCR_H.FEN
CHARACTER_WAITS_IN_FIFO = 0x80
POLLS = 16


@pytest.fixture
def console():
    return Console(source=iter([b"ab", b"c", b""]).__next__)


@pytest.fixture
def uart(console):
    return Pl011(console)


def poll(uart, times=POLLS):
    return [uart.read(Register.FR, 4) for _ in range(times)]


RESET_VALUES = {"FR": IDLE, "CR": 0x300, "IFLS": 0x12}
KEPT_OF_ALL_ONES = {
    "ILPR": 0xFF, "IBRD": 0xFFFF, "FBRD": 0x3F, "LCR_H": 0xFF, "CR": 0xFF87, "IFLS": 0x3F, "IMSC": 0x7FF, "DMACR": 7,
    "FR": IDLE, "RIS": 0, "MIS": 0, "RSR": 0,
}  # fmt: skip


@pytest.mark.parametrize("register", ["DR", *KEPT_OF_ALL_ONES])
def test_reset_values(uart, register):
    assert RESET_VALUES.get(register, 0) == uart.read(Register[register], 4)


@pytest.mark.parametrize(("register", "kept"), KEPT_OF_ALL_ONES.items())
def test_what_a_register_keeps_of_all_ones(uart, register, kept):
    uart.write(Register[register], 4, 0xFFFF_FFFF)
    assert kept == uart.read(Register[register], 4)


def test_identification(uart):
    assert [uart.read(0xFE0 + 4 * n, 4) for n in range(8)] == [0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1]


def test_an_unassigned_offset_reads_zero_and_ignores_writes(uart):
    uart.write(0x100, 4, 0xFFFF_FFFF)
    assert uart.read(0x100, 4) == 0


@pytest.mark.parametrize("size", [1, 2, 4])
def test_it_transmits_the_low_byte_without_being_enabled(uart, console, size):
    uart.write(Register.DR, size, 0x41 | (0x5500 if size > 1 else 0))
    assert console.output == b"A"


def test_an_access_of_eight_bytes_reaches_two_registers(uart):
    uart.write(Register.IBRD, 4, 0x1234)
    uart.write(Register.FBRD, 4, 0x21)
    assert uart.read(Register.IBRD, 8) == 0x21_0000_1234
    uart.write(Register.IBRD, 8, 0x3F_0000_4321)
    assert (uart.read(Register.IBRD, 4), uart.read(Register.FBRD, 4)) == (0x4321, 0x3F)


def test_a_narrow_access_reads_the_low_bytes(uart):
    uart.write(Register.IBRD, 4, 0x1234)
    assert (uart.read(Register.IBRD, 1), uart.read(Register.IBRD + 1, 1)) == (0x34, 0x34)


def test_transmitting_raises_its_interrupt_which_is_masked_and_cleared_by_software(uart):
    uart.write(Register.DR, 4, ord("x"))
    assert (uart.read(Register.RIS, 4), uart.read(Register.MIS, 4)) == (0x20, 0)
    uart.write(Register.IMSC, 4, 0x30)
    assert uart.read(Register.MIS, 4) == 0x20
    uart.write(Register.ICR, 4, 0x20)
    assert (uart.read(Register.RIS, 4), uart.read(Register.MIS, 4)) == (0, 0)


def test_input_arrives_when_the_guest_keeps_looking_for_it(uart):
    assert poll(uart) == [IDLE] * (POLLS - 1) + [CHARACTER_WAITS]
    assert uart.read(Register.RIS, 4) == 0x10
    assert ord("a") == uart.read(Register.DR, 4)
    assert (uart.read(Register.FR, 4), uart.read(Register.RIS, 4)) == (IDLE, 0)


def test_the_receive_fifo_is_not_full_with_one_character_once_enabled(uart):
    uart.write(Register.LCR_H, 4, 0x70)
    assert poll(uart)[-1] == CHARACTER_WAITS_IN_FIFO


def test_enabling_the_fifo_empties_it(uart):
    poll(uart)
    uart.write(Register.LCR_H, 4, 0x70)
    assert uart.read(Register.FR, 4) == IDLE


def test_all_input_is_received_in_order_and_the_end_is_silence(uart):
    received = ""
    for _ in range(3):
        poll(uart)
        received += chr(uart.read(Register.DR, 1))
    assert received == "abc"
    assert poll(uart) == [IDLE] * POLLS


def test_reading_with_nothing_received_gives_zero_and_does_not_wait(uart):
    assert uart.read(Register.DR, 4) == 0
    assert poll(uart)[-1] == CHARACTER_WAITS


def test_a_guest_that_waits_for_the_transmitter_does_not_wait_for_input():
    def source():
        raise AssertionError

    uart = Pl011(Console(source=source))
    for _ in range(100):
        poll(uart, 3)
        uart.write(Register.DR, 1, ord("x"))


def test_an_output_the_host_refuses_is_an_external_abort():
    def full(_data):
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(BusError):
        Pl011(Console(sink=full)).write(Register.DR, 1, ord("x"))


def test_an_input_the_host_cannot_read_is_silence():
    def broken():
        raise OSError(errno.EIO, "broken")

    assert poll(Pl011(Console(source=broken))) == [IDLE] * POLLS


def test_saved_and_restored_with_its_input(uart, console):
    poll(uart, 20)
    uart.write(Register.IMSC, 4, 0x50)
    saved, taken = uart.save(), console.save()

    def rest():
        registers = [uart.read(offset, 4) for offset in range(0, SIZE, 4)]
        return registers, poll(uart), uart.read(Register.DR, 4), poll(uart), uart.read(Register.DR, 4)

    first = rest()
    uart.reset()
    uart.restore(saved)
    console.restore(taken)
    assert first == rest()


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_every_access_is_answered_unless_it_crosses_the_end(uart, size):
    for offset in range(SIZE + 1 - size):
        uart.write(offset, size, (1 << 8 * size) - 1)
        assert 0 <= uart.read(offset, size) < 1 << 8 * size
    for offset in range(SIZE + 1 - size, SIZE):
        with pytest.raises(BusError):
            uart.read(offset, size)
        with pytest.raises(BusError):
            uart.write(offset, size, 0)
