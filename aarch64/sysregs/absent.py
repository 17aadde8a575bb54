"""Registers that have a name and are not there, and why: each family, with the reason.

Every one of them is UNDEFINED, as on a machine without what they belong to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aarch64.sysregs import names

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT: Mapping[str, str] = {
    r"DBG[BW][VC]R\d+_EL1": "the machine has 6 breakpoints and 4 watchpoints",
    r"TRC.*|TRFCR_EL\d+": "FEAT_ETE and FEAT_TRF: there is no trace unit",
    r"TRB.*": "FEAT_TRBE: there is no trace buffer",
    r"BRB.*": "FEAT_BRBE: branches are not recorded",
    r"TEECR32_EL1|TEEHBR32_EL1": "ThumbEE: there is no AArch32 state",
    r"DBGVCR32_EL2|DACR32_EL2|IFSR32_EL2|FPEXC32_EL2|SDER32_EL[23]|SPSR_(irq|abt|und|fiq)": (
        "for AArch32 at EL1: there is no AArch32 state"
    ),
    r"CCSIDR2_EL1": "the upper half of an AArch32 register: there is no AArch32 state",
    r"DSPSR_EL0|DLR_EL0": "for Debug state, which needs an external debugger",
    r"RGSR_EL1|GCR_EL1|TFSR\w*|GMID_EL1|TCO": "FEAT_MTE is not modelled",
    r"ZCR_EL\d+": "FEAT_SVE is not modelled",
    r"SMPRI_EL1|SMPRIMAP_EL2|SMCR_EL\d+|SMIDR_EL1|SVCR|TPIDR2_EL0": "FEAT_SME is not modelled",
    r"ICC_.*|ICH_.*": "there is no interrupt controller: devices and timers drive the CPU's inputs",
    r"ERRSELR_EL1|ERX.*": "there are no error records (ERRIDR_EL1.NUM is 0)",
    r"PMS\w+_EL\d+|PMB\w+_EL1": "FEAT_SPE: there is no statistical profiling",
    r"PMMIR_EL1": "FEAT_PMUv3p4 is not modelled",
    r"PMEV(CNTR|TYPER)\d+_EL0|PMXEVCNTR_EL0": "there are no event counters (PMCR_EL0.N is 0)",
    r"AM(CR|CFGR|CGCR|USERENR|CNTEN|EV)\w*": "FEAT_AMU is not modelled",
    r"MPAM.*": "FEAT_MPAM is not modelled",
    r"RMR_EL\d": "optional; a Warm reset asked for by software is not modelled",
    r"SCXTNUM_EL\d+": "FEAT_CSV2_2 is not modelled",
    r"ACCDATA_EL1": "FEAT_LS64_ACCDATA is not modelled",
    r"RNDR|RNDRRS": "FEAT_RNG: a run is the same every time",
    r"HFG\w+_EL2|HDFG\w+_EL2": "FEAT_FGT is not modelled",
    r"HCRX_EL2": "FEAT_HCX is not modelled",
    r"VNCR_EL2": "FEAT_NV2 is not modelled",
    r"CNTPOFF_EL2": "FEAT_ECV_POFF is not modelled",
    r"CNTSCALE_EL2|CNTISCALE_EL2|CNTVFRQ_EL2": "never part of the published architecture",
    r"TTBR1_EL2|CONTEXTIDR_EL2|CNTHVS?_\w+_EL2|\w+_EL12|\w+_EL02": "FEAT_VHE is not modelled",
    r"GPTBR_EL3|GPCCR_EL3|MFAR_EL3": "FEAT_RME is not modelled",
}
"""Reasons by pattern of the whole name."""


def reason_absent(name: str) -> str | None:
    """Why a named register is not there; None if no reason is given, as for those that are."""
    return next((reason for pattern, reason in ABSENT.items() if re.fullmatch(pattern, name)), None)


def absent_registers(present: frozenset[int]) -> Mapping[str, str]:
    """Every named register whose encoding is not among those `present`, with the reason.

    Raises:
        AssertionError: a register is neither there nor accounted for.
    """
    reasons: dict[str, str] = {}
    for name, encoding in names.all_names().items():
        if encoding not in present:
            reason = reason_absent(name)
            assert reason is not None, f"{name} is neither implemented nor listed as absent"
            reasons[name] = reason
    return reasons
