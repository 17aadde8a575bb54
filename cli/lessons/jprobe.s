// Sums double words that the caller has put on the stack: 4 of them, then 18. The handler of the jprobe spoils them.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x19, #4
        bl      caller
        mov     x20, x0                 // the sum of 4
        mov     x19, #18
        bl      caller
        mov     x21, x0                 // the sum of 18
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0

caller: stp     x29, x30, [sp, #-16]!   // a frame record: X29 leads to it
        mov     x29, sp
        sub     sp, sp, x19, lsl #3     // between SP and X29: the arguments
        mov     x1, x19
push:   sub     x2, x1, #1
        str     x1, [sp, x2, lsl #3]    // X19 at the top, ... 2, 1 at SP
        mov     x1, x2
        cbnz    x1, push
        bl      total
        mov     sp, x29
        ldp     x29, x30, [sp], #16
        ret

total:  mov     x0, #0                  // the probed function; X1 is 0 to begin with
add:    ldr     x2, [sp, x1, lsl #3]
        add     x0, x0, x2
        add     x1, x1, #1
        cmp     x1, x19
        b.ne    add
        ret

spoil:  str     xzr, [sp, x1, lsl #3]   // the handler: a callee may write where its arguments are
        add     x1, x1, #1
        cmp     x1, x19
        b.ne    spoil
jprobe_return:
        ldr     x0, jprobe_saved_sp
        mov     sp, x0
jprobe_return_break:
        brk     #4
        .balign 8
jprobe_saved_sp: .quad 0                // the kernel leaves the stack pointer here
