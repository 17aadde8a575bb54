"""TLBI: which entries of the TLB an operation covers ("TLB maintenance instructions").

Scopes (local, IS, OS) and the XS attribute make no difference with one processing element and nothing outstanding.
Operations on stage 2 and on granule protection cover nothing: there are no such entries.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask, sign_extend
from aarch64.translation.parameters import Regime, asid_field, current_vmid, is_secure
from aarch64.translation.tlb import Entry, without_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu

_NAME = re.compile(r"(?P<range>r?)(?P<by>vmall|vmalls12|all|va|vaa|val|vaal|asid)e(?P<el>[123])(is|os)?(nxs)?")
_WITH_ASID = frozenset({"va", "val", "asid"})


@attrs.frozen
class _Span:
    """The addresses an operation names, 56 bits, the end excluded; and the level of the entries, None for any."""

    start: int
    end: int
    level: int | None = None


def invalidation(name: str) -> Callable[[Cpu, int], None] | None:
    """What a TLB operation does with the value of its register, by its name in lower case; None for nothing."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    regime, by, is_range = Regime(int(found["el"])), found["by"], bool(found["range"])

    def action(cpu: Cpu, value: int) -> None:
        secure, vmid = is_secure(cpu, regime), current_vmid(cpu, regime)
        asid = asid_field(cpu, value) if by in _WITH_ASID and regime.has_two_ranges else None
        span = None
        if by.startswith("va"):
            span = _range(value, regime) if is_range else _page(value)
            if span is None:
                return

        def is_covered(entry: Entry) -> bool:
            return (
                entry.regime is regime
                and entry.is_secure == secure
                and (by == "all" or entry.vmid == vmid)
                and _has_asid(entry, asid, keeps_global=by == "asid")
                and (span is None or _is_within(entry, span))
            )

        cpu.drop_translations(filter(is_covered, cpu.tlb))

    return action


def _has_asid(entry: Entry, asid: int | None, *, keeps_global: bool) -> bool:
    """Whether an entry belongs to an address space; global ones do, unless the operation leaves them alone."""
    if asid is None:
        return True
    return not keeps_global if entry.asid is None else entry.asid == asid


def _is_within(entry: Entry, span: _Span) -> bool:
    return entry.overlaps(span.start, span.end) and span.level in (None, entry.leaf.level)


def _page(value: int) -> _Span:
    """VA[55:12] in bits 43:0. Without FEAT_TTL, bits 47:44 say nothing."""
    start = value << 12 & mask(56)
    return _Span(start, start + (1 << 12))


_WITH_BLOCKS_AT_LEVEL_1 = 12
_GRANULES = {0b01: 12, 0b10: 14, 0b11: 16}


def _range(value: int, regime: Regime) -> _Span | None:
    """TLBIRange: BaseADDR, NUM, SCALE, TTL and TG; None for the reserved granule, which covers nothing."""
    granule = _GRANULES.get(value >> 46 & 3)
    if granule is None:
        return None
    scale, number, level = value >> 44 & 3, value >> 39 & 31, value >> 37 & 3
    base = (value & mask(37)) << granule
    width = 37 + granule
    start = without_tag(sign_extend(base, width)) if regime.has_two_ranges else base
    length = (number + 1) << 5 * scale + 1 + granule
    top = start + (-start % (1 << width - 1) or (1 << width - 1))
    if level == 1 and granule != _WITH_BLOCKS_AT_LEVEL_1:
        level = 0  # reserved there, and taken for no level in particular
    return _Span(start, min(start + length, top), level or None)
