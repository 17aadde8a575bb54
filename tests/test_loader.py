"""Loading programs: ELF files, sources and raw images, and every way in which a file can be bad."""

import random
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.assembler import SourceError
from aarch64.elf import ElfError, read_elf
from aarch64.errors import AArch64Error
from aarch64.loader import LoadError, load_data, load_program

PROGRAMS = Path(__file__).parents[1] / "examples" / "programs"
HELLO = PROGRAMS / "hello.elf"
CONTENT = HELLO.read_bytes()
MUTATIONS = 2000

# Offsets in the ELF header and in the first program header, which follows it.
EI_CLASS, EI_DATA, E_TYPE, E_MACHINE, E_ENTRY, E_PHOFF, E_SHOFF, E_PHENTSIZE, E_PHNUM, E_SHNUM = (
    4, 5, 16, 18, 24, 32, 40, 54, 56, 60,
)  # fmt: skip
P_TYPE, P_OFFSET, P_VADDR, P_PADDR, P_FILESZ, P_MEMSZ = 64, 64 + 8, 64 + 16, 64 + 24, 64 + 32, 64 + 40
SECOND = 56


def patched(*patches):
    """hello.elf with (offset, format, value) written over it."""
    content = bytearray(CONTENT)
    for offset, form, value in patches:
        struct.pack_into(f"<{form}", content, offset, value)
    return bytes(content)


def build(directory, source, *options):
    """An ELF file that the GNU tools make of a source."""
    (directory / "x.s").write_text(source)
    subprocess.run(["aarch64-linux-gnu-as", "x.s", "-o", "x.o"], cwd=directory, check=True)
    subprocess.run(["aarch64-linux-gnu-ld", *options, "x.o", "-o", "x.elf"], cwd=directory, check=True)
    return directory / "x.elf"


def test_an_elf_program():
    image = load_program(HELLO)
    assert image.entry == 0x4010_0000
    assert [(item.address, item.size, item.executable) for item in image.segments] == [
        (0x4010_0000, 0x30, True),
        (0x4010_0030, 0x28, False),
    ]
    assert image.segments[1].data.startswith(b"Hello from AArch64\n\0")
    assert image.symbols["message"] == 0x4010_0030
    assert "UARTDR" not in image.symbols  # a constant, no place
    assert "$x" not in image.symbols
    assert image.locate(0x4010_0004) == ("_start", 4)
    assert image.data == (range(0x4010_0028, 0x4010_0030),)  # the literal pool


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.elf")), ids=lambda path: path.name)
def test_every_example_loads_and_starts_in_code(path):
    image = load_program(path)
    assert image.is_code(image.entry)
    assert image.locate(image.entry) == ("_start", 0)


def test_zeros_are_not_stored(tmp_path):
    path = build(tmp_path, ".data\n.word 1\n.bss\n.space 1 << 30\n.text\n_start: nop", "-N")
    zeros = load_program(path).segments[-1]
    assert zeros.size > 1 << 30 > len(zeros.data)


def test_segments_symbols_and_entry_are_physical(tmp_path):
    """A program linked to run high and be loaded low, as kernels are."""
    (tmp_path / "x.ld").write_text(
        "SECTIONS { . = 0xffff000040000000; .text : AT(0x40000000) { *(.text) } .data : { *(.data) } }"
    )
    image = load_program(build(tmp_path, "_start: nop\nnext: nop\n.data\nvalue: .word 1", "-N", "-T", "x.ld"))
    assert image.entry == 0x4000_0000
    assert image.symbols["next"] == 0x4000_0004
    assert image.segments[0].address == 0x4000_0000


def test_without_physical_addresses_virtual_ones_count():
    image = read_elf(patched((P_PADDR, "Q", 0), (P_PADDR + SECOND, "Q", 0)))
    assert [item.address for item in image.segments] == [0x4010_0000, 0x4010_0030]


def test_functions_are_preferred_to_labels_at_the_same_address(tmp_path):
    source = """
        .text
        before:
        .type local, %function
        local: nop
        .global _start
        .type _start, %function
        _start: nop
        .size _start, 4
        after: nop
        """
    image = load_program(build(tmp_path, source, "-Ttext=0x40000000"))
    assert [image.locate(0x4000_0000 + at) for at in (0, 4, 8)] == [("local", 0), ("_start", 0), ("after", 0)]
    assert image.symbols.size("_start") == 4


def test_a_stripped_program_has_no_symbols(tmp_path):
    assert dict(load_program(build(tmp_path, "_start: nop", "--strip-all")).symbols) == {}


