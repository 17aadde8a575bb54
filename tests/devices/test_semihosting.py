"""Semihosting operations by their numbers, as a guest calls them. Files of the host: test_semihosting_files.py."""

import errno

import pytest

from aarch64.cpu import Cpu
from aarch64.devices.console import Console
from aarch64.devices.semihosting import Semihosting
from aarch64.features import DEFAULT_FEATURES
from aarch64.memory import Memory
from aarch64.stop import Stop, StopReason

RAM = 0x4000_0000
BLOCK = RAM + 0x100
TEXT = RAM + 0x200
FAILED = 2**64 - 1


class Guest:
    """A CPU that makes calls."""

    def __init__(self, **options):
        self.cpu = Cpu(Memory(RAM, 0x4000), DEFAULT_FEATURES)
        self.console = Console(source=iter([b"one\ntwo", b"\nend", b"", b"", b""]).__next__)
        self.ends = []
        self.host = Semihosting(self.cpu, self.console, self.ends.append, **options)

    def __call__(self, operation, *block, x1=None):
        """Call with a parameter block, or with X1 itself."""
        for index, value in enumerate(block):
            self.cpu.memory.write(BLOCK + 8 * index, 8, value)
        self.cpu.gpr[0:2] = operation, BLOCK if x1 is None else x1
        self.host.call()
        return self.cpu.gpr[0]

    def text(self, data, at=TEXT):
        self.cpu.memory.write_bytes(at, data)
        return at, len(data)

    def open(self, name, mode):
        address, length = self.text(name)
        return self(0x01, address, mode, length)

    @property
    def errno(self):
        return self(0x13)

    def word(self, index):
        return self.cpu.memory.read(BLOCK + 8 * index, 8)


@pytest.fixture
def guest():
    return Guest(command_line="prog -v x", heap=(RAM + 0x1000, RAM + 0x4000))


# --- characters


def test_writec_prints_the_character_at_x1(guest):
    guest(0x03, x1=guest.text(b"Z")[0])
    assert guest.console.output == b"Z"


def test_write0_prints_up_to_the_zero_across_pages(guest):
    address, _ = guest.text(b"a" * 5000 + b"\0after")
    guest(0x04, x1=address)
    assert guest.console.output == b"a" * 5000


def test_readc_gives_one_character_then_failure_at_the_end(guest):
    assert [*b"one\ntwo\nend", FAILED] == [guest(0x07, x1=0) for _ in range(12)]


def test_only_the_low_half_of_x0_is_the_operation(guest):
    assert guest(0xDEAD_0000_0000_0031) == 62_500_000


# --- the console by handles


def test_console_handles(guest):
    stdin, stdout, stderr = guest.open(b":tt", 0), guest.open(b":tt", 4), guest.open(b":tt", 8)
    assert (stdin, stdout, stderr) == (1, 2, 3)
    assert [guest(0x09, handle) for handle in (stdin, stdout, stderr)] == [1, 1, 1]
    address, length = guest.text(b"hello")
    assert guest(0x05, stdout, address, length) == 0
    assert guest.console.output == b"hello"
    assert (guest(0x0A, stdout, 0), guest.errno) == (FAILED, errno.ESPIPE)
    assert (guest(0x0C, stdout), guest.errno) == (FAILED, errno.ESPIPE)
    assert (guest(0x05, stdin, address, length), guest.errno) == (FAILED, errno.EBADF)
    assert (guest(0x06, stdout, address, length), guest.errno) == (FAILED, errno.EBADF)


def test_errors_have_their_own_sink():
    guest = Guest()
    errors = bytearray()
    guest.console.error_sink = errors.extend
    handle = guest.open(b":tt", 8)
    address, length = guest.text(b"oops")
    guest(0x05, handle, address, length)
    assert (errors, guest.console.output) == (b"oops", b"")


def test_the_console_is_read_by_lines_and_the_result_is_what_is_missing(guest):
    stdin = guest.open(b":tt", 0)
    read = []
    for _ in range(4):
        missing = guest(0x06, stdin, TEXT, 6)
        read.append(guest.cpu.memory.read_bytes(TEXT, 6 - missing))
    assert read == [b"one\n", b"two\n", b"end", b""]


def test_a_closed_handle_is_free_and_bad(guest):
    handle = guest.open(b":tt", 4)
    assert guest(0x02, handle) == 0
    assert (guest(0x02, handle), guest.errno) == (FAILED, errno.EBADF)
    assert (guest(0x09, handle), guest.errno) == (FAILED, errno.EBADF)
    assert handle == guest.open(b":tt", 4)


def test_handles_run_out(guest):
    handles = [guest.open(b":tt", 4) for _ in range(300)]
    assert [*range(1, 256), FAILED] == handles[:256]
    assert guest.errno == errno.EMFILE


def test_the_features_file_says_what_is_extended(guest):
    handle = guest.open(b":semihosting-features", 0)
    assert (guest(0x0C, handle), guest(0x09, handle), guest(0x06, handle, TEXT, 5)) == (5, 0, 0)
    assert guest.cpu.memory.read_bytes(TEXT, 5) == b"SHFB\x03"
    assert guest(0x0A, handle, 4) == 0
    assert guest(0x06, handle, TEXT, 5) == 4
    assert guest.cpu.memory.read_bytes(TEXT, 1) == b"\x03"
    assert (guest(0x0A, handle, 6), guest.errno) == (FAILED, errno.EINVAL)


@pytest.mark.parametrize("mode", [12, 2**63, 2**64 - 1])
def test_an_unknown_mode(guest, mode):
    assert (guest.open(b":tt", mode), guest.errno) == (FAILED, errno.EINVAL)


# --- without a directory, there are no files


