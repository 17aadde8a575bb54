"""What the control registers of a translation regime say: the parameters of a walk, and what may be accessed how.

"Controlling address translation", and the S1TTWParams of the Arm ARM's pseudocode.
"""

from __future__ import annotations

from enum import IntEnum, unique
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask, sign_extend
from aarch64.features import Feature
from aarch64.sysregs.fields import (
    HCR_DC,
    HCR_TGE,
    SCR_NS,
    SCR_SIF,
    SCTLR_C,
    SCTLR_EPAN,
    SCTLR_M,
    SCTLR_WXN,
)
from aarch64.sysregs.identification import PHYSICAL_ADDRESS_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aarch64.cpu import Cpu


@unique
class Regime(IntEnum):
    """A translation regime in AArch64 state; the value is the level whose registers control it."""

    EL10 = 1
    EL2 = 2
    EL3 = 3

    @property
    def label(self) -> str:
        """As the Arm ARM writes it: EL1&0, EL2, EL3."""
        return "EL1&0" if self is Regime.EL10 else self.name

    @property
    def has_two_ranges(self) -> bool:
        """Whether it has an upper range of addresses, unprivileged accesses, and ASIDs (HasUnprivileged)."""
        return self is Regime.EL10


_BY_LEVEL = (Regime.EL10, Regime.EL10, Regime.EL2, Regime.EL3)


def regime_of(el: int) -> Regime:
    """TranslationRegime: the one that accesses from level 0 to 3 go through."""
    return _BY_LEVEL[el]


@attrs.frozen
class _Layout:
    """Where TCR_ELx has the fields of one range of addresses: bit numbers, None for what it does not have."""

    size: int
    granule: int
    output: int
    tbi: int
    tbid: int
    hpd: int
    ha: int
    hd: int
    epd: int | None = None
    e0pd: int | None = None


_LOWER = _Layout(size=0, granule=14, output=32, tbi=37, tbid=51, hpd=41, ha=39, hd=40, epd=7, e0pd=55)
_UPPER = attrs.evolve(_LOWER, size=16, granule=30, tbi=38, tbid=52, hpd=42, epd=23, e0pd=56)
_SINGLE = _Layout(size=0, granule=14, output=16, tbi=20, tbid=29, hpd=24, ha=21, hd=22)

_TG0: Mapping[int, int] = {0b00: 12, 0b01: 16, 0b10: 14, 0b11: 12}
_TG1: Mapping[int, int] = {0b00: 12, 0b01: 14, 0b10: 12, 0b11: 16}
"""log2 of the granule in bytes; reserved values are taken for 4KB, as the architecture allows."""

_OUTPUT_BITS = (32, 36, 40, 42, 44, 48)
"""TCR_ELx.PS: the size of output addresses; larger ones than there are, are the largest there is."""

_MIN_TXSZ = 16


@attrs.frozen
class Parameters:
    """How addresses of one range of a regime are translated.

    Attributes:
        regime, is_upper: the range; regimes without two ranges have the lower one only.
        granule: log2 of the granule in bytes: 12, 14 or 16.
        txsz: TCR_ELx.TnSZ as written; `txsz_faults` tells whether it is out of bounds.
        output_bits: the size of output addresses.
        ignores_top, ignores_top_of_code: TBI, for data and for instruction addresses.
        disables_walks: EPDn. disables_el0: E0PDn. disables_hierarchy: HPDn.
        updates_flag, updates_dirty: HA and HD.
        mair: MAIR_ELx. has_xs: FEAT_XS is there.
        wxn, epan, sif: SCTLR_ELx.WXN and .EPAN, SCR_EL3.SIF. cacheable: SCTLR_ELx.C.
    """

    regime: Regime
    is_upper: bool
    granule: int
    txsz: int
    txsz_limits: tuple[int, int]
    output_bits: int
    ignores_top: bool
    ignores_top_of_code: bool
    disables_walks: bool
    disables_el0: bool
    disables_hierarchy: bool
    updates_flag: bool
    updates_dirty: bool
    mair: int
    has_xs: bool
    wxn: bool
    epan: bool
    sif: bool
    cacheable: bool

    @property
    def txsz_faults(self) -> bool:
        """AArch64_S1TxSZFaults: a size out of bounds generates a translation fault."""
        return self.address_bits != 64 - self.txsz

    @property
    def address_bits(self) -> int:
        """The size of input addresses; one that is out of bounds is forced into them."""
        smallest, largest = self.txsz_limits
        return 64 - min(max(self.txsz, smallest), largest)

    @property
    def stride(self) -> int:
        """Bits of address that one level of tables resolves."""
        return self.granule - 3

    @property
    def start_level(self) -> int:
        """AArch64_S1StartLevel: the level at which a walk begins."""
        return 3 - (self.address_bits - 1 - self.granule) // self.stride

    def size_at(self, level: int) -> int:
        """TranslationSize: log2 of the bytes that one descriptor of a level maps."""
        return self.granule + (3 - level) * self.stride

    @property
    def first_table_bits(self) -> int:
        """log2 of the bytes of the table that a walk begins with, which is aligned to its size."""
        return self.address_bits - self.size_at(self.start_level) + 3

    def contains(self, address: int, *, is_fetch: bool) -> bool:
        """Whether a 64-bit address is within the range (AArch64_VAIsOutOfRange)."""
        ignored = self.ignores_top_of_code if is_fetch else self.ignores_top
        top = mask(56 if ignored else 64) & ~mask(self.address_bits)
        return address & top == (top if self.is_upper else 0)