def test_a_source(tmp_path):
    path = tmp_path / "x.s"
    path.write_text("first: .word 1\n_start: .inst 0xd503201f")
    image = load_program(path, base=0x5000_0000)
    assert (image.entry, image.symbols["first"]) == (0x5000_0004, 0x5000_0000)


def test_the_error_of_a_source_names_the_file(tmp_path):
    path = tmp_path / "x.S"
    path.write_text("\n.word nowhere\n")
    with pytest.raises(SourceError) as caught:
        load_program(path)
    assert str(caught.value).startswith(f"{path}:2:7: undefined symbol 'nowhere'\n")


def test_a_raw_image(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"\x1f\x20\x03\xd5")
    image = load_program(path, base=0x4008_0000)
    assert image.entry == 0x4008_0000
    assert [(item.address, item.data) for item in image.segments] == [(0x4008_0000, b"\x1f\x20\x03\xd5")]


def test_another_entry():
    assert load_program(HELLO, entry="exit_block").entry == 0x4010_0048
    assert load_program(HELLO, entry=0x4010_0008).entry == 0x4010_0008


LENGTH = f"{len(CONTENT):#x}"
CUT_SECTIONS = len(CONTENT) - 8


@pytest.mark.parametrize(
    ("fault", "patches"),
    [
        ("is not a 64-bit ELF file (byte 0x4)", [(EI_CLASS, "B", 1)]),
        ("the ELF header at offset 0x0 is cut off or damaged", [(EI_CLASS, "B", 9)]),
        ("is not a little-endian ELF file (byte 0x5)", [(EI_DATA, "B", 2)]),
        ("is for machine EM_X86_64, not for AArch64 (offset 0x12)", [(E_MACHINE, "H", 62)]),
        ("is an object file, not a program: link it first (aarch64-linux-gnu-ld)", [(E_TYPE, "H", 1)]),
        ("is position-independent and needs a dynamic loader: link it with -static -no-pie", [(E_TYPE, "H", 3)]),
        ("has the unknown type 77 (offset 0x10)", [(E_TYPE, "H", 77)]),
        ("is dynamically linked: link it with -static -no-pie", [(P_TYPE, "I", 3)]),
        ("has nothing to load (no PT_LOAD segment)", [(E_PHNUM, "H", 0)]),
        ("65535 program headers; 64 are read at most", [(E_PHNUM, "H", 0xFFFF)]),
        ("program headers of 1 bytes, where ELF64 has 56", [(E_PHENTSIZE, "H", 1)]),
        (
            (
                f"the table of program headers at offset {1 << 63:#x}, 0x70 bytes, "
                f"goes past the end of the file ({LENGTH})"
            ),
            [(E_PHOFF, "Q", 1 << 63)],
        ),
        (
            (
                f"the table of section headers at offset {CUT_SECTIONS:#x}, 0x180 bytes, "
                f"goes past the end of the file ({LENGTH})"
            ),
            [(E_SHOFF, "Q", CUT_SECTIONS)],
        ),
        (
            (
                f"the content of the segment at 0x40100000 at offset {1 << 63:#x}, 0x30 bytes, "
                f"goes past the end of the file ({LENGTH})"
            ),
            [(P_OFFSET, "Q", 1 << 63)],
        ),
        ("the segment at 0x40100000 has 0x30 bytes in the file for 0x8 in memory", [(P_MEMSZ, "Q", 8)]),
        (
            "the segment at 0x40100000, 0xffffffffffffffff bytes, goes past the end of the address space",
            [(P_MEMSZ, "Q", (1 << 64) - 1)],
        ),
        ("the segments at 0x40100000 and 0x40100030 overlap", [(P_MEMSZ, "Q", 0x1000)]),
        ("the entry point 0x40100030 is in no executable segment", [(E_ENTRY, "Q", 0x4010_0030)]),
        ("the entry point 0x40100002 is not a multiple of 4", [(E_ENTRY, "Q", 0x4010_0002)]),
    ],
)
def test_bad_elf_files(fault, patches, tmp_path):
    path = tmp_path / "bad.elf"
    path.write_bytes(patched(*patches))
    with pytest.raises(LoadError) as caught:
        load_program(path)
    assert str(caught.value) == f"{path}: {fault}"


def test_an_elf_file_cut_off_in_its_header():
    with pytest.raises(ElfError, match="the ELF header at offset 0x0 is cut off or damaged"):
        read_elf(CONTENT[:20])


def symbol_table_header():
    """The offset of the symbol table's section header in hello.elf."""
    (start,) = struct.unpack_from("<Q", CONTENT, E_SHOFF)
    (count,) = struct.unpack_from("<H", CONTENT, E_SHNUM)
    return next(at for at in range(start, start + 64 * count, 64) if struct.unpack_from("<I", CONTENT, at + 4) == (2,))


