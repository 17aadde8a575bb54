"""LLVM's disassembler as an oracle: what `llvm-mc` makes of words, in batches.

The reasoned differences between it and us are in `llvm_differences.toml`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from aarch64.isa.pattern import Pattern, parse_pattern
from aarch64.isa.table import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NAMES = ("llvm-mc-14", "llvm-mc")
_FEATURES = (
    "+v8.8a,+v9.3a,+altnzcv,+am,+amvs,+bf16,+brbe,+bti,+ccdp,+ccpp,+complxnum,+crc,+crypto,+dit,+dotprod,+ecv,"
    "+el2vmsa,+el3,+ete,+fgt,+flagm,+fp-armv8,+fp16fml,+fptoint,+fullfp16,+hbc,+hcx,+i8mm,+jsconv,+lor,+ls64,"
    "+lse,+lse2,+mops,+mpam,+mte,+neon,+nv,+pan,+pan-rwv,+pauth,+perfmon,+predres,+rand,+ras,+rcpc,+rcpc-immo,"
    "+rdm,+rme,+sb,+sel2,+sha2,+sha3,+sm4,+spe,+spe-eef,+specrestrict,+ssbs,+tlb-rmi,+tme,+tracev8.4,+trbe,"
    "+uaops,+vh,+wfxt,+xs"
)
"""Every feature LLVM 14 knows but SVE and SME; it has no `+all`."""
_ARGUMENTS = ("--disassemble", "-triple=aarch64", f"-mattr={_FEATURES}")
_INVALID = re.compile(r"^<stdin>:(\d+):\d+: warning: invalid instruction encoding", re.MULTILINE)
_BATCH = 50_000


def find_llvm_mc() -> str:
    """The path of LLVM 14's `llvm-mc`; AssertionError, saying what to install, if there is none."""
    for name in _NAMES:
        path = shutil.which(name)
        if (
            path
            and "LLVM version 14."
            in subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        ):
            return path
    raise AssertionError("llvm-mc of LLVM 14 is needed: install Debian's package llvm (or llvm-14)")


def disassemble(words: Sequence[int]) -> list[str | None]:
    """LLVM's text of each word, one space after the mnemonic; None for an invalid encoding."""
    tool = find_llvm_mc()
    found: list[str | None] = []
    for start in range(0, len(words), _BATCH):
        found += _disassemble_batch(tool, words[start : start + _BATCH])
    return found


def _disassemble_batch(tool: str, words: Sequence[int]) -> Iterator[str | None]:
    source = "".join(" ".join(f"{byte:#04x}" for byte in word.to_bytes(4, "little")) + "\n" for word in words)
    done = subprocess.run([tool, *_ARGUMENTS], input=source, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[:1000]
    invalid = {int(line) for line in _INVALID.findall(done.stderr)}
    texts = _instructions(done.stdout.splitlines())
    for number in range(1, len(words) + 1):
        yield None if number in invalid else next(texts)
    assert next(texts, None) is None, "llvm-mc printed more instructions than it was given words"


def _instructions(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        text = line.partition("//")[0].strip()
        if text and not text.startswith("."):
            yield text.replace("\t", " ", 1)


@attrs.frozen
class Difference:
    """A reasoned difference between LLVM and us: for which words, and of what kind."""

    kind: str
    """`allocation`: one of us takes the word for unallocated; `text`: both allocate it and print it differently."""
    reason: str
    examples: tuple[int, ...]
    patterns: tuple[Pattern, ...] = attrs.field(default=(), converter=lambda texts: tuple(map(parse_pattern, texts)))
    """The words it is about have one of these patterns, or"""
    features: tuple[str, ...] = ()
    """belong to a definition of one of these features."""

    def explains(self, word: int, kind: str | None) -> bool:
        """Whether it is about this word."""
        return kind == self.kind and (any(item.matches(word) for item in self.patterns) or self._has_feature(word))

    def _has_feature(self, word: int) -> bool:
        decoded = decode(word)
        feature = decoded.definition.feature if decoded else None
        return feature is not None and feature.name in self.features


def read_differences() -> tuple[Difference, ...]:
    """The reasoned differences."""
    entries = tomllib.loads(Path(__file__).with_name("llvm_differences.toml").read_text())["difference"]
    return tuple(Difference(**entry) for entry in entries)


def kind_of_difference(theirs: str | None, ours: str | None) -> str | None:
    """How two disassemblies (None: unallocated) differ, None if they do not."""
    if theirs == ours:
        return None
    return "allocation" if theirs is None or ours is None else "text"
