"""Writing into text that may be running (aarch64_insn_patch_text, arch/arm64/kernel/insn.c)."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from kprobes.host import Host


@unique
class Method(Enum):
    """How other CPUs are kept from executing something in between."""

    LIVE = "hotpatch: old and new may be replaced while they are executed (aarch64_insn_hotpatch_safe)"
    STOPPED = "stop_machine: everybody waits meanwhile"


@attrs.frozen
class Patch:
    """An instruction word that was replaced."""

    address: int
    old: int
    new: int
    method: Method


_B_BL = ((0xFC00_0000, 0x1400_0000), (0xFC00_0000, 0x9400_0000))
_SVC_HVC_SMC_BRK = ((0xFFE0_001F, 0xD400_0001), (0xFFE0_001F, 0xD400_0002), (0xFFE0_001F, 0xD400_0003))
_BRK = (0xFFE0_001F, 0xD420_0000)
_HINT = (0xFFFF_F01F, 0xD503_201F)

_SAFE = (*_B_BL, *_SVC_HVC_SMC_BRK, _BRK, _HINT)
"""B, BL, SVC, HVC, SMC, BRK and hints ("Concurrent modification and execution of instructions")."""
_WAITING_HINTS = frozenset(range(1, 6))
"""YIELD, WFE, WFI, SEV, SEVL: aarch64_insn_is_nop does not count these."""


def is_safe(word: int) -> bool:
    """Whether an instruction may be replaced, or put in place of another one, while it is executed."""
    if word & _HINT[0] == _HINT[1]:
        return word >> 5 & 0x7F not in _WAITING_HINTS
    return any(word & mask == value for mask, value in _SAFE)


class Patcher:
    """Patches the text of a machine, and remembers what."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.patches: list[Patch] = []

    def patch(self, address: int, word: int) -> None:
        """Replace the instruction at an address; MemoryFault if there is no memory."""
        old = self._host.read_word(address) or 0
        method = Method.LIVE if is_safe(old) and is_safe(word) else Method.STOPPED
        self._host.write_text(address, word)
        self.patches.append(Patch(address, old, word, method))
