// Counts down from 3. The branch back is probed.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        mov     x19, #3
        mov     x20, #0
again:  add     x20, x20, x19
        subs    x19, x19, #1
back:   b.ne    again                   // to 8 bytes before itself, wherever it is
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
