"""How many words are decoded in a second, beside capstone and llvm-mc: each word anew, nothing remembered."""

from __future__ import annotations

import random
import shutil
import subprocess
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from aarch64.isa.table import decode
from cli.engines import UnavailableError
from cli.kernels import WORKLOADS
from cli.rates import Least, Section, Things, Way, load_peer, warm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.rates import Job

_NAME = "decode"
_SHARE = 100
"""There is a word for so many of `--instructions`."""
_LEAST = 50
_PROGRAMS = ("sha256.elf", "sort.elf")


# --- the words, the same every time


def _draw(instructions: int) -> Iterator[Things]:
    count = max(_LEAST, instructions // _SHARE)
    rng = random.Random(_NAME)  # noqa: S311  (the same words every time)
    yield Things("definitions", "words of every definition that is implemented, in turn", _of_definitions(count, rng))
    yield Things("random", "any 32 bits", [rng.getrandbits(32) for _ in range(count)])
    yield Things("programs", f"the code of {' and '.join(_PROGRAMS)}", list(islice(cycle(_of_programs()), count)))


def _of_definitions(count: int, rng: random.Random) -> list[int]:
    from aarch64.sampling import IMPLEMENTED, draw_fields  # noqa: PLC0415  (no other command needs it)

    words = [item.encode(draw_fields(item, rng)) for item in islice(cycle(IMPLEMENTED), count)]
    rng.shuffle(words)
    return words


def _of_programs() -> Iterator[int]:
    for image in (WORKLOADS[name].image for name in _PROGRAMS):
        for segment in image.segments:
            code = (at for at in range(0, len(segment.data) & ~3, 4) if image.is_code(segment.address + at))
            yield from (int.from_bytes(segment.data[at : at + 4], "little") for at in code)


# --- the ways


def _prepare_fields(words: Sequence[int]) -> Job:
    def job() -> None:
        for word in words:
            decode(word)

    return warm(job)


def _prepare_text(words: Sequence[int]) -> Job:
    def job() -> None:
        for word in words:
            decoded = decode(word)
            if decoded is not None:
                decoded.text()

    return warm(job)


def _prepare_capstone(words: Sequence[int], *, details: bool) -> Job:
    """All words in one call, which is its fastest way, invalid ones included."""
    capstone = load_peer("capstone")
    engine: Any = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    engine.detail, engine.skipdata = details, True
    code = b"".join(word.to_bytes(4, "little") for word in words)

    def job() -> None:
        for instruction in engine.disasm(code, 0):
            _ = instruction.mnemonic, instruction.op_str
            if details and instruction.id:
                _ = instruction.operands

    return warm(job)


_LLVM_MC = ("llvm-mc", *(f"llvm-mc-{version}" for version in range(30, 13, -1)))


def _prepare_llvm(words: Sequence[int]) -> Job:
    """One process for all words."""
    tool = next(filter(None, map(shutil.which, _LLVM_MC)), None)
    if tool is None:
        raise UnavailableError("llvm-mc is not on PATH: Debian's package llvm has it")
    command = (tool, "--disassemble", "-triple=aarch64", "-mattr=+v9.3a")
    lines = (" ".join(f"{byte:#04x}" for byte in word.to_bytes(4, "little")) for word in words)
    source = "\n".join(lines).encode()

    def job() -> None:
        subprocess.run(command, input=source, capture_output=True, check=False)  # noqa: S603  (found on PATH)

    return job


DECODING = Section(
    _NAME,
    "Thousand words decoded per second, nothing remembered",
    1e3,
    _draw,
    (
        Way("fields", ("", "fields"), "decode(word): the definition and its fields", _prepare_fields),
        Way("text", ("", "text"), "decode(word).text(): definition, fields, disassembly", _prepare_text),
        Way(
            "capstone",
            ("capstone", "text"),
            "capstone's Python binding, mnemonic and operands as text",
            partial(_prepare_capstone, details=False),
            is_peer=True,
        ),
        Way(
            "details",
            ("capstone", "details"),
            "the same with details on, and the operands one by one",
            partial(_prepare_capstone, details=True),
            is_peer=True,
        ),
        Way("llvm-mc", ("llvm-mc", "text"), "llvm-mc, its start included", _prepare_llvm, is_peer=True),
    ),
    ratios=(("fields", "details"), ("text", "details"), ("text", "capstone"), ("text", "llvm-mc")),
    promises=(Least("text", "details", 1 / 3),),
)
"""Fields and text of ours are what capstone gives with details."""
