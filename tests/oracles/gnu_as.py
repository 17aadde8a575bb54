"""The GNU assembler and linker, with our layout of sections."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path

_LAYOUT = """
SECTIONS {{
    . = {base:#x};
    .text : ALIGN(16) {{ *(.text) }}
    .rodata : ALIGN(16) {{ *(.rodata) }}
    .data : ALIGN(16) {{ *(.data) }}
    .bss : ALIGN(16) {{ *(.bss) }}
    /DISCARD/ : {{ *(.comment) *(.note*) *(.eh_frame) }}
}}
"""


def assemble(source: str, directory: Path, base: int) -> dict[str, tuple[int, bytes]]:
    """Address and content (empty for `.bss`) of each section with content, by name."""
    (directory / "source.s").write_text(source)
    (directory / "layout.ld").write_text(_LAYOUT.format(base=base))
    _run(directory, "as", "-march=armv9-a", "source.s", "-o", "source.o")
    _run(directory, "ld", "--nmagic", "-e0", "-T", "layout.ld", "source.o", "-o", "source.elf")
    with (directory / "source.elf").open("rb") as file:
        sections = [section for section in ELFFile(file).iter_sections() if section["sh_flags"] & 2]
        return {
            section.name: (section["sh_addr"], b"" if section["sh_type"] == "SHT_NOBITS" else section.data())
            for section in sections
            if section["sh_size"]
        }


def data(source: str, directory: Path) -> bytes:
    """The bytes of `.text`, neither linked nor placed."""
    (directory / "data.s").write_text(source)
    _run(directory, "as", "data.s", "-o", "data.o")
    _run(directory, "objcopy", "-O", "binary", "-j", ".text", "data.o", "data.bin")
    return (directory / "data.bin").read_bytes()


def compile_c(directory: Path, *arguments: str) -> None:
    """Let gcc write assembly (`NAME.s`) for a C file, as the examples are compiled."""
    options = "-std=gnu11 -ffreestanding -fno-pie -mgeneral-regs-only -mno-outline-atomics -fno-stack-protector"
    _run(directory, "gcc", "-S", *options.split(), *arguments)


def _run(directory: Path, tool: str, *arguments: str) -> None:
    done = subprocess.run(
        [f"aarch64-linux-gnu-{tool}", *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{tool}: {done.stderr}"