def _largest_txsz(granule: int, features: frozenset[Feature]) -> int:
    """AArch64_MaxTxSZ."""
    if Feature.TTST not in features:
        return 39
    return 47 if granule == 16 else 48


@lru_cache(maxsize=256)
def _decode(
    regime: Regime, is_upper: bool, tcr: int, sctlr: int, mair: int, sif: bool, features: frozenset[Feature]
) -> Parameters:
    """The parameters that register values stand for; `features` are those of the machine."""

    def flag(bit: int | None, feature: Feature | None = None) -> bool:
        return bit is not None and (feature is None or feature in features) and bool(tcr >> bit & 1)

    layout = (_UPPER if is_upper else _LOWER) if regime.has_two_ranges else _SINGLE
    granule = (_TG1 if is_upper else _TG0)[tcr >> layout.granule & 3]
    output = tcr >> layout.output & 7
    ignores_top = flag(layout.tbi)
    updates_flag = flag(layout.ha, Feature.HAFDBS)
    return Parameters(
        regime=regime,
        is_upper=is_upper,
        granule=granule,
        txsz=tcr >> layout.size & mask(6),
        txsz_limits=(_MIN_TXSZ, _largest_txsz(granule, features)),
        output_bits=_OUTPUT_BITS[output] if output < len(_OUTPUT_BITS) else PHYSICAL_ADDRESS_BITS,
        ignores_top=ignores_top,
        ignores_top_of_code=ignores_top and not flag(layout.tbid, Feature.PAUTH),
        disables_walks=flag(layout.epd),
        disables_el0=flag(layout.e0pd, Feature.E0PD),
        disables_hierarchy=flag(layout.hpd, Feature.HPDS),
        updates_flag=updates_flag,
        updates_dirty=updates_flag and flag(layout.hd, Feature.HAFDBS),
        mair=mair,
        has_xs=Feature.XS in features,
        wxn=bool(sctlr & SCTLR_WXN),
        epan=Feature.PAN3 in features and bool(sctlr & SCTLR_EPAN),
        sif=sif,
        cacheable=bool(sctlr & SCTLR_C),
    )


def parameters(cpu: Cpu, regime: Regime, address: int) -> Parameters:
    """AArch64_GetS1TTWParams: how a regime translates an address as things stand; bit 55 tells the range."""
    sysregs = cpu.sysregs
    tcr, sctlr, mair = _REGISTERS[regime]
    is_upper = regime.has_two_ranges and bool(address >> 55 & 1)
    sif = cpu.max_el == 3 and bool(sysregs["SCR_EL3"] & SCR_SIF)
    return _decode(regime, is_upper, sysregs[tcr], sysregs[sctlr], sysregs[mair], sif, cpu.features)


_REGISTERS = {regime: (f"TCR_EL{regime:d}", f"SCTLR_EL{regime:d}", f"MAIR_EL{regime:d}") for regime in Regime}


def is_enabled(cpu: Cpu, regime: Regime) -> bool:
    """AArch64_S1Enabled: whether the regime translates at all."""
    if not cpu.sysregs[_REGISTERS[regime][1]] & SCTLR_M:
        return False
    if regime is not Regime.EL10 or not cpu.el2_enabled:
        return True
    return not cpu.sysregs["HCR_EL2"] & (HCR_DC | HCR_TGE)


def is_secure(cpu: Cpu, regime: Regime) -> bool:
    """SecurityStateForRegime: whether the regime, if used now, belongs to Secure state."""
    return cpu.max_el == 3 and (regime is Regime.EL3 or not cpu.sysregs["SCR_EL3"] & SCR_NS)


# --- base registers and address space identifiers

_TCR_A1 = 1 << 22
_TCR_AS = 1 << 36


def table_register(parameters: Parameters) -> str:
    """The name of the register that holds the base address of a range's tables."""
    return f"TTBR{int(parameters.is_upper)}_EL{parameters.regime:d}"


def current_vmid(cpu: Cpu, regime: Regime) -> int:
    """VMID: the virtual machine whose translations are used, 8 bits; it counts even without stage 2."""
    return cpu.sysregs["VTTBR_EL2"] >> 48 & 0xFF if regime is Regime.EL10 and cpu.el2_enabled else 0


def current_asid(cpu: Cpu) -> int:
    """The ASID in use in the EL1&0 regime, 8 or 16 bits as TCR_EL1.AS says."""
    tcr = cpu.sysregs["TCR_EL1"]
    return asid_field(cpu, cpu.sysregs["TTBR1_EL1" if tcr & _TCR_A1 else "TTBR0_EL1"])


def asid_field(cpu: Cpu, value: int) -> int:
    """The ASID in bits 63:48 of TTBRn_EL1 or of a TLB operation's register; TCR_EL1.AS clear, it has 8 bits."""
    return value >> 48 & mask(16 if cpu.sysregs["TCR_EL1"] & _TCR_AS else 8)


# --- tagged addresses


def ignores_top_byte(cpu: Cpu, regime: Regime, address: int, *, is_fetch: bool = False) -> bool:
    """EffectiveTBI: whether a regime ignores the top byte of an address."""
    found = parameters(cpu, regime, address)
    return found.ignores_top_of_code if is_fetch else found.ignores_top


def strip_tag(cpu: Cpu, address: int, *, is_fetch: bool = False) -> int:
    """`address` with its top byte made a copy of bit 55 (zero at EL2 and EL3) where the current level ignores it."""
    if not address >> 55:
        return address
    regime = regime_of(cpu.pstate.el)
    if not ignores_top_byte(cpu, regime, address, is_fetch=is_fetch):
        return address
    return sign_extend(address, 56) if regime.has_two_ranges else address & mask(56)
