"""Capstone as an oracle. Its tables are an older LLVM's: what it does not know is in `capstone_differences.toml`."""

from __future__ import annotations

import ctypes
from operator import or_
from typing import TYPE_CHECKING, Any

from aarch64.fuzz.oracles import OracleError

if TYPE_CHECKING:
    from collections.abc import Sequence


_BATCH = 1 << 16
"""Words that are given to the library together: it answers with 248 bytes for each."""


class Capstone:
    """Capstone's binding for Python (OracleError if it is not installed)."""

    def __init__(self) -> None:
        try:
            import capstone  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise OracleError("capstone is needed: pip install 'aarch64-kprobes[oracles]'") from error
        self._disassemble = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM).disasm_lite
        self._buffers = _Buffers(capstone)

    def decode(self, words: Sequence[int]) -> list[str | None]:
        """Capstone's text of each word, at address 0; None for what it cannot decode."""
        return [self._text(word) for word in words]

    def verdicts(self, words: Sequence[int]) -> bytes:
        """Which words Capstone can decode."""
        batches = (words[start : start + _BATCH] for start in range(0, len(words), _BATCH))
        return b"".join(map(self._buffers.verdicts, batches))

    def _text(self, word: int) -> str | None:
        for _, _, mnemonic, operands in self._disassemble(word.to_bytes(4, "little"), 0):
            return f"{mnemonic} {operands}".rstrip()
        return None


class _Buffers:
    """Capstone's C library, asked for many words at once.

    The binding makes objects of each word; the array that the library fills says all that is to be known (measured:
    four times as many words a second).
    """

    def __init__(self, binding: Any) -> None:
        self._library = binding._cs  # noqa: SLF001  (the binding gives no other way to a whole buffer)
        self._record = binding._cs_insn  # noqa: SLF001
        self._engine = binding.Cs(binding.CS_ARCH_ARM64, binding.CS_MODE_ARM)
        self._engine.skipdata = True

    def verdicts(self, words: Sequence[int]) -> bytes:
        """Which words it can decode; what it skips as data has the identity 0."""
        data = b"".join(word.to_bytes(4, "little") for word in words)
        records = ctypes.POINTER(self._record)()
        count = self._library.cs_disasm(self._engine.csh, data, len(data), 0, 0, ctypes.byref(records))
        if count != len(words):
            raise OracleError(f"capstone: {count} answers for {len(words)} words")
        try:
            return self._identified(records, count)
        finally:
            self._library.cs_free(records, count)

    def _identified(self, records: Any, count: int) -> bytes:
        size, at = ctypes.sizeof(self._record), self._record.id.offset
        raw = memoryview((ctypes.c_char * (count * size)).from_address(ctypes.addressof(records.contents))).cast("B")
        low, high = (raw[at + place :: size].tobytes() for place in (0, 1))
        return bytes(map(bool, map(or_, low, high)))