@pytest.mark.parametrize(
    "call",
    [
        lambda guest: guest.open(b"file", 0),
        lambda guest: guest.open(b"file", 4),
        lambda guest: guest.open(b"/etc/passwd", 0),
        lambda guest: guest(0x0D, TEXT, 1, 100),
        lambda guest: guest(0x0E, *guest.text(b"file")),
        lambda guest: guest(0x0F, *guest.text(b"file"), *guest.text(b"other")),
    ],
)
def test_file_calls_are_refused(guest, call):
    assert (call(guest), guest.errno) == (FAILED, errno.EACCES)


@pytest.mark.parametrize("operation", [0x00, 0x0B, 0x12, 0x14, 0x17, 0x21, 0x32, 0x100, 0xFFFF_FFFF])
def test_an_operation_nobody_performs(guest, operation):
    assert (guest(operation), guest.errno) == (FAILED, errno.ENOSYS)


# --- time is the cycle counter


def test_time(guest):
    guest.cpu.cycles = 62_500_000 * 3 + 624_999
    assert (guest(0x10), guest(0x11), guest(0x31)) == (300, 0, 62_500_000)
    assert guest(0x30, 0) == 0
    assert guest.cpu.cycles == guest.word(0)


def test_a_centisecond_is_this_many_cycles(guest):
    guest.cpu.cycles = 625_000
    assert guest(0x10) == 1


# --- the program


def test_exit_with_a_status(guest):
    guest(0x18, 0x20026, 42)
    assert [Stop(StopReason.EXIT, "semihosting exit", 42)] == guest.ends


def test_exit_extended(guest):
    guest(0x20, 0x20026, 7)
    assert [Stop(StopReason.EXIT, "semihosting exit", 7)] == guest.ends


def test_an_exit_for_another_reason_is_a_failure(guest):
    guest(0x18, 0x20023, 42)
    assert [Stop(StopReason.EXIT, "semihosting exit for reason 0x20023", 1)] == guest.ends


def test_the_command_line(guest):
    assert guest(0x15, TEXT, 10) == 0
    assert (guest.cpu.memory.read_bytes(TEXT, 10), guest.word(1)) == (b"prog -v x\0", 9)


def test_a_command_line_that_does_not_fit(guest):
    assert (guest(0x15, TEXT, 9), guest.errno) == (FAILED, errno.E2BIG)


def test_heapinfo(guest):
    assert guest(0x16, TEXT) == 0
    words = [guest.cpu.memory.read(TEXT + 8 * index, 8) for index in range(4)]
    assert words == [RAM + 0x1000, RAM + 0x4000, RAM + 0x4000, RAM + 0x1000]


@pytest.mark.parametrize(("status", "answer"), [(0, 0), (5, 0), (2**63 - 1, 0), (2**63, 1), (2**64 - 1, 1)])
def test_iserror(guest, status, answer):
    assert answer == guest(0x08, status)


# --- addresses that lead nowhere


WITH_A_BLOCK = [0x01, 0x02, 0x05, 0x06, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F, 0x15, 0x16, 0x18, 0x20, 0x30]


@pytest.mark.parametrize("operation", WITH_A_BLOCK)
@pytest.mark.parametrize("address", [0, 0x0900_0000, RAM - 8, RAM + 0x3FFC, RAM + 0x4000, 2**56, 2**64 - 4])
def test_a_block_outside_ram(guest, operation, address):
    assert (guest(operation, x1=address), guest.errno) == (FAILED, errno.EFAULT)
    assert guest.ends == []


@pytest.mark.parametrize("operation", [0x03, 0x04])
@pytest.mark.parametrize("address", [0, 0x0900_0000, RAM - 1, RAM + 0x4000, 2**56, 2**64 - 1])
def test_text_outside_ram(guest, operation, address):
    assert (guest(operation, x1=address), guest.errno) == (FAILED, errno.EFAULT)


def test_text_that_does_not_end_in_ram(guest):
    guest.text(b"x" * 8, RAM + 0x3FF8)
    assert (guest(0x04, x1=RAM + 0x3FF8), guest.errno) == (FAILED, errno.EFAULT)
    assert guest.console.output == b""


@pytest.mark.parametrize("length", [0x4000, 2**63, 2**64 - 1])
def test_lengths_beyond_ram(guest, length):
    stdin, stdout = guest.open(b":tt", 0), guest.open(b":tt", 4)
    assert (guest(0x05, stdout, TEXT, length), guest.errno) == (FAILED, errno.EFAULT)
    assert (guest(0x06, stdin, TEXT, length), guest.errno) == (FAILED, errno.EFAULT)
    assert (guest(0x01, TEXT, 0, length), guest.errno) == (FAILED, errno.EFAULT)
    assert (b"", ord("o")) == (guest.console.output, guest(0x07, x1=0))


def test_a_host_that_cannot_print(guest):
    def full(_data):
        raise OSError(errno.ENOSPC, "full")

    guest.console.sink = full
    assert (guest(0x03, x1=TEXT), guest.errno) == (FAILED, errno.ENOSPC)


def test_what_the_host_writes_is_in_the_store_log(guest):
    guest.cpu.store_log = []
    guest(0x30, 0)
    assert [(BLOCK, 8, guest.cpu.cycles)] == guest.cpu.store_log


def test_saved_and_restored(guest):
    stdin = guest.open(b":tt", 0)
    guest(0x02, 99)
    saved = guest.host.save()
    guest.host.reset()
    assert (guest(0x09, stdin), guest.errno) == (FAILED, errno.EBADF)
    guest.host.restore(saved)
    assert (guest.errno, guest(0x09, stdin)) == (errno.EBADF, 1)
