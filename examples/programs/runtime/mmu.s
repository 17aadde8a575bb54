// Turn translation on; change the tables. Not in C: a C function may be built to sign its return address, and where a
// pointer has room for the signature depends on TCR_EL1, which changes here.

// MAIR_EL1: what the AttrIndx of a descriptor stands for, a byte each.
        .equ    MAIR_DEVICE_nGnRnE, 0x00 << 0   // index 0
        .equ    MAIR_NORMAL_WRITE_BACK, 0xff << 8 // index 1: write-back, read- and write-allocate, inner and outer

// TCR_EL1. Left 0: TG0, 4 KiB pages; IPS, physical addresses of 32 bits; A1, the ASID is TTBR0_EL1's; AS, it has 8
// bits; HA and HD, hardware does not touch the descriptors: software sets the Access flag.
        .equ    TCR_T0SZ, 64 - 39               // virtual addresses of 39 bits
        .equ    TCR_IRGN0, 1 << 8               // table walks are cached: write-back, write-allocate, inner
        .equ    TCR_ORGN0, 1 << 10              // and outer
        .equ    TCR_SH0, 3 << 12                // and Inner Shareable
        .equ    TCR_EPD1, 1 << 23               // no walks from TTBR1_EL1: the upper half of the addresses faults

        .equ    SCTLR_M, 1 << 0                 // translation
        .equ    SCTLR_C, 1 << 2                 // data cache
        .equ    SCTLR_I, 1 << 12                // instruction cache

        .equ    ASID_SHIFT, 48                  // TTBR0_EL1.ASID

        .text

// void enable_mmu(uint64_t *root)
//
// What was written so far went past the cache to memory. If the cache might hold older copies of it, they would have
// to be invalidated here, by DC IVAC; those of this board are empty at reset.
        .global enable_mmu
enable_mmu:
        ldr     x1, =MAIR_DEVICE_nGnRnE | MAIR_NORMAL_WRITE_BACK
        msr     mair_el1, x1
        ldr     x1, =TCR_T0SZ | TCR_IRGN0 | TCR_ORGN0 | TCR_SH0 | TCR_EPD1
        msr     tcr_el1, x1
        msr     ttbr0_el1, x0                   // ASID 0
        dsb     ish                             // the tables are written
        tlbi    vmalle1                         // after reset the TLB may hold anything
        ic      iallu                           // and so may the instruction cache
        dsb     ish
        isb                                     // all of this is done, before:
        mrs     x1, sctlr_el1
        mov     x2, #SCTLR_M | SCTLR_C
        orr     x2, x2, #SCTLR_I
        orr     x1, x1, x2
        msr     sctlr_el1, x1
        isb                                     // the next instruction is fetched through the tables
        ret

// void use_tables(uint64_t *root, uint64_t asid)
//
// The TLB keeps what it knows: entries of other ASIDs do not match, and global ones are the same in all tables.
        .global use_tables
use_tables:
        orr     x0, x0, x1, lsl #ASID_SHIFT
        msr     ttbr0_el1, x0
        isb
        ret
