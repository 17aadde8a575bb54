"""Architecture features: what a machine may have, and which it has by default.

An instruction whose feature the machine lacks is UNDEFINED, and the ID registers say so (see `sysregs`).
"""

from __future__ import annotations

from enum import Enum, unique


@unique
class Feature(Enum):
    """A `FEAT_*` name of the Arm ARM ("Feature names"), with what it brings."""

    BTI = "branch target identification: PSTATE.BTYPE and BTI"
    CCIDX = "64-bit CCSIDR_EL1 format"
    CRC32 = "CRC32 and CRC32C instructions"
    CSSC = "common short sequence compression: ABS, CNT, CTZ, SMAX, SMIN, UMAX, UMIN"
    CSV2 = "branch predictor isolation (an ID value only)"
    DGH = "data gathering hint"
    DIT = "data independent timing: PSTATE.DIT"
    DPB = "DC CVAP"
    DPB2 = "DC CVADP"
    E0PD = "TCR_EL1.E0PDn: EL0 kept out of a whole range of addresses"
    FLAGM = "flag manipulation: CFINV, RMIF, SETF8, SETF16"
    FLAGM2 = "flag conversion: AXFLAG, XAFLAG"
    FPAC = "authentication failures fault instead of returning a poisoned pointer"
    HAFDBS = "hardware management of the access flag and dirty state"
    HBC = "hinted conditional branches: BC.cond"
    HPDS = "hierarchical permissions can be disabled: TCR_ELx.HPDn"
    IDST = "reads of ID registers that are not allowed are reported as trapped, not as undefined"
    LOR = "limited ordering regions: LDLAR, STLLR"
    LRCPC = "LDAPR"
    LRCPC2 = "LDAPUR, STLUR"
    LRCPC3 = "LDIAPP, STILP, LDAPR and STLR with writeback"
    LSE = "atomic memory operations"
    LSE128 = "128-bit atomics: LDCLRP, LDSETP, SWPP"
    LSE2 = "single-copy atomicity of unaligned accesses within 16 bytes"
    PAN = "privileged access never: PSTATE.PAN"
    PAN2 = "AT S1E1RP and S1E1WP"
    PAN3 = "SCTLR_EL1.EPAN: PAN for pages that EL0 may execute"
    PAUTH = "pointer authentication with the QARMA5 algorithm"
    PAUTH2 = "pointer authentication: the PAC is combined with the pointer by exclusive-OR"
    PMUV3 = "performance monitors: the cycle counter"
    RAS = "reliability: ESB and the error record registers"
    SB = "speculation barrier"
    SEL2 = "EL2 in Secure state"
    SPECRES = "CFP, DVP, CPP RCTX"
    SSBS = "speculative store bypass safe: PSTATE.SSBS"
    TLBIOS = "outer shareable TLB maintenance"
    TLBIRANGE = "TLB maintenance by range"
    TTCNP = "translations common to several processing elements: TTBRn_ELx.CnP"
    TTST = "small translation tables: TCR_ELx.TnSZ up to 48"
    UAO = "user access override: PSTATE.UAO"
    WFXT = "WFE and WFI with timeout"
    XS = "the nXS attribute: DSB nXS and TLBI nXS"

    # Known, not modelled: instructions of these features are listed as unsupported.
    BRBE = "branch record buffer: BRB"
    D128 = "128-bit translation tables: MRRS, MSRR, SYSP"
    FP = "floating point and Advanced SIMD"
    GCS = "guarded control stack"
    LS64 = "64-byte loads and stores"
    MOPS = "memory copy and set"
    MTE = "memory tagging"
    RME = "realm management: granule protection"
    SME = "scalable matrix extension"
    SVE = "scalable vector extension"
    THE = "translation hardening: RCW instructions"
    TME = "transactional memory"

    @property
    def label(self) -> str:
        """The Arm ARM's spelling, such as `FEAT_LSE2`."""
        return f"FEAT_{_SPELLING.get(self.name, self.name)}"


_SPELLING = {
    "FLAGM": "FlagM",
    "FLAGM2": "FlagM2",
    "PAUTH": "PAuth",
    "PAUTH2": "PAuth2",
    "PMUV3": "PMUv3",
    "WFXT": "WFxT",
}

NOT_MODELLED = frozenset(
    {
        Feature.BRBE,
        Feature.D128,
        Feature.FP,
        Feature.GCS,
        Feature.LS64,
        Feature.MOPS,
        Feature.MTE,
        Feature.RME,
        Feature.SME,
        Feature.SVE,
        Feature.THE,
        Feature.TME,
    }
)

DEFAULT_FEATURES = frozenset(Feature) - NOT_MODELLED - {Feature.FPAC}
"""What a machine has unless asked otherwise: everything modelled, but authentication failures do not fault."""
