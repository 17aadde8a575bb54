// Squares two numbers. The function signs its return address, and returns by RETAA, which checks and branches.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x0, =0x40100000
        mov     sp, x0
        mrs     x0, sctlr_el1
        orr     x0, x0, #1 << 31        // EnIA: signing by key A
        msr     sctlr_el1, x0
        isb
        mov     x0, #6
        bl      square
        mov     x19, x0
        mov     x0, #7
        bl      square
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: paciasp
        mul     x0, x0, x0
leave:  retaa
