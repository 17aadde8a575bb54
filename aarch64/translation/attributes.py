"""Memory types: the attributes a MAIR_ELx field describes ("Memory attributes", "MAIR_EL1").

An attribute is kept as the 8 bits that MAIR_ELx holds and PAR_EL1 reports, reserved encodings already replaced.
"""

from __future__ import annotations

from enum import IntEnum, unique

DEVICE_NGNRNE = 0x00
NORMAL_NON_CACHEABLE = 0x44
_NON_CACHEABLE_XS0 = 0x40
_WRITE_THROUGH_XS0 = 0xA0

_DEVICES = ("Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE")
_CACHE_POLICIES = {
    0b00: "Write-Through transient",
    0b01: "Write-Back transient",
    0b10: "Write-Through",
    0b11: "Write-Back",
}


@unique
class Shareability(IntEnum):
    """SH[1:0]; 0b01 is reserved, and taken for non-shareable."""

    NON = 0b00
    OUTER = 0b10
    INNER = 0b11


def decode_attribute(field: int, *, has_xs: bool) -> int:
    """The attribute that a field of MAIR_ELx (8 bits) stands for (S1DecodeMemAttrs).

    Reserved encodings, among them those of FEAT_XS (`has_xs`) and FEAT_MTE where absent, are UNPREDICTABLE: here they
    are Device-nGnRnE.
    """
    return DEVICE_NGNRNE if _is_reserved(field, has_xs=has_xs) else field


def _is_reserved(field: int, *, has_xs: bool) -> bool:
    if field >> 4 == 0:
        return bool(field & 0b10 or (field & 0b01 and not has_xs))
    if field in (_NON_CACHEABLE_XS0, _WRITE_THROUGH_XS0):
        return not has_xs
    return field & 0xF == 0


def is_device(attribute: int) -> bool:
    """Whether it is a Device memory type; else it is Normal."""
    return attribute >> 4 == 0


def _is_write_back(nibble: int) -> bool:
    """Whether half an attribute, inner or outer, is Write-Back."""
    return bool(nibble & 0b0100) and nibble != 0b0100


def uncached(attribute: int, *, has_xs: bool) -> int:
    """What a Normal attribute becomes while SCTLR_ELx.C is clear: Non-cacheable, the XS attribute kept."""
    is_write_back = _is_write_back(attribute >> 4) and _is_write_back(attribute & 0xF)
    lacks_xs = is_write_back or attribute in (_NON_CACHEABLE_XS0, _WRITE_THROUGH_XS0)
    return _NON_CACHEABLE_XS0 if has_xs and lacks_xs else NORMAL_NON_CACHEABLE


def effective_shareability(attribute: int, sh: int) -> Shareability:
    """EffectiveShareability: Device and Non-cacheable memory is outer shareable, whatever SH (2 bits) says."""
    if is_device(attribute) or attribute in (NORMAL_NON_CACHEABLE, _NON_CACHEABLE_XS0):
        return Shareability.OUTER
    return Shareability.NON if sh == 0b01 else Shareability(sh)


def _describe_half(nibble: int) -> str:
    if nibble == 0b0100:
        return "Non-cacheable"
    allocation = {0b00: "no allocate", 0b01: "write-allocate", 0b10: "read-allocate", 0b11: "read/write-allocate"}
    return f"{_CACHE_POLICIES[nibble >> 2]} {allocation[nibble & 3]}"


def describe(attribute: int) -> str:
    """An attribute in the Arm ARM's words: `Device-nGnRE`, `Normal, Write-Back read/write-allocate`."""
    if is_device(attribute):
        return _DEVICES[attribute >> 2 & 3]
    if attribute in _SPECIAL:
        return _SPECIAL[attribute]
    outer, inner = _describe_half(attribute >> 4), _describe_half(attribute & 0xF)
    return f"Normal, {inner}" if inner == outer else f"Normal, inner {inner}, outer {outer}"


_SPECIAL = {
    _NON_CACHEABLE_XS0: "Normal, Non-cacheable, without XS",
    _WRITE_THROUGH_XS0: "Normal, Write-Through read-allocate, without XS",
}
