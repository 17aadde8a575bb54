// Squares a number.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        mov     x0, #6
        bl      square
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: mul     x0, x0, x0
        ret
