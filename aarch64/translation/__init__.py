"""Address translation: stage 1 of the EL1&0, EL2 and EL3 regimes, for the VMSAv8-64 tables of 4KB, 16KB and 64KB.

`translate` answers what an access at an address leads to. Read `parameters` (what the control registers say),
`descriptors` (what a table entry says), `walk`, `tlb`, then `translate`, which puts them together in the order of the
architecture; `page_maps` keeps the answers for the accesses that follow.
"""
