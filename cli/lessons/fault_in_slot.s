// Stores where nothing is mapped. The program's own handler of page faults maps it, and the store is tried again.
_start: ldr     x0, =table              // of level 1: an entry a GiB
        msr     ttbr0_el1, x0
        ldr     x0, =0x3519             // TCR_EL1: addresses of 39 bits, granules of 4KB
        msr     tcr_el1, x0
        mov     x0, #0xff               // MAIR_EL1: Normal memory
        msr     mair_el1, x0
        adr     x0, vectors
        msr     vbar_el1, x0
        mrs     x0, sctlr_el1
        orr     x0, x0, #1              // M: the MMU
        msr     sctlr_el1, x0
        isb
        msr     daifclr, #0xf           // nothing is masked
        ldr     x0, =0x80200000
        mov     x1, #42
store:  str     x1, [x0]
        ldr     x19, [x0]
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0

fault:  ldr     x9, =table              // the handler: the missing GiB is that of RAM
        ldr     x10, [x9, #8]
        str     x10, [x9, #16]
        dsb     ish
        eret                            // try again
        .balign 2048
vectors: .space 0x200
        b       fault                   // synchronous, from EL1
        .data
        .balign 4096
table:  .quad   0, 0x40000701, 0, 0     // a block at 0x40000000: RAM
