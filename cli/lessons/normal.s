// Squares three numbers.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x19, #3
again:  mov     x0, x19
        bl      square
        subs    x19, x19, #1
        b.ne    again
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: mul     x0, x0, x0
        ret
