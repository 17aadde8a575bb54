// sha256(blocks): SHA-256's compression (FIPS 180-4) of that many copies of the block "0123456789abcdef..." (64 bytes),
// without padding, in loops as a compiler makes them. Returns the first and the last word of the state.

        .global sha256
sha256: ldr     x1, =state
        adr     x2, initial
        mov     x3, #8
1:      ldr     w4, [x2], #4
        str     w4, [x1], #4
        subs    x3, x3, #1
        b.ne    1b
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        str     x19, [sp, #16]
        mov     x19, x0
2:      bl      compress
        subs    x19, x19, #1
        b.ne    2b
        ldr     x1, =state
        ldr     w0, [x1]
        ldr     w2, [x1, #28]
        orr     x0, x2, x0, lsl #32
        ldr     x19, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret

// Changes the state by the block: w4 to w11 are a to h.
compress:
        ldr     x1, =schedule
        adr     x2, block
        mov     x3, #16
1:      ldr     w4, [x2], #4            // the words of the block are big-endian
        rev     w4, w4
        str     w4, [x1], #4
        subs    x3, x3, #1
        b.ne    1b

        mov     x3, #48
2:      ldur    w4, [x1, #-60]          // schedule[t - 15]
        ldur    w5, [x1, #-8]           // schedule[t - 2]
        ror     w6, w4, #7
        eor     w6, w6, w4, ror #18
        eor     w6, w6, w4, lsr #3
        ror     w7, w5, #17
        eor     w7, w7, w5, ror #19
        eor     w7, w7, w5, lsr #10
        ldur    w4, [x1, #-64]
        ldur    w5, [x1, #-28]
        add     w4, w4, w6
        add     w5, w5, w7
        add     w4, w4, w5
        str     w4, [x1], #4
        subs    x3, x3, #1
        b.ne    2b

        ldr     x0, =state
        ldp     w4, w5, [x0]
        ldp     w6, w7, [x0, #8]
        ldp     w8, w9, [x0, #16]
        ldp     w10, w11, [x0, #24]
        ldr     x1, =schedule
        adr     x2, constants
        mov     x3, #64
3:      ldr     w12, [x2], #4
        ldr     w13, [x1], #4
        add     w12, w12, w13
        add     w12, w12, w11
        ror     w13, w8, #6
        eor     w13, w13, w8, ror #11
        eor     w13, w13, w8, ror #25
        add     w12, w12, w13
        and     w13, w8, w9             // e chooses between f and g
        bic     w14, w10, w8
        eor     w13, w13, w14
        add     w12, w12, w13           // T1
        ror     w13, w4, #2
        eor     w13, w13, w4, ror #13
        eor     w13, w13, w4, ror #22
        eor     w14, w5, w6             // the majority of a, b and c
        and     w14, w14, w4
        and     w15, w5, w6
        eor     w14, w14, w15
        add     w13, w13, w14           // T2
        mov     w11, w10
        mov     w10, w9
        mov     w9, w8
        add     w8, w7, w12
        mov     w7, w6
        mov     w6, w5
        mov     w5, w4
        add     w4, w12, w13
        subs    x3, x3, #1
        b.ne    3b

        ldp     w12, w13, [x0]
        add     w4, w4, w12
        add     w5, w5, w13
        stp     w4, w5, [x0]
        ldp     w12, w13, [x0, #8]
        add     w6, w6, w12
        add     w7, w7, w13
        stp     w6, w7, [x0, #8]
        ldp     w12, w13, [x0, #16]
        add     w8, w8, w12
        add     w9, w9, w13
        stp     w8, w9, [x0, #16]
        ldp     w12, w13, [x0, #24]
        add     w10, w10, w12
        add     w11, w11, w13
        stp     w10, w11, [x0, #24]
        ret

        .balign 4
block:  .ascii  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
initial:
        .word   0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
constants:
        .word   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
        .word   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
        .word   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
        .word   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
        .word   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
        .word   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
        .word   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
        .word   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

        .bss
        .balign 4
state:  .space  32
schedule:
        .space  256
