"""Files under --semihosting-root: what works, and every way out that must not."""

import errno
import os
import socket
from pathlib import Path

import pytest

from aarch64.devices.host_directory import HostDirectory
from aarch64.devices.semihosting import Semihosting
from tests.devices.test_semihosting import FAILED, RAM, TEXT, Guest

READ, UPDATE, WRITE, WRITE_UPDATE, APPEND, APPEND_UPDATE = 0, 2, 4, 6, 8, 10


@pytest.fixture
def root(tmp_path):
    """A directory with a file in it, and a secret beside it."""
    inside = tmp_path / "root"
    inside.mkdir()
    (inside / "file").write_bytes(b"content")
    (inside / "below").mkdir()
    (inside / "below" / "deep").write_bytes(b"deep")
    (tmp_path / "secret").write_bytes(b"secret")
    return inside


@pytest.fixture
def guest(root):
    directory = HostDirectory(root)
    guest = Guest(directory=directory)
    yield guest
    guest.host.reset()
    directory.close()


def read_all(guest, handle, length=100):
    missing = guest(0x06, handle, TEXT, length)
    return guest.cpu.memory.read_bytes(TEXT, length - missing)


def write(guest, handle, data):
    return guest(0x05, handle, *guest.text(data))


def test_reading(guest):
    handle = guest.open(b"file", READ)
    assert (guest(0x0C, handle), guest(0x09, handle)) == (7, 0)
    assert (read_all(guest, handle, 4), read_all(guest, handle), read_all(guest, handle)) == (b"cont", b"ent", b"")
    assert (guest(0x0A, handle, 3), read_all(guest, handle)) == (0, b"tent")
    assert (write(guest, handle, b"no"), guest.errno) == (FAILED, errno.EBADF)


@pytest.mark.parametrize("name", [b"below/deep", b"./below//deep", b"below/./deep"])
def test_below(guest, name):
    assert read_all(guest, guest.open(name, READ)) == b"deep"


@pytest.mark.parametrize(
    ("mode", "result"),
    [
        (UPDATE, b"XYntent"),
        (WRITE, b"XY"),
        (WRITE_UPDATE, b"XY"),
        (APPEND, b"contentXY"),
        (APPEND_UPDATE, b"contentXY"),
    ],
)
@pytest.mark.parametrize("binary", [0, 1])
def test_writing(guest, root, mode, result, binary):
    assert write(guest, guest.open(b"file", mode + binary), b"XY") == 0
    assert result == (root / "file").read_bytes()


@pytest.mark.parametrize("mode", [WRITE, WRITE_UPDATE, APPEND, APPEND_UPDATE])
def test_a_new_file(guest, root, mode):
    write(guest, guest.open(b"below/new", mode), b"data")
    assert (root / "below/new").read_bytes() == b"data"


@pytest.mark.parametrize("mode", [READ, UPDATE])
def test_a_missing_file(guest, mode):
    assert (guest.open(b"missing", mode), guest.errno) == (FAILED, errno.ENOENT)


def test_removing_and_renaming(guest, root):
    assert guest(0x0F, *guest.text(b"file"), *guest.text(b"below/deep", RAM + 0x300)) == 0
    assert ((root / "file").exists(), (root / "below/deep").read_bytes()) == (False, b"content")
    assert guest(0x0E, *guest.text(b"below/deep")) == 0
    assert not (root / "below/deep").exists()
    assert (guest(0x0E, *guest.text(b"below/deep")), guest.errno) == (FAILED, errno.ENOENT)


def test_tmpnam_gives_a_name_that_can_be_opened(guest):
    assert guest(0x0D, TEXT, 0x7F, 6) == 0
    assert guest.cpu.memory.read_bytes(TEXT, 6) == b"tmp7f\0"
    assert guest.open(b"tmp7f", WRITE) == 1
    assert (guest(0x0D, TEXT, 0x7F, 5), guest.errno) == (FAILED, errno.E2BIG)


def test_seeking_beyond_what_the_host_can(guest):
    handle = guest.open(b"file", READ)
    for position in (2**63, 2**64 - 1):
        assert (guest(0x0A, handle, position), guest.errno) == (FAILED, errno.EINVAL)


def test_a_handle_a_snapshot_brings_back_after_closing(guest):
    handle = guest.open(b"file", READ)
    saved = guest.host.save()
    guest(0x02, handle)
    guest.host.restore(saved)
    assert (guest(0x06, handle, TEXT, 4), guest.errno) == (FAILED, errno.EBADF)
    assert (guest(0x0C, handle), guest.errno) == (FAILED, errno.EBADF)


# --- ways out


@pytest.fixture
def ways_out(root, tmp_path):
    """Things in the directory that are no regular files of its own."""
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "uplink").symlink_to(tmp_path)
    (root / "inner").symlink_to("file")
    (root / "dangling").symlink_to(tmp_path / "created")
    (root / "device").symlink_to("/dev/null")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))


OUTSIDE = [
    b"../secret",
    b"..",
    b"below/../../secret",
    b"below/../file",
    b"/etc/passwd",
    b"//etc/passwd",
    b"link",
    b"uplink/secret",
    b"uplink",
    b"inner",
    b"device",
    b"pipe",
    b"socket",
    b"below",
    b"below/",
    b"file/",
    b".",
    b"",
    b"/",
    b"file\0",
    b"file/x",
    b"a" * 300,
    b"\xff\xfe/\xff",
]


@pytest.mark.usefixtures("ways_out")
@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("mode", [READ, UPDATE, WRITE, APPEND])
def test_nothing_else_can_be_opened(guest, tmp_path, name, mode):
    assert guest.open(name, mode) == FAILED
    assert guest.errno in (errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
    assert (tmp_path / "secret").read_bytes() == b"secret"


@pytest.mark.usefixtures("ways_out")
@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_else_can_be_removed_or_renamed(guest, root, tmp_path, name):
    before = sorted(root.iterdir()), sorted(tmp_path.iterdir())
    assert guest(0x0E, *guest.text(name)) == FAILED
    assert guest(0x0F, *guest.text(name), *guest.text(b"moved", RAM + 0x800)) == FAILED
    assert guest(0x0F, *guest.text(b"file"), *guest.text(name, RAM + 0x800)) == FAILED
    assert before == (sorted(root.iterdir()), sorted(tmp_path.iterdir()))


@pytest.mark.usefixtures("ways_out")
@pytest.mark.parametrize("mode", [WRITE, APPEND])
def test_a_dangling_link_creates_nothing(guest, tmp_path, mode):
    assert guest.open(b"dangling", mode) == FAILED
    assert not (tmp_path / "created").exists()


def test_a_root_that_is_no_directory(root):
    with pytest.raises(NotADirectoryError):
        HostDirectory(root / "file")


def open_descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_every_descriptor_is_closed(root):
    before = open_descriptors()
    directory = HostDirectory(root)
    guest = Guest(directory=directory)
    for name in (b"file", b"missing", b"below", b"below/deep", b"below/none/x", b"../x"):
        guest.open(name, READ)
    assert isinstance(guest.host, Semihosting)
    guest.host.reset()
    directory.close()
    assert before == open_descriptors()
