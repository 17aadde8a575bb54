"""System control registers: translation regimes, exception handling, and the configuration of each level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import mask
from aarch64.errors import UnsupportedState
from aarch64.features import Feature
from aarch64.sysregs.fields import (
    DISR_A,
    HCR_AMO,
    HCR_DC,
    HCR_HCD,
    HCR_VM,
    SCR_EA,
    SCR_EEL2,
    SCR_NS,
    SCTLR_BT0,
    SCTLR_BT1,
    SCTLR_EPAN,
)
from aarch64.sysregs.record import Config, SysReg, bits, read_only, read_write, span
from aarch64.sysregs.traps import (
    APK,
    EL3_APK,
    EL3_TCPAC,
    EL3_TERR,
    EL3_TLOR,
    TACR,
    TCPAC,
    TERR,
    TLOR,
    TRVM,
    TVM,
)

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

_VIRTUAL_MEMORY = (TVM, TRVM)
_LEVELS = (1, 2, 3)


def _refuse_stage_2(cpu: Cpu, value: int) -> None:  # noqa: ARG001  (a check takes the CPU and the value)
    names = [name for name, bit in (("VM", HCR_VM), ("DC", HCR_DC)) if value & bit]
    if names:
        raise UnsupportedState(
            f"stage 2 of address translation is not modelled: HCR_EL2.{' and .'.join(names)} may not be set; "
            "let EL1 run with stage 1 alone"
        )


# --- SCTLR_ELx

_SCTLR_COMMON = bits(0, 1, 2, 3, 12, 19)  # M A C SA I WXN
_SCTLR_GATED = {
    Feature.LSE2: bits(6),  # nAA
    Feature.PAUTH: bits(13, 27, 30, 31),  # EnDB EnDA EnIB EnIA
    Feature.SSBS: bits(44),  # DSSBS
}
_SCTLR_EL1_WRITABLE = _SCTLR_COMMON | bits(4, 9, 14, 15, 16, 18, 26)  # SA0 UMA DZE UCT nTWI nTWE UCI
_SCTLR_EL1_GATED = {
    **_SCTLR_GATED,
    Feature.SPECRES: bits(10),  # EnRCTX
    Feature.PAN: bits(23),  # SPAN
    Feature.BTI: SCTLR_BT0 | SCTLR_BT1,
    Feature.PAN3: SCTLR_EPAN,
}
_SCTLR_EL1_RES1 = bits(7, 8, 11, 20, 22, 23, 28, 29)  # ITD SED EOS TSCXT EIS SPAN nTLSMD LSMAOE
_SCTLR_EL1_RESET = _SCTLR_EL1_RES1 | bits(3, 4, 16, 18)  # SA SA0 nTWI nTWE
_SCTLR_RES1 = bits(4, 5, 11, 16, 18, 22, 23, 28, 29)
_SCTLR_RESET = _SCTLR_RES1 | bits(3)  # SA


def _sctlr(el: int) -> SysReg:
    if el > 1:
        gated = {**_SCTLR_GATED, Feature.BTI: SCTLR_BT1}
        return read_write(f"SCTLR_EL{el}", reset=_SCTLR_RESET, writable=_SCTLR_COMMON, gated=gated)
    return read_write(
        "SCTLR_EL1",
        reset=_SCTLR_EL1_RESET,
        writable=_SCTLR_EL1_WRITABLE,
        gated=_SCTLR_EL1_GATED,
        traps=_VIRTUAL_MEMORY,
    )


# --- the registers every level has, those of EL1 trapped by HCR_EL2.TVM and TRVM

_TCR_EL1 = span(5, 0) | span(34, 7) | bits(36, 37, 38)  # T0SZ EPD0 IRGN0 ... TG1 IPS AS TBI0 TBI1
_TCR_EL1_GATED = {
    Feature.HAFDBS: bits(39, 40),  # HA HD
    Feature.HPDS: bits(41, 42),  # HPD0 HPD1
    Feature.PAUTH: bits(51, 52),  # TBID0 TBID1
    Feature.E0PD: bits(55, 56),  # E0PD0 E0PD1
}
_TCR_HIGHER = span(5, 0) | span(15, 8) | span(18, 16) | bits(20)  # T0SZ IRGN0 ORGN0 SH0 TG0 PS TBI
_TCR_HIGHER_GATED = {
    Feature.HAFDBS: bits(21, 22),  # HA HD
    Feature.HPDS: bits(24),  # HPD
    Feature.PAUTH: bits(29),  # TBID
}
_TCR_HIGHER_RES1 = bits(23, 31)
_TTBR_EL1 = mask(64) ^ 1
_TTBR_HIGHER = span(47, 1)
_TTBR_GATED = {Feature.TTCNP: bits(0)}  # CnP
_VBAR = span(63, 11)


def _tcr(el: int) -> SysReg:
    if el > 1:
        return read_write(f"TCR_EL{el}", reset=_TCR_HIGHER_RES1, writable=_TCR_HIGHER, gated=_TCR_HIGHER_GATED)
    return read_write("TCR_EL1", writable=_TCR_EL1, gated=_TCR_EL1_GATED, traps=_VIRTUAL_MEMORY)


def _ttbr(name: str) -> SysReg:
    if name.endswith("EL1"):
        return read_write(name, writable=_TTBR_EL1, gated=_TTBR_GATED, traps=_VIRTUAL_MEMORY)
    return read_write(name, writable=_TTBR_HIGHER, gated=_TTBR_GATED)


def _regime(el: int) -> tuple[SysReg, ...]:
    """The translation and fault registers of one level."""
    traps = _VIRTUAL_MEMORY if el == 1 else ()
    return (
        _sctlr(el),
        read_write(f"ACTLR_EL{el}", writable=0, traps=(TACR,) if el == 1 else ()),
        _ttbr(f"TTBR0_EL{el}"),
        _tcr(el),
        read_write(f"MAIR_EL{el}", traps=traps),
        read_write(f"AMAIR_EL{el}", writable=0, traps=traps),
        read_write(f"AFSR0_EL{el}", writable=0, traps=traps),
        read_write(f"AFSR1_EL{el}", writable=0, traps=traps),
        read_write(f"ESR_EL{el}", writable=mask(32), traps=traps, is_exception_state=True),
        read_write(f"FAR_EL{el}", traps=traps, is_exception_state=True),
        read_write(f"VBAR_EL{el}", writable=_VBAR),
        read_write(f"TPIDR_EL{el}"),
        read_only(f"RVBAR_EL{el}", guard=lambda cpu: cpu.max_el == el),
    )


_EL1 = (
    _ttbr("TTBR1_EL1"),
    read_write("CONTEXTIDR_EL1", writable=mask(32), traps=_VIRTUAL_MEMORY),
    read_write("CPACR_EL1", writable=span(21, 20), traps=(TCPAC, EL3_TCPAC)),
    read_write("PAR_EL1"),
    read_write("TPIDR_EL0"),
    read_write("TPIDRRO_EL0", write_level=1),
)

_KEYS = tuple(
    read_write(f"AP{key}Key{half}_EL1", feature=Feature.PAUTH, traps=(APK, EL3_APK))
    for key in ("IA", "IB", "DA", "DB", "GA")
    for half in ("Lo", "Hi")
)

# --- EL2

_HCR_FIXED = bits(31)  # RW: EL1 is AArch64
_HCR_WRITABLE = (
    span(14, 0)  # VM SWIO PTW FMO IMO AMO VF VI VSE FB BSU DC TWI TWE
    | span(28, 16)  # TID1-3 TSC TIDCP TACR TSW TPCP TPU TTLB TVM TGE TDZ
    | bits(30, 32, 33, 38)  # TRVM CD ID MIOCNCE
)
_HCR_GATED = {
    Feature.LOR: bits(35),  # TLOR
    Feature.RAS: bits(36, 37),  # TERR TEA
    Feature.PAUTH: bits(40, 41),  # APK API
}


def _write_hcr(cpu: Cpu, value: int) -> None:
    """HCR_EL2.HCD exists only where EL3 does not."""
    if cpu.has_level(3):
        value &= ~HCR_HCD
    cpu.sysregs["HCR_EL2"] = value | _HCR_FIXED


def is_secure_el2(cpu: Cpu) -> bool:
    """Whether the registers of EL2 in Secure state exist here: there itself, or at EL3 when it is enabled."""
    if cpu.pstate.el == 3:
        return bool(cpu.sysregs["SCR_EL3"] & SCR_EEL2)
    return cpu.is_secure


_EL2 = (
    read_write("HCR_EL2", reset=_HCR_FIXED, check=_refuse_stage_2, write=_write_hcr,
               writable=_HCR_WRITABLE | HCR_HCD, gated=_HCR_GATED),
    read_write("HSTR_EL2", writable=0),  # controls AArch32 only
    read_write("HACR_EL2", writable=0),
    read_write("CPTR_EL2", reset=0x33FF, writable=bits(10, 31), traps=(EL3_TCPAC,)),  # TFP TCPAC
    read_write("VTTBR_EL2", writable=span(55, 48) | span(47, 1)),
    read_write("VTCR_EL2", reset=bits(31), writable=span(18, 0), gated={Feature.SEL2: bits(29, 30)}),
    read_write("VSTTBR_EL2", writable=span(47, 1), feature=Feature.SEL2, guard=is_secure_el2),
    read_write("VSTCR_EL2", reset=bits(31), writable=span(7, 0) | span(15, 14) | bits(29, 30), feature=Feature.SEL2,
               guard=is_secure_el2),
    read_write("HPFAR_EL2", writable=span(43, 4), gated={Feature.SEL2: bits(63)}, is_exception_state=True),
)  # fmt: skip

# --- EL3

_SCR_FIXED = bits(4, 5, 10)  # RES1, and RW: EL2 is AArch64
_SCR_WRITABLE = bits(0, 1, 2, 3, 7, 8, 9, 11, 12, 13)  # NS IRQ FIQ EA SMD HCE SIF ST TWI TWE
_SCR_GATED = {
    Feature.LOR: bits(14),  # TLOR
    Feature.RAS: bits(15),  # TERR
    Feature.PAUTH: bits(16, 17),  # APK API
    Feature.SEL2: SCR_EEL2,
}

_EL3 = (
    read_write("SCR_EL3", reset=_SCR_FIXED, writable=_SCR_WRITABLE, gated=_SCR_GATED),
    read_write("CPTR_EL3", writable=bits(10, 31)),  # TFP TCPAC
)

# --- limited ordering regions: none are implemented, so all is RES0


def _is_nonsecure_below_el3(cpu: Cpu) -> bool:
    return cpu.max_el < 3 or bool(cpu.sysregs["SCR_EL3"] & SCR_NS)


_LOR = (
    *(
        read_write(name, writable=0, feature=Feature.LOR, traps=(TLOR, EL3_TLOR), guard=_is_nonsecure_below_el3)
        for name in ("LORSA_EL1", "LOREA_EL1", "LORN_EL1", "LORC_EL1")
    ),
    read_only("LORID_EL1", feature=Feature.LOR, traps=(TLOR, EL3_TLOR)),
)

# --- reliability: no error records

_DISR = DISR_A | span(24, 0)


def _disr(cpu: Cpu) -> str | None:
    """The register that DISR_EL1 means here; None where it reads as zero and ignores writes."""
    el = cpu.pstate.el
    if el == 1 and cpu.el2_enabled and cpu.sysregs["HCR_EL2"] & HCR_AMO:
        return "VDISR_EL2"
    if el < 3 and cpu.has_level(3) and cpu.sysregs["SCR_EL3"] & SCR_EA:
        return None
    return "DISR_EL1"


def _read_disr(cpu: Cpu) -> int:
    name = _disr(cpu)
    return cpu.sysregs[name] if name else 0


def _write_disr(cpu: Cpu, value: int) -> None:
    name = _disr(cpu)
    if name:
        cpu.sysregs[name] = value


_RAS = (
    read_only("ERRIDR_EL1", feature=Feature.RAS, traps=(TERR, EL3_TERR)),
    read_write("DISR_EL1", feature=Feature.RAS, writable=_DISR, read=_read_disr, write=_write_disr),
    read_write("VDISR_EL2", feature=Feature.RAS, writable=_DISR),
    read_write("VSESR_EL2", feature=Feature.RAS, writable=span(24, 0)),
)

REGISTERS = (*(item for el in _LEVELS for item in _regime(el)), *_EL1, *_KEYS, *_EL2, *_EL3, *_LOR, *_RAS)

# --- what firmware leaves to a level it starts


def firmware_settings(config: Config, el: int) -> dict[str, int]:
    """The controls of the levels above `el` as boot firmware sets them: Non-secure, nothing trapped.

    A machine may start below its highest level; the software above is then taken to have done its part
    ("Booting AArch64 Linux" of the Linux kernel asks the same of firmware).
    """
    settings: dict[str, int] = {}
    has_keys = Feature.PAUTH in config.features
    if config.max_el == 3 and el < 3:
        settings["SCR_EL3"] = _SCR_FIXED | SCR_NS | bits(8, 11) | has_keys * _SCR_GATED[Feature.PAUTH]  # HCE ST
    if config.max_el >= 2 and el < 2:
        settings["HCR_EL2"] = _HCR_FIXED | has_keys * _HCR_GATED[Feature.PAUTH]
    return settings
