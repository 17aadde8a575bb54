"""Programs from files: ELF, assembly source, or a raw memory image."""

from __future__ import annotations

from pathlib import Path

import attrs

from aarch64.errors import AArch64Error
from aarch64.image import Image, Segment

DEFAULT_BASE = 0x4000_0000
"""Where sources and raw images are placed unless asked otherwise: the start of RAM."""

MAX_FILE_SIZE = 1 << 28
SOURCE_SUFFIXES = frozenset({".s", ".S"})
_ELF_MAGIC = b"\x7fELF"


class LoadError(AArch64Error):
    """A program file that cannot be loaded: which one, and what is wrong with it."""

    def __init__(self, path: Path | str, fault: str) -> None:
        super().__init__(f"{path}: {fault}")
        self.path = Path(path)
        self.fault = fault


def load_program(path: Path | str, *, base: int = DEFAULT_BASE, entry: int | str | None = None) -> Image:
    """The program in a file.

    A file that begins as ELF files do is one; `.s` and `.S` are assembled from `base`; anything else is a raw image
    for `base`, which is also its entry. `entry`, an address or a symbol, overrides where execution starts.

    Raises:
        LoadError: the file cannot be read or is damaged, or there is no such entry.
        aarch64.assembler.SourceError: the source does not assemble.
    """
    image = _load(Path(path), base)
    return image if entry is None else attrs.evolve(image, entry=_entry(path, image, entry))


def read_file(path: Path | str) -> bytes:
    """The content of a file; LoadError if it cannot be read or is larger than any program."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise LoadError(path, f"cannot be read: {reason}") from error
    if len(content) > MAX_FILE_SIZE:
        raise LoadError(path, f"is larger than {MAX_FILE_SIZE:#x} bytes")
    return content


def load_data(path: Path | str) -> bytes:
    """The content of a file to be put into memory as it is, whatever its format; LoadError as `read_file`, or empty."""
    content = read_file(path)
    if not content:
        raise LoadError(path, "is empty")
    return content


def _load(path: Path, base: int) -> Image:
    if base % 4 or not 0 <= base < 1 << 52:
        raise LoadError(path, f"cannot be placed at {base:#x}: the base is a multiple of 4 below 2^52")
    content = read_file(path)
    if content.startswith(_ELF_MAGIC):
        return _load_elf(path, content)
    if path.suffix in SOURCE_SUFFIXES:
        return _assemble(path, content, base)
    if not content:
        raise LoadError(path, "is empty")
    return Image((Segment(base, content),), base)


# A program needs one way in only: the other's modules are not imported.


def _load_elf(path: Path, content: bytes) -> Image:
    from aarch64.elf import ElfError, read_elf  # noqa: PLC0415  (see above)

    try:
        return read_elf(content)
    except ElfError as error:
        raise LoadError(path, str(error)) from error


def _assemble(path: Path, content: bytes, base: int) -> Image:
    from aarch64.assembler import assemble_source  # noqa: PLC0415  (see above)

    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        fault = f"is not UTF-8 text: byte {content[error.start]:#04x} at offset {error.start:#x}"
        raise LoadError(path, fault) from error
    image = assemble_source(text, filename=str(path), base=base)
    if not image.segments:
        raise LoadError(path, "is empty: it assembles to nothing")
    return image


def _entry(path: Path | str, image: Image, entry: int | str) -> int:
    if isinstance(entry, str):
        if entry not in image.symbols:
            raise LoadError(path, f"has no symbol {entry!r} to start at")
        entry = image.symbols[entry]
    if entry % 4 or not 0 <= entry < 1 << 64:
        raise LoadError(path, f"cannot start at {entry:#x}: an entry is a 64-bit multiple of 4")
    return entry
