// The factorial of 3, by recursion: three calls are under way at once.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x0, #3
        bl      fact
        mov     x19, x0
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
fact:   stp     x0, x30, [sp, #-16]!    // the return address is in X30, and is kept here
        subs    x0, x0, #1
        b.eq    base
        bl      fact
        ldr     x1, [sp]
        mul     x0, x0, x1
        b       leave
base:   mov     x0, #1
leave:  ldr     x30, [sp, #8]
        add     sp, sp, #16
        ret
