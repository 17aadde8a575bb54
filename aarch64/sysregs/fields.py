"""Control bits that more than one part of the machine looks at, by the Arm ARM's names, as masks."""

from __future__ import annotations

SCTLR_M = 1 << 0
SCTLR_DZE = 1 << 14

HCR_VM = 1 << 0
HCR_FMO = 1 << 3
HCR_IMO = 1 << 4
HCR_AMO = 1 << 5
HCR_VF = 1 << 6
HCR_VI = 1 << 7
HCR_VSE = 1 << 8
HCR_DC = 1 << 12
HCR_TGE = 1 << 27
HCR_TDZ = 1 << 28
HCR_HCD = 1 << 29

SCR_NS = 1 << 0
SCR_EA = 1 << 3
SCR_EEL2 = 1 << 18

DISR_A = 1 << 31
