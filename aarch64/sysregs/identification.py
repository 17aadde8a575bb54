"""Identification registers: what the machine is, derived from its feature set and its exception levels.

Each AArch64 feature register is a row of fields: the lowest bit, and what it holds on a machine. Fields not listed are
zero: the feature they describe is absent. The AArch32 registers are zero, for there is no AArch32 state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from aarch64.features import Feature
from aarch64.sysregs import debug, names
from aarch64.sysregs.fields import HCR_TDZ, SCTLR_DZE
from aarch64.sysregs.record import Config, Reset, SysReg, bits, read_only, read_write, span
from aarch64.sysregs.traps import TID1, TID2, TID3, UCT

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

PHYSICAL_ADDRESS_BITS = 48
_PA_RANGE = {32: 0, 36: 1, 40: 2, 42: 3, 44: 4, 48: 5}
"""ID_AA64MMFR0_EL1.PARange by the number of physical address bits."""

Field = Callable[[Config], int]

_NOT_IMPLEMENTED = 0b1111


def has(*steps: Feature) -> Field:
    """A field counting how far the machine goes in a series of features: 0 none, 1 the first, 2 the second ..."""
    return lambda config: max((step for step, item in enumerate(steps, 1) if item in config.features), default=0)


def const(value: int) -> Field:
    """A field with the same value on every machine."""
    return lambda _config: value


def level(el: int) -> Field:
    """1 (AArch64 only) when exception level `el` is implemented."""
    return lambda config: int(config.max_el >= el)


def when(feature: Feature, value: int, otherwise: int = 0) -> Field:
    """`value` on a machine with the feature."""
    return lambda config: value if feature in config.features else otherwise


def _secure_el2(config: Config) -> int:
    return int(Feature.SEL2 in config.features and config.max_el == 3)


def _address_authentication(config: Config) -> int:
    """ID_AA64ISAR1_EL1.APA: FEAT_PAuth, FEAT_PAuth2, FEAT_FPAC."""
    if Feature.PAUTH not in config.features:
        return 0
    if Feature.PAUTH2 not in config.features:
        return 1
    return 4 if Feature.FPAC in config.features else 3


FIELDS: Mapping[str, Mapping[int, Field]] = {
    "ID_AA64PFR0_EL1": {
        0: level(0),
        4: level(1),
        8: level(2),
        12: level(3),
        16: when(Feature.FP, 1, _NOT_IMPLEMENTED),
        20: when(Feature.FP, 1, _NOT_IMPLEMENTED),
        28: has(Feature.RAS),
        36: _secure_el2,
        48: has(Feature.DIT),
        56: has(Feature.CSV2),
    },
    "ID_AA64PFR1_EL1": {0: has(Feature.BTI), 4: when(Feature.SSBS, 2)},
    "ID_AA64DFR0_EL1": {
        0: const(6),  # the debug architecture of Armv8.0
        8: has(Feature.PMUV3),
        12: const(debug.BREAKPOINTS - 1),
        20: const(debug.WATCHPOINTS - 1),
        28: const(debug.CONTEXT_AWARE - 1),
        36: const(0),  # FEAT_DoubleLock, which is there when zero
    },
    "ID_AA64ISAR0_EL1": {
        16: has(Feature.CRC32),
        20: lambda config: 3 if Feature.LSE128 in config.features else 2 * (Feature.LSE in config.features),
        52: has(Feature.FLAGM, Feature.FLAGM2),
        56: has(Feature.TLBIOS, Feature.TLBIRANGE),
    },
    "ID_AA64ISAR1_EL1": {
        0: has(Feature.DPB, Feature.DPB2),
        4: _address_authentication,
        20: has(Feature.LRCPC, Feature.LRCPC2, Feature.LRCPC3),
        24: has(Feature.PAUTH),
        36: has(Feature.SB),
        40: has(Feature.SPECRES),
        48: has(Feature.DGH),
        56: has(Feature.XS),
    },
    "ID_AA64ISAR2_EL1": {0: when(Feature.WFXT, 2), 20: has(Feature.HBC), 52: has(Feature.CSSC)},
    "ID_AA64MMFR0_EL1": {
        0: const(_PA_RANGE[PHYSICAL_ADDRESS_BITS]),
        4: const(2),  # 16-bit ASIDs
        12: level(3),  # Secure and Non-secure memory
        20: const(1),  # 16KB granule; 64KB and 4KB, fields 24 and 28, are there when zero
        60: const(1),  # FEAT_ECV without the physical offset
    },
    "ID_AA64MMFR1_EL1": {
        0: when(Feature.HAFDBS, 2),
        12: has(Feature.HPDS),
        16: has(Feature.LOR),
        20: has(Feature.PAN, Feature.PAN2, Feature.PAN3),
    },
    "ID_AA64MMFR2_EL1": {
        0: has(Feature.TTCNP),
        4: has(Feature.UAO),
        20: has(Feature.CCIDX),
        28: has(Feature.TTST),
        32: has(Feature.LSE2),
        36: has(Feature.IDST),
        60: has(Feature.E0PD),
    },
}
"""Fields by lowest bit; every field of these registers is four bits wide."""


def _value(fields: Mapping[int, Field]) -> Reset:
    return lambda config: sum(field(config) << low for low, field in fields.items())


def _feature_registers() -> Iterable[SysReg]:
    """Op0 3, op1 0, CRn 0, CRm 1 to 7: every encoding is allocated, the reserved ones read as zero."""
    for encoding in range(names.encode(3, 0, 0, 1, 0), names.encode(3, 0, 0, 8, 0)):
        name = names.name_of(encoding, names.Direction.READ)
        yield read_only(name, level=1, reset=_value(FIELDS.get(name, {})), traps=(TID3,))


MIDR = 0x000F_A640
"""Implementer 0 (reserved for software), architecture by ID registers, part 0xA64."""

MPIDR = 0x8000_0000
"""One processor, affinity 0.0.0.0."""

CACHE_LINE = 64
"""Bytes of a line of every cache."""
_LINE_WORDS_LOG2 = 4
_CTR = (
    1 << 31  # RES1
    | 1 << 29  # DIC: instruction caches need no invalidation
    | 1 << 28  # IDC: data caches need no cleaning for instruction coherence
    | _LINE_WORDS_LOG2 << 24  # CWG
    | _LINE_WORDS_LOG2 << 20  # ERG
    | _LINE_WORDS_LOG2 << 16  # DminLine
    | 0b11 << 14  # L1Ip: physically indexed, physically tagged
    | _LINE_WORDS_LOG2  # IminLine
)

_SEPARATE, _UNIFIED = 0b011, 0b100
_CLIDR = _SEPARATE | _UNIFIED << 3 | 2 << 24  # level 1, level 2, level of coherence 2

_L1, _L2 = (128, 4), (1024, 8)
_CACHES = {0b0000: _L1, 0b0001: _L1, 0b0010: _L2}
"""(sets, ways) by CSSELR_EL1: a 32KB data and instruction cache each, and a unified cache of 512KB."""


def _read_ccsidr(cpu: Cpu) -> int:
    geometry = _CACHES.get(cpu.sysregs["CSSELR_EL1"])
    if geometry is None:
        return 0  # UNKNOWN: no such cache
    sets, ways = geometry
    line = CACHE_LINE.bit_length() - 5
    if cpu.has(Feature.CCIDX):
        return (sets - 1) << 32 | (ways - 1) << 3 | line
    return (sets - 1) << 13 | (ways - 1) << 3 | line


_DCZ_PROHIBITED = 1 << 4


def _read_dczid(cpu: Cpu) -> int:
    """DC ZVA clears 64 bytes, where it is not trapped."""
    el = cpu.pstate.el
    is_trapped = (el == 0 and not cpu.sysregs["SCTLR_EL1"] & SCTLR_DZE) or (
        el <= 1 and cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & HCR_TDZ
    )
    return _LINE_WORDS_LOG2 | (_DCZ_PROHIBITED if is_trapped else 0)


def _virtualized(own: int, virtual: str) -> Callable[[Cpu], int]:
    """The register as EL1 sees it: the value EL2 chose for it, where EL2 is enabled."""
    return lambda cpu: cpu.sysregs[virtual] if cpu.pstate.el == 1 and cpu.el2_enabled else own


REGISTERS = (
    *_feature_registers(),
    read_only("MIDR_EL1", reset=MIDR, read=_virtualized(MIDR, "VPIDR_EL2")),
    read_only("MPIDR_EL1", reset=MPIDR, read=_virtualized(MPIDR, "VMPIDR_EL2")),
    read_write("VPIDR_EL2", reset=MIDR, writable=span(31, 0)),
    read_write("VMPIDR_EL2", reset=MPIDR, writable=span(39, 32) | bits(30) | span(24, 0)),
    read_only("REVIDR_EL1", traps=(TID1,)),
    read_only("AIDR_EL1", traps=(TID1,)),
    read_only("CTR_EL0", reset=_CTR, traps=(UCT, TID2)),
    read_only("DCZID_EL0", reset=_LINE_WORDS_LOG2, read=_read_dczid),
    read_only("CLIDR_EL1", reset=_CLIDR, traps=(TID2,)),
    read_only("CCSIDR_EL1", traps=(TID2,), read=_read_ccsidr),
    read_write("CSSELR_EL1", writable=span(3, 0), traps=(TID2,)),
)
