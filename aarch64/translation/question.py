"""AT: the answer to a question about an address, as PAR_EL1 tells it (AArch64.AT, AArch64_EncodePAR)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.exceptions import Fault, data_abort
from aarch64.translation.parameters import is_secure
from aarch64.translation.translate import Translation, TranslationFault, translate

if TYPE_CHECKING:
    from aarch64.cpu import Cpu
    from aarch64.translation.parameters import Regime
    from aarch64.translation.request import Request

_FAILED = 1 << 0
_STATUS_SHIFT = 1
_SHAREABILITY_SHIFT = 7
_NS = 1 << 9
_RES1 = 1 << 11
_ATTRIBUTE_SHIFT = 56
_FRAME = 0x0000_FFFF_FFFF_F000


def ask(cpu: Cpu, address: int, regime: Regime, request: Request) -> int:
    """PAR_EL1 for an address in a regime.

    Raises:
        ArchException: a walk met an external abort, which AT does not keep to itself.
    """
    found = translate(cpu, address, request, regime=regime)
    if isinstance(found, Translation):
        return _answer(found, knows_ns=is_secure(cpu, regime))
    if found.status & ~0b11 == Fault.EXTERNAL_ON_WALK:
        raise data_abort(found.status, address, is_write=True, cache_maintenance=True, fault=found)
    return _refusal(found)


def _answer(found: Translation, *, knows_ns: bool) -> int:
    """The format for an address that was translated; NS is UNKNOWN to Non-secure state, where it is set here."""
    is_nonsecure = not (knows_ns and found.is_secure)
    return (
        found.attribute << _ATTRIBUTE_SHIFT
        | found.physical & _FRAME
        | _RES1
        | (_NS if is_nonsecure else 0)
        | found.shareability << _SHAREABILITY_SHIFT
    )


def _refusal(fault: TranslationFault) -> int:
    return _RES1 | fault.status << _STATUS_SHIFT | _FAILED
