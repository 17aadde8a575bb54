"""What breakpoints and watchpoints have in common: the states they match in, and contexts to link to.

Where the architecture leaves the behaviour of a reserved setting open (CONSTRAINED UNPREDICTABLE), it matches nothing.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.debug.generation import is_secure_at
from aarch64.features import Feature
from aarch64.sysregs.debug import BREAKPOINTS, CONTEXT_AWARE
from aarch64.translation.parameters import Regime, current_vmid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.cpu import Cpu

E = 1 << 0
"""The enable bit of DBGBCRn_EL1 and DBGWCRn_EL1."""

_ADDRESS_TOP = 48
"""DebugAddrTop: the highest bit of an address that is compared; so tags are not."""

_CONTEXTS = range(BREAKPOINTS - CONTEXT_AWARE, BREAKPOINTS)
"""The breakpoints that can match a context and be linked to (ContextMatchingBreakpointRange)."""


def same_from(a: int, b: int, low: int) -> bool:
    """Whether two addresses are the same from bit `low` to the highest bit that is compared."""
    return not (a ^ b) & (mask(_ADDRESS_TOP + 1) ^ mask(low))


# --- the levels and security states


@unique
class _Security(IntEnum):
    """SSC: the security states that are matched, and with them, by HMC, the higher levels."""

    BOTH = 0b00
    NON_SECURE = 0b01
    SECURE = 0b10
    BOTH_OR_SECURE = 0b11
    """Secure state; with HMC, both."""


@attrs.frozen
class States:
    """The states that a breakpoint or watchpoint matches in: SSC, HMC, and PMC or PAC, of its control register."""

    security: int
    higher: int
    privilege: int

    @classmethod
    def of(cls, control: int) -> States:
        """Those of DBGBCRn_EL1 or DBGWCRn_EL1, whose layout is the same here."""
        return cls(control >> 14 & 0b11, control >> 13 & 1, control >> 1 & 0b11)

    def include(self, cpu: Cpu, el: int) -> bool:
        """Whether they include level `el` in the current security state (AArch64.StateMatch)."""
        return not self._is_reserved(cpu) and self._include_level(el) and self._include_security(cpu)

    def _include_level(self, el: int) -> bool:
        match el:
            case 0:
                return bool(self.privilege & 0b10)
            case 1:
                return bool(self.privilege & 0b01)
            case 2:
                is_el3_only = (self.security, self.privilege) == (_Security.SECURE, 0b00)
                return bool(self.higher and not is_el3_only) or self.security == _Security.BOTH_OR_SECURE
            case _:
                return bool(self.higher and not self.security & 1)

    def _include_security(self, cpu: Cpu) -> bool:
        is_secure = is_secure_at(cpu, cpu.pstate.el)
        match self.security:
            case _Security.BOTH:
                return True
            case _Security.NON_SECURE:
                return not is_secure
            case _Security.SECURE:
                return is_secure
            case _:
                return is_secure or bool(self.higher)

    def _is_reserved(self, cpu: Cpu) -> bool:
        """CheckValidStateMatch, of a processing element without AArch32 state."""
        has_el2, has_el3 = cpu.has_level(2), cpu.has_level(3)
        higher, security, privilege = self.higher, self.security, self.privilege
        is_split = security in (_Security.NON_SECURE, _Security.SECURE)
        is_both = security == _Security.BOTH_OR_SECURE
        is_el2_only = (higher, security, privilege) == (1, _Security.NON_SECURE, 0b00)
        needs_secure_el2 = is_el2_only or (is_both and bool(privilege & 1 or not higher))
        return (
            (privilege == 0b10 and bool(higher or is_both))
            or (privilege == 0b00 and bool(higher) == (security == _Security.BOTH) and not is_both)
            or (not has_el3 and is_split and not is_el2_only)
            or (not has_el3 and not higher and is_both)
            or (not has_el2 and bool(higher or security))
            or (needs_secure_el2 and not (has_el3 and cpu.has(Feature.SEL2)))
        )


# --- contexts


@unique
class Match(IntEnum):
    """DBGBCRn_EL1.BT without its lowest bit: what a breakpoint compares."""

    ADDRESS = 0b000
    CONTEXT = 0b001
    ADDRESS_MISMATCH = 0b010
    CONTEXT_EL1 = 0b011
    VMID = 0b100
    VMID_AND_CONTEXT = 0b101
    CONTEXT_EL2 = 0b110
    BOTH_CONTEXTS = 0b111


_LATER = (Match.ADDRESS_MISMATCH, Match.CONTEXT_EL1, Match.CONTEXT_EL2, Match.BOTH_CONTEXTS)
"""Reserved: mismatches are AArch32 state's, the others come with FEAT_VHE or Armv8.2."""


def kind_of(cpu: Cpu, number: int) -> Match | None:
    """What a breakpoint compares; None where its type is reserved (AArch64.ReservedBreakpointType)."""
    kind = Match(cpu.sysregs[f"DBGBCR{number}_EL1"] >> 21 & 0b111)
    if kind in _LATER or (kind is not Match.ADDRESS and number not in _CONTEXTS):
        return None
    needs_el2 = kind in (Match.VMID, Match.VMID_AND_CONTEXT)
    return None if needs_el2 and not cpu.has_level(2) else kind


def is_linked(cpu: Cpu, number: int) -> bool:
    """BT[0] of a breakpoint: of an address, that it links to a context; of a context, that it is there to be linked."""
    return bool(cpu.sysregs[f"DBGBCR{number}_EL1"] >> 20 & 1)


def matches_context(cpu: Cpu, number: int, kind: Match) -> bool:
    """Whether the context is the one of a breakpoint of such a kind: CONTEXTIDR_EL1, VTTBR_EL2.VMID or both."""
    if cpu.pstate.el > 1:
        return False
    value = cpu.sysregs[f"DBGBVR{number}_EL1"]
    same_context = value & mask(32) == cpu.sysregs["CONTEXTIDR_EL1"]
    if kind is Match.CONTEXT:
        return same_context
    same_machine = cpu.el2_enabled and value >> 32 & 0xFF == current_vmid(cpu, Regime.EL10)
    return same_machine and (same_context or kind is Match.VMID)


def matches_linked_context(cpu: Cpu, control: int) -> bool:
    """Whether the context is that of the breakpoint a control register links to, by LBN."""
    number = control >> 16 & 0xF
    if number not in _CONTEXTS or not cpu.sysregs[f"DBGBCR{number}_EL1"] & E:
        return False
    kind = kind_of(cpu, number)
    if kind in (None, Match.ADDRESS) or not is_linked(cpu, number):
        return False
    assert kind is not None
    return matches_context(cpu, number, kind)


def names(register: str, count: int) -> tuple[str, ...]:
    """The names of `count` registers: DBGWCR0_EL1 and so on."""
    return tuple(f"{register}{number}_EL1" for number in range(count))


def any_enabled(cpu: Cpu, controls: tuple[str, ...]) -> bool:
    """Whether one of some control registers enables something; asked at each change of context."""
    sysregs = cpu.sysregs
    return any(sysregs[name] & E for name in controls)


def enabled(cpu: Cpu, controls: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Number and value of those control registers that enable something."""
    for number, name in enumerate(controls):
        control = cpu.sysregs[name]
        if control & E:
            yield number, control
