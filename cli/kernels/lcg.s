// lcg(steps): run Knuth's 64-bit linear congruential generator (MMIX) from 1; the high halves, folded by exclusive or.

        .global lcg
lcg:    mov     x1, #1
        ldr     x2, =6364136223846793005
        ldr     x3, =1442695040888963407
        mov     x4, #0
1:      madd    x1, x1, x2, x3
        eor     x4, x4, x1, lsr #32
        subs    x0, x0, #1
        b.ne    1b
        mov     x0, x4
        ret
