// Squares X19. An early probe: the firmware has left the OS lock closed, as a reset does. `clear` has a probe, too.
_start: msr     daifclr, #8             // debug exceptions: as the kernel's code runs
        mov     x19, #6
        bl      square
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: mul     x19, x19, x19
        ret
clear:  mov     x19, #0                 // nobody calls this
        ret