@pytest.mark.parametrize(
    ("at", "form", "value", "fault"),
    [
        (56, "Q", 23, "is damaged: 0x120 bytes in entries of 0x17"),
        (32, "Q", 25, "is damaged: 0x19 bytes in entries of 0x18"),
        (32, "Q", 24 << 20, "has more than 262144 symbols: strip the file"),
        (32, "Q", 24 << 10, "0x6000 bytes, goes past the end of the file"),
        (40, "I", 99, "names section 99 for its strings, of 6 sections"),
        (40, "I", 1, "of 0x30 bytes of strings"),
    ],
)
def test_bad_symbol_tables(at, form, value, fault):
    with pytest.raises(ElfError) as caught:
        read_elf(patched((symbol_table_header() + at, form, value)))
    assert str(caught.value).startswith("the symbol table at offset 0x")
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("missing.elf", None, "cannot be read: No such file or directory"),
        ("empty.bin", b"", "is empty"),
        ("latin.s", b"nop // caf\xe9", "is not UTF-8 text: byte 0xe9 at offset 0xa"),
    ],
)
def test_bad_files(name, content, fault, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        load_program(path)
    assert str(caught.value) == f"{path}: {fault}"


def test_a_directory_is_no_program(tmp_path):
    with pytest.raises(LoadError, match="cannot be read: Is a directory"):
        load_program(tmp_path)


def test_a_file_without_end_is_no_program(monkeypatch):
    monkeypatch.setattr("aarch64.loader.MAX_FILE_SIZE", 1 << 16)
    with pytest.raises(LoadError, match="/dev/zero: is larger than 0x10000 bytes"):
        load_program("/dev/zero")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"base": 2}, "cannot be placed at 0x2: the base is a multiple of 4 below 2^52"),
        ({"base": 1 << 64}, "cannot be placed at 0x10000000000000000: the base is a multiple of 4 below 2^52"),
        ({"entry": "nowhere"}, "has no symbol 'nowhere' to start at"),
        ({"entry": 2}, "cannot start at 0x2: an entry is a 64-bit multiple of 4"),
    ],
)
def test_bad_places(options, fault):
    with pytest.raises(LoadError) as caught:
        load_program(HELLO, **options)
    assert str(caught.value) == f"{HELLO}: {fault}"


def mutate(content, random_):
    """A few bytes changed, most of them in headers; perhaps cut short."""
    changed = bytearray(content)
    (sections,) = struct.unpack_from("<Q", content, E_SHOFF)
    for _ in range(random_.randint(1, 6)):
        areas = [range(176), range(sections, len(content)), range(len(content))]
        position = random_.choice(random_.choice(areas))
        changed[position] = random_.choice([0, 1, 0x7F, 0x80, 0xFF, random_.randrange(256)])
    if random_.random() < 0.2:
        del changed[random_.randrange(len(changed)) :]
    return bytes(changed)


def refusal(path):
    """The message of the error, None if the program loads; any other exception is a defect."""
    try:
        load_program(path)
    except AArch64Error as error:
        return str(error)
    return None


def test_damaged_elf_files_load_or_are_refused_by_name(tmp_path):
    random_ = random.Random(4)
    path = tmp_path / "damaged.elf"
    refusals = []
    for _ in range(MUTATIONS):
        path.write_bytes(mutate(CONTENT, random_))
        refusals.append(refusal(path))
    messages = [message for message in refusals if message is not None]
    assert MUTATIONS // 4 < len(messages) < MUTATIONS
    assert [message for message in messages if not message.startswith(f"{path}: ")] == []


def test_damaged_sources_assemble_or_are_refused_by_name(tmp_path):
    random_ = random.Random(5)
    path = tmp_path / "damaged.s"
    source = (PROGRAMS / "hello.s").read_bytes()
    for _ in range(200):
        changed = bytearray(source)
        for _ in range(random_.randint(1, 6)):
            changed[random_.randrange(len(changed))] = random_.choice(b"\n\"'/*;:,=()[]#.0x1b \xff")
        path.write_bytes(changed)
        message = refusal(path)
        assert message is None or message.startswith(f"{path}:"), message


@given(st.binary(max_size=200))
def test_anything_after_the_magic_number_is_refused(tail):
    with pytest.raises(ElfError):
        read_elf(b"\x7fELF" + tail)


def test_data_is_the_file_as_it_is(tmp_path):
    assert load_data(HELLO) == CONTENT
    (tmp_path / "empty").touch()
    for name, fault in (("empty", "is empty"), ("missing", "cannot be read: No such file"), (".", "Is a directory")):
        with pytest.raises(LoadError, match=fault):
            load_data(tmp_path / name)
