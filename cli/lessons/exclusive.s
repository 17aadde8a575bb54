// Adds 1 to a counter as atomic_inc() does without LSE. Code of the kernel would try for ever; this gives up after 8.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        ldr     x1, =counter
        mov     x20, #0                 // stores that have failed
again:  ldxr    w0, [x1]                // marks the location: the monitor is set
inside: add     w0, w0, #1
        stxr    w2, w0, [x1]            // stores and gives 0 if it is still marked, else gives 1
after:  add     x20, x20, x2
        cbz     w2, done
        cmp     x20, #8
        b.ne    again
done:   ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
        .data
        .balign 8
counter: .quad  0
