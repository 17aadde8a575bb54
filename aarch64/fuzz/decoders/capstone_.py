"""Capstone as an oracle. Its tables are an older LLVM's: what it does not know is in `capstone_differences.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.fuzz.oracles import OracleError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Capstone:
    """Capstone's binding for Python (OracleError if it is not installed)."""

    def __init__(self) -> None:
        try:
            import capstone  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise OracleError("capstone is needed: pip install 'aarch64-kprobes[oracles]'") from error
        self._disassemble = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM).disasm_lite

    def decode(self, words: Sequence[int]) -> list[str | None]:
        """Capstone's text of each word, at address 0; None for what it cannot decode."""
        return [self._text(word) for word in words]

    def _text(self, word: int) -> str | None:
        for _, _, mnemonic, operands in self._disassemble(word.to_bytes(4, "little"), 0):
            return f"{mnemonic} {operands}".rstrip()
        return None
