"""Control bits that the machine outside the table of registers looks at, by the Arm ARM's names, as masks."""

from __future__ import annotations

SCTLR_M = 1 << 0
SCTLR_A = 1 << 1
SCTLR_C = 1 << 2
SCTLR_SA = 1 << 3
SCTLR_SA0 = 1 << 4
SCTLR_NAA = 1 << 6
SCTLR_DZE = 1 << 14
SCTLR_NTWI = 1 << 16
SCTLR_NTWE = 1 << 18
SCTLR_WXN = 1 << 19
SCTLR_SPAN = 1 << 23
SCTLR_BT0 = 1 << 35
SCTLR_BT1 = 1 << 36
SCTLR_DSSBS = 1 << 44
SCTLR_EPAN = 1 << 57

HCR_VM = 1 << 0
HCR_FMO = 1 << 3
HCR_IMO = 1 << 4
HCR_AMO = 1 << 5
HCR_VF = 1 << 6
HCR_VI = 1 << 7
HCR_VSE = 1 << 8
HCR_DC = 1 << 12
HCR_TWI = 1 << 13
HCR_TWE = 1 << 14
HCR_TSC = 1 << 19
HCR_TGE = 1 << 27
HCR_TDZ = 1 << 28
HCR_HCD = 1 << 29
HCR_TEA = 1 << 37
HCR_API = 1 << 41

SCR_NS = 1 << 0
SCR_EA = 1 << 3
SCR_SMD = 1 << 7
SCR_HCE = 1 << 8
SCR_SIF = 1 << 9
SCR_TWI = 1 << 12
SCR_TWE = 1 << 13
SCR_API = 1 << 17
SCR_EEL2 = 1 << 18

CPTR_TFP = 1 << 10

MDCR_TDE = 1 << 8
MDCR_SDD = 1 << 16

MDSCR_SS = 1 << 0
MDSCR_KDE = 1 << 13
MDSCR_MDE = 1 << 15

DISR_A = 1 << 31
