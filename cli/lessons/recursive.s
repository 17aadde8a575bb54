// Two functions that are probed: the handler of the probe on `square` calls `count`.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x0, =0x40100000
        mov     sp, x0
        bl      count                   // outside of a hit
        mov     x0, #6
        bl      square                  // a hit, whose handler comes to count
        mov     x19, x0
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: mul     x0, x0, x0
        ret
count:  mov     x0, #1                  // count the calls in memory
        ldr     x1, =calls
        stadd   x0, [x1]
        ret

on_square:                              // the pre-handler of square; it gives 0: go on
        str     x30, [sp, #-16]!
        bl      count
        ldr     x30, [sp], #16
        mov     w0, #0
        ret
on_count:                               // the pre-handler of count
        mov     x0, #1
        ldr     x1, =handled
        stadd   x0, [x1]
        mov     w0, #0
        ret
        .data
        .balign 8
calls:  .quad   0
handled: .quad  0
