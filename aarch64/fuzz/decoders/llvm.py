"""LLVM's disassembler as an oracle: what `llvm-mc` makes of words, in batches.

The reasoned differences between it and us are in `llvm_differences.toml`. They are LLVM 14's, so it has to be that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from aarch64.fuzz.oracles import Failure, FailureError, FailureKind, OracleError

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
_TIMEOUT = 300
_BYTES = tuple(f"{byte:#04x} " for byte in range(256))
_LAST_BYTES = tuple(f"{byte:#04x}\n" for byte in range(256))


@cache
def find_llvm_mc() -> str:
    """The path of LLVM 14's `llvm-mc`.

    Raises:
        OracleError: there is none; it says what to install.
    """
    for name in _NAMES:
        path = shutil.which(name)
        if path and "LLVM version 14." in _run([path, "--version"], "").stdout:
            return path
    raise OracleError("llvm-mc of LLVM 14 is needed: install Debian's package llvm-14")


def _run(command: Sequence[str], source: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603  (the tool that was asked for, found on PATH)
            command, input=source, capture_output=True, text=True, timeout=_TIMEOUT, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired as error:
        failure = Failure(FailureKind.HANG, f"no answer in {_TIMEOUT} seconds")
        raise FailureError(command[0], failure) from error


class Llvm:
    """`llvm-mc`, found when it is made (OracleError if there is none)."""

    def __init__(self) -> None:
        self._tool = find_llvm_mc()

    def decode(self, words: Sequence[int]) -> list[str | None]:
        """LLVM's text of each word, one space after the mnemonic; None for an invalid encoding."""
        found: list[str | None] = []
        for start in range(0, len(words), _BATCH):
            found += self._decode_batch(words[start : start + _BATCH])
        return found

    def verdicts(self, words: Sequence[int]) -> bytes:
        """Which words are valid encodings."""
        return b"".join(self._allocated(words[start : start + _BATCH]) for start in range(0, len(words), _BATCH))

    def _allocated(self, words: Sequence[int]) -> bytes:
        done = self._run(words, "--filetype=null")
        verdicts = bytearray(b"\x01") * len(words)
        for line in _INVALID.findall(done.stderr):
            verdicts[int(line) - 1] = 0
        return bytes(verdicts)

    def _decode_batch(self, words: Sequence[int]) -> Iterator[str | None]:
        done = self._run(words)
        invalid = {int(line) for line in _INVALID.findall(done.stderr)}
        texts = list(_instructions(done.stdout.splitlines()))
        if len(texts) != len(words) - len(invalid):
            failure = Failure(FailureKind.NO_ANSWER, f"{len(texts)} instructions for {len(words)} words")
            raise FailureError(self._tool, failure)
        valid = iter(texts)
        for number in range(1, len(words) + 1):
            yield None if number in invalid else next(valid)

    def _run(self, words: Sequence[int], *arguments: str) -> subprocess.CompletedProcess[str]:
        done = _run([self._tool, *_ARGUMENTS, *arguments], _source(words))
        if done.returncode:
            failure = Failure(FailureKind.CRASH, f"ended with status {done.returncode}: {done.stderr.strip()}")
            raise FailureError(self._tool, failure)
        return done


def _source(words: Sequence[int]) -> str:
    """The bytes of each word on a line."""
    data = b"".join(word.to_bytes(4, "little") for word in words)
    parts = list(map(_BYTES.__getitem__, data))
    parts[3::4] = map(_LAST_BYTES.__getitem__, data[3::4])
    return "".join(parts)


def _instructions(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        text = line.partition("//")[0].strip()
        if text and not text.startswith("."):
            yield text.replace("\t", " ", 1)
